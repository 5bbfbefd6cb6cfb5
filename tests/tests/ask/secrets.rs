//! The key is seen by the provider's authorization header and by nothing else.

use std::{fs, io::Read, path::Path};

use serde_json::json;
use tests::provider::{Options, Scenario, Step, TEST_KEY};

use crate::desk::{Desk, desk, text_of};

/// Files below `dir` that hold the text, the socket and other special ones left out.
fn files_with(dir: &Path, text: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap().filter_map(Result::ok) {
        let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_dir() {
            files_with(&entry.path(), text, found);
        } else if meta.is_file() {
            let mut bytes = Vec::new();
            #[expect(clippy::disallowed_methods, reason = "bounded by take")]
            fs::File::open(entry.path()).unwrap().take(64 << 20).read_to_end(&mut bytes).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(entry.path().display().to_string());
            }
        }
    }
}

/// No file of the home holds the text.
#[track_caller]
pub(crate) fn nowhere(desk: &Desk, text: &str) {
    let mut found = Vec::new();
    files_with(desk.home.root(), text, &mut found);
    assert!(found.is_empty(), "{text} stands in {found:?}");
}

/// The middle of the key, which also catches cut and escaped forms.
const CORE: &str = "not-a-real-key";

#[test]
fn the_key_is_in_no_file_and_on_no_screen_after_a_busy_run() {
    let echo = json!({ "error": { "message": format!("key {TEST_KEY} is odd, Bearer {TEST_KEY}") } }).to_string();
    let scenario = Scenario::new()
        .step(Step::status(401).body(echo.clone()))
        .step(Step::status(400).body(format!("<html><title>{TEST_KEY}</title></html>")))
        .step(Step::status(500).body(echo.clone()).times(2))
        .step(Step::status(302).body(echo))
        .text("fine");
    let desk = Desk::with(Options { scenario, ..Options::default() }, |home| home.set_env("AGENTD_LOG_LEVEL", "trace"));
    let mut seen = String::new();
    let mut keep = |output: tests::Output| seen.push_str(&format!("{}{}", output.stdout, output.stderr));
    for _ in 0..3 {
        keep(desk.ask(["-v", "x"]).run());
        keep(desk.ask(["--json", "y"]).run());
    }
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["config", "show"],
        &["daemon", "logs", "-n", "1000"],
        &["sessions", "show", "--json"],
        &["models", "--json"],
    ] {
        keep(desk.ctl(arguments).run());
    }
    assert!(seen.contains("fine") && seen.contains("DEEPSEEK_API_KEY"), "{seen}");
    assert!(!seen.contains(CORE), "{seen}");
    nowhere(&desk, CORE);
    desk.close();
}

#[test]
fn a_key_in_a_question_leaves_neither_for_the_provider_nor_for_the_session() {
    let desk = desk(Scenario::new());
    let answer = desk.ask(["--json", "why is"]).arg(TEST_KEY).arg("refused?").stdin(format!("k={TEST_KEY}\n")).run();
    let answer = answer.expect_ok().json();
    assert!(answer["redactions"].as_u64().unwrap() >= 2, "{answer}");
    let chats = desk.chats();
    assert!(!String::from_utf8_lossy(&chats[0].raw).contains(CORE));
    let asked = text_of(chats[0].last_message());
    assert!(asked.contains("why is [REDACTED:1] refused?") && asked.contains("k=[REDACTED:1]"), "{asked}");
    let shown = desk.ctl(["sessions", "show"]).run().expect_ok().stdout;
    assert!(shown.contains("why is [REDACTED] refused?") && !shown.contains(CORE), "{shown}");
    let listed = desk.ctl(["sessions", "list"]).run().expect_ok().stdout;
    assert!(!listed.contains(CORE), "{listed}");
    nowhere(&desk, CORE);
    desk.close();
}

#[test]
fn other_credentials_of_the_environment_do_not_leave_either() {
    let desk = Desk::with(Options::default(), |home| home.set_env("GITLAB_TOKEN", "glpat-planted-marker-1"));
    desk.answer(["use glpat-planted-marker-1 please"]);
    let chats = desk.chats();
    assert!(!String::from_utf8_lossy(&chats[0].raw).contains("planted-marker"));
    nowhere(&desk, "planted-marker");
    desk.close();
}

#[test]
fn no_text_of_a_user_or_a_model_is_written_anywhere() {
    let scenario = Scenario::new().step(Step::text("the-models-words").reasoning("the-models-thought").times(0));
    let desk = Desk::with(Options { scenario, ..Options::default() }, |home| home.set_env("AGENTD_LOG_LEVEL", "trace"));
    desk.ask(["the-users-words"]).stdin("the-piped-words").run().expect_ok();
    desk.answer(["-c", "the-users-words"]);
    for marker in ["the-users-words", "the-models-words", "the-models-thought", "the-piped-words"] {
        nowhere(&desk, marker);
    }
    desk.close();
}

#[test]
fn the_key_file_must_be_private() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::with(Options::default(), |home| {
        let file = home.root().join("key");
        home.write(&file, TEST_KEY.as_bytes());
        home.remove_env("DEEPSEEK_API_KEY");
        home.set_env("AGENTD_PROVIDER_API_KEY_FILE", &file);
    });
    desk.answer(["x"]);
    let file = desk.home.root().join("key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    desk.fails(["x"], 6, &["mode 0644", "chmod 600"]);
    assert_eq!(desk.chats().len(), 1);
    desk.close();
}
