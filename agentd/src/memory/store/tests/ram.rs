//! A place in RAM that loses what was not committed, and fails, panics or hangs when told to.

use std::sync::{Arc, Mutex, MutexGuard};

use super::super::backend::{Backend, Batch, Fault, FaultKind, Medium, Sentinel};
use std::{collections::BTreeMap, path::PathBuf};

type Cells = BTreeMap<Vec<u8>, Vec<u8>>;

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    Trouble,
    Damage,
    Panic,
}

#[derive(Default)]
pub(super) struct Inner {
    /// As the process sees it, and as a crash would leave it.
    pub(super) cells: Cells,
    pub(super) durable: Cells,
    next: Option<Cells>,
    pub(super) sentinel: Option<Sentinel>,
    pub(super) aside: Vec<Cells>,
    pub(super) damaged: Vec<Vec<u8>>,
    /// Operations until failures begin, how many fail, and how.
    pub(super) fuse: Option<(u32, u32, Failing)>,
    pub(super) operations: u32,
}

/// The disk that several daemons, one after the other, find.
#[derive(Clone, Default)]
pub(super) struct RamDisk {
    inner: Arc<Mutex<Inner>>,
    /// Taken by every operation; holding it is a disk that hangs.
    gate: Arc<Mutex<()>>,
}

impl RamDisk {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn hang(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap()
    }

    /// What a crash now would leave.
    pub(super) fn crash(&self) {
        let mut inner = self.inner();
        inner.cells = inner.durable.clone();
        inner.next = None;
        inner.fuse = None;
    }

    pub(super) fn medium(&self) -> RamMedium {
        RamMedium(self.clone())
    }

    fn operation(&self) -> Result<MutexGuard<'_, Inner>, Fault> {
        drop(self.gate.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut inner = self.inner();
        inner.operations += 1;
        let Some((before, failing, how)) = inner.fuse else { return Ok(inner) };
        if before > 0 {
            inner.fuse = Some((before - 1, failing, how));
            return Ok(inner);
        }
        inner.fuse = (failing > 1).then(|| (0, failing - 1, how));
        drop(inner);
        match how {
            Failing::Trouble => Err(Fault::new(FaultKind::Trouble, "no space left on this disk")),
            Failing::Damage => Err(Fault::new(FaultKind::Damaged, "a broken page")),
            Failing::Panic => panic!("tried to serialize nothing"),
        }
    }
}

pub(super) struct RamMedium(RamDisk);

pub(super) fn medium() -> (RamMedium, RamDisk) {
    let disk = RamDisk::default();
    (disk.medium(), disk)
}

/// Open cells: those in use, or the next ones.
struct Open {
    disk: RamDisk,
    next: bool,
}

impl Backend for Open {
    fn apply(&mut self, batch: &Batch) -> Result<(), Fault> {
        let mut inner = self.disk.operation()?;
        let cells = if self.next { inner.next.get_or_insert_default() } else { &mut inner.cells };
        for (key, value) in &batch.cells {
            match value {
                Some(value) => _ = cells.insert(key.clone(), value.clone()),
                None => _ = cells.remove(key),
            }
        }
        Ok(())
    }

    fn scan(&mut self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Fault> {
        let inner = self.disk.operation()?;
        let cells = if self.next { inner.next.clone().unwrap_or_default() } else { inner.cells.clone() };
        drop(inner);
        cells.iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Fault> {
        let mut inner = self.disk.operation()?;
        if !self.next {
            inner.durable = inner.cells.clone();
        }
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        let inner = self.disk.inner();
        inner.cells.iter().map(|(key, value)| u64::try_from(key.len() + value.len()).unwrap()).sum()
    }
}

impl Medium for RamMedium {
    fn open(&mut self) -> Result<Box<dyn Backend>, Fault> {
        drop(self.0.operation()?);
        Ok(Box::new(Open { disk: self.0.clone(), next: false }))
    }

    fn fresh(&mut self) -> Result<Box<dyn Backend>, Fault> {
        self.0.operation()?.next = Some(Cells::new());
        Ok(Box::new(Open { disk: self.0.clone(), next: true }))
    }

    fn replace(&mut self) -> Result<(), Fault> {
        let mut inner = self.0.operation()?;
        let next = inner.next.take().unwrap_or_default();
        inner.durable = next.clone();
        inner.cells = next;
        Ok(())
    }

    fn set_aside(&mut self) -> Result<Option<PathBuf>, Fault> {
        let mut inner = self.0.operation()?;
        let old = std::mem::take(&mut inner.cells);
        inner.durable.clear();
        inner.sentinel = None;
        inner.aside.push(old);
        Ok(Some("aside".into()))
    }

    fn sentinel(&mut self) -> Option<Sentinel> {
        self.0.inner().sentinel.clone()
    }

    fn set_sentinel(&mut self, sentinel: &Sentinel) -> Result<(), Fault> {
        self.0.operation()?.sentinel = Some(sentinel.clone());
        Ok(())
    }

    fn keep_damaged(&mut self, _name: &str, bytes: &[u8]) {
        self.0.inner().damaged.push(bytes.to_vec());
    }

    fn erase_set_aside(&mut self) -> Result<(), Fault> {
        let mut inner = self.0.operation()?;
        inner.aside.clear();
        inner.damaged.clear();
        Ok(())
    }

    fn has_room(&self) -> bool {
        true
    }
}
