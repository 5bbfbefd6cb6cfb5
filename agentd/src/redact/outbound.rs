//! What a conversation's model is shown.
//!
//! Owns [`Outbound`], the one type of text that may go to a provider, and the [`ModelView`] that makes it: secrets are
//! numbered per conversation and counted. `redact.redact_outbound = false` weakens the view, and only it: an
//! [`Outbound`] is therefore no [`Redacted`]; what is kept or logged of it passes [`Redactor::text`] again.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::de::IgnoredAny;

use super::{Finding, Redacted, Redactor, Stream, Vault, WriteConflict, vault::check_markers};

/// Text as it goes to the provider. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Outbound(Arc<str>);

impl Outbound {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first bytes of one: what was hidden stays hidden. The whole when `length` is no end of a character.
    pub(crate) fn head_of(whole: &Self, length: usize) -> Self {
        whole.0.get(..length).map_or_else(|| whole.clone(), |head| Self(head.into()))
    }

    /// Text that the daemon itself wrote at compile time.
    pub fn from_static(text: &'static str) -> Self {
        Self(text.into())
    }
}

impl From<Redacted> for Outbound {
    fn from(text: Redacted) -> Self {
        Self(text.as_str().into())
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// How one turn's texts are shown to the model. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct ModelView {
    redactor: Redactor,
    vault: Arc<Vault>,
    hidden: Arc<AtomicU32>,
}

impl ModelView {
    /// A view that hides what the redactor finds, numbered by the vault.
    pub fn new(redactor: Redactor, vault: Arc<Vault>) -> Self {
        Self { redactor, vault, hidden: Arc::default() }
    }

    /// The same view, which counts apart: for a text that will not be shown.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { hidden: Arc::default(), ..self.clone() }
    }

    /// The text for the model. Doing it twice changes nothing.
    pub fn text(&self, text: &str) -> Outbound {
        self.counted(text).0
    }

    /// The same, and how many values are hidden in it.
    pub fn counted(&self, text: &str) -> (Outbound, u32) {
        self.vault.take_literals(text);
        let (shown, count) = self.redactor.numbered(text, &self.vault);
        self.hidden.fetch_add(count, Ordering::Relaxed);
        (shown.into(), count)
    }

    /// The same without counting: for a text of which only a part will be shown.
    pub fn uncounted(&self, text: &str) -> Outbound {
        self.vault.take_literals(text);
        self.redactor.numbered(text, &self.vault).0.into()
    }

    /// Text that is a JSON document stays one.
    pub fn json(&self, text: &str) -> Outbound {
        self.vault.take_literals(text);
        let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
        let flat = self.redactor.numbered(text, &self.vault);
        let broken = flat.1 > 0 && !is_json(flat.0.as_str());
        let whole = broken.then(|| self.redactor.json_text_numbered(text, &self.vault)).flatten();
        let (shown, count) = whole.unwrap_or(flat);
        self.hidden.fetch_add(count, Ordering::Relaxed);
        shown.into()
    }

    /// Parts of a text, each as it reads within the whole: the body of a key stays hidden where only a line of it is
    /// wanted. `None` for a range that is not one of the text.
    pub fn parts(&self, whole: &str, wanted: &[Range<usize>]) -> Vec<Option<(String, u32)>> {
        self.vault.take_literals(whole);
        let found = self.redactor.find(whole);
        wanted.iter().map(|range| self.part(whole, &found, range)).collect()
    }

    fn part(&self, whole: &str, found: &[Finding], range: &Range<usize>) -> Option<(String, u32)> {
        whole.get(range.clone())?;
        let (mut out, mut done, mut count) = (String::new(), range.start, 0);
        let first = found.partition_point(|finding| finding.end <= range.start);
        for finding in found.iter().skip(first).take_while(|finding| finding.start < range.end) {
            out.push_str(whole.get(done..finding.start.max(done)).unwrap_or_default());
            out.push_str(&self.vault.marker(whole.get(finding.start..finding.end).unwrap_or_default()));
            done = finding.end.min(range.end);
            count += 1;
        }
        out.push_str(whole.get(done..range.end).unwrap_or_default());
        self.hidden.fetch_add(count, Ordering::Relaxed);
        Some((out, count))
    }

    /// For text that comes in pieces.
    pub fn stream(&self) -> Stream {
        self.redactor.numbered_stream(Arc::clone(&self.vault))
    }

