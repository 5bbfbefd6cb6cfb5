//! One connection to one MCP server, behind a trait. The only module that names rmcp.
//!
//! Owns what the rest of the daemon may assume of a server: every call ends within its deadline, lists and lines are
//! bounded, a call that is given up is cancelled at the server, and the end of the connection fails what is under way
//! at once.
//!
//! - [`mod@line`], [`ids`], [`flight`], [`pipe`]: messages over the standard streams of a process.
//! - [`http`]: messages over Streamable HTTP.
//! - [`greet`], [`negotiate`]: which protocol is spoken, on one connection and over several.
//! - [`rpc`], [`answers`], [`changes`], [`handler`]: a connection at work.

mod answers;
mod changes;
mod flight;
mod greet;
mod handler;
pub(crate) mod http;
mod ids;
mod line;
pub(crate) mod negotiate;
mod open;
mod pipe;
mod rpc;
#[cfg(test)]
mod tests;
mod watched;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

pub(crate) use greet::Greeting;
pub use handler::Questions;
pub(crate) use open::Opening;

use crate::tools::BoxFuture;

/// Longest line or event that a server may send. A larger one fails the call that it answers, at once.
pub const LINE_MAX: usize = 32 << 20;
/// Most pages of a tool list.
pub const PAGES_MAX: usize = 20;
/// Most tools of one server.
pub const TOOLS_MAX: usize = 500;
/// A call ends after this long, whatever progress it reports.
pub const CALL_CAP: Duration = Duration::from_secs(600);

/// Which of the two protocols a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// 2025-11-25 and before.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Era {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its name, not redacted.
    pub name: String,
    /// Its version, not redacted.
    pub version: String,
    /// The protocol version that was agreed on.
    pub protocol: String,
}

/// A tool as its server describes it. Not redacted.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RemoteTool {
    /// As the server calls it.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments, an object, as it came.
    pub schema: Value,
    /// The server says that a call changes nothing (`readOnlyHint`).
    pub read_only: bool,
    /// The server says that a second equal call changes nothing more (`idempotentHint`).
    pub idempotent: bool,
}

/// All tools of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolList {
    /// In the server's order; at most [`TOOLS_MAX`].
    pub tools: Vec<RemoteTool>,
    /// What was left out, one sentence each: a cap was reached, a name stood twice.
    pub left_out: Vec<String>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The tool, as the server calls it.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Without progress it ends after this long; [`CALL_CAP`] bounds the whole.
    pub timeout: Duration,
    /// Ends it early; the server is told.
    pub cancel: CancellationToken,
}

/// What a call came to. Not redacted, not cut.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// In the server's order.
    pub content: Vec<Part>,
    /// `structuredContent`.
    pub structured: Option<Value>,
    /// `isError`: the tool says that it failed.
    pub is_error: bool,
}

/// A piece of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// What is not text, described for the model: an image, audio, a resource or a link to one.
    Other(String),
}

/// Why a request to a server failed. Texts are not redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The connection ended before the answer came.
    #[error("the server ended before it answered")]
    Closed,
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The caller gave up.
    #[error("cancelled")]
    Cancelled,
    /// The answer is larger than [`LINE_MAX`], or it is not JSON, or it is no answer to this request.
    #[error("{0}")]
    BadAnswer(String),
    /// The server answered with an error.
    #[error("MCP error {code}: {message}")]
    Rpc {
        /// JSON-RPC code.
        code: i64,
        /// The server's words.
        message: String,
    },
    /// The server could not be written to or reached.
    #[error("{0}")]
    Transport(String),
}

/// What a server tells without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Its tools have changed.
    ToolsChanged,
}

/// A connection.
pub trait Client: Send + Sync {
    /// Which protocol is spoken.
    fn era(&self) -> Era;

    /// What the server says of itself.
    fn info(&self) -> &ServerInfo;

    /// All its tools, within `timeout`.
    fn list_tools(&self, timeout: Duration) -> BoxFuture<'_, Result<ToolList, ClientError>>;

    /// Calls a tool.
    fn call(&self, request: CallRequest) -> BoxFuture<'_, Result<CallResult, ClientError>>;

    /// Whether it still answers: `ping`, or `server/discover` in the modern era.
    fn check(&self, timeout: Duration) -> BoxFuture<'_, Result<(), ClientError>>;
}

/// A connection that is shared.
pub type SharedClient = Arc<dyn Client>;
