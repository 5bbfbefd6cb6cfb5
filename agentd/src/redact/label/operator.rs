//! What joins a label to its value.
//!
//! Owns the way from the end of a name to the start of the value: closing quotes in any escaping, type annotations,
//! operators of many languages, name/value pairs. It says how they are joined and judges nothing.

use super::super::engine::{Class, Cursor, DIGIT, WORD};
use super::choice::Choice;
use super::name::{Kind, Label};

/// How a value is joined to its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// `=` and its kin.
    Assign,
    /// `:`, as in mappings and headers.
    Colon,
    /// `==`: the value is compared, not given.
    Compare,
    /// The next argument of a call.
    Argument,
    /// The argument of a call of the label's name.
    Call,
    /// Text of a markup element.
    Element,
    /// The next cell of a table.
    Cell,
    /// On the next line, alone.
    Below,
    /// Only a blank.
    Blank,
    /// "is", "was".
    Prose,
}

/// Where the value begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) link: Link,
    pub(super) at: usize,
    /// The name was in quotes.
    pub(super) quoted: bool,
    /// No blank between name, operator and value.
    pub(super) tight: bool,
}

const BLANK: Class = Class::of(" \t");
const SPACE: Class = Class::of(" \t\r\n");
/// What joins a label to its value in a sentence; the longer before those they begin with.
static VERBS: Choice<16> = Choice::of([
    "is set to ",
    "is now ",
    "is: ",
    "is ",
    "was ",
    "as ",
    "set to ",
    "changed to ",
    "to ",
    "lautet ",
    "lautet: ",
    "ist ",
    "es ",
    "est ",
    "\u{e9} ",
    "\u{e8} ",
]);
/// Words that have an operator and a value of their own.
static LABELS: Choice<8> = Choice::of(["password", "passwd", "pass", "pwd", "secret", "token", "api_key", "key"]);
/// What a heading goes on with.
static PREPOSITIONS: Choice<6> = Choice::of(["for ", "of ", "on ", "in ", "to ", "("]);
/// Blanks that align columns.
const COLUMN: usize = 48;
/// Bytes in which a name/value pair or a type annotation must end.
const NEAR: usize = 200;

/// Reads on from the end of a name. `opened` is true when markup was opened right before the name.
pub(super) fn read(cursor: &Cursor<'_>, label: Label, opened: bool) -> Option<Place> {
    let name_end = label.end;
    let closed = closers(cursor, name_end)?;
    let quoted = closed > name_end;
    let at = cursor.run(closed, COLUMN, BLANK);
    let byte = cursor.at(at)?;
    if cursor.before(closed) == Some(b'>') && matches!(byte, b'<' | b'\n' | b'\r') {
        return next_element(cursor, at);
    }
    if opened && at > closed && byte.is_ascii_alphabetic() {
        return attributes(cursor, at);
    }
    if at > closed
        && (byte == b'-' && cursor.at(at + 1) == Some(b'-')
            || byte.is_ascii_alphanumeric()
            || b"\"'`*[&@#$^_/(\xc3".contains(&byte))
    {
        return blank(cursor, at, quoted, label.kind);
    }
    let (link, after) = operator(cursor, at, quoted, opened)?;
    if link == Link::Assign && begins_pair(cursor, after) {
        return None;
    }
    let value = markup(cursor, cursor.run(after, COLUMN, BLANK));
    if matches!(link, Link::Assign | Link::Colon) && begins_label(cursor, value) {
        return None;
    }
    let place = Place { link, at: value, quoted, tight: at == closed && value == after };
    match link {
        Link::Colon | Link::Assign if matches!(cursor.at(value), Some(b'{' | b'\n' | b'\r')) => {
            Some(nested(cursor, place))
        }
        Link::Colon | Link::Assign => Some(annotated(cursor, place)),
        Link::Argument => Some(pair(cursor, place)),
        Link::Below => Some(pair(cursor, place)),
        _ => Some(place),
    }
}

