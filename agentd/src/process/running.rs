//! A supervisor at work: how it is started, and ended in any case.

use std::{
    ffi::OsString,
    fs::File,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{OnceLock, atomic::Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal};
use tokio::{process::Child, time::timeout};

use super::{
    ProcessError, environment,
    register::{Register, STARTED},
    strays::kill,
    supervisor, tree,
};

/// Wait for the supervisor after TERM: both its graces and a second of its own. Only a stopped or killed one needs more.
pub(super) const STOP_GRACE: Duration =
    Duration::from_secs(supervisor::TERM_GRACE.as_secs() + supervisor::KILL_GRACE.as_secs() + 1);

/// Sets the program that runs the supervisor, for a process that links this library but whose `main` does not call
/// [`super::entry`]. The first call counts; without one it is this process's own program.
pub fn set_supervisor_program(program: PathBuf) {
    let _first = SUPERVISOR_PROGRAM.set(program);
}

static SUPERVISOR_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// What a supervisor is to start.
pub(super) struct Launch<'a> {
    /// Program and arguments, checked.
    pub(super) argv: &'a [OsString],
    pub(super) directory: &'a File,
    /// Variables beside those that every child gets.
    pub(super) env: &'a [(OsString, OsString)],
    pub(super) stdin: Stdio,
}

/// A supervisor at work. Dropped early, it is told to stop, and does so on its own.
pub(super) struct Running {
    pub(super) child: Child,
    pid: Option<Pid>,
    ended: bool,
}

impl Running {
    pub(super) fn start(launch: Launch<'_>, name: &str) -> Result<Self, ProcessError> {
        let mut register = Register::lock();
        STARTED.store(true, Ordering::SeqCst);
        let child =
            supervised(launch).spawn().map_err(|source| ProcessError::Start { program: name.to_owned(), source })?;
        let stat = child.id().and_then(tree::stat);
        register.map().extend(stat.map(|stat| (stat.pid, stat.start)));
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        Ok(Self { child, pid, ended: false })
    }

    /// Waits for the supervisor's end. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.ended |= status.is_ok();
        status
    }

    /// TERM to the supervisor, which ends its tree and itself; should it not, everything is killed from here.
    pub(super) async fn stop(&mut self) -> std::io::Result<ExitStatus> {
        self.tell();
        if let Ok(status) = timeout(STOP_GRACE, self.wait()).await {
            return status;
        }
        let below = self.child.id().map(tree::below).unwrap_or_default();
        self.signal(Signal::KILL);
        below.iter().for_each(kill);
        match timeout(STOP_GRACE, self.wait()).await {
            Ok(status) => status,
            Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not end, not even when killed")),
        }
    }

    /// TERM to the supervisor; CONT, too, for a stopped one would not hear it.
    pub(super) fn tell(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Our child is not reaped before `wait` has returned, so the pid is its own.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid
            && !self.ended
        {
            let _gone = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell();
    }
}

/// The supervisor's command line, environment and streams.
fn supervised(launch: Launch<'_>) -> tokio::process::Command {
    let program = SUPERVISOR_PROGRAM.get().map_or(Path::new("/proc/self/exe"), PathBuf::as_path);
    #[expect(clippy::disallowed_methods, reason = "this is the process module")]
    let mut child = tokio::process::Command::new(program);
    child.arg0("agentd").arg(supervisor::ARGUMENT).arg(std::process::id().to_string()).args(launch.argv);
    // Resolved by the child before it executes anything, while it still has our handles.
    child.current_dir(format!("/proc/self/fd/{}", launch.directory.as_raw_fd()));
    child.env_clear().envs(environment::of_child(launch.env));
    child.stdin(launch.stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    child
}
