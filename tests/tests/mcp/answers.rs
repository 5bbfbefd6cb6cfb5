//! What servers answer, and what of it reaches a person, the model and the server's own standard input.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::provider::{Scenario, Step};

use crate::{
    rig::{Rig, Server},
    work::result,
};

const MB: usize = 1 << 20;

#[test]
fn noise_on_standard_output_is_dropped_and_the_server_hears_nothing_of_it() {
    let rig = Rig::new(&[
        Server::chaos("legacy", &["--noise", "--era", "legacy"]),
        Server::chaos("modern", &["--noise", "--era", "modern"]),
    ]);
    for name in ["legacy", "modern"] {
        rig.wait(name, "ready");
        assert_eq!(rig.text(name, "echo", &json!({"text": "through"})), "through");
        assert_eq!(rig.notes(name, "strange"), Vec::<String>::new(), "an answer to what was no question");
        let logs = rig.desk.ctl(["mcp", "logs", name]).run().expect_ok().stdout;
        assert!(!logs.is_empty(), "noise is noted");
        assert_eq!(rig.server(name)["restarts"], 0);
    }
    rig.close();
}

#[test]
fn a_broken_answer_fails_its_call_and_nobody_elses() {
    let rig = Rig::new(&[Server::chaos("bad", &[]).keys("tool_timeout_sec = 5")]);
    rig.wait("bad", "ready");
    let begin = Instant::now();
    let output = rig.call("bad", "broken_id", &json!({})).expect_code(1);
    assert!(begin.elapsed() < Duration::from_secs(3), "at once, not {:?}: {}", begin.elapsed(), output.stderr);
    for tool in ["broken", "foreign", "no_result"] {
        let output = rig.call("bad", tool, &json!({}));
        assert!(output.code != Some(0) && output.stderr.contains("bad"), "{tool}: {output:?}");
    }
    assert_eq!(rig.text("bad", "echo", &json!({"text": "still here"})), "still here");
    rig.close();
}

#[test]
fn a_large_result_comes_whole_and_one_above_the_limit_is_an_error_at_once() {
    let rig = Rig::new(&[Server::chaos("big", &[])]);
    rig.wait("big", "ready");
    // Above a frame of the socket a reply says that it was cut; the call itself is good.
    for bytes in [MB, 15 * MB, 17 * MB] {
        let output = rig.call("big", "big", &json!({ "bytes": bytes })).expect_ok();
        assert!(output.stdout.len() >= MB.min(bytes), "{bytes}: {}", output.stdout.len());
        assert!(output.stdout.starts_with("0123456789abcde\n"));
    }
    let begin = Instant::now();
    let output = rig.call("big", "big", &json!({ "bytes": 40 * MB }));
    assert!(output.code != Some(0), "{:?}", output.stderr);
    assert!(output.stderr.contains("big") && output.stderr.contains("32"), "{:?}", output.stderr);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(rig.text("big", "echo", &json!({"text": "still here"})), "still here");
    rig.close();
}

/// What the model sees of a call of a server's tool.
#[track_caller]
fn seen(rig: &Rig, tool: &str, arguments: impl Into<Value>) -> (String, Value) {
    rig.desk.provider.play(Scenario::new().step(Step::call(tool, arguments)).text("seen"));
    let answer = rig.desk.json(["look"]);
    assert_eq!(answer["answer"], "seen");
    (result(&rig.desk), answer)
}

#[test]
fn the_model_sees_each_kind_of_answer_once_and_described() {
    let rig = Rig::new(&[Server::chaos("s", &[])]);
    rig.wait("s", "ready");
    let (text, answer) = seen(&rig, "mcp__s__echo", json!({"text": "hello there"}));
    assert_eq!(text, "hello there");
    assert_eq!(
        (&answer["tool_calls"][0]["ok"], &answer["tool_calls"][0]["name"]),
        (&json!(true), &json!("mcp__s__echo"))
    );
    for (tool, words, not) in [
        ("structured", &["42"] as &[&str], ""),
        ("only_structured", &["\"answer\"", "42"], ""),
        ("image", &["image/png"], "iVBOR"),
        ("resource", &["noted", "file:///project/notes.txt"], ""),
        ("nothing", &["no output"], ""),
    ] {
        let (text, _) = seen(&rig, &format!("mcp__s__{tool}"), json!({}));
        assert!(words.iter().all(|word| text.contains(word)), "{tool}: {text}");
        assert!(not.is_empty() || !text.contains(not), "{tool}: {text}");
        assert!(text.matches("42").count() <= 1, "{tool}: {text}");
    }
    for (tool, words) in [("fail", "it did not work"), ("refuse", "these arguments are not good")] {
        let (text, answer) = seen(&rig, &format!("mcp__s__{tool}"), json!({}));
        assert!(text.contains(words) && answer["tool_calls"][0]["ok"] == false, "{tool}: {text} {answer}");
        let output = rig.call("s", tool, &json!({})).expect_code(1);
        assert!(format!("{}{}", output.stdout, output.stderr).contains(words), "{output:?}");
    }
    rig.close();
}

