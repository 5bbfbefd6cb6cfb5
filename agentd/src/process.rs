//! Child processes: the only module of agentd that starts them.
//!
//! Each command runs under a [`supervisor`] of its own: a second, small process of this program that is the subreaper of
//! the command's tree and outlives the command only to clear up after it. So the questions that are hard in a daemon
//! with several commands at a time have exact answers: whose child is an orphan (its supervisor's), is the tree gone
//! (ECHILD), what if the daemon dies (each supervisor sees it and ends its tree).
//!
//! Invariants:
//! - A command sees a cleared environment ([`PASSED`], [`FIXED`]), never our keys; its own process group and session, no
//!   terminal; no core dumps; no file of ours but its three standard streams.
//! - Output is redacted as it comes, before anything of it is cut. What is kept is bounded, waiting is bounded: time-out or cancel is TERM, then KILL, then at most a few seconds.
//! - When [`run`] returns, nothing of the command runs. When its future is dropped, or the daemon is killed (SIGKILL
//!   too), nothing of it runs a few seconds later.
//! - Our direct children are the supervisors and nothing else. A direct child that is no registered supervisor was
//!   orphaned to us because somebody killed its supervisor: a stray, which [`kill_strays`] ends.
//!
//! Not covered: a child that kills its supervisor and the daemon in the same moment (same uid, no sandbox yet).

