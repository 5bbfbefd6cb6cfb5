//! The daemon's log: daily files, one line an event, level changeable at run time.
//!
//! A line is `2026-11-22T10:04:05.123Z  INFO agentd::server: text field=value`. Lines go through a bounded queue to a
//! thread of their own (tracing-appender). The queue is lossy on purpose: with a disk that hangs, a log that waits
//! would stop every request of every shell; one that drops lines and counts them stops nothing.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    filter::Targets,
    fmt::{self, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    registry::Registry,
    reload,
};

use super::{
    file::{DailyFile, Shared, day_of},
    retention::{self, Limits},
    writer::{Redacting, SharedRedactor},
};
use crate::{
    clock::{Clock, SystemClock},
    config::LogConfig,
    redact::Redactor,
};

/// Lines in the queue; at most 32 MiB with the longest lines, under 1 MiB with usual ones.
const QUEUE_LINES: usize = 4096;
/// Between two sweeps of an idle daemon. An hour instead of a day: a suspended machine does not skip one.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Bytes of a `max_total_mb`.
const MIB: u64 = 1024 * 1024;
/// The log targets that are ours. Others say at most `warn`: an HTTP client's debug lines hold headers.
const OUR_TARGETS: [&str; 3] = ["agentd", "proto", "agentctl"];
/// Targets of others that put whole messages of servers, and so files of the user, into their warnings.
const SILENT_TARGETS: [&str; 1] = ["rmcp"];

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Today's file cannot be made.
    #[error("cannot open a log file in {path}: {source}; check the directory's mode and the disk's space")]
    Open {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// This process has a log already.
    #[error("the log was set up twice in one process; keep the first guard")]
    Twice,
}

/// Keeps the log running; its drop writes what is queued, waiting at most about a second.
pub struct LogGuard {
    handle: LogHandle,
    _workers: Vec<WorkerGuard>,
}

impl LogGuard {
    /// The controls of the log.
    pub fn handle(&self) -> &LogHandle {
        &self.handle
    }
}

/// The controls of the log. Cheap to clone.
#[derive(Clone)]
pub struct LogHandle {
    dir: Arc<Path>,
    shared: Arc<Shared>,
    level: reload::Handle<Targets, Registry>,
    redactor: SharedRedactor,
    dropped: ErrorCounter,
}

impl LogHandle {
    /// Takes new values of `[log]` from the next line on.
    pub fn apply(&self, config: &LogConfig) {
        self.shared.set_limits(limits(config));
        // Fails only when the subscriber is gone, and then there is no log to change.
        let _ = self.level.reload(targets(&config.level));
    }

    /// What no line may hold from now on.
    pub fn set_redactor(&self, redactor: Redactor) {
        self.redactor.set(redactor);
    }

    /// Lines that were lost since the start: queue full, disk full, bound reached.
    pub fn lost(&self) -> usize {
        self.shared.lost().saturating_add(self.dropped.dropped_lines())
    }

    /// Removes what is too old or too much. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn sweep(&self, now: SystemTime) -> io::Result<retention::Swept> {
        retention::sweep(&self.dir, self.shared.limits(), day_of(now))
    }

    /// Sweeps until cancelled, for a daemon that writes no line for days.
    pub async fn keep_swept(self, cancel: CancellationToken) {
        while cancel.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
            let handle = self.clone();
            let swept = tokio::task::spawn_blocking(move || handle.sweep(SystemTime::now())).await;
            if let Ok(Err(error)) = swept {
                tracing::warn!(%error, "cannot list the log directory");
            }
        }
    }
}

/// Starts the log of this process: files in `log_dir`, and stderr when `foreground` and stderr is a terminal.
///
/// # Errors
/// See [`LogError`].
pub fn init(log_dir: &Path, config: &LogConfig, foreground: bool) -> Result<LogGuard, LogError> {
    let terminal = foreground && io::stderr().is_terminal();
    let redactor = Redactor::new(Redactor::environment_secrets());
    let (subscriber, guard) = build(log_dir, config, terminal, redactor, Arc::new(SystemClock))?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(guard)
}

fn build(
    log_dir: &Path,
    config: &LogConfig,
    terminal: bool,
    redactor: Redactor,
    clock: Arc<dyn Clock>,
) -> Result<(impl Subscriber + Send + Sync + use<>, LogGuard), LogError> {
    let shared = Arc::new(Shared::default());
    shared.set_limits(limits(config));
    let file = DailyFile::open(log_dir.to_owned(), clock, shared.clone())
        .map_err(|source| LogError::Open { path: log_dir.to_owned(), source })?;
    let redactor = SharedRedactor::new(redactor);
    let (level, handle) = reload::Layer::new(targets(&config.level));
    let (to_file, worker) = queue(file);
    let dropped = to_file.error_counter();
    let mut workers = vec![worker];
    let stderr = terminal.then(|| {
        let (to_stderr, worker) = queue(io::stderr());
        workers.push(worker);
        fmt::layer().compact().with_ansi(false).with_timer(Utc).with_writer(Redacting::new(to_stderr, redactor.clone()))
    });
    let lines = fmt::layer().with_ansi(false).with_timer(Utc).with_writer(Redacting::new(to_file, redactor.clone()));
    let subscriber = tracing_subscriber::registry().with(level).with(lines).with(stderr);
    let handle = LogHandle { dir: log_dir.into(), shared, level: handle, redactor, dropped };
    Ok((subscriber, LogGuard { handle, _workers: workers }))
}

