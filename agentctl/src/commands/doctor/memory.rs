//! The memory's part of the doctor: its directories, and whether the newest backup is recent.
//!
//! A backup that was written elsewhere by `--to` is known to the daemon only, so a running one is asked too.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use proto::{MemoryStatusRequest, Request, Response, endpoint::Endpoint};

use super::{Finding, directory};
use crate::{client::QUICK, connect, render::figures::span};

/// A daily backup that is older than this has missed a week: the timer is gone, or the machine sleeps at night.
const BACKUP_MAX_AGE: Duration = Duration::from_secs(8 * 24 * 3600);
/// A directory with more entries than this is not one of seven backups; the rest is not looked at.
const ENTRIES_MAX: usize = 10_000;
const CURE: &str =
    "agentctl memory backup writes one; systemd/agentd-backup.timer or a crontab line (README, Memory) does so daily";

/// The directories of memory and backups, and the age of the newest backup.
pub(super) fn findings(endpoint: &Endpoint) -> Vec<Finding> {
    let (memory, backups) = (endpoint.state_dir.join("memory"), endpoint.state_dir.join("backups"));
    let mut findings = vec![directory("memory", &memory), directory("backups", &backups)];
    if memory.is_dir() {
        let newest = [newest_in(&backups), told_by_daemon(endpoint)].into_iter().flatten().min();
        findings.push(judge(newest, age_of(&memory)));
    }
    findings
}

/// Seconds since the newest file that is named as a backup is.
fn newest_in(dir: &Path) -> Option<Duration> {
    let entries = fs::read_dir(dir).ok()?.take(ENTRIES_MAX).flatten();
    let backups = entries.filter(|entry| is_backup(&entry.file_name().to_string_lossy()));
    let written = backups.filter_map(|entry| entry.metadata().ok().filter(fs::Metadata::is_file)?.modified().ok());
    written.max().map(since)
}

fn is_backup(name: &str) -> bool {
    name.starts_with("agentd-memory-") && name.ends_with(".jsonl")
}

fn told_by_daemon(endpoint: &Endpoint) -> Option<Duration> {
    let mut client = connect::probe(endpoint).ok()??;
    match client.call(Request::MemoryStatus(MemoryStatusRequest {}), QUICK).ok()? {
        Response::MemoryStatus(report) => report.last_backup_s.map(Duration::from_secs),
        _ => None,
    }
}

/// How long the directory has been there; `None` where the file system does not say.
fn age_of(dir: &Path) -> Option<Duration> {
    fs::metadata(dir).ok()?.created().ok().map(since)
}

/// Time since then; none when it lies in the future, which the check of the clock tells.
fn since(then: SystemTime) -> Duration {
    SystemTime::now().duration_since(then).unwrap_or_default()
}

fn judge(newest: Option<Duration>, memory: Option<Duration>) -> Finding {
    match (newest, memory) {
        (Some(age), _) if age <= BACKUP_MAX_AGE => {
            Finding::ok("backup", format!("the newest is {} old", span(age.as_secs())))
        }
        (Some(age), _) => Finding::warn("backup", format!("the newest is {} old", span(age.as_secs())), CURE),
        // Whoever installed agentd this week has missed nothing yet.
        (None, Some(age)) if age <= BACKUP_MAX_AGE => {
            Finding::ok("backup", "none yet; the memory is younger than 8 days")
        }
        (None, _) => Finding::warn("backup", "there is none", CURE),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::{commands::doctor::finding::Level, testing};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn private(path: &Path) {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn without_a_memory_there_is_nothing_to_back_up() {
        let dir = testing::home();
        let findings = findings(&testing::endpoint(&dir));
        assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:?}");
        assert!(!findings.iter().any(|finding| finding.name == "backup"), "{findings:?}");
    }

    #[test]
    fn a_memory_that_others_may_enter_is_a_warning() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        let memory = endpoint.state_dir.join("memory");
        private(&memory);
        fs::set_permissions(&memory, fs::Permissions::from_mode(0o750)).unwrap();
        let finding = &findings(&endpoint)[0];
        assert_eq!((&*finding.name, finding.level), ("memory", Level::Warn), "{finding:?}");
        assert!(finding.cure.starts_with("chmod 700 "), "{finding:?}");
    }

    #[test]
    fn a_backup_older_than_eight_days_or_none_for_as_long_is_a_warning_with_a_cure() {
        for (newest, memory, level) in [
            (Some(DAY), Some(90 * DAY), Level::Ok),
            (Some(8 * DAY), None, Level::Ok),
            (Some(9 * DAY), Some(DAY), Level::Warn),
            (None, Some(DAY), Level::Ok),
            (None, Some(9 * DAY), Level::Warn),
            (None, None, Level::Warn),
        ] {
            let finding = judge(newest, memory);
            assert_eq!(finding.level, level, "{newest:?} {memory:?}");
            assert_eq!(finding.cure.is_empty(), level == Level::Ok);
        }
    }

    #[test]
    fn only_files_named_as_backups_count() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest_in(&dir.path().join("none")), None);
        for foreign in ["notes.jsonl", "agentd-memory-20260101T000000Z.jsonl.tmp", ".agentd-memory-x.jsonl"] {
            fs::write(dir.path().join(foreign), "").unwrap();
        }
        fs::create_dir(dir.path().join("agentd-memory-20260101T000000Z.jsonl")).unwrap();
        symlink("/etc/passwd", dir.path().join("agentd-memory-20260102T000000Z.jsonl")).unwrap();
        assert_eq!(newest_in(dir.path()), None);
        let backup = dir.path().join("agentd-memory-20260103T000000Z.jsonl");
        fs::write(&backup, "").unwrap();
        let file = fs::File::options().write(true).open(&backup).unwrap();
        file.set_modified(SystemTime::now() - 9 * DAY).unwrap();
        let age = newest_in(dir.path()).unwrap();
        assert!(age >= 9 * DAY && age < 10 * DAY, "{age:?}");
    }
}
