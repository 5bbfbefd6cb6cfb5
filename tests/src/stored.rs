//! The store's records: whose body says which write made them, for the suites of the store, and those that a daemon left.

use std::path::Path;

use agentd::memory::store::{Owner, Row, Shelf, Store};

/// An owner without anything in RAM.
struct Nobody;

impl Owner for Nobody {
    fn records(&self) -> Vec<Row> {
        Vec::new()
    }

    fn late(&self, _records: Vec<Row>) {}
}

/// Everything that a daemon which has ended left in the store below its state directory, unpacked. Panics when the store
/// cannot be closed again.
#[track_caller]
pub fn left_in(state: &Path) -> Vec<Row> {
    let (store, opening) = Store::open(&state.join("memory"), Nobody);
    let opened = opening.wait_blocking();
    assert!(store.close(), "the store below {} did not close", state.display());
    opened.records
}

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
