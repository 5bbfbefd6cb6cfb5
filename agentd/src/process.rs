//! Child processes: the only module of agentd that starts them.
//!
//! Each command and each service runs under a [`supervisor`] of its own: a second, small process of this program that is
//! the subreaper of the child's tree and outlives the child only to clear up after it. So the questions that are hard in
//! a daemon with several children at a time have exact answers: whose child is an orphan (its supervisor's), is the tree
//! gone (ECHILD), what if the daemon dies (each supervisor sees it and ends its tree).
//!
//! - [`command`]: runs to its end, output kept; [`service`]: stays, output is the caller's.
//! - [`running`]: a supervisor at work, for both; [`register`]: all of them.
//! - [`strays`]: what fell to us because its supervisor was killed.
//! - [`notes`] about services, and what is [`left_behind`] of them when daemon and supervisors are killed in one blow.
//! - [`environment`]: what a child sees of ours. [`tree`]: the process table.
//!
//! Invariants:
//! - A child sees a cleared environment, never our keys; its own process group and session, no terminal; no core dumps;
//!   no file of ours but its three standard streams.
//! - A command's output is redacted as it comes, before anything of it is cut. What is kept is bounded, waiting is
//!   bounded: time-out or cancel is TERM, then KILL, then at most a few seconds.
//! - When [`run`] returns, nothing of the command runs. When its future or a service's handle is dropped, or the daemon
//!   is killed (SIGKILL too), nothing of the child runs a few seconds later.
//! - Our direct children are the supervisors and nothing else. A direct child that is no registered supervisor was
//!   orphaned to us because somebody killed its supervisor: a stray, which [`kill_strays`] ends.
//! - When the daemon and the supervisors are killed in one blow, the next daemon ends what is left of the services.
//!
//! Not covered: a command that kills its supervisor and the daemon in the same moment (same uid, no sandbox yet).

mod command;
mod environment;
mod intake;
mod left_behind;
mod notes;
mod output;
mod register;
mod running;
pub mod service;
mod strays;
mod supervisor;
mod tree;

pub use command::{Command, Ending, Finished, run};
pub use environment::find_program;
pub use left_behind::reap_left_behind;
pub use notes::keep_notes;
pub use output::Output;
pub use register::has_started_any;
pub use running::set_supervisor_program;
pub use strays::{become_subreaper, kill_strays, reap};
pub use supervisor::entry;
pub use tree::descends_from_us;

use rustix::process::{Pid, Signal};
use tokio::time::{sleep, timeout};

use register::Register;
use running::STOP_GRACE;
use strays::{STRAY_PAUSE, kill};

/// Why a child was not run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No argv, or an empty program name.
    #[error("the command is empty")]
    Empty,
    /// An argument holds a NUL byte.
    #[error("an argument holds a NUL byte")]
    Nul,
    /// The search path has no such program.
    #[error("command not found: {0}")]
    NotFound(String),
    /// The kernel refused.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program's name.
        program: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The wait for the child failed.
    #[error("cannot wait for {program}: {source}")]
    Wait {
        /// The program's name.
        program: String,
        /// The cause.
        source: std::io::Error,
    },
}

/// Ends every running command and every stray, for the daemon's stop: TERM to all supervisors at once, at most
/// [`STOP_GRACE`] for them, then KILL.
pub async fn stop_all() {
    let running = || Register::lock().map().keys().copied().collect::<Vec<u32>>();
    for pid in running().into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        let _gone = rustix::process::kill_process(pid, Signal::TERM);
    }
    let gone = async {
        while !running().into_iter().all(|pid| tree::stat(pid).is_none_or(|stat| stat.zombie)) {
            sleep(STRAY_PAUSE).await;
        }
    };
    if timeout(STOP_GRACE, gone).await.is_err() {
        for pid in running() {
            tree::below(pid).iter().chain(tree::stat(pid).iter()).for_each(kill);
        }
    }
    kill_strays().await;
    // Nobody waits for the handles of services any more: their notes go here.
    if let Some(state_dir) = notes::state_dir() {
        reap_left_behind(state_dir.to_owned()).await;
    }
}

#[cfg(test)]
mod tests;
