//! Exact values that the daemon itself holds: its key, credential-like environment variables, configured secrets.
//!
//! Owns which variables hold secrets, which values are worth hiding, and the forms in which a value may stand in a
//! text: as it is, percent-coded, base64 at each of its three alignments, hexadecimal, JSON-escaped. Refuses values
//! that are words, numbers, paths or plain addresses: hiding them garbles texts and protects nothing.
//! Every form is found by one automaton, leftmost and longest first. Base64 at an alignment covers the characters
//! that belong to the value alone; its neighbours hold bits of other bytes too.

use std::{collections::BTreeSet, ffi::OsString};

use aho_corasick::{AhoCorasick, Input, MatchKind};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::marker::has_marker;

/// Shorter values are words and numbers; replacing them would garble text without protecting anything.
const SECRET_MIN: usize = 8;
/// Longer values are documents. Their forms would need more memory than they are worth.
const SECRET_MAX: usize = 64 * 1024;
/// Values known at once. An environment has some dozen; the automaton grows with each.
const VALUES_MAX: usize = 1024;
/// Endings of the names of variables that hold credentials, glued or not.
const ENDINGS: [&str; 11] = [
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "CREDENTIALS",
    "CONNECTION_STRING",
    "DBPASS",
    "APIKEYS",
];
/// The same for words that other words end with: whole, or after an underscore.
const WORDS: [&str; 8] = ["PASS", "PWD", "AUTH", "PAT", "COOKIE", "SECRETS", "TOKENS", "KEYS"];
/// Names whose value may be an address with a password in it.
const ADDRESSES: [&str; 5] = ["URL", "URI", "DSN", "PROXY", "REGISTRY"];
/// Names that end like a secret's and hold none.
const NOT_SECRET: [&str; 8] =
    ["PUBLIC_KEY", "PUBLICKEY", "PUBKEY", "PUB_KEY", "HOTKEY", "SORT_KEY", "PARTITION_KEY", "PRIMARY_KEY"];
/// Values that people write where a secret belongs.
const COMMON: [&str; 16] = [
    "password",
    "passwords",
    "changeme",
    "disabled",
    "enabled",
    "required",
    "optional",
    "anonymous",
    "localhost",
    "undefined",
    "username",
    "administrator",
    "notasecret",
    "placeholder",
    "keychain",
    "interactive",
];

/// The values in all their forms.
#[derive(Default)]
pub(super) struct Known {
    values: usize,
    /// Sorted, so that what begins with some bytes stands together.
    forms: Vec<Box<[u8]>>,
    longest: usize,
    automaton: Option<AhoCorasick>,
}

impl Known {
    pub(super) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let values: BTreeSet<String> = values.into_iter().filter(|value| is_worth(value)).take(VALUES_MAX).collect();
        let forms: BTreeSet<Vec<u8>> = values.iter().flat_map(|value| forms(value)).collect();
        let build = || AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&forms).ok();
        let automaton = if forms.is_empty() { None } else { build() };
        Self {
            values: values.len(),
            longest: forms.iter().map(Vec::len).max().unwrap_or_default(),
            automaton,
            forms: forms.into_iter().map(Vec::into_boxed_slice).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values
    }

    /// Where values stand from `from` on: start and end, sorted, not overlapping.
    pub(super) fn matches(&self, view: &[u8], from: usize) -> Vec<(usize, usize)> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let input = Input::new(view).range(from.min(view.len())..);
        automaton.find_iter(input).map(|found| (found.start(), found.end())).collect()
    }

    /// The first byte at or after `from` where a value may begin that has not wholly arrived.
    pub(super) fn undecided(&self, view: &[u8], from: usize) -> usize {
        let first = from.max(view.len().saturating_sub(self.longest.saturating_sub(1)));
        let mut at = first..view.len();
        at.find(|at| self.may_go_on(view.get(*at..).unwrap_or_default())).unwrap_or(view.len())
    }

    /// True when a form begins with these bytes and is longer.
    fn may_go_on(&self, tail: &[u8]) -> bool {
        // The first form above the tail in the order begins with it, if any does.
        let above = self.forms.partition_point(|form| **form <= *tail);
        self.forms.get(above).is_some_and(|form| form.starts_with(tail))
    }
}

