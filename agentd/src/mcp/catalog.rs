//! The tools of a moment, under the names that the model sees.
//!
//! A catalog is a snapshot: a conversation keeps the one it began with, so that the prompt prefix stays as it is while
//! servers come and go. Two catalogs with the same tools are equal, whatever the state of the servers.

mod cache;
mod names;

use std::sync::Arc;

use serde_json::Value;

use super::{client::RemoteTool, shown::Listed};
use crate::config::{ApprovalMode, McpServer, Role};

pub(super) use cache::Catalogs;

/// A tool of a server under the name that the model calls it by.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// Names that the built-in file tools serve, and two of the reference server that would only repeat them: an old name
/// of `read_text_file`, and the directories of the machine, which a model has no use for.
const FILESYSTEM: [&str; 12] = [
    "create_directory",
    "directory_tree",
    "edit_file",
    "get_file_info",
    "list_allowed_directories",
    "list_directory",
    "move_file",
    "read_file",
    "read_multiple_files",
    "read_text_file",
    "search_files",
    "write_file",
];
/// The name that the built-in command tool serves.
const COMMAND: [&str; 1] = ["shell_execute"];

/// True when a server of this role serves the tool under its plain name, so that no catalog has it.
pub fn is_plain(role: Option<Role>, tool: &str) -> bool {
    match role {
        Some(Role::Filesystem) => FILESYSTEM.contains(&tool),
        Some(Role::Command) => COMMAND.contains(&tool),
        None => false,
    }
}

/// A server's tools as the configuration lets them be seen, those that serve plain names under these.
pub(super) fn tools_of(server: &str, config: &McpServer, listed: &Listed) -> Vec<McpTool> {
    let offered = listed.tools.iter().filter(|tool| config.offers(&tool.name));
    offered.map(|tool| tool_of(server, config, tool)).collect()
}

fn tool_of(server: &str, config: &McpServer, tool: &RemoteTool) -> McpTool {
    let plain = is_plain(config.role, &tool.name);
    McpTool {
        name: if plain { tool.name.clone() } else { names::name(server, &tool.name) },
        server: server.to_owned(),
        tool: tool.name.clone(),
        description: tool.description.clone(),
        schema: tool.schema.clone(),
        read_only: tool.read_only,
        idempotent: tool.idempotent,
        approval: config.tool_approval.get(&tool.name).copied().unwrap_or(config.approval),
        parallel: config.parallel,
    }
}

/// Sorted by name; of two with the same name the first by server and tool, whatever order they came in.
pub(super) fn sorted(mut tools: Vec<McpTool>) -> Vec<McpTool> {
    tools.sort_by(|a, b| (&a.name, &a.server, &a.tool).cmp(&(&b.name, &b.server, &b.tool)));
    tools.dedup_by(|later, first| later.name == first.name);
    tools
}