/// Another pair follows, not a value: its own label is judged when its turn comes.
fn begins_pair(cursor: &Cursor<'_>, at: usize) -> bool {
    let name = cursor.run(at, 24, WORD);
    name > at && cursor.at(name) == Some(b'=') && cursor.at(name + 1).is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Another label follows with its operator: what stands behind that is its value.
fn begins_label(cursor: &Cursor<'_>, at: usize) -> bool {
    LABELS.at(cursor, at).is_some_and(|label| matches!(cursor.at(at + label.len()), Some(b':' | b'=')))
}

/// The element behind the one that named the value: `<key>name</key><string>…`.
fn next_element(cursor: &Cursor<'_>, at: usize) -> Option<Place> {
    let tag = cursor.run(at, 64, SPACE);
    if cursor.at(tag) != Some(b'<') || cursor.at(tag + 1) == Some(b'/') {
        return None;
    }
    tag_end(cursor, tag).map(|at| Place { link: Link::Element, at, quoted: false, tight: false })
}

/// Behind the attributes of an element that is named like its text: `<pass encoding="base64">`.
fn attributes(cursor: &Cursor<'_>, at: usize) -> Option<Place> {
    let end = cursor.run(at, 64, Class::of("A-Za-z0-9\"'=:_. -"));
    let given = cursor.slice(at, end).contains(&b'=') && cursor.at(end)? == b'>';
    given.then_some(Place { link: Link::Element, at: end + 1, quoted: false, tight: false })
}

/// The value within an object of the label's name: `"password": {"type": "plain", "value": "…"}`.
fn nested(cursor: &Cursor<'_>, place: Place) -> Place {
    for at in place.at..place.at + 96 {
        match cursor.at(at) {
            None | Some(b'}') => break,
            Some(b'v' | b'V') if cursor.is_any_case(at, "value") && !cursor.before(at).is_some_and(|b| WORD.has(b)) => {
                let end = cursor.run(cursor.run(at + 5, 2, Class::of("\"'\\")), COLUMN, BLANK);
                if matches!(cursor.at(end), Some(b':' | b'=')) {
                    return Place { at: cursor.run(end + 1, COLUMN, BLANK), ..place };
                }
            }
            Some(_) => {}
        }
    }
    place
}

/// What closes a name: quotes in any escaping, brackets after them, emphasis.
fn closers(cursor: &Cursor<'_>, mut at: usize) -> Option<usize> {
    for _ in 0..10 {
        let next = match cursor.at(at)? {
            b'"' | b'\'' | b'`' | b'*' => at + 1,
            b'\\' => escape(cursor, at)?,
            b']' => at + 1,
            b')' if cursor.before(at).is_some_and(|byte| b"\"'`]".contains(&byte)) => at + 1,
            b'[' => cursor.run(at + 1, 6, const { Class::of("0-9A-Z_") }) + 1,
            b'&' => entity(cursor, at, &["&quot;", "&#34;", "&#39;", "&apos;"]).unwrap_or(at),
            b'%' => entity(cursor, at, &["%22", "%27", "%5D"]).unwrap_or(at),
            b'<' if cursor.at(at + 1) == Some(b'/') => tag_end(cursor, at)?,
            _ => at,
        };
        if next == at {
            break;
        }
        at = next;
    }
    Some(at)
}

fn escape(cursor: &Cursor<'_>, at: usize) -> Option<usize> {
    match cursor.at(at + 1)? {
        b'"' | b'\'' | b'`' | b'\\' => Some(at + 1),
        b'u' if cursor.is(at + 2, "0022") || cursor.is(at + 2, "0027") => Some(at + 6),
        b'u' if cursor.is(at + 2, "003") => Some(at),
        _ => None,
    }
}

fn entity(cursor: &Cursor<'_>, at: usize, list: &[&str]) -> Option<usize> {
    list.iter().find(|text| cursor.is(at, text)).map(|text| at + text.len())
}

fn tag_end(cursor: &Cursor<'_>, at: usize) -> Option<usize> {
    let end = cursor.run(at + 1, 24, const { Class::of("A-Za-z0-9/:_ -") });
    (cursor.at(end)? == b'>').then_some(end + 1)
}

/// The operator at `at` and the byte after it.
fn operator(cursor: &Cursor<'_>, at: usize, quoted: bool, opened: bool) -> Option<(Link, usize)> {
    let next = |offset: usize| cursor.at(at + offset);
    match cursor.at(at)? {
        b'=' => Some(equals(cursor, at)),
        b':' => colon(cursor, at),
        b'?' | b'+' | b'.' | b'|' | b'~' if next(1) == Some(b'=') => Some((Link::Assign, at + 2)),
        b'|' if cursor.is(at, "|| \"") || cursor.is(at, "|| '") => Some((Link::Compare, at + 3)),
        b'?' if cursor.is(at, "?? \"") || cursor.is(at, "?? '") => Some((Link::Compare, at + 3)),
        b'|' if next(1) == Some(b'|') && next(2) == Some(b'=') => Some((Link::Assign, at + 3)),
        b'?' if next(1) == Some(b'?') && next(2) == Some(b'=') => Some((Link::Assign, at + 3)),
        b'|' => Some((Link::Cell, at + 1)),
        b'!' if next(1) == Some(b'=') => Some((Link::Compare, cursor.run(at, 3, const { Class::of("!=") }))),
        b'<' if cursor.is(at, "<<<") => Some((Link::Assign, at + 3)),
        b'<' if next(1) == Some(b'-') => Some((Link::Assign, at + 2)),
        b'-' if next(1) == Some(b'>') => Some((Link::Assign, at + 2)),
        b'-' if next(1) == Some(b' ') => Some((Link::Prose, at + 2)),
        0xe2 if cursor.is(at, "\u{2502}") => Some((Link::Cell, at + 3)),
        0xe2 if cursor.is(at, "\u{2192}") => Some((Link::Prose, at + 3)),
        0xef if cursor.is(at, "\u{ff1a}") || cursor.is(at, "\u{ff1d}") => Some((Link::Colon, at + 3)),
        b',' if quoted && !matches!(cursor.before(at), Some(b')' | b']')) => Some((Link::Argument, at + 1)),
        b'>' if opened || quoted && cursor.before(at) != Some(b'*') => Some((Link::Element, at + 1)),
        b'(' if !quoted && matches!(next(1), Some(b'"' | b'\'')) => Some((Link::Call, at + 1)),
        b'{' if quoted => Some((Link::Argument, at + 1)),
        b'\n' | b'\r' if !quoted => Some((Link::Below, at)),
        b'%' => entity(cursor, at, &["%3D", "%3A", "%3d", "%3a"]).map(|end| (Link::Assign, end)),
        b'\\' => entity(cursor, at, &["\\u003d", "\\u003D", "\\u003a"]).map(|end| (Link::Assign, end)),
        b'&' => entity(cursor, at, &["&#61;", "&#x3d;", "&#x3D;"]).map(|end| (Link::Assign, end)),
        _ => None,
    }
}

fn equals(cursor: &Cursor<'_>, at: usize) -> (Link, usize) {
    match cursor.at(at + 1) {
        Some(b'=') => (Link::Compare, cursor.run(at, 3, const { Class::of("=") })),
        Some(b'>') => (Link::Assign, at + 2),
        Some(b'"') if cursor.at(at + 2) == Some(b'"') && cursor.at(at + 3) != Some(b'"') => (Link::Assign, at + 2),
        _ => (Link::Assign, at + 1),
    }
}

/// A colon, unless it is a path separator of a language.
fn colon(cursor: &Cursor<'_>, at: usize) -> Option<(Link, usize)> {
    let end = cursor.run(at, 3, const { Class::of(":") });
    match cursor.at(end) {
        Some(b'=') => Some((Link::Assign, end + 1)),
        // The text that stands in when a shell's variable is not set.
        Some(b'-') if end - at == 1 && cursor.at(end + 1).is_some_and(|byte| !BLANK.has(byte)) => {
            Some((Link::Assign, end + 1))
        }
        _ if end - at > 1 => None,
        _ => Some((Link::Colon, end)),
    }
}

/// Emphasis and tags between an operator and its value.
fn markup(cursor: &Cursor<'_>, mut at: usize) -> usize {
    for _ in 0..3 {
        let next = match cursor.at(at) {
            Some(b'*') if cursor.at(at + 1) == Some(b'*') && cursor.at(at + 2) != Some(b'*') => at + 2,
            Some(b'<') => tag_end(cursor, at).unwrap_or(at),
            _ => at,
        };
        if next == at {
            break;
        }
        at = cursor.run(next, COLUMN, BLANK);
    }
    at
}

/// Only a blank follows the name: a type, "is", or the value itself.
fn blank(cursor: &Cursor<'_>, at: usize, quoted: bool, kind: Kind) -> Option<Place> {
    let place = Place { link: Link::Blank, at, quoted, tight: false };
    let typed = annotated(cursor, place);
    if typed != place {
        return Some(typed);
    }
    // A bare "key" in a sentence never suffices: see [`super::judge`].
    if kind == Kind::Key && !quoted {
        return None;
    }
    if matches!(cursor.at(at), Some(b'"' | b'\'' | b'`')) {
        return Some(place);
    }
    if let Some(verb) = VERBS.at(cursor, at) {
        let after = markup(cursor, cursor.run(at + verb.len(), COLUMN, BLANK));
        let place = Place { link: Link::Prose, at: after, ..place };
        return Some(if verb == "to " { heading(cursor, place) } else { place });
    }
    if cursor.before(at) == Some(b'\t') {
        return Some(Place { link: Link::Cell, ..place });
    }
    if cursor.at(at) == Some(b'-') {
        return option(cursor, place);
    }
    if cursor.run(at, 2, DIGIT) == at + 1 && cursor.at(at + 1) == Some(b' ') {
        // The number says how the value is stored.
        return Some(Place { at: at + 2, ..place });
    }
    if quoted && cursor.is_any_case(at, "value") {
        return Some(pair(cursor, place));
    }
    if PREPOSITIONS.at(cursor, at).is_some() {
        return Some(heading(cursor, place));
    }
    Some(place)
}

/// The value in a later option: `set NAME --body "…"`.
fn option(cursor: &Cursor<'_>, place: Place) -> Option<Place> {
    const WORDS: Class = Class::of("A-Za-z0-9/._ -");
    let end = cursor.run(place.at, 96, WORDS);
    let words = cursor.slice(place.at, end);
    for (at, _) in (place.at..).zip(words.windows(2)).filter(|(_, pair)| *pair == b"--") {
        if let Some(name) =
            ["--body ", "--value ", "--secret-string ", "--data "].iter().find(|name| cursor.is(at, name))
        {
            return Some(Place { link: Link::Assign, at: at + name.len(), quoted: true, tight: true });
        }
    }
    None
}

/// `Password for the database: …`, `token (production) is …`: a few words more before the operator.
fn heading(cursor: &Cursor<'_>, place: Place) -> Place {
    let mut at = place.at;
    while at - place.at < 32 {
        let end = cursor.run(at, COLUMN, const { Class::of("A-Za-z0-9_@.()/-") });
        match cursor.at(end) {
            Some(b':' | b'=') if end > at && !matches!(cursor.at(end + 1), Some(b'/' | b':' | b'=')) => {
                return Place { link: Link::Prose, at: cursor.run(end + 1, COLUMN, BLANK), ..place };
            }
            Some(b' ') if cursor.is(end, " is ") || cursor.is(end, " = ") => {
                let after = end + if cursor.is(end, " is ") { 4 } else { 3 };
                return Place { link: Link::Prose, at: cursor.run(after, COLUMN, BLANK), ..place };
            }
            Some(b' ') if end > at => at = end + 1,
            _ => break,
        }
    }
    place
}

/// Skips a type between the name and the value: `token: &str = "…"`, `token string = "…"`.
fn annotated(cursor: &Cursor<'_>, place: Place) -> Place {
    if cursor.at(place.at).is_none_or(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'0'..=b'9' | b'$' | b'\n')) {
        return place;
    }
    static TYPES: Choice<22> = Choice::of([
        "str",
        "text",
        "char",
        "byte",
        "[]byte",
        "[]string",
        "varchar",
        "&",
        "option<",
        "optional[",
        "securestring",
        "any",
        "final",
        "*string",
        "nsstring",
        "cstring",
        "std::string",
        "string",
        "[u8",
        "object",
        "const",
        "as string",
    ]);
    if TYPES.at(cursor, place.at).is_none() {
        return if place.link == Link::Colon { named_type(cursor, place) } else { place };
    }
    let end = cursor.run(place.at, COLUMN, const { Class::of("A-Za-z0-9_:<>[]()&'*?.,|; ") });
    if cursor.at(end) != Some(b'=') || matches!(cursor.at(end + 1), Some(b'=' | b'>')) {
        return place;
    }
    Place { link: Link::Assign, at: cursor.run(end + 1, COLUMN, BLANK), ..place }
}

