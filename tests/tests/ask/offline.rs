//! Without a model: what the project's files say, honestly headed.

use std::{fs, net::TcpStream};

use serde_json::json;
use tests::{
    Home, bins,
    provider::{FakeProvider, Scenario},
};

const LISTEN: &str = "//! Accepts connections from clients.\n\npub fn accept_connections() {}\n";

fn offline() -> (Home, std::path::PathBuf) {
    let home = Home::with(bins!());
    home.set_env("AGENTD_PROVIDER_KIND", "offline");
    let project = home.project(&[("src/listen.rs", LISTEN), ("src/other.rs", "fn unrelated() {}\n")]);
    (home, project)
}

fn finish(home: &Home) {
    home.agentctl(["daemon", "stop"]).run().expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn an_offline_answer_is_headed_as_one_and_names_file_and_line() {
    let (home, project) = offline();
    let ask = || home.agentctl(["ask", "which module accepts connections?"]).cwd(&project);
    let output = ask().run().expect_ok();
    assert!(output.stdout.starts_with("**Found without a model**"), "{}", output.stdout);
    assert!(output.stdout.contains("src/listen.rs:3"), "{}", output.stdout);
    let answer = ask().arg("--json").run().expect_ok().json();
    assert_eq!((&answer["source"], &answer["model"], &answer["turns"]), (&json!("offline"), &json!(""), &json!(0)));
    let footer = ask().arg("-v").run().expect_ok().stderr;
    assert!(footer.contains("offline: found without a model") && !footer.contains("price unknown"), "{footer}");
    finish(&home);
}

#[test]
fn an_offline_answer_follows_the_files() {
    let (home, project) = offline();
    let ask = || home.agentctl(["ask", "where are zebras counted?"]).cwd(&project).run().expect_ok().stdout;
    assert!(ask().contains("No file holds"), "honest when there is nothing");
    fs::write(project.join("zebra.rs"), "pub fn count_zebras() {}\n").unwrap();
    assert!(ask().contains("zebra.rs:1"));
    fs::remove_file(project.join("zebra.rs")).unwrap();
    assert!(!ask().contains("zebra.rs"));
    finish(&home);
}

#[test]
fn an_offline_answer_shows_no_secret_file_and_nothing_that_is_ignored() {
    let (home, project) = offline();
    fs::create_dir(project.join(".git")).unwrap();
    fs::write(project.join(".gitignore"), "generated.rs\n").unwrap();
    fs::write(project.join("generated.rs"), "fn quagga_generated() {}\n").unwrap();
    fs::write(project.join(".env"), "QUAGGA_PASSWORD=hunter2hunter2\n").unwrap();
    fs::write(project.join("id_rsa"), "quagga key\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", project.join("quagga.txt")).unwrap();
    let output = home.agentctl(["ask", "where is the quagga?"]).cwd(&project).run().expect_ok().stdout;
    for word in ["generated.rs", "hunter2", "id_rsa", "root:"] {
        assert!(!output.contains(word), "{word}: {output}");
    }
    finish(&home);
}

#[test]
fn without_a_project_there_is_nothing_to_search_and_that_is_said() {
    let (home, _) = offline();
    let output = home.agentctl(["ask", "what is here?"]).run().expect_code(1);
    assert!(output.stderr.contains("no project here") && output.stderr.contains("hint:"), "{}", output.stderr);
    finish(&home);
}

#[test]
fn a_conversation_can_go_on_offline() {
    let (home, project) = offline();
    home.agentctl(["ask", "which module accepts connections?"]).cwd(&project).run().expect_ok();
    let output = home.agentctl(["ask", "-c", "and what is unrelated?"]).cwd(&project).run().expect_ok();
    assert!(output.stdout.contains("src/other.rs"), "{}", output.stdout);
    let shown = home.agentctl(["sessions", "show"]).cwd(&project).run().expect_ok().stdout;
    assert!(
        shown.contains("> which module accepts connections?") && shown.contains("> and what is unrelated?"),
        "{shown}"
    );
    assert!(shown.contains("src/listen.rs"), "the files it quoted: {shown}");
    finish(&home);
}

#[test]
fn auto_without_a_key_is_offline_and_says_how_to_get_a_model() {
    if TcpStream::connect("127.0.0.1:11434").is_ok() {
        eprintln!("SKIPPED: something listens on Ollama's port of this machine");
        return;
    }
    let (home, project) = offline();
    home.set_env("AGENTD_PROVIDER_KIND", "auto");
    let output = home.agentctl(["ask", "which module accepts connections?"]).cwd(&project).run().expect_ok();
    assert!(
        output.stdout.contains("src/listen.rs:3") && output.stdout.contains("DEEPSEEK_API_KEY"),
        "{}",
        output.stdout
    );
    finish(&home);
}

#[test]
fn auto_with_an_endpoint_and_no_key_asks_it() {
    let (home, project) = offline();
    let other = FakeProvider::start(Scenario::new().text("hello"));
    home.set_env("AGENTD_PROVIDER_KIND", "auto");
    home.set_env("AGENTD_PROVIDER_BASE_URL", other.base_url());
    let output = home.agentctl(["ask", "x"]).cwd(&project).run().expect_code(6);
    assert!(output.stderr.contains("wants a key and none is set"), "the strict provider wants one: {}", output.stderr);
    assert!(!other.requests().is_empty());
    finish(&home);
}
