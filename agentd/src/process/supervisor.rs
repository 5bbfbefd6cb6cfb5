//! The supervisor: a small process between the daemon and one command.
//!
//! The daemon starts itself again with [`ARGUMENT`], and that process starts the command. It owns the command's whole
//! tree: being a child subreaper, it inherits whatever double-forks or calls `setsid`, so "no child left" (ECHILD) is
//! an exact answer, without a search and without a race. It ends when nothing of the tree is left:
//!
//! - the command exits: whatever it left behind is killed, and its status is passed on;
//! - SIGTERM from the daemon (time-out, cancel): TERM to the tree, KILL after [`TERM_GRACE`];
//! - the daemon dies, also by SIGKILL: the same, noticed through a pidfd of the parent. `PR_SET_PDEATHSIG` is not used:
//!   it fires when the forking *thread* ends, covers no grandchild, and would need unsafe code.
//!
//! Limits and the new session are set here, before the command starts, so the daemon needs no `pre_exec`.
//! It must run before anything else of the program does: before options, configuration, threads.

use std::{
    ffi::OsString,
    io::Write as _,
    os::{
        fd::{BorrowedFd, RawFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep, sleep_until},
};

use super::tree;

/// First argument of the supervisor's command line; then the daemon's pid, then the command.
pub(super) const ARGUMENT: &str = "__supervise";

/// From SIGTERM to SIGKILL: long enough to remove a lock file, short enough for a waiting user.
pub(super) const TERM_GRACE: Duration = Duration::from_secs(2);

/// How long killed processes may take to go; one in uninterruptible sleep must not hold the daemon for ever.
pub(super) const KILL_GRACE: Duration = Duration::from_secs(3);

/// Between two rounds of killing, when no SIGCHLD comes: a process may have forked between the look and the shot.
const KILL_ROUND: Duration = Duration::from_millis(20);

/// Between two looks at the parent where the kernel has no pidfd (before Linux 5.3).
const PARENT_POLL: Duration = Duration::from_millis(250);

/// Open files of a command: the usual default, whatever the daemon raised its own limit to.
const OPEN_FILES: u64 = 1024;

/// Exit codes of the supervisor itself, as `env` and shells use them.
const EXIT_SUPERVISOR: u8 = 125;
const EXIT_NOT_EXECUTABLE: u8 = 126;
const EXIT_NOT_FOUND: u8 = 127;

/// Runs the supervisor when the command line asks for it; `None` means: this is an ordinary start.
///
/// The program's `main` calls this first and returns the code it is given.
pub fn entry() -> Option<ExitCode> {
    exit_code().map(ExitCode::from)
}

/// The same as a number.
pub(super) fn exit_code() -> Option<u8> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let daemon = arguments.next().and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let argv: Vec<OsString> = arguments.collect();
    Some(match daemon {
        Some(daemon) if !argv.is_empty() => supervise(daemon, &argv),
        _ => complain(EXIT_SUPERVISOR, "the supervisor is started by the daemon only"),
    })
}

/// Sets the process up, then runs the command in a runtime of one thread.
fn supervise(daemon: Pid, argv: &[OsString]) -> u8 {
    if let Err(error) = isolate() {
        return complain(EXIT_SUPERVISOR, &format!("cannot isolate the command: {error}"));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(EXIT_SUPERVISOR, &format!("cannot start the supervisor: {error}")),
    };
    match runtime.block_on(watch(daemon, argv)) {
        Ok(status) => mirror(status),
        Err(Failure::Supervisor(error)) => complain(EXIT_SUPERVISOR, &format!("cannot watch the command: {error}")),
        Err(Failure::Start(error)) => {
            let code = if error.kind() == std::io::ErrorKind::NotFound { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE };
            complain(code, &format!("cannot start the command: {error}"))
        }
    }
}

/// Subreaper, a session without terminal, no core dumps, the usual number of open files.
fn isolate() -> rustix::io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    rustix::process::setsid()?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
    let soft = hard.map_or(OPEN_FILES, |hard| hard.min(OPEN_FILES));
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum: hard })?;
    keep_handles_back();
    Ok(())
}

/// Marks every handle above the standard streams close-on-exec. Rust's own are; one that the daemon inherited from
/// whoever started it need not be.
fn keep_handles_back() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    for raw in open.filter(|raw| *raw > 2).collect::<Vec<_>>() {
        // SAFETY: the process has one thread and owns no handle yet, so nobody closes or reuses `raw` during the call;
        // the one that listed the directory is closed by now, and for a closed number the call does no more than fail.
        #[expect(unsafe_code, reason = "argued above")]
        let handle = unsafe { BorrowedFd::borrow_raw(raw) };
        let _closed = rustix::io::fcntl_setfd(handle, rustix::io::FdFlags::CLOEXEC);
    }
}

