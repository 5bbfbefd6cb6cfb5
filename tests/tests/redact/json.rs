//! JSON in, JSON out: only string leaves change.

use serde_json::{Map, Value, json};
use tests::corpus::{Record, Tier};

use crate::{NEGATIVES, POSITIVES, REDACTOR, redacted};

/// The door under test. A text that is a single string or number is flat text, and stays JSON as such.
fn through(text: &str) -> String {
    REDACTOR.json_text(text).map_or_else(|| redacted(text), |(text, _)| text.to_string())
}

/// The same shape: keys, numbers, booleans, nulls and lengths; only texts may differ.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(_), Value::String(_)) => true,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same_shape(a, b))
        }
        (a, b) => a == b,
    }
}

fn wrapped(record: &Record) -> Value {
    json!({ "text": record.text, "n": 12345678901234567u64, "f": 0.1, "none": null, "list": [record.text, true, 7] })
}

#[test]
fn every_text_of_the_corpus_as_a_leaf_leaves_json_of_the_same_shape() {
    for record in POSITIVES.iter().chain(NEGATIVES.iter()).step_by(if cfg!(debug_assertions) { 3 } else { 1 }) {
        let before = wrapped(record);
        for text in [before.to_string(), serde_json::to_string_pretty(&before).unwrap()] {
            let after: Value = serde_json::from_str(&through(&text)).unwrap();
            assert!(same_shape(&before, &after), "{before} became {after}");
        }
    }
}

#[test]
fn json_that_is_a_record_itself_stays_json() {
    for record in POSITIVES.iter().chain(NEGATIVES.iter()) {
        if let Ok(before) = serde_json::from_str::<Value>(&record.text) {
            let after: Value = serde_json::from_str(&through(&record.text)).unwrap();
            assert!(same_shape(&before, &after), "{before} became {after}");
        }
    }
}

#[test]
fn a_labelled_leaf_is_hidden_as_its_key_says() {
    for key in ["password", "client_secret", "apiKey", "x-api-key", "DB_PASSWORD"] {
        let text = json!({ "user": "ada", key: "k9-Zq7.Wm3xP" }).to_string();
        assert!(!through(&text).contains("k9-Zq7"), "{text}");
    }
}

#[test]
fn a_leaf_holds_what_the_same_text_alone_would() {
    for record in POSITIVES.iter().filter(|record| record.tier == Tier::Shape && record.class != "torn").step_by(5) {
        let after: Value = serde_json::from_str(&through(&json!([record.text]).to_string())).unwrap();
        assert_eq!(after[0].as_str().unwrap(), redacted(&record.text));
    }
}

#[test]
fn numbers_and_flags_stay_whatever_their_key_says() {
    for text in [
        r#"{"password":1234567890123456,"token":null,"secret":true,"apiKey":[1.50,2e10,-0],"nested":{"pin":4711}}"#,
        "{ \"access_token_expires\" : 3600 ,\n\t\"keys\": { } }\n",
    ] {
        assert_eq!(through(text), text);
    }
}

#[test]
fn a_key_stays_unless_it_is_a_secret_itself_and_then_none_is_lost() {
    let mut map = Map::new();
    for record in POSITIVES.iter().filter(|record| record.class == "bare") {
        map.insert(record.text.clone(), Value::from(map.len()));
    }
    let (after, count) = REDACTOR.json(&Value::Object(map.clone()));
    let after = after.as_object().unwrap();
    assert!(after.values().eq(map.values()), "values stay, in their order");
    assert!(usize::try_from(count).unwrap() * 100 >= map.len() * 97, "{count} of {}", map.len());
    for key in after.keys() {
        assert!(key.contains("[REDACTED]") || map.contains_key(key), "{key}");
    }
}