mod intake;
mod output;
pub mod service;
mod supervisor;
mod tree;

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::File,
    os::{fd::AsRawFd as _, unix::process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Child,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use intake::Intake;
pub use output::Output;
pub use supervisor::entry;
pub use tree::descends_from_us;

use crate::{redact::ModelView, sync::lock};

/// Variables that a command inherits. Everything else, above all keys and tokens, stays with the daemon.
const PASSED: [&str; 9] = ["HOME", "LOGNAME", "SHELL", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"];

/// Variables that every command gets: nothing asks, pages or paints, and reading a repository takes no lock in it and
/// does not start the monitor program that its configuration may name.
const FIXED: [(&str, &str); 9] = [
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
    ("GIT_CONFIG_VALUE_0", "false"),
];

/// Search path when ours is unset or holds no absolute directory.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Wait for the supervisor after TERM: both its graces and a second of its own. Only a stopped or killed one needs more.
const STOP_GRACE: Duration =
    Duration::from_secs(supervisor::TERM_GRACE.as_secs() + supervisor::KILL_GRACE.as_secs() + 1);

/// Wait for the end of the output after the supervisor's end. It holds the pipes to the last, so this is for the bytes
/// still in them; a stray that keeps a pipe open costs this much and no more.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Rounds of killing strays: each kill may orphan further processes to us.
const STRAY_ROUNDS: usize = 50;

/// Between two such rounds.
const STRAY_PAUSE: Duration = Duration::from_millis(10);

/// Bytes read from a pipe at once.
const READ_SIZE: usize = 16 * 1024;

/// A command to run.
#[derive(Debug)]
pub struct Command {
    /// Program and arguments; the program is looked up in the search path.
    pub argv: Vec<OsString>,
    /// Working directory, as an open handle: a path could be swapped between check and use.
    pub directory: File,
    /// Standard input; `None` is the null device.
    pub stdin: Option<Vec<u8>>,
    /// Ended after this long.
    pub timeout: Duration,
    /// Bytes kept of each of stdout and stderr, head and tail.
    pub output_cap: usize,
    /// Ends the command early.
    pub cancel: CancellationToken,
    /// How the output is shown to the model.
    pub view: ModelView,
}

/// How a command came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, or by somebody else's signal.
    Exited,
    /// We ended it: too long.
    TimedOut,
    /// We ended it: cancelled.
    Cancelled,
}

/// A command that has ended, with everything that it started.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub ending: Ending,
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// Why a command was not run.
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

/// Makes us the parent of processes whose supervisor was killed, so that they can be found. Once, at start.
pub fn become_subreaper() -> std::io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Set before the first child of this process exists.
static STARTED: AtomicBool = AtomicBool::new(false);

/// False while this process has never started anything: then nobody can descend from it.
pub fn has_started_any() -> bool {
    STARTED.load(Ordering::SeqCst)
}

/// Runs a command to its end.
pub async fn run(command: Command) -> Result<Finished, ProcessError> {
    let started = Instant::now();
    let name = check(&command.argv)?;
    let mut running = Running::start(&command, &name)?;
    let stdout = Reader::start(running.child.stdout.take(), &command);
    let stderr = Reader::start(running.child.stderr.take(), &command);
    let feeder = running.child.stdin.take().zip(command.stdin).map(|(mut pipe, bytes)| {
        // A command that does not read all of its input is no fault: EPIPE ends the feeder.
        tokio::spawn(async move { drop(pipe.write_all(&bytes).await) })
    });
    let (ending, status) = tokio::select! {
        biased;
        status = running.child.wait() => (Ending::Exited, status),
        () = command.cancel.cancelled() => (Ending::Cancelled, running.stop().await),
        () = sleep(command.timeout) => (Ending::TimedOut, running.stop().await),
    };
    let status = status.map_err(|source| ProcessError::Wait { program: name, source })?;
    running.ended = true;
    if status.signal().is_some() {
        // The supervisor itself was killed, or mirrors a kill: only then can anything have been orphaned to us.
        kill_strays().await;
    }
    if let Some(feeder) = feeder {
        feeder.abort();
    }
    let (stdout, stderr) = tokio::join!(stdout.finish(), stderr.finish());
    Ok(Finished { ending, code: status.code(), signal: status.signal(), stdout, stderr, elapsed: started.elapsed() })
}

/// Refuses what cannot be started; gives the program's name for messages.
fn check(argv: &[OsString]) -> Result<String, ProcessError> {
    let program = argv.first().filter(|program| !program.is_empty()).ok_or(ProcessError::Empty)?;
    if argv.iter().any(|argument| argument.as_encoded_bytes().contains(&0)) {
        return Err(ProcessError::Nul);
    }
    let name = program.to_string_lossy().into_owned();
    if !name.contains('/') && find_program(program).is_none() {
        return Err(ProcessError::NotFound(name));
    }
    Ok(name)
}

/// The search path of commands: ours, without its relative directories (a project must not shadow `ls`).
fn search_path() -> OsString {
    let ours = std::env::var_os("PATH").unwrap_or_default();
    let kept: Vec<PathBuf> = std::env::split_paths(&ours).filter(|directory| directory.is_absolute()).collect();
    match std::env::join_paths(&kept) {
        Ok(path) if !kept.is_empty() => path,
        _ => DEFAULT_PATH.into(),
    }
}

/// The file that a bare program name stands for in the search path of commands.
pub fn find_program(name: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    if name.is_empty() || Path::new(name).components().count() != 1 {
        return None;
    }
    std::env::split_paths(&search_path()).map(|directory| directory.join(name)).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

/// Sets the program that runs the supervisor, for a process that links this library but whose `main` does not call
/// [`entry`]. The first call counts; without one it is this process's own program.
pub fn set_supervisor_program(program: PathBuf) {
    let _first = SUPERVISOR_PROGRAM.set(program);
}

static SUPERVISOR_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Start times of registered supervisors by pid.
static REGISTERED: Mutex<Option<HashMap<u32, u64>>> = Mutex::new(None);

/// The register, without entries whose process is gone. Held over each start, so that no sweep sees a child between its
/// start and its registration.
struct Register(MutexGuard<'static, Option<HashMap<u32, u64>>>);

impl Register {
    fn lock() -> Self {
        let mut guard = lock(&REGISTERED);
        guard.get_or_insert_default().retain(|pid, start| tree::stat(*pid).is_some_and(|stat| stat.start == *start));
        Self(guard)
    }

    fn map(&mut self) -> &mut HashMap<u32, u64> {
        self.0.get_or_insert_default()
    }
}

/// A supervisor at work. Dropped early, it is told to stop, and does so on its own.
struct Running {
    child: Child,
    pid: Option<Pid>,
    ended: bool,
}

impl Running {
    fn start(command: &Command, name: &str) -> Result<Self, ProcessError> {
        let mut register = Register::lock();
        STARTED.store(true, Ordering::SeqCst);
        let child =
            supervised(command).spawn().map_err(|source| ProcessError::Start { program: name.to_owned(), source })?;
        let stat = child.id().and_then(tree::stat);
        register.map().extend(stat.map(|stat| (stat.pid, stat.start)));
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        Ok(Self { child, pid, ended: false })
    }

    /// TERM to the supervisor, which ends its tree and itself; should it not, everything is killed from here.
    async fn stop(&mut self) -> std::io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(status) = timeout(STOP_GRACE, self.child.wait()).await {
            return status;
        }
        let below = self.child.id().map(tree::below).unwrap_or_default();
        self.signal(Signal::KILL);
        below.iter().for_each(kill);
        match timeout(STOP_GRACE, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not end, not even when killed")),
        }
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
        self.signal(Signal::TERM);
    }
}

/// The supervisor's command line, environment and streams.
fn supervised(command: &Command) -> tokio::process::Command {
    let program = SUPERVISOR_PROGRAM.get().map_or(Path::new("/proc/self/exe"), PathBuf::as_path);
    #[expect(clippy::disallowed_methods, reason = "this is the process module")]
    let mut child = tokio::process::Command::new(program);
    child.arg0("agentd").arg(supervisor::ARGUMENT).arg(std::process::id().to_string()).args(&command.argv);
    // Resolved by the child before it executes anything, while it still has our handles.
    child.current_dir(format!("/proc/self/fd/{}", command.directory.as_raw_fd()));
    child.env_clear().env("PATH", search_path()).envs(FIXED);
    child.envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let input = if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
    child.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    child
}

/// A task that empties a pipe, and what it kept.
struct Reader {
    kept: Arc<Mutex<Intake>>,
    task: tokio::task::JoinHandle<()>,
}

impl Reader {
    fn start(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, command: &Command) -> Self {
        let kept = Arc::new(Mutex::new(Intake::new(command.output_cap, &command.view)));
        let keeps = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            let Some(mut pipe) = pipe else { return };
            let mut buffer = vec![0; READ_SIZE];
            while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
                let bytes = buffer.get(..length).unwrap_or_default();
                lock(&keeps).push(bytes);
            }
        });
        Self { kept, task }
    }

    async fn finish(mut self) -> Output {
        let _late = timeout(DRAIN_GRACE, &mut self.task).await;
        self.task.abort();
        lock(&self.kept).finish()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
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

fn kill(stat: &tree::Stat) {
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
}

#[cfg(test)]
mod tests;
