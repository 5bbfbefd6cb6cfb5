//! Processes that carry a mark in their command line: a test finds them again although their daemon is gone, their
//! environment is cleared and their parent is another.

use std::{fs, process, time::Duration};

use rustix::process::Signal;

use crate::{
    process::{Leftover, command_line, runs, signal},
    wait::holds_within,
};

/// A mark that no other process has. Dropping it kills whoever still carries it.
#[derive(Debug)]
pub struct Tag(String);

impl Tag {
    /// A new one.
    pub fn new() -> Self {
        Self(format!("tag-{}-{:016x}", process::id(), fastrand::u64(..)))
    }

    /// To be put into a command line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All running processes that carry it.
    pub fn found(&self) -> Vec<Leftover> {
        let entries = fs::read_dir("/proc").into_iter().flatten();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let named = pids.filter(|pid| *pid != process::id()).map(|pid| Leftover { pid, command: command_line(pid) });
        named.filter(|one| one.command.contains(&self.0) && runs(one.pid)).collect()
    }

    /// Panics when somebody still carries it after `patience`.
    #[track_caller]
    pub fn assert_gone_within(&self, patience: Duration) {
        if !holds_within(patience, || self.found().is_empty()) {
            panic!("these survived for {patience:?}: {:#?}", self.found());
        }
    }
}

impl Default for Tag {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        for one in self.found() {
            signal(one.pid, Signal::KILL);
        }
    }
}

/// Fields of `/proc/PID/stat` after the command, from the state on.
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    text.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Running children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|one| stat(*one).get(1).and_then(|parent| parent.parse().ok()) == Some(pid) && runs(*one)).collect()
}

/// CPU time that a process has used, with that of its children that have ended and were waited for.
pub fn cpu_time(pid: u32) -> Duration {
    let fields = stat(pid);
    // utime, stime, cutime, cstime are fields 14 to 17 of the file, in hundredths of a second on every Linux.
    let ticks: u64 = (11..15).filter_map(|at| fields.get(at)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
