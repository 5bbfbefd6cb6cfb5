//! The opening: read, check against the sentinel, take over; or move aside and begin again.

use std::path::PathBuf;

use super::{
    super::{
        Opened, Report, Row,
        backend::{Batch, Fault, FaultKind},
        load::{self, GENERATION_KEY, Group, Loaded},
    },
    Keeper, close, guarded,
};

impl Keeper {
    /// Opens for the first time. Never fails: what cannot be had is said in the report.
    pub(in super::super) fn start(&mut self) -> Opened {
        let mut loaded = Loaded::default();
        let outcome = self.open_into(&mut loaded);
        let opened = match outcome {
            Ok(missing) => self.settle(loaded, missing).inspect(|opened| self.mend(&opened.report)),
            Err(fault) if fault.kind == FaultKind::Damaged && self.has_room() => self.begin_again(&fault, loaded),
            Err(fault) => Err(fault),
        };
        opened.unwrap_or_else(|fault| {
            self.down(&fault);
            Opened { records: Vec::new(), report: Report::RamOnly { why: fault.text } }
        })
    }

    /// A file in which something was damaged is not trusted with anything new: sled has been seen to lose another record
    /// of it at the next opening. What is good goes into a new one.
    pub(super) fn mend(&mut self, report: &Report) {
        if matches!(report, Report::Damaged { .. }) {
            // A failure is on the board, and is tried again.
            let _ = self.tidy();
        }
    }

    /// Opens, reads, and checks against the sentinel. Returns how many records are missing.
    pub(super) fn open_into(&mut self, loaded: &mut Loaded) -> Result<u64, Fault> {
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
    pub(super) fn settle(&mut self, loaded: Loaded, missing: u64) -> Result<Opened, Fault> {
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

    /// The store cannot be used: aside with it, and a new one with what could still be read.
    pub(super) fn begin_again(&mut self, fault: &Fault, loaded: Loaded) -> Result<Opened, Fault> {
        let moved_to = self.quarantine(fault)?;
        let mut empty = Loaded::default();
        let missing = self.open_into(&mut empty)?;
        self.settle(empty, missing)?;
        let records: Vec<Row> = loaded.good.into_iter().map(|good| good.stored).collect();
        for stored in &records {
            self.write(stored).map_err(|error| Fault::new(FaultKind::Trouble, error.to_string()))?;
        }
        self.commit()?;
        let salvaged = records.len();
        Ok(Opened { records, report: Report::Quarantined { moved_to, why: fault.text.clone(), salvaged } })
    }

    fn quarantine(&mut self, fault: &Fault) -> Result<PathBuf, Fault> {
        self.board.error(&fault.text);
        let moved_to = guarded(|| self.medium.set_aside())?.unwrap_or_default();
        tracing::warn!(why = %fault.text, "the store could not be used and was moved aside");
        self.board.change(|health| health.quarantined += 1);
        Ok(moved_to)
    }
}
