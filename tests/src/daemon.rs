//! The daemon in the foreground, beside a test.

use std::{ffi::OsStr, time::Duration};

use rustix::process::Signal;

use crate::{
    home::Home,
    rpc::RpcClient,
    run::{Invocation, Output, Running},
    wait::holds_within,
};

/// How long a daemon may take until it answers: it needs milliseconds, a loaded machine more.
const READY_DEADLINE: Duration = Duration::from_secs(10);
/// How long it may live: longer than any test.
const LIFETIME: Duration = Duration::from_secs(600);

/// A daemon about to be started.
#[derive(Debug)]
pub struct DaemonBuilder<'a> {
    home: &'a Home,
    invocation: Invocation,
}

impl<'a> DaemonBuilder<'a> {
    pub(crate) fn new(home: &'a Home, invocation: Invocation) -> Self {
        Self { home, invocation: invocation.timeout(LIFETIME) }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.invocation = self.invocation.arg(argument);
        self
    }

    /// One variable for this daemon only.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.invocation = self.invocation.env(name, value);
        self
    }

    /// Starts it and waits until it answers `status`. Panics with its stderr when it does not.
    #[track_caller]
    pub fn start(self) -> DaemonGuard {
        let home = self.home;
        match self.try_start() {
            Ok(guard) => guard,
            Err(output) => panic!(
                "the daemon of {} did not get ready: code {:?}, signal {:?}\n{}{}",
                home.root().display(),
                output.code,
                output.signal,
                output.stdout,
                output.stderr
            ),
        }
    }

    /// Starts it and waits until it answers `status`.
    ///
    /// # Errors
    /// How it ended, when it ended first or had to be killed at the deadline.
    pub fn try_start(self) -> Result<DaemonGuard, Output> {
        let home = self.home;
        let mut running = self.invocation.start();
        let pid = running.pid();
        let answers = || {
            // Another daemon may still hold the lock, and the lock file may still name a dead one: only ours counts.
            RpcClient::try_connect(&home.socket()).is_ok_and(|mut rpc| rpc.try_status_pid() == Some(pid))
        };
        let mut ready = false;
        holds_within(READY_DEADLINE, || {
            ready = answers();
            ready || !running.is_running()
        });
        if ready {
            return Ok(DaemonGuard { running });
        }
        running.signal(Signal::KILL);
        Err(running.finish_within(READY_DEADLINE))
    }
}

/// A running daemon; dropping it kills its process group.
#[derive(Debug)]
pub struct DaemonGuard {
    running: Running,
}

impl DaemonGuard {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Standard error so far.
    pub fn stderr(&mut self) -> String {
        self.running.stderr_so_far()
    }

    /// True until the process has ended.
    pub fn is_running(&mut self) -> bool {
        self.running.is_running()
    }

    /// Sends a signal.
    pub fn signal(&self, which: Signal) {
        self.running.signal(which);
    }

    /// Sends TERM and waits for the end. Panics when it takes longer than `deadline`.
    #[track_caller]
    pub fn terminate(self, deadline: Duration) -> Output {
        self.signal(Signal::TERM);
        self.wait(deadline)
    }

    /// Kills it without a chance to tidy up, and waits for the end.
    #[track_caller]
    pub fn kill(self) -> Output {
        self.signal(Signal::KILL);
        self.wait(READY_DEADLINE)
    }

    /// Waits for its end. Panics at the deadline.
    #[track_caller]
    pub fn wait(self, deadline: Duration) -> Output {
        self.running.finish_within(deadline)
    }
}
