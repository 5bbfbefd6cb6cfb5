//! Private keys in armour: PEM, OpenSSH, PGP, SSH2 and PuTTY.
//!
//! Owns what counts as the header of a private key and as a line of its body. The header and the END line stay
//! readable, the body goes; public keys and certificates are not touched, and neither is a body that is a
//! placeholder. A body may stand in a listing, a diff, a comment, a string literal with escaped line ends or on one
//! line, and its END may be missing because the output was cut.
//!
//! Invariants: a line is decided only when its end or [`LINE_MAX`] bytes of it are there, and nothing but the text
//! around a position decides how the body goes on there, so [`swallow`] can stop and resume anywhere.

use super::super::engine::{Class, Coded, Cursor, DIGIT, Found, Hit, Then};

/// Longer lines are taken in pieces of this size, so that a body on one line needs no longer window.
const LINE_MAX: usize = 512;
/// Line ends, blank lines, indentation and quotes between two lines of a body; more is the end of the body.
const GAP_MAX: usize = 256;
/// The header lines of an encrypted or PGP key before its body; the window ends with them.
const PREAMBLE_MAX: usize = 1024;
/// From here on a line is one of a body's full lines, after which a short last line may come.
const FULL: usize = 40;
/// Shorter lines are words unless they end a body.
const SHORT: usize = 16;

const BASE64: Class = Class::of("A-Za-z0-9+/=");
/// What a line of a body looks like from behind, escapes included.
const BEHIND: Class = Class::of("A-Za-z0-9+/=%\\");
/// The words between BEGIN and PRIVATE KEY, also as a form or a URL encodes their blanks.
const TITLE: Class = Class::of("A-Za-z0-9 +%");
const DASH: Class = Class::of("-");
const BLANK: Class = Class::of(" \t");
/// The fields that may stand between a header and its body.
const FIELDS: [&str; 9] =
    ["proc-type:", "dek-info:", "comment:", "version:", "charset:", "hash:", "messageid:", "subject:", "x-"];

/// Words of short bodies that stand for a key.
const SAYS_KEY: [&str; 6] = ["key", "base64", "your", "data", "content", "secret"];

pub(in crate::redact) const CODE: &[Coded] = &[
    Coded {
        id: "private-key",
        title: "Private key in PEM, OpenSSH, SSH2 or PGP armour",
        anchors: &["private key", "private+key", "private%20key"],
        check: private_key,
    },
    Coded { id: "openvpn-key", title: "OpenVPN static key", anchors: &["static key v1-----"], check: static_key },
    Coded { id: "ansible-vault", title: "Ansible vault", anchors: &["$ansible_vault;"], check: vault },
    Coded { id: "putty-key", title: "PuTTY private key", anchors: &["private-lines:"], check: putty },
];

/// How far a body went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) struct Swallowed {
    /// Byte after what belongs to the body so far; the place to resume at.
    pub(in crate::redact) end: usize,
    /// The body ended there; otherwise more text is needed.
    pub(in crate::redact) done: bool,
}

/// Takes the lines of a body that goes on at `from`, where a line or a piece of one has just ended.
pub(in crate::redact) fn swallow(cursor: &Cursor<'_>, from: usize) -> Swallowed {
    let mut end = from;
    cursor.take_starved();
    loop {
        let next = next_line(cursor, end);
        if cursor.take_starved() {
            return Swallowed { end, done: false };
        }
        match next {
            Some(next) => end = next,
            None => return Swallowed { end, done: true },
        }
    }
}

fn private_key(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let title = cursor.run_back(hit.start, 48, TITLE);
    let begin = title + cursor.slice(title, hit.start).iter().take_while(|byte| **byte == b' ').count();
    if !cursor.is_any_case(begin, "begin") || title - cursor.run_back(title, 4, DASH) < 4 {
        return None;
    }
    let block = [" block", "+block", "%20block"].into_iter().find(|block| cursor.is_any_case(hit.end, block));
    let dashes = cursor.run(hit.end + block.map_or(0, str::len), 2, BLANK);
    let body = cursor.run(dashes, 16, DASH);
    if body - dashes < 4 {
        return None;
    }
    body_at(cursor, body, hit)
}

