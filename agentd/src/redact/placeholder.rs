//! The words of documentation that stand where a secret would.
//!
//! Owns the one list of them. Some are telling in any value; the others only behind a label, as a token with a known
//! form may hold them by chance or by its maker's choice (`sk_test_…`).

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

/// Telling in any value, in lower case.
const ANYWHERE: [&str; 12] = [
    "your",
    "example",
    "placeholder",
    "changeme",
    "dummy",
    "insert",
    "replace",
    "redacted",
    "xxxxx",
    "....",
    "****",
    "12345678901234567890",
];

/// Telling behind a label, in lower case.
const LABELLED: [&str; 50] = [
    "change_me",
    "change-me",
    "change_this",
    "todo",
    "fixme",
    "enter_",
    "enter-",
    "enter ",
    "xxxx",
    "sample",
    "redact",
    "_here",
    "-here",
    " here",
    "goes-",
    "goes_",
    "...",
    "fake",
    "mock",
    "not-a-real",
    "notreal",
    "not_real",
    "not-set",
    "not_set",
    "masked",
    "hidden",
    "removed",
    "censored",
    "-----",
    "\u{2026}",
    "\u{2022}\u{2022}",
    "my-",
    "my_",
    "test-",
    "test_",
    "-test",
    "_test",
    "some-",
    "some_",
    "secret-key",
    "secret_key",
    "api-key",
    "api_key",
    "access-token",
    "access_token",
    "password_",
    "_password",
    "invalid",
    "undefined",
    "deadbeef",
];

/// All of them, the telling ones first.
static WORDS: LazyLock<Result<AhoCorasick, BuildError>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    // A prefilter costs more than it saves on texts as short as values.
    builder.ascii_case_insensitive(true).prefilter(false).kind(Some(AhoCorasickKind::DFA));
    builder.build(ANYWHERE.iter().chain(&LABELLED))
});

/// True when a value with a known form is one of documentation.
pub(super) fn is_anywhere(value: &[u8]) -> bool {
    let telling = |words: &AhoCorasick| {
        words.find_overlapping_iter(value).any(|found| found.pattern().as_usize() < ANYWHERE.len())
    };
    WORDS.as_ref().is_ok_and(telling)
}

/// True when a value behind a label is one of documentation.
pub(super) fn is_labelled(value: &[u8]) -> bool {
    WORDS.as_ref().is_ok_and(|words| words.is_match(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_told_in_any_case() {
        assert!(WORDS.is_ok());
        for word in ANYWHERE {
            assert!(is_anywhere(format!("a{}b", word.to_uppercase()).as_bytes()), "{word}");
            assert!(is_labelled(word.as_bytes()), "{word}");
        }
        for word in LABELLED {
            assert!(is_labelled(format!("a{word}b").as_bytes()), "{word}");
        }
    }

    #[test]
    fn what_forms_hold_by_their_makers_choice_is_no_placeholder() {
        assert!(!is_anywhere(b"sk_test_a1b2") && is_labelled(b"sk_test_a1b2"));
        assert!(is_anywhere(b"a_test_yours"));
        assert!(!is_labelled(b"a1b2c3d4") && !is_anywhere(b""));
    }
}