enum Failure {
    Supervisor(std::io::Error),
    Start(std::io::Error),
}

/// Starts the command and stays until nothing of it is left.
async fn watch(daemon: Pid, argv: &[OsString]) -> Result<ExitStatus, Failure> {
    // Both handlers before the command starts, so that no signal is missed; exec resets them for the command.
    let mut term = signal(SignalKind::terminate()).map_err(Failure::Supervisor)?;
    let mut family = Family::new().map_err(Failure::Supervisor)?;
    let orphaned = orphaned(daemon);
    tokio::pin!(orphaned);
    family.start(argv).map_err(Failure::Start)?;
    tokio::select! {
        () = family.leader_gone() => {}
        _ = term.recv() => family.stop().await,
        () = &mut orphaned => family.stop().await,
    }
    family.kill_rest().await;
    Ok(family.status.unwrap_or_else(|| ExitStatus::from_raw(Signal::KILL.as_raw())))
}

/// Ends when the daemon is gone. A thread waits on the pidfd: registering it with the runtime would need unsafe code.
async fn orphaned(daemon: Pid) {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        wait_for_end(daemon);
        let _ended = tell.send(());
    });
    let _told = told.await;
}

/// Blocks until our parent is no longer the daemon.
fn wait_for_end(daemon: Pid) {
    let handle = rustix::process::pidfd_open(daemon, PidfdFlags::empty());
    // Looked at after the handle is open: had the daemon died before, its pid might be another's by now.
    while rustix::process::getppid() == Some(daemon) {
        match &handle {
            Ok(handle) => {
                let _ready = rustix::event::poll(&mut [PollFd::new(handle, PollFlags::IN)], None);
            }
            Err(_) => std::thread::sleep(PARENT_POLL),
        }
    }
}

/// The command and everything below it.
struct Family {
    children: tokio::signal::unix::Signal,
    leader: Option<Pid>,
    status: Option<ExitStatus>,
    empty: bool,
}

impl Family {
    fn new() -> std::io::Result<Self> {
        Ok(Self { children: signal(SignalKind::child())?, leader: None, status: None, empty: false })
    }

    /// Starts the command in its own process group, with our standard streams, directory and environment.
    fn start(&mut self, argv: &[OsString]) -> std::io::Result<()> {
        let (program, arguments) = argv.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        #[expect(clippy::disallowed_methods, reason = "this is the process module")]
        let child = std::process::Command::new(program).args(arguments).process_group(0).spawn()?;
        self.leader = Some(Pid::from_child(&child));
        Ok(())
    }

    /// Reaps whatever has ended.
    fn reap(&mut self) {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if Some(pid) == self.leader => {
                    self.status = Some(ExitStatus::from_raw(status.as_raw()));
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return,
                Err(_) => {
                    self.empty = true;
                    return;
                }
            }
        }
    }

    async fn leader_gone(&mut self) {
        self.reap();
        while self.status.is_none() && !self.empty {
            self.children.recv().await;
            self.reap();
        }
    }

    /// TERM to everybody, then the grace.
    async fn stop(&mut self) {
        if let Some(leader) = self.leader {
            let _gone = rustix::process::kill_process_group(leader, Signal::TERM);
        }
        signal_all(Signal::TERM);
        let deadline = Instant::now() + TERM_GRACE;
        while !self.empty {
            self.reap();
            tokio::select! {
                _ = self.children.recv() => {}
                () = sleep_until(deadline) => return,
            }
            self.reap();
        }
    }

    /// KILL to everybody that is left, until nobody is.
    async fn kill_rest(&mut self) {
        let deadline = Instant::now() + KILL_GRACE;
        self.reap();
        while !self.empty && Instant::now() < deadline {
            signal_all(Signal::KILL);
            tokio::select! {
                _ = self.children.recv() => {}
                () = sleep(KILL_ROUND) => {}
            }
            self.reap();
        }
    }
}

/// Signals every process below us. They cannot leave the tree, and only we reap, so a pid in it is not reused.
fn signal_all(signal: Signal) {
    for stat in tree::below(std::process::id()) {
        if let Some(pid) = i32::try_from(stat.pid).ok().and_then(Pid::from_raw) {
            let _gone = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Ends as the command ended, so that the daemon reads one status for both.
fn mirror(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw)
        && signal != Signal::STOP
    {
        let _unsent = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code).unwrap_or(u8::MAX)
}

fn complain(code: u8, text: &str) -> u8 {
    let _closed = writeln!(std::io::stderr().lock(), "agentd: {text}");
    code
}
