//! The user's own rules and allow entries: `[redact]`.
//!
//! Owns their checking and their matching. The `regex` crate matches in linear time by construction; what is bounded
//! here is how much memory a pattern may take and how far one match may reach.
//!
//! Refuses a pattern that is too long or compiles to too much, and one that matches the empty text: it would hide
//! nothing and be reported everywhere. The configuration asks [`fault`] and says so with its line; here a faulty rule
//! finds nothing.
//!
//! Invariants: a match lies within one line, and within [`PIECE`] bytes of it; a finding is never empty and stands on
//! character boundaries. With a group named `secret` only that group is found.

use std::{collections::HashSet, ops::Range};

use regex::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

/// Each rule is a pass over all text; more than these would be felt in every turn.
pub const RULES_MAX: usize = 64;
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
    /// Compiles the rules (name, pattern).
    pub(super) fn new(rules: &[(String, String)]) -> Self {
        let compiled =
            rules.iter().take(RULES_MAX).filter_map(|(name, pattern)| Some((name.clone(), compile(pattern).ok()?)));
        Self { rules: compiled.collect() }
    }

    /// True when there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The name of a rule by its place.
    pub(super) fn name(&self, rule: usize) -> &str {
        self.rules.get(rule).map_or("rule", |(name, _)| name)
    }

    /// Reports what the rules find: where, and the place of the rule.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(Range<usize>, usize)) {
        for (offset, piece) in pieces(text) {
            for (rule, (_, regex)) in self.rules.iter().enumerate() {
                let narrowed = regex.capture_names().flatten().any(|group| group == GROUP);
                let mut add = |at: regex::Match<'_>| {
                    if !at.is_empty() {
                        found(offset + at.start()..offset + at.end(), rule);
                    }
                };
                if narrowed {
                    regex.captures_iter(piece).filter_map(|groups| groups.name(GROUP)).for_each(&mut add);
                } else {
                    regex.find_iter(piece).for_each(&mut add);
                }
            }
        }
    }
}

/// Why a pattern cannot be a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleFault {
    /// It has too many bytes.
    Long,
    /// It needs too much memory.
    Large,
    /// It matches the empty text, and so everywhere.
    Empty,
    /// It is no regular expression.
    Syntax,
}

/// What keeps a pattern from being a rule, if anything.
pub fn fault(pattern: &str) -> Option<RuleFault> {
    compile(pattern).err()
}

fn compile(pattern: &str) -> Result<Regex, RuleFault> {
    if pattern.len() > PATTERN_MAX {
        return Err(RuleFault::Long);
    }
    let built = RegexBuilder::new(pattern).size_limit(COMPILED_MAX).dfa_size_limit(COMPILED_MAX).build();
    match built {
        Ok(regex) if regex.is_match("") => Err(RuleFault::Empty),
        Ok(regex) => Ok(regex),
        Err(regex::Error::CompiledTooBig(_)) => Err(RuleFault::Large),
        Err(_) => Err(RuleFault::Syntax),
    }
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
    /// Takes values as they are and as `sha256:<64 hexadecimal digits>`; what only begins like that is a value.
    pub(super) fn new(entries: &[String]) -> Self {
        let mut allow = Self::default();
        for entry in entries {
            match entry.strip_prefix(HASHED).and_then(hash_from) {
                Some(hash) => _ = allow.hashes.insert(hash),
                None => _ = allow.values.insert(entry.clone()),
            }
        }
        allow
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

    fn rules(rules: &[(&str, &str)]) -> UserRules {
        let owned: Vec<_> = rules.iter().map(|(name, pattern)| ((*name).to_owned(), (*pattern).to_owned())).collect();
        UserRules::new(&owned)
    }

    fn spans(rules: &UserRules, text: &str) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        rules.find(text, |range, _| out.push((range.start, range.end)));
        out
    }

    #[test]
    fn a_rule_finds_its_match_and_with_a_group_only_the_group() {
        assert_eq!(spans(&rules(&[("a", "badge-[0-9]+")]), "x badge-12\nbadge-3"), [(2, 10), (11, 18)]);
        assert_eq!(spans(&rules(&[("a", "pin: (?<secret>[0-9]+)")]), "é pin: 123 4"), [(8, 11)]);
    }

    #[test]
    fn a_match_does_not_span_lines() {
        let rules = rules(&[("a", "(?s)a.+b"), ("b", "c$")]);
        assert_eq!(spans(&rules, "a1\n2b"), []);
        assert_eq!(spans(&rules, "xc\r\ny"), [(1, 2)]);
    }

    #[test]
    fn a_long_line_is_matched_in_pieces_on_character_boundaries() {
        let rules = rules(&[("a", "é+")]);
        let text = format!("x{}", "é".repeat(PIECE));
        let found = spans(&rules, &text);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|&(start, end)| text.get(start..end).is_some() && end - start <= PIECE));
        assert_eq!(found.iter().map(|(start, end)| end - start).sum::<usize>(), 2 * PIECE);
    }

    #[test]
    fn a_faulty_rule_is_named_and_finds_nothing() {
        let long = "a".repeat(PATTERN_MAX + 1);
        let faulty = [
            ("(", RuleFault::Syntax),
            ("a*", RuleFault::Empty),
            (r"\w{5000}", RuleFault::Large),
            (&long, RuleFault::Long),
        ];
        for (pattern, why) in faulty {
            assert_eq!(fault(pattern), Some(why), "{pattern}");
            assert!(rules(&[("n", pattern)]).is_empty());
        }
        assert_eq!(fault("ok"), None);
    }

    #[test]
    fn an_allowed_value_is_known_by_itself_or_by_its_hash() {
        let hash: String = Sha256::digest("other").iter().map(|byte| format!("{byte:02x}")).collect();
        let allow = Allow::new(&["value".to_owned(), format!("{HASHED}{hash}"), format!("{HASHED}12")]);
        assert!(allow.is_allowed("value") && allow.is_allowed("other") && allow.is_allowed("sha256:12"));
        assert!(!allow.is_allowed("another") && !allow.is_allowed(&hash));
    }
}
