//! The call about two questions: known by its message, held to its shape, answered as the scenario says.

use serde_json::{Value, json};
use tests::provider::{FakeProvider, Scenario, Step, Verdict};

use crate::raw::{post, request};

fn asking(fields: Value) -> Value {
    let pair = json!({ "same_question": { "a": "what is it?", "b": "what is that?" } }).to_string();
    let mut body = request(json!({
        "messages": [{ "role": "system", "content": "one word" }, { "role": "user", "content": pair }],
        "thinking": { "type": "disabled" }, "max_tokens": 8,
    }));
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[test]
fn the_scenario_says_the_word_and_no_step_is_used_up() {
    for (verdict, word) in [(Verdict::Yes, "yes"), (Verdict::No, "no"), (Verdict::Doubt, "perhaps")] {
        let provider = FakeProvider::start(Scenario::new().text("a step").verdict(verdict));
        assert_eq!(post(&provider, &asking(json!({}))).joined("content"), word);
        let pair = provider.chats()[0].verdict().unwrap();
        assert_eq!(pair, ("what is it?".to_owned(), "what is that?".to_owned()));
        let other = json!({ "messages": [{ "role": "user", "content": "what is it?" }] });
        assert_eq!(post(&provider, &request(other)).joined("content"), "a step");
        assert!(provider.chats()[1].verdict().is_none());
    }
    let broken = FakeProvider::start(Scenario::new().verdict(Verdict::Error));
    assert_eq!(post(&broken, &asking(json!({}))).status, 500);
    let scripted = FakeProvider::start(Scenario::new().step(Step::text("as any other")));
    assert_eq!(post(&scripted, &asking(json!({}))).joined("content"), "as any other");
}

#[test]
fn a_call_that_is_larger_than_it_must_be_is_refused() {
    let provider = FakeProvider::start(Scenario::new().verdict(Verdict::Yes));
    let tool = json!([{ "type": "function", "function": { "name": "a", "parameters": { "type": "object" } } }]);
    let more = r#"{"same_question":{"a":"x","b":"y","c":"z"}}"#;
    for (fields, rule) in [
        (json!({ "max_tokens": 100 }), "one word"),
        (json!({ "max_tokens": null }), "one word"),
        (json!({ "thinking": { "type": "enabled" } }), "does not think"),
        (json!({ "tools": tool }), "no tools"),
        (json!({ "messages": [{ "role": "user", "content": more }] }), "two texts"),
    ] {
        let answer = post(&provider, &asking(fields.clone()));
        assert_eq!(answer.status, 400, "{fields}");
        assert!(answer.error().contains(rule), "{fields}: {}", answer.error());
    }
}

#[test]
fn a_scenario_file_names_the_verdict() {
    let scenario: Scenario = serde_json::from_str(r#"{ "verdict": "doubt" }"#).unwrap();
    assert_eq!(scenario.verdict, Some(Verdict::Doubt));
    assert!(serde_json::from_str::<Scenario>(r#"{ "verdict": "maybe" }"#).is_err());
}
