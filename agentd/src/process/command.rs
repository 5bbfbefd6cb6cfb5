//! One command, from its start to its end: input fed, output kept, time bounded.

use std::{
    ffi::OsString,
    fs::File,
    os::unix::process::ExitStatusExt as _,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Output, ProcessError, environment,
    intake::Intake,
    running::{Launch, Running},
    strays::kill_strays,
};
use crate::{redact::ModelView, sync::lock};

/// Wait for the end of the output after the supervisor's end. It holds the pipes to the last, so this is for the bytes
/// still in them; a stray that keeps a pipe open costs this much and no more.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

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

/// Runs a command to its end.
pub async fn run(command: Command) -> Result<Finished, ProcessError> {
    let started = Instant::now();
    let name = environment::check(&command.argv, &[])?;
    let stdin = if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
    let launch = Launch { argv: &command.argv, directory: &command.directory, env: &[], stdin };
    let mut running = Running::start(launch, &name)?;
    let stdout = Reader::start(running.child.stdout.take(), &command);
    let stderr = Reader::start(running.child.stderr.take(), &command);
    let feeder = running.child.stdin.take().zip(command.stdin).map(|(mut pipe, bytes)| {
        // A command that does not read all of its input is no fault: EPIPE ends the feeder.
        tokio::spawn(async move { drop(pipe.write_all(&bytes).await) })
    });
    let (ending, status) = tokio::select! {
        biased;
        status = running.wait() => (Ending::Exited, status),
        () = command.cancel.cancelled() => (Ending::Cancelled, running.stop().await),
        () = sleep(command.timeout) => (Ending::TimedOut, running.stop().await),
    };
    let status = status.map_err(|source| ProcessError::Wait { program: name, source })?;
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
