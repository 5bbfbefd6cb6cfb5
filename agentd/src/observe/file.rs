//! Today's log file, as the writer thread sees it.
//!
//! Owns one open file of mode 0600 and the bytes in it. Invariant: a write never fails and never grows the log beyond
//! its bound; what does not reach the disk is counted. tracing-appender's own rolling file is not used: it makes
//! files with the mode of the umask, and prints to a stderr that a daemon has closed.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::retention::{self, Limits};
use crate::clock::Clock;

/// A sweep each time the file grew by this share of the total bound: the log overshoots by at most that much.
const SWEEP_SHARE: u64 = 8;
/// After a failed open, the next try. Each try costs a system call per line otherwise, on a disk in trouble.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// The bounds and counters that the writer thread shares with the daemon.
#[derive(Debug, Default)]
pub struct Shared {
    keep_days: AtomicUsize,
    max_total: AtomicU64,
    lost: AtomicUsize,
}

impl Shared {
    /// Sets the bounds; the writer follows at its next sweep.
    pub fn set_limits(&self, limits: Limits) {
        self.keep_days.store(limits.keep_days as usize, Ordering::Relaxed);
        self.max_total.store(limits.max_total, Ordering::Relaxed);
    }

    /// The bounds.
    pub fn limits(&self) -> Limits {
        Limits {
            keep_days: u32::try_from(self.keep_days.load(Ordering::Relaxed)).unwrap_or(u32::MAX),
            max_total: self.max_total.load(Ordering::Relaxed),
        }
    }

    /// Lines that did not reach the disk: full disk, file gone wrong, bound reached.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The UTC day of a time.
pub fn day_of(now: SystemTime) -> Date {
    Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

/// A writer of whole lines that changes the file at midnight UTC.
pub struct DailyFile {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    open: Option<Open>,
    retry_at: Option<SystemTime>,
}

struct Open {
    file: File,
    day: Date,
    /// Bytes of all log files at the last sweep, plus what was written since.
    total: u64,
    since_sweep: u64,
    /// The last write broke off inside a line.
    torn: bool,
}

impl DailyFile {
    /// Opens today's file in `dir` and sweeps.
    ///
    /// # Errors
    /// The file cannot be made: at start the user should hear of it. Later the same is only counted.
    pub fn open(dir: PathBuf, clock: Arc<dyn Clock>, shared: Arc<Shared>) -> io::Result<Self> {
        let mut daily = Self { dir, clock, shared, open: None, retry_at: None };
        let today = day_of(daily.clock.now());
        daily.open = Some(daily.open_day(today)?);
        Ok(daily)
    }

    fn open_day(&self, day: Date) -> io::Result<Open> {
        let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let path = self.dir.join(retention::file_name(day));
        let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(nofollow).open(path)?;
        Ok(Open { file, day, total: self.sweep(day), since_sweep: 0, torn: false })
    }

    fn sweep(&self, today: Date) -> u64 {
        retention::sweep(&self.dir, self.shared.limits(), today).map_or(0, |swept| swept.total)
    }

    /// Makes `self.open` today's file, if it can.
    fn turn(&mut self) {
        let now = self.clock.now();
        let today = day_of(now);
        if self.open.as_ref().is_some_and(|open| open.day == today) {
            return;
        }
        if self.retry_at.is_some_and(|at| now < at && at <= now + REOPEN_AFTER) {
            return;
        }
        self.open = self.open_day(today).ok();
        self.retry_at = self.open.is_none().then(|| now + REOPEN_AFTER);
    }

    fn write_line(&mut self, line: &[u8]) -> bool {
        self.turn();
        let max_total = self.shared.limits().max_total;
        if self.open.as_ref().is_some_and(|open| open.since_sweep > max_total / SWEEP_SHARE) {
            let total = self.sweep(day_of(self.clock.now()));
            self.open.iter_mut().for_each(|open| (open.total, open.since_sweep) = (total, 0));
        }
        let Some(open) = self.open.as_mut() else { return false };
        if open.total.saturating_add(line.len() as u64) > max_total.saturating_add(max_total / SWEEP_SHARE) {
            // Old files may be in the way: look again with the next line, today's file alone may not grow further.
            open.since_sweep = u64::MAX;
            return false;
        }
        open.write(line)
    }
}

impl Open {
    fn write(&mut self, line: &[u8]) -> bool {
        let start: &[u8] = if self.torn { b"\n" } else { b"" };
        let done = self.file.write_all(start).and_then(|()| self.file.write_all(line));
        // Unknown how much of it arrived: the next line begins on a line of its own.
        self.torn = done.is_err();
        if !self.torn {
            self.total += line.len() as u64;
            self.since_sweep = self.since_sweep.saturating_add(line.len() as u64);
        }
        !self.torn
    }
}

impl Write for DailyFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.write_line(line) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Mutex};

