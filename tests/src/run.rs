//! Running a program to its end, or beside the test, always with a deadline.
//!
//! Each program leads a process group of its own, which is killed when it overruns. A program whose standard output
//! is still held open by a child after its end overruns too: that is what would hang a caller's `$(…)`.

use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::process::{kill_group, signal, wait_child};

/// Hard deadline of a program that is given none: far above what any takes, far below what a suite may hang.
const DEADLINE: Duration = Duration::from_secs(30);
/// Most bytes kept of one output stream: a program that prints for ever must not fill the memory.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

/// A program about to be run.
#[derive(Debug)]
pub struct Invocation {
    command: Command,
    stdin: Option<Vec<u8>>,
    stdin_handle: Option<OwnedFd>,
    deadline: Duration,
}

/// How a program ended.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From the start to the end of process and output.
    pub elapsed: Duration,
}

impl Output {
    /// The same output. Panics when the exit code is another one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        if self.code == Some(code) {
            return self;
        }
        panic!("exit code {:?} (signal {:?}) instead of {code}\n{}", self.code, self.signal, self.report());
    }

    /// The same output. Panics unless the exit code is 0.
    #[track_caller]
    pub fn expect_ok(self) -> Self {
        self.expect_code(0)
    }

    /// Standard output as JSON. Panics when it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(e) => panic!("stdout is not JSON: {e}\n{}", self.report()),
        }
    }

    fn report(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}\n--- after {:?}", self.stdout, self.stderr, self.elapsed)
    }
}

impl Invocation {
    /// A program with this environment and nothing else in it.
    pub(crate) fn new(program: &Path, cwd: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the harness starts the programs under test")]
        let mut command = Command::new(program);
        command.env_clear().envs(environment).current_dir(cwd).process_group(0);
        Self { command, stdin: None, stdin_handle: None, deadline: DEADLINE }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Text on standard input, then its end. Without it, standard input is `/dev/null`.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// This handle as standard input, for example a listening socket. It wins over text.
    #[must_use]
    pub fn stdin_from(mut self, handle: impl Into<OwnedFd>) -> Self {
        self.stdin_handle = Some(handle.into());
        self
    }

    /// Working directory.
    #[must_use]
    pub fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// One variable for this program only.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without this variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Hard deadline.
    #[must_use]
    pub fn timeout(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs to the end of process and output. Panics at the deadline, after killing the group.
    #[track_caller]
    pub fn run(self) -> Output {
        self.start().finish()
    }

    /// Starts it and returns while it runs. Panics when it cannot be started.
    #[track_caller]
    pub fn start(mut self) -> Running {
        let program = PathBuf::from(self.command.get_program());
        let input = match self.stdin_handle.take() {
            Some(handle) => handle.into(),
            None if self.stdin.is_some() => Stdio::piped(),
            None => Stdio::null(),
        };
        let spawned = self.command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(e) => panic!("cannot start {}: {e}", program.display()),
        };
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let writer = match (child.stdin.take(), self.stdin) {
            (Some(pipe), Some(text)) => Some(feed(pipe, text)),
            _ => None,
        };
        let (started, deadline) = (Instant::now(), self.deadline);
        Running { child, stdout, stderr, writer, started, deadline, program, ended: false }
    }
}

/// A program that runs beside the test. Dropping it kills its group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Stream,
    stderr: Stream,
    writer: Option<JoinHandle<()>>,
    started: Instant,
    deadline: Duration,
    program: PathBuf,
    ended: bool,
}

impl Running {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Standard output so far.
    pub fn stdout_so_far(&mut self) -> String {
        self.stdout.so_far()
    }

    /// Standard error so far.
    pub fn stderr_so_far(&mut self) -> String {
        self.stderr.so_far()
    }

    /// True until the process has ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal.
    pub fn signal(&self, which: Signal) {
        signal(self.child.id(), which);
    }

    /// The same with a deadline that starts now.
    #[track_caller]
    pub fn finish_within(mut self, deadline: Duration) -> Output {
        self.deadline = self.started.elapsed() + deadline;
        self.finish()
    }

    /// Waits for the end of process and output. Panics at the deadline, after killing the group.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        let until = self.started + self.deadline;
        let left = || until.saturating_duration_since(Instant::now());
        let status = wait_child(&mut self.child, left());
        let whole =
            status.is_some() && self.stdout.read_to_end_within(left()) && self.stderr.read_to_end_within(left());
        let elapsed = self.started.elapsed();
        self.ended = status.is_some();
        if whole {
            return self.output(status, elapsed);
        }
        kill_group(&self.child); // Also what the program left behind in its group.
        let output = self.output(status, elapsed);
        let what = if status.is_some() { "ended but its output is held open" } else { "did not end" };
        panic!("{} {what} within {:?}\n{}", self.program.display(), self.deadline, output.report());
    }

    fn output(&mut self, status: Option<ExitStatus>, elapsed: Duration) -> Output {
        Output {
            code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            stdout: self.stdout.so_far(),
            stderr: self.stderr.so_far(),
            elapsed,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            kill_group(&self.child);
            let _ = self.child.wait();
        }
        if let Some(writer) = self.writer.take().filter(JoinHandle::is_finished) {
            let _ = writer.join();
        }
    }
}

/// An output stream, read by a thread.
#[derive(Debug)]
struct Stream {
    pieces: Receiver<Vec<u8>>,
    text: Vec<u8>,
}

impl Stream {
    fn keep(&mut self, piece: &[u8]) {
        let room = OUTPUT_MAX.saturating_sub(self.text.len());
        self.text.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn so_far(&mut self) -> String {
        while let Ok(piece) = self.pieces.try_recv() {
            self.keep(&piece);
        }
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// True when the stream ended within the deadline.
    fn read_to_end_within(&mut self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        loop {
            match self.pieces.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(piece) => self.keep(&piece),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}

/// Reads a pipe on a thread of its own. The thread ends with the pipe, which may outlive the program.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Stream {
    let (sender, pieces) = channel();
    if let Some(mut pipe) = pipe {
        std::thread::spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(n) = pipe.read(&mut piece) {
                if n == 0 || sender.send(piece[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
    }
    Stream { pieces, text: Vec::new() }
}

/// Writes standard input on a thread of its own: a program that does not read it must not hang the test.
fn feed(mut pipe: ChildStdin, text: Vec<u8>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let _ = pipe.write_all(&text);
    })
}
