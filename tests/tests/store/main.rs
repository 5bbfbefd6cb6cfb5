//! The store as a process sees it: killed in the middle of writing and of opening, on a disk that is full.
//!
//! `KILLS=500 cargo nextest run -p tests --test store --no-capture` for the figure that is reported.
#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]
#![allow(clippy::disallowed_methods, reason = "the writer is a program of its own, to be killed")]

mod full;
mod kill;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use agentd::memory::store::{Opened, Owner, Row, Store};

struct Nobody;

impl Owner for Nobody {
    fn records(&self) -> Vec<Row> {
        Vec::new()
    }

    fn late(&self, _records: Vec<Row>) {}
}

/// What a start finds.
fn found(memory: &Path) -> Opened {
    let (store, opening) = Store::open(memory, Nobody);
    let opened = opening.wait_blocking();
    assert!(store.close(), "the store closes in time");
    opened
}

fn writer(memory: &Path, seed: u64, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store-writer"));
    command.arg(memory).arg(seed.to_string()).args(more).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.spawn().unwrap()
}

/// The last acknowledged and the last attempted write of each id.
#[derive(Default)]
struct Acked(BTreeMap<u8, (bool, u64)>, usize);

impl Acked {
    /// Reads the writer's lines until they end.
    fn take(&mut self, lines: impl BufRead) -> usize {
        let mut failed = 0;
        for line in lines.lines() {
            let line = line.unwrap();
            let mut words = line.split(' ');
            let verb = words.next().unwrap_or_default();
            if verb == "open" {
                continue;
            }
            if verb == "fail" {
                failed += 1;
                continue;
            }
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            let (id, seq) = (u8::try_from(number()).unwrap(), number());
            self.0.insert(id, (verb == "put", seq));
            self.1 += 1;
        }
        failed
    }

    /// A record may be newer than its acknowledgement, never older; a removed one may only be back by a later write.
    #[track_caller]
    fn check(&self, opened: &Opened) {
        let seqs: BTreeMap<u8, u64> = opened.records.iter().map(|one| (one.id[0], tests::seq_of(one))).collect();
        for (id, (there, seq)) in &self.0 {
            match seqs.get(id) {
                Some(seen) if there == &true => assert!(seen >= seq, "{id}: acknowledged {seq}, found {seen}"),
                Some(seen) => assert!(seen > seq, "{id}: removed at {seq}, found {seen}"),
                // The write that was under way may have been a removal: it is then the only one that was not told.
                None => {}
            }
        }
        let missing = self.0.iter().filter(|(id, (there, _))| *there && !seqs.contains_key(id)).count();
        assert!(missing <= 1, "{missing} acknowledged records are gone: {:?}", opened.report);
    }
}

fn lines(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    BufReader::new(child.stdout.take().unwrap())
}