fn putty(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let number = cursor.run(hit.end, 4, BLANK);
    let end = cursor.run(number, 6, DIGIT);
    if end == number {
        return None;
    }
    body_at(cursor, end, hit)
}

/// A vault is encrypted, and how well depends on a password that people chose.
fn vault(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let end = cursor.run(hit.end, 80, Class::of("A-Za-z0-9.;_-"));
    body_at(cursor, end, hit)
}

/// Lines of hexadecimal digits between a header and its END.
fn static_key(cursor: &Cursor<'_>, hit: Hit) -> Option<Found> {
    let start = gap(cursor, hit.end).end;
    let line = content(cursor, start);
    let hex = cursor.slice(start, line.end).iter().all(u8::is_ascii_hexdigit);
    let opens = start >= hit.floor && hex && line.chars >= SHORT * 2 && line.seen.count_ones() >= 8;
    opens.then_some(Found { start, end: line.end, then: Then::Armour })
}

/// The body behind a header, when there is one that is no placeholder.
fn body_at(cursor: &Cursor<'_>, from: usize, hit: Hit) -> Option<Found> {
    let start = gap(cursor, from).end;
    let mut at = start;
    while at - from < PREAMBLE_MAX
        && let Some(end) = field(cursor, at)
    {
        at = gap(cursor, end).end;
    }
    let line = content(cursor, at);
    let opens = start >= hit.floor && is_first(cursor, &line);
    opens.then_some(Found { start, end: line.end, then: Then::Armour })
}

/// End of the next line of a body whose last line ended at `from`.
fn next_line(cursor: &Cursor<'_>, from: usize) -> Option<usize> {
    let gap = gap(cursor, from);
    if gap.newline
        && let Some(end) = field(cursor, gap.end)
    {
        return Some(end);
    }
    let line = content(cursor, gap.end);
    let goes_on = line.chars > 0 && (gap.end == from || is_body(cursor, from, &line));
    goes_on.then_some(line.end)
}

/// What stands at a place of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A character of the key.
    Content,
    /// The end of a line, also written as an escape.
    Newline,
    /// What a listing, a comment or a string literal puts around a line.
    Dressing,
    /// An END line.
    Dashes,
    Other,
}

fn part(cursor: &Cursor<'_>, at: usize) -> Option<(Part, usize)> {
    let byte = cursor.at(at)?;
    let one = |part| Some((part, at + 1));
    match byte {
        b'\n' | b'\r' => one(Part::Newline),
        _ if BASE64.has(byte) => one(Part::Content),
        b' ' | b'\t' | b'>' | b'|' | b'#' | b'*' | b'"' | b'\'' | b'`' | b',' | b';' => one(Part::Dressing),
        b'-' if is_end_line(cursor, at) => Some((Part::Dashes, at + 4)),
        b'-' => one(Part::Dressing),
        b'\\' => escape(cursor, at),
        b'%' => coded(cursor, at, 1),
        b'&' => named(cursor, at, &["&#10;", "&#13;", "&#xa;", "&#xd;"], Part::Newline)
            .or_else(|| named(cursor, at, &["&quot;", "&#34;", "&#39;", "&apos;", "&gt;"], Part::Dressing)),
        b'<' => named(cursor, at, &["<br>", "<br/>", "<br />"], Part::Newline),
        // The arrow and the bar that listings put behind line numbers.
        0xe2 => named(cursor, at, &["\u{2192}", "\u{2502}"], Part::Dressing),
        _ => None,
    }
    .or(one(Part::Other))
}

fn is_end_line(cursor: &Cursor<'_>, at: usize) -> bool {
    let dashes = cursor.run(at, 16, DASH);
    dashes - at >= 4 && cursor.is_any_case(cursor.run(dashes, 2, BLANK), "end")
}

