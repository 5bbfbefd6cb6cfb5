//! All servers, by name and project: what the rest of the daemon talks to.
//!
//! Owns which instance a name means to whom, and when instances come and go: the user's servers with the configuration,
//! those of a project when somebody asks there. A project never reaches an instance of another one.
//!
//! Refuses to wait in a call whose caller has a built-in tool at hand, and to send a call twice unless its tool says
//! that this does no harm.
//!
//! - [`calls`]: one call, its deadline and its second try. [`instances`]: which instance a name means. [`report`]: rows,
//!   warnings and lines for people.

mod calls;
mod instances;
mod report;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::{runtime::Handle, sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::{
    catalog::{self, Catalog, Catalogs, McpTool},
    client::{CallResult, ClientError},
    common::Common,
    connect::Connect,
    server::{Instance, Key, State},
};
use crate::{
    config::{McpServers, Role},
    redact::Redactor,
    sync::lock,
    tools::BoxFuture,
};

/// All servers end side by side within this: closed input, TERM and KILL are 4 s, and the daemon has other things to
/// end.
const STOP_MAX: Duration = Duration::from_secs(8);
/// What a command may take until the configuration says otherwise: its default.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose servers are meant.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The user's servers, from the configuration in force.
    pub user: Arc<McpServers>,
    /// Root of the asker's project; `None` when there is none.
    pub project: Option<PathBuf>,
    /// The servers of the project's own file, if the user approved it. A name that the user's configuration has, too,
    /// is the user's.
    pub own: Arc<McpServers>,
}

/// One call through the pool.
#[derive(Debug, Clone)]
pub struct PoolCall {
    /// The server's name in the configuration.
    pub server: String,
    /// The tool, as the server calls it.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// In place of the configured time.
    pub timeout: Option<Duration>,
    /// Ends it early.
    pub cancel: CancellationToken,
    /// Whether to wait for a server that is not up yet.
    pub wait: Wait,
}

/// What a call does when its server is not ready. A lazy one is started in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Fails at once: a built-in tool stands by.
    Not,
    /// Waits for a start that is under way, within its time-out.
    ForStart,
}

/// Why a call was not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// No server of that name in this view.
    #[error("there is no MCP server named {0:?}")]
    Unknown(String),
    /// It was not sent: the server is not up. Text not redacted.
    #[error("{server} is {}{}", .state.name(), if .why.is_empty() { String::new() } else { format!(": {}", .why) })]
    NotReady {
        /// The server.
        server: String,
        /// How it is.
        state: State,
        /// Its last error.
        why: String,
    },
    /// It was sent, and then failed; what it did is not known unless the tool only reads.
    #[error("{server}: {error}")]
    Failed {
        /// The server.
        server: String,
        /// Why.
        error: ClientError,
    },
}

/// What tools need of the pool; a trait, so that they are tested without processes.
pub trait Serve: Send + Sync {
    /// The tools that a view sees, from what is known at this moment. Cheap; equal views get equal catalogs while
    /// nothing changes.
    fn catalog(&self, view: &View) -> Catalog;

    /// The enabled server that has a role in this view, whatever its state.
    fn role(&self, view: &View, role: Role) -> Option<String>;

    /// True when the server offers the tool, as far as is known.
    fn offers(&self, view: &View, server: &str, tool: &str) -> bool;

    /// Calls a tool. Retries once by itself when the server died and the tool says that it only reads or is idempotent.
    fn call<'a>(&'a self, view: &'a View, call: PoolCall) -> BoxFuture<'a, Result<CallResult, PoolError>>;

    /// Notes, for the figures, that a built-in tool served in the server's place.
    fn count_fallback(&self, view: &View, server: &str);

    /// Notes, for the figures, that so many bytes of a result were cut for the model.
    fn count_cut(&self, view: &View, server: &str, bytes: usize);

    /// Takes what a project's own file says now: for a view that was made this moment. Of views that are older only
    /// what still holds is used.
    fn note_project(&self, _view: &View) {}

