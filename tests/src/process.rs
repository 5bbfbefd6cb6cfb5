//! Processes, seen from outside: who belongs to a test's home, who still runs, and how to end exactly those.
//!
//! A process belongs to a home when its environment or its working directory names it, or when it holds a daemon's
//! lock in it: a daemon is not dumpable, so that only root sees its environment. Homes have random names, so nobody
//! else's process can.

use std::{
    fs,
    path::Path,
    process::{Child, ExitStatus},
    time::Duration,
};

use proto::endpoint::LockInfo;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::holds_within;

/// A process that belongs to a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Process id.
    pub pid: u32,
    /// Its command line, for messages.
    pub command: String,
}

/// All running processes that belong to the home at `root`, except this one.
pub fn leftovers(root: &Path) -> Vec<Leftover> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let holders = lock_holders(root);
    pids.filter(|pid| *pid != std::process::id() && (holders.contains(pid) || belongs(*pid, root)))
        .map(|pid| Leftover { pid, command: command_line(pid) })
        .collect()
}

/// Daemons that hold their lock in a state directory of this home, by what the lock file says.
fn lock_holders(root: &Path) -> Vec<u32> {
    let named = fs::read_dir(root).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let places = named.flat_map(|dir| [dir.clone(), dir.join("agentd"), dir.join(".local/state/agentd")]);
    places.map(|dir| dir.join("agentd.lock")).filter_map(|lock| lock_holder(&lock)).collect()
}

fn lock_holder(lock: &Path) -> Option<u32> {
    let held = fs::File::open(lock).ok()?.try_lock_shared().is_err();
    let pid = LockInfo::parse(&fs::read_to_string(lock).ok()?)?.pid;
    (held && runs(pid)).then_some(pid)
}

/// True when the process runs and its environment or working directory names `root`.
pub fn belongs(pid: u32, root: &Path) -> bool {
    let needle = root.to_string_lossy();
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let inside = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(root));
    inside || String::from_utf8_lossy(&environment).contains(needle.as_ref())
}

/// True while the process runs; a zombie does not.
pub fn runs(pid: u32) -> bool {
    // The state follows the command, which stands in brackets and may itself hold brackets and blanks.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

pub(crate) fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned()
}

/// Sends a signal to one process; one that is gone is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Kills the whole group that a child leads.
pub(crate) fn kill_group(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Waits for a child's end; `None` at the deadline.
pub(crate) fn wait_child(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let mut status = None;
    holds_within(deadline, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    status
}

/// Ends everything that belongs to the home: TERM, and after `patience` KILL.
pub(crate) fn end_all(root: &Path, patience: Duration) {
    let first = leftovers(root);
    first.iter().for_each(|one| signal(one.pid, Signal::TERM));
    if !holds_within(patience, || leftovers(root).is_empty()) {
        leftovers(root).iter().for_each(|one| signal(one.pid, Signal::KILL));
        holds_within(patience, || leftovers(root).is_empty());
    }
}