/// A character behind one or more backslashes: JSON in JSON doubles them.
fn escape(cursor: &Cursor<'_>, at: usize) -> Option<(Part, usize)> {
    let letter = cursor.run(at, 8, const { Class::of("\\") });
    let part = match cursor.at(letter)? {
        b'n' | b'r' => Part::Newline,
        b't' | b'"' | b'\'' => Part::Dressing,
        b'/' => Part::Content,
        // A line that goes on behind its end: the line end is a part of its own.
        b'\n' | b'\r' | b' ' => return Some((Part::Dressing, letter)),
        b'u' if cursor.is(letter + 1, "00") => return coded(cursor, letter, 3),
        b'x' => return coded(cursor, letter, 1),
        _ => return None,
    };
    Some((part, letter + 1))
}

/// A character as two hexadecimal digits, `skip` bytes behind `at`.
fn coded(cursor: &Cursor<'_>, at: usize, skip: usize) -> Option<(Part, usize)> {
    let digits = at + skip;
    let is = |code: &str| cursor.is_any_case(digits, code);
    let part = if is("0a") || is("0d") {
        Part::Newline
    } else if is("2b") || is("2f") || is("3d") {
        Part::Content
    } else if is("20") || is("22") || is("27") || is("09") {
        Part::Dressing
    } else {
        return None;
    };
    Some((part, digits + 2))
}

fn named(cursor: &Cursor<'_>, at: usize, names: &[&str], part: Part) -> Option<(Part, usize)> {
    names.iter().find(|name| cursor.is_any_case(at, name)).map(|name| (part, at + name.len()))
}

struct Gap {
    end: usize,
    newline: bool,
}

/// What stands between two lines.
fn gap(cursor: &Cursor<'_>, from: usize) -> Gap {
    let mut gap = Gap { end: from, newline: false };
    while gap.end - from < GAP_MAX {
        let at = gap.end;
        if gap.newline
            && let Some(end) = line_number(cursor, at)
        {
            gap.end = end;
            continue;
        }
        gap.end = match part(cursor, at) {
            Some((Part::Newline, end)) => {
                gap.newline = true;
                end
            }
            Some((Part::Dressing, end)) => end,
            Some((Part::Content, end)) if is_sign(cursor, at) => end,
            _ => break,
        };
    }
    gap
}

/// True for the `+` of a diff or of strings that are joined, and for comment signs.
fn is_sign(cursor: &Cursor<'_>, at: usize) -> bool {
    match cursor.at(at) {
        Some(b'+') => true,
        Some(b'/') => matches!(cursor.at(at + 1), Some(b'/' | b'*')) || cursor.before(at) == Some(b'/'),
        _ => false,
    }
}

/// End of a line number and its separator, as listings print them.
fn line_number(cursor: &Cursor<'_>, at: usize) -> Option<usize> {
    let end = cursor.run(at, 6, DIGIT);
    if end == at {
        return None;
    }
    match cursor.at(end)? {
        b':' | b'|' | b'\t' | b'.' | b')' | b' ' | b'-' => Some(end + 1),
        _ => named(cursor, end, &["\u{2192}", "\u{2502}"], Part::Dressing).map(|(_, end)| end),
    }
}

/// End of a line such as `DEK-Info: …`.
fn field(cursor: &Cursor<'_>, at: usize) -> Option<usize> {
    FIELDS.iter().find(|name| cursor.is_any_case(at, name))?;
    let mut end = at;
    while end - at < LINE_MAX
        && let Some((part, next)) = part(cursor, end)
        && !matches!(part, Part::Newline | Part::Dashes)
    {
        end = next;
    }
    Some(end)
}

/// The characters of one line.
#[derive(Default)]
struct Line {
    end: usize,
    chars: usize,
    digits: usize,
    upper: usize,
    lower: usize,
    signs: usize,
    /// The different ones, as bits of their low six bits: an estimate that only refuses the likes of `xxxx`.
    seen: u64,
}

