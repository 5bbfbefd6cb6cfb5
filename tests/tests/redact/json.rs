//! JSON in, JSON out: only string leaves change.

use serde_json::{Map, Value, json};
use tests::corpus::{Record, Tier};

use crate::{NEGATIVES, POSITIVES, REDACTOR, redacted};

/// The door under test; what goes in is JSON.
#[track_caller]
fn through(text: &str) -> String {
    REDACTOR.json_text(text).unwrap().0.as_str().to_owned()
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
        let after: Value = serde_json::from_str(&through(&Value::from(record.text.as_str()).to_string())).unwrap();
        assert_eq!(after.as_str().unwrap(), redacted(&record.text));
    }
}

#[test]
fn keys_and_numbers_are_never_touched() {
    let mut map = Map::new();
    for record in POSITIVES.iter().filter(|record| record.class == "bare") {
        map.insert(record.text.clone(), Value::from(1));
    }
    let text = Value::Object(map).to_string();
    assert_eq!(through(&text), text);
}
