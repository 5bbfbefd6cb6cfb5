//! What shapes a question beside its words: project, AGENTS.md, configuration, environment, models.

use std::fs;

use serde_json::json;
use tests::provider::{Options, Scenario, Step};

use crate::desk::{Desk, desk, says, text_of};

/// The first user message of the last request.
fn first_message(desk: &Desk) -> String {
    text_of(&desk.chats().last().unwrap().messages()[1]).to_owned()
}

#[test]
fn the_project_is_found_from_a_directory_below_it() {
    let desk = desk(Scenario::new());
    let output = desk.ask(["--output-format", "stream-json", "x"]).cwd(desk.project.join("src")).run().expect_ok();
    let started: serde_json::Value = serde_json::from_str(output.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(started["project"], desk.project.to_str().unwrap());
    let name = desk.project.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        first_message(&desk).starts_with(&format!("Project: {name}, asked from src\n")),
        "{}",
        first_message(&desk)
    );
    assert!(!first_message(&desk).contains(desk.home.root().to_str().unwrap()), "no directory of the user's leaves");
    desk.close();
}

#[test]
fn the_home_directory_is_no_project_whatever_lies_in_it() {
    let desk = desk(Scenario::new());
    let home = desk.home.root().join("h");
    fs::create_dir_all(home.join(".git")).unwrap();
    fs::write(home.join(".agentd.toml"), "").unwrap();
    for cwd in [home.clone(), "/".into()] {
        let output = desk.ask(["--output-format", "stream-json", "x"]).cwd(&cwd).run().expect_ok();
        assert!(output.stdout.lines().next().unwrap().contains("\"project\":\"\""), "{}", output.stdout);
        assert!(
            first_message(&desk).starts_with("There is no project here: file tools and commands are not available.")
        );
    }
    desk.close();
}

#[test]
fn a_directory_without_a_marker_is_a_project_of_its_own() {
    let desk = desk(Scenario::new());
    let plain = desk.home.root().join("plain");
    fs::create_dir(&plain).unwrap();
    desk.ask(["x"]).cwd(&plain).run().expect_ok();
    assert!(first_message(&desk).starts_with("Project: plain\n"), "{}", first_message(&desk));
    desk.close();
}

#[test]
fn agents_md_reaches_the_model_outermost_first() {
    let desk = desk(Scenario::new());
    desk.home.write(&desk.home.root().join("c/agentd/AGENTS.md"), b"global rule\n");
    fs::write(desk.project.join("AGENTS.md"), "project rule\n").unwrap();
    fs::write(desk.project.join("src/AGENTS.md"), "src rule\n").unwrap();
    desk.ask(["x"]).cwd(desk.project.join("src")).run().expect_ok();
    let message = first_message(&desk);
    let at = |words: &str| message.find(words).unwrap_or_else(|| panic!("{words} is not in {message}"));
    assert!(at("global rule") < at("project rule") && at("project rule") < at("src rule"));
    assert!(at("src rule") < at("</instructions>\n\nx"), "the question comes last");
    desk.answer(["x"]);
    assert!(!first_message(&desk).contains("src rule"), "what lies below the asker does not apply");
    desk.close();
}

#[test]
fn agents_md_over_the_budget_is_cut_and_that_is_said() {
    let desk = desk(Scenario::new());
    fs::write(desk.project.join("AGENTS.md"), "rule ".repeat(10_000)).unwrap();
    let output = desk.ask(["-v", "x"]).run().expect_ok();
    assert!(
        output.stderr.contains("AGENTS.md is longer than the instructions' budget and was cut"),
        "{}",
        output.stderr
    );
    assert!(first_message(&desk).len() < 40_000);
    desk.close();
}

#[test]
fn a_projects_file_may_tighten() {
    let desk = desk(Scenario::new().step(Step::text("part").finish("length").times(0)));
    fs::write(desk.project.join(".agentd.toml"), "[limits]\nmax_turns = 2\n").unwrap();
    desk.fails(["x"], 5, &["no answer after 2 model calls"]);
    desk.fails(["--max-turns", "20", "x"], 5, &["no answer after 2 model calls"]);
    assert_eq!(desk.chats().len(), 4);
    fs::write(desk.project.join(".agentd.toml"), "[provider]\nkind = \"offline\"\n").unwrap();
    let answer = desk.json(["answer"]);
    assert_eq!((&answer["source"], desk.chats().len()), (&json!("offline"), 4), "nothing left this machine");
    desk.close();
}

