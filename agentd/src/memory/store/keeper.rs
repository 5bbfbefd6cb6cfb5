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

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Opened, Owner, Report, StoreError, Stored,
    backend::{Backend, Batch, Fault, FaultKind, Medium, Sentinel},
    health::{Board, HealthState},
    load::{self, GENERATION_KEY, Group, Loaded},
    record::{self, Name},
};

/// Between two attempts to come back after a failure: a full or missing disk must not be hammered.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long the closing of a store may take; after a panic inside sled it may never end. See `disk`.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// A store is rewritten when it takes this many times what lives in it …
const WASTE_MAX: u64 = 8;
/// … unless it is small anyway: sled grows by segments of half a megabyte …
const SMALL_BYTES: u64 = 4 * 1024 * 1024;
/// … or when it takes this much, whatever lives in it: all caps together are a tenth of that.
const DISK_MAX: u64 = 128 * 1024 * 1024;
/// And daily, so that what was removed does not stay in the file's free space for long.
const REWRITE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Batches of messages between two looks at the sizes, which cost a few system calls.
const MEASURE_EVERY: u32 = 64;
/// Generations in the sentinel: one more for each replacement that failed half-way, in a row.
const GENERATIONS_MAX: usize = 8;
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

    /// Opens for the first time. Never fails: what cannot be had is said in the report.
    pub(super) fn start(&mut self) -> Opened {
        let mut loaded = Loaded::default();
        let outcome = self.open_into(&mut loaded);
        let opened = match outcome {
            Ok(missing) => self.settle(loaded, missing),
            Err(fault) if fault.kind == FaultKind::Damaged && self.has_room() => self.begin_again(&fault, loaded),
            Err(fault) => Err(fault),
        };
        opened.unwrap_or_else(|fault| {
            self.down(&fault);
            Opened { records: Vec::new(), report: Report::RamOnly { why: fault.text } }
        })
    }

    /// Opens, reads, and checks against the sentinel. Returns how many records are missing.
    fn open_into(&mut self, loaded: &mut Loaded) -> Result<u64, Fault> {
        let mut backend = guarded(|| self.medium.open())?;
        let read = guarded(|| load::load(&mut *backend, loaded));
        let checked = read.and_then(|()| self.check(loaded));
        match checked {
            Ok(missing) => {
                self.backend = Some(backend);
                Ok(missing)
            }
            Err(fault) => {
                close(backend);
                Err(fault)
            }
        }
    }

    fn check(&mut self, loaded: &Loaded) -> Result<u64, Fault> {
        let Some(sentinel) = self.medium.sentinel() else { return Ok(0) };
        let damaged = |text: String| Err(Fault::new(FaultKind::Damaged, text));
        let count = u64::try_from(loaded.count()).unwrap_or(u64::MAX);
        match loaded.generation {
            Some(generation) if !sentinel.generations.contains(&generation) => {
                damaged("the store is not the one that was last in use".to_owned())
            }
            _ if sentinel.floor > 0 && (count == 0 || loaded.generation.is_none()) => {
                damaged(format!("the store opened empty, and held {} records or more", sentinel.floor))
            }
            _ => Ok(sentinel.floor.saturating_sub(count)),
        }
    }

    /// Takes over what was read: damage is put aside and removed, the generation and the sentinel are set.
    fn settle(&mut self, loaded: Loaded, missing: u64) -> Result<Opened, Fault> {
        let fresh = loaded.generation.is_none() && loaded.count() == 0;
        let skipped = loaded.damaged.len() + loaded.junk.len();
        let mut batch = Batch::default();
        for (group, why) in &loaded.damaged {
            tracing::warn!(shelf = group.name.shelf, why, "a damaged record was skipped");
            self.put_aside(group);
            for (piece, _) in &group.cells {
                batch.remove(group.name.key(*piece));
            }
        }
        for (key, value) in &loaded.junk {
            self.medium.keep_damaged("unknown", value);
            batch.remove(key.clone());
        }
        self.generation = loaded.generation.unwrap_or_else(|| {
            let new = fastrand::u64(1..);
            batch.set(GENERATION_KEY.to_vec(), new.to_le_bytes().to_vec());
            new
        });
        self.entries.clear();
        loaded.foreign.iter().for_each(|group| self.enter(group, true));
        loaded.good.iter().for_each(|good| self.enter(&good.group, false));
        self.sentinel = self.medium.sentinel().unwrap_or_default();
        if !batch.cells.is_empty() {
            self.lower_floor(self.count())?;
            self.apply(&batch)?;
        }
        self.commit_now()?;
        self.note_floor(self.count())?;
        self.seen = true;
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        self.board.change(|health| health.skipped += skipped + missing);
        self.up();
        let report = match (fresh, skipped + missing) {
            (true, 0) => Report::Fresh,
            (false, 0) => Report::Good,
            _ => Report::Damaged { skipped, missing },
        };
        Ok(Opened { records: loaded.good.into_iter().map(|good| good.stored).collect(), report })
    }

    fn put_aside(&mut self, group: &Group) {
        let name: String = group.name.id.iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes: Vec<u8> = group.cells.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        self.medium.keep_damaged(&format!("{}-{name}", group.name.shelf), &bytes);
    }

    fn enter(&mut self, group: &Group, foreign: bool) {
        let pieces = group.cells.last().map_or(0, |(last, _)| last.saturating_add(1));
        self.entries.insert(group.name, Entry { pieces, bytes: group.bytes(), foreign });
    }

    /// The store cannot be used: aside with it, and a new one with what could still be read.
    fn begin_again(&mut self, fault: &Fault, loaded: Loaded) -> Result<Opened, Fault> {
        let moved_to = self.quarantine(fault)?;
        let mut empty = Loaded::default();
        let missing = self.open_into(&mut empty)?;
        self.settle(empty, missing)?;
        let records: Vec<Stored> = loaded.good.into_iter().map(|good| good.stored).collect();
        for stored in &records {
            self.write(stored).map_err(|error| Fault::new(FaultKind::Trouble, error.to_string()))?;
        }
        self.commit()?;
        let salvaged = records.len();
        Ok(Opened { records, report: Report::Quarantined { moved_to, why: fault.text.clone(), salvaged } })
    }

    fn quarantine(&mut self, fault: &Fault) -> Result<std::path::PathBuf, Fault> {
        self.board.error(&fault.text);
        let moved_to = self.medium.set_aside()?.unwrap_or_default();
        tracing::warn!(why = %fault.text, "the store could not be used and was moved aside");
        self.board.change(|health| health.quarantined += 1);
        Ok(moved_to)
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
            self.medium.set_sentinel(&wanted)?;
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
        self.medium.set_sentinel(&lower)?;
        self.sentinel = lower;
        Ok(())
    }

    fn write(&mut self, stored: &Stored) -> Result<(), StoreError> {
        let name = stored.name();
        let pieces =
            record::encode(name, stored.version, &stored.body).map_err(|error| StoreError::Refused(error.to_string()))?;
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
    pub(super) fn put(&mut self, stored: &Stored) -> Result<(), StoreError> {
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

    /// Comes back after a failure, if the last attempt is long enough ago.
    fn recover_if_due(&mut self) {
        let now = Instant::now();
        if self.backend.is_some() || self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let recovered = self.recover();
        if let Err(fault) = recovered {
            self.down(&fault);
        }
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }

    fn recover(&mut self) -> Result<(), Fault> {
        if self.erase {
            return self.build(Vec::new()).and_then(|()| self.resync(&HashMap::new()));
        }
        let mut loaded = Loaded::default();
        match self.open_into(&mut loaded) {
            Ok(missing) => self.come_back(loaded, missing),
            Err(fault) if fault.kind == FaultKind::Damaged && self.has_room() => {
                let opened = self.begin_again(&fault, loaded)?;
                self.agree(opened.records)
            }
            // After a panic our own handle may never close, and then the lock is ours.
            Err(fault) if fault.kind == FaultKind::Locked && self.leaked => {
                self.build(Vec::new())?;
                self.resync(&HashMap::new())
            }
            Err(fault) => Err(fault),
        }
    }

    fn come_back(&mut self, loaded: Loaded, missing: u64) -> Result<(), Fault> {
        let seen = self.seen;
        let opened = self.settle(loaded, missing)?;
        self.seen = seen;
        self.agree(opened.records)
    }

    /// Makes disk and RAM agree. What was never seen before goes to the owner; afterwards the owner is right.
    fn agree(&mut self, records: Vec<Stored>) -> Result<(), Fault> {
        if !self.seen {
            self.seen = true;
            self.owner.late(records.clone());
        }
        let on_disk = records.into_iter().map(|stored| (stored.name(), stored)).collect();
        self.resync(&on_disk)
    }

    /// Writes what the disk has not, removes what the owner has not.
    fn resync(&mut self, on_disk: &HashMap<Name, Stored>) -> Result<(), Fault> {
        let records = self.owner.records();
        let mut gone: HashMap<Name, ()> =
            self.entries.iter().filter(|(_, entry)| !entry.foreign).map(|(name, _)| (*name, ())).collect();
        for stored in &records {
            gone.remove(&stored.name());
            if on_disk.get(&stored.name()) != Some(stored) {
                match self.write(stored) {
                    Ok(()) | Err(StoreError::Refused(_)) => {}
                    Err(error) => return Err(Fault::new(FaultKind::Trouble, error.to_string())),
                }
            }
        }
        for name in gone.into_keys() {
            self.erase_one(name)?;
        }
        self.commit()?;
        self.up();
        Ok(())
    }

    /// A new store with these records and nothing else, in the place of the old one.
    fn build(&mut self, groups: Vec<(Group, bool)>) -> Result<(), Fault> {
        let generation = fastrand::u64(1..);
        let mut fresh = guarded(|| self.medium.fresh())?;
        let written = guarded(|| fill(&mut *fresh, generation, &groups));
        let bytes = fresh.disk_bytes();
        if !close(fresh) {
            return Err(Fault::new(FaultKind::Trouble, "the new store could not be closed"));
        }
        written?;
        let floor = self.sentinel.floor.min(u64::try_from(groups.len()).unwrap_or(u64::MAX));
        let mut generations = self.medium.sentinel().unwrap_or_default().generations;
        generations.push(generation);
        generations.drain(..generations.len().saturating_sub(GENERATIONS_MAX));
        self.medium.set_sentinel(&Sentinel { generations, floor })?;
        if let Some(old) = self.backend.take() {
            close(old);
        }
        self.medium.replace()?;
        (self.erase, self.seen, self.dirty, self.changed) = (false, true, false, false);
        (self.generation, self.rewritten, self.rewritten_bytes) = (generation, Instant::now(), bytes);
        self.entries.clear();
        groups.iter().for_each(|(group, foreign)| self.enter(group, *foreign));
        self.backend = Some(guarded(|| self.medium.open())?);
        self.sentinel = Sentinel::default();
        self.note_floor(self.count())?;
        self.board.change(|health| health.rewrites += 1);
        self.up();
        Ok(())
    }

    /// Replaces the whole content, and with `erase` also what was ever set aside. Afterwards no byte of anything else
    /// is in a file of ours.
    pub(super) fn rewrite(&mut self, records: &[Stored], erase: bool) -> Result<(), StoreError> {
        let mut groups = Vec::with_capacity(records.len());
        for stored in records {
            let name = stored.name();
            let pieces = record::encode(name, stored.version, &stored.body)
                .map_err(|error| StoreError::Refused(error.to_string()))?;
            groups.push((Group { name, cells: (0..).zip(pieces).collect() }, false));
        }
        let done = self.build(groups).and_then(|()| if erase { self.medium.erase_set_aside() } else { Ok(()) });
        if let Err(fault) = &done {
            // Whatever the disk holds now, it must not come back.
            self.erase = true;
            self.down(fault);
            self.retry_at = Some(Instant::now() + RETRY_AFTER);
        }
        Ok(done?)
    }

    /// The same records in a new store: gives back what sled holds on to.
    pub(super) fn tidy(&mut self) -> Result<(), StoreError> {
        let Some(backend) = self.backend.as_mut() else { return self.lost() };
        let mut loaded = Loaded::default();
        let read = guarded(|| load::load(&mut **backend, &mut loaded));
        let good = loaded.good.into_iter().map(|good| (good.group, false));
        let groups = good.chain(loaded.foreign.into_iter().map(|group| (group, true))).collect();
        let done = read.and_then(|()| self.build(groups));
        if let Err(fault) = &done {
            self.down(fault);
            self.recover_if_due();
        }
        Ok(done?)
    }

    /// What is due without anybody asking: coming back, comparing, committing, rewriting.
    pub(super) fn tick(&mut self) {
        self.recover_if_due();
        if self.backend.is_none() {
            return;
        }
        if self.dirty {
            let _ = self.commit_or_recover();
        }
        if self.backend.is_some() && self.board.take_dropped() {
            if let Err(fault) = self.resync(&HashMap::new()) {
                self.down(&fault);
            }
        }
        self.measured = 0;
        self.tidy_if_due();
    }

    /// Looks at the sizes now and then, notes them, and rewrites when it is time.
    pub(super) fn tidy_if_due(&mut self) {
        self.measured = self.measured.saturating_sub(1);
        if self.measured > 0 || self.backend.is_none() {
            return;
        }
        self.measured = MEASURE_EVERY;
        let (records, live, disk) = self.figures();
        self.board.change(|health| (health.records, health.live_bytes, health.disk_bytes) = (records, live, disk));
        if self.rewrite_due(live, disk) {
            let _ = self.tidy();
        }
    }

    fn rewrite_due(&self, live: u64, disk: u64) -> bool {
        let large = disk > DISK_MAX || disk > SMALL_BYTES && disk > live.saturating_mul(WASTE_MAX);
        let gains = disk > self.rewritten_bytes.saturating_mul(2);
        self.backend.is_some() && self.changed && (large && gains || self.rewritten.elapsed() >= REWRITE_EVERY)
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

fn fill(fresh: &mut dyn Backend, generation: u64, groups: &[(Group, bool)]) -> Result<(), Fault> {
    let mut batch = Batch::default();
    batch.set(GENERATION_KEY.to_vec(), generation.to_le_bytes().to_vec());
    fresh.apply(&batch)?;
    for (group, _) in groups {
        let mut batch = Batch::default();
        for (number, bytes) in &group.cells {
            batch.set(group.name.key(*number), bytes.clone());
        }
        fresh.apply(&batch)?;
    }
    fresh.commit()
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
