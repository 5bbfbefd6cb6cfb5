//! Contents known in RAM, so that a state that spans many files is read again only where it changed.
//!
//! Owns a bounded table from file to digest, for all projects: a file is known by device and number, and its stat must
//! be equal. Holds no names and no contents. Nothing racy enters ([`Stat::is_racy`]).

use std::{collections::HashMap, io::Read as _, sync::Mutex};

use super::{Digest, Stat, Why, digest::Digester, record, stat::now_ns};
use crate::{
    sync::lock,
    tools::{
        Project,
        builtin::{MAX_WHOLE, Stop},
        jail::{JailError, Opened},
    },
};

/// Files in one generation of the table; two are kept. About 4 MB each when full, several large projects.
const GENERATION: usize = 32_768;

/// Bytes hashed between two looks at the time.
const BLOCK: usize = 64 << 10;

/// Digests of files by what stat says of them. Shared by all projects and threads.
#[derive(Debug, Default)]
pub struct Digests(Mutex<Generations>);

/// When the young are full, the old are forgotten and the young become old. What is looked up becomes young.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(u64, u64), Known>,
    old: HashMap<(u64, u64), Known>,
}

/// A file's content at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) stat: Stat,
    pub(super) seen_at_ns: i64,
    pub(super) digest: Digest,
}

impl Digests {
    fn known(&self, stat: &Stat) -> Option<Digest> {
        let key = (stat.dev, stat.ino);
        let mut tables = lock(&self.0);
        let young = tables.young.get(&key).copied();
        let known = young.or_else(|| tables.old.get(&key).copied()).filter(|known| known.stat == *stat)?;
        if young.is_none() {
            tables.keep(known);
        }
        Some(known.digest)
    }

    fn remember(&self, known: Known) {
        if !known.stat.is_racy(known.seen_at_ns) {
            lock(&self.0).keep(known);
        }
    }

    /// The content of a regular file that a walk has found, read only if it is not known. `path` is its real path.
    pub(super) fn of_walked(&self, project: &Project, path: &str, stat: &Stat, stop: &Stop) -> Result<Digest, Why> {
        if let Some(digest) = self.known(stat) {
            return Ok(digest);
        }
        let known = read(project, path, stop)?;
        self.remember(known);
        Ok(known.digest)
    }
}

impl Generations {
    fn keep(&mut self, known: Known) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert((known.stat.dev, known.stat.ino), known);
    }
}

/// The content of the file that a path leads to, through the jail.
pub(super) fn read(project: &Project, path: &str, stop: &Stop) -> Result<Known, Why> {
    let opened = project.jail.open_file(path).map_err(|error| match error {
        JailError::Missing(_) => Why::Gone,
        _ => Why::Unreadable,
    })?;
    hash(&opened, stop)
}

/// Hashes an open file. One that is larger than any that is read whole, or that changes meanwhile, has no digest.
fn hash(opened: &Opened, stop: &Stop) -> Result<Known, Why> {
    let seen_at_ns = now_ns();
    let stat = record::stat(&opened.file).ok_or(Why::Unreadable)?;
    let (mut digester, mut block, mut total) = (Digester::default(), vec![0; BLOCK], 0);
    loop {
        stop.check().map_err(|_| Why::Late)?;
        let length = (&opened.file).read(&mut block).map_err(|_| Why::Unreadable)?;
        if length == 0 {
            break;
        }
        total += length as u64;
        if total > MAX_WHOLE {
            return Err(Why::Edited);
        }
        digester.block(block.get(..length).unwrap_or_default());
    }
    if record::stat(&opened.file) != Some(stat) {
        return Err(Why::Edited);
    }
    Ok(Known { stat, seen_at_ns, digest: digester.finish() })
}