    use jiff::civil::date;

    use super::*;

    pub(super) struct Hand(pub(super) Mutex<SystemTime>);

    impl Clock for Hand {
        fn now(&self) -> SystemTime {
            *self.0.lock().unwrap()
        }
    }

    fn at(day: i8, hour: i8) -> SystemTime {
        date(2026, 11, day).at(hour, 59, 59, 0).to_zoned(TimeZone::UTC).unwrap().timestamp().into()
    }

    fn daily(dir: &Path, limits: Limits) -> (DailyFile, Arc<Hand>, Arc<Shared>) {
        let (clock, shared) = (Arc::new(Hand(Mutex::new(at(22, 23)))), Arc::new(Shared::default()));
        shared.set_limits(limits);
        (DailyFile::open(dir.to_owned(), clock.clone(), shared.clone()).unwrap(), clock, shared)
    }

    const WIDE: Limits = Limits { keep_days: 2, max_total: 1 << 20 };

    #[test]
    fn the_file_changes_at_midnight_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let (mut daily, clock, shared) = daily(dir.path(), WIDE);
        for day in 22..=25 {
            *clock.0.lock().unwrap() = at(day, 23);
            daily.write_all(format!("{day}\n").as_bytes()).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["agentd.2026-11-24.log", "agentd.2026-11-25.log"]);
        assert_eq!(fs::read_to_string(dir.path().join("agentd.2026-11-25.log")).unwrap(), "25\n");
        assert_eq!(shared.lost(), 0);
    }

    #[test]
    fn the_file_is_for_us_alone_whatever_the_umask() {
        let dir = tempfile::tempdir().unwrap();
        let (_daily, ..) = daily(dir.path(), WIDE);
        let meta = fs::metadata(dir.path().join("agentd.2026-11-22.log")).unwrap();
        assert_eq!(meta.mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_log_beyond_its_bound_loses_lines_and_counts_them() {
        let dir = tempfile::tempdir().unwrap();
        let (mut daily, clock, shared) = daily(dir.path(), Limits { keep_days: 7, max_total: 1000 });
        for _ in 0..200 {
            daily.write_all(b"012345678\n").unwrap();
        }
        let size = || fs::metadata(dir.path().join("agentd.2026-11-22.log")).unwrap().len();
        assert!((1000..=1125).contains(&size()), "{}", size());
        assert_eq!(shared.lost() as u64, 200 - size() / 10);
        // A new day has room again: the full day goes.
        *clock.0.lock().unwrap() = at(23, 1);
        daily.write_all(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("agentd.2026-11-23.log")).unwrap(), "next\n");
    }

    #[test]
    fn a_directory_that_vanished_loses_lines_and_one_that_is_back_takes_them() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::create_dir(&log).unwrap();
        let (mut daily, clock, shared) = daily(&log, WIDE);
        fs::remove_dir_all(&log).unwrap();
        *clock.0.lock().unwrap() = at(23, 1);
        daily.write_all(b"lost\n").unwrap();
        daily.write_all(b"lost\n").unwrap();
        assert_eq!(shared.lost(), 2);
        fs::create_dir(&log).unwrap();
        *clock.0.lock().unwrap() += REOPEN_AFTER;
        daily.write_all(b"here\n").unwrap();
        assert_eq!(fs::read_to_string(log.join("agentd.2026-11-23.log")).unwrap(), "here\n");
    }

    #[test]
    fn a_full_disk_is_counted_and_never_an_error() {
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut open = Open { file, day: date(2026, 11, 22), total: 0, since_sweep: 0, torn: false };
        assert!(!open.write(b"x\n"));
        assert!(open.torn && open.total == 0);
    }
}
