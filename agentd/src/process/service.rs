//! Long-lived children: MCP servers. Each runs under a supervisor of its own, as commands do.
//!
//! Owns a service's three pipes until they are taken, and its end: by itself, asked to, or with its handle. Its output
//! is the caller's to read and to redact. Refuses to leave anything of a service: whatever way it ends, and whether or
//! not anybody waits for that, its whole tree is gone a few seconds later.

use std::{
    ffi::OsString, fs::File, io, os::unix::process::ExitStatusExt as _, path::Path, process::ExitStatus, time::Duration,
};

use rustix::{fs::AtFlags, io::Errno};
use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout},
    runtime::Handle,
    task::JoinHandle,
    time::timeout,
};
use uuid::Uuid;

use super::{
    ProcessError, environment,
    left_behind::{self, COOKIE},
    notes::{self, Mark, Note},
    running::{Launch, Running},
    strays::kill_strays,
    tree,
};

/// A service to start.
#[derive(Debug)]
pub struct ServiceCommand {
    /// Program and arguments; the program is looked up in the search path.
    pub argv: Vec<OsString>,
    /// Working directory, as an open handle.
    pub directory: File,
    /// Variables beside those that every child inherits; they win over those.
    pub env: Vec<(OsString, OsString)>,
}

/// How long a service may take to leave after its standard input was closed, before it is sent TERM: a Python server
/// needs one second of it.
pub const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A service at work.
pub struct Service {
    /// Its standard input. To be dropped before [`ServiceHandle::stop`]: that is how a service is asked to leave.
    pub stdin: ChildStdin,
    /// Its standard output; at its end when nothing of the service runs any more.
    pub stdout: ChildStdout,
    /// Its standard error; the supervisor says there, too, why it could not start the program.
    pub stderr: ChildStderr,
    /// Its life.
    pub handle: ServiceHandle,
}

/// The life of a service. Dropped, it ends the service.
pub struct ServiceHandle {
    pid: u32,
    /// `None` once the supervisor has ended or its end is [`Self::clearing`]'s business.
    running: Option<Running>,
    how: String,
    note: Option<Note>,
    /// What is left to do after the supervisor's end; a task of its own, so that a caller who leaves does not stop it.
    clearing: Option<JoinHandle<()>>,
}

/// Starts a service. What its supervisor fails at later is told on standard error and as exit code 125 to 127.
///
/// # Errors
/// There is no such program, or it cannot be started.
pub async fn start(command: ServiceCommand) -> Result<Service, ProcessError> {
    // A start reads the process table, searches the path and writes a note.
    let started = tokio::task::spawn_blocking(move || start_now(command, notes::state_dir())).await;
    started.unwrap_or_else(|error| Err(failed("the service", io::Error::other(error))))
}

fn start_now(mut command: ServiceCommand, state_dir: Option<&Path>) -> Result<Service, ProcessError> {
    let name = environment::check(&command.argv, &command.env)?;
    // A command's supervisor tells this on standard error, for the model to read. Here it decides whether to try again.
    if name.contains('/') && is_missing(&command.directory, &command.argv) {
        return Err(ProcessError::NotFound(name));
    }
    let cookie = crate::id::fresh();
    command.env.push((COOKIE.into(), cookie.to_string().into()));
    let launch = Launch {
        argv: &command.argv,
        directory: &command.directory,
        env: &command.env,
        stdin: std::process::Stdio::piped(),
    };
    let mut running = Running::start(launch, &name)?;
    let child = &mut running.child;
    let (Some(pid), Some(stdin), Some(stdout), Some(stderr)) =
        (child.id(), child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(&name, io::Error::other("it has no pipes")));
    };
    let note = state_dir.and_then(|state_dir| note(state_dir, pid, cookie));
    let handle = ServiceHandle { pid, running: Some(running), how: String::new(), note, clearing: None };
    Ok(Service { stdin, stdout, stderr, handle })
}

/// True when the directory, or the path from the root, has no such file.
fn is_missing(directory: &File, argv: &[OsString]) -> bool {
    let found = argv.first().map(|program| rustix::fs::statat(directory, program, AtFlags::empty()));
    matches!(found, Some(Err(Errno::NOENT | Errno::NOTDIR)))
}

/// Notes how the service's processes are recognised. Its supervisor is not reaped yet, so it is in the process table.
fn note(state_dir: &Path, pid: u32, cookie: Uuid) -> Option<Note> {
    let mark = Mark::new(&tree::stat(pid)?, cookie, left_behind::pipes(pid));
    Note::write(state_dir, mark)
        .inspect_err(|error| tracing::warn!(%error, "no note is kept of a service: it may outlive a kill of agentd"))
        .ok()
}

fn failed(program: &str, source: io::Error) -> ProcessError {
    ProcessError::Start { program: program.to_owned(), source }
}

impl ServiceHandle {
    /// The supervisor's pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The pid of the program itself; `None` before its supervisor has started it, and after its end.
    pub async fn leader_pid(&self) -> Option<u32> {
        let supervisor = self.pid;
        tokio::task::spawn_blocking(move || tree::first_child(supervisor)).await.ok()?
    }

    /// Waits until the service has ended and nothing of it is left; tells how: `exit code 1`, `signal 9`. May be
    /// dropped and called again.
    pub async fn ended(&mut self) -> String {
        if let Some(running) = &mut self.running {
            let status = running.wait().await;
            self.how = describe(&status);
            self.running = None;
            self.clearing = Some(tokio::spawn(clear(status, self.note.take())));
        }
        if let Some(clearing) = &mut self.clearing {
            let _done = clearing.await;
            self.clearing = None;
        }
        self.how.clone()
    }

    /// Ends the service, whose standard input the caller has dropped: waits [`CLOSE_GRACE`], then TERM, then KILL.
    /// Nothing of it is left afterwards. Dropped early, this goes on by itself.
    pub async fn stop(mut self) {
        if timeout(CLOSE_GRACE, self.ended()).await.is_ok() {
            return;
        }
        self.end(&Handle::current());
        self.ended().await;
    }

    /// Leaves the end to a task.
    fn end(&mut self, runtime: &Handle) {
        if let Some(mut running) = self.running.take() {
            running.tell();
            let note = self.note.take();
            self.clearing = Some(runtime.spawn(async move { clear(running.stop().await, note).await }));
        }
    }
}

impl Drop for ServiceHandle {
    fn drop(&mut self) {
        // Without a runtime `Running` sends TERM, and the supervisor does the rest.
        if let Ok(runtime) = Handle::try_current() {
            self.end(&runtime);
        }
    }
}

/// What is to be done after a supervisor's end.
async fn clear(status: io::Result<ExitStatus>, note: Option<Note>) {
    // Something of it may be left: the note stays.
    let Ok(status) = status else { return };
    // The supervisor itself was killed, or mirrors a kill: only then can anything have been orphaned to us.
    if status.signal().is_some() {
        kill_strays().await;
    }
    if let Some(note) = note {
        let _removed = tokio::task::spawn_blocking(move || note.remove()).await;
    }
}

fn describe(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => status.to_string(),
        },
        Err(error) => format!("its end could not be awaited: {error}"),
    }
}

#[cfg(test)]
mod tests;
