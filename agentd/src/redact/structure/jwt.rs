//! JSON web tokens: signed (three parts), encrypted (five) and cut (two).
//!
//! Owns what counts as one: the first part is the beginning of a JSON object in base64url, and another part follows. A
//! first part alone is the beginning that documentation shows and no secret.

use super::super::{
    engine::{Class, Coded, Cursor, Found, Hit, LOOK_AHEAD, Then},
    shape::is_boundary,
};

/// Longer tokens are decided here and replaced along their run.
const WINDOW: usize = LOOK_AHEAD - 64;
/// The shortest header: `{"alg":"x"}`.
const HEADER_MIN: usize = 14;
/// Shorter second parts are no claims.
const CLAIMS_MIN: usize = 10;
/// The shortest third part: an initialisation vector of 96 bits.
const THIRD_MIN: usize = 16;

const PART: Class = Class::of("A-Za-z0-9_-");
const PADDING: Class = Class::of("=");
const WHOLE: Class = Class::of("A-Za-z0-9_.=-");

pub(in crate::redact) const CODE: &[Coded] =
    &[Coded { id: "jwt", title: "JSON web token", anchors: &["eyj"], check: token }];

fn token(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let opens = cursor.is(hit.start, "eyJ") && (hit.start == hit.floor || is_boundary(cursor, hit.start));
    if !opens {
        return None;
    }
    let bound = hit.start + WINDOW;
    let mut lengths = [0_usize; 5];
    let (mut at, mut end, mut claims) = (hit.start, hit.start, hit.start);
    for (index, length) in lengths.iter_mut().enumerate() {
        let part = cursor.run(at, bound.saturating_sub(at), PART);
        // The second part of a directly encrypted token is empty.
        if part == at && (index != 1 || cursor.at(at) != Some(b'.')) {
            break;
        }
        *length = part - at;
        if index == 1 {
            claims = at;
        }
        let padded = cursor.run(part, 2, PADDING);
        end = if *length > 0 { padded } else { end };
        if padded >= bound || cursor.at(padded) != Some(b'.') {
            break;
        }
        at = padded + 1;
    }
    let [header, second, third, ..] = lengths;
    let signed = second >= CLAIMS_MIN && (cursor.is(claims, "eyJ") || third >= THIRD_MIN);
    let encrypted = second == 0 && third >= THIRD_MIN;
    let then = if end >= bound { Then::Run(WHOLE) } else { Then::Stop };
    (header >= HEADER_MIN && (signed || encrypted)).then_some(Found { start: hit.start, end, then })
}
