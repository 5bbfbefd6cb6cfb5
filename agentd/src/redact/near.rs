//! Values that only a service's name gives away: the near kinds of the table.
//!
//! `heroku_api_key = "<uuid>"`: the name within an identifier, an operator, a value of that service's form from
//! boundary to boundary. Without an operator (`Heroku <uuid>`) a value of fixed length is too often something else,
//! so it must also look random.

use super::{
    engine::{Class, Cursor, Found, Hit, Then, WORD},
    kinds::Kind,
    label::Mix,
    pattern::Pattern,
    shape::is_placeholder,
};

/// Bytes of an identifier behind the name: `_production_api_key_2`.
const TAIL_MAX: usize = 40;
/// Bytes between identifier and value: closers, blanks, operator, openers.
const GAP_MAX: usize = 24;
/// What an identifier goes on with.
const TAIL: Class = Class::of("A-Za-z0-9_.[ -");
/// What may stand between identifier and value.
const GAP: Class = Class::of(" \t=:>|,\"'`\\(){}[]<?$");
/// What makes a gap an assignment.
const OPERATOR: Class = Class::of("=:>|,(");

/// Judges the value patterns of a near kind behind the name at `hit`.
pub(super) fn judge(row: &Kind, values: &[Pattern], cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if is_inside_word(cursor, hit) {
        return None;
    }
    let tail = cursor.run(hit.end, TAIL_MAX, TAIL);
    // The value may itself look like the identifier's tail (`heroku 0123…`), so the shorter tails are tried too.
    let word_end = cursor.run(hit.end, TAIL_MAX, WORD);
    for from in [tail, word_end] {
        let start = cursor.run(from, GAP_MAX, GAP);
        let assigned = cursor.slice(from, start).iter().any(|byte| OPERATOR.has(*byte));
        if start == from || !assigned {
            continue;
        }
        let at = |at: usize| cursor.at(at);
        for value in values {
            let Some(end) = value.match_whole(&at, start) else { continue };
            let ends = cursor.at(end).is_none_or(|byte| !WORD.has(byte) && byte != b'-');
            let text = cursor.slice(start, end);
            if ends && !is_placeholder(text) && (!row.random || Mix::of(text).is_random()) {
                return Some(Found { start: start.max(hit.floor), end, then: Then::Stop });
            }
        }
    }
    None
}

/// `lob` in `global`, `fly` in `butterfly`: the name must begin a word, also one of a camelCase identifier.
fn is_inside_word(cursor: &Cursor<'_>, hit: Hit) -> bool {
    let Some(before) = cursor.before(hit.start) else { return false };
    let first = cursor.at(hit.start).unwrap_or_default();
    before.is_ascii_alphanumeric() && !(before.is_ascii_lowercase() && first.is_ascii_uppercase())
}
