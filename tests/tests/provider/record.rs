//! The record, and scenarios from JSON.

use std::panic::catch_unwind;

use serde_json::{Value, json};
use tests::provider::{FakeProvider, Fault, Options, Outcome, Scenario, Step, TEST_KEY, UsagePlace};

use crate::raw::{DEADLINE, get, post, request};

#[test]
fn everything_is_recorded_but_the_key() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = Options { record: Some(file.path().to_owned()), ..Options::default() };
    let provider = FakeProvider::start_with(options);
    get(&provider, "/models?x=1");
    post(&provider, &request(json!({})));
    let chats = provider.wait_for_outcome(Outcome::Sent, 1, DEADLINE);
    assert_eq!(provider.requests().len(), 2);
    assert_eq!(provider.requests()[0].path, "/models");
    let chat = &chats[0];
    assert_eq!((chat.number, chat.status, chat.authorized), (2, 200, true));
    assert_eq!(chat.header("host"), Some("x"));
    assert_eq!(chat.header("authorization"), None);
    assert_eq!(chat.raw, request(json!({})).to_string().as_bytes());
    assert_eq!(chat.last_message()["content"], "hi");
    let written = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(written.lines().count(), 2);
    assert!(!written.contains(TEST_KEY) && !format!("{chats:?}").contains(TEST_KEY));
    let line: Value = serde_json::from_str(written.lines().last().unwrap()).unwrap();
    assert_eq!((&line["path"], &line["body"]["messages"][0]["content"]), (&json!("/chat/completions"), &json!("hi")));
}

#[test]
fn prefix_stability_is_judged_byte_by_byte() {
    let provider = FakeProvider::start(Scenario::new());
    let system = json!({ "role": "system", "content": "s" });
    let user = |text: &str| json!({ "role": "user", "content": text });
    for messages in [
        json!([system, user("a")]),
        json!([system, user("a"), user("b")]),
        json!([system, user("A"), user("b")]),
        json!([{ "role": "system", "content": "other" }, user("a")]),
    ] {
        post(&provider, &request(json!({ "messages": messages })));
    }
    let chats = provider.wait_for(4, DEADLINE);
    chats[0].assert_prefix_of(&chats[1]);
    chats[0].assert_same_frozen_part(&chats[2]);
    assert!(catch_unwind(|| chats[0].assert_prefix_of(&chats[2])).is_err());
    assert!(catch_unwind(|| chats[1].assert_prefix_of(&chats[0])).is_err());
    assert!(catch_unwind(|| chats[0].assert_same_frozen_part(&chats[3])).is_err());
}

#[test]
fn waiting_ends_at_its_deadline_with_a_panic() {
    let provider = FakeProvider::start(Scenario::new());
    let wait = || provider.wait_for(1, std::time::Duration::from_millis(10)).len();
    assert!(catch_unwind(std::panic::AssertUnwindSafe(wait)).is_err());
}

#[test]
fn a_scenario_survives_json() {
    let step = Step::call("read", json!({ "path": "a" })).split(&[1, 2]).reasoning("r").usage(UsagePlace::ExtraNull);
    let step = step.fault(Fault::Stall(2)).fault(Fault::Garbage(1, "x".to_owned())).fault(Fault::Bom).times(3);
    let scenario = Scenario::new().step(step).step(Step::status(503).retry_after("1"));
    let text = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&text).unwrap(), scenario);
}

#[test]
fn a_hand_written_scenario_is_read_and_a_misspelt_one_is_not() {
    let text = r#"{"steps":[{"when":{"contains":"hi"},"text":"Hello","chunk":2,"faults":["crlf",{"keep_alives":[0,2]}]},
        {"http":{"status":429,"retry_after":"1"}}],"fallback":"repo-tour"}"#;
    let scenario: Scenario = serde_json::from_str(text).unwrap();
    let provider = FakeProvider::start(scenario);
    assert_eq!(post(&provider, &request(json!({}))).joined("content"), "Hello");
    assert_eq!(post(&provider, &request(json!({}))).status, 429);
    for misspelt in [r#"{"step":[]}"#, r#"{"steps":[{"fault":[]}]}"#, r#"{"steps":[{"faults":["stal"]}]}"#] {
        assert!(serde_json::from_str::<Scenario>(misspelt).is_err(), "{misspelt}");
    }
}
