//! From the command line to a running daemon. The only module that names daemonize.
//!
//! Order: command line, configuration, hardening, detaching (before any thread exists), lock, runtime, socket, ready.
//! Whoever started us learns the outcome: in the foreground on stderr, detached through a pipe that the waiting
//! parent reads, under systemd by notification. Everything inherited but the activation socket is closed first.

use std::{
    fmt::Display,
    io::{self, PipeWriter, Read, Write},
    os::fd::{OwnedFd, RawFd},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use daemonize::{Daemonize, Outcome};
use proto::endpoint::{Endpoint, LockInfo};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    cli::{self, Cli, Command},
    config::{Config, Loaded},
    daemon::{self, Daemon, Parts},
    memory::Memory,
    observe, paths, process,
    redact::{Redactor, is_redacting},
    server::listen::{self, Lock},
};

/// Exit code of a configuration that cannot be used; systemd does not restart after it.
const EX_CONFIG: u8 = 78;
/// Threads that run requests. The work is waiting for a model; two keep a slow one from holding up the rest.
const WORKERS: usize = 2;
/// Threads for file system work of tools. More would only queue at the disk.
const BLOCKING_THREADS: usize = 16;
/// How long the runtime may take to end leftover file system work.
const RUNTIME_DEADLINE: Duration = Duration::from_secs(1);
/// Descriptors wanted: connections, provider, tools' pipes and files.
const DESCRIPTORS: u64 = 4096;
/// Characters shown of a panic's message; it may quote a whole file.
const PANIC_SHOWN: usize = 300;
/// Most bytes of a start-up report that the parent reads.
const REPORT_MAX: u64 = 64 * 1024;

/// A start that failed: what to say and how to exit.
struct Failed {
    code: u8,
    message: String,
}

impl Failed {
    fn new(message: impl Display) -> Self {
        Self { code: 1, message: format!("{message}") }
    }
}

/// The program.
pub fn main() -> ExitCode {
    if let Some(code) = process::entry() {
        return code;
    }
    let cli = Cli::parse();
    if let Some(Command::Config(config)) = &cli.command {
        return cli::run_config(&config.command, cli.config.as_deref());
    }
    if let Some(Command::Redact(redact)) = &cli.command {
        return cli::run_redact(&redact.command, cli.config.as_deref());
    }
    if let Some(Command::Mcp(mcp)) = &cli.command {
        return cli::run_mcp(mcp, cli.config.as_deref());
    }
    if let Some(Command::McpProbe { url }) = &cli.command {
        return cli::run_mcp_probe(url);
    }
    match launch(&cli) {
        Ok(code) => code,
        Err(failed) => {
            // A fault of the configuration quotes what stands in it.
            say(Redactor::new(Redactor::environment_secrets()).text(&failed.message).as_str());
            ExitCode::from(failed.code)
        }
    }
}

fn launch(cli: &Cli) -> Result<ExitCode, Failed> {
    let activation = listen::activation_socket().map_err(Failed::new)?;
    harden(activation.as_ref());
    let endpoint = Endpoint::resolve(&paths::RealEnvironment).map_err(Failed::new)?;
    let load = loader(cli);
    let loaded = load().map_err(|message| Failed { code: EX_CONFIG, message })?;
    paths::prepare(&endpoint).map_err(Failed::new)?;
    let start = Start { endpoint, loaded, load: Box::new(load), activation };
    if cli.daemonize { detach(start) } else { serve(start, &mut Report::Foreground).map(|()| ExitCode::SUCCESS) }
}

/// Reads the configuration, now and at every reload.
fn loader(cli: &Cli) -> impl Fn() -> Result<Loaded, String> + Send + Sync + 'static {
    let path = cli.config.clone();
    move || Config::load(path.as_deref(), &|name| std::env::var_os(name)).map_err(|faults| faults.to_string())
}

