//! The durable store: what of the memory survives a restart.
//!
//! Owns the directory `<state>/memory` and everything in it, and one OS thread that is the only one to touch it. Its
//! users say what is to be kept or removed; keys, bytes and sled are nobody's business outside. Refuses to be a reason
//! for the daemon not to start or not to answer: what cannot be opened is moved aside, what cannot be written stays in
//! the RAM of its owner and is written when the disk can take it.
//!
//! Invariants:
//! - what [`Store::keep_acked`] returned for survives SIGKILL, and a power failure as far as fsync does;
//! - no record is returned whose every byte is not covered by its checksum; a damaged one is skipped, kept aside for a
//!   look, removed and counted;
//! - nobody waits longer than two seconds for a disk that hangs;
//! - after [`Store::forget`] no file of the store holds a byte of anything but what was given to it.
//!
//! Inside: `record` (bytes of one record), `backend` (the traits), `disk` (sled), `layout` (directories), `load`
//! (reading all), `keeper` (policy), `worker` (thread), `health`.

mod backend;
mod disk;
mod health;
mod keeper;
mod layout;
mod load;
mod record;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

pub use health::{Health, HealthState};

pub use super::row::{Row, Shelf};
use backend::{Fault, Medium};
use health::Board;
use record::Name;
use worker::{ACK_WITHIN, Job, REWRITE_WITHIN, Worker};

/// How long the start waits for the store: it opens in some 10 ms; a disk that hangs must not hold the daemon.
const OPEN_WITHIN: Duration = Duration::from_secs(2);

impl From<&Row> for Name {
    fn from(row: &Row) -> Self {
        Self { shelf: row.shelf.byte(), id: row.id }
    }
}

/// Who holds all records in RAM, and so can give them again when the disk lost them. Called on the store's thread:
/// must not call the store and wait.
pub trait Owner: Send + Sync + 'static {
    /// Every record as it is now. A change goes into the RAM first, then to the store.
    fn records(&self) -> Vec<Row>;
    /// Records of a store that could only be opened after the daemon had gone on without it: to be added to the RAM
    /// where they are not older than what is there.
    fn late(&self, records: Vec<Row>);
}

impl<T: Owner + ?Sized> Owner for Arc<T> {
    fn records(&self) -> Vec<Row> {
        (**self).records()
    }

    fn late(&self, records: Vec<Row>) {
        (**self).late(records);
    }
}

impl Owner for Box<dyn Owner> {
    fn records(&self) -> Vec<Row> {
        (**self).records()
    }

    fn late(&self, records: Vec<Row>) {
        (**self).late(records);
    }
}

/// How the opening went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// There was none; there is now.
    Fresh,
    /// As it was left.
    Good,
    /// Usable, without these.
    Damaged {
        /// Damaged records, removed and kept aside.
        skipped: usize,
        /// Records that are not there although they were durable: at least so many.
        missing: usize,
    },
    /// It was moved aside whole, and a new one is in its place.
    Quarantined {
        /// Where it is.
        moved_to: PathBuf,
        /// Why it could not be used.
        why: String,
        /// Records that could be read all the same, and were taken over.
        salvaged: usize,
    },
    /// It can be neither used nor replaced: memory lives in RAM, and another attempt follows.
    RamOnly {
        /// Why.
        why: String,
    },
}

/// What was found at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// All records that are good, of versions that this build can read.
    pub records: Vec<Row>,
    /// How it went.
    pub report: Report,
}

/// The opening, under way on the store's thread.
#[derive(Debug)]
pub struct Opening(Option<Receiver<Opened>>, String);

impl Opening {
    /// Waits for it, at most two seconds. What arrives later goes to [`Owner::late`].
    pub fn wait_blocking(self) -> Opened {
        let Self(opened, why) = self;
        let Some(opened) = opened else { return Opened { records: Vec::new(), report: Report::RamOnly { why } } };
        opened.recv_timeout(OPEN_WITHIN).unwrap_or_else(|_| {
            let why = format!("the disk did not answer within {} s", OPEN_WITHIN.as_secs());
            Opened { records: Vec::new(), report: Report::RamOnly { why } }
        })
    }

    /// [`Opening::wait_blocking`] for asynchronous callers.
    pub async fn wait(self) -> Opened {
        tokio::task::spawn_blocking(|| self.wait_blocking())
            .await
            .unwrap_or_else(|error| Opened { records: Vec::new(), report: Report::RamOnly { why: error.to_string() } })
    }
}

/// Why something is not on the disk. It is in the RAM of its owner in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk or the store on it failed.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The record itself cannot be stored.
    #[error("the store refuses it: {0}")]
    Refused(String),
    /// Too much waits already.
    #[error("the store is busy: too much waits for the disk")]
    Busy,
    /// No answer in time; it may still be written.
    #[error("the disk did not answer in time")]
    Late,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.text)
    }
}

