//! Near-misses that differ only in words which never reach the canonical form.

use super::*;

fn served(pairs: &[(&str, &str)]) -> Vec<String> {
    let same = |a: &str, b: &str| compare(&Question::new(a), &Question::new(b)) == Match::Same;
    let broken = pairs.iter().filter(|(a, b)| same(a, b) || same(b, a));
    broken.map(|(a, b)| format!("{a} | {b}")).collect()
}

#[test]
fn a_preposition_that_stands_alone_is_heard() {
    let pairs = [
        ("where is staging deployed from", "where is staging deployed to"),
        ("what does the hook wait for", "what does the hook wait on"),
        ("what's in the ledger", "what's the ledger"),
        ("is the token in the header", "is the header in the token"),
        ("what is new in main", "what is the new main"),
    ];
    assert_eq!(served(&pairs), [""; 0]);
}

#[test]
fn what_is_done_again_is_not_what_has_been_or_is_being_done() {
    let pairs = [
        ("is the ledger rebuilt nightly", "has the ledger been rebuilt nightly"),
        ("is the ledger being rebuilt", "is the ledger rebuilt"),
        ("what would happen if the broker went down", "what happened when the broker went down"),
        ("what made the deploy fail", "what makes the deploy fail"),
    ];
    assert_eq!(served(&pairs), [""; 0]);
}

#[test]
fn the_bytes_of_a_name_count() {
    let pairs = [
        ("explain fold_row", "explain fold_row_"),
        ("explain fold_row", "explain foldRow"),
        ("what does Rows.load do", "what does rows.load do"),
        ("what is /api/Users for", "what is /api/users for"),
        ("where is HTTPPump built", "where is HttpPump built"),
        ("what does FoldRow return", "what does foldrow return"),
    ];
    assert_eq!(served(&pairs), [""; 0]);
    let lazy = compare(&Question::new("explain Pump.rs"), &Question::new("explain pump.rs"));
    assert_eq!(lazy, Match::Same, "file names are typed as it comes");
}

#[test]
fn the_kind_of_a_name_and_parts_of_compounds_are_heard() {
    let pairs = [
        ("where is the fold_row trait", "where is the fold_row struct"),
        ("how do I run the system tests", "how do I run the tests"),
        ("what is the error code of the lexer", "what is the error of the lexer"),
        ("how do I run a migration", "how do I run migrations"),
        ("where is the parsed manifest", "where is the manifest parsed"),
    ];
    assert_eq!(served(&pairs), [""; 0]);
}

#[test]
fn words_that_narrow_are_heard() {
    let pairs = [
        ("does make run just the unit tests", "does make run the unit tests"),
        ("are jobs delivered exactly once", "are jobs delivered once"),
        ("does the sweep touch existing rows", "does the sweep touch rows"),
        ("how do I run specific tests", "how do I run tests"),
        ("who only reads the ledger", "who reads only the ledger"),
        ("what is the largest file size", "what is the maximum file size"),
    ];
    assert_eq!(served(&pairs), [""; 0]);
}

#[test]
fn a_denial_may_not_change_sides() {
    let pairs = [
        ("what does main have that dev doesn't", "what does dev have that main doesn't"),
        ("which pages are not cached and public", "which pages are cached and not public"),
        ("is the flag on", "is there a flag"),
        ("what can I delete", "what can you delete"),
        ("what opens the port", "what port is open"),
        ("is the shim running", "does the shim run"),
        ("whose shim is used", "who uses the shim"),
        ("is fold_a part of fold_b", "is fold_b part of fold_a"),
        ("what limits the row size", "what is the row size limit"),
    ];
    assert_eq!(served(&pairs), [""; 0]);
}

#[test]
fn a_topic_is_no_command() {
    let topics = [
        "build instructions for the shim",
        "kill switch for the mailer?",
        "do we store amounts as cents, floats or decimals?",
        "executing a single test in this repo",
    ];
    let wrong = topics.into_iter().filter(|text| Question::new(text).asks_for_change());
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}
