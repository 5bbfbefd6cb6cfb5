//! What every door relies on.

use super::*;

/// A token whose form is known, made here so that none stands in the source.
fn token(seed: u64) -> String {
    let mut state = seed;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let body: String = (0..36)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
        })
        .collect();
    format!("ghp{}{body}", "_")
}

#[test]
fn a_known_value_is_replaced_wherever_it_stands() {
    let redactor = Redactor::new(["k-1234567890".to_owned()]);
    let (text, count) = redactor.text_counted("a k-1234567890 b k-1234567890");
    assert_eq!((text.as_str(), count), ("a [REDACTED] b [REDACTED]", 2));
    assert_eq!(redactor.text(text.as_str()), text);
}

#[test]
fn two_secrets_can_be_told_apart_in_what_the_model_sees() {
    let redactor = Redactor::new(["k-1234567890".to_owned(), "k-abcdefghij".to_owned()]);
    let vault = Vault::default();
    let (text, count) = redactor.numbered("k-1234567890 k-abcdefghij k-1234567890", &vault);
    assert_eq!((text.as_str(), count), ("[REDACTED:1] [REDACTED:2] [REDACTED:1]", 3));
}

#[test]
fn debug_of_a_redactor_shows_no_value() {
    assert_eq!(format!("{:?}", Redactor::new(["k-1234567890".to_owned()])), "Redactor(1 values)");
}

#[test]
fn every_split_of_a_text_gives_the_same_result() {
    let redactor = Redactor::new(["k-1234567890".to_owned()]);
    let text = format!(
        "use {} now, k-1234567890; HEROKU_KEY=12345678-90ab-cdef-1234-567890abcdef end\n{}",
        token(1),
        token(2)
    );
    let whole = redactor.text(&text);
    assert_eq!(whole.as_str().matches(MARKER).count(), 4, "{whole}");
    for at in 0..text.len() {
        let mut stream = redactor.stream();
        let pieces = [stream.push(&text[..at]), stream.push(&text[at..]), stream.finish()];
        assert_eq!(pieces.concat(), whole.as_str(), "split at {at}");
    }
    for size in [1, 4, 7] {
        let mut stream = redactor.stream();
        let mut out = String::new();
        for piece in text.as_bytes().chunks(size) {
            out.push_str(&stream.push(std::str::from_utf8(piece).unwrap()));
        }
        out.push_str(&stream.finish());
        assert_eq!((out.as_str(), stream.count()), (whole.as_str(), 4), "pieces of {size}");
    }
}

#[test]
fn a_stream_holds_little_of_a_clean_text() {
    let redactor = Redactor::default();
    let text = "The accept loop takes connections and hands each to a task of its own.\n".repeat(50);
    let mut stream = redactor.stream();
    let (mut pushed, mut returned, mut held) = (0, 0, Vec::new());
    for piece in text.as_bytes().chunks(5) {
        pushed += piece.len();
        returned += stream.push(std::str::from_utf8(piece).unwrap()).len();
        held.push(pushed - returned);
    }
    held.sort_unstable();
    assert!(held[held.len() / 2] <= 64 && held[held.len() - 1] <= 4096, "{held:?}");
}

#[test]
fn a_value_without_an_end_is_replaced_as_it_comes() {
    let redactor = Redactor::default();
    let text = format!("{}{} after", token(3), "a1".repeat(200_000));
    let whole = redactor.text(&text);
    assert_eq!(whole.as_str(), "[REDACTED] after");
    let mut stream = redactor.stream();
    let mut out = String::new();
    for piece in text.as_bytes().chunks(1000) {
        out.push_str(&stream.push(std::str::from_utf8(piece).unwrap()));
        assert!(stream.held() <= 8192);
    }
    out.push_str(&stream.finish());
    assert_eq!(out, whole.as_str());
}