#[test]
fn a_projects_file_that_widens_is_wrong_usage_and_every_fault_is_named() {
    let desk = desk(Scenario::new());
    let text =
        "[limits]\nmax_turns = 31\n[provider]\nkind = \"openai\"\nbase_url = \"https://evil.invalid\"\nnonsense = 1\n";
    fs::write(desk.project.join(".agentd.toml"), text).unwrap();
    let words = [
        ".agentd.toml:2: limits.max_turns: 31 is wider than the user's 30",
        ".agentd.toml:4: provider.kind",
        ".agentd.toml:5: provider.base_url: not for a project's file",
        ".agentd.toml:6: provider.nonsense",
        "may only tighten",
    ];
    desk.fails(["x"], 2, &words);
    assert!(desk.chats().is_empty());
    fs::write(desk.project.join(".agentd.toml"), "[limits\n").unwrap();
    desk.fails(["x"], 2, &[".agentd.toml:1"]);
    desk.close();
}

#[test]
fn every_key_can_come_from_the_environment() {
    let desk = Desk::with(Options::default(), |home| {
        home.set_env("AGENTD_PROVIDER_MODEL", "deepseek-v4-pro");
        home.set_env("AGENTD_PROVIDER_MAX_TOKENS", "777");
        home.set_env("AGENTD_LIMITS_MAX_TURNS", "3");
    });
    let answer = desk.json(["x"]);
    assert_eq!(answer["model"], "deepseek-v4-pro");
    let chat = &desk.chats()[0];
    assert_eq!((&chat.body["model"], &chat.body["max_tokens"]), (&json!("deepseek-v4-pro"), &json!(777)));
    desk.provider.play(Scenario::new().step(Step::text("part").finish("length").times(0)));
    desk.fails(["x"], 5, &["no answer after 3 model calls"]);
    let shown = desk.ctl(["config", "show"]).run().expect_ok().stdout;
    assert!(shown.contains("AGENTD_PROVIDER_MODEL"), "each value with its source: {shown}");
    desk.close();
}

#[test]
fn the_environment_beats_the_file_and_the_flag_beats_both() {
    let desk = Desk::with(Options::default(), |home| {
        home.config("[provider]\nmodel = \"deepseek-flash\"\nmax_tokens = 500\n");
        home.set_env("AGENTD_PROVIDER_MODEL", "deepseek-v4-pro");
    });
    desk.answer(["x"]);
    desk.answer(["-m", "deepseek-v4-flash", "x"]);
    let chats = desk.chats();
    assert_eq!((&chats[0].body["model"], &chats[0].body["max_tokens"]), (&json!("deepseek-v4-pro"), &json!(500)));
    assert_eq!(chats[1].body["model"], "deepseek-v4-flash");
    desk.close();
}

#[test]
fn an_ask_with_a_faulty_configuration_says_what_the_daemon_says() {
    let desk = Desk::cold(Scenario::new());
    desk.home.config("[provider]\nkind = \"magic\"\nmax_tokens = -1\n[nonsense]\na = 1\n");
    let output = desk.ask(["x"]).run().expect_code(3);
    says(&output.stderr, &["magic", "max_tokens", "nonsense"]);
    desk.home.assert_no_leftovers();
}

#[test]
fn models_are_listed_with_prices_and_the_current_one_is_marked() {
    let desk = desk(Scenario::new());
    let output = desk.ctl(["models"]).run().expect_ok();
    let current = output.stdout.lines().find(|line| line.starts_with('*')).unwrap();
    assert!(current.contains("deepseek-flash") && current.contains("in 0."), "{}", output.stdout);
    assert!(output.stdout.contains("deepseek-v4-pro"), "{}", output.stdout);
    let report = desk.ctl(["models", "--json"]).run().expect_ok().json();
    assert_eq!((&report["provider"], &report["current"]), (&json!("deepseek"), &json!("deepseek-flash")));
    desk.close();
}

#[test]
fn models_with_a_wrong_key_or_without_a_provider_fail_as_an_ask_does() {
    let desk = Desk::with(Options::default(), |home| home.set_env("DEEPSEEK_API_KEY", "sk-wrong-9999-wrong"));
    let output = desk.ctl(["models"]).run().expect_code(6);
    says(&output.stderr, &["401", "DEEPSEEK_API_KEY"]);
    desk.close();
    let desk = Desk::with(Options::default(), |home| home.set_env("AGENTD_PROVIDER_KIND", "offline"));
    let output = desk.ctl(["models"]).run();
    assert!(output.code != Some(0) || output.stdout.contains("lists no models"), "{output:?}");
    desk.close();
}

#[test]
fn any_endpoint_that_speaks_the_format_serves() {
    let desk = Desk::with(Options { scenario: Scenario::new().text("hello"), ..Options::default() }, |home| {
        home.set_env("AGENTD_PROVIDER_KIND", "openai");
        home.set_env("AGENTD_PROVIDER_MODEL", "deepseek-flash");
    });
    let url = format!("{}/v1", desk.provider.base_url());
    assert_eq!(desk.json(["x"])["answer"], "hello");
    assert!(!url.is_empty() && desk.chats()[0].authorized);
    desk.close();
}