fn content(cursor: &Cursor<'_>, from: usize) -> Line {
    let mut line = Line { end: from, ..Line::default() };
    while line.end - from < LINE_MAX
        && let Some((Part::Content, end)) = part(cursor, line.end)
    {
        match cursor.at(line.end) {
            Some(byte) if byte.is_ascii_digit() => line.digits += 1,
            Some(byte) if byte.is_ascii_uppercase() => line.upper += 1,
            Some(byte) if byte.is_ascii_lowercase() => line.lower += 1,
            _ => line.signs += 1,
        }
        line.seen |= 1 << (cursor.at(line.end).unwrap_or(0) & 63);
        line.chars += 1;
        line.end = end;
    }
    line
}

impl Line {
    fn is_mixed(&self) -> bool {
        self.upper > 0 && self.lower > 0 && self.digits + self.signs > 0
    }

    /// `Here`, `done`, `NOTE`: a word, not the end of a key.
    fn is_word(&self) -> bool {
        self.digits + self.signs == 0 && (self.lower == 0 || self.upper <= 1)
    }
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// With the line, its quote or the text.
    Clean,
    /// More characters of the same kind follow after a blank.
    More,
    Dirty,
}

fn tail(cursor: &Cursor<'_>, end: usize) -> Tail {
    let mut at = end;
    while at - end < 32 {
        match part(cursor, at) {
            None | Some((Part::Newline | Part::Dashes, _)) => return Tail::Clean,
            Some((Part::Dressing, _)) if !matches!(cursor.at(at), Some(b' ' | b'\t' | b'\\')) => return Tail::Clean,
            Some((Part::Dressing, next)) => at = next,
            Some((Part::Content, _)) if at > end => return Tail::More,
            Some((Part::Content, _)) => return Tail::Clean,
            Some((Part::Other, _)) => {
                let closed = at == end && matches!(cursor.at(at), Some(b')' | b']' | b'}' | b'<'));
                return if closed { Tail::Clean } else { Tail::Dirty };
            }
        }
    }
    Tail::Dirty
}

/// True when the END line is the next thing behind `end`.
fn ends_behind(cursor: &Cursor<'_>, end: usize) -> bool {
    matches!(part(cursor, gap(cursor, end).end), Some((Part::Dashes, _)))
}

/// True when a line can be the first of a key.
fn is_first(cursor: &Cursor<'_>, line: &Line) -> bool {
    let varied = |least| line.seen.count_ones() >= least;
    if line.chars >= FULL && varied(8) {
        return line.is_mixed() || tail(cursor, line.end) != Tail::Dirty;
    }
    if line.chars >= SHORT && varied(6) && line.is_mixed() {
        return tail(cursor, line.end) != Tail::Dirty;
    }
    let text = cursor.slice(line.end - line.chars.min(line.end), line.end).to_ascii_lowercase();
    let told = SAYS_KEY.iter().any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some());
    let long = line.chars >= SHORT + 4 && varied(6);
    let toy = line.chars >= 8 && varied(5) && line.digits > 0 && line.upper + line.lower > 0;
    (long || toy) && !told && ends_behind(cursor, line.end)
}

/// True when a line goes on with the body that ended at `before`.
fn is_body(cursor: &Cursor<'_>, before: usize, line: &Line) -> bool {
    if line.chars >= 60 || (line.chars >= FULL && line.is_mixed()) {
        return true;
    }
    let tail = tail(cursor, line.end);
    let previous = before - cursor.run_back(before, 128, BEHIND);
    if line.chars >= SHORT {
        // The last line of a body in digits, which are never mixed.
        let digits = previous >= FULL && line.signs == 0 && line.digits * 2 > line.chars;
        let alike = line.chars == previous || digits || line.is_mixed() || ends_behind(cursor, line.end);
        return alike && tail != Tail::Dirty;
    }
    let checksum = line.chars == 5 && line.signs > 0;
    let last = previous >= FULL && !line.is_word();
    tail == Tail::Clean && (checksum || last || (previous >= SHORT && ends_behind(cursor, line.end)))
}
