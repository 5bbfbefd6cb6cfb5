//! A backup file: whatever the bytes, reading them neither panics nor hands out what was not written; what is written is
//! read back, and not with a flipped bit.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use portable::{Contents, ReadError};
use row::{Row, Shelf};

// The files alone: the whole daemon takes many minutes to build for the fuzzer, and the reader needs nothing of it.
#[path = "../../../agentd/src/memory/hex.rs"]
mod hex;
#[allow(dead_code, reason = "the fuzzer does not need all of it")]
#[path = "../../../agentd/src/memory/portable.rs"]
mod portable;
#[allow(dead_code, reason = "the fuzzer does not need all of it")]
#[path = "../../../agentd/src/memory/row.rs"]
mod row;

const MADE: &str = "2026-11-22T19:43:33Z";

fn read(bytes: &[u8]) -> Result<Contents<Row>, ReadError> {
    portable::read(bytes, Ok::<_, String>)
}

fn written(made: &str, rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    portable::write(&mut out, made, rows).unwrap();
    out
}

fuzz_target!(|input: (&[u8], Vec<(u8, [u8; 16], u16, String)>, u32)| {
    let (bytes, parts, at) = input;
    if let Ok(contents) = read(bytes) {
        let again = read(&written(&contents.made, &contents.records)).unwrap();
        assert_eq!(again.records, contents.records);
    }
    let mut seen = HashSet::new();
    let rows = parts.into_iter().map(|(shelf, id, version, text)| {
        let shelf = Shelf::ALL[usize::from(shelf) % Shelf::ALL.len()];
        Row { shelf, id, version, body: serde_json::to_vec(&text).unwrap() }
    });
    let rows: Vec<Row> = rows.filter(|row| seen.insert((row.shelf, row.id))).collect();
    let mut file = written(MADE, &rows);
    assert_eq!(read(&file).unwrap().records, rows);
    let bit = at as usize % (file.len() * 8);
    file[bit / 8] ^= 1 << (bit % 8);
    assert!(read(&file).is_err(), "bit {bit}");
});