/// A type of a name that is nobody's: `LIMIT: Limit = …`.
fn named_type(cursor: &Cursor<'_>, place: Place) -> Place {
    let end = cursor.run(place.at, COLUMN, const { Class::of("A-Za-z0-9_.:") });
    if end == place.at
        || cursor.at(end) != Some(b' ')
        || cursor.at(end + 1) != Some(b'=')
        || cursor.at(end + 2) != Some(b' ')
    {
        return place;
    }
    Place { link: Link::Assign, at: end + 3, ..place }
}

/// The value of a name/value pair: `"name": "X", "value": "…"`, `key="x" value="…"`, `variable "x" { default = "…" }`.
fn pair(cursor: &Cursor<'_>, place: Place) -> Place {
    let mut at = cursor.run(place.at, NEAR, SPACE);
    let from = at;
    if cursor.before(place.at) == Some(b'{') {
        while at < from + NEAR && !cursor.is(at, "default") && cursor.at(at).is_some_and(|byte| byte != b'}') {
            at += 1;
        }
    }
    let at = cursor.run(at, 8, const { Class::of("\"'\\") });
    let Some(name) =
        ["value", "default", "content", "string", "secret"].iter().find(|name| cursor.is_any_case(at, name))
    else {
        return if matches!(cursor.before(place.at), Some(b'{') | None) { place } else { Place { at: from, ..place } };
    };
    let at = cursor.run(cursor.run(at + name.len(), 8, const { Class::of("\"'\\") }), COLUMN, BLANK);
    match cursor.at(at) {
        Some(b':' | b'=') => Place { link: Link::Assign, at: cursor.run(at + 1, COLUMN, BLANK), quoted: true, ..place },
        _ => place,
    }
}
