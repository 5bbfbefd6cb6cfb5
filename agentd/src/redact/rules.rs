//! Everything one redactor goes by: the table that all share, the values it knows, what the user added and allowed.

use std::borrow::Cow;

use super::{
    Settings,
    known::Known,
    personal,
    table::Table,
    userrules::{Allow, UserRules},
};

/// What a redactor goes by.
pub(super) struct Rules {
    /// Asked for at the first search: a process that is about to start need not wait until it is built.
    table: fn() -> &'static Table,
    pub(super) known: Known,
    user: UserRules,
    allow: Allow,
    personal: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(&Settings::default(), [])
    }
}

impl Rules {
    pub(super) fn new(settings: &Settings, values: impl IntoIterator<Item = String>) -> Self {
        Self {
            table: Table::get,
            known: Known::new(values),
            user: UserRules::new(&settings.rules),
            allow: Allow::new(&settings.allow),
            personal: settings.personal,
        }
    }

    /// Exact values only.
    pub(super) fn known_only(values: impl IntoIterator<Item = String>) -> Self {
        Self { table: Table::empty, known: Known::new(values), ..Self::new(&Settings::default(), []) }
    }

    /// What all redactors recognise.
    pub(super) fn table(&self) -> &'static Table {
        (self.table)()
    }

    /// The name of a kind, as findings carry it. Behind the table's numbers come the user's rules.
    pub(super) fn name(&self, kind: u16) -> Cow<'static, str> {
        match Table::name(kind) {
            Some(name) => Cow::Borrowed(name),
            None => self.user.name(usize::from(kind) - Table::kinds()).to_owned().into(),
        }
    }

    /// True when the user allows this value. Exact values of the daemon's own are never allowed.
    pub(super) fn allows(&self, kind: u16, value: &[u8]) -> bool {
        kind != self.table().known && std::str::from_utf8(value).is_ok_and(|value| self.allow.is_allowed(value))
    }

    /// True when there are rules that work on lines.
    pub(super) fn by_line(&self) -> bool {
        self.personal || !self.user.is_empty()
    }

    /// Reports what the line rules find in one line: from, to, kind.
    pub(super) fn find_in_line(&self, line: &str, mut found: impl FnMut(usize, usize, u16)) {
        let first = Table::kinds();
        self.user
            .find(line, |range, rule| found(range.start, range.end, u16::try_from(first + rule).unwrap_or(u16::MAX)));
        if self.personal {
            let mut data = Vec::new();
            personal::find(line, &mut data);
            for one in data {
                found(one.start, one.end, Table::number(&one.kind).unwrap_or_default());
            }
        }
    }

    /// True when a decoded text holds a secret.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        !self.known.matches(text.as_bytes(), 0).is_empty() || self.table().holds_secret(text)
    }
}
