//! Which log files stay.
//!
//! A file is ours when its whole name is `agentd.YYYY-MM-DD.log` with a real date and it is a regular file; the age
//! is that date, never a time stamp of the file system, which a copy or a restore changes. Foreign names are never
//! touched.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{ToSpan, civil::Date};

/// What stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Days, today included.
    pub keep_days: u32,
    /// Bytes of all files together.
    pub max_total: u64,
}

/// What a sweep did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Names removed, oldest first.
    pub removed: Vec<PathBuf>,
    /// Bytes that remain.
    pub total: u64,
    /// Files that could not be removed.
    pub failed: usize,
}

/// Name of the log file of a day.
pub fn file_name(date: Date) -> String {
    format!("agentd.{date}.log")
}

/// The day of a log file's name; `None` for every name that is not exactly ours.
pub fn date_of(name: &str) -> Option<Date> {
    let date: Date = name.strip_prefix("agentd.")?.strip_suffix(".log")?.parse().ok()?;
    // The parser knows more spellings of a date than we write.
    (file_name(date) == name).then_some(date)
}

/// Removes what is too old, then the oldest until the rest fits. Never removes today's file, nor one of a later day,
/// which a clock set back leaves, for its age.
///
/// # Errors
/// The directory cannot be listed. A file that cannot be removed is counted instead.
pub fn sweep(dir: &Path, limits: Limits, today: Date) -> io::Result<Swept> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Some(date) = entry.file_name().to_str().and_then(date_of) else { continue };
        match entry.metadata() {
            Ok(meta) if meta.is_file() => files.push((date, entry.path(), meta.len())),
            _ => {}
        }
    }
    files.sort();
    let oldest = today.saturating_sub(i64::from(limits.keep_days.saturating_sub(1).min(36_500)).days());
    let mut swept = Swept { total: files.iter().map(|(.., size)| size).sum(), ..Swept::default() };
    for (date, path, size) in files {
        if date == today || (date >= oldest && swept.total <= limits.max_total) {
            continue;
        }
        if fs::remove_file(&path).is_ok() {
            swept.total -= size;
            swept.removed.push(path);
        } else {
            swept.failed += 1;
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const WIDE: Limits = Limits { keep_days: 7, max_total: u64::MAX };

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn seven_days_mean_today_and_the_six_before() {
        let dir = tempfile::tempdir().unwrap();
        for day in 10..=22 {
            fs::write(dir.path().join(file_name(date(2026, 11, day))), "x").unwrap();
        }
        let swept = sweep(dir.path(), WIDE, date(2026, 11, 22)).unwrap();
        assert_eq!((swept.removed.len(), swept.total, swept.failed), (6, 7, 0));
        assert_eq!(names(dir.path()).first().unwrap(), "agentd.2026-11-16.log");
        assert_eq!(sweep(dir.path(), WIDE, date(2026, 11, 22)).unwrap().removed, Vec::<PathBuf>::new());
    }

    #[test]
    fn foreign_names_directories_and_links_are_never_touched() {
        let dir = tempfile::tempdir().unwrap();
        let foreign = [
            "agentd-audit.2020-01-01.log",
            "agentd.log",
            "agentd.2020-01-01.log.bak",
            "agentd.2020-01-01",
            "agentd.20200101.log",
            "agentd.2020-1-1.log",
            "agentd.2020-02-30.log",
            "agentd.+002020-01-01.log",
            "xagentd.2020-01-01.log",
        ];
        for name in foreign {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join("agentd.2020-01-02.log")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("agentd.2020-01-03.log")).unwrap();
        let before = names(dir.path());
        sweep(dir.path(), Limits { keep_days: 1, max_total: 0 }, date(2026, 11, 22)).unwrap();
        assert_eq!(names(dir.path()), before);
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits_and_todays_file_stays_even_alone_too_large() {
        let dir = tempfile::tempdir().unwrap();
        for day in 19..=22 {
            fs::write(dir.path().join(file_name(date(2026, 11, day))), "0123456789").unwrap();
        }
        let limits = Limits { keep_days: 7, max_total: 25 };
        assert_eq!(sweep(dir.path(), limits, date(2026, 11, 22)).unwrap().total, 20);
        assert_eq!(names(dir.path()), ["agentd.2026-11-21.log", "agentd.2026-11-22.log"]);
        sweep(dir.path(), Limits { max_total: 1, ..limits }, date(2026, 11, 22)).unwrap();
        assert_eq!(names(dir.path()), ["agentd.2026-11-22.log"]);
    }

    #[test]
    fn a_clock_set_back_removes_nothing_for_its_age() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(file_name(date(2030, 1, 1))), "x").unwrap();
        assert_eq!(sweep(dir.path(), WIDE, date(2026, 11, 22)).unwrap().removed.len(), 0);
    }
}
