//! Cells of a stored record: whatever they hold, reading them neither panics nor returns a body that was not written, and
//! what is written is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::{Name, Read, decode, encode};

// The file alone: the whole daemon takes many minutes to build for the fuzzer.
#[allow(dead_code, reason = "the fuzzer does not need all of it")]
#[path = "../../../agentd/src/memory/store/record.rs"]
mod record;

const NAME: Name = Name { shelf: 1, id: [7; 16] };

fuzz_target!(|input: (u16, Vec<(u16, Vec<u8>)>, Vec<u8>)| {
    let (at, cells, body) = input;
    if let Read::Whole { version, body } = decode(NAME, &cells) {
        let again: Vec<(u16, Vec<u8>)> = (0..).zip(encode(NAME, version, &body).unwrap()).collect();
        assert_eq!(decode(NAME, &again), Read::Whole { version, body });
    }
    let mut cells: Vec<(u16, Vec<u8>)> = (0..).zip(encode(NAME, 3, &body).unwrap()).collect();
    assert_eq!(decode(NAME, &cells), Read::Whole { version: 3, body });
    let all: usize = cells.iter().map(|(_, piece)| piece.len()).sum();
    let mut at = usize::from(at) % all;
    for (_, piece) in &mut cells {
        if at < piece.len() {
            piece[at] ^= 1;
            break;
        }
        at -= piece.len();
    }
    assert!(!matches!(decode(NAME, &cells), Read::Whole { .. }), "a flipped bit");
});
