//! An MCP server's standard output: however the bytes are cut, the same lines come out and little is held; and the search
//! for an id in what is no JSON ends, whatever it reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use line::{Cut, END, Lines};

// The files alone: the whole daemon takes many minutes to build for the fuzzer, and these need nothing of it.
#[path = "../../../agentd/src/mcp/client/ids.rs"]
mod ids;
#[allow(dead_code, reason = "the fuzzer does not need all of it")]
#[path = "../../../agentd/src/mcp/client/line.rs"]
mod line;

/// Small, so that the fuzzer reaches both bounds.
const LONGEST: usize = 40;
const DRAINED: usize = 200;

fn cuts<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Cut> {
    let (mut lines, mut found) = (Lines::new(LONGEST, DRAINED), Vec::new());
    for mut rest in pieces {
        while !rest.is_empty() {
            let cut = lines.next(&mut rest);
            assert!(lines.held() <= LONGEST + END);
            found.extend(cut);
            if found.last() == Some(&Cut::Endless) {
                return found;
            }
        }
    }
    found.extend(lines.finish());
    found
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let whole = cuts(std::iter::once(bytes));
    assert_eq!(whole, cuts(bytes.chunks(usize::from(cut).max(1))), "cut after every {cut} bytes");
    for found in &whole {
        if let Cut::Line(text) | Cut::Outgrown(text) | Cut::Drained(text) = found {
            ids::in_head(text);
            ids::in_tail(text);
        }
    }
});
