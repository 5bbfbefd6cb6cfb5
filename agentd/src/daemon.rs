//! The running daemon: what all connections share, and its life from ready to stopped.
//!
//! Stop order: no new turns, drain, cancel turns, close connections and stop MCP servers, end children, unlink the
//! socket, unlock. A second signal skips the rest.

mod servers;
mod signals;
pub(crate) mod watch;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use proto::{
    ErrorKind, Fact, Failure, ModelInfo, ModelsReport, PROTOCOL_MAJOR, PROTOCOL_MINOR, ReloadReport, StatusReport,
    StopReport, StopRequest, endpoint::Endpoint,
};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::{
    agent::Agent,
    clock::{Clock, SystemClock},
    config::{Config, Loaded},
    llm::{Choice, Chooser},
    mcp::{connect::Connector, pool::Pool},
    memory::{Memory, store::Opening},
    observe::log::LogHandle,
    process,
    redact::{Redactor, Redactors},
    server::{Turns, accept, listen::Bound},
    sync::lock,
};

/// How long turns may take to notice their cancellation at stop. Tools end their commands within 2 s of TERM.
const CANCEL_DEADLINE: Duration = Duration::from_secs(3);
/// How long connections may take to flush their last replies at stop.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Reads the configuration again, from the same places as at start.
pub type Reloader = Box<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

/// What all connections share.
pub struct Daemon {
    /// The agent.
    pub agent: Agent,
    /// Running turns.
    pub turns: Arc<Turns>,
    /// The MCP servers.
    pub mcp: Arc<Pool>,
    /// Makes their connections.
    connector: Arc<Connector>,
    /// True once the servers were started: from then on a reload is passed on to them.
    servers_begun: Mutex<bool>,
    endpoint: Endpoint,
    socket: PathBuf,
    current: Mutex<Arc<Current>>,
    reloader: Reloader,
    chooser: Chooser,
    /// What was chosen last, for `status` and the redactor.
    chosen: Mutex<Option<Choice>>,
    redactors: Mutex<Arc<Redactors>>,
    log: Option<LogHandle>,
    started: Instant,
    connections: AtomicI64,
    warnings: Vec<String>,
    draining: CancellationToken,
    closing: CancellationToken,
}

/// The configuration in force, with its sources.
struct Current {
    loaded: Loaded,
    config: Arc<Config>,
}

impl Current {
    fn new(loaded: Loaded) -> Self {
        Self { config: Arc::new(loaded.config.clone()), loaded }
    }
}

/// What the daemon is made of at start.
pub struct Parts {
    /// State directory and socket rules.
    pub endpoint: Endpoint,
    /// The socket it listens on.
    pub socket: PathBuf,
    /// The checked configuration.
    pub loaded: Loaded,
    /// Reads it again.
    pub reloader: Reloader,
    /// The controls of the log; `None` when it could not be opened.
    pub log: Option<LogHandle>,
    /// What was not as it should be at start.
    pub warnings: Vec<String>,
    /// Directory of the global AGENTS.md.
    pub config_dir: Option<PathBuf>,
    /// What outlives the sessions, still opening.
    pub memory: Arc<Memory>,
}

