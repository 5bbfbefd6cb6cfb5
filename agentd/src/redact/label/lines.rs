//! Secrets that the form of a line gives away.
//!
//! Owns password files, cookies, signatures in addresses, lists of recovery codes and seed phrases.

use super::super::engine::{Class, Cursor, Found, Hit, Then};
use super::random::Mix;

const BLANK: Class = Class::of(" \t");
const LINE: Class = Class::of("\r\n");
/// What crypt and its kin write.
const CRYPT: Class = Class::of("A-Za-z0-9./$=,+-");
const BASE64: Class = Class::of("A-Za-z0-9+/_%-");
/// The same with what pads it.
const PADDED: Class = Class::of("A-Za-z0-9+/=_%-");

/// `$6$salt$hash`, `{SSHA}…`, `$apr1$…`: a stored password.
pub(super) fn stored_hash(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if cursor.before(hit.start).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if cursor.at(hit.end) == Some(b'$') {
        return None;
    }
    let end = cursor.run(hit.end, 400, CRYPT);
    let value = cursor.slice(hit.end, end);
    (value.len() >= 20 && Mix::of(value).is_random()).then_some(Found { start: hit.start, end, then: Then::Stop })
}

/// `host:port:database:user:password`.
pub(super) fn pgpass(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if cursor.is(hit.end, "*:*") {
        return None;
    }
    let field = const { Class::of("A-Za-z0-9_.*$-") };
    let database = cursor.run(hit.end, 64, field);
    let user = cursor.run(database + 1, 64, field);
    let named = cursor.at(database + 1).is_some_and(|byte| byte.is_ascii_alphanumeric());
    if cursor.at(database) != Some(b':') || cursor.at(user) != Some(b':') || !named {
        return None;
    }
    let start = user + 1;
    let end = cursor.run(start, 200, const { Class::of(" \t\r\n\"'`").not() });
    let value = cursor.slice(start, end);
    let whole = matches!(cursor.at(end), None | Some(b'\n' | b'\r' | b'"' | b'\'' | b'`' | b' '));
    (whole
        && value.len() >= 4
        && !value.starts_with(b"[REDACTED")
        && !value.starts_with(b"$")
        && !value.starts_with(b"*"))
    .then_some(Found { start, end, then: Then::Stop })
}

/// Values of a cookie header, from the first that looks like a session to the last.
pub(super) fn cookies(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let mut at = cursor.run(hit.end, 8, const { Class::of(" \t\"':=>\\") });
    if at == hit.end || !cursor.slice(hit.end, at).iter().any(|byte| matches!(byte, b':' | b'=')) {
        return None;
    }
    let mut found: Option<Found> = None;
    for _ in 0..24 {
        let name = cursor.run(at, 64, const { Class::of("A-Za-z0-9_.$-") });
        if cursor.at(name) != Some(b'=') || name == at {
            break;
        }
        let start = name + 1;
        let end = cursor.run(start, 600, const { Class::of("; \t\r\n\"'`,<>\\").not() });
        if is_session(cursor.slice(at, name), cursor.slice(start, end)) {
            let start = found.map_or(start, |found| found.start);
            found = Some(Found { start, end, then: Then::Stop });
        }
        if cursor.at(end) != Some(b';') || end - hit.end > 1200 {
            break;
        }
        at = cursor.run(end + 1, 4, BLANK);
    }
    found
}

fn is_session(name: &[u8], value: &[u8]) -> bool {
    const PLAIN: &[&str] =
        &["_ga", "_gid", "path", "domain", "expires", "max-age", "samesite", "lang", "locale", "theme"];
    let mix = Mix::of(value);
    !PLAIN.iter().any(|plain| name.len() >= plain.len() && name[..plain.len()].eq_ignore_ascii_case(plain.as_bytes()))
        && value.len() >= 10
        && !value.starts_with(b"$")
        && (mix.is_random() || value.contains(&b'%') && value.len() >= 24 && mix.oddness() >= 35)
}