    /// Waits until every `required` server of the view is up.
    fn required<'a>(&'a self, view: &'a View) -> BoxFuture<'a, Result<(), PoolError>>;
}

/// What the pool takes from the rest of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// `exec.command_timeout`: calls of a `role = "command"` server end 5 s after it.
    pub command_timeout: Duration,
}

/// All servers.
pub struct Pool {
    common: Arc<Common>,
    catalogs: Catalogs,
    books: Mutex<Books>,
    /// True from the first configuration on.
    begun: watch::Sender<bool>,
    /// Told when the secrets of projects are others than before.
    learnt: OnceLock<Learnt>,
}

/// How long who would wait for a server waits for the first configuration. The daemon answers before that, for it first
/// ends what an earlier one left behind.
const BEGIN_WAIT: Duration = Duration::from_secs(15);

/// Hears that [`Pool::project_secrets`] has changed.
type Learnt = Box<dyn Fn() + Send + Sync>;

/// What there is.
struct Books {
    servers: Arc<McpServers>,
    settings: PoolSettings,
    instances: BTreeMap<Key, Arc<Instance>>,
    /// Of each project the servers of its own file, as they were seen last.
    own: HashMap<PathBuf, Arc<McpServers>>,
    /// Supervisors run there; catalogs are asked for on other threads, too.
    runtime: Option<Handle>,
}

impl Pool {
    /// A pool without servers. What it remembers between starts is in `state_dir`; it is read here, a bounded file.
    pub fn new(connect: Arc<dyn Connect>, state_dir: PathBuf) -> Arc<Self> {
        let books = Books {
            servers: Arc::default(),
            settings: PoolSettings { command_timeout: COMMAND_TIMEOUT },
            instances: BTreeMap::new(),
            own: HashMap::new(),
            runtime: Handle::try_current().ok(),
        };
        let common = Common::new(connect, state_dir);
        Arc::new(Self {
            common,
            catalogs: Catalogs::default(),
            books: Mutex::new(books),
            begun: watch::Sender::new(false),
            learnt: OnceLock::new(),
        })
    }

    /// Takes the user's servers: starts what is new, stops what is gone, restarts what has changed, leaves the rest
    /// alone. Returns at once. The first call is made after the daemon is ready.
    pub fn configure(self: &Arc<Self>, servers: Arc<McpServers>, settings: PoolSettings) {
        let mut books = lock(&self.books);
        books.runtime = Handle::try_current().ok().or(books.runtime.take());
        books.settings = settings;
        if books.servers != servers || books.instances.is_empty() {
            books.servers = servers;
            self.take_servers(&mut books);
        }
        drop(books);
        self.common.note_change();
        self.begun.send_replace(true);
    }

    /// Waits for the first configuration: before it no server can be started, and none is known.
    async fn has_begun(&self) {
        let mut begun = self.begun.subscribe();
        let _ = time::timeout(BEGIN_WAIT, begun.wait_for(|begun| *begun)).await;
    }

    /// Has `tell` called whenever the secrets of projects have changed, before a server of theirs is started with them.
    /// The first call counts.
    pub fn on_secrets(&self, tell: Learnt) {
        _ = self.learnt.set(tell);
    }

    /// What the approved files of projects give to their servers and the redactor should know exactly.
    pub fn project_secrets(&self) -> Vec<String> {
        lock(&self.books).own.values().flat_map(|own| instances::secrets(own)).collect()
    }

    /// What later texts of servers go through.
    pub fn set_redactor(&self, redactor: Redactor) {
        let books = lock(&self.books);
        for instance in books.instances.values() {
            instance.stderr.set_redactor(redactor.clone());
        }
        self.common.texts.set(redactor);
        drop(books);
        self.common.note_change();
    }

    /// The tools of one server, or of all, those that serve plain names included.
    pub fn tools(&self, view: &View, server: Option<&str>) -> Vec<McpTool> {
        let servers =
            view.servers().filter(|(name, _, config)| config.enabled && server.is_none_or(|one| one == *name));
        let tools = servers.flat_map(|(name, _, config)| self.tools_of(view, name, config)).collect();
        catalog::sorted(tools)
    }