/// Everything a start needs, checked.
struct Start {
    endpoint: Endpoint,
    loaded: Loaded,
    load: daemon::Reloader,
    activation: Option<OwnedFd>,
}

/// Secrets live in this process: no core dumps, no debugger of the same user, no world-readable file, no inherited
/// descriptor that a tool could use. What cannot be set is not worth failing for.
fn harden(activation: Option<&OwnedFd>) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let files = getrlimit(Resource::Nofile);
    let wanted = files.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if files.current.is_some_and(|now| now < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: files.maximum });
    }
    close_inherited(activation);
    let redactor = Redactor::new(Redactor::environment_secrets());
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("no message");
        let line = panic_line(&place, message, &redactor, is_redacting());
        // Under systemd this is the journal; a detached daemon has no stderr.
        say(&line);
        tracing::error!("{line}");
    }));
}

/// A panic in one line. Its message may quote anything, so it is redacted. Not when the search for secrets itself
/// panicked: its message quotes the text, searching that would panic again, and a panic in the hook ends the process.
fn panic_line(place: &str, message: &str, redactor: &Redactor, in_search: bool) -> String {
    if in_search {
        return format!("panic at {place}");
    }
    let message: String = redactor.text(message).as_str().chars().take(PANIC_SHOWN).collect();
    format!("panic at {place}: {}", message.escape_debug())
}

/// Closes every descriptor above stderr except the activation socket. Runs before this process opens anything.
fn close_inherited(keep: Option<&OwnedFd>) {
    use std::os::fd::AsRawFd;
    let keep = keep.map(AsRawFd::as_raw_fd);
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let listed: Vec<RawFd> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in listed.into_iter().filter(|fd| *fd > 2 && Some(*fd) != keep) {
        // The listing's own handle was among them and is closed by now.
        if std::fs::read_link(format!("/proc/self/fd/{fd}")).is_err() {
            continue;
        }
        // SAFETY: at this point of main no Rust object owns a descriptor above 2 but the activation socket, which is
        // kept; this one is open, so it was inherited, and closing it takes nothing from anybody.
        #[expect(unsafe_code, reason = "inherited descriptors come as numbers; see SAFETY")]
        unsafe {
            rustix::io::close(fd);
        }
    }
}

/// Forks away from the terminal; the first process waits for the daemon's report and passes it on.
fn detach(start: Start) -> Result<ExitCode, Failed> {
    let (mut from_child, to_parent) = io::pipe().map_err(Failed::new)?;
    let daemon = Daemonize::new().working_directory(&start.endpoint.state_dir).umask(0o077);
    match daemon.execute() {
        Outcome::Parent(Ok(_)) => {
            drop(to_parent);
            pass_on(&mut from_child)
        }
        Outcome::Parent(Err(error)) => Err(Failed::new(format!("cannot detach: {error}"))),
        Outcome::Child(outcome) => {
            drop(from_child);
            let mut report = Report::Pipe(Some(to_parent));
            let served = match outcome {
                Ok(_) => serve(start, &mut report),
                Err(error) => Err(Failed::new(format!("cannot detach: {error}"))),
            };
            served.inspect_err(|failed| report.failed(failed)).map(|()| ExitCode::SUCCESS)
        }
    }
}

/// Waits for the daemon's word: `0` and the line for stdout, or the exit code and the message for stderr.
fn pass_on(from_child: &mut impl Read) -> Result<ExitCode, Failed> {
    let mut report = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take; it ends when the daemon is ready or dead")]
    from_child.take(REPORT_MAX).read_to_string(&mut report).map_err(Failed::new)?;
    match report.split_once('\n') {
        Some(("0", ready)) => {
            let _ = writeln!(io::stdout(), "{ready}");
            Ok(ExitCode::SUCCESS)
        }
        Some((code, message)) => Err(Failed { code: code.parse().unwrap_or(1), message: message.to_owned() }),
        None => Err(Failed::new("agentd ended before it was ready; its log may say why")),
    }
}

