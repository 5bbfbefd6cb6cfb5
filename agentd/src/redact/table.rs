//! The table in the form that is searched: one automaton for the whole process.

use std::sync::{Arc, LazyLock};

use super::{
    engine::{Anchor, Anchors, Coded, Cursor, Found, Judge, MARKER_KIND, Progress, Then},
    kinds::{self, Kind, Rule},
    label, marker, near,
    pattern::Pattern,
    shape, structure,
};

/// What code recognises, in the order in which it is asked.
const CODED: &[&[Coded]] = &[structure::ARMOUR, structure::JWT, structure::URL, label::CODE];

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// The kinds that code recognises.
pub(super) fn coded() -> impl Iterator<Item = &'static Coded> {
    CODED.iter().copied().flatten()
}

/// The automaton, and the kinds that its numbers mean.
pub(super) struct Table {
    pub(super) anchors: Anchors,
    /// Number of the kind of exact values.
    pub(super) known: u16,
    /// Number of the kind of encoded runs.
    pub(super) encoded: u16,
}

impl Table {
    /// The one table.
    pub(super) fn get() -> &'static Self {
        &TABLE
    }

    /// A table that recognises nothing.
    pub(super) fn empty() -> &'static Self {
        static EMPTY: LazyLock<Table> = LazyLock::new(|| Table::of(Vec::new()));
        &EMPTY
    }

    /// How many kinds are recognised.
    pub(super) fn kinds() -> usize {
        kinds::all().len()
    }

    /// The number of a kind, which is its place in the list.
    pub(super) fn number(id: &str) -> Option<u16> {
        kinds::all().iter().position(|kind| kind.id == id).and_then(|at| u16::try_from(at).ok())
    }

    /// The name behind a number.
    pub(super) fn name(kind: u16) -> Option<&'static str> {
        kinds::all().get(usize::from(kind)).map(|kind| kind.id)
    }

    fn build() -> Self {
        let mut anchors = vec![Anchor {
            text: marker::OPEN.to_owned(),
            kind: MARKER_KIND,
            judge: Box::new(|cursor, hit| {
                let end = marker::end(&|at| cursor.at(at), hit.start)?;
                Some(Found { start: hit.start, end, then: Then::Stop })
            }),
        }];
        for coded in coded() {
            let kind = Self::number(coded.id).unwrap_or_default();
            for anchor in coded.anchors {
                let judge: Judge =
                    Box::new(|cursor, hit| (coded.check)(cursor, hit).filter(|found| !cursor.is_marker(found.end)));
                anchors.push(Anchor { text: (*anchor).to_owned(), kind, judge });
            }
        }
        for (number, kind) in (0..).zip(kinds::all()) {
            row(kind, number, &mut anchors);
        }
        Self::of(anchors)
    }

    fn of(anchors: Vec<Anchor>) -> Self {
        #[expect(clippy::expect_used, reason = "the table is compiled in, and a test builds it")]
        let anchors = Anchors::new(anchors).expect("the table fits an automaton");
        let number = |id| Self::number(id).unwrap_or_default();
        Self { anchors, known: number(kinds::KNOWN.id), encoded: number(kinds::ENCODED.id) }
    }

    /// True when a text holds a secret. What was decoded is judged like any text, but not decoded again.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        let mut found = Vec::new();
        self.anchors.pass(&Cursor::new(text.as_bytes(), true), &mut Progress::default(), &mut found);
        !found.is_empty()
    }
}

/// The anchors of a row. One whose pattern is not in the language has none; a test finds it.
fn row(row: &'static Kind, kind: u16, anchors: &mut Vec<Anchor>) {
    let mut add = |text: &str, judge: Judge| anchors.push(Anchor { text: text.to_owned(), kind, judge });
    let parsed = |patterns: &[&str]| -> Vec<Pattern> {
        patterns.iter().filter_map(|source| Pattern::parse(source).ok()).collect()
    };
    match row.rule {
        Rule::Shape(patterns) => {
            for pattern in parsed(patterns) {
                let anchor = pattern.anchor().to_owned();
                add(&anchor, Box::new(move |cursor, hit| shape::judge(row, &pattern, cursor, hit)));
            }
        }
        Rule::Near { words, values } => {
            let values: Arc<[Pattern]> = parsed(values).into();
            for word in words {
                let values = Arc::clone(&values);
                add(word, Box::new(move |cursor, hit| near::judge(row, &values, cursor, hit)));
            }
        }
        Rule::Code => {}
    }
}