    /// Adds what a stream of this view has hidden.
    pub fn count(&self, hidden: u32) {
        self.hidden.fetch_add(hidden, Ordering::Relaxed);
    }

    /// How many values were hidden by this view and its clones.
    pub fn hidden(&self) -> u32 {
        self.hidden.load(Ordering::Relaxed)
    }

    /// The first marker in the text that stands for a value of this conversation.
    pub fn first_known(&self, text: &str) -> Option<String> {
        self.vault.first_known(text)
    }

    /// See [`Vault::restore`].
    ///
    /// # Errors
    /// See [`WriteConflict`].
    pub fn restore(&self, text: &str, file: &str) -> Result<String, WriteConflict> {
        self.vault.restore(text, file)
    }

    /// What is to be written over a file, from what the model wrote: values are back in place of their markers.
    ///
    /// # Errors
    /// See [`WriteConflict`]; also when a value is gone that was hidden from the model, which therefore cannot have
    /// meant to remove it.
    pub fn replacement(&self, text: &str, old: &str) -> Result<String, WriteConflict> {
        let new = self.restore(text, old)?;
        check_markers(old, &new)?;
        let found = self.redactor.find(old);
        let mut hidden: Vec<&str> = found.iter().filter_map(|finding| old.get(finding.start..finding.end)).collect();
        hidden.sort_unstable();
        hidden.dedup();
        match hidden.iter().filter(|value| !new.contains(**value)).count() {
            0 => Ok(new),
            dropped => Err(WriteConflict::Dropped(dropped)),
        }
    }

    /// See [`check_markers`].
    ///
    /// # Errors
    /// A marker that the old text does not hold.
    pub fn check_markers(&self, old: &str, new: &str) -> Result<(), WriteConflict> {
        check_markers(old, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k-1234567890";

    fn view() -> ModelView {
        ModelView::new(Redactor::new([KEY.to_owned()]), Arc::default())
    }

    #[test]
    fn showing_twice_changes_nothing_and_counts_once() {
        let view = view();
        let once = view.text("a k-1234567890 b");
        assert_eq!(once.as_str(), "a [REDACTED:1] b");
        assert_eq!(view.text(once.as_str()), once);
        assert_eq!(view.hidden(), 1);
    }

    #[test]
    fn a_part_reads_as_it_does_within_the_whole() {
        let (view, whole) = (view(), format!("one {KEY} two"));
        let parts = view.parts(&whole, &[0..4, 0..8, 10..20, 2..whole.len(), 3..99]);
        let texts: Vec<_> = parts.iter().map(|part| part.as_ref().map(|(text, _)| text.as_str())).collect();
        assert_eq!(
            texts,
            [Some("one "), Some("one [REDACTED:1]"), Some("[REDACTED:1] two"), Some("e [REDACTED:1] two"), None]
        );
    }

    #[test]
    fn arguments_stay_json_and_count_once() {
        let view = view();
        assert_eq!(view.json(r#"{"a":"k-1234567890","n":1}"#).as_str(), r#"{"a":"[REDACTED:1]","n":1}"#);
        // Whatever of the text around it is judged to belong to a secret, what is sent parses.
        for text in [r#"{"cmd":"mysql -pk-1234567890\" -e x","password":"a\\","n":2}"#, r#"["k-1234567890\u0041"]"#] {
            let shown = view.json(text);
            assert!(serde_json::from_str::<IgnoredAny>(shown.as_str()).is_ok(), "{}", shown.as_str());
            assert!(!shown.as_str().contains(KEY), "{}", shown.as_str());
        }
        assert_eq!(view.json("{\"path\":k-1234567890").as_str(), "{\"path\":[REDACTED:1]");
    }

    #[test]
    fn a_whole_file_is_replaced_only_when_no_hidden_value_is_lost() {
        let (view, old) = (view(), format!("key = {KEY}\nport = 1\n"));
        view.text(&old);
        assert_eq!(
            view.replacement("port = 2\nkey = [REDACTED:1]\n", &old).unwrap(),
            format!("port = 2\nkey = {KEY}\n")
        );
        assert_eq!(view.replacement("port = 2\n", &old), Err(WriteConflict::Dropped(1)));
        assert_eq!(view.replacement("key = [REDACTED]\n", &old), Err(WriteConflict::Placeholder("[REDACTED]".into())));
        assert_eq!(view.replacement("key = [REDACTED:1]", ""), Err(WriteConflict::Elsewhere("[REDACTED:1]".into())));
    }
}