/// `sig=…`, `Signature=…`: the signature of an address or a request.
pub(super) fn signature(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    if cursor.before(hit.start).is_some_and(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let start = cursor.run(hit.end, 2, const { Class::of("\"'") });
    let end = cursor.run(start, 512, BASE64);
    let value = cursor.slice(start, end);
    (value.len() >= 27 && Mix::of(value).is_random()).then_some(Found { start, end, then: Then::Run(PADDED) })
}

/// The codes behind "recovery codes": from the first to the last.
pub(super) fn recovery_codes(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let head = cursor.run(hit.end, 48, const { Class::of("\r\n:=[").not() });
    if !matches!(cursor.at(head), Some(b'\r' | b'\n' | b':' | b'=' | b'[')) {
        return None;
    }
    let mut at = head;
    let (mut first, mut last) = (None, head);
    while at - head < 600 {
        at = cursor.run(at, 24, const { Class::of(" \t\r\n,;:=[\"'*|>`#).") });
        let end = cursor.run(at, 40, const { Class::of("A-Za-z0-9-") });
        if is_code(cursor.slice(at, end)) {
            first = first.or(Some(at));
            last = end;
        } else if end == at || end - at > 3 && first.is_some() || at - head > 120 && first.is_none() {
            break;
        }
        at = end;
    }
    first.map(|start| Found { start, end: last, then: Then::Stop })
}

fn is_code(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let numbers = digits == word.len() && digits >= 4;
    (numbers || (6..=40).contains(&word.len()))
        && digits > 1
        && word.iter().filter(|byte| **byte == b'-').count() < 6
        && !word.starts_with(b"-")
        && !(word.len() == 10 && word.get(4) == Some(&b'-') && word.get(7) == Some(&b'-'))
}

/// Twelve to twenty-four small words.
pub(super) fn seed_words(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let line = cursor.run(hit.end, 48, const { Class::of("\r\n:=\"'").not() });
    let start = cursor.run(line, 24, const { Class::of(" \t\r\n:=\"'`>|*[(") });
    let (mut at, mut end, mut words) = (start, start, 0);
    while words < 24 {
        let stop = cursor.run(at, 10, const { Class::of("a-z") });
        if !(3..=8).contains(&(stop - at)) {
            break;
        }
        words += 1;
        end = stop;
        at = cursor.run(stop, 4, const { Class::of(" ,\"'") });
        if at == stop {
            break;
        }
    }
    let whole = !cursor.at(end).is_some_and(|byte| byte.is_ascii_alphanumeric());
    (words >= 12 && words % 3 == 0 && whole && !LINE.has(cursor.at(start)?)).then_some(Found {
        start,
        end,
        then: Then::Stop,
    })
}

/// `&code=…`: what an address hands over under a name that says too little elsewhere.
pub(super) fn query(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    matches!(cursor.before(hit.start)?, b'?' | b'&').then_some(())?;
    let end = cursor.run(hit.end, 512, BASE64);
    let value = cursor.slice(hit.end, end);
    (value.len() >= 20 && Mix::of(value).is_random()).then_some(Found { start: hit.end, end, then: Then::Run(PADDED) })
}

/// `credentials: name/password`.
pub(super) fn pair(cursor: &Cursor<'_>, from: usize) -> Option<Found> {
    let word = cursor.run(from, 10, const { Class::of("a-z") });
    let at =
        ["are: ", "are ", "is "].iter().find(|verb| cursor.is(word + 1, verb)).map_or(word, |verb| word + verb.len());
    let start = cursor.run(at, 3, const { Class::of(": ") });
    let name = cursor.run(start, 40, const { Class::of("A-Za-z0-9_.@-") });
    if start == at && at == word || name - start < 2 || !matches!(cursor.at(name), Some(b':' | b'/')) {
        return None;
    }
    let end = cursor.run(name + 1, 128, const { Class::of(" \t\r\n\"'`<>").not() });
    Some(Found { start: name + 1, end, then: Then::Stop })
}