    /// Restarts a server, also one that has failed, and waits for the outcome.
    ///
    /// # Errors
    /// It is not known, or it did not come up.
    pub async fn restart(&self, view: &View, server: &str) -> Result<proto::McpServer, PoolError> {
        self.has_begun().await;
        let (config, instance) = self.instance(view, server)?;
        let limit = STOP_MAX + super::server::start::timeout(config);
        match time::timeout(limit, instance.restart()).await {
            Ok(Some(_)) => Ok(self.row(view, server)),
            _ => Err(calls::not_ready(&instance)),
        }
    }

    /// The end of what a server wrote to its standard error.
    ///
    /// # Errors
    /// It is not known.
    pub fn logs(&self, view: &View, server: &str, lines: usize) -> Result<Vec<String>, PoolError> {
        if view.server(server).is_none() {
            return Err(PoolError::Unknown(server.to_owned()));
        }
        Ok(self.running(view, server).map(|instance| instance.stderr.last(lines)).unwrap_or_default())
    }

    /// Stops all servers side by side, within 8 s. Nothing starts afterwards.
    pub async fn stop(&self) {
        self.common.stopped.cancel();
        self.common.tasks.close();
        if time::timeout(STOP_MAX, self.common.tasks.wait()).await.is_err() {
            tracing::error!(tasks = self.common.tasks.len(), "MCP servers did not end in time");
        }
    }

    /// What a server offers to a view, as far as it is known.
    fn tools_of(&self, view: &View, server: &str, config: &crate::config::McpServer) -> Vec<McpTool> {
        let listed = self.listed(view, server, config);
        listed.map(|listed| catalog::tools_of(server, config, &listed)).unwrap_or_default()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.common.stopped.cancel();
    }
}

impl Serve for Pool {
    fn catalog(&self, view: &View) -> Catalog {
        let changes = self.common.changes();
        if let Some(made) = self.catalogs.get(view, changes) {
            return made;
        }
        let enabled = view.servers().filter(|(_, _, config)| config.enabled);
        let tools = enabled.flat_map(|(name, _, config)| {
            let prefixed = move |tool: &McpTool| !catalog::is_plain(config.role, &tool.tool);
            self.tools_of(view, name, config).into_iter().filter(prefixed)
        });
        let tools = catalog::sorted(tools.collect());
        self.catalogs.put(view, changes, tools)
    }

    fn role(&self, view: &View, role: Role) -> Option<String> {
        let mut servers = view.servers();
        servers.find(|(_, _, config)| config.enabled && config.role == Some(role)).map(|(name, ..)| name.to_owned())
    }

    fn offers(&self, view: &View, server: &str, tool: &str) -> bool {
        let Some((_, config)) = view.server(server).filter(|(_, config)| config.enabled) else { return false };
        config.offers(tool) && self.listed(view, server, config).is_some_and(|listed| listed.get(tool).is_some())
    }

    fn call<'a>(&'a self, view: &'a View, call: PoolCall) -> BoxFuture<'a, Result<CallResult, PoolError>> {
        Box::pin(self.serve(view, call))
    }

    fn count_fallback(&self, view: &View, server: &str) {
        if let Some(instance) = self.running(view, server) {
            instance.figures.fell_back();
        }
    }

    fn count_cut(&self, view: &View, server: &str, bytes: usize) {
        if let Some(instance) = self.running(view, server) {
            instance.figures.cut(bytes);
        }
    }

    fn note_project(&self, view: &View) {
        let has_learnt = self.note_own(&mut lock(&self.books), view);
        if let Some(tell) = self.learnt.get().filter(|_| has_learnt) {
            tell();
        }
    }

    fn required<'a>(&'a self, view: &'a View) -> BoxFuture<'a, Result<(), PoolError>> {
        Box::pin(self.all_required(view))
    }
}
