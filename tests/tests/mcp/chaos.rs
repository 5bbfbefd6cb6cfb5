//! The server that misbehaves does what its arguments say: else the suites would test nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Home, Output, bins, mcp::Tag, wait_until};

const DEADLINE: Duration = Duration::from_secs(10);

/// What it answers to these requests before its standard input ends; the lines, JSON or not.
#[track_caller]
fn told(arguments: &[&str], requests: &[Value]) -> Output {
    let text: String = requests.iter().map(|request| format!("{request}\n")).collect();
    let home = Home::with(bins!());
    home.command(bins!().mcp_chaos).args(arguments).stdin(text).timeout(DEADLINE).run()
}

fn lines(output: &Output) -> Vec<Value> {
    output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn request(id: u32, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn initialize() -> Value {
    request(1, "initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}}))
}

fn discover() -> Value {
    request(1, "server/discover", &json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}))
}

#[test]
fn it_speaks_the_era_that_it_is_told_to() {
    let answer = |era: &str, opening: Value| lines(&told(&["--era", era], &[opening])).remove(0);
    assert_eq!(answer("legacy", initialize())["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer("legacy", discover())["error"]["code"], -32601);
    assert_eq!(answer("modern", initialize())["error"]["code"], -32601);
    assert_eq!(answer("modern", discover())["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(answer("both", discover())["result"]["resultType"], "complete");
}

#[test]
fn it_fails_at_the_opening_in_every_way() {
    assert_eq!(told(&["--die-at-start", "5", "--stderr", "no licence"], &[initialize()]).code, Some(5));
    assert_eq!(told(&["--era", "legacy", "--die-on-unknown"], &[discover()]).code, Some(3));
    assert_eq!(told(&["--era", "legacy", "--discover", "fatal"], &[discover()]).code, Some(3));
    let empty = told(&["--era", "legacy", "--discover", "empty"], &[discover()]);
    assert_eq!(lines(&empty), [json!({"jsonrpc": "2.0", "id": 1, "result": {}})]);
    assert_eq!(told(&["--era", "legacy", "--discover", "ignored"], &[discover()]).stdout, "");
    assert_eq!(told(&["--hang-initialize"], &[initialize()]).stdout, "");
}

#[test]
fn it_refuses_an_argument_that_it_does_not_know() {
    let output = told(&["--ignore-eofs"], &[]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("--ignore-eofs"), "{}", output.stderr);
}

#[test]
fn it_lists_as_many_and_as_odd_tools_as_it_is_told_to() {
    let list = request(2, "tools/list", &json!({}));
    let tools = |arguments: &[&str]| -> Vec<String> {
        let answer = lines(&told(arguments, std::slice::from_ref(&list))).remove(0);
        let tools = answer["result"]["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(tools(&["--tools", "600"]).len() > 600);
    let odd = tools(&["--odd-names"]);
    assert_eq!(odd.iter().filter(|name| *name == "dup").count(), 2);
    assert!(odd.iter().any(|name| name.len() == 100));
    let endless = lines(&told(&["--endless"], &[list])).remove(0);
    assert!(endless["result"]["nextCursor"].is_string());
}

#[test]
fn noise_is_not_json_rpc() {
    let output = told(&["--noise"], &[initialize()]);
    let ours = lines(&output).into_iter().filter(|line| line["jsonrpc"] == "2.0").count();
    assert!(
        ours == 1 && output.stdout.contains("starting...") && output.stdout.contains("\n42\n"),
        "{}",
        output.stdout
    );
}

/// Its standard input stays open until the condition holds.
#[track_caller]
fn with_tag(arguments: &[&str], call: &str, holds: impl Fn(&Tag) -> bool) {
    let (home, tag) = (Home::with(bins!()), Tag::new());
    let call = request(2, "tools/call", &json!({"name": call}));
    // A shell holds the pipe open behind the request.
    let script = "(printf '%s\\n' \"$1\"; exec sleep 30) | \"$0\" \"${@:2}\"";
    let mut running = home
        .command("/bin/bash")
        .args(["-c", script])
        .arg(bins!().mcp_chaos)
        .arg(call.to_string())
        .args(arguments)
        .args(["--tag", tag.as_str()])
        .start();
    wait_until(DEADLINE, "the processes", || holds(&tag));
    assert!(running.is_running() || !running.stdout_so_far().is_empty());
}

#[test]
fn what_it_leaves_behind_is_found_by_its_tag() {
    let sleepers = |tag: &Tag| tag.found().iter().filter(|one| one.command.contains("--sleeper")).count();
    with_tag(&[], "daemon", |tag| sleepers(tag) == 1);
    with_tag(&[], "child", |tag| sleepers(tag) == 1);
    with_tag(&["--ignore-eof", "--ignore-term"], "die_held", |tag| sleepers(tag) == 1);
}
