//! Everything one redactor goes by: the table that all share, the values it knows, what the user added and allowed.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use super::{
    Settings,
    engine::{Anchor, Anchors, Coded, Cursor, Found, Hit, Progress},
    kinds::{self, Kind, Rule},
    known::Known,
    label, near,
    pattern::Pattern,
    shape, structure,
};

/// The table in the form that is searched. One for the whole process.
pub(super) struct Table {
    pub(super) anchors: Anchors,
    names: Vec<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// A table that recognises nothing.
static EMPTY: LazyLock<Table> = LazyLock::new(|| Table::of(Builder::default()));

/// The table.
pub(super) fn table() -> &'static Table {
    &TABLE
}

/// Kind of an exact value.
pub(super) const KNOWN: u16 = u16::MAX;

impl Table {
    fn build() -> Self {
        let mut table = Builder::default();
        for coded in CODED.iter().copied().flatten() {
            let kind = table.name(coded.id);
            for anchor in coded.anchors {
                table.add(anchor, kind, coded.check);
            }
        }
        for kind in kinds::all() {
            table.row(kind);
        }
        Self::of(table)
    }

    /// How many kinds it recognises.
    pub(super) fn kinds(&self) -> usize {
        self.names.len()
    }

    fn of(table: Builder) -> Self {
        #[expect(clippy::expect_used, reason = "the table is compiled in, and a test builds it")]
        let anchors = Anchors::new(table.anchors).expect("the table fits an automaton");
        Self { anchors, names: table.names }
    }
}

#[derive(Default)]
struct Builder {
    anchors: Vec<Anchor>,
    names: Vec<&'static str>,
}

impl Builder {
    fn name(&mut self, id: &'static str) -> u16 {
        self.names.push(id);
        u16::try_from(self.names.len() - 1).unwrap_or(KNOWN)
    }

    fn add(
        &mut self,
        anchor: &str,
        kind: u16,
        judge: impl Fn(&Cursor<'_>, Hit) -> Option<Found> + Send + Sync + 'static,
    ) {
        self.anchors.push(Anchor { text: anchor.to_owned(), kind, judge: Box::new(judge) });
    }

    /// A row whose pattern is not in the language recognises nothing; a test finds it.
    fn row(&mut self, row: &'static Kind) {
        let kind = self.name(row.id);
        match row.rule {
            Rule::Shape(patterns) => {
                for pattern in patterns.iter().filter_map(|source| Pattern::parse(source).ok()) {
                    let anchor = pattern.anchor().to_owned();
                    self.add(&anchor, kind, move |cursor, hit| shape::judge(&pattern, cursor, hit));
                }
            }
            Rule::Near { words, values } => {
                let values: Arc<[Pattern]> = values.iter().filter_map(|source| Pattern::parse(source).ok()).collect();
                for word in words {
                    let values = Arc::clone(&values);
                    self.add(word, kind, move |cursor, hit| near::judge(&values, cursor, hit));
                }
            }
        }
    }
}

const CODED: &[&[Coded]] = &[structure::ARMOUR, label::CODE];

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

    /// Exact values only.
    pub(super) fn known_only(values: impl IntoIterator<Item = String>) -> Self {
        Self { table: &EMPTY, known: Known::new(values) }
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
