//! The user's own rules and allow entries: `[redact]`.
//!
//! Owns their checking and their matching. The `regex` crate matches in linear time by construction; what is bounded
//! here is how much memory a pattern may take and how far one match may reach.
//!
//! Refuses too many rules, a pattern that is too long or compiles to too much, and one that matches the empty text:
//! it would hide nothing and be reported everywhere. All faults are reported together.
//!
//! Invariants: a match lies within one line, and within [`PIECE`] bytes of it; a finding is never empty and stands on
//! character boundaries. With a group named `secret` only that group is found.

use std::collections::HashSet;

use regex::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use super::Finding;

/// Each rule is a pass over all text; more than these would be felt in every turn.
const RULES_MAX: usize = 64;
/// A longer pattern is a list of values, which belongs to the exact values, not to a regex.
const PATTERN_MAX: usize = 1024;
/// Memory of one compiled pattern and of its lazy automaton: `\w{1000}` must fail at start, not fill the daemon.
const COMPILED_MAX: usize = 1 << 20;
/// Part of a line that is matched at once, so that a minified file of one line cannot make a match of megabytes.
const PIECE: usize = 4096;
/// The group that narrows what is replaced.
const GROUP: &str = "secret";
/// In front of the hash of an allowed value: the value itself need not stand in the configuration.
const HASHED: &str = "sha256:";

/// Compiled rules, in the order of the configuration.
#[derive(Default)]
pub(super) struct UserRules {
    rules: Vec<(String, Regex)>,
}

impl UserRules {
    /// Compiles the rules (name, pattern), or says what is wrong with each faulty one.
    pub(super) fn new(rules: &[(String, String)]) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        if rules.len() > RULES_MAX {
            faults.push(format!("{} rules: at most {RULES_MAX} are allowed", rules.len()));
        }
        let mut compiled = Vec::new();
        for (name, pattern) in rules.iter().take(RULES_MAX) {
            match compile(pattern) {
                Ok(regex) => compiled.push((name.clone(), regex)),
                Err(fault) => faults.push(format!("rule `{name}`: {fault}")),
            }
        }
        if faults.is_empty() { Ok(Self { rules: compiled }) } else { Err(faults) }
    }

    /// Appends what the rules find.
    pub(super) fn find(&self, text: &str, out: &mut Vec<Finding>) {
        if self.rules.is_empty() {
            return;
        }
        for (offset, piece) in pieces(text) {
            for (name, regex) in &self.rules {
                let narrowed = regex.capture_names().flatten().any(|group| group == GROUP);
                let add = |found: regex::Match<'_>| Finding {
                    start: offset + found.start(),
                    end: offset + found.end(),
                    kind: name.clone().into(),
                };
                if narrowed {
                    let groups = regex.captures_iter(piece).filter_map(|groups| groups.name(GROUP));
                    out.extend(groups.filter(|found| !found.is_empty()).map(add));
                } else {
                    out.extend(regex.find_iter(piece).filter(|found| !found.is_empty()).map(add));
                }
            }
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_MAX {
        return Err(format!("the pattern has {} bytes, at most {PATTERN_MAX} are allowed", pattern.len()));
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(COMPILED_MAX)
        .dfa_size_limit(COMPILED_MAX)
        .build()
        .map_err(|error| error.to_string())?;
    if regex.is_match("") { Err("the pattern matches the empty text".to_owned()) } else { Ok(regex) }
}

/// The lines of a text, long ones in pieces, each with its offset.
fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let offset = text.len() - rest.len();
        let reach = rest.get(..rest.floor_char_boundary(PIECE)).unwrap_or(rest);
        let (line, skip) = reach.find('\n').map_or((reach.len(), reach.len()), |end| (end, end + 1));
        let piece = rest.get(..line).unwrap_or_default();
        rest = rest.get(skip..).unwrap_or_default();
        Some((offset, piece.strip_suffix('\r').unwrap_or(piece)))
    })
}

/// Values that are never redacted.
#[derive(Default)]
pub(super) struct Allow {
    values: HashSet<String>,
    hashes: HashSet<[u8; 32]>,
}

