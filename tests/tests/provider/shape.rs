//! What good answers look like.

use serde_json::{Value, json};
use tests::provider::{Balance, FakeProvider, Options, Scenario, Step, Tokens, UsagePlace};

use crate::raw::{Client, get, post, request};

fn with_tools(fields: Value) -> Value {
    let mut body = request(fields);
    body["tools"] = json!([{ "type": "function", "function": { "name": "read" } }]);
    body
}

#[test]
fn thinking_is_on_unless_disabled_and_its_first_chunk_has_null_content() {
    let provider = FakeProvider::start(Scenario::new().step(Step::text("answer").reasoning("because").times(2)));
    let on = post(&provider, &request(json!({})));
    let first = &on.chunks()[0]["choices"][0]["delta"];
    assert_eq!(*first, json!({ "role": "assistant", "content": null, "reasoning_content": "" }));
    assert_eq!((on.joined("reasoning_content").as_str(), on.joined("content").as_str()), ("because", "answer"));
    let off = post(&provider, &request(json!({ "thinking": { "type": "disabled" } })));
    let first = &off.chunks()[0]["choices"][0]["delta"];
    assert_eq!(*first, json!({ "role": "assistant", "content": "" }));
    assert!(!off.text().contains("reasoning_content"), "{}", off.text());
}

#[test]
fn a_stream_ends_with_its_finish_reason_and_done() {
    let answer = post(&FakeProvider::start(Scenario::new().text("hi")), &request(json!({})));
    assert_eq!(answer.finish(), "stop");
    assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
    assert!(answer.head.contains("Content-Type: text/event-stream"), "{}", answer.head);
}

#[test]
fn text_comes_in_chunks_of_the_given_characters() {
    let step = Step::text("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}").chunks(2, 0);
    let answer = post(&FakeProvider::start(Scenario::new().step(step)), &request(json!({})));
    let pieces: Vec<Value> =
        answer.chunks().iter().map(|chunk| chunk["choices"][0]["delta"]["content"].clone()).collect();
    assert_eq!(pieces[1..4], [json!("\u{e9}\u{e9}"), json!("\u{e9}\u{e9}"), json!("\u{e9}")]);
}

#[test]
fn usage_travels_where_the_step_says() {
    let places = [
        (UsagePlace::Finish, 1, true),
        (UsagePlace::Extra, 1, false),
        (UsagePlace::ExtraNull, 1, false),
        (UsagePlace::Both, 2, true),
        (UsagePlace::None, 0, false),
    ];
    for (place, count, at_finish) in places {
        let provider = FakeProvider::start(Scenario::new().step(Step::text("hi").usage(place)));
        let chunks = post(&provider, &request(json!({}))).chunks();
        assert_eq!(chunks.iter().filter(|chunk| chunk["usage"].is_object()).count(), count, "{place:?}");
        let finish = chunks.iter().find(|chunk| chunk["choices"][0]["finish_reason"].is_string()).unwrap();
        assert_eq!(finish["usage"].is_object(), at_finish, "{place:?}");
        let null = chunks.last().unwrap()["choices"].is_null();
        assert_eq!(null, place == UsagePlace::ExtraNull, "{place:?}");
    }
}

#[test]
fn asked_for_usage_comes_in_an_extra_chunk_too() {
    let provider = FakeProvider::start(Scenario::new());
    let asked = request(json!({ "stream_options": { "include_usage": true } }));
    let chunks = post(&provider, &asked).chunks();
    assert_eq!(chunks.last().unwrap()["choices"], json!([]));
    assert_eq!(chunks.iter().filter(|chunk| chunk["usage"].is_object()).count(), 2);
    let unasked = post(&provider, &request(json!({}))).chunks();
    assert_eq!(unasked.iter().filter(|chunk| chunk["usage"].is_object()).count(), 1);
}

