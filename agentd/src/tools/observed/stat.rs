//! What stat says of a file, and how far that is to be trusted.
//!
//! Owns the fields that are compared and the rule of the racy clean entry, which is git's: a file that was changed
//! shortly before it was read may be changed again without a difference in its times, because clocks of file systems
//! tick slowly. Refuses to judge contents.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

/// How long a file must have rested before it was read, for equal stats to mean equal contents. The slowest clock of a
/// file system in use ticks every 2 s (FAT); those of Linux tick every few milliseconds.
pub const RACY: Duration = Duration::from_secs(2);

/// What stat says of a file. Access times and link counts are no part: they change without the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The device it lies on.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
    /// Bytes.
    pub size: i64,
    /// Time of the last change of content, nanoseconds since 1970. Programs may set it.
    pub mtime_ns: i64,
    /// Time of the last change of anything, nanoseconds since 1970. Only the kernel sets it.
    pub ctime_ns: i64,
    /// File, directory, symlink … : the type bits of the mode.
    pub kind: u32,
}

impl Stat {
    /// True when equal stats are no proof: the file was changed too shortly before it was seen, or after.
    pub fn is_racy(&self, seen_at_ns: i64) -> bool {
        let rested = seen_at_ns.saturating_sub(i64::try_from(RACY.as_nanos()).unwrap_or(i64::MAX));
        self.mtime_ns.max(self.ctime_ns) > rested
    }

    /// True for a regular file.
    pub(super) fn is_file(&self) -> bool {
        FileType::from_raw_mode(self.kind) == FileType::RegularFile
    }
}

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: stat.st_size,
            mtime_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            kind: FileType::from_raw_mode(stat.st_mode).as_raw_mode(),
        }
    }
}

/// Ends in the year 2262, and stays at its end then. The width of the second part is the machine's.
fn nanoseconds(seconds: i64, rest: impl TryInto<i64>) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest.try_into().unwrap_or_default())
}

/// The wall clock, for comparison with times of files: not injected, because the kernel's would not follow.
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
