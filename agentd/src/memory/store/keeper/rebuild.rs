//! Coming back after a failure, and the rewrites: everything that makes a store anew or compares it with the RAM.
//!
//! A rewrite fills a fresh store beside the one in use and then takes its place in one step. Comparing (`resync`) lets
//! the owner's RAM win, once what the disk held has been shown to the owner.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::{
    super::{
        Row, StoreError,
        backend::{Backend, Batch, Fault, FaultKind, Sentinel},
        load::{self, GENERATION_KEY, Group, Loaded},
        record::{self, Name},
    },
    Keeper, close, guarded,
};

/// Between two attempts to come back after a failure: a full or missing disk must not be hammered.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// A store is rewritten when it takes this many times what lives in it …
const WASTE_MAX: u64 = 8;
/// … unless it is small anyway: its segments and free space weigh more there …
const SMALL_BYTES: u64 = 4 * 1024 * 1024;
/// … or when it takes this much, whatever lives in it: all caps together are a tenth of that.
const DISK_MAX: u64 = 128 * 1024 * 1024;
/// And daily, so that what was removed does not stay in the file's free space for long.
const REWRITE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Batches of messages between two looks at the sizes, which cost a few system calls.
const MEASURE_EVERY: u32 = 64;
/// Generations in the sentinel: one more for each replacement that failed half-way, in a row.
const GENERATIONS_MAX: usize = 8;

impl Keeper {
    /// Comes back after a failure, if the last attempt is long enough ago.
    pub(super) fn recover_if_due(&mut self) {
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
                let seen = self.seen;
                let opened = self.begin_again(&fault, loaded)?;
                self.seen = seen;
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
        self.agree(opened.records)?;
        // Only now: a rewrite counts as having seen everything.
        self.mend(&opened.report);
        Ok(())
    }

    /// Makes disk and RAM agree. What was never seen before goes to the owner; afterwards the owner is right.
    fn agree(&mut self, records: Vec<Row>) -> Result<(), Fault> {
        if !self.seen {
            self.seen = true;
            self.owner.late(records.clone());
        }
        let on_disk = records.into_iter().map(|stored| (Name::from(&stored), stored)).collect();
        self.resync(&on_disk)
    }

    /// Writes what the disk has not, removes what the owner has not.
    fn resync(&mut self, on_disk: &HashMap<Name, Row>) -> Result<(), Fault> {
        let records = self.owner.records();
        let mut gone: HashSet<Name> =
            self.entries.iter().filter(|(_, entry)| !entry.foreign).map(|(name, _)| *name).collect();
        for stored in &records {
            gone.remove(&Name::from(stored));
            if on_disk.get(&Name::from(stored)) != Some(stored) {
                match self.write(stored) {
                    Ok(()) | Err(StoreError::Refused(_)) => {}
                    Err(error) => return Err(Fault::new(FaultKind::Trouble, error.to_string())),
                }
            }
        }
        for name in gone {
            self.erase_one(name)?;
        }
        self.commit()?;
        self.up();
        Ok(())
    }

    /// A new store with these records and nothing else, in the place of the old one.
    fn build(&mut self, mut groups: Vec<(Group, bool)>) -> Result<(), Fault> {
        // In the order of keys sled writes each page again and again while it fills: 3.3 times the bytes instead of 2.2.
        fastrand::shuffle(&mut groups);
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
        guarded(|| self.medium.set_sentinel(&Sentinel { generations, floor }))?;
        if let Some(old) = self.backend.take() {
            close(old);
        }
        guarded(|| self.medium.replace())?;
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
    pub(in super::super) fn rewrite(&mut self, records: &[Row], erase: bool) -> Result<(), StoreError> {
        let mut groups = Vec::with_capacity(records.len());
        for stored in records {
            let name = Name::from(stored);
            let pieces = record::encode(name, stored.version, &stored.body)
                .map_err(|error| StoreError::Refused(error.to_string()))?;
            groups.push((Group { name, cells: (0..).zip(pieces).collect() }, false));
        }
        let done =
            self.build(groups).and_then(|()| if erase { guarded(|| self.medium.erase_set_aside()) } else { Ok(()) });
        if let Err(fault) = &done {
            // Whatever the disk holds now, it must not come back.
            self.erase = true;
            self.down(fault);
            self.retry_at = Some(Instant::now() + RETRY_AFTER);
        }
        Ok(done?)
    }

    /// The same records in a new store: gives back what sled holds on to.
    pub(in super::super) fn tidy(&mut self) -> Result<(), StoreError> {
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

    /// Looks at the sizes now and then, notes them, and rewrites when it is time.
    pub(in super::super) fn tidy_if_due(&mut self) {
        let records = self.entries.len();
        self.board.change(|health| health.records = records);
        self.measured = self.measured.saturating_sub(1);
        if self.measured > 0 || self.backend.is_none() {
            return;
        }
        self.measured = MEASURE_EVERY;
        let (_, live, disk) = self.figures();
        self.board.change(|health| (health.live_bytes, health.disk_bytes) = (live, disk));
        if self.rewrite_due(live, disk) {
            let _ = self.tidy();
        }
    }

    /// What is due without anybody asking: coming back, comparing, committing, rewriting.
    pub(in super::super) fn tick(&mut self) {
        self.recover_if_due();
        if self.backend.is_none() {
            return;
        }
        if self.dirty {
            let _ = self.commit_or_recover();
        }
        if self.backend.is_some()
            && self.board.take_dropped()
            && let Err(fault) = self.resync(&HashMap::new())
        {
            self.down(&fault);
        }
        self.measured = 0;
        self.tidy_if_due();
    }

    fn rewrite_due(&self, live: u64, disk: u64) -> bool {
        let large = disk > DISK_MAX || disk > SMALL_BYTES && disk > live.saturating_mul(WASTE_MAX);
        let gains = disk > self.rewritten_bytes.saturating_mul(2);
        self.backend.is_some() && self.changed && (large && gains || self.rewritten.elapsed() >= REWRITE_EVERY)
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
