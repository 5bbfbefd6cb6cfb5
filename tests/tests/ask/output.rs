//! What goes where: the answer on standard output, everything else beside it, one object for programs.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};
use tests::provider::{Scenario, Step};

use crate::desk::{desk, says};

#[test]
fn a_pipe_gets_the_text_as_it_is_and_nothing_else() {
    let markdown = "# Title\n\n- **bold** and `code`\n\n```rust\nfn main() {}\n```\n";
    let desk = desk(Scenario::new().step(Step::text(markdown).chunks(2, 0)));
    let output = desk.ask(["x"]).run().expect_ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), (markdown, ""));
    desk.close();
}

#[test]
fn escapes_in_an_answer_cannot_drive_a_terminal() {
    let text = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\rd\u{9b}e\u{202e}f";
    let desk = desk(Scenario::new().step(Step::text(text).chunks(1, 0).times(0)));
    for arguments in [&["x"][..], &["-q", "x"]] {
        let output = desk.answer(arguments);
        assert!(!output.chars().any(|c| c.is_control() && c != '\n'), "{output:?}");
        assert!(!output.contains('\u{202e}') && output.starts_with("a\u{241b}[2Jb"), "{output:?}");
    }
    // For programs it is the text itself, and still no byte that a terminal would obey.
    let output = desk.ask(["--json", "x"]).run().expect_ok();
    assert_eq!(output.json()["answer"], text);
    assert!(!output.stdout.contains('\u{1b}'));
    desk.close();
}

#[test]
fn escapes_in_an_error_of_the_provider_cannot_drive_a_terminal() {
    let body = json!({ "error": { "message": "bad \u{1b}[31mred\u{1b}[0m\nthing" } }).to_string();
    let desk = desk(Scenario::new().step(Step::status(400).body(body)));
    let output = desk.fails(["x"], 6, &["red"]);
    assert!(!output.stderr.contains('\u{1b}'), "{:?}", output.stderr);
    desk.close();
}

#[test]
fn quiet_is_the_answer_alone_and_verbose_adds_progress_and_footer() {
    let desk = desk(Scenario::new().step(Step::status(503)).text("it").step(Step::status(503)).text("it"));
    let quiet = desk.ask(["-q", "x"]).run().expect_ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("it\n", ""));
    let verbose = desk.ask(["-v", "x"]).run().expect_ok();
    assert_eq!(verbose.stdout, "it\n");
    for word in ["attempt 2", "deepseek-flash", "tokens in", "$"] {
        assert!(verbose.stderr.contains(word), "{word}: {}", verbose.stderr);
    }
    assert!(!verbose.stderr.contains('\u{1b}'), "no colour off a terminal: {:?}", verbose.stderr);
    desk.close();
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_u64() => "count",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[test]
fn json_is_one_object_with_exactly_the_documented_keys() {
    let desk = desk(Scenario::new().text("done"));
    let output = desk.ask(["--json", "x"]).run().expect_ok();
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
    let answer = output.json();
    let shape: Vec<(&str, &str)> =
        answer.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), kind_of(value))).collect();
    let expected = [
        ("answer", "text"),
        ("conversation", "text"),
        ("cost_usd", "number"),
        ("elapsed_ms", "count"),
        ("model", "text"),
        ("redactions", "count"),
        ("saved_usd", "null"),
        ("session", "text"),
        ("source", "text"),
        ("tool_calls", "list"),
        ("turns", "count"),
        ("usage", "object"),
    ];
    let mut shape = shape;
    shape.sort_unstable();
    assert_eq!(shape, expected);
    let mut usage: Vec<&str> = answer["usage"].as_object().unwrap().keys().map(String::as_str).collect();
    usage.sort_unstable();
    assert_eq!(usage, ["cache_hit_tokens", "cache_miss_tokens", "completion_tokens", "prompt_tokens"]);
    assert_eq!(
        (&answer["answer"], &answer["source"], &answer["session"]),
        (&json!("done"), &json!("model"), &json!("default"))
    );
    assert_eq!(
        (&answer["model"], &answer["turns"], &answer["tool_calls"]),
        (&json!("deepseek-flash"), &json!(1), &json!([]))
    );
    desk.close();
}

