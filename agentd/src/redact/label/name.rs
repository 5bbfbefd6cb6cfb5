//! What a sensitive word in an identifier, a heading or a sentence stands for.
//!
//! Owns the vocabulary: which words, glued to what, following what, followed by what. It refuses words that only look
//! like a label (`tokenizer`, `bypass`, `primary key`) and names of something about a secret (`token_count`, `key_path`).

use super::super::engine::{Class, Cursor, Hit};
use super::choice::Choice;

/// What a value behind the label is like, and so how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chosen by a person: may be weak.
    Password,
    /// Between password and token: random, or at least not a word.
    Secret,
    /// Digits.
    Pin,
    /// Made by a machine: random.
    Token,
    /// `key` without a word that says what for: must be random beyond doubt.
    Key,
    /// Names a header or a block: only with a scheme or a long random value.
    Auth,
}

/// One anchor and its vocabulary.
pub(super) struct Word {
    pub(super) kind: Kind,
    /// What may follow the anchor within the same word; the first is empty when nothing must, and `=` when nothing may.
    pub(super) endings: &'static [&'static str],
    /// What may stand before it within the same word, at its end.
    pub(super) glued: Glue,
    /// Words before it that make it something else.
    pub(super) refused: &'static [&'static str],
}

/// What may stand before an anchor within the same word.
pub(super) enum Glue {
    /// Nothing: the word begins there.
    Nothing,
    /// Anything but these.
    AllBut(&'static [&'static str]),
    /// Only these.
    Only(&'static [&'static str]),
}

/// A label in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) kind: Kind,
    /// First byte of the identifier, as far as it was looked at.
    pub(super) start: usize,
    /// Byte after it.
    pub(super) end: usize,
}

/// Longest identifier part that is looked at before and after an anchor.
const REACH: usize = 48;
const IDENT: Class = Class::of("A-Za-z0-9_-");
/// Also what joins identifiers into one name: `spring.datasource.password`.
const JOINED: Class = Class::of("A-Za-z0-9_.-");

/// Words behind a label that leave its meaning.
static CLOSERS: Choice<54> = Choice::of([
    "value",
    "val",
    "string",
    "str",
    "env",
    "prod",
    "production",
    "dev",
    "development",
    "test",
    "testing",
    "staging",
    "stage",
    "qa",
    "live",
    "sandbox",
    "default",
    "text",
    "plain",
    "plaintext",
    "cleartext",
    "raw",
    "b64",
    "base64",
    "hex",
    "new",
    "old",
    "current",
    "confirm",
    "confirmation",
    "conf",
    "main",
    "primary",
    "secondary",
    "local",
    "admin",
    "root",
    "db",
    "api",
    "base",
    "bytes",
    "literal",
    "const",
    "s",
    "hash",
    "v",
    "enc",
    "ext",
    "int",
    "global",
    "here",
    "w",
    "encoded",
    "data",
]);

/// Reads the identifier around a hit.
pub(super) fn read(cursor: &Cursor<'_>, hit: Hit, word: &Word) -> Option<Label> {
    let end = tail(cursor, hit, word)?;
    let behind = REACH.min(hit.start - hit.floor);
    let before = cursor.slice(hit.start - behind, hit.start);
    let (before, glued) = match (before.last(), cursor.at(hit.start)?) {
        (Some(last), first)
            if last.is_ascii_alphabetic() && !(last.is_ascii_lowercase() && first.is_ascii_uppercase()) =>
        {
            last_word(before)
        }
        _ => (before, &before[..0]),
    };
    if !word.glued.allows(glued) {
        return None;
    }
    let previous = previous_word(before);
    if word.refused.iter().any(|refused| previous.eq_ignore_ascii_case(refused.as_bytes())) {
        return None;
    }
    let start = cursor.run_back(hit.start, behind, JOINED);
    let kind = match word.kind {
        Kind::Key if !glued.is_empty() || is_known(previous) => Kind::Token,
        Kind::Key if matches!(cursor.at(hit.end), Some(b's' | b'S')) => return None,
        Kind::Key if word.refused.first() == Some(&"script") => Kind::Key,
        Kind::Key if !previous.is_empty() && before.last() != Some(&b' ') => Kind::Token,
        kind => kind,
    };
    Some(Label { kind, start, end })
}

impl Glue {
    fn allows(&self, glued: &[u8]) -> bool {
        if glued.is_empty() {
            return true;
        }
        let ends = |list: &[&str]| list.iter().any(|word| ends_any_case(glued, word));
        match self {
            Self::Nothing => false,
            Self::AllBut(list) => !ends(list),
            Self::Only(list) => ends(list),
        }
    }
}

fn ends_any_case(text: &[u8], lower: &str) -> bool {
    text.len()
        .checked_sub(lower.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(lower.as_bytes()))
}

/// Splits the last hump of a name off: `userPass` gives `Pass`, `DB_PASS` gives `PASS`.
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    let small = text.iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count();
    let mut at = text.len() - small;
    if small > 0 {
        at -= usize::from(text[..at].last().is_some_and(u8::is_ascii_uppercase));
    } else {
        at -= text.iter().rev().take_while(|byte| byte.is_ascii_uppercase()).count();
    }
    text.split_at(at)
}

/// The word before, over one separator or a camel hump.
fn previous_word(text: &[u8]) -> &[u8] {
    match text.split_last() {
        Some((b'_' | b'-' | b'.' | b' ', rest)) => last_word(rest).1,
        _ => last_word(text).1,
    }
}

