//! What all servers of one pool share.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{connect::Connect, known::Known, shown::Texts};

/// Servers that start at the same time. A start is a second of work of one core and more; with all at once on a small
/// machine the slow ones would run into their time-outs.
const STARTS_MAX: usize = 4;

/// What all servers of one pool share.
pub(super) struct Common {
    /// Makes connections.
    pub(super) connect: Arc<dyn Connect>,
    /// Who starts a server holds a permit of it, for a while.
    pub(super) starts: Arc<Semaphore>,
    /// The redactor of the moment.
    pub(super) texts: Texts,
    /// What is remembered.
    pub(super) known: Arc<Known>,
    /// Supervisors and whatever ends a server: awaited when the pool stops.
    pub(super) tasks: TaskTracker,
    /// Nothing starts after it was cancelled.
    pub(super) stopped: CancellationToken,
    changes: AtomicU64,
}

impl Common {
    /// Reads what is remembered.
    pub(super) fn new(connect: Arc<dyn Connect>, state_dir: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            connect,
            starts: Arc::new(Semaphore::new(STARTS_MAX)),
            texts: Texts::default(),
            known: Known::load(state_dir),
            tasks: TaskTracker::new(),
            stopped: CancellationToken::new(),
            changes: AtomicU64::new(0),
        })
    }

    /// Something that a catalog is made of has changed.
    pub(super) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// How often something has.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }
}
