//! Values that are recognised by their own form: the shape kinds of the table.
//!
//! A value counts when it begins at a boundary, matches its pattern and is no placeholder; it then ends where its
//! token ends, so that a longer key than the pattern knows leaves no tail behind.

use super::{
    engine::{Cursor, Found, Hit, TOKEN, Then, WORD},
    kinds::Kind,
    label::Mix,
    pattern::Pattern,
    placeholder, wrapped,
};

/// Shorter anchors are parts of ordinary words (`task-`, `risk-`): they need a boundary before them.
const DISTINCT_ANCHOR: usize = 6;
/// Bytes of a value after which it is long enough to be replaced before its end is known.
const VALUE_MAX: usize = 1024;
/// Different bytes of a value's random part: fewer are `xxxx` and `0000`.
const DISTINCT_MIN: usize = 5;
/// Judges one pattern of a shape kind at its anchor.
pub(super) fn judge(row: &Kind, pattern: &Pattern, cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if cursor.slice(hit.start, hit.end) != pattern.anchor().as_bytes() {
        return None;
    }
    let behind = |at: usize| cursor.at(at).filter(|_| at >= hit.floor);
    let start = pattern.match_before(&behind, hit.start)?;
    if !begins(cursor, start, hit) {
        return None;
    }
    let end = wrapped::match_after(pattern, cursor, hit.end)?;
    let value = cursor.slice(hit.end, end);
    if is_placeholder(value) || row.random && !Mix::of(value).is_random() {
        return None;
    }
    let found = extended(cursor, start, end);
    (!row.exact || found.end == end).then_some(found)
}

/// True when a token may begin here.
fn begins(cursor: &Cursor<'_>, start: usize, hit: Hit) -> bool {
    start == hit.floor || hit.end - hit.start >= DISTINCT_ANCHOR || is_boundary(cursor, start)
}

/// True when what stands before `at` does not belong to the same word: an escape such as `\n` or `%3D` does not.
pub(super) fn is_boundary(cursor: &Cursor<'_>, at: usize) -> bool {
    let Some(before) = cursor.before(at) else { return true };
    if !WORD.has(before) && before != b'-' {
        return true;
    }
    let escape = |back: usize| cursor.before((at + 1).checked_sub(back)?);
    match before {
        b'n' | b't' | b'r' => escape(2) == Some(b'\\'),
        b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f' => {
            escape(3) == Some(b'%') || escape(6) == Some(b'\\') && escape(5) == Some(b'u')
        }
        _ => false,
    }
}

/// The finding to the end of the token's run.
fn extended(cursor: &Cursor<'_>, start: usize, end: usize) -> Found {
    let mut end = end;
    let bound = end + VALUE_MAX;
    while end < bound
        && cursor
            .at(end)
            .is_some_and(|byte| WORD.has(byte) || byte == b'-' && cursor.at(end + 1).is_some_and(|next| WORD.has(next)))
    {
        end += 1;
    }
    let then = if end == bound { Then::Run(TOKEN) } else { Then::Stop };
    Found { start, end, then }
}

/// True for values that stand in documentation instead of a real one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    value.len() > DISTINCT_MIN * 2 && !has_distinct(value) || placeholder::is_anywhere(value)
}

/// True when enough different bytes are there: most values have them at their beginning.
fn has_distinct(value: &[u8]) -> bool {
    let (mut seen, mut count) = ([0_u64; 4], 0);
    value.iter().any(|byte| {
        let bit = 1 << (byte & 63);
        if let Some(slot) = seen.get_mut(usize::from(byte >> 6)) {
            count += usize::from(*slot & bit == 0);
            *slot |= bit;
        }
        count >= DISTINCT_MIN
    })
}
