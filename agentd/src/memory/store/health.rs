//! How the store is, readable at any time without asking its thread, which may hang.
//!
//! Owns the board: counters and the last words, written by the thread and by callers whose messages were dropped.
//! Refuses to wait: the lock is held for a copy only.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::sync::lock;

/// How long one job may take before the store counts as hanging. A rewrite of a full store takes a tenth of it.
const HANG_AFTER: Duration = Duration::from_secs(2);
/// Longest error text that is kept: it may hold a path, never a record.
const ERROR_MAX: usize = 300;

/// How durable memory is at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HealthState {
    /// What is acknowledged is on the disk.
    #[default]
    Good,
    /// It works, with something to know.
    Degraded {
        /// What.
        why: String,
    },
    /// Nothing is written at the moment; a restart loses what is new.
    RamOnly {
        /// Since when it is so, in words.
        why: String,
    },
}

/// Figures of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// In a word.
    pub state: HealthState,
    /// Bytes of the store's files.
    pub disk_bytes: u64,
    /// Bytes of the records in them, compressed.
    pub live_bytes: u64,
    /// Records.
    pub records: usize,
    /// Records of a later version, left alone.
    pub foreign: usize,
    /// Damaged records that were skipped and removed, and records that are missing, since the start.
    pub skipped: usize,
    /// Whole stores that were moved aside since the start.
    pub quarantined: u32,
    /// Writes that did not reach the disk when they were made. They do when the store recovers.
    pub lost_writes: u64,
    /// Failures since the start.
    pub errors: u64,
    /// The last of them.
    pub last_error: Option<String>,
    /// Rewrites since the start.
    pub rewrites: u32,
}

#[derive(Default)]
struct Noted {
    health: Health,
    /// When the thread began what it is doing now.
    busy: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Board {
    noted: Mutex<Noted>,
    /// A message was dropped: disk and RAM differ until they are compared.
    dropped: AtomicBool,
}

impl Board {
    /// As it is now. A job that runs too long shows although the thread cannot say so.
    pub(super) fn health(&self) -> Health {
        let noted = lock(&self.noted);
        let mut health = noted.health.clone();
        let hangs = noted.busy.map(|since| since.elapsed()).filter(|busy| *busy > HANG_AFTER);
        if let Some(busy) = hangs {
            let why = format!("the disk has not answered for {} s", busy.as_secs());
            health.state = HealthState::RamOnly { why };
        }
        health
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Health)) {
        change(&mut lock(&self.noted).health);
    }

    pub(super) fn busy(&self, busy: bool) {
        lock(&self.noted).busy = busy.then(Instant::now);
    }

    pub(super) fn hangs(&self) -> bool {
        lock(&self.noted).busy.is_some_and(|since| since.elapsed() > HANG_AFTER)
    }

    pub(super) fn error(&self, text: &str) {
        let cut: String = text.chars().take(ERROR_MAX).collect();
        tracing::warn!(error = %cut, "the store failed");
        self.change(|health| {
            health.errors += 1;
            health.last_error = Some(cut);
        });
    }

    /// A write that the disk will not see before the next comparison.
    pub(super) fn lost(&self) {
        self.change(|health| health.lost_writes += 1);
        self.dropped.store(true, Ordering::Release);
    }

    /// Whether a write was lost since the last call.
    pub(super) fn take_dropped(&self) -> bool {
        self.dropped.swap(false, Ordering::AcqRel)
    }
}
