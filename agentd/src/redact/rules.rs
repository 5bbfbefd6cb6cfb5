//! Everything one redactor goes by: the table that all share, the values it knows, what the user added and allowed.

use std::borrow::Cow;

use super::{Settings, known::Known, table::Table};

/// What a redactor goes by.
pub(super) struct Rules {
    pub(super) table: &'static Table,
    pub(super) known: Known,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(&Settings::default(), [])
    }
}

impl Rules {
    pub(super) fn new(_settings: &Settings, values: impl IntoIterator<Item = String>) -> Self {
        Self { table: Table::get(), known: Known::new(values) }
    }

    /// The name of a kind, as findings carry it.
    pub(super) fn name(&self, kind: u16) -> Cow<'static, str> {
        Cow::Borrowed(Table::name(kind).unwrap_or("secret"))
    }

    /// True when the user allows this value. Exact values of the daemon's own are never allowed.
    pub(super) fn allows(&self, _kind: u16, _value: &[u8]) -> bool {
        false
    }

    /// True when there are rules that work on lines.
    pub(super) fn by_line(&self) -> bool {
        false
    }

    /// Reports what the line rules find in one line: from, to, kind.
    pub(super) fn find_in_line(&self, _line: &str, _found: impl FnMut(usize, usize, u16)) {}

    /// The kind of the first secret in a decoded text.
    pub(super) fn first_kind(&self, text: &str) -> Option<u16> {
        let known = self.known.matches(text.as_bytes(), 0).first().map(|_| self.table.known);
        known.or_else(|| self.table.first_kind(text))
    }
}
