//! Starts `agentd` when nobody listens. The only file of the client that starts a process.
//!
//! Under the lock `<state>/start.lock` one client probes again, waits for a daemon that is just leaving, and only
//! then runs `agentd --daemonize`, which says `ready ...` or why not. Ten shells at once start one daemon. Nothing is
//! ever unlinked or killed here: a start that takes too long is reported and left alone.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::{
        fd::AsFd as _,
        unix::{
            fs::{DirBuilderExt as _, OpenOptionsExt as _},
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use proto::{ErrorKind, Failure, endpoint::Endpoint};

use crate::{
    client::{self, Client},
    connect,
    render::sanitize,
};

/// For `agentd --daemonize` to say that it is ready. It takes 50 ms; a loaded machine may take seconds.
const READY_DEADLINE: Duration = Duration::from_secs(10);
/// For another client that is starting the daemon: its whole start, and a drain before it.
const LOCK_DEADLINE: Duration = Duration::from_secs(30);
/// For a daemon that holds its lock but listens no more: it drains 10 s, then stops its MCP servers, which may take 8 s,
/// and its other children.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(25);
/// For `agentd config ...`, which reads a few files.
const RUN_DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at a lock, a socket or a child.
const LOOK: Duration = Duration::from_millis(5);
/// A cause is a few lines; what is more is not shown.
const OUTPUT_MAX: usize = 64 * 1024;
/// The daemon's exit code of a faulty configuration (`EX_CONFIG`).
const EX_CONFIG: i32 = 78;

/// A connection to the daemon, which is started when nobody listens.
///
/// # Errors
/// Kind `unreachable` with the daemon's own words when it does not start.
pub fn start(endpoint: &Endpoint) -> Result<Client, Failure> {
    let _lock = take_start_lock(endpoint)?;
    let given_up = Instant::now() + DRAIN_DEADLINE;
    loop {
        if let Some(client) = connect::probe(endpoint)? {
            return Ok(client);
        }
        if !connect::lock_is_held(endpoint) || Instant::now() >= given_up {
            break;
        }
        thread::sleep(LOOK);
    }
    launch()?;
    connect::probe(endpoint)?.ok_or_else(|| {
        Failure::new(ErrorKind::Unreachable, "agentd said that it is ready, but nobody listens on its socket")
            .hint("is AGENTD_SOCKET the same for both? agentctl doctor shows the places")
    })
}

/// The lock under which a daemon is started; released when the file is dropped.
fn take_start_lock(endpoint: &Endpoint) -> Result<File, Failure> {
    let deadline = Instant::now() + LOCK_DEADLINE;
    let file = open_start_lock(endpoint).map_err(|e| {
        let message = format!("cannot use the state directory {}: {e}", endpoint.state_dir.display());
        Failure::new(ErrorKind::Unreachable, message)
            .hint("make it writable, or set AGENTD_STATE_DIR to a directory of yours")
    })?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(ErrorKind::Unreachable, "another agentctl is still busy starting agentd")
                    .hint("agentctl daemon status, agentctl daemon logs"));
            }
            Err(TryLockError::Error(e)) => {
                return Err(Failure::new(ErrorKind::Unreachable, format!("cannot take the start lock: {e}")));
            }
        }
    }
}

fn open_start_lock(endpoint: &Endpoint) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(&endpoint.state_dir)?;
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(endpoint.start_lock_file())
}

/// Runs `agentd --daemonize` and waits for its word.
fn launch() -> Result<(), Failure> {
    let program = find_agentd()?;
    let mut child = spawn(&program, &["--daemonize".into()], Stdio::piped)?;
    let report = listen(&mut child, Instant::now() + READY_DEADLINE);
    if report.is_ready() {
        return Ok(());
    }
    Err(report.failure(&program))
}

/// What `agentd --daemonize` said and how it ended; no status: it still runs.
#[derive(Debug, Default)]
struct Report {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<ExitStatus>,
}

impl Report {
    fn is_ready(&self) -> bool {
        self.stdout.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"ready"))
            && self.status.is_none_or(|status| status.success())
    }

    fn failure(&self, program: &Path) -> Failure {
        let said = String::from_utf8_lossy(&self.stderr);
        let said = sanitize::neutralise(said.trim()).into_owned();
        let cause = said.strip_prefix("error: ").unwrap_or(&said);
        let message = match self.status {
            None => {
                format!("{} was not ready within {} s; it was left alone", program.display(), READY_DEADLINE.as_secs())
            }
            Some(status) if cause.is_empty() => {
                format!("agentd did not start: it ended with {status} and said nothing")
            }
            Some(_) => format!("agentd did not start: {cause}"),
        };
        let hint = match self.status.and_then(|status| status.code()) {
            // The cause has brought its own.
            Some(_) if said.contains("hint: ") => "",
            Some(EX_CONFIG) => "agentctl config check shows every fault of the configuration",
            None if self.status.is_none() => "agentctl daemon logs tells how far it came",
            _ => "agentctl doctor checks the usual causes",
        };
        Failure::new(ErrorKind::Unreachable, message).hint(hint)
    }
}

/// Collects what the child says until it is ready or ends. Does not wait for the end of its pipes: a daemon that
/// inherited one would hold it for ever.
fn listen(child: &mut Child, deadline: Instant) -> Report {
    let mut report = Report::default();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    loop {
        drain(&mut stdout, &mut report.stdout);
        drain(&mut stderr, &mut report.stderr);
        if report.status.is_some() {
            return report;
        }
        if let Ok(Some(status)) = child.try_wait() {
            report.status = Some(status);
            continue;
        }
        if Instant::now() >= deadline || (report.is_ready() && stdout.is_none()) {
            return report;
        }
        let look = deadline.min(Instant::now() + LOOK);
        match &stdout {
            Some(pipe) => drop(client::wait_readable(pipe, look)),
            None => thread::sleep(LOOK),
        }
    }
}

