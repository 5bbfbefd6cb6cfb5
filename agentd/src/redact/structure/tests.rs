//! What the structures find and leave, through the redactor, whole and in pieces.

use super::super::Redactor;

/// Characters that no generator of keys made.
pub(in crate::redact) fn noise(seed: u64, length: usize, alphabet: &str) -> String {
    let letters = alphabet.as_bytes();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
    };
    (0..length).map(|_| next()).collect()
}

pub(in crate::redact) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(in crate::redact) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(in crate::redact) const HEX: &str = "0123456789abcdef";

/// The text after redaction; also that pieces of any size give the same.
pub(in crate::redact) fn redacted(text: &str) -> String {
    let redactor = Redactor::default();
    let whole = redactor.text(text).as_str().to_owned();
    assert_eq!(redactor.text(&whole).as_str(), whole, "a second time changes nothing");
    for size in [1, 4, 7, 64, 500] {
        let mut stream = redactor.stream();
        let mut out = String::new();
        let mut piece = String::new();
        for letter in text.chars() {
            piece.push(letter);
            if piece.len() >= size {
                out.push_str(&stream.push(&piece));
                piece.clear();
            }
        }
        out.push_str(&stream.push(&piece));
        out.push_str(&stream.finish());
        assert_eq!(out, whole, "in pieces of {size}");
    }
    whole
}

/// That nothing is touched.
pub(in crate::redact) fn stays(text: &str) {
    assert_eq!(redacted(text), text);
}

mod armour;
mod hidden;
mod jwt;
mod url;
