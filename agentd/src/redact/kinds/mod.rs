//! The table of kinds: everything that is recognised without being told.
//!
//! Owns the rows, by family, as constant data; `agentctl redact rules` lists them and the engine builds its automaton
//! from them. Three ways to know a secret:
//! - [`Rule::Shape`]: the bare value says what it is, by its prefix, infix or layout;
//! - [`Rule::Near`]: the value is of a service's usual form and the service's name stands in the identifier beside it;
//! - [`Rule::Code`]: hand-written checks of the engine, listed here so that the list is whole.
//!
//! Refuses anything that fits ordinary text: a row without a prefix names a service, and a weak prefix asks for a value
//! that looks random. No row and no test holds a literal that could be taken for a live token.
//!
//! Invariants: an id is unique and stays once released, since audit entries name it; every pattern is in the language
//! of `pattern` and a shape has an anchor of at least three bytes (tests).

mod ai;
mod apps;
mod build;
mod chat;
mod cloud;
mod code;
mod crypto;
mod data;
mod discord;
mod forms;
mod infra;
mod models;
mod money;
mod services;

use std::sync::LazyLock;

use super::table::coded;

/// Rises when a row is added, removed or changed: a text that was checked with an older table may be checked again.
pub const VERSION: u32 = 1;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Short name in kebab case: what audit, metrics and `redact rules` show.
    pub id: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// How it is recognised.
    pub rule: Rule,
    /// The value must also look random: digits among letters, no word. For weak prefixes and general forms.
    pub random: bool,
    /// The value ends where its pattern ends: a further byte of a token means that it is something else.
    pub exact: bool,
}

/// How a kind is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The bare value: patterns of its form.
    Shape(&'static [&'static str]),
    /// A service's name in the identifier left of an operator, and a value of one of these forms right of it.
    Near {
        /// Lower-case names; letter case does not matter in the text.
        words: &'static [&'static str],
        /// Patterns of the whole value.
        values: &'static [&'static str],
    },
    /// What no pattern describes: values behind a sensitive word, keys in armour, addresses, whole lines.
    Code,
}

impl Kind {
    const fn random(self) -> Self {
        Self { random: true, ..self }
    }

    const fn exact(self) -> Self {
        Self { exact: true, ..self }
    }
}

/// The bare value is recognisable.
const fn shape(id: &'static str, title: &'static str, patterns: &'static [&'static str]) -> Kind {
    Kind { id, title, rule: Rule::Shape(patterns), random: false, exact: false }
}

/// A service's name beside a value of its usual form.
const fn near(
    id: &'static str,
    title: &'static str,
    words: &'static [&'static str],
    values: &'static [&'static str],
) -> Kind {
    Kind { id, title, rule: Rule::Near { words, values }, random: true, exact: true }
}

/// A row for what the engine checks by hand.
const fn by_hand(id: &'static str, title: &'static str) -> Kind {
    Kind { id, title, rule: Rule::Code, random: false, exact: false }
}

/// An exact value: see `known`.
pub(super) const KNOWN: Kind = by_hand("known-value", "Value that the daemon itself holds");
/// Encoded text: see `encoded`.
pub(super) const ENCODED: Kind = by_hand("encoded", "Encoded text that holds a secret");

