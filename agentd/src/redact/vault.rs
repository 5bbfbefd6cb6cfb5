//! Numbered markers and the values behind them, of one conversation, in RAM only; and the way back from them.
//!
//! Numbers are given in the order of first sight and never change, so a text that is shown twice is shown in the
//! same bytes. A number that some text held literally before it was given is never given, so that a marker of ours
//! and one that somebody wrote can be told apart. Nothing here is ever written, logged or sent; `Debug` shows a
//! count.
//!
//! The way back refuses rather than guesses: a value returns only into a file that holds it already (the model must
//! not be able to copy a secret that it never saw to another place), and a marker that is nobody's is written only
//! as often as it stands in the file.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex},
};

use super::marker::{MARKER, markers};
use crate::sync::lock;

/// Values of one conversation. Further ones become the plain marker: the model cannot tell them apart, no more.
const VALUES_MAX: usize = 10_000;
/// Bytes of these values together: a few are as long as a key file, most have some dozen bytes.
const BYTES_MAX: usize = 8 << 20;
/// Numbers that texts have held literally. A text that is full of them cannot fill the memory.
const TAKEN_MAX: usize = 10_000;

/// The values that a conversation's model has seen as `[REDACTED:n]`.
#[derive(Default)]
pub struct Vault(Mutex<Values>);

#[derive(Default)]
struct Values {
    numbers: HashMap<Arc<str>, usize>,
    values: HashMap<usize, Arc<str>>,
    /// Numbers that are somebody's text.
    taken: BTreeSet<usize>,
    last: usize,
    bytes: usize,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} values)", lock(&self.0).numbers.len())
    }
}

/// Why a text with markers cannot be written. Names markers, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteConflict {
    /// A numbered marker that stands for nothing in this conversation.
    #[error("{0} stands for no value of this conversation; read the file again and copy its markers as they are")]
    Unknown(String),
    /// The value is not in the file that is written.
    #[error(
        "{0} stands for a secret that this file does not hold; a secret is not copied to another place, \
         ask the user to do it"
    )]
    Elsewhere(String),
    /// The file holds both the value and the marker as text.
    #[error("the file holds both the text {0} and the value that it stands for, so it is not clear which is meant")]
    Ambiguous(String),
    /// A marker without a number where the file has none.
    #[error("{0} stands for a hidden value and is not written to a file; write around it with edit_file")]
    Placeholder(String),
    /// The new text has lost hidden values.
    #[error(
        "it would drop {0} of the file's hidden values; keep their [REDACTED:n] markers, or remove them on purpose \
         with edit_file"
    )]
    Dropped(usize),
}

impl Vault {
    /// The marker of a value.
    pub fn marker(&self, value: &str) -> String {
        let mut values = lock(&self.0);
        match values.number(value) {
            Some(number) => marker_of(number),
            None => MARKER.to_owned(),
        }
    }

    /// Notes the markers that a text holds before anything in it is replaced: their numbers are not given any more.
    pub(super) fn take_literals(&self, text: &str) {
        let mut found = markers(text).filter_map(|found| found.number).peekable();
        if found.peek().is_none() {
            return;
        }
        let mut values = lock(&self.0);
        for number in found {
            if !values.values.contains_key(&number) && values.taken.len() < TAKEN_MAX {
                values.taken.insert(number);
            }
        }
    }

    /// The first marker in the text that stands for a value of this conversation.
    pub fn first_known(&self, text: &str) -> Option<String> {
        let values = lock(&self.0);
        let mut found = markers(text);
        found
            .find(|found| found.number.is_some_and(|number| values.values.contains_key(&number)))
            .map(|found| found.text.to_owned())
    }

