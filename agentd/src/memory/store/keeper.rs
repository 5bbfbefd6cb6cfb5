//! The store's policy, on one thread: what is written, when a store is given up, how it comes back.
//!
//! Owns the open store, the list of what is in it (names and sizes, no bodies), the sentinel, and the times of retries
//! and rewrites. Refuses to touch a store that somebody else has locked, and to set one aside for a failure of the
//! disk. Every call below is guarded: a panic of the store is damage, not an end.
//!
//! The sentinel. sled may open a cut file as an empty store, and then everything would be gone without a word. So a
//! small file beside it says which generation the store has and a floor: the store holds at least so many records. It
//! must never say more than is durable, or a crash would look like damage:
//! - the floor is raised only after a commit of at least so many records;
//! - before a removal goes below the floor, the floor is lowered, and lowered by half so that this is rare;
//! - a crash between the two leaves a floor that is too low, which only makes the check weaker;
//! - the generation changes with a replacement. Both are allowed from before the switch until after it, so every moment
//!   of a crash finds its store in the list;
//! - a missing or unreadable sentinel proves nothing, and the store is believed.
//!
//! The disk is compared with the RAM of the owner (`resync`) after every failure and every dropped message, so nothing
//! stays lost that the owner still holds.

mod opening;
mod rebuild;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Owner, Row, StoreError,
    backend::{Backend, Batch, Fault, FaultKind, Medium, Sentinel},
    health::{Board, HealthState},
    load::Group,
    record::{self, Name},
};

/// How long the closing of a store may take; after a panic inside sled it may never end. See `disk`.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// The floor follows the count when it is this much behind.
const FLOOR_STEP: u64 = 16;

struct Entry {
    pieces: u16,
    bytes: u64,
    /// Of a later version: stays when the disk is compared with the RAM.
    foreign: bool,
}

pub(super) struct Keeper {
    medium: Box<dyn Medium>,
    owner: Box<dyn Owner>,
    board: Arc<Board>,
    backend: Option<Box<dyn Backend>>,
    entries: HashMap<Name, Entry>,
    sentinel: Sentinel,
    generation: u64,
    /// The content of the disk has been seen; before that the RAM is not the whole truth.
    seen: bool,
    /// What is on the disk is to be erased whatever it is: a forget that could not be done yet.
    erase: bool,
    /// A handle of ours never closed, so the lock may be our own.
    leaked: bool,
    /// Applied, not yet committed.
    dirty: bool,
    /// Changed since the last rewrite.
    changed: bool,
    retry_at: Option<Instant>,
    rewritten: Instant,
    /// Disk size after the last rewrite: one that gained nothing is not repeated at once.
    rewritten_bytes: u64,
    /// Batches until the sizes are looked at again.
    measured: u32,
}

impl Keeper {
    pub(super) fn new(medium: Box<dyn Medium>, owner: Box<dyn Owner>, board: Arc<Board>) -> Self {
        Self {
            medium,
            owner,
            board,
            backend: None,
            entries: HashMap::new(),
            sentinel: Sentinel::default(),
            generation: 0,
            seen: false,
            erase: false,
            leaked: false,
            dirty: false,
            changed: false,
            retry_at: None,
            rewritten: Instant::now(),
            rewritten_bytes: 0,
            measured: 0,
        }
    }

    fn enter(&mut self, group: &Group, foreign: bool) {
        let pieces = group.cells.last().map_or(0, |(last, _)| last.saturating_add(1));
        self.entries.insert(group.name, Entry { pieces, bytes: group.bytes(), foreign });
    }

    fn has_room(&self) -> bool {
        self.medium.has_room()
    }

    fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), Fault> {
        let backend = self.backend.as_mut().ok_or_else(|| Fault::new(FaultKind::Trouble, "the store is closed"))?;
        guarded(|| backend.apply(batch))?;
        (self.dirty, self.changed) = (true, true);
        Ok(())
    }

    fn commit_now(&mut self) -> Result<(), Fault> {
        let backend = self.backend.as_mut().ok_or_else(|| Fault::new(FaultKind::Trouble, "the store is closed"))?;
        guarded(|| backend.commit())?;
        self.dirty = false;
        Ok(())
    }

    /// Says in the sentinel that at least so many records are durable, and which generation they have.
    fn note_floor(&mut self, floor: u64) -> Result<(), Fault> {
        let wanted = Sentinel { generations: vec![self.generation], floor };
        if self.sentinel != wanted {
            guarded(|| self.medium.set_sentinel(&wanted))?;
            self.sentinel = wanted;
        }
        Ok(())
    }

    /// Before `count` records are left: the sentinel must not promise more.
    fn lower_floor(&mut self, count: u64) -> Result<(), Fault> {
        if count >= self.sentinel.floor {
            return Ok(());
        }
        let lower = Sentinel { floor: count / 2, ..self.sentinel.clone() };
        guarded(|| self.medium.set_sentinel(&lower))?;
        self.sentinel = lower;
        Ok(())
    }

    fn write(&mut self, stored: &Row) -> Result<(), StoreError> {
        let name = Name::from(stored);
        let pieces = record::encode(name, stored.version, &stored.body)
            .map_err(|error| StoreError::Refused(error.to_string()))?;
        let before = self.entries.get(&name).map_or(0, |entry| entry.pieces);
        let group = Group { name, cells: (0..).zip(pieces).collect() };
        let mut batch = Batch::default();
        for (number, piece) in &group.cells {
            batch.set(name.key(*number), piece.clone());
        }
        let after = u16::try_from(group.cells.len()).unwrap_or(u16::MAX);
        (after..before).for_each(|number| batch.remove(name.key(number)));
        self.apply(&batch)?;
        self.enter(&group, false);
        Ok(())
    }

    fn erase_one(&mut self, name: Name) -> Result<(), Fault> {
        let Some(entry) = self.entries.get(&name) else { return Ok(()) };
        let mut batch = Batch::default();
        (0..entry.pieces).for_each(|number| batch.remove(name.key(number)));
        self.lower_floor(self.count().saturating_sub(1))?;
        self.apply(&batch)?;
        self.entries.remove(&name);
        Ok(())
    }

    /// Writes a record; durable after the next [`Keeper::commit`].
    pub(super) fn put(&mut self, stored: &Row) -> Result<(), StoreError> {
        self.trying(|keeper| keeper.write(stored))
    }

    /// Removes a record; durable after the next [`Keeper::commit`].
    pub(super) fn remove(&mut self, name: Name) -> Result<(), StoreError> {
        self.trying(|keeper| Ok(keeper.erase_one(name)?))
    }

    /// Makes durable what was done. Without the store, an error: nothing is acknowledged that is only in RAM.
    pub(super) fn commit(&mut self) -> Result<(), Fault> {
        self.commit_now()?;
        let count = self.count();
        if self.sentinel.floor == 0 && count > 0 || count >= self.sentinel.floor.saturating_add(FLOOR_STEP) {
            self.note_floor(count)?;
        }
        Ok(())
    }

    /// [`Keeper::commit`] for callers: a failure closes the store, and what comes back is committed.
    pub(super) fn commit_or_recover(&mut self) -> Result<(), StoreError> {
        if !self.dirty && self.backend.is_some() {
            return Ok(());
        }
        // Where recovering succeeds it has committed everything that the owner holds.
        self.trying(|keeper| Ok(keeper.commit()?))
    }

    /// Does it; after a failure of the store comes back at once if that is due, and does it again.
    fn trying(&mut self, act: impl Fn(&mut Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        if self.backend.is_none() {
            self.recover_if_due();
        }
        match act(self) {
            Err(StoreError::Failed(why)) => {
                if self.backend.is_some() {
                    self.down(&Fault::new(FaultKind::Trouble, why));
                    self.recover_if_due();
                }
                if self.backend.is_some() { act(self).inspect_err(|_| self.board.lost()) } else { self.lost() }
            }
            other => other,
        }
    }

    fn lost(&self) -> Result<(), StoreError> {
        self.board.lost();
        let why = self.board.health().last_error.unwrap_or_else(|| "the store is closed".to_owned());
        Err(StoreError::Failed(why))
    }

    /// Closes after a failure.
    fn down(&mut self, fault: &Fault) {
        self.board.error(&fault.text);
        if let Some(backend) = self.backend.take() {
            self.leaked |= !close(backend);
        }
        self.dirty = false;
        let why = fault.text.clone();
        self.board.change(|health| health.state = HealthState::RamOnly { why });
    }

    fn up(&mut self) {
        self.retry_at = None;
        let (records, live, disk) = self.figures();
        let foreign = self.entries.values().filter(|entry| entry.foreign).count();
        self.board.change(|health| {
            health.state = HealthState::Good;
            (health.records, health.foreign) = (records, foreign);
            (health.live_bytes, health.disk_bytes) = (live, disk);
        });
    }

    fn figures(&self) -> (usize, u64, u64) {
        let live = self.entries.values().map(|entry| entry.bytes).sum();
        (self.entries.len(), live, self.backend.as_ref().map_or(0, |backend| backend.disk_bytes()))
    }

    /// Ends the pause between two attempts.
    #[cfg(test)]
    pub(super) fn retry_now(&mut self) {
        self.retry_at = None;
    }

    /// Whether something waits for a tick.
    pub(super) fn restless(&self) -> bool {
        self.dirty || self.backend.is_none()
    }

    /// Commits and closes.
    pub(super) fn stop(mut self) {
        let _ = self.commit_or_recover();
        if let Some(backend) = self.backend.take() {
            close(backend);
        }
    }
}

/// A panic below is damage. Nothing of ours is half changed by it: the backend that panicked is closed and not used
/// again.
fn guarded<T>(act: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Fault::new(FaultKind::Damaged, format!("the store panicked: {}", text.unwrap_or("without a word"))))
    })
}

/// Closes on a thread of its own; false when it did not end in time, and then never may.
fn close(backend: Box<dyn Backend>) -> bool {
    let (done, ended) = std::sync::mpsc::sync_channel::<()>(1);
    let closing = std::thread::Builder::new().name("store-close".to_owned()).spawn(move || {
        drop(backend);
        let _ = done.send(());
    });
    closing.is_ok() && ended.recv_timeout(CLOSE_WITHIN).is_ok()
}