/// Takes what is in a pipe now; forgets the pipe at its end.
fn drain<R: io::Read + std::os::fd::AsFd>(pipe: &mut Option<R>, into: &mut Vec<u8>) {
    let mut chunk = [0; 4096];
    while let Some(open) = pipe {
        if client::wait_readable(&open.as_fd(), Instant::now()).is_err() {
            return;
        }
        match open.read(&mut chunk) {
            Ok(0) | Err(_) => *pipe = None,
            Ok(n) => into.extend_from_slice(&chunk[..n.min(OUTPUT_MAX.saturating_sub(into.len()))]),
        }
    }
}

/// The daemon's program: `AGENTD_BIN`, else the one beside this program, else the first on `PATH`.
///
/// # Errors
/// Kind `unreachable` when there is none.
pub fn find_agentd() -> Result<PathBuf, Failure> {
    if let Some(chosen) = std::env::var_os("AGENTD_BIN").filter(|value| !value.is_empty()).map(PathBuf::from) {
        return if is_program(&chosen) {
            Ok(chosen)
        } else {
            Err(Failure::new(ErrorKind::Unreachable, format!("AGENTD_BIN is not a program: {}", chosen.display()))
                .hint("unset AGENTD_BIN, or set it to the path of agentd"))
        };
    }
    let sibling = std::env::current_exe().ok().map(|own| own.with_file_name("agentd"));
    sibling.filter(|path| is_program(path)).or_else(|| on_path("agentd")).ok_or_else(|| {
        Failure::new(ErrorKind::Unreachable, "agentd is not running, and its program was not found")
            .hint("install agentd beside agentctl or on PATH, or set AGENTD_BIN to its path")
    })
}

/// The first program of that name on `PATH`. Relative directories are skipped: they would depend on the project.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name)).find(|file| is_program(file))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Runs `agentd` with these arguments on our own streams; gives its exit code.
///
/// # Errors
/// When it cannot be started, or does not end in time.
pub fn pass_through(args: &[OsString]) -> Result<u8, Failure> {
    let program = find_agentd()?;
    let mut child = spawn(&program, args, Stdio::inherit)?;
    let deadline = Instant::now() + RUN_DEADLINE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(exit_code(status)),
            Ok(None) if Instant::now() < deadline => thread::sleep(LOOK),
            Ok(None) => return Err(Failure::new(ErrorKind::Timeout, format!("{} does not end", program.display()))),
            Err(e) => return Err(Failure::new(ErrorKind::Failure, format!("lost {}: {e}", program.display()))),
        }
    }
}

/// Becomes `agentd` with these arguments: its streams, its exit code, its signals, for as long as it takes.
///
/// # Errors
/// When it cannot be started.
#[expect(clippy::disallowed_methods, reason = "this is the one file of the client that starts a process")]
pub fn replace(args: &[OsString]) -> Result<Infallible, Failure> {
    let program = find_agentd()?;
    let error = Command::new(&program).args(args).exec();
    Err(Failure::new(ErrorKind::Failure, format!("cannot run {}: {error}", program.display())))
}

/// What a program said when run with these arguments.
#[derive(Debug)]
pub struct Captured {
    /// Its standard output, at most 64 KiB.
    pub stdout: String,
    /// Its standard error, at most 64 KiB.
    pub stderr: String,
    /// Its exit code.
    pub code: u8,
}

/// Runs `agentd` with these arguments and collects what it says.
///
/// # Errors
/// When it cannot be started, or does not end in time.
pub fn capture(args: &[OsString]) -> Result<Captured, Failure> {
    capture_of(&find_agentd()?, args)
}

/// The same of any program, which must end by itself.
///
/// # Errors
/// When it cannot be started, or does not end in time.
pub fn capture_of(program: &Path, args: &[OsString]) -> Result<Captured, Failure> {
    let mut child = spawn(program, args, Stdio::piped)?;
    let report = listen_to_end(&mut child, Instant::now() + READY_DEADLINE);
    let status = report.status.ok_or_else(|| {
        Failure::new(ErrorKind::Timeout, format!("{} does not end; it was left alone", program.display()))
    })?;
    Ok(Captured {
        stdout: String::from_utf8_lossy(&report.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&report.stderr).into_owned(),
        code: exit_code(status),
    })
}

fn listen_to_end(child: &mut Child, deadline: Instant) -> Report {
    let mut whole = Report::default();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    while whole.status.is_none() && Instant::now() < deadline {
        whole.status = child.try_wait().ok().flatten();
        drain(&mut stdout, &mut whole.stdout);
        drain(&mut stderr, &mut whole.stderr);
        if whole.status.is_none() {
            thread::sleep(LOOK);
        }
    }
    whole
}

fn exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place of the client that starts a process")]
fn spawn(program: &Path, args: &[OsString], stream: fn() -> Stdio) -> Result<Child, Failure> {
    Command::new(program).args(args).stdin(Stdio::null()).stdout(stream()).stderr(stream()).spawn().map_err(|e| {
        Failure::new(ErrorKind::Unreachable, format!("cannot run {}: {e}", program.display()))
            .hint("is it built for this machine? agentctl doctor shows which agentd would start")
    })
}
