//! All servers, by name and project: what the rest of the daemon talks to.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    catalog::{Catalog, McpTool},
    client::{CallResult, ClientError},
    connect::Connect,
    server::State,
};
use crate::{
    config::{McpServers, Role},
    redact::Redactor,
    tools::BoxFuture,
};

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
    connect: Arc<dyn Connect>,
    state_dir: PathBuf,
}

impl Pool {
    /// A pool without servers. What it remembers between starts is in `state_dir`.
    pub fn new(connect: Arc<dyn Connect>, state_dir: PathBuf) -> Arc<Self> {
        Arc::new(Self { connect, state_dir })
    }

    /// Takes the user's servers: starts what is new, stops what is gone, restarts what has changed, leaves the rest
    /// alone. Returns at once. The first call is made after the daemon is ready.
    pub fn configure(self: &Arc<Self>, servers: Arc<McpServers>, settings: PoolSettings) {
        let _ = (servers, settings);
    }

    /// What later texts of servers go through.
    pub fn set_redactor(&self, redactor: Redactor) {
        let _ = redactor;
    }

    /// Every server of the view, by name.
    pub fn report(&self, view: &View) -> Vec<proto::McpServer> {
        let _ = (view, &self.connect, &self.state_dir);
        Vec::new()
    }

    /// The tools of one server, or of all, those that serve plain names included.
    pub fn tools(&self, view: &View, server: Option<&str>) -> Vec<McpTool> {
        let _ = (view, server);
        Vec::new()
    }

    /// Restarts a server, also one that has failed, and waits for the outcome.
    ///
    /// # Errors
    /// It is not known, or it did not come up.
    pub async fn restart(&self, view: &View, server: &str) -> Result<proto::McpServer, PoolError> {
        let _ = view;
        Err(PoolError::Unknown(server.to_owned()))
    }

    /// The end of what a server wrote to its standard error.
    ///
    /// # Errors
    /// It is not known.
    pub fn logs(&self, view: &View, server: &str, lines: usize) -> Result<Vec<String>, PoolError> {
        let _ = (view, lines);
        Err(PoolError::Unknown(server.to_owned()))
    }

    /// One line for `status`: `3 of 4 ready; git is starting`.
    pub fn describe(&self) -> String {
        String::new()
    }

    /// What is not as it should be, one sentence each, redacted.
    pub fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Stops all servers side by side, within 8 s. Nothing starts afterwards.
    pub async fn stop(&self) {}
}

impl Serve for Pool {
    fn catalog(&self, _view: &View) -> Catalog {
        Catalog::default()
    }

    fn role(&self, _view: &View, _role: Role) -> Option<String> {
        None
    }

    fn offers(&self, _view: &View, _server: &str, _tool: &str) -> bool {
        false
    }

    fn call<'a>(&'a self, _view: &'a View, call: PoolCall) -> BoxFuture<'a, Result<CallResult, PoolError>> {
        Box::pin(async move { Err(PoolError::Unknown(call.server)) })
    }

    fn count_fallback(&self, _view: &View, _server: &str) {}

    fn count_cut(&self, _view: &View, _server: &str, _bytes: usize) {}

    fn required<'a>(&'a self, _view: &'a View) -> BoxFuture<'a, Result<(), PoolError>> {
        Box::pin(async { Ok(()) })
    }
}
