//! The process table as `/proc` shows it: who descends from whom.
//!
//! A pid alone names nothing for long; pid and start time together do. A parent always starts before its child, so a
//! "parent" that started later is a reused pid.

use std::collections::HashMap;

/// Steps of a parent chain that are followed. Real chains are a dozen deep; the bound keeps a hostile one finite.
const MAX_DEPTH: usize = 256;

/// Attempts to read a chain that changes while it is read (a parent exits and its child is re-parented).
const CHAIN_ATTEMPTS: usize = 4;

/// One line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) session: u32,
    pub(super) zombie: bool,
    /// Clock ticks since boot.
    pub(super) start: u64,
}

/// Reads one process; `None` when it is gone.
pub(super) fn stat(pid: u32) -> Option<Stat> {
    parse(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 3, 4, 6 and 22 of `/proc/PID/stat`. The name in field 2 may hold spaces and brackets: the last `)` ends it.
fn parse(pid: u32, line: &str) -> Option<Stat> {
    let rest = line.get(line.rfind(')')? + 1..)?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let start = fields.nth(15)?.parse().ok()?;
    Some(Stat { pid, parent, session, zombie: matches!(state, "Z" | "X"), start })
}

/// The whole table.
pub(super) fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(stat).collect()
}

/// Every process below `root`, parents before children; `root` itself is not among them.
pub(super) fn below(root: u32) -> Vec<Stat> {
    below_in(all(), root)
}

/// The same in a table that was read before.
pub(super) fn below_in(table: impl IntoIterator<Item = Stat>, root: u32) -> Vec<Stat> {
    let mut by_parent: HashMap<u32, Vec<Stat>> = HashMap::new();
    for stat in table {
        by_parent.entry(stat.parent).or_default().push(stat);
    }
    let mut found = by_parent.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(stat) = found.get(next) {
        let children = by_parent.remove(&stat.pid).unwrap_or_default();
        found.extend(children);
        next += 1;
    }
    found
}

/// The real user of a process. Not the owner of its directory: that is root's for one that is not dumpable.
pub(super) fn user(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The first child that `parent` started, if it still runs. Others may have become its children since.
pub(super) fn first_child(parent: u32) -> Option<u32> {
    let children = all().into_iter().filter(|stat| stat.parent == parent);
    let first = children.min_by_key(|stat| (stat.start, stat.pid))?;
    (!first.zombie).then_some(first.pid)
}

/// True when `pid` is a process that we started, or one below such a process; false for our own pid.
///
/// Used to refuse socket peers, so doubt counts as descent: a process that is gone, or a chain that cannot be read to
/// its end, gives true. Pid 0 (a peer outside our pid namespace) cannot be below us: false.
pub fn descends_from_us(pid: u32) -> bool {
    let us = std::process::id();
    if pid == us || pid == 0 {
        return false;
    }
    (0..CHAIN_ATTEMPTS).find_map(|_| chain_holds(pid, us)).unwrap_or(true)
}

/// One walk up from `pid`; `None` when the chain broke under our hands.
fn chain_holds(pid: u32, ancestor: u32) -> Option<bool> {
    let mut at = stat(pid)?;
    for _ in 0..MAX_DEPTH {
        if at.parent == ancestor {
            return Some(true);
        }
        if at.parent <= 1 || at.pid == 1 {
            return Some(false);
        }
        let Some(parent) = stat(at.parent) else {
            // Its child still names it, so it is there and only hidden from us (`hidepid`): another user's, not ours.
            return (stat(at.pid)?.parent == at.parent).then_some(false);
        };
        if parent.start > at.start {
            return None;
        }
        at = parent;
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let line = "7 (a) b) (c) S 3 7 8 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        assert_eq!(parse(7, line), Some(Stat { pid: 7, parent: 3, session: 8, zombie: false, start: 4242 }));
    }

    #[test]
    fn a_short_line_is_no_process() {
        assert_eq!(parse(7, "7 (a) S 3"), None);
        assert_eq!(parse(7, ""), None);
    }

    #[test]
    fn our_own_pid_and_our_parent_do_not_descend_from_us() {
        assert!(!descends_from_us(std::process::id()));
        assert!(!descends_from_us(std::os::unix::process::parent_id()));
        assert!(!descends_from_us(0));
        assert!(!descends_from_us(1));
    }

    #[test]
    fn a_process_that_is_gone_counts_as_ours() {
        // Above the kernel's largest pid (2^22).
        assert!(descends_from_us(5_000_000));
    }
}
