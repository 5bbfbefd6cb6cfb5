//! Records whose body says which write made them, for the suites of the store.

use agentd::memory::store::{Row, Shelf};

/// The record that this write makes: number, a blank, and text that hardly compresses.
pub fn stored(id: u8, seq: u64, len: usize) -> Row {
    let mut rng = fastrand::Rng::with_seed(seq);
    let mut body = format!("{seq} ");
    body.extend((0..len).map(|_| rng.alphanumeric()));
    let shelf = Shelf::ALL.get(usize::from(id) % Shelf::ALL.len()).copied().unwrap_or(Shelf::Answer);
    Row { shelf, id: [id; 16], version: 1, body: body.into_bytes() }
}

/// The write that made a record, whose every byte must be right.
#[track_caller]
pub fn seq_of(record: &Row) -> u64 {
    let text = std::str::from_utf8(&record.body).unwrap_or_default();
    let (seq, fill) = text.split_once(' ').unwrap_or_default();
    let seq = seq.parse().unwrap_or(0);
    assert!(stored(record.id[0], seq, fill.len()) == *record, "a record that nobody wrote: {:.40}", text);
    seq
}