struct Inner {
    worker: Option<Worker>,
    board: Arc<Board>,
}

/// The store. Every call is a message to its thread.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

impl Store {
    /// Starts the thread that opens the store in `<state>/memory`, and returns at once. The state directory must
    /// exist, and the daemon's lock on it be held.
    pub fn open(dir: &Path, owner: impl Owner) -> (Self, Opening) {
        Self::start(Box::new(layout::Place::new(dir)), Box::new(owner))
    }

    fn start(medium: Box<dyn Medium>, owner: Box<dyn Owner>) -> (Self, Opening) {
        let board = Arc::new(Board::default());
        match Worker::start(medium, owner, &board) {
            Ok((worker, opened)) => {
                (Self(Arc::new(Inner { worker: Some(worker), board })), Opening(Some(opened), String::new()))
            }
            Err(error) => {
                let why = format!("no thread for the store: {error}");
                board.error(&why);
                board.change(|health| health.state = HealthState::RamOnly { why: why.clone() });
                (Self(Arc::new(Inner { worker: None, board })), Opening(None, why))
            }
        }
    }

    fn worker(&self) -> Result<&Worker, StoreError> {
        self.0.worker.as_ref().ok_or(StoreError::Closed)
    }

    /// A message that nobody waits for. One that cannot be taken is counted, and made up for when the disk answers.
    fn tell(&self, job: Job) {
        if self.worker().and_then(|worker| worker.queue.send(job)).is_err() {
            self.0.board.lost();
        }
    }

    async fn ask(&self, within: Duration, job: impl FnOnce(worker::Ack) -> Job) -> Result<(), StoreError> {
        // A disk that has been hanging for longer than this caller would wait: no need to wait again.
        if self.0.board.hangs() {
            self.0.board.lost();
            return Err(StoreError::Late);
        }
        let done = self.worker()?.queue.ask(within, job).await;
        if let Err(StoreError::Busy) = done {
            self.0.board.lost();
        }
        done
    }

    /// Keeps a record, replacing the one of the same name, some time soon. A crash loses what still waits;
    /// a power failure what was written in the last two seconds.
    pub fn keep(&self, record: Row) {
        self.tell(Job::Put(record, None));
    }

    /// Keeps a record; it is durable when this returns without an error.
    ///
    /// # Errors
    /// It is not durable, or not known to be: the disk failed or did not answer within two seconds.
    pub async fn keep_acked(&self, record: Row) -> Result<(), StoreError> {
        self.ask(ACK_WITHIN, |ack| Job::Put(record, Some(ack))).await
    }

    /// Removes a record some time soon. One that is not there is fine.
    pub fn remove(&self, shelf: Shelf, id: [u8; 16]) {
        self.tell(Job::Remove(Name { shelf: shelf.byte(), id }, None));
    }

    /// Removes a record; it does not come back when this returned without an error. Its bytes may still be in free
    /// space of the file until the next rewrite.
    ///
    /// # Errors
    /// As [`Store::keep_acked`].
    pub async fn remove_acked(&self, shelf: Shelf, id: [u8; 16]) -> Result<(), StoreError> {
        self.ask(ACK_WITHIN, |ack| Job::Remove(Name { shelf: shelf.byte(), id }, Some(ack))).await
    }

    /// Replaces the whole content, in a new file; the old one is deleted. What was set aside stays.
    ///
    /// # Errors
    /// The old content may still be there. It is replaced when the disk can take it.
    pub async fn rewrite(&self, records: Vec<Row>) -> Result<(), StoreError> {
        self.ask(REWRITE_WITHIN, |ack| Job::Rewrite(records, false, ack)).await
    }

    /// [`Store::rewrite`], and erases what was ever set aside, damaged records and whole stores: afterwards nothing but
    /// these records is in any file of the store.
    ///
    /// # Errors
    /// Something may still be there; say so to whoever asked.
    pub async fn forget(&self, records: Vec<Row>) -> Result<(), StoreError> {
        self.ask(REWRITE_WITHIN, |ack| Job::Rewrite(records, true, ack)).await
    }

    /// Rewrites the store as it is, to give back its waste. Happens by itself daily and when there is much.
    ///
    /// # Errors
    /// The store failed; it comes back by itself.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        self.ask(REWRITE_WITHIN, Job::Tidy).await
    }

    /// Makes durable everything that was sent before.
    ///
    /// # Errors
    /// As [`Store::keep_acked`].
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(ACK_WITHIN, Job::Flush).await
    }

    /// How it is.
    pub fn health(&self) -> Health {
        self.0.board.health()
    }

    /// Writes what waits and ends the thread, within a deadline; called once at the end of the daemon, not on a tokio
    /// worker. Returns false when the disk did not answer and the thread was left behind.
    pub fn close(self) -> bool {
        self.0.worker.as_ref().is_none_or(Worker::stop)
    }
}