impl Allow {
    /// Takes values as they are and `sha256:<64 hexadecimal digits>`, or says which entries are neither.
    pub(super) fn new(entries: &[String]) -> Result<Self, Vec<String>> {
        let mut allow = Self::default();
        let mut faults = Vec::new();
        for entry in entries {
            match entry.strip_prefix(HASHED) {
                None if entry.is_empty() => faults.push("an empty allow entry".to_owned()),
                None => _ = allow.values.insert(entry.clone()),
                Some(hex) => match hash_from(hex) {
                    Some(hash) => _ = allow.hashes.insert(hash),
                    None => faults.push("an allow entry of sha256: without 64 hexadecimal digits".to_owned()),
                },
            }
        }
        if faults.is_empty() { Ok(allow) } else { Err(faults) }
    }

    /// True when the user allowed this value.
    pub(super) fn is_allowed(&self, value: &str) -> bool {
        self.values.contains(value)
            || (!self.hashes.is_empty() && self.hashes.contains::<[u8; 32]>(&Sha256::digest(value).into()))
    }
}

fn hash_from(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&str, &str)]) -> Result<UserRules, Vec<String>> {
        let owned: Vec<_> = rules.iter().map(|(name, pattern)| ((*name).to_owned(), (*pattern).to_owned())).collect();
        UserRules::new(&owned)
    }

    fn spans(rules: &UserRules, text: &str) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        rules.find(text, &mut out);
        out.into_iter().map(|found| (found.start, found.end)).collect()
    }

    #[test]
    fn a_rule_finds_its_match_and_with_a_group_only_the_group() {
        assert_eq!(spans(&rules(&[("a", "badge-[0-9]+")]).unwrap(), "x badge-12\nbadge-3"), [(2, 10), (11, 18)]);
        assert_eq!(spans(&rules(&[("a", "pin: (?<secret>[0-9]+)")]).unwrap(), "é pin: 123 4"), [(8, 11)]);
    }

    #[test]
    fn a_match_does_not_span_lines() {
        let rules = rules(&[("a", "(?s)a.+b"), ("b", "c$")]).unwrap();
        assert_eq!(spans(&rules, "a1\n2b"), []);
        assert_eq!(spans(&rules, "xc\r\ny"), [(1, 2)]);
    }

    #[test]
    fn a_long_line_is_matched_in_pieces_on_character_boundaries() {
        let rules = rules(&[("a", "é+")]).unwrap();
        let text = format!("x{}", "é".repeat(PIECE));
        let found = spans(&rules, &text);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|&(start, end)| text.get(start..end).is_some() && end - start <= PIECE));
        assert_eq!(found.iter().map(|(start, end)| end - start).sum::<usize>(), 2 * PIECE);
    }

    #[test]
    fn all_faulty_rules_are_named_together() {
        let long = "a".repeat(PATTERN_MAX + 1);
        let faults = rules(&[("one", "("), ("two", "a*"), ("three", r"\w{5000}"), ("four", &long), ("five", "ok")]);
        let faults = faults.err().unwrap();
        assert_eq!(faults.len(), 4);
        assert!(faults.iter().zip(["one", "two", "three", "four"]).all(|(fault, name)| fault.contains(name)));
        assert_eq!(rules(&[("a", "b"); RULES_MAX + 1]).err().unwrap().len(), 1);
    }

    #[test]
    fn an_allowed_value_is_known_by_itself_or_by_its_hash() {
        let hash: String = Sha256::digest("other").iter().map(|byte| format!("{byte:02x}")).collect();
        let allow = Allow::new(&["value".to_owned(), format!("{HASHED}{hash}")]).unwrap();
        assert!(allow.is_allowed("value") && allow.is_allowed("other"));
        assert!(!allow.is_allowed("another") && !allow.is_allowed(&hash));
    }

    #[test]
    fn a_broken_allow_entry_is_refused() {
        assert_eq!(Allow::new(&[format!("{HASHED}12"), String::new()]).err().map(|faults| faults.len()), Some(2));
    }
}
