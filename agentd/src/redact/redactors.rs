//! The redactors of the daemon, made together from one configuration; what they have replaced; what happens when
//! one of them fails.
//!
//! Owns the difference between what is kept or logged and what is sent: with `redact.redact_outbound = false` only
//! the values that the daemon itself holds are hidden from the provider. Fails closed: a text whose redaction
//! panics is dropped, and the panic's own message, which may quote that text, is not told ([`is_redacting`]).

use std::{
    borrow::Cow,
    cell::Cell,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock},
};

use super::{Redactor, Settings, table::Table};
use crate::sync::lock;

/// What stands in place of a text whose redaction failed.
pub(super) const DROPPED: &str = "[text dropped: redaction failed]";

/// Kinds that a summary names; the rest is a number.
const KINDS_SHOWN: usize = 8;

/// How often each kind was replaced since the start.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<Cow<'static, str>, u64>>);

impl Counts {
    pub(super) fn add(&self, kinds: impl IntoIterator<Item = Cow<'static, str>>) {
        let mut counts = lock(&self.0);
        for kind in kinds {
            // Kinds are rows of a table or rules of the user's: the map is as small as these.
            *counts.entry(kind).or_default() += 1;
        }
    }

    /// By kind.
    pub fn by_kind(&self) -> BTreeMap<Cow<'static, str>, u64> {
        lock(&self.0).clone()
    }

    /// The kinds that were replaced most, in one line: `github-pat 3, label-password 1`.
    pub fn describe(&self) -> String {
        let mut rows: Vec<_> = self.by_kind().into_iter().collect();
        // Stable: of equal counts the first by name.
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest: u64 = rows.iter().skip(KINDS_SHOWN).map(|(_, count)| count).sum();
        let shown: Vec<_> = rows.iter().take(KINDS_SHOWN).map(|(kind, count)| format!("{kind} {count}")).collect();
        match rest {
            _ if shown.is_empty() => "nothing yet".to_owned(),
            0 => shown.join(", "),
            rest => format!("{}, others {rest}", shown.join(", ")),
        }
    }

    /// All together.
    pub fn total(&self) -> u64 {
        lock(&self.0).values().sum()
    }
}

/// The redactors of one configuration and one set of known values.
#[derive(Default)]
pub struct Redactors {
    settings: Settings,
    values: Vec<String>,
    counts: Arc<Counts>,
    kept: Redactor,
    own: OnceLock<Redactor>,
    personal: OnceLock<Redactor>,
}

impl fmt::Debug for Redactors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactors({} values)", self.values.len())
    }
}

impl Redactors {
    /// Redactors that count into `counts`.
    pub fn new(settings: Settings, values: Vec<String>, counts: Arc<Counts>) -> Self {
        let kept = Redactor::with(&settings, values.iter().cloned()).counted_by(&counts);
        Self { settings, values, counts, kept, own: OnceLock::new(), personal: OnceLock::new() }
    }

    /// For everything that is kept, logged or shown to people. A project may want personal data hidden too.
    pub fn kept(&self, personal: bool) -> &Redactor {
        if !personal || self.settings.personal {
            return &self.kept;
        }
        self.personal.get_or_init(|| {
            let settings = Settings { personal: true, ..self.settings.clone() };
            Redactor::with(&settings, self.values.iter().cloned()).counted_by(&self.counts)
        })
    }

    /// For what is sent to the provider. Switched off, the daemon's own values are still hidden.
    pub fn outbound(&self, on: bool, personal: bool) -> &Redactor {
        if on {
            return self.kept(personal);
        }
        self.own.get_or_init(|| Redactor::known_only(self.values.iter().cloned()).counted_by(&self.counts))
    }

    /// What was replaced since the start.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// The settings in one line, for `status`.
    pub fn describe(&self, outbound: bool) -> String {
        let personal = if self.settings.personal { "on" } else { "off" };
        let outbound = if outbound { "on" } else { "OFF: NOT applied to what is sent to the provider" };
        format!(
            "{}, {}, {} of yours, personal data {personal}, outbound {outbound}; {} replaced since the start",
            several(Table::kinds(), "kind"),
            several(self.kept.known_values(), "known value"),
            several(self.settings.rules.len(), "rule"),
            self.counts.total()
        )
    }
}

/// `1 rule`, `2 rules`.
fn several(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

thread_local! {
    static REDACTING: Cell<bool> = const { Cell::new(false) };
}

/// True while a text is searched on this thread: a panic now may quote it, and redacting the quote would panic again.
pub fn is_redacting() -> bool {
    REDACTING.get()
}

/// The outcome, or `None` when the search panicked.
pub(super) fn guarded<T>(search: impl FnOnce() -> T) -> Option<T> {
    let before = REDACTING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(search));
    REDACTING.set(before);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_is_dropped_and_says_so_while_it_runs() {
        assert_eq!(guarded(is_redacting), Some(true));
        assert_eq!(guarded(|| -> u8 { panic!("a quoted text") }), None);
        assert!(!is_redacting());
    }

    #[test]
    fn a_summary_names_the_most_frequent_kinds_and_counts_the_rest() {
        let counts = Counts::default();
        assert_eq!(counts.describe(), "nothing yet");
        counts.add(["b", "a", "b"].map(Cow::Borrowed));
        assert_eq!(counts.describe(), "b 2, a 1");
        counts.add((0..9).map(|number| Cow::Owned(format!("c{number}"))));
        assert_eq!(counts.describe(), "b 2, a 1, c0 1, c1 1, c2 1, c3 1, c4 1, c5 1, others 3");
    }

    #[test]
    fn known_values_are_hidden_from_the_provider_even_when_the_rest_is_not() {
        let all = Redactors::new(Settings::default(), vec!["k-1234567890".to_owned()], Arc::default());
        assert_eq!(all.outbound(false, false).text("a k-1234567890").as_str(), "a [REDACTED]");
        assert_eq!(all.kept(true).text("a k-1234567890").as_str(), "a [REDACTED]");
        assert_eq!(all.counts().total(), 2);
        assert!(!format!("{all:?}").contains("k-1"));
        assert!(
            all.describe(false).contains(" 1 known value, 0 rules of yours")
                && all.describe(false).contains("NOT applied")
        );
    }
}
