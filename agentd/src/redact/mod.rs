//! The choke point before disk, log and wire.
//!
//! Owns the one type of text that may be stored or logged, [`Redacted`], and the one that may be sent, [`Outbound`].
//! Only a [`Redactor`] makes them, so the compiler shows every place where text leaves. Every door calls the same
//! engine; there is no second list of patterns anywhere.
//!
//! What is recognised:
//! - [`kinds`]: the table of forms and services, judged by [`shape`] and [`near`] with the patterns of [`pattern`].
//! - [`label`]: values behind a telling word, in commands and in lines of a known layout.
//! - [`structure`]: armour, URLs, web tokens. [`encoded`]: one level of base64 and hexadecimal.
//! - [`known`]: exact values that the daemon itself holds. [`userrules`], [`personal`]: what the user asked for.
//!
//! How:
//! - [`view`]: the text without terminal escapes and invisible characters. [`scan`]: all passes over it.
//! - [`engine`]: one automaton over the anchors of [`table`], checks in bounded windows.
//! - [`stream`]: text that comes in pieces. [`json`]: the strings of a document, not the text that holds them.
//! - [`vault`]: numbered markers towards the model and the way back from them, in RAM only. [`outbound`]: what a
//!   conversation's model is shown. [`redactors`]: the redactors of one configuration, and what they replaced.
//!
//! Invariants: a marker is never redacted again; a marker reveals neither length nor any character; time is
//! linear in the text; what is decided about a text does not depend on how it was cut into pieces.

mod encoded;
mod engine;
mod json;
pub mod kinds;
mod known;
mod label;
mod marker;
mod near;
mod outbound;
mod pattern;
mod personal;
mod placeholder;
mod redactors;
mod rules;
mod scan;
mod shape;
mod stream;
mod structure;
mod table;
mod text;
mod userrules;
mod vault;
mod view;
mod wrapped;

use std::{borrow::Cow, sync::Arc};

pub use marker::{MARKER, has_marker, is_mostly_markers, renumbered};
pub use outbound::{ModelView, Outbound};
pub use redactors::{Counts, Redactors, is_redacting};
pub use stream::{Located, Stream};
pub use text::Redacted;
pub use userrules::{RULES_MAX, RuleFault, fault as rule_fault};
pub use vault::{Vault, WriteConflict};

use rules::Rules;
use scan::Scan;
use table::Table;
use view::View;

/// A place in a text that must not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// Name of the kind, as `agentctl redact rules` lists it.
    pub kind: Cow<'static, str>,
}

/// What of the engine is the user's choice: `[redact]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Also e-mail addresses, phone numbers and the like.
    pub personal: bool,
    /// The user's own rules: name and pattern.
    pub rules: Vec<(String, String)>,
    /// Values that are never redacted.
    pub allow: Vec<String>,
}

/// Replaces what must not leave. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    rules: Arc<Rules>,
    counts: Arc<Counts>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} values)", self.rules.known.len())
    }
}

impl Redactor {
    /// A redactor with the default settings that also knows these exact values; values under 8 bytes are ignored.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        Self::with(&Settings::default(), values)
    }

    /// A redactor with the user's settings.
    pub fn with(settings: &Settings, values: impl IntoIterator<Item = String>) -> Self {
        Self { rules: Arc::new(Rules::new(settings, values)), counts: Arc::default() }
    }

    /// A redactor that knows these exact values and nothing else: for text that the user wants to leave as it is.
    pub fn known_only(values: impl IntoIterator<Item = String>) -> Self {
        Self { rules: Arc::new(Rules::known_only(values)), counts: Arc::default() }
    }

    /// The same, counting what it replaces here.
    #[must_use]
    pub fn counted_by(mut self, counts: &Arc<Counts>) -> Self {
        self.counts = Arc::clone(counts);
        self
    }

    /// How many exact values it knows.
    pub fn known_values(&self) -> usize {
        self.rules.known.len()
    }

    /// The values of credential-like variables of the daemon's environment.
    pub fn environment_secrets() -> Vec<String> {
        known::environment_secrets(std::env::vars_os())
    }

    /// What of a variable is secret by the variable's name: its value, or the password of an address.
    pub fn variable_secrets(name: &str, value: &str) -> Vec<String> {
        known::secrets_of(name, value)
    }

    /// What would be replaced: sorted, not overlapping, on character boundaries.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let view = View::of(text.as_bytes(), true);
        let settled = Scan::default().advance(&self.rules, view.bytes(), true);
        let spans = settled.spans.iter();
        spans
            .map(|span| Finding {
                start: view.raw(span.start),
                end: view.raw_end(span.end),
                kind: self.rules.name(span.kind),
            })
            .collect()
    }

    /// The text with `[REDACTED]` in place of each secret.
    pub fn text(&self, text: &str) -> Redacted {
        self.text_counted(text).0
    }

    /// The same, and how many were replaced.
    pub fn text_counted(&self, text: &str) -> (Redacted, u32) {
        self.replace(text, |_| Cow::Borrowed(MARKER))
    }

    /// The text for the model: each secret becomes `[REDACTED:n]`, the same number for the same value of one vault.
    pub fn numbered(&self, text: &str, vault: &Vault) -> (Redacted, u32) {
        self.replace(text, |secret| vault.marker(secret).into())
    }

    /// Redacts text that comes in pieces.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone(), None)
    }

    /// The same with numbered markers.
    pub fn numbered_stream(&self, vault: Arc<Vault>) -> Stream {
        Stream::new(self.clone(), Some(vault))
    }

    /// True when a text is mostly secrets: it is not worth keeping.
    pub fn is_mostly_secret(&self, text: &str) -> bool {
        let hidden: usize = self.find(text).iter().map(|found| found.end - found.start).sum();
        hidden * 2 > text.trim().len()
    }

    fn replace<'m>(&self, text: &str, mut marker: impl FnMut(&str) -> Cow<'m, str>) -> (Redacted, u32) {
        let Some(found) = redactors::guarded(|| self.find(text)) else {
            return (Redacted::made(redactors::DROPPED), 1);
        };
        if found.is_empty() {
            return (Redacted::made(text), 0);
        }
        self.counts.add(found.iter().map(|finding| finding.kind.clone()));
        let out = spliced(text, &found, &mut marker);
        (Redacted::made(&out), u32::try_from(found.len()).unwrap_or(u32::MAX))
    }
}

/// A text with what was found in it replaced.
fn spliced<'m>(text: &str, found: &[Finding], marker: &mut impl FnMut(&str) -> Cow<'m, str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for Finding { start, end, .. } in found {
        out.push_str(text.get(done..*start).unwrap_or_default());
        out.push_str(&marker(text.get(*start..*end).unwrap_or_default()));
        done = *end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Version of the table of kinds: what was shown under an older one may hold what is hidden under this one.
pub fn kinds_version() -> u32 {
    kinds::VERSION
}

/// Every anchor of the table, in lower case: what a bare automaton is built from that the engine is compared with.
pub fn anchors() -> Vec<String> {
    Table::get().anchors.texts().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
