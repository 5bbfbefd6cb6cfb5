//! What a file looks like, and what none of them holds.

use std::collections::BTreeSet;

use crate::{Source, assert_none, document, is_test_file, root, rust, sources};

/// Lines of a file without its tests. The house says "about 500".
const LINES_MAX: usize = 500;
/// The hosts that the repository may name in a URL: the provider, public pages, and what tests make up. Nobody's
/// mirror, nobody's intranet.
const HOSTS: [&str; 4] = ["github.com", "api.deepseek.com", "json-schema.org", "www.apache.org"];
/// What recognises addresses that hold a secret names the public services whose addresses do, and tests it with them:
/// there a host is product data.
const RECOGNISERS: [&str; 2] = ["agentd/src/redact/kinds/", "agentd/src/redact/structure/"];

#[test]
fn no_file_is_longer_than_one_noun_needs() {
    let mut broken = Vec::new();
    for source in rust(&["proto/", "agentd/", "agentctl/", "tests/"]) {
        // A file of tests beside the code is that file's tests.
        let tests = is_test_file(&source.path) && source.path.contains("/src/");
        let lines = if tests { 0 } else { source.code().count() };
        if lines > LINES_MAX {
            broken.push(format!("{}: {lines} lines", source.path));
        }
    }
    assert_none("a file has at most 500 lines without its tests", &broken);
}

#[test]
fn every_file_says_first_what_it_is() {
    let starts = |source: &&Source| !source.text.starts_with("//!") && !source.path.ends_with("/tests.rs");
    let broken: Vec<String> =
        rust(&["proto/", "agentd/", "agentctl/", "tests/"]).iter().filter(starts).map(|one| one.path.clone()).collect();
    assert_none("a module starts with what it owns", &broken);
}

#[test]
fn nothing_is_left_to_be_done_later() {
    // Put together here, so that this file does not hold them.
    let words = [("TO", "DO"), ("FIX", "ME"), ("X", "XX"), ("todo", "!("), ("unimple", "mented!(")]
        .map(|(a, b)| format!("{a}{b}"));
    let mut broken = Vec::new();
    for source in sources().iter().filter(|one| !one.path.ends_with("Cargo.lock")) {
        for (number, line) in (1..).zip(source.text.lines()) {
            if let Some(word) = words.iter().find(|word| has_word(line, word)) {
                broken.push(format!("{}:{number} {word}", source.path));
            }
        }
    }
    assert_none("what is committed is done", &broken);
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let closed = word.ends_with('(') || !letter(line[at + word.len()..].chars().next());
        !letter(line[..at].chars().next_back()) && closed
    })
}

#[test]
fn no_file_names_a_machine_or_somebodys_network() {
    let places = [("/wo", "rk/"), ("/ro", "ot/")].map(|(a, b)| format!("{a}{b}"));
    let mut broken = Vec::new();
    for source in sources() {
        let recognises = RECOGNISERS.iter().any(|dir| source.path.starts_with(dir));
        for (number, line) in (1..).zip(source.text.lines()) {
            let at = format!("{}:{number}", source.path);
            broken.extend(places.iter().filter(|place| line.contains(*place)).map(|place| format!("{at} {place}")));
            if recognises {
                continue;
            }
            broken.extend(hosts(line).filter(|host| !is_known(host)).map(|host| format!("{at} {host}")));
        }
    }
    assert_none("a committed file names public hosts and made-up ones only", &broken);
}

/// Hosts of the line's URLs.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-.@:_".contains(c)).unwrap_or(rest.len());
        let host = rest[..end].rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let host = host.trim_end_matches('.');
        (!host.is_empty()).then_some(host)
    })
}

/// Ours, a number, a name reserved for examples, or no name that a network would resolve.
fn is_known(host: &str) -> bool {
    let reserved = ["example.com", "example.org", "example.net", "example", "invalid", "localhost"];
    HOSTS.contains(&host)
        || !host.contains('.')
        || host.split('.').all(|part| part.parse::<u8>().is_ok())
        || reserved.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

#[test]
fn packages_come_from_the_public_registry_only() {
    let lock = document("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    let public = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
    assert_eq!(sources, BTreeSet::from([public]));
    assert!(!root().join(".cargo/config.toml").exists(), "a committed cargo configuration redirects everybody");
}
