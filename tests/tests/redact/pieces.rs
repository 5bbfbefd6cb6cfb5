//! A text in pieces gives what the whole gives, and little of it is held back on the way.

use tests::corpus::Rng;

use crate::{NEGATIVES, POSITIVES, REDACTOR, redacted, sample};

/// Most bytes that a stream holds back, whatever comes.
const HELD_MAX: usize = 4096;
/// Bytes it holds back in the middle of ordinary text.
const HELD_MEDIAN: usize = 64;

fn in_pieces<'t>(pieces: impl IntoIterator<Item = &'t str>) -> String {
    let mut stream = REDACTOR.stream();
    let mut out: String = pieces.into_iter().map(|piece| stream.push(piece)).collect();
    out += &stream.finish();
    out
}

/// The text in pieces of about so many bytes, cut between characters.
fn cut(text: &str, size: usize) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (at, _) in text.char_indices() {
        if at >= start + size {
            pieces.push(&text[start..at]);
            start = at;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[test]
fn every_split_point_gives_what_the_whole_gives() {
    for record in sample(29) {
        let (text, whole) = (&record.text, redacted(&record.text));
        for (at, _) in text.char_indices() {
            let (left, right) = text.split_at(at);
            assert_eq!(in_pieces([left, right]), whole, "split at {at}: {text:?}");
        }
    }
}

#[test]
fn small_pieces_give_what_the_whole_gives() {
    for record in sample(5) {
        let whole = redacted(&record.text);
        for size in [1, 4, 7] {
            assert_eq!(in_pieces(cut(&record.text, size)), whole, "pieces of {size}: {:?}", record.text);
        }
    }
}

#[test]
fn texts_that_follow_one_another_give_what_the_whole_gives() {
    let texts: Vec<&str> = sample(11).map(|record| record.text.as_str()).collect();
    for group in texts.chunks(40) {
        let text = group.join("\n");
        let whole = redacted(&text);
        for size in [3, 64, 1000] {
            assert_eq!(in_pieces(cut(&text, size)), whole, "pieces of {size}: {text:?}");
        }
    }
}

#[test]
fn clean_text_flows_on() {
    let mut held = Vec::new();
    for group in NEGATIVES.chunks(50) {
        let text = group.iter().map(|record| record.text.as_str()).collect::<Vec<_>>().join("\n");
        if redacted(&text) != text {
            continue;
        }
        let (mut stream, mut pushed, mut returned) = (REDACTOR.stream(), 0, 0);
        for piece in cut(&text, 6) {
            pushed += piece.len();
            returned += stream.push(piece).len();
            held.push(pushed - returned);
        }
    }
    held.sort_unstable();
    let (median, most) = (held[held.len() / 2], held[held.len() - 1]);
    assert!(median <= HELD_MEDIAN && most <= HELD_MAX, "median {median}, at most {most} of {}", held.len());
}

#[test]
fn no_secret_however_long_makes_a_stream_hold_more_than_its_cap() {
    let long = [
        format!("password={}", "a1B2".repeat(3_000)),
        format!("-----BEGIN {} KEY-----\n{}", "PRIVATE", "QUJDRGVm".repeat(3_000)),
        "A".repeat(12_000),
        "0f".repeat(6_000),
        format!("Authorization: Bearer {}", "x9_".repeat(3_000)),
        format!("\"token\": \"{}", "\\\\\\\"".repeat(3_000)),
    ];
    for text in POSITIVES.iter().step_by(97).map(|record| &record.text).chain(&long) {
        let mut stream = REDACTOR.stream();
        let most = cut(text, 61).into_iter().map(|piece| (drop(stream.push(piece)), stream.held()).1).max();
        assert!(most.unwrap_or_default() <= HELD_MAX, "{most:?} held of {} bytes: {:.60}", text.len(), text);
    }
}

#[test]
fn a_long_secret_in_pieces_does_not_leave_from_the_middle_on() {
    let value = Rng::new(5).run("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 32_000);
    for text in [format!("password={value} end"), format!("api_key: \"{value}\" end")] {
        let out = in_pieces(cut(&text, 50));
        assert_eq!(out, redacted(&text));
        let leaves = (0..value.len() - 40).step_by(20).any(|at| out.contains(&value[at..at + 20]));
        assert!(!leaves && out.ends_with(" end"), "{out:.100}");
    }
}