/// What a value may look like in a text.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        value.to_owned(),
        percent(bytes, false),
        percent(bytes, true),
        json.to_owned(),
        json.replace('/', "\\/"),
        json.replace('\\', "\\\\").replace('"', "\\\""),
        hex.to_ascii_uppercase(),
        hex,
    ];
    for shift in 0..3 {
        forms.push(aligned(&STANDARD_NO_PAD.encode([&[0; 2][..shift], bytes].concat()), shift, bytes.len()));
        forms.push(aligned(&URL_SAFE_NO_PAD.encode([&[0; 2][..shift], bytes].concat()), shift, bytes.len()));
    }
    forms.into_iter().map(String::into_bytes).filter(|form| form.len() >= SECRET_MIN).collect()
}

/// All bytes but the unreserved ones of a URL.
fn percent(bytes: &[u8], lower: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            _ if lower => out.push_str(&format!("%{byte:02x}")),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The characters of a base64 text that hold bits of the value only, which begins after `shift` other bytes.
fn aligned(coded: &str, shift: usize, length: usize) -> String {
    let (first, end) = ((shift * 8).div_ceil(6), (shift + length) * 8 / 6);
    coded.get(first..end).unwrap_or_default().to_owned()
}

/// False for what is no secret by its look.
fn is_worth(value: &str) -> bool {
    (SECRET_MIN..=SECRET_MAX).contains(&value.len())
        && !has_marker(value)
        && !COMMON.iter().any(|word| value.eq_ignore_ascii_case(word))
        && !value.bytes().all(|byte| byte.is_ascii_digit() || b".,:+- ".contains(&byte))
        && !is_repetition(value)
        && !is_path(value)
        && !value.contains("://")
}

/// One character over and over, as `xxxxxxxx` and `********`.
fn is_repetition(value: &str) -> bool {
    let mut characters = value.chars();
    characters.next().is_some_and(|first| characters.all(|c| c == first))
}

fn is_path(value: &str) -> bool {
    if ["~/", "./", "../"].iter().any(|start| value.starts_with(start)) {
        return true;
    }
    let Some(inside) = value.strip_prefix('/') else { return false };
    // Base64 may begin with a slash too.
    inside.contains('/') && !value.contains(['+', '=', '\n']) && !inside.split('/').any(looks_random)
}

fn looks_random(part: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| part.as_bytes().iter().any(kind);
    part.len() >= 12 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

/// The values of credential-like variables.
pub(super) fn environment_secrets(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let texts = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.flat_map(|(name, value)| secrets_of(&name, &value)).collect()
}

/// What of a variable is secret: its value, or the password of an address.
pub(super) fn secrets_of(name: &str, value: &str) -> Vec<String> {
    let name = name.to_ascii_uppercase();
    let is = |words: &[&str]| words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")));
    let credential = ENDINGS.iter().any(|end| name.ends_with(end)) || is(&WORDS);
    let excluded = NOT_SECRET.iter().any(|end| name.ends_with(end)) || ["PWD", "OLDPWD"].contains(&&*name);
    if value.contains("://") && (credential || ADDRESSES.iter().any(|end| name.ends_with(end))) {
        return password_of(value).map(|password| vec![password]).unwrap_or_default();
    }
    if !credential || excluded {
        return Vec::new();
    }
    // Some tools put a line end or quotes around what they export.
    let trimmed = value.trim().trim_matches('"');
    vec![trimmed.to_owned()]
}

/// The password of an address; also a name that stands alone and can only be a token.
fn password_of(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    match user.split_once(':') {
        Some((_, password)) if !password.is_empty() => Some(password.to_owned()),
        _ => Some(user.trim_end_matches(':').to_owned()).filter(|user| user.len() >= 16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "p4ss/w0rd+\"x\"\n~end";

    fn found(known: &Known, text: &str) -> Vec<String> {
        known.matches(text.as_bytes(), 0).iter().map(|(start, end)| text[*start..*end].to_owned()).collect()
    }

    #[test]
    fn the_longer_of_two_overlapping_values_goes_whole() {
        let known = Known::new(["abcdefgh".to_owned(), "abcdefgh-ijkl".to_owned()]);
        assert_eq!(known.matches(b"x abcdefgh-ijkl y", 0), [(2, 15)]);
        assert_eq!(known.matches(b"x abcdefgh-ijkl y", 3), []);
        assert_eq!(known.len(), 2);
    }

    #[test]
    fn a_value_is_found_in_every_coded_form() {
        let known = Known::new([VALUE.to_owned()]);
        let url: String = VALUE.bytes().map(|b| format!("%{b:02X}")).collect();
        let hex: String = VALUE.bytes().map(|b| format!("{b:02x}")).collect();
        let json = serde_json::to_string(VALUE).unwrap();
        let twice = serde_json::to_string(&json).unwrap();
        for text in [VALUE, &percent(VALUE.as_bytes(), true), &json, &json.replace('/', "\\/"), &twice, &hex] {
            assert_eq!(found(&known, &format!("a {text} b")).len(), 1, "{text}");
        }
        assert_eq!(found(&known, &hex.to_ascii_uppercase()).len(), 1);
        assert!(found(&known, &url).is_empty(), "every byte coded is the engine's work");
    }

    #[test]
    fn base64_is_found_at_every_alignment_and_almost_nothing_of_it_is_left() {
        let known = Known::new([VALUE.to_owned()]);
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "!", "!!"] {
                let coded = STANDARD_NO_PAD.encode(format!("{before}{VALUE}{after}"));
                let found = found(&known, &coded);
                assert_eq!(found.len(), 1, "{coded}");
                assert!(found[0].len() + 3 >= VALUE.len() * 4 / 3, "{coded}: {found:?}");
                let safe = URL_SAFE_NO_PAD.encode(format!("{before}{VALUE}{after}"));
                assert_eq!(known.matches(safe.as_bytes(), 0).len(), 1, "{safe}");
            }
        }
    }

    #[test]
    fn what_may_still_become_a_value_waits_and_nothing_else() {
        let known = Known::new(["abcdefgh-ijkl".to_owned(), "abcdefgh".to_owned()]);
        assert_eq!(known.undecided(b"text abcdef", 0), 5);
        assert_eq!(known.undecided(b"text abcdefgh", 0), 5, "the longer one may come");
        assert_eq!(known.undecided(b"text abcdefghX", 0), 14);
        assert_eq!(known.undecided(b"text abcdef", 6), 11);
        assert_eq!(Known::default().undecided(b"text", 0), 4);
    }

    #[test]
    fn words_numbers_paths_and_addresses_are_no_secrets() {
        for value in [
            "short",
            "12345678901",
            "10.0.0.1:8080",
            "changeme",
            "PASSWORD",
            "/home/user/.ssh/id",
            "~/keys/one",
            "https://example.com/x",
            "xxxxxxxxxxxx",
            "a [REDACTED] b",
        ] {
            assert!(!is_worth(value), "{value}");
        }
        for value in ["hunter2hunter2", "/x8Tq2LmPz90Vw/aB3", "correct horse battery", "a\nb\nc\nd\ne"] {
            assert!(is_worth(value), "{value}");
        }
    }

    #[test]
    fn variables_are_judged_by_their_names_and_addresses_by_their_password() {
        let secret = |name: &str, value: &str| secrets_of(name, value);
        for name in ["DEEPSEEK_API_KEY", "gh_token", "MYSQL_PWD", "PGPASSWORD", "NPM_CONFIG__AUTH", "GH_PAT", "PASS"] {
            assert_eq!(secret(name, "v-1234567"), ["v-1234567"], "{name}");
        }
        for name in ["AWS_ACCESS_KEY_ID", "SSH_PUBLIC_KEY", "SSH_AUTH_SOCK", "XAUTHORITY", "PATH", "BYPASS", "PWD"] {
            assert!(secret(name, "v-1234567").is_empty(), "{name}");
        }
        assert_eq!(secret("DATABASE_URL", "postgres://u:s3cr3t-pw@db:5432/x"), ["s3cr3t-pw"]);
        assert_eq!(secret("SENTRY_DSN", "https://0123456789abcdef@sentry.example/1"), ["0123456789abcdef"]);
        assert_eq!(secret("HTTPS_PROXY", "http://user:p%40ss-word@proxy:1"), ["p%40ss-word"]);
        assert!(secret("HOME_URL", "https://example.com/a@b:c").is_empty());
        assert_eq!(secret("API_TOKEN", " \"quoted-1\"\n"), ["quoted-1"]);
    }
}
