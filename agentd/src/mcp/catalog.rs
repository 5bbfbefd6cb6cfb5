//! The tools of a moment, under the names that the model sees.
//!
//! A catalog is a snapshot: a conversation keeps the one it began with, so that the prompt prefix stays as it is while
//! servers come and go. Two catalogs with the same tools are equal, whatever the state of the servers.

use std::sync::Arc;

use serde_json::Value;

use crate::config::ApprovalMode;

/// A tool of a server under the name that the model calls it by.
#[derive(Debug, Clone, PartialEq)]
pub struct McpTool {
    /// `mcp__server__tool`: `[A-Za-z0-9_-]`, at most 64 characters, unique, stable over restarts.
    pub name: String,
    /// Its server's name in the configuration.
    pub server: String,
    /// As the server calls it.
    pub tool: String,
    /// For the model; redacted.
    pub description: String,
    /// JSON Schema of the arguments, an object, as the server gave it; its texts are redacted.
    pub schema: Value,
    /// The server says that a call changes nothing.
    pub read_only: bool,
    /// The server says that a second equal call changes nothing more.
    pub idempotent: bool,
    /// What happens when the model calls it.
    pub approval: ApprovalMode,
    /// Calls may overlap although they change something.
    pub parallel: bool,
}

/// All tools that a project sees, without those that serve plain names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// Sorted by name.
    pub tools: Arc<[McpTool]>,
}

impl Catalog {
    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<&McpTool> {
        let at = self.tools.binary_search_by(|tool| tool.name.as_str().cmp(name)).ok()?;
        self.tools.get(at)
    }
}
