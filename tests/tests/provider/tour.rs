//! The repo-tour: a conversation that really uses the tools it is offered.

use serde_json::{Value, json};
use tests::provider::{FakeProvider, Scenario};

use crate::raw::{post, request};

fn tool(name: &str, parameters: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        parameters.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object", "properties": properties } } })
}

/// One turn of the tour: the assistant message, which joins the history.
fn turn(provider: &FakeProvider, tools: &Value, history: &mut Vec<Value>) -> Value {
    let fields = json!({ "stream": false, "messages": history, "tools": tools });
    let answer = post(provider, &request(fields));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let message = answer.json()["choices"][0]["message"].clone();
    history.push(message.clone());
    message
}

fn answer_calls(message: &Value, history: &mut Vec<Value>, results: &[(&str, &str)]) {
    for call in message["tool_calls"].as_array().unwrap() {
        let (_, text) = results.iter().find(|(name, _)| call["function"]["name"] == *name).unwrap();
        history.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": text }));
    }
}

#[test]
fn the_tour_looks_searches_reads_and_quotes() {
    let provider = FakeProvider::start(Scenario::builtin("repo-tour").unwrap());
    let tools = json!([
        tool("list_directory", &["path"]),
        tool("read_text_file", &["path"]),
        tool("search_content", &["query", "path"]),
    ]);
    let mut history = vec![json!({ "role": "user", "content": "which module accepts connections?" })];
    let first = turn(&provider, &tools, &mut history);
    let arguments = first["tool_calls"][1]["function"]["arguments"].as_str().unwrap();
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(arguments, json!({ "query": "connections", "path": "." }), "argument names come from the request");
    let results = [("list_directory", "[FILE] Cargo.toml"), ("search_content", "src/accept.rs:7:connections\n")];
    answer_calls(&first, &mut history, &results);
    let second = turn(&provider, &tools, &mut history);
    assert_eq!(second["tool_calls"][0]["function"]["name"], "read_text_file");
    assert_eq!(second["tool_calls"][0]["function"]["arguments"], r#"{"path":"src/accept.rs"}"#);
    answer_calls(&second, &mut history, &[("read_text_file", "fn accept() {}\n")]);
    let last = turn(&provider, &tools, &mut history);
    let text = last["content"].as_str().unwrap();
    for piece in ["## ", "[FILE] Cargo.toml", "src/accept.rs:7:connections", "fn accept() {}", "3 tool calls"] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
    assert!(last["tool_calls"].is_null());
    history.push(json!({ "role": "user", "content": "and again?" }));
    let again = turn(&provider, &tools, &mut history);
    assert!(again["tool_calls"].is_array(), "a further question starts a further tour");
}

#[test]
fn without_tools_the_tour_says_that_it_saw_nothing() {
    let provider = FakeProvider::start(Scenario::builtin("repo-tour").unwrap());
    let mut history = vec![json!({ "role": "user", "content": "hello there" })];
    let message = turn(&provider, &json!([]), &mut history);
    assert!(message["content"].as_str().unwrap().contains("looked at nothing"));
}

#[test]
fn without_a_search_result_the_tour_reads_a_listed_file() {
    let provider = FakeProvider::start(Scenario::builtin("repo-tour").unwrap());
    let tools = json!([tool("list_directory", &["path"]), tool("read_text_file", &["path"])]);
    let mut history = vec![json!({ "role": "user", "content": "which module accepts connections?" })];
    let first = turn(&provider, &tools, &mut history);
    answer_calls(&first, &mut history, &[("list_directory", "[DIR] src\n[FILE] README.md")]);
    let second = turn(&provider, &tools, &mut history);
    assert_eq!(second["tool_calls"][0]["function"]["arguments"], r#"{"path":"README.md"}"#);
}
