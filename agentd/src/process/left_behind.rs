//! What an earlier daemon's services left behind, when it and their supervisors were killed in one blow: found by the
//! notes about them, and ended.
//!
//! Whoever kills by number must know whose the number is. A process counts as a service's only
//! - when it carries the service's cookie in its environment: children inherit it, also those that call `setsid`;
//! - when it is in the session that the supervisor opened. A number in use as a session's is given to nobody else, so
//!   one known member makes all of them known: the supervisor itself, a carrier of the cookie, or a process whose
//!   standard streams are the service's. That finds those, too, that cleared or overwrote their environment;
//! - when it descends from one of these.
//!
//! It must be a process of our user, and the shot is aimed at pid and start time through a handle. Never meant: we
//! ourselves, what we started, and services that run under us.
//!
//! Not found: what called `setsid`, cleared its environment and has lost its parent.

use std::{
    collections::HashSet,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::time::{Instant, sleep};

use super::{
    notes::{self, Note},
    supervisor::{KILL_GRACE, TERM_GRACE},
    tree::{self, Stat},
};

/// The variable that holds a service's cookie.
pub(super) const COOKIE: &str = "AGENTD_SERVICE";

/// How long supervisors may take that still live: they have seen the daemon die and give their services the usual grace.
/// A stopped one does nothing more; a second is for a busy machine.
const SUPERVISOR_GRACE: Duration = Duration::from_secs(TERM_GRACE.as_secs() + 1);

/// Between two looks at the process table. A killed process is gone within a few milliseconds.
const PAUSE: Duration = Duration::from_millis(20);

/// Bytes read of an environment. The kernel admits 6 MiB for it and the arguments together.
const ENVIRON_MAX: u64 = 6 << 20;

/// Ends what is left of the services of earlier daemons with this state directory; gives how many processes that were.
/// To be awaited before the first service is started. Takes a few seconds at most.
pub async fn reap_left_behind(state_dir: PathBuf) -> usize {
    let notes = blocking(move || left(&state_dir)).await;
    if notes.is_empty() {
        return 0;
    }
    let notes = wait_for_supervisors(notes).await;
    let (notes, killed) = kill_all(notes).await;
    if killed > 0 {
        tracing::warn!(services = notes.len(), processes = killed, "ended what an earlier agentd left behind");
    }
    killed
}

/// All notes but those about services that run under us.
fn left(state_dir: &Path) -> Vec<Note> {
    let us = std::process::id();
    let mut notes = notes::left(state_dir);
    notes.retain(|note| supervisor(note).is_none_or(|stat| stat.parent != us || stat.zombie));
    notes
}

/// The noted supervisor, if it is still in the process table.
fn supervisor(note: &Note) -> Option<Stat> {
    tree::stat(note.mark.pid).filter(|stat| stat.start == note.mark.start)
}

async fn wait_for_supervisors(notes: Vec<Note>) -> Vec<Note> {
    let deadline = Instant::now() + SUPERVISOR_GRACE;
    let mut notes = notes;
    loop {
        let lives;
        (notes, lives) = blocking(move || {
            let lives = notes.iter().filter_map(supervisor).any(|stat| !stat.zombie);
            (notes, lives)
        })
        .await;
        if !lives || Instant::now() >= deadline || notes.is_empty() {
            return notes;
        }
        sleep(PAUSE).await;
    }
}

/// Kills until nothing is found: a process may fork between the look and the shot. Then removes the notes.
async fn kill_all(notes: Vec<Note>) -> (Vec<Note>, usize) {
    let deadline = Instant::now() + KILL_GRACE;
    let (mut notes, mut killed) = (notes, HashSet::new());
    loop {
        let found;
        (notes, found) = blocking(move || {
            let found = find(&notes);
            found.iter().for_each(kill);
            if found.is_empty() {
                notes.iter().for_each(Note::remove);
            }
            (notes, found)
        })
        .await;
        if found.is_empty() {
            return (notes, killed.len());
        }
        killed.extend(found.iter().map(|stat| (stat.pid, stat.start)));
        if Instant::now() >= deadline {
            tracing::warn!(processes = found.len(), "what an earlier agentd left behind does not end when killed");
            return (notes, killed.len());
        }
        sleep(PAUSE).await;
    }
}

/// Runs what reads `/proc` and files off the threads that serve requests.
async fn blocking<T: Send + Default + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

/// A process of our user, with what tells whose it is.
#[derive(Debug, Clone)]
struct Seen {
    stat: Stat,
    cookie: Option<String>,
    /// Numbers of the pipes among its standard streams.
    pipes: Vec<u64>,
}

/// Everything that is left of the noted services.
fn find(notes: &[Note]) -> Vec<Stat> {
    let user = rustix::process::getuid().as_raw();
    let sessions: HashSet<u32> = notes.iter().map(|note| note.mark.pid).collect();
    let table = tree::all().into_iter().filter(|stat| tree::user(stat.pid) == Some(user));
    let table: Vec<Seen> = table
        .map(|stat| Seen {
            stat,
            cookie: cookie(stat.pid),
            pipes: if sessions.contains(&stat.session) { pipes(stat.pid) } else { Vec::new() },
        })
        .collect();
    belonging(notes, &table, std::process::id())
}

/// Those of the table that belong to the noted services.
fn belonging(notes: &[Note], table: &[Seen], us: u32) -> Vec<Stat> {
    let below = |root: u32| tree::below_in(table.iter().map(|seen| seen.stat), root);
    let known: Vec<u32> = notes.iter().flat_map(|note| members(note, table)).collect();
    let below_known = known.iter().flat_map(|pid| below(*pid)).map(|stat| stat.pid);
    let wanted: HashSet<u32> = known.iter().copied().chain(below_known).collect();
    let ours: HashSet<u32> = below(us).into_iter().map(|stat| stat.pid).chain([us]).collect();
    let stats = table.iter().map(|seen| seen.stat);
    stats.filter(|stat| !stat.zombie && wanted.contains(&stat.pid) && !ours.contains(&stat.pid)).collect()
}

/// Those that carry the cookie or are in the session, if it is still the noted one.
fn members(note: &Note, table: &[Seen]) -> Vec<u32> {
    let mark = &note.mark;
    let carries = |seen: &Seen| seen.cookie.as_ref() == Some(&mark.cookie);
    let holds = |seen: &Seen| seen.pipes.iter().any(|pipe| mark.pipes.contains(pipe));
    let within = |seen: &Seen| seen.stat.session == mark.pid;
    let leader = table.iter().find(|seen| seen.stat.pid == mark.pid).map(|seen| seen.stat.start == mark.start);
    let is_the_session =
        leader.unwrap_or_else(|| table.iter().filter(|seen| within(seen)).any(|seen| carries(seen) || holds(seen)));
    table.iter().filter(|seen| carries(seen) || is_the_session && within(seen)).map(|seen| seen.stat.pid).collect()
}

/// The cookie in a process's environment.
fn cookie(pid: u32) -> Option<String> {
    let file = std::fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    file.take(ENVIRON_MAX).read_to_end(&mut bytes).ok()?;
    let own = |entry: &[u8]| entry.strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    String::from_utf8(bytes.split(|byte| *byte == 0).find_map(own)?).ok()
}

/// The kernel's numbers of the pipes among a process's standard streams.
pub(super) fn pipes(pid: u32) -> Vec<u64> {
    (0..3).filter_map(|number| pipe(&format!("/proc/{pid}/fd/{number}"))).collect()
}

fn pipe(link: &str) -> Option<u64> {
    let target = std::fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok()
}

/// Kills this very process: its pid may be another's by now.
fn kill(target: &Stat) {
    let Some(pid) = i32::try_from(target.pid).ok().and_then(Pid::from_raw) else { return };
    let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty());
    if tree::stat(target.pid).is_none_or(|now| now.start != target.start) {
        return;
    }
    let _gone = match handle {
        Ok(handle) => rustix::process::pidfd_send_signal(handle, Signal::KILL),
        // Before Linux 5.3: a window of a microsecond is left.
        Err(rustix::io::Errno::NOSYS) => rustix::process::kill_process(pid, Signal::KILL),
        Err(error) => Err(error),
    };
}

#[cfg(test)]
mod tests;