/// All rows, in the order of their families.
pub fn all() -> &'static [Kind] {
    static ALL: LazyLock<Vec<Kind>> = LazyLock::new(|| {
        [
            models::KINDS,
            ai::KINDS,
            cloud::KINDS,
            code::KINDS,
            build::KINDS,
            chat::KINDS,
            money::KINDS,
            data::KINDS,
            infra::KINDS,
            apps::KINDS,
            crypto::KINDS,
            services::KINDS,
        ]
        .concat()
        .into_iter()
        .chain(coded().map(|coded| by_hand(coded.id, coded.title)))
        .chain([KNOWN, ENCODED])
        .collect()
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::redact::pattern::{Pattern, sample::Numbers};

    /// Every pattern of the table with the id of its row.
    fn patterns() -> impl Iterator<Item = (&'static str, &'static str)> {
        all().iter().flat_map(|kind| {
            let patterns: &[&str] = match kind.rule {
                Rule::Shape(patterns) => patterns,
                Rule::Near { values, .. } => values,
                Rule::Code => &[],
            };
            patterns.iter().map(|pattern| (kind.id, *pattern))
        })
    }

    fn matched(pattern: &Pattern, text: &str) -> Option<usize> {
        pattern.match_whole(&|i| text.as_bytes().get(i).copied(), 0)
    }

    #[test]
    fn the_table_is_wide_enough() {
        let count = |test: fn(&Rule) -> bool| all().iter().filter(|kind| test(&kind.rule)).count();
        assert!(count(|rule| matches!(rule, Rule::Shape(_))) >= 190);
        assert!(count(|rule| matches!(rule, Rule::Near { .. })) >= 300);
    }

    #[test]
    fn an_id_stands_once_and_is_kebab_case() {
        let mut ids = BTreeSet::new();
        for kind in all() {
            assert!(ids.insert(kind.id), "{} stands twice", kind.id);
            assert!(kind.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", kind.id);
            assert!(!kind.title.is_empty() && kind.title.len() <= 80, "{}", kind.id);
        }
    }

    #[test]
    fn a_pattern_stands_in_one_row_only() {
        let mut seen = BTreeSet::new();
        for kind in all() {
            if let Rule::Shape(patterns) = kind.rule {
                for pattern in patterns {
                    assert!(seen.insert(pattern), "{}: {pattern}", kind.id);
                }
            }
        }
    }

    #[test]
    fn every_pattern_is_in_the_language() {
        let faults: Vec<_> =
            patterns().filter_map(|(id, pattern)| Some((id, pattern, Pattern::parse(pattern).err()?))).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }

    #[test]
    fn a_shape_has_an_anchor_that_ordinary_text_does_not_hold_everywhere() {
        let shapes = all().iter().filter_map(|kind| match kind.rule {
            Rule::Shape(patterns) => Some(patterns),
            _ => None,
        });
        let short: Vec<_> =
            shapes.flatten().filter(|pattern| Pattern::parse(pattern).unwrap().anchor().len() < 3).collect();
        assert!(short.is_empty(), "{short:#?}");
    }

    #[test]
    fn a_name_is_lower_case_and_no_shorter_than_three_bytes() {
        for kind in all() {
            if let Rule::Near { words, values } = kind.rule {
                assert!(!words.is_empty() && !values.is_empty(), "{}", kind.id);
                for word in words {
                    assert!(word.len() >= 3 && *word == word.to_ascii_lowercase(), "{}: {word}", kind.id);
                }
            }
        }
    }

    #[test]
    fn a_generated_value_matches_and_the_regex_crate_agrees_on_it_and_on_its_mutants() {
        let mut numbers = Numbers(11);
        for (id, source) in patterns() {
            let pattern = Pattern::parse(source).unwrap();
            let oracle = regex::Regex::new(&format!("^(?:{source})")).unwrap();
            for round in 0..4 {
                let whole = pattern.sample(&mut numbers);
                assert_eq!(matched(&pattern, &whole), Some(whole.len()), "{id}: {source}");
                let mut mutant = whole.into_bytes();
                let place = numbers.below(mutant.len());
                if round % 2 == 0 {
                    mutant[place] = b" \n~%aZ0"[numbers.below(7)];
                } else {
                    mutant.truncate(place);
                }
                let mutant = String::from_utf8(mutant).unwrap();
                assert_eq!(matched(&pattern, &mutant), oracle.find(&mutant).map(|found| found.end()), "{id}: {source}");
            }
        }
    }

    #[test]
    fn a_shape_is_found_around_its_anchor_as_well() {
        let mut numbers = Numbers(13);
        for kind in all() {
            let Rule::Shape(patterns) = kind.rule else { continue };
            for source in patterns {
                let pattern = Pattern::parse(source).unwrap();
                let text = format!(" {} ", pattern.sample(&mut numbers));
                let at = |i: usize| text.as_bytes().get(i).copied();
                let ends = text.match_indices(pattern.anchor()).any(|(anchor, _)| {
                    pattern.match_before(&at, anchor) == Some(1)
                        && pattern.match_after(&at, anchor + pattern.anchor().len()) == Some(text.len() - 1)
                });
                assert!(ends, "{}: {source}", kind.id);
            }
        }
    }
}
