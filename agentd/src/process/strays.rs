//! Strays: processes that fell to us because somebody killed their supervisor.

use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::time::sleep;

use super::{register::Register, tree};

/// Rounds of killing strays: each kill may orphan further processes to us.
const STRAY_ROUNDS: usize = 50;

/// Between two such rounds.
pub(super) const STRAY_PAUSE: Duration = Duration::from_millis(10);

/// Makes us the parent of processes whose supervisor was killed, so that they can be found. Once, at start.
pub fn become_subreaper() -> std::io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Direct children of ours that are no registered supervisor and stand in another session. Whatever comes from below a
/// supervisor does: it opens a session of its own, and nobody can join ours from there.
fn strays() -> Vec<tree::Stat> {
    let us = std::process::id();
    let Some(session) = tree::stat(us).map(|stat| stat.session) else { return Vec::new() };
    let mut register = Register::lock();
    let known = register.map();
    let is_stray = |stat: &tree::Stat| stat.parent == us && stat.session != session && !known.contains_key(&stat.pid);
    tree::all().into_iter().filter(is_stray).collect()
}

pub(super) fn kill(stat: &tree::Stat) {
    if let Some(pid) = i32::try_from(stat.pid).ok().and_then(Pid::from_raw) {
        let _gone = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Kills and reaps every stray and everything below it; gives how many strays there were. Trees of running commands are
/// never touched: they hang below their supervisors.
pub async fn kill_strays() -> usize {
    let mut killed = 0;
    for _ in 0..STRAY_ROUNDS {
        let found = tokio::task::spawn_blocking(kill_and_reap_strays).await.unwrap_or_default();
        if found == 0 {
            break;
        }
        killed += found;
        sleep(STRAY_PAUSE).await;
    }
    killed
}

/// Reaps strays that have ended, without killing any; gives how many. Never waits, and never reaps a supervisor.
pub async fn reap() -> usize {
    let count = || strays().iter().filter(|stat| stat.zombie && reap_one(stat)).count();
    tokio::task::spawn_blocking(count).await.unwrap_or_default()
}

fn kill_and_reap_strays() -> usize {
    let strays = strays();
    for stray in &strays {
        tree::below(stray.pid).iter().for_each(kill);
        kill(stray);
    }
    for stray in &strays {
        reap_one(stray);
    }
    strays.iter().filter(|stray| !stray.zombie).count()
}

fn reap_one(stray: &tree::Stat) -> bool {
    let pid = i32::try_from(stray.pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| matches!(rustix::process::waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_))))
}
