//! What the service refuses, and how.

use serde_json::{Value, json};
use tests::provider::{Balance, FakeProvider, Options, Rules, Scenario, Step};

use crate::raw::{Client, DEADLINE, End, get, post, request};

fn echo() -> FakeProvider {
    FakeProvider::start(Scenario::new())
}

/// Posts the fields and returns status and error message.
fn refusal(provider: &FakeProvider, fields: Value) -> (u16, String) {
    let answer = post(provider, &request(fields));
    (answer.status, answer.error())
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } })
}

fn call(id: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "read", "arguments": "{}" } })
}

fn result(id: &str) -> Value {
    json!({ "role": "tool", "tool_call_id": id, "content": "text" })
}

fn turn(calls: &[&str]) -> Value {
    let calls: Vec<Value> = calls.iter().map(|id| call(id)).collect();
    json!({ "role": "assistant", "content": "", "reasoning_content": "", "tool_calls": calls })
}

fn user() -> Value {
    json!({ "role": "user", "content": "hi" })
}

#[test]
fn a_wrong_or_missing_key_is_401() {
    let provider = echo();
    let mut client = Client::new(&provider);
    client.send("POST", "/chat/completions", "sk-wrong", request(json!({})).to_string().as_bytes());
    let answer = client.read();
    assert_eq!(answer.status, 401);
    assert!(answer.error().contains("Authentication Fails"), "{}", answer.text());
    client.send_raw(b"GET /models HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.read().status, 401);
    assert!(provider.requests().iter().all(|request| !request.authorized));
}

#[test]
fn todays_models_and_their_aliases_are_served_and_others_are_not() {
    let provider = echo();
    for (asked, served) in [
        ("deepseek-flash", "deepseek-flash"),
        ("deepseek-v4-pro", "deepseek-v4-pro"),
        ("deepseek-v4-flash", "deepseek-flash"),
        ("deepseek-v4-flash-vision-exp", "deepseek-flash"),
    ] {
        let answer = post(&provider, &request(json!({ "model": asked })));
        assert_eq!(answer.status, 200, "{asked}");
        assert_eq!(answer.chunks()[0]["model"], served);
    }
    for asked in ["deepseek-chat", "deepseek-reasoner", "gpt-4o", ""] {
        assert_eq!(refusal(&provider, json!({ "model": asked })), (400, "Model Not Exist".to_owned()), "{asked}");
    }
    assert_eq!(refusal(&provider, json!({ "model": null })).0, 400);
}

#[test]
fn a_body_that_is_no_json_object_is_400() {
    let provider = echo();
    for body in ["", "{", "[]", "\"x\""] {
        let mut client = Client::new(&provider);
        client.send("POST", "/chat/completions", provider.key(), body.as_bytes());
        assert_eq!(client.read().status, 400, "{body}");
    }
}

#[test]
fn roles_and_contents_are_checked() {
    let provider = echo();
    let bad = [
        json!([]),
        json!([{ "role": "developer", "content": "x" }]),
        json!([{ "content": "x" }]),
        json!([{ "role": "user" }]),
        json!([{ "role": "user", "content": null }]),
        json!([{ "role": "user", "content": 7 }]),
        json!([{ "role": "user", "content": [{ "type": "image_url" }] }]),
        json!("x"),
    ];
    for messages in bad {
        assert_eq!(refusal(&provider, json!({ "messages": messages })).0, 400, "{messages}");
    }
    let parts = json!([{ "role": "user", "content": [{ "type": "text", "text": "in parts" }] }]);
    assert_eq!(post(&provider, &request(json!({ "messages": parts }))).joined("content"), "echo: in parts");
}

#[test]
fn null_content_needs_tool_calls() {
    let provider = echo();
    let mut with_calls = turn(&["a"]);
    with_calls["content"] = Value::Null;
    assert_eq!(post(&provider, &request(json!({ "messages": [user(), with_calls, result("a")] }))).status, 200);
    let without = json!({ "role": "assistant", "content": null, "reasoning_content": "" });
    let (status, message) = refusal(&provider, json!({ "messages": [user(), without, user()] }));
    assert_eq!((status, message.contains("content or tool_calls must be set")), (400, true), "{message}");
}

#[test]
fn every_tool_call_is_paired_with_one_result() {
    let provider = echo();
    let ok = json!([user(), turn(&["a", "b"]), result("b"), result("a"), user()]);
    assert_eq!(post(&provider, &request(json!({ "messages": ok }))).status, 200);
    let bad = [
        json!([user(), turn(&["a"])]),
        json!([user(), turn(&["a", "b"]), result("a")]),
        json!([user(), turn(&["a"]), user(), result("a")]),
        json!([user(), turn(&["a"]), result("a"), result("a")]),
        json!([user(), turn(&["a"]), result("x")]),
        json!([user(), turn(&["a", "a"]), result("a"), result("a")]),
        json!([user(), result("a")]),
        json!([user(), turn(&["a"]), { "role": "tool", "content": "no id" }]),
        json!([user(), turn(&[]), user()]),
    ];
    for messages in bad {
        assert_eq!(refusal(&provider, json!({ "messages": messages })).0, 400, "{messages}");
    }
}

#[test]
fn a_tool_call_in_the_history_needs_all_its_parts() {
    let provider = echo();
    for broken in ["id", "type", "function"] {
        let mut part = call("a");
        part.as_object_mut().unwrap().remove(broken);
        let message = json!({ "role": "assistant", "content": "", "reasoning_content": "", "tool_calls": [part] });
        assert_eq!(refusal(&provider, json!({ "messages": [user(), message, result("a")] })).0, 400, "{broken}");
    }
}

#[test]
fn thinking_wants_its_reasoning_back_on_tool_turns() {
    let provider = echo();
    let mut bare = turn(&["a"]);
    bare.as_object_mut().unwrap().remove("reasoning_content");
    let history = json!([user(), bare, result("a")]);
    let expected = "The `reasoning_content` in the thinking mode must be passed back to the API.";
    assert_eq!(refusal(&provider, json!({ "messages": history })), (400, expected.to_owned()));
    let off = json!({ "messages": history, "thinking": { "type": "disabled" } });
    assert_eq!(post(&provider, &request(off)).status, 200);
    let present = json!([user(), turn(&["a"]), result("a")]);
    assert_eq!(post(&provider, &request(json!({ "messages": present }))).status, 200, "present but empty passes");
}

#[test]
fn plain_assistant_turns_need_reasoning_only_when_told_so() {
    let plain = json!({ "messages": [user(), { "role": "assistant", "content": "x" }, user()] });
    assert_eq!(post(&echo(), &request(plain.clone())).status, 200);
    let rules = Rules { reasoning_everywhere: true, ..Options::default().rules };
    let strict = FakeProvider::start_with(Options { rules, ..Options::default() });
    assert_eq!(refusal(&strict, plain).0, 400);
}

#[test]
fn a_forced_tool_choice_is_refused_while_thinking() {
    let provider = echo();
    let named = json!({ "type": "function", "function": { "name": "read" } });
    for choice in [json!("required"), named.clone()] {
        let thinking = json!({ "tools": [tool("read")], "tool_choice": choice });
        assert_eq!(refusal(&provider, thinking).0, 400, "{choice}");
        let off = json!({ "tools": [tool("read")], "tool_choice": choice, "thinking": { "type": "disabled" } });
        assert_eq!(post(&provider, &request(off)).status, 200, "{choice}");
    }
    for choice in ["auto", "none"] {
        let fields = json!({ "tools": [tool("read")], "tool_choice": choice });
        assert_eq!(post(&provider, &request(fields)).status, 200, "{choice}");
    }
    let unknown = json!({ "tools": [tool("write")], "tool_choice": named, "thinking": { "type": "disabled" } });
    assert_eq!(refusal(&provider, unknown).0, 400);
}

#[test]
fn at_most_128_tools_with_good_names() {
    let provider = echo();
    let tools = |count: usize| (0..count).map(|n| tool(&format!("t{n}"))).collect::<Vec<_>>();
    assert_eq!(post(&provider, &request(json!({ "tools": tools(128) }))).status, 200);
    assert_eq!(refusal(&provider, json!({ "tools": tools(129) })).0, 400);
    let longest = "x".repeat(64);
    assert_eq!(post(&provider, &request(json!({ "tools": [tool(&longest)] }))).status, 200);
    for name in ["", "with space", "dot.ted", "\u{e9}", &"x".repeat(65)] {
        assert_eq!(refusal(&provider, json!({ "tools": [tool(name)] })).0, 400, "{name}");
    }
    assert_eq!(refusal(&provider, json!({ "tools": [{ "type": "web_search" }] })).0, 400);
    let no_parameters = json!({ "type": "function", "function": { "name": "now" } });
    assert_eq!(post(&provider, &request(json!({ "tools": [no_parameters] }))).status, 200);
}

#[test]
fn input_and_output_together_must_fit_the_context() {
    let rules = Rules { context_tokens: 1000, ..Options::default().rules };
    let provider = FakeProvider::start_with(Options { rules, ..Options::default() });
    assert_eq!(post(&provider, &request(json!({ "max_tokens": 900 }))).status, 200);
    let (status, message) = refusal(&provider, json!({ "max_tokens": 999 }));
    assert_eq!(status, 400);
    assert!(
        message.starts_with("This model's maximum context length is 1000 tokens. However, you requested "),
        "{message}"
    );
    assert!(
        message.ends_with("999 in the completion). Please reduce the length of the messages or completion."),
        "{message}"
    );
    let long = json!({ "messages": [{ "role": "user", "content": "x".repeat(5000) }] });
    assert!(refusal(&provider, long).1.contains("maximum context length"));
}

#[test]
fn parameters_out_of_range_are_422_and_wrong_shapes_400() {
    let provider = echo();
    let unprocessable = [
        json!({ "temperature": 2.5 }),
        json!({ "top_p": -0.1 }),
        json!({ "stop": vec!["x"; 17] }),
        json!({ "top_logprobs": 3 }),
        json!({ "reasoning_effort": "enormous" }),
    ];
    for fields in unprocessable {
        assert_eq!(refusal(&provider, fields.clone()).0, 422, "{fields}");
    }
    let bad = [
        json!({ "stream": "yes" }),
        json!({ "max_tokens": 0 }),
        json!({ "max_tokens": 400_000 }),
        json!({ "thinking": { "type": "maybe" } }),
        json!({ "stream": false, "stream_options": { "include_usage": true } }),
        json!({ "response_format": { "type": "json_schema" } }),
        json!({ "user_id": "has space" }),
        json!({ "user_id": "x".repeat(513) }),
    ];
    for fields in bad {
        assert_eq!(refusal(&provider, fields.clone()).0, 400, "{fields}");
    }
    let good =
        json!({ "temperature": 1.0, "stop": ["a"], "reasoning_effort": "high", "user_id": "a_b-1", "unknown": 1 });
    assert_eq!(post(&provider, &request(good)).status, 200);
}

#[test]
fn json_mode_wants_the_word_and_blanks_what_is_no_json() {
    let provider = FakeProvider::start(Scenario::new().text("prose").text("{\"a\":1}"));
    let format = json!({ "type": "json_object" });
    assert_eq!(refusal(&provider, json!({ "response_format": format })).0, 400);
    let asked = json!({ "response_format": format, "messages": [{ "role": "user", "content": "as JSON: {}" }] });
    let blank = post(&provider, &request(asked.clone()));
    assert_eq!((blank.joined("content").trim(), blank.finish().as_str()), ("", "stop"));
    assert_eq!(post(&provider, &request(asked)).joined("content"), "{\"a\":1}");
}

#[test]
fn an_account_without_balance_is_402() {
    let options = Options { balance: Balance::exhausted(), ..Options::default() };
    let provider = FakeProvider::start_with(options);
    assert_eq!(refusal(&provider, json!({})), (402, "Insufficient Balance".to_owned()));
    assert_eq!(get(&provider, "/user/balance").json()["is_available"], false);
}

#[test]
fn more_requests_at_once_than_the_account_has_are_429() {
    let slow = Step::text("slow").delay(60_000).when_contains("slow");
    let options = Options { max_concurrent: 1, scenario: Scenario::new().step(slow), ..Options::default() };
    let provider = FakeProvider::start_with(options);
    let mut first = Client::new(&provider);
    let body = request(json!({ "messages": [{ "role": "user", "content": "slow" }] }));
    first.send("POST", "/chat/completions", provider.key(), body.to_string().as_bytes());
    provider.wait_for(1, DEADLINE);
    assert_eq!(refusal(&provider, json!({})).0, 429);
    assert_eq!(get(&provider, "/models").status, 200, "only chat is counted");
    drop(first);
    provider.wait_for_outcome(tests::provider::Outcome::ClientGone, 1, DEADLINE);
    assert_eq!(post(&provider, &request(json!({}))).status, 200, "a client that left frees its place");
}

#[test]
fn a_refused_request_takes_no_step() {
    let provider = FakeProvider::start(Scenario::new().text("the step"));
    assert_eq!(refusal(&provider, json!({ "model": "gpt-4o" })).0, 400);
    assert_eq!(post(&provider, &request(json!({}))).joined("content"), "the step");
}

#[test]
fn unknown_paths_and_methods_are_refused() {
    let provider = echo();
    assert_eq!(get(&provider, "/nothing").status, 404);
    assert_eq!(get(&provider, "/chat/completions").status, 405);
    assert_eq!(get(&provider, "/v1/models").status, 200);
    let mut client = Client::new(&provider);
    client.send("POST", "/v1/chat/completions", provider.key(), request(json!({})).to_string().as_bytes());
    assert_eq!(client.read().status, 200);
}

#[test]
fn malformed_and_oversized_http_is_refused_and_closed() {
    let provider = echo();
    let bad: [(&[u8], u16); 4] = [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    ];
    for (bytes, status) in bad {
        let mut client = Client::new(&provider);
        client.send_raw(bytes);
        assert_eq!(client.read().status, status);
        assert_eq!(client.read().end, End::Eof);
    }
    let mut client = Client::new(&provider);
    client.send_raw(&[b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'x'; 64 * 1024 - 19]].concat());
    assert_eq!(client.read().status, 431);
}
