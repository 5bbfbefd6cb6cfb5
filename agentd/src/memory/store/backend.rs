//! What the store asks of the thing below it: cells of bytes that are written together or not at all.
//!
//! Owns the two traits, [`Backend`] (an open store) and [`Medium`] (where stores lie: opening, replacing, setting
//! aside), and the classes of failure. Refuses nothing: policy is in `keeper`. Invariants of every implementation, held
//! by one conformance suite: a batch is applied whole or not at all; what `commit` returned for survives SIGKILL; a
//! scan meets the cells in the order of their keys.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Writes and removals that become durable together.
#[derive(Debug, Default, Clone)]
pub(super) struct Batch {
    /// Key and new value; `None` removes.
    pub(super) cells: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    pub(super) fn set(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.cells.push((key, Some(value)));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.cells.push((key, None));
    }
}

/// What kind of failure it is decides what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// Somebody else has it open. Its content is theirs: never set aside.
    Locked,
    /// The disk or the system, not the content: full, read-only, out of handles. Try again later.
    Trouble,
    /// The content. Set aside and begin again.
    Damaged,
}

/// A failure below the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(super) fn trouble(doing: &str, error: &std::io::Error) -> Self {
        Self::new(FaultKind::Trouble, format!("{doing}: {error}"))
    }
}

/// An open store of cells.
pub(super) trait Backend: Send {
    /// Applies the batch, whole or not at all.
    fn apply(&mut self, batch: &Batch) -> Result<(), Fault>;
    /// Shows every cell in the order of the keys. Stops at the first that cannot be read.
    fn scan(&mut self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Fault>;
    /// Makes durable what was applied.
    fn commit(&mut self) -> Result<(), Fault>;
    /// Bytes that it takes on disk.
    fn disk_bytes(&self) -> u64;
}

/// What is known about the store from outside it, so that a store that opens empty is not taken for an empty store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sentinel {
    /// Generations that the store may have: one, and two while it is being replaced.
    pub(super) generations: Vec<u64>,
    /// The store holds at least this many records. Raised only after a commit, lowered before a removal.
    pub(super) floor: u64,
}

/// The place where a store lies.
pub(super) trait Medium: Send {
    /// Opens the store; makes an empty one where there is none. Finishes or undoes an interrupted replacement first.
    fn open(&mut self) -> Result<Box<dyn Backend>, Fault>;
    /// An empty store beside the one in use.
    fn fresh(&mut self) -> Result<Box<dyn Backend>, Fault>;
    /// Puts the fresh store, closed by the caller, in the place of the one in use, also closed, and deletes that one.
    /// All or nothing, also when the process dies inside.
    fn replace(&mut self) -> Result<(), Fault>;
    /// Moves everything aside under a name of its own, keeping the newest few. `None`: there was nothing.
    fn set_aside(&mut self) -> Result<Option<PathBuf>, Fault>;
    /// What is known from outside; `None` when there is nothing, or nothing readable.
    fn sentinel(&mut self) -> Option<Sentinel>;
    /// Writes it, durable when this returns.
    fn set_sentinel(&mut self, sentinel: &Sentinel) -> Result<(), Fault>;
    /// Keeps the raw bytes of a damaged record for whoever wants to look; bounded, and never a reason to fail.
    fn keep_damaged(&mut self, name: &str, bytes: &[u8]);
    /// Deletes what was set aside, whole stores and single records.
    fn erase_set_aside(&mut self) -> Result<(), Fault>;
    /// Whether there is room to open a store. Without it every failure is the disk's, not the content's.
    fn has_room(&self) -> bool;
}