/// Words before `key` that say what it is for, also with a blank between.
fn is_known(previous: &[u8]) -> bool {
    static KNOWN: Choice<22> = Choice::of([
        "api",
        "secret",
        "access",
        "private",
        "account",
        "signing",
        "encryption",
        "master",
        "license",
        "auth",
        "app",
        "service",
        "shared",
        "subscription",
        "storage",
        "webhook",
        "integration",
        "client",
        "ssh",
        "deploy",
        "bot",
        "recovery",
    ]);
    KNOWN.has(previous)
}

/// The cheap half of what [`super::operator`] asks: most names in source are followed by none of it.
#[inline]
fn may_lead_on(cursor: &Cursor<'_>, end: usize) -> bool {
    let next = |offset: usize| cursor.at(end + offset);
    let Some(byte) = next(0) else { return false };
    match byte {
        b' ' => next(1).is_some_and(|byte| !b"{)}];,.".contains(&byte)),
        b'.' | b'~' | b'+' | b'!' => next(1) == Some(b'='),
        b'?' => matches!(next(1), Some(b'=' | b'?')),
        b'<' => matches!(next(1), Some(b'-' | b'/' | b'<')),
        b'(' => matches!(next(1), Some(b'"' | b'\'')),
        b',' | b')' | b';' | b'{' | b'}' | b'/' | b'@' | b'#' | b'$' | b'^' => false,
        b':' => next(1) != Some(b':') || matches!(next(2), Some(b':' | b'=')),
        _ => true,
    }
}

/// End of the identifier, when what follows the anchor in it leaves the label's meaning.
fn tail(cursor: &Cursor<'_>, hit: Hit, word: &Word) -> Option<usize> {
    let next = match cursor.at(hit.end) {
        Some(byte) if IDENT.has(byte) => byte,
        _ => {
            let whole = matches!(word.endings.first(), Some(&"" | &"="));
            return (whole && may_lead_on(cursor, hit.end)).then_some(hit.end);
        }
    };
    // The ordinary case in source: another word that only begins like this.
    if word.endings == ["="] {
        return None;
    }
    if next.is_ascii_lowercase()
        && !word.endings.iter().any(|ending| ending.as_bytes().first() == Some(&next))
        && next != b's'
    {
        return None;
    }
    let end = cursor.run(hit.end, REACH, IDENT);
    let rest = cursor.slice(hit.end, end);
    if rest.len() == REACH || !rest.ends_with(b"-") && !may_lead_on(cursor, end) {
        return None;
    }
    let ending = word.endings.iter().filter(|ending| begins_word(rest, ending)).map(|ending| ending.len()).max()?;
    closers(&rest[ending..]).then_some(end - rest.iter().rev().take_while(|byte| **byte == b'-').count())
}

/// True when `rest` begins with `ending` and a word ends there.
fn begins_word(rest: &[u8], ending: &str) -> bool {
    let Some((head, after)) = rest.split_at_checked(ending.len()) else { return false };
    if !head.eq_ignore_ascii_case(ending.as_bytes()) {
        return false;
    }
    match after.first() {
        Some(byte) if byte.is_ascii_lowercase() => after == b"s" || after.starts_with(b"s_"),
        Some(byte) if byte.is_ascii_uppercase() => {
            head.last().is_none_or(|last| last.is_ascii_lowercase()) || after == b"S"
        }
        _ => true,
    }
}

/// True when every word of `rest` is one that changes nothing.
fn closers(mut rest: &[u8]) -> bool {
    for _ in 0..4 {
        rest = rest.trim_ascii_start();
        while let Some((b'_' | b'-' | b'0'..=b'9', after)) = rest.split_first() {
            rest = after;
        }
        if rest.is_empty() {
            return true;
        }
        let upper = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let small = rest.iter().skip(upper).take_while(|byte| byte.is_ascii_lowercase()).count();
        let (word, after) = rest.split_at(if upper > 1 && small > 0 { upper - 1 } else { upper + small });
        if !CLOSERS.has(word) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Word = Word { kind: Kind::Key, endings: &[""], glued: Glue::Only(&["api"]), refused: &["primary"] };
    const PASS: Word =
        Word { kind: Kind::Password, endings: &["", "word", "wd"], glued: Glue::AllBut(&["by", "com"]), refused: &[] };

    fn kind(text: &str, anchor: &str, word: &Word) -> Option<(Kind, String)> {
        let start = text.to_lowercase().find(anchor).unwrap();
        let hit = Hit { start, end: start + anchor.len(), floor: 0 };
        let followed = format!("{text} = ");
        read(&Cursor::new(followed.as_bytes(), true), hit, word)
            .map(|label| (label.kind, text[label.start..label.end].to_owned()))
    }

    #[test]
    fn the_last_words_of_an_identifier_decide() {
        for text in ["dbPassword", "DB_PASS_PROD", "db-password", "app.mail.passwd", "passwordValue1", "MYSQLPASSWORD"]
        {
            assert_eq!(kind(text, "pass", &PASS), Some((Kind::Password, text.to_owned())), "{text}");
        }
        for text in ["bypass", "compass", "passenger", "password_field", "passThrough", "PassedTests"] {
            assert_eq!(kind(text, "pass", &PASS), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_what_stands_before_it() {
        for text in ["apiKey", "APIKEY", "heroku_key", "api_key_prod"] {
            assert_eq!(kind(text, "key", &KEY), Some((Kind::Token, text.to_owned())), "{text}");
        }
        assert_eq!(kind("key", "key", &KEY).map(|found| found.0), Some(Kind::Key));
        for text in ["monkey", "primary_key", "primary key", "keyboard", "key_path", "keys_len"] {
            assert_eq!(kind(text, "key", &KEY), None, "{text}");
        }
    }
}