/// How the start reports. A pipe is closed with its one report: the parent waits for its end.
enum Report {
    Foreground,
    Pipe(Option<PipeWriter>),
}

impl Report {
    fn ready(&mut self, line: &str) {
        match self {
            Self::Foreground => say(line),
            Self::Pipe(_) => self.tell(&format!("0\n{line}")),
        }
        daemon::watch::notify_ready();
    }

    /// In the foreground the caller prints the failure.
    fn failed(&mut self, failed: &Failed) {
        self.tell(&format!("{}\n{}", failed.code, failed.message));
    }

    fn tell(&mut self, report: &str) {
        if let Self::Pipe(pipe) = self
            && let Some(mut to_parent) = pipe.take()
        {
            let _ = to_parent.write_all(report.as_bytes());
        }
    }
}

/// Locks, listens, runs. Guards end in reverse order: the socket, the runtime, the log, the lock.
fn serve(start: Start, report: &mut Report) -> Result<(), Failed> {
    let mut lock = Lock::take(&start.endpoint).map_err(Failed::new)?;
    process::keep_notes(start.endpoint.state_dir.clone());
    let foreground = matches!(report, Report::Foreground);
    let mut warnings = Vec::new();
    // Opens on a thread of its own while the rest gets ready.
    let (memory, opening) = Memory::open(&start.endpoint.state_dir);
    // The guard writes what is queued when it is dropped, after everything that logs.
    let log = observe::log::init(&start.endpoint.log_dir(), &start.loaded.config.log, foreground)
        .map_err(|error| warnings.push(format!("there is no log: {error}")))
        .ok();
    if let Err(error) = process::become_subreaper() {
        warnings.push(format!("commands that detach themselves may outlive agentd: {error}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("agentd")
        .enable_all()
        .build()
        .map_err(|e| Failed::new(format!("cannot start threads: {e}")))?;
    let result = runtime.block_on(async {
        let bound = match start.activation {
            Some(fd) => listen::adopt(fd),
            None => listen::bind(&start.endpoint, &lock),
        };
        let bound = bound.map_err(Failed::new)?;
        let info = LockInfo { pid: std::process::id(), version: proto::VERSION.into(), socket: bound.path.clone() };
        if let Err(error) = lock.write(&info) {
            warnings.push(format!("{} could not be written: {error}", lock.path().display()));
        }
        let ready = format!("ready: agentd {} (pid {}) on {}", proto::VERSION, info.pid, bound.path.display());
        let daemon = Arc::new(Daemon::new(Parts {
            endpoint: start.endpoint,
            socket: bound.path.clone(),
            loaded: start.loaded,
            reloader: start.load,
            log: log.as_ref().map(|guard| guard.handle().clone()),
            warnings,
            config_dir: paths::config_dir(),
            memory,
        }));
        daemon.load_memory(opening).await;
        let ended = daemon::run(daemon, bound, || report.ready(&ready)).await;
        ended.map_err(|e| Failed::new(format!("agentd stopped: {e}")))
    });
    runtime.shutdown_timeout(RUNTIME_DEADLINE);
    // A free lock says that the daemon has ended: by then its last lines are in the file.
    drop(log);
    drop(lock);
    result
}

fn say(line: &str) {
    let _ = writeln!(io::stderr(), "agentd: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_without_secrets_and_on_one_line() {
        let redactor = Redactor::new(["k-1234567890".to_owned()]);
        let line = panic_line("src/x.rs:1:2", "cannot use\nk-1234567890", &redactor, false);
        assert_eq!(line, "panic at src/x.rs:1:2: cannot use\\n[REDACTED]");
        assert_eq!(panic_line("src/x.rs:1:2", "k-1234567890", &redactor, true), "panic at src/x.rs:1:2");
        assert!(panic_line("p", &"x".repeat(9999), &redactor, false).len() < 400);
    }
}
