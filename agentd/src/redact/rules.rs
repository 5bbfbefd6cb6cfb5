//! Everything one redactor goes by: the table that all share, the values it knows, what the user added and allowed.

use std::{borrow::Cow, sync::LazyLock};

use super::{
    Settings,
    engine::{Anchor, Anchors, Coded, Cursor, Progress},
    known::Known,
};

/// The table in the form that is searched. One for the whole process.
pub(super) struct Table {
    pub(super) anchors: Anchors,
    names: Vec<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// Kind of an exact value.
pub(super) const KNOWN: u16 = u16::MAX;

impl Table {
    fn build() -> Self {
        let mut anchors = Vec::new();
        let mut names = Vec::new();
        for coded in CODED.iter().copied().flatten() {
            let kind = u16::try_from(names.len()).unwrap_or(KNOWN);
            names.push(coded.id);
            for text in coded.anchors {
                anchors.push(Anchor { text: (*text).to_owned(), kind, judge: Box::new(coded.check) });
            }
        }
        #[expect(clippy::expect_used, reason = "the table is compiled in, and a test builds it")]
        let anchors = Anchors::new(anchors).expect("the table fits an automaton");
        Self { anchors, names }
    }
}

const CODED: &[&[Coded]] = &[];

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
        Self { table: &TABLE, known: Known::new(values) }
    }

    /// The name of a kind, as findings carry it.
    pub(super) fn name(&self, kind: u16) -> Cow<'static, str> {
        match kind {
            KNOWN => Cow::Borrowed("known-value"),
            kind => Cow::Borrowed(self.table.names.get(usize::from(kind)).copied().unwrap_or("secret")),
        }
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

    /// The kind of the first secret in a text; decoded text is judged like any, but not decoded again.
    pub(super) fn first_kind(&self, text: &str) -> Option<u16> {
        if let Some((..)) = self.known.matches(text.as_bytes(), 0).first() {
            return Some(KNOWN);
        }
        let mut found = Vec::new();
        self.table.anchors.pass(&Cursor::new(text.as_bytes(), true), &mut Progress::default(), &mut found);
        found.first().map(|span| span.kind)
    }
}
