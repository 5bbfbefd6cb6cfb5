//! Names and stats of all files that a search read, as one digest.
//!
//! Equal sweeps mean an equal result without reading a file: the walk is made again, so what ignore files say now is
//! what counts, and the stats of what it visits stand for contents. A sweep with a racy file in it is none.

use std::path::Path;

use super::{Digest, Stat, digest::Digester, stat::now_ns};
use crate::tools::jail::Jail;

/// A sweep in the making.
pub(crate) struct Sweep<'a> {
    jail: &'a Jail,
    digester: Digester,
    started_ns: i64,
    steady: bool,
}

impl<'a> Sweep<'a> {
    /// Before the walk begins.
    pub(crate) fn new(jail: &'a Jail) -> Self {
        Self { jail, digester: Digester::default(), started_ns: now_ns(), steady: true }
    }

    /// A regular file, before it is read. `path` is relative to the root.
    pub(crate) fn add(&mut self, path: &Path) {
        if !self.steady {
            return;
        }
        match self.jail.stat(path, false).map(Stat::from) {
            Ok(stat) if !stat.is_racy(self.started_ns) => {
                self.digester.part(path.as_os_str().as_encoded_bytes());
                self.digester.stat(&stat);
            }
            _ => self.steady = false,
        }
    }

    /// False when there is no sweep any more, so that the rest need not be walked.
    pub(crate) fn is_steady(&self) -> bool {
        self.steady
    }

    /// After the walk, with how many entries it did not visit on purpose.
    pub(crate) fn finish(mut self, skipped: usize) -> Option<Digest> {
        self.digester.number(skipped as u64);
        self.steady.then(|| self.digester.finish())
    }
}
