//! What is left alone: text without a secret stays as it is, to the letter.

use std::collections::BTreeMap;

use crate::{NEGATIVES, find, wants_report};

/// Classes in which nothing at all may be changed.
const NEVER: [&str; 7] = ["sha", "uuid", "digest", "public", "certificate", "markers", "url"];

/// The changed texts by class, each with the kinds and the words that were hidden.
fn changed() -> BTreeMap<&'static str, Vec<String>> {
    let mut by_class: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for record in NEGATIVES.iter() {
        let found = find(&record.text);
        if !found.is_empty() {
            let hidden = found.iter().map(|one| format!("{}: {:?}", one.kind, &record.text[one.start..one.end]));
            let line = format!("{:?} in {:?}", hidden.collect::<Vec<_>>(), record.text);
            by_class.entry(record.class.as_str()).or_default().push(line);
        }
    }
    by_class
}

#[test]
fn clean_text_stays_as_it_is() {
    let changed = changed();
    let count: usize = changed.values().map(Vec::len).sum();
    if wants_report() {
        println!("{count} of {} clean texts changed\n{changed:#?}", NEGATIVES.len());
    }
    assert!(count * 1000 <= NEGATIVES.len() * 3, "{count} of {} changed: {changed:#?}", NEGATIVES.len());
}

#[test]
fn digests_and_identifiers_of_machines_are_never_taken_for_secrets() {
    let mut changed = changed();
    changed.retain(|class, _| NEVER.contains(class));
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn code_about_passwords_and_tokens_is_left_alone() {
    let blocks = NEGATIVES.iter().filter(|record| record.class == "code").count();
    let changed = changed().remove("code").unwrap_or_default();
    assert!(changed.len() * 173 <= blocks, "{} of {blocks}: {changed:#?}", changed.len());
}
