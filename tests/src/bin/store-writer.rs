//! Writes to a store until it is killed, and says on standard output what was acknowledged.
//!
//! `store-writer DIR SEED [quota]`: `open`, then one line `put ID SEQ` or `gone ID SEQ` for each acknowledgement. With `quota` a
//! failed write is a line `fail`, and the program goes on; without, it ends the program with status 1.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use agentd::memory::store::{Owner, Row, Store, StoreError};
use tests::stored;

/// Ids that are written again and again.
const IDS: u8 = 40;
/// Writes between two rewrites of the store.
const TIDY_EVERY: u64 = 60;

#[derive(Clone, Default)]
struct Ram(Arc<Mutex<BTreeMap<u8, Row>>>);

impl Owner for Ram {
    fn records(&self) -> Vec<Row> {
        self.0.lock().map(|held| held.values().cloned().collect()).unwrap_or_default()
    }

    fn late(&self, _records: Vec<Row>) {}
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let (Some(dir), Some(seed)) = (arguments.get(1), arguments.get(2).and_then(|seed| seed.parse().ok())) else {
        return ExitCode::from(2);
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(write(Path::new(dir), seed, arguments.get(3).is_some())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "store-writer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn write(dir: &Path, seed: u64, go_on: bool) -> Result<(), Box<dyn std::error::Error>> {
    let ram = Ram::default();
    let (store, opening) = Store::open(dir, ram.clone());
    let opened = opening.wait_blocking();
    for record in opened.records {
        if let Ok(mut held) = ram.0.lock() {
            held.insert(record.id[0], record);
        }
    }
    say(format_args!("open {:?}", opened.report))?;
    let mut rng = fastrand::Rng::with_seed(seed);
    // Above all earlier writers': the test compares by size.
    for seq in (seed << 32).. {
        let id = rng.u8(..IDS);
        let gone = rng.u8(..8) == 0;
        let record = stored(id, seq, rng.usize(..20_000));
        if let Ok(mut held) = ram.0.lock() {
            match gone {
                true => held.remove(&id),
                false => held.insert(id, record.clone()),
            };
        }
        let done = match gone {
            true => store.remove_acked(record.shelf, record.id).await,
            false => store.keep_acked(record).await,
        };
        match done {
            Ok(()) => say(format_args!("{} {id} {seq}", if gone { "gone" } else { "put" }))?,
            Err(StoreError::Failed(_) | StoreError::Late) if go_on => say(format_args!("fail {id} {seq}"))?,
            Err(error) => return Err(error.into()),
        }
        if seq % TIDY_EVERY == TIDY_EVERY - 1 && !go_on {
            store.tidy().await?;
        }
    }
    Ok(())
}

/// One line, in one write: a pipe takes it whole or not at all.
fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    io::stdout().write_all(format!("{line}\n").as_bytes())?;
    io::stdout().flush()
}