fn queue(to: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE_LINES).thread_name("agentd-log").finish(to)
}

fn limits(config: &LogConfig) -> Limits {
    Limits { keep_days: config.keep_days, max_total: config.max_total_mb.saturating_mul(MIB) }
}

fn targets(level: &str) -> Targets {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let ours = OUR_TARGETS.map(|target| (target, level));
    let others = Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(ours);
    SILENT_TARGETS.iter().fold(others, |targets, silent| targets.with_target(*silent, LevelFilter::OFF))
}

/// UTC with milliseconds.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, to: &mut Writer<'_>) -> std::fmt::Result {
        write!(to, "{:.3}", Timestamp::now())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex};

    use tracing::{debug, info, subscriber::with_default, warn};

    use super::*;

    // The level filter has process-wide caches; two tests that change it would race.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn config(level: &str) -> LogConfig {
        LogConfig { level: level.to_owned(), keep_days: 7, max_total_mb: 1 }
    }

    fn logged(run: impl FnOnce(&LogHandle)) -> String {
        let _one = crate::sync::lock(&ONE_AT_A_TIME);
        let dir = tempfile::tempdir().unwrap();
        let redactor = Redactor::new(["early-secret-1".to_owned()]);
        let (subscriber, guard) = build(dir.path(), &config("info"), false, redactor, Arc::new(SystemClock)).unwrap();
        with_default(subscriber, || run(guard.handle()));
        // Its drop waits for the writer thread.
        drop(guard);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty());
        files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn a_line_has_utc_time_level_target_text_and_fields() {
        let text = logged(|_| info!(pid = 7, "ready"));
        let line = text.lines().next().unwrap();
        let (time, rest) = line.split_once(' ').unwrap();
        time.parse::<Timestamp>().unwrap();
        assert!(time.ends_with('Z') && time.len() == "2026-11-22T10:04:05.123Z".len(), "{time}");
        assert_eq!(rest, " INFO agentd::observe::log::tests: ready pid=7");
    }

    #[test]
    fn no_call_site_can_write_a_known_secret() {
        let text = logged(|log| {
            warn!(url = "https://x/early-secret-1", "failed: early-secret-1");
            log.set_redactor(Redactor::new(["later-secret-2".to_owned()]));
            warn!("failed: {:?}", "later-secret-2");
        });
        assert!(!text.contains("secret-"), "{text}");
        assert_eq!(text.matches("[REDACTED]").count(), 3, "{text}");
    }

    #[test]
    fn the_level_changes_while_running_and_other_crates_stay_at_warn() {
        let text = logged(|log| {
            debug!("one");
            log.apply(&config("debug"));
            debug!("two");
            debug!(target: "hyper::client", "three");
            warn!(target: "hyper::client", "four");
            warn!(target: "rmcp::service", "a whole message of a server");
            log.apply(&config("error"));
            warn!("five");
            warn!(target: "hyper::client", "six");
        });
        let words: Vec<_> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(words, ["two", "four"]);
    }

    #[test]
    fn text_with_newlines_stays_one_line() {
        assert_eq!(logged(|_| info!("a\nb\n")).lines().count(), 1);
    }

    #[test]
    fn a_directory_that_cannot_hold_the_file_is_said_at_start() {
        let error =
            build(Path::new("/nonexistent/log"), &config("info"), false, Redactor::default(), Arc::new(SystemClock))
                .err()
                .unwrap();
        assert!(error.to_string().contains("/nonexistent/log"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_daemon_still_sweeps() {
        let dir = tempfile::tempdir().unwrap();
        let (_subscriber, guard) =
            build(dir.path(), &config("info"), false, Redactor::default(), Arc::new(SystemClock)).unwrap();
        let old = dir.path().join("agentd.2001-01-01.log");
        fs::write(&old, "x").unwrap();
        let cancel = CancellationToken::new();
        let task = tokio::spawn(guard.handle().clone().keep_swept(cancel.clone()));
        // Each round lets the paused clock pass one period; bounded, so that a broken sweep fails the test.
        for _ in 0..1000 {
            tokio::time::sleep(SWEEP_EVERY).await;
            if !old.exists() {
                break;
            }
        }
        assert!(!old.exists());
        cancel.cancel();
        task.await.unwrap();
    }
}