#[test]
fn a_long_result_is_cut_for_the_model_and_can_be_read_by_range() {
    let rig = Rig::new(&[Server::chaos("s", &[])]);
    rig.wait("s", "ready");
    let (text, _) = seen(&rig, "mcp__s__big", json!({ "bytes": MB }));
    assert!((40_000..60_000).contains(&text.chars().count()), "{}", text.len());
    assert!(text.starts_with("0123456789abcde\n") && text.trim_end().ends_with("0123456789abcde"), "head and tail");
    let at = text.find("tool-result:").unwrap_or_else(|| panic!("how to read the rest is not in the text"));
    let path: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-:".contains(*c)).collect();
    let range = json!({"path": path, "offset": 30_000, "limit": 3});
    rig.desk.provider.play(Scenario::new().step(Step::call("read_text_file", range)).text("read"));
    assert_eq!(rig.desk.answer(["-c", "and the middle?"]).trim(), "read");
    assert!(result(&rig.desk).contains("0123456789abcde"), "{}", result(&rig.desk));
    // Another conversation has no such text.
    let range = json!({"path": path, "offset": 30_000, "limit": 3});
    let (text, answer) = seen(&rig, "read_text_file", range);
    assert!(answer["tool_calls"][0]["ok"] == false, "{text}");
    assert!(rig.server("s")["truncated_bytes"].as_u64() > Some(900_000));
    rig.close();
}