impl Daemon {
    /// A daemon that is about to be ready.
    pub fn new(parts: Parts) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let state_dir = parts.endpoint.state_dir.clone();
        let connector = Arc::new(Connector::new(state_dir.clone()));
        let mcp = Pool::new(connector.clone(), state_dir.clone());
        let daemon = Self {
            agent: Agent::new(clock, parts.config_dir, state_dir, parts.memory, mcp.clone()),
            turns: Arc::default(),
            mcp,
            connector,
            servers_begun: Mutex::default(),
            endpoint: parts.endpoint,
            socket: parts.socket,
            current: Mutex::new(Arc::new(Current::new(parts.loaded))),
            reloader: parts.reloader,
            chooser: Chooser::new(),
            chosen: Mutex::default(),
            redactors: Mutex::default(),
            log: parts.log,
            started: Instant::now(),
            connections: AtomicI64::new(0),
            warnings: parts.warnings,
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
        };
        daemon.renew_redactors(None);
        daemon
    }

    /// The configuration now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.current().config)
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&lock(&self.current))
    }

    /// The choke points before disk, log and wire.
    pub fn redactors(&self) -> Arc<Redactors> {
        Arc::clone(&lock(&self.redactors))
    }

    /// Makes the redactors anew, from the configuration and the secrets that are known now.
    fn renew_redactors(&self, chosen: Option<&Choice>) {
        let config = self.config();
        let settings = config.redact.settings();
        let key = match chosen {
            Some(Choice::Online(provider)) => provider.secrets().map(|key| key.expose_secret().to_owned()),
            _ => None,
        };
        let servers = config.mcp_secrets(&|name| std::env::var_os(name));
        let servers = servers.into_iter().chain(self.mcp.project_secrets());
        let values = Redactor::environment_secrets().into_iter().chain(key).chain(servers).collect();
        let counts = Arc::clone(self.redactors().counts());
        let redactors = Arc::new(Redactors::new(settings, values, counts));
        if let Some(log) = &self.log {
            log.set_redactor(redactors.kept(false).clone());
        }
        self.agent.memory.set_redactor(redactors.kept(false).clone());
        self.mcp.set_redactor(redactors.kept(false).clone());
        *lock(&self.redactors) = redactors;
    }

    /// Takes what the store holds. To be awaited before the first request.
    pub async fn load_memory(&self, opening: Opening) {
        self.agent.memory.load(opening, &self.config().memory, self.agent.clock.now()).await;
    }

    /// Holds the caps of the memory.
    pub async fn hold_caps(&self) {
        self.agent.memory.clean_up(&self.config().memory, self.agent.clock.now()).await;
    }

    /// Where the daemon keeps what outlives it.
    pub fn state_dir(&self) -> &Path {
        &self.endpoint.state_dir
    }

    /// True once the daemon takes no new turns.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Cancelled when connections have to end.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Notes that a connection opened or ended.
    pub fn count_connection(&self, change: i64) {
        self.connections.fetch_add(change, Ordering::Relaxed);
    }

    /// The model that answers now.
    ///
    /// # Errors
    /// When the configuration names a provider that cannot be used.
    pub async fn provider(&self) -> Result<Choice, Failure> {
        let choice = self.chooser.choose(&self.config().provider).await?;
        // Held until the key is known to the redactors: no ask may see the provider before that.
        let mut chosen = lock(&self.chosen);
        let known = match (&*chosen, &choice) {
            (Some(Choice::Online(old)), Choice::Online(new)) => Arc::ptr_eq(old, new),
            _ => false,
        };
        if !known {
            if matches!(choice, Choice::Online(_)) {
                self.renew_redactors(Some(&choice));
            }
            *chosen = Some(choice.clone());
        }
        Ok(choice)
    }

    /// The report of `status`.
    pub fn status(&self) -> StatusReport {
        let (current, redactors) = (self.current(), self.redactors());
        let told = |text: &str| redactors.kept(false).text(text).to_string();
        let fact = |name: &str, value: String| Fact { name: name.into(), value: told(&value) };
        let (provider, model) = match &*lock(&self.chosen) {
            Some(Choice::Online(provider)) => (provider.endpoint(), provider.default_model().to_owned()),
            Some(Choice::Offline { reason }) => (format!("offline ({reason})"), String::new()),
            None => ("not asked yet".to_owned(), String::new()),
        };
        let config =
            current.loaded.path.as_ref().map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
        StatusReport {
            version: proto::VERSION.into(),
            protocol: format!("{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}"),
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs(),
            socket: self.socket.display().to_string(),
            state_dir: self.endpoint.state_dir.display().to_string(),
            draining: self.is_draining(),
            connections: u32::try_from(self.connections.load(Ordering::Relaxed)).unwrap_or(0),
            turns: u32::try_from(self.turns.count()).unwrap_or(u32::MAX),
            facts: vec![
                fact("provider", provider),
                fact("model", model),
                fact("config", config),
                fact("redaction", redactors.describe(current.config.redact.outbound)),
                fact("redacted", redactors.counts().describe()),
                fact("memory", self.agent.memory.describe()),
                fact("mcp", self.mcp.describe()),
                fact("sandbox", "none; writes and commands outside the read-only list ask".into()),
            ],
            warnings: self.all_warnings().iter().map(|warning| told(warning)).collect(),
        }
    }

    /// What is not as it should be, of the start, the memory and the servers.
    fn all_warnings(&self) -> Vec<String> {
        let now = self.agent.memory.warnings().into_iter().chain(self.mcp.warnings());
        self.warnings.iter().cloned().chain(now).collect()
    }

    /// Begins to stop; the reply leaves before connections close.
    ///
    /// # Errors
    /// `refused` when turns run and only an idle daemon was to stop.
    pub fn request_stop(&self, stop: &StopRequest) -> Result<StopReport, Failure> {
        let turns = self.turns.count();
        if stop.if_idle && turns > 0 {
            let message =
                if turns == 1 { "1 turn is running".to_owned() } else { format!("{turns} turns are running") };
            return Err(Failure::new(ErrorKind::Refused, message).hint("wait for the end, or stop without if_idle"));
        }
        self.draining.cancel();
        Ok(StopReport { pid: std::process::id(), turns: u32::try_from(turns).unwrap_or(u32::MAX) })
    }

    /// Reads the configuration again and swaps it in, or keeps the old one.
    ///
    /// # Errors
    /// `usage` with all faults.
    pub async fn reload(&self) -> Result<ReloadReport, Failure> {
        let new = (self.reloader)()
            .map_err(|faults| Failure::new(ErrorKind::Usage, faults).hint("the old configuration stays in force"))?;
        let diff = self.current().loaded.diff(&new);
        if let Some(log) = &self.log {
            log.apply(&new.config.log);
        }
        *lock(&self.current) = Arc::new(Current::new(new));
        self.renew_redactors(lock(&self.chosen).as_ref());
        self.renew_servers();
        self.hold_caps().await;
        tracing::info!(changed = diff.changed.len(), "configuration reloaded");
        Ok(ReloadReport { changed: diff.changed, restart_needed: diff.restart })
    }

    /// What the provider offers.
    ///
    /// # Errors
    /// The provider's failure.
    pub async fn models(&self) -> Result<ModelsReport, Failure> {
        let Choice::Online(provider) = self.provider().await? else {
            return Ok(ModelsReport { provider: "offline".into(), ..ModelsReport::default() });
        };
        let now = self.agent.clock.now();
        let ids = provider.models().await?;
        let models = ids.into_iter().map(|id| ModelInfo { price: provider.price(&id, now), id }).collect();
        Ok(ModelsReport { provider: provider.kind().name().into(), current: provider.default_model().into(), models })
    }
}

