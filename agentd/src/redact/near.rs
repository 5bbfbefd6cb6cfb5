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

/// What may stand between a service's name and its first member.
const NEST: Class = Class::of(" \t\r\n=:>\"'{[](");
/// Members of a service that are looked at.
const MEMBERS_MAX: usize = 3;
/// Members that hold no secret, though it may look like one.
const OTHER: [&[u8]; 12] =
    [b"id", b"url", b"hash", b"sha", b"sum", b"rev", b"commit", b"version", b"digest", b"integrity", b"name", b"etag"];

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
        if start == from || !is_assigned(cursor, from, start) {
            continue;
        }
        if let Some(end) = value_at(row.random, values, cursor, start) {
            return Some(Found { start: start.max(hit.floor), end, then: Then::Stop });
        }
    }
    // What stands further off must look random whatever its kind says.
    let (start, end) = members(cursor, word_end)
        .into_iter()
        .chain([argument(cursor, word_end), heading(cursor, hit, word_end)].into_iter().flatten())
        .find_map(|start| Some((start, value_at(true, values, cursor, start)?)))?;
    Some(Found { start: start.max(hit.floor), end, then: Then::Stop })
}

fn is_assigned(cursor: &Cursor<'_>, from: usize, start: usize) -> bool {
    cursor.slice(from, start).iter().any(|byte| OPERATOR.has(*byte))
}

/// End of a value of the service's forms at `start`.
fn value_at(random: bool, values: &[Pattern], cursor: &Cursor<'_>, start: usize) -> Option<usize> {
    let at = |at: usize| cursor.at(at);
    values.iter().filter_map(|value| value.match_whole(&at, start)).find(|end| {
        let ends = cursor.at(*end).is_none_or(|byte| !WORD.has(byte) && byte != b'-');
        let text = cursor.slice(start, *end);
        ends && !is_placeholder(text) && (!random || Mix::of(text).is_random())
    })
}

/// Where the values of a service's first members stand: `"name": {"live": "…"}`, `[name]` and the lines below it.
fn members(cursor: &Cursor<'_>, from: usize) -> Vec<usize> {
    let mut all = Vec::new();
    let mut at = cursor.run(from, GAP_MAX, NEST);
    if !cursor.slice(from, at).iter().any(|byte| matches!(byte, b'{' | b'\n' | b'(')) {
        return all;
    }
    for _ in 0..MEMBERS_MAX {
        let name = cursor.run(at, TAIL_MAX, WORD);
        let start = cursor.run(name, GAP_MAX, GAP);
        if name == at || start == name || !is_assigned(cursor, name, start) {
            break;
        }
        // A member that says that it is something else.
        let told = cursor.slice(at, name).to_ascii_lowercase();
        if !OTHER.iter().any(|other| memchr::memmem::find(&told, other).is_some()) {
            all.push(start);
        }
        let end = cursor.run(start, 80, Class::of(",;\r\n})").not());
        if !matches!(cursor.at(end), Some(b',' | b';' | b'\r' | b'\n')) {
            break;
        }
        at = cursor.run(end, GAP_MAX, Class::of(",; \t\r\n\"'"));
    }
    all
}

/// Where the line below a comment begins that is a service's name.
fn heading(cursor: &Cursor<'_>, hit: Hit, end: usize) -> Option<usize> {
    let before = cursor.run_back(hit.start, 4, Class::of(" \t"));
    let comment = matches!(cursor.before(before), Some(b'#' | b'/' | b'*'));
    let next = cursor.run(end, 6, Class::of(" :\r\n"));
    (comment && cursor.slice(end, next).contains(&b'\n')).then_some(next)
}

/// The second or third argument of a call of the service's name: `Client("id", "…")`.
fn argument(cursor: &Cursor<'_>, from: usize) -> Option<usize> {
    let call = cursor.run(from, TAIL_MAX, Class::of("A-Za-z0-9_.:"));
    if cursor.at(call)? != b'(' {
        return None;
    }
    let mut at = call + 1;
    let mut last = None;
    for _ in 0..3 {
        let open = cursor.run(at, GAP_MAX, Class::of(" \n\t"));
        let quote = cursor.at(open).filter(|byte| matches!(byte, b'"' | b'\''));
        let (Some(quote), end) = (quote, cursor.run(open + 1, 80, Class::of("\"'\n").not())) else { break };
        if cursor.at(end) != Some(quote) {
            break;
        }
        last = Some(open + 1);
        if cursor.at(end + 1) != Some(b',') {
            break;
        }
        at = end + 2;
    }
    last
}

/// `lob` in `global`, `fly` in `butterfly`: the name must begin a word, also one of a camelCase identifier.
fn is_inside_word(cursor: &Cursor<'_>, hit: Hit) -> bool {
    let Some(before) = cursor.before(hit.start) else { return false };
    let first = cursor.at(hit.start).unwrap_or_default();
    before.is_ascii_alphanumeric() && !(before.is_ascii_lowercase() && first.is_ascii_uppercase())
}