#[test]
fn a_secret_in_a_result_or_on_standard_error_is_not_shown() {
    // Put together here, so that this file holds no secret.
    let secret = format!("{}_{}", "ghp", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5");
    let rig = Rig::new(&[Server::chaos("s", &["--stderr", &format!("token: {secret}")])]);
    rig.wait("s", "ready");
    let told = rig.text("s", "echo", &json!({ "text": format!("it is {secret} here") }));
    assert!(!told.contains(&secret) && told.contains("[REDACTED"), "{told}");
    rig.text("s", "stderr", &json!({ "text": format!("again {secret}") }));
    let logs = rig.desk.ctl(["mcp", "logs", "s"]).run().expect_ok().stdout;
    assert!(!logs.contains(&secret) && logs.contains("[REDACTED"), "{logs}");
    let (text, _) = seen(&rig, "mcp__s__echo", json!({ "text": "harmless" }));
    assert_eq!(text, "harmless");
    for (path, bytes) in crate::files(rig.desk.home.root()) {
        let ours = path.components().any(|part| ["notes", "c"].iter().any(|dir| part.as_os_str() == *dir));
        assert!(ours || !crate::holds(&bytes, &secret), "{}", path.display());
    }
    rig.close();
}

#[test]
fn an_endless_list_ends_with_what_was_read_so_far() {
    let rig = Rig::new(&[Server::chaos("pages", &["--endless"])]);
    let server = rig.wait("pages", "ready");
    assert_eq!(server["tools"], 20, "{server}");
    rig.close();
}

#[test]
fn of_six_hundred_tools_five_hundred_are_taken() {
    let rig = Rig::new(&[Server::chaos("many", &["--tools", "600"])]);
    let server = rig.wait("many", "ready");
    assert_eq!(server["tools"], 500, "{server}");
    let status = rig.desk.ctl(["status"]).run().expect_ok();
    assert!(format!("{}{}", status.stdout, status.stderr).contains("many"), "what is left out is said: {status:?}");
    assert_eq!(rig.text("many", "tool_0003", &json!({})), "tool_0003");
    rig.close();
}

#[test]
fn odd_names_become_valid_unique_and_stable() {
    let mut rig = Rig::new(&[Server::chaos("odd", &["--odd-names"])]);
    let names = |rig: &Rig| -> Vec<String> {
        rig.wait("odd", "ready");
        let report = rig.desk.ctl(["mcp", "tools", "odd", "--json"]).run().expect_ok().json();
        let tools = report["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = names(&rig);
    let mut unique = first.clone();
    unique.dedup();
    assert!(first.is_sorted() && unique.len() == first.len(), "{first:?}");
    for name in &first {
        assert!(name.len() <= 64 && name.starts_with("mcp__odd__"), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{name}");
    }
    assert_eq!(first.iter().filter(|name| name.contains("nnnn")).count(), 2, "{first:?}");
    assert_eq!(first.iter().filter(|name| name.contains("dot")).count(), 2, "{first:?}");
    assert_eq!(first.iter().filter(|name| name.contains("dup")).count(), 1, "{first:?}");
    let long = first.iter().find(|name| name.contains("nnnn")).unwrap();
    let (text, answer) = seen(&rig, long, json!({}));
    assert!(text.starts_with("nnnn") && answer["tool_calls"][0]["ok"] == true, "{text}");
    rig.desk.end_daemon();
    let daemon = rig.desk.home.daemon();
    assert_eq!(names(&rig), first);
    drop(daemon.terminate(crate::rig::UP));
    rig.tag.assert_gone_within(crate::rig::GONE);
}

#[test]
fn a_schema_reaches_the_model_without_loss() {
    let rig = Rig::new(&[Server::chaos("s", &[])]);
    rig.wait("s", "ready");
    rig.desk.answer(["x"]);
    let tools: Value = serde_json::from_str(&rig.desk.chats()[0].raw_field("tools").unwrap()).unwrap();
    let deep = tools.as_array().unwrap().iter().find(|tool| tool["function"]["name"] == "mcp__s__deep").unwrap();
    let schema = &deep["function"]["parameters"];
    assert_eq!(schema["$defs"]["node"]["x-kept"], json!([1, null, 1.5]));
    assert_eq!(schema["$defs"]["node"]["properties"]["next"]["$ref"], "#/$defs/node");
    assert_eq!(schema["else"]["not"]["required"], json!(["root"]));
    assert_eq!(schema["dependentRequired"]["when"], json!(["kind"]));
    assert_eq!(schema["properties"]["when"]["pattern"], "^20");
    rig.close();
}

#[test]
fn include_and_exclude_lists_hold_for_the_list_and_for_calls() {
    let only = Server::chaos("only", &[]).keys("enabled_tools = [\"echo\", \"env\"]\ndisabled_tools = [\"env\"]");
    let rig = Rig::new(&[only]);
    assert_eq!(rig.wait("only", "ready")["tools"], 1);
    assert_eq!(rig.text("only", "echo", &json!({"text": "x"})), "x");
    let output = rig.call("only", "env", &json!({}));
    assert!(output.code != Some(0) && output.stderr.contains("env"), "{output:?}");
    assert_eq!(rig.calls("only", "env"), 0);
    rig.close();
}

#[test]
fn two_thousand_list_changes_cost_a_few_lists_and_show_in_the_next_conversation() {
    let rig = Rig::new(&[Server::chaos("legacy", &["--era", "legacy"]), Server::chaos("modern", &["--era", "modern"])]);
    for name in ["legacy", "modern"] {
        rig.wait(name, "ready");
        rig.desk.answer(["-s", name, "before"]);
        let before = rig.server(name)["tools"].as_u64().unwrap();
        rig.text(name, "changed", &json!({"times": 2000}));
        rig.wait_for(name, "grown", |server| server["tools"].as_u64() == Some(before + 1));
        let lists = rig.notes(name, "methods").iter().filter(|one| *one == "tools/list").count();
        assert!((2..=8).contains(&lists), "{name}: {lists} lists");
        let grown = format!("mcp__{name}__grown");
        let offers = |rig: &Rig| rig.desk.chats().last().unwrap().tool_names().iter().any(|one| *one == grown);
        rig.desk.answer(["-s", name, "-c", "after, in the same conversation"]);
        assert!(!offers(&rig), "the prefix of a conversation stays as it is");
        rig.desk.answer(["in another one"]);
        assert!(offers(&rig), "{name}");
    }
    rig.close();
}