/// Runs the daemon until it is told to stop. `ready` is called once it accepts.
///
/// # Errors
/// When the listener breaks or signals cannot be received.
pub async fn run(daemon: Arc<Daemon>, bound: Bound, ready: impl FnOnce()) -> io::Result<()> {
    let mut signals = signals::Signals::new()?;
    let Bound { listener, path: _, file } = bound;
    let mut accepting = tokio::spawn(accept::run(Arc::clone(&daemon), listener));
    let background = watch::start(&daemon);
    daemon.learn_from_projects();
    ready();
    tracing::info!(version = proto::VERSION, pid = std::process::id(), "ready");
    // Not before: the first ask does not wait for it.
    let starting = tokio::spawn(Arc::clone(&daemon).start_servers());
    let broken = tokio::select! {
        () = signals.wait_for_stop(&daemon) => None,
        () = daemon.draining.cancelled() => None,
        ended = &mut accepting => Some(ended.map_err(io::Error::other).and_then(|result| result)),
    };
    watch::notify_stopping();
    let again = signals.wait_for_second();
    let hurried = tokio::select! {
        () = drain(&daemon) => false,
        () = again => {
            tracing::warn!("second signal: leaving at once");
            // Their connections end with them, and their askers hear why.
            daemon.turns.cancel_all();
            true
        }
    };
    background.cancel();
    starting.abort();
    daemon.closing.cancel();
    let closed = async {
        if broken.is_none() {
            let _ = tokio::time::timeout(CLOSE_DEADLINE, accepting).await;
        }
    };
    if hurried {
        // Each child's supervisor ends its tree when it sees that we are gone.
        closed.await;
    } else {
        // Side by side: no turn runs any more, and a server may take its time. It ends before the other children, which
        // are ended as they stand.
        tokio::join!(closed, daemon.mcp.stop());
        process::stop_all().await;
    }
    let memory = Arc::clone(&daemon.agent.memory);
    let _ = tokio::task::spawn_blocking(move || memory.close()).await;
    drop(file);
    tracing::info!("stopped");
    broken.unwrap_or(Ok(()))
}

/// Lets running turns end, then cancels them.
async fn drain(daemon: &Daemon) {
    daemon.draining.cancel();
    let patience = daemon.config().server.drain_timeout;
    if tokio::time::timeout(patience, daemon.turns.idle()).await.is_err() {
        tracing::warn!(turns = daemon.turns.count(), "drain time is over, turns are cancelled");
        daemon.turns.cancel_all();
        let _ = tokio::time::timeout(CANCEL_DEADLINE, daemon.turns.idle()).await;
    }
}
