//! `${VAR}` and `${VAR:-default}` in the files of other programs, as Claude Code reads them.
//!
//! A variable that is set counts, also an empty one; else the default does; else the text stays as it is. `$VAR` means
//! itself, and what was put in is not looked at again. VS Code writes `${env:VAR}` for the same.

use std::borrow::Cow;

/// A text after expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Variables that stand in it as they did, because nothing has set them.
    pub unset: Vec<String>,
}

/// One `${…}` of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The whole of it.
    pub whole: &'a str,
    /// The variable.
    pub name: &'a str,
    /// What stands for it when it is not set.
    pub default: Option<&'a str>,
}

/// A text in pieces: what stands before a reference, and the reference; the last has none.
pub fn pieces(text: &str) -> Vec<(&str, Option<Reference<'_>>)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, reference, after)) = next(rest) {
        pieces.push((before, Some(reference)));
        rest = after;
    }
    pieces.push((rest, None));
    pieces
}

fn next(text: &str) -> Option<(&str, Reference<'_>, &str)> {
    let start = text.find("${")?;
    let (before, from) = text.split_at(start);
    let (inner, after) = from.get(2..)?.split_once('}')?;
    let whole = from.get(..inner.len() + 3)?;
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    Some((before, Reference { whole, name, default }, after))
}

/// The only reference that a text consists of.
pub fn sole(text: &str) -> Option<Reference<'_>> {
    let (before, reference, after) = next(text)?;
    (before.is_empty() && after.is_empty()).then_some(reference)
}

/// Puts the values of variables into a text.
pub fn expand(text: &str, lookup: &mut dyn FnMut(&str) -> Option<String>) -> Expanded {
    let mut expanded = Expanded::default();
    for (before, reference) in pieces(text) {
        expanded.text.push_str(before);
        let Some(Reference { whole, name, default }) = reference else { continue };
        let value = lookup(name).map(Cow::Owned).or(default.map(Cow::Borrowed));
        if value.is_none() {
            expanded.unset.push(name.to_owned());
        }
        expanded.text.push_str(&value.unwrap_or(Cow::Borrowed(whole)));
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> (String, Vec<String>) {
        let mut lookup = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        };
        let Expanded { text, unset } = expand(text, &mut lookup);
        (text, unset)
    }

    #[test]
    fn only_braces_are_expanded_and_only_once() {
        for (text, want) in [
            ("${A}", "one"),
            ("x-${A}/${A}y", "x-one/oney"),
            ("${A:-two}", "one"),
            ("${B:-two}", "two"),
            ("${B:-}", ""),
            ("${B:-a:-b}", "a:-b"),
            ("${EMPTY:-two}", ""),
            ("${NESTED}", "${A}"),
            ("$A $$ $", "$A $$ $"),
            ("${A", "${A"),
            ("\u{fc}${A}\u{fc}", "\u{fc}one\u{fc}"),
        ] {
            assert_eq!(expanded(text), (want.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn an_unset_variable_without_a_default_stays_and_is_named() {
        assert_eq!(expanded("a${B}c${}"), ("a${B}c${}".to_owned(), vec!["B".to_owned(), String::new()]));
    }

    #[test]
    fn a_text_that_is_one_reference_is_told_from_one_that_holds_it() {
        assert_eq!(sole("${A:-x}").map(|one| (one.name, one.default)), Some(("A", Some("x"))));
        for text in ["", "A", "x${A}", "${A}x", "${A}${B}"] {
            assert_eq!(sole(text), None, "{text}");
        }
    }
}
