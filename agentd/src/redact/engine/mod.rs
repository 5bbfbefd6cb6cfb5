//! The engine: one pass over the anchors of all kinds, a hand-written check at each hit.
//!
//! A check sees the text through a [`Cursor`] only and decides within bounds. The anchors are found by one
//! Aho-Corasick automaton over all kinds, so the cost of a clean text does not grow with the number of kinds.

mod anchors;
mod class;
mod cursor;

use super::structure::swallow;

pub(super) use anchors::{Anchor, Anchors, Judge, MARKER_KIND, Progress};
pub(super) use class::{Class, DIGIT, TOKEN, WORD};
pub(super) use cursor::{Cursor, LOOK_AHEAD, LOOK_BEHIND};

/// A finding of one part of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
    /// Number of the kind.
    pub(super) kind: u16,
    /// It goes on with a finding that was reported before.
    pub(super) continued: bool,
}

/// An anchor in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// First byte of the anchor.
    pub(super) start: usize,
    /// Byte after it.
    pub(super) end: usize,
    /// Nothing before this byte may become part of a finding: it was replaced already. It is a boundary like the
    /// start of the text.
    pub(super) floor: usize,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// First byte of the secret, never below the hit's floor.
    pub(super) start: usize,
    /// Byte after the last that was looked at.
    pub(super) end: usize,
    /// How it goes on behind `end`, without a bound: a value that is longer than any window.
    pub(super) then: Then,
}

/// What follows a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It ends there.
    Stop,
    /// It takes the rest of this run.
    Run(Class),
    /// It is a key in armour whose body goes on: see [`swallow`].
    Armour,
}

/// Looks at a hit. `None` is "nothing here"; when the cursor starved meanwhile, it is asked again with more text.
pub(super) type Check = fn(&Cursor<'_>, Hit) -> Option<Found>;

/// A kind that only code can recognise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coded {
    /// Name, as `agentctl redact rules` lists it.
    pub(super) id: &'static str,
    /// One line for people.
    pub(super) title: &'static str,
    /// Where to look, in lower case.
    pub(super) anchors: &'static [&'static str],
    /// What decides there.
    pub(super) check: Check,
}

/// Where what follows a finding ends, and how it goes on if the text so far does not say.
fn follow(cursor: &Cursor<'_>, from: usize, then: Then) -> (usize, Option<Then>) {
    match then {
        Then::Stop => (from, None),
        Then::Run(class) => {
            let end = cursor.run(from, usize::MAX, class);
            (end, cursor.take_starved().then_some(then))
        }
        Then::Armour => {
            let body = swallow(cursor, from);
            (body.end, (!body.done).then_some(then))
        }
    }
}
