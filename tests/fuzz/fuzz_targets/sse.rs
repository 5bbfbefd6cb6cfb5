//! An event stream: however the bytes are cut, the same items and the same end come out, never more than went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sse::{SseError, SseEvent, SseItem, SseParser};

// The file alone: the whole daemon takes many minutes to build for the fuzzer, and the parser needs nothing of it.
#[allow(dead_code, reason = "the fuzzer does not need all of the parser")]
#[path = "../../../agentd/src/llm/sse.rs"]
mod sse;

/// Longest replacement of one byte that is no UTF-8: U+FFFD has three.
const GROWTH: usize = 3;

type Parsed = (Vec<SseItem>, Result<(), SseError>, Option<SseEvent>);

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Parsed {
    let (mut parser, mut items, mut done) = (SseParser::new(), Vec::new(), Ok(()));
    for piece in pieces {
        done = parser.push(piece, |item| items.push(item));
    }
    (items, done, parser.finish())
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let whole = parse(std::iter::once(bytes));
    assert_eq!(whole, parse(bytes.chunks(usize::from(cut).max(1))), "cut after every {cut} bytes");
    let events = whole.0.iter().filter_map(|item| match item {
        SseItem::Event(event) => Some(event),
        SseItem::Comment => None,
    });
    let out: usize = events.chain(&whole.2).map(|event| event.name.len() + event.data.len()).sum();
    assert!(out <= GROWTH * bytes.len(), "{out} bytes out of {}", bytes.len());
});