    /// The text that the model wrote, with the values of `file` back in place of their markers. A marker that stands
    /// literally in the file stays as it is.
    ///
    /// # Errors
    /// A marker that stands for nothing, for a value that the file does not hold, or for more than one thing.
    pub fn restore(&self, text: &str, file: &str) -> Result<String, WriteConflict> {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in markers(text) {
            let Some(number) = found.number else { continue };
            let literal = file.contains(found.text);
            let value = lock(&self.0).values.get(&number).map(Arc::clone);
            let value = match (value, literal) {
                (None, true) => continue,
                (None, false) => return Err(WriteConflict::Unknown(found.text.to_owned())),
                (Some(value), literal) => match (file.contains(&*value), literal) {
                    (true, false) => value,
                    (true, true) => return Err(WriteConflict::Ambiguous(found.text.to_owned())),
                    (false, true) => continue,
                    (false, false) => return Err(WriteConflict::Elsewhere(found.text.to_owned())),
                },
            };
            out.push_str(text.get(done..found.start).unwrap_or_default());
            out.push_str(&value);
            done = found.start + found.text.len();
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Ok(out)
    }
}

/// Each marker may stand in the new text of a file at most as often as in the old one.
///
/// # Errors
/// The marker that was added.
pub(super) fn check_markers(old: &str, new: &str) -> Result<(), WriteConflict> {
    let mut count: HashMap<&str, i64> = HashMap::new();
    markers(old).for_each(|found| *count.entry(found.text).or_default() += 1);
    for found in markers(new) {
        let left = count.entry(found.text).or_default();
        *left -= 1;
        if *left < 0 {
            return Err(WriteConflict::Placeholder(found.text.to_owned()));
        }
    }
    Ok(())
}

fn marker_of(number: usize) -> String {
    format!("[REDACTED:{number}]")
}

impl Values {
    /// The value's number, a new one if there is room.
    fn number(&mut self, value: &str) -> Option<usize> {
        if let Some(number) = self.numbers.get(value) {
            return Some(*number);
        }
        if self.numbers.len() >= VALUES_MAX || self.bytes.saturating_add(value.len()) > BYTES_MAX {
            return None;
        }
        let number = (self.last + 1..).find(|number| !self.taken.contains(number))?;
        let value: Arc<str> = value.into();
        self.last = number;
        self.bytes += value.len();
        self.values.insert(number, Arc::clone(&value));
        self.numbers.insert(value, number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_a_text_held_literally_is_never_given() {
        let vault = Vault::default();
        vault.take_literals("docs say [REDACTED:1] and [REDACTED:3]");
        assert_eq!(vault.marker("value-one"), "[REDACTED:2]");
        assert_eq!(vault.marker("value-two"), "[REDACTED:4]");
        vault.take_literals("our own: [REDACTED:2]");
        assert_eq!(vault.marker("value-one"), "[REDACTED:2]", "a number once given stays");
        assert_eq!(format!("{vault:?}"), "Vault(2 values)");
    }

    #[test]
    fn values_return_only_into_a_file_that_holds_them() {
        let vault = Vault::default();
        vault.marker("value-one");
        let restored = vault.restore("x=[REDACTED:1]; y=[REDACTED:1]", "old: value-one");
        assert_eq!(restored.as_deref(), Ok("x=value-one; y=value-one"));
        let marker = || "[REDACTED:1]".to_owned();
        assert_eq!(vault.restore("[REDACTED:1]", "nothing"), Err(WriteConflict::Elsewhere(marker())));
        assert_eq!(vault.restore("[REDACTED:9]", "nothing"), Err(WriteConflict::Unknown("[REDACTED:9]".into())));
        assert_eq!(vault.restore("[REDACTED:1]", "value-one [REDACTED:1]"), Err(WriteConflict::Ambiguous(marker())));
        assert_eq!(vault.restore("[REDACTED:1]", "has [REDACTED:1]").as_deref(), Ok("[REDACTED:1]"));
        assert_eq!(vault.restore("[REDACTED]", "").as_deref(), Ok("[REDACTED]"), "the plain one is for check_markers");
    }

    #[test]
    fn a_marker_is_never_written_more_often_than_it_stood_there() {
        check_markers("a [REDACTED] b", "b [REDACTED] a").unwrap();
        check_markers("", "no marker").unwrap();
        for (old, new) in [("", "[REDACTED]"), ("[REDACTED]", "[REDACTED][REDACTED]"), ("[REDACTED]", "[REDACTED:x]")] {
            check_markers(old, new).unwrap_err();
        }
    }

    #[test]
    fn a_full_vault_gives_the_plain_marker_and_keeps_what_it_has() {
        let vault = Vault::default();
        for number in 0..VALUES_MAX {
            vault.marker(&format!("value-{number}"));
        }
        assert_eq!(vault.marker("one-too-many"), MARKER);
        assert_eq!(vault.marker("value-0"), "[REDACTED:1]");
        let large = Vault::default();
        assert_eq!(large.marker(&"x".repeat(BYTES_MAX + 1)), MARKER);
    }
}
