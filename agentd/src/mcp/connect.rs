//! From a server's configuration to a connection.
//!
//! - [`Connector`]: the real one, over processes and HTTP.
//! - [`cures`]: what to do about a start that failed.

mod connector;
mod cures;
mod life;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc, time::Duration};

pub use connector::Connector;

use tokio::sync::mpsc;

use super::{
    client::{Era, SharedClient, Told},
    stderr::Stderr,
};
use crate::{config::McpServer, tools::BoxFuture};

/// What is to be connected.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name in the configuration.
    pub name: String,
    /// Its configuration.
    pub server: Arc<McpServer>,
    /// The project it works for; `None`: for all.
    pub project: Option<PathBuf>,
    /// The era that it spoke the last time.
    pub era: Option<Era>,
    /// How long connecting may take.
    pub timeout: Duration,
}

/// A connection and its end.
pub struct Connection {
    /// To talk to it.
    pub client: SharedClient,
    /// Its process; 0 when it is none of ours.
    pub pid: u32,
    /// What it tells unasked. Bounded; what does not fit is dropped, for each says the same.
    pub told: mpsc::Receiver<Told>,
    /// Its life.
    pub life: Box<dyn Life>,
}

/// The life of what is connected.
pub trait Life: Send {
    /// Resolves when it has ended by itself or was killed, with one sentence about how: `exit code 1`. Of a process of
    /// ours nothing is left by then.
    fn ended(&mut self) -> BoxFuture<'_, String>;

    /// Ends it: input closed, TERM, KILL, bounded. Nothing of it is left afterwards.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Why there is no connection. Not redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ConnectError {
    /// What happened, in one sentence.
    pub what: String,
    /// What to do about it; may be empty.
    pub cure: String,
    /// False when trying again cannot help before somebody changes something: the command does not exist.
    pub retry: bool,
}

/// Makes connections.
pub trait Connect: Send + Sync {
    /// Starts what is to be started and agrees on a protocol. What the server writes to its standard error goes to
    /// `stderr`, also when this fails. When the future is dropped, nothing that it started is left a few seconds later.
    fn connect(&self, target: Target, stderr: Arc<Stderr>) -> BoxFuture<'_, Result<Connection, ConnectError>>;
}
