//! Words that often stand for one another, for the ranking of candidates only.
//!
//! Loose on purpose: a word here makes nothing the same as anything, it only brings a question before whoever can tell.

use std::{collections::HashMap, sync::OnceLock};

use super::{rules::Rules, term};

pub(super) const RELATED: &str = include_str!("rules/related.txt");

/// The groups that a class is in.
pub(super) fn groups_of(class: &str) -> &'static [u32] {
    static GROUPS: OnceLock<HashMap<String, Vec<u32>>> = OnceLock::new();
    GROUPS.get_or_init(read).get(class).map_or(&[], Vec::as_slice)
}

fn read() -> HashMap<String, Vec<u32>> {
    let rules = Rules::builtin();
    let mut all: HashMap<String, Vec<u32>> = HashMap::new();
    let says = |line: &&str| !line.starts_with('#') && !line.starts_with("version ") && !line.is_empty();
    for (number, line) in RELATED.lines().filter(says).enumerate() {
        let group = term(&format!("~{number}"));
        for word in line.split_whitespace() {
            let groups = all.entry(rules.class_of(word)).or_default();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    all
}