#[test]
fn a_failure_is_one_json_object_with_the_exit_code() {
    let desk = desk(Scenario::new().step(Step::status(402)));
    let output = desk.ask(["--json", "x"]).run().expect_code(6);
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
    let error = output.json()["error"].clone();
    assert_eq!((&error["code"], &error["kind"]), (&json!(6), &json!("balance")));
    assert!(
        error["message"].as_str().unwrap().contains("no balance") && error["hint"].as_str().unwrap().contains("top up")
    );
    let mut keys: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "hint", "kind", "message"]);
    // Failures that never reach the daemon look the same.
    for (arguments, code) in [(&["--json", "-f", "none", "x"][..], 1), (&["--json", "-C", "none", "x"], 2)] {
        let output = desk.ask(arguments).run().expect_code(code);
        assert_eq!(output.json()["error"]["code"], code, "{}", output.stdout);
    }
    desk.close();
}

#[test]
fn stream_json_is_one_event_a_line_and_ends_with_the_result() {
    let desk = desk(Scenario::new().step(Step::text("one two").reasoning("hm").chunks(4, 0)));
    let output = desk.ask(["--output-format", "stream-json", "--reasoning", "x"]).run().expect_ok();
    let lines: Vec<Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    // How many pieces come depends on what is held back while it may belong to a secret.
    let mut order = kinds.clone();
    order.dedup();
    assert_eq!(order, ["started", "reasoning", "text", "result"]);
    let result = lines.last().unwrap();
    assert_eq!((&lines[0]["session"], &lines[0]["model"]), (&json!("default"), &json!("deepseek-flash")));
    let streamed: String = lines.iter().filter(|l| l["type"] == "text").filter_map(|l| l["delta"].as_str()).collect();
    assert_eq!((streamed.as_str(), &result["answer"]), ("one two", &json!("one two")));
    assert_eq!(lines[0]["conversation"], result["conversation"]);
    desk.close();
}

#[test]
fn stream_json_ends_with_the_error() {
    let desk = desk(Scenario::new().step(Step::status(402)));
    let output = desk.ask(["--output-format", "stream-json", "x"]).run().expect_code(6);
    let last: Value = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["type"], &last["code"], &last["kind"]), (&json!("error"), &json!(6), &json!("balance")));
    desk.close();
}

#[test]
fn the_answer_can_go_to_a_file_too_whole_or_not_at_all() {
    let desk = desk(Scenario::new().text("new").step(Step::status(402)));
    let target = desk.project.join("out.md");
    fs::write(&target, "old").unwrap();
    assert_eq!(desk.answer(["-o", "out.md", "x"]), "new\n");
    assert_eq!(fs::read_to_string(&target).unwrap(), "new\n");
    let before = names(&desk.project);
    desk.ask(["-o", "out.md", "x"]).run().expect_code(6);
    assert_eq!(fs::read_to_string(&target).unwrap(), "new\n", "a failure keeps the old one");
    assert_eq!(names(&desk.project), before, "and leaves nothing beside it");
    desk.close();
}

#[test]
fn the_file_appears_only_when_the_answer_is_whole_and_an_interrupt_leaves_nothing() {
    let desk = desk(Scenario::new().step(Step::text("slow words ".repeat(40)).chunks(4, 50)));
    let before = names(&desk.project);
    let mut running = desk.ask(["-o", "out.md", "x"]).start();
    tests::wait_until(crate::desk::DEADLINE, "the first words", || !running.stdout_so_far().is_empty());
    assert!(!desk.project.join("out.md").exists());
    running.signal(tests::Signal::INT);
    running.finish().expect_code(130);
    assert_eq!(names(&desk.project), before);
    desk.close();
}

fn names(dir: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_file_that_cannot_be_written_costs_nothing() {
    let desk = desk(Scenario::new());
    desk.fails(["-o", "no/such/dir/out.md", "x"], 1, &["cannot write no/such/dir/out.md", "nothing was asked"]);
    desk.fails(["-o", "src", "x"], 1, &["cannot write src", "nothing was asked"]);
    assert!(desk.chats().is_empty());
    desk.close();
}

#[test]
fn the_file_keeps_its_mode() {
    let desk = desk(Scenario::new().text("new"));
    let target = desk.project.join("out.md");
    fs::write(&target, "old").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    desk.answer(["-o", "out.md", "x"]);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    desk.close();
}

#[test]
fn an_answer_of_nothing_is_tried_once_more_and_then_said() {
    let desk = desk(Scenario::new().step(Step::text("").times(0)));
    let output = desk.ask(["x"]).run().expect_code(6);
    says(&output.stderr, &["empty answer"]);
    assert_eq!(desk.chats().len(), 2);
    desk.close();
}