#[test]
fn tool_calls_are_split_and_interleaved_by_index() {
    let step = Step::call("read", json!({ "path": "a.rs" })).split(&[3, 2]).and_call("read", json!({ "path": "b.rs" }));
    let step = step.split(&[4]).interleaved();
    let answer = post(&FakeProvider::start(Scenario::new().step(step)), &with_tools(json!({})));
    assert_eq!(answer.finish(), "tool_calls");
    let deltas: Vec<Value> =
        answer.chunks().iter().map(|c| c["choices"][0]["delta"]["tool_calls"][0].clone()).collect();
    let calls: Vec<&Value> = deltas.iter().filter(|call| call.is_object()).collect();
    let order: Vec<u64> = calls.iter().filter_map(|call| call["index"].as_u64()).collect();
    assert_eq!(order, [0, 1, 0, 1, 0, 1, 0]);
    let joined = |index: u64| -> String {
        let mine = calls.iter().filter(|call| call["index"] == index);
        mine.filter_map(|call| call["function"]["arguments"].as_str()).collect()
    };
    assert_eq!((joined(0).as_str(), joined(1).as_str()), (r#"{"path":"a.rs"}"#, r#"{"path":"b.rs"}"#));
    let ids: Vec<&str> = calls.iter().filter_map(|call| call["id"].as_str()).collect();
    assert_eq!(ids.len(), 2, "an id comes once per index");
    assert!(ids[0].starts_with("call_00_") && ids[1].starts_with("call_01_") && ids[0] != ids[1], "{ids:?}");
}

#[test]
fn broken_arguments_go_out_verbatim() {
    let step = Step::call("read", "{\"path\": ");
    let answer = post(&FakeProvider::start(Scenario::new().step(step)), &with_tools(json!({ "stream": false })));
    assert_eq!(answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{\"path\": ");
}

#[test]
fn a_reply_that_is_not_streamed_is_one_object() {
    let provider = FakeProvider::start(Scenario::new().step(Step::text("answer").reasoning("why")));
    let answer = post(&provider, &request(json!({ "stream": false })));
    let choice = &answer.json()["choices"][0];
    assert_eq!(choice["message"], json!({ "role": "assistant", "content": "answer", "reasoning_content": "why" }));
    assert_eq!(choice["finish_reason"], "stop");
    let usage = &answer.json()["usage"];
    let number = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(number("prompt_tokens"), number("prompt_cache_hit_tokens") + number("prompt_cache_miss_tokens"));
    assert_eq!(number("total_tokens"), number("prompt_tokens") + number("completion_tokens"));
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 1);
    assert_eq!(usage["completion_tokens"], 3);
}

#[test]
fn an_output_limit_cuts_the_text_and_says_so() {
    let provider = FakeProvider::start(Scenario::new().text("twelve chars"));
    let answer = post(&provider, &request(json!({ "max_tokens": 2 })));
    assert_eq!((answer.joined("content").as_str(), answer.finish().as_str()), ("twelve c", "length"));
}

#[test]
fn any_finish_reason_can_be_scripted() {
    for reason in ["content_filter", "length", "insufficient_system_resource", "aborted"] {
        let provider = FakeProvider::start(Scenario::new().step(Step::text("partial").finish(reason)));
        let answer = post(&provider, &request(json!({})));
        assert_eq!((answer.joined("content").as_str(), answer.finish().as_str()), ("partial", reason));
    }
}

#[test]
fn token_counts_and_model_name_can_be_scripted() {
    let tokens = Tokens { hit: 9600, miss: 400, completion: 500, reasoning: 0 };
    let step = Step { model: Some("deepseek-other".to_owned()), ..Step::text("x").tokens(tokens) };
    let body = post(&FakeProvider::start(Scenario::new().step(step)), &request(json!({ "stream": false }))).json();
    assert_eq!(body["model"], "deepseek-other");
    assert_eq!(body["usage"]["prompt_tokens"], 10_000);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 9600);
}

#[test]
fn steps_are_taken_in_order_by_fit_and_then_the_echo_answers() {
    let scenario = Scenario::new().step(Step::text("for tools").when_role("tool")).text("one");
    let provider = FakeProvider::start(scenario.step(Step::text("two").when_contains("hi").times(2)));
    let next = || post(&provider, &request(json!({}))).joined("content");
    assert_eq!([next(), next(), next(), next()], ["one", "two", "two", "echo: hi"]);
    provider.push(Step::text("pushed"));
    assert_eq!(next(), "pushed");
    provider.play(Scenario::new().step(Step::text("for ever").times(0)));
    assert_eq!([next(), next()], ["for ever", "for ever"]);
}

#[test]
fn a_connection_carries_many_requests() {
    let provider = FakeProvider::start(Scenario::new());
    let mut client = Client::new(&provider);
    for _ in 0..3 {
        client.send("POST", "/chat/completions", provider.key(), request(json!({})).to_string().as_bytes());
        assert_eq!(client.read().status, 200);
        client.send("GET", "/user/balance", provider.key(), b"");
        assert_eq!(client.read().status, 200);
    }
    assert!(provider.requests().iter().all(|request| request.connection == 1));
}

#[test]
fn models_and_balances_have_their_shapes() {
    let provider = FakeProvider::start(Scenario::new());
    let models = get(&provider, "/models").json();
    assert_eq!(models["object"], "list");
    assert_eq!(models["data"][0], json!({ "id": "deepseek-flash", "object": "model", "owned_by": "deepseek" }));
    assert_eq!(get(&provider, "/user/balance").json()["balance_infos"][0]["total_balance"], "12.50");
    let empty = Balance { available: true, infos: Vec::new() };
    let provider = FakeProvider::start_with(Options { balance: empty, ..Options::default() });
    assert_eq!(get(&provider, "/user/balance").json(), json!({ "is_available": true, "balance_infos": [] }));
}

fn hit(provider: &FakeProvider, user_id: &str, messages: &Value) -> (u64, u64) {
    let fields = json!({ "stream": false, "user_id": user_id, "messages": messages });
    let usage = post(provider, &request(fields)).json()["usage"].clone();
    (usage["prompt_cache_hit_tokens"].as_u64().unwrap(), usage["prompt_cache_miss_tokens"].as_u64().unwrap())
}

#[test]
fn the_cache_hits_whole_units_of_the_same_user() {
    let provider = FakeProvider::start(Scenario::new().text("first answer"));
    let system = json!({ "role": "system", "content": "s".repeat(400) });
    let ask = |text: &str| json!({ "role": "user", "content": text });
    let (none, all) = hit(&provider, "a", &json!([system, ask("one")]));
    assert_eq!(none, 0);
    let answer = json!({ "role": "assistant", "content": "first answer", "reasoning_content": "" });
    let (continued, _) = hit(&provider, "a", &json!([system, ask("one"), answer, ask("more")]));
    assert!(continued > all, "the continuation finds input and output: {continued} of {all}");
    assert_eq!(hit(&provider, "a", &json!([system, ask("two")])).0, 0, "a partial match of a unit is no hit");
    let (shared, _) = hit(&provider, "a", &json!([system, ask("three")]));
    assert!(shared >= 100, "the common prefix became a unit: {shared}");
    assert_eq!(hit(&provider, "b", &json!([system, ask("one")])).0, 0, "another user shares nothing");
    let mut changed = system.clone();
    changed["content"] = json!("t".repeat(400));
    assert_eq!(hit(&provider, "a", &json!([changed, ask("one")])).0, 0, "a changed prefix loses everything");
}
