//! The digest of a whole project: every file that a search would see.
//!
//! For answers that looked at nothing: the model's memory of the project is as old as its training, and a question
//! about code that changed deserves a new answer. Names and kinds of all entries, contents of all files; a file too
//! large to be read whole counts by its stat. Refuses projects beyond [`MAX_ENTRIES`] and [`MAX_BYTES`].

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Digest, Digests, Stat, Why, digest::Digester, stat::now_ns};
use crate::tools::{
    Project,
    builtin::{
        MAX_WHOLE, Stop,
        walk::{Entry, walk},
    },
};

/// Entries of a project that has a digest. Beyond it the walk alone takes longer than a cached answer may.
pub const MAX_ENTRIES: usize = 20_000;

/// Bytes of all its files; a quarter of a second of hashing when nothing is known yet.
pub const MAX_BYTES: u64 = 64 << 20;

/// Longest time for the first digest, on a slow disk.
const PROJECT_TIME: Duration = Duration::from_secs(5);

/// How an entry is taken into the digest.
const DIRECTORY: u64 = 0;
const CONTENT: u64 = 1;
const UNREADABLE: u64 = 2;
const STAT: u64 = 3;

/// The digest of a project as it is now; `None` when it is too large or changes right now. Blocking.
pub fn project_digest(project: &Project, digests: &Digests) -> Option<Digest> {
    of(project, digests, &Stop::within(CancellationToken::new(), PROJECT_TIME)).ok()
}

pub(super) fn of(project: &Project, digests: &Digests, stop: &Stop) -> Result<Digest, Why> {
    let mut sum = Sum { project, digests, stop, digester: Digester::default(), entries: 0, bytes: 0 };
    let mut fault = None;
    let left = walk(project, stop, ".", |entry| {
        fault = sum.add(&entry).err();
        Ok(fault.is_none())
    });
    match (left, fault) {
        (_, Some(why)) => Err(why),
        (Err(_), None) => Err(if stop.check().is_err() { Why::Late } else { Why::Unreadable }),
        (Ok(left), None) if left.truncated => Err(Why::TooLarge),
        (Ok(left), None) => {
            sum.digester.number(left.secret as u64);
            Ok(sum.digester.finish())
        }
    }
}

struct Sum<'a> {
    project: &'a Project,
    digests: &'a Digests,
    stop: &'a Stop,
    digester: Digester,
    entries: usize,
    bytes: u64,
}

impl Sum<'_> {
    fn add(&mut self, entry: &Entry) -> Result<(), Why> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(Why::TooLarge);
        }
        self.digester.part(entry.path.as_os_str().as_encoded_bytes());
        if entry.directory {
            self.digester.number(DIRECTORY);
            return Ok(());
        }
        let stat = self.project.jail.stat(&entry.path, false).map_err(|_| Why::Edited)?;
        self.file(&stat.into(), entry.path.to_str())
    }

    fn file(&mut self, stat: &Stat, path: Option<&str>) -> Result<(), Why> {
        let size = u64::try_from(stat.size).unwrap_or(u64::MAX);
        let Some(path) = path.filter(|_| stat.is_file() && size <= MAX_WHOLE) else { return self.by_stat(stat) };
        self.bytes += size;
        if self.bytes > MAX_BYTES {
            return Err(Why::TooLarge);
        }
        match self.digests.of_walked(self.project, path, stat, self.stop) {
            Ok(digest) => {
                self.digester.number(CONTENT);
                self.digester.digest(&digest);
            }
            Err(Why::Unreadable) => self.digester.number(UNREADABLE),
            Err(why) => return Err(why),
        }
        Ok(())
    }

    /// What has no content to compare: its stat must be proof by itself.
    fn by_stat(&mut self, stat: &Stat) -> Result<(), Why> {
        if stat.is_racy(now_ns()) {
            return Err(Why::Edited);
        }
        self.digester.number(STAT);
        self.digester.stat(stat);
        Ok(())
    }
}
