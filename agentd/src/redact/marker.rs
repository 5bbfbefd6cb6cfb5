//! The markers that stand in place of secrets: `[REDACTED]`, and `[REDACTED:7]` towards the model.
//!
//! Owns how a marker reads. `[REDACTED:kind]`, as the audit writes it, is a marker too: whatever looks like one is
//! treated as one when a text is about to be written.

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::LazyLock};

use memchr::memmem::Finder;

/// What stands in place of a secret in stores and logs.
pub const MARKER: &str = "[REDACTED]";
/// How every marker begins.
pub(super) const OPEN: &str = "[REDACTED";
/// Longest name or number within a marker. What is longer is somebody's text.
const INSIDE_MAX: usize = 64;

/// True when the text holds something that reads as one of our markers.
pub fn has_marker(text: &str) -> bool {
    text.contains(OPEN)
}

/// True when markers make up more than half of what is not blank: the text was mostly secrets.
pub fn is_mostly_markers(text: &str) -> bool {
    let hidden: usize = markers(text).map(|found| found.text.len()).sum();
    let blank: usize = text.chars().filter(|c| c.is_whitespace()).map(char::len_utf8).sum();
    hidden * 2 > text.len() - blank
}

/// The text with its numbered markers counted from 1 in the order they appear: what a text says in one conversation and
/// in the next becomes the same. Which hidden values are equal stays visible.
pub fn renumbered(text: &str) -> Cow<'_, str> {
    let (mut out, mut done, mut numbers) = (String::new(), 0, HashMap::new());
    for found in markers(text) {
        let Some(number) = found.number else { continue };
        let next = numbers.len() + 1;
        let number = *numbers.entry(number).or_insert(next);
        out.push_str(text.get(done..found.start).unwrap_or_default());
        out.push_str(&format!("{OPEN}:{number}]"));
        done = found.start + found.text.len();
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// A marker in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'t> {
    /// First byte.
    pub(super) start: usize,
    /// As it stands there.
    pub(super) text: &'t str,
    /// Its number, when it is a numbered one.
    pub(super) number: Option<usize>,
}

/// The markers of a text, in order.
pub(super) fn markers(text: &str) -> impl Iterator<Item = Found<'_>> {
    text.match_indices(OPEN).filter_map(|(start, _)| {
        let text = text.get(start..end(&|at| text.as_bytes().get(at).copied(), start)?)?;
        let name = text.strip_prefix(OPEN)?.strip_prefix(':').and_then(|name| name.strip_suffix(']'));
        let number = name.filter(|name| !name.starts_with('0')).and_then(|name| name.parse().ok());
        Some(Found { start, text, number })
    })
}

/// Where the marker ends that begins at `start`, if one does.
pub(super) fn end(at: &impl Fn(usize) -> Option<u8>, start: usize) -> Option<usize> {
    if !OPEN.bytes().zip(start..).all(|(byte, place)| at(place) == Some(byte)) {
        return None;
    }
    let mut end = start + OPEN.len();
    if at(end) == Some(b':') {
        let name = (1..=INSIDE_MAX).take_while(|place| at(end + place).is_some_and(is_inside)).count();
        end += if name > 0 { name + 1 } else { 0 };
    }
    (at(end) == Some(b']')).then_some(end + 1)
}

/// Where markers begin; at the end of the bytes also where one may begin that is cut there.
pub(super) fn starts(bytes: &[u8]) -> Vec<usize> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(OPEN));
    let mut starts: Vec<usize> = FINDER.find_iter(bytes).collect();
    let tail = bytes.len().saturating_sub(OPEN.len() - 1);
    let cut = |at: &usize| bytes.get(*at..).is_some_and(|tail| OPEN.as_bytes().starts_with(tail));
    starts.extend((tail..bytes.len()).find(cut));
    starts
}

/// True when the bytes end before it is clear whether a marker begins at `at`.
pub(super) fn may_begin(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.len() < OPEN.len() && OPEN.as_bytes().starts_with(rest))
}

/// True when a marker stands directly before or behind a range.
pub(super) fn touches(bytes: &[u8], range: &Range<usize>) -> bool {
    let behind = bytes.get(range.end..).is_some_and(|rest| rest.starts_with(OPEN.as_bytes()));
    let first = range.start.saturating_sub(OPEN.len() + INSIDE_MAX + 2);
    let before = bytes.get(first..range.start).filter(|before| before.ends_with(b"]")).unwrap_or_default();
    behind || starts(before).iter().any(|at| end(&|at| before.get(at).copied(), *at) == Some(before.len()))
}

fn is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_one_conversation_become_those_of_any() {
        let text = "a [REDACTED:7] [REDACTED] [REDACTED:3] [REDACTED:7] [REDACTED:key] z";
        assert_eq!(renumbered(text), "a [REDACTED:1] [REDACTED] [REDACTED:2] [REDACTED:1] [REDACTED:key] z");
        assert_eq!(renumbered(&renumbered(text)), renumbered(text));
        assert_ne!(renumbered("[REDACTED:1] [REDACTED:1]"), renumbered("[REDACTED:1] [REDACTED:2]"));
        assert_eq!(renumbered("nothing"), "nothing");
    }

    #[test]
    fn markers_are_found_with_their_numbers_and_look_alikes_are_not() {
        let text = "a [REDACTED] [REDACTED:12] [REDACTED:aws-key] [REDACTED [REDACTED: ] [REDACTED:01]";
        let found: Vec<_> = markers(text).map(|found| (found.text, found.number)).collect();
        assert_eq!(
            found,
            [("[REDACTED]", None), ("[REDACTED:12]", Some(12)), ("[REDACTED:aws-key]", None), ("[REDACTED:01]", None)]
        );
        assert_eq!(markers(&format!("[REDACTED:{}]", "a".repeat(65))).count(), 0);
        assert!(is_mostly_markers(" [REDACTED]\n  key: \n") && is_mostly_markers("[REDACTED:1]"));
        assert!(!is_mostly_markers("") && !is_mostly_markers("the key [REDACTED] is old"));
        assert!(markers(text).all(|found| text[found.start..].starts_with(found.text)));
    }
}
