//! The MCP servers, for those who look after them and for `agentctl mcp call`.

use serde::{Deserialize, Serialize};

use crate::list;

wire! {
    /// Parameters of `mcp.list`.
    pub struct McpListRequest {
        /// Directory of a project: its own servers and its instances of project-scoped ones are listed too. Empty: the
        /// user's configuration alone.
        pub cwd: String,
    }

    /// Result of `mcp.list`.
    pub struct McpReport {
        /// By name.
        #[serde(deserialize_with = "list::any")]
        pub servers: Vec<McpServer>,
        /// The project's own file of servers; none when it has none.
        pub project: Option<McpProject>,
    }

    /// One server, or one project's instance of it.
    pub struct McpServer {
        /// Its name in the configuration.
        pub name: String,
        /// Root of the project it belongs to; empty: it serves all.
        pub project: String,
        /// `config` or `project`: which file names it.
        pub source: String,
        /// `stdio` or `http`.
        pub transport: String,
        /// Command line or URL, redacted.
        pub command: String,
        /// `filesystem`, `command` or empty.
        pub role: String,
        /// `disabled`, `unapproved`, `idle` (starts when it is needed), `starting`, `ready`, `restarting` (waits for its
        /// next try), `failed` (tries now and then), `stopping`.
        pub state: String,
        /// The last error, in one line; empty when there was none.
        pub error: String,
        /// `legacy`, `modern` or empty while it is not known.
        pub era: String,
        /// Name and version that the server gives itself, redacted.
        pub server: String,
        /// Process id; 0 when there is none.
        pub pid: u32,
        /// Milliseconds since it is ready; 0 when it is not.
        pub uptime_ms: u64,
        /// Milliseconds from start to tools listed, the last time; 0 when it never was.
        pub start_ms: u64,
        /// Milliseconds to the next try; none when none is due.
        pub next_try_ms: Option<u64>,
        /// Starts after the first, since the daemon started.
        pub restarts: u64,
        /// Tools that it offers, after include and exclude lists.
        pub tools: u32,
        /// Calls made.
        pub calls: u64,
        /// Calls that failed, time-outs included.
        pub failures: u64,
        /// Calls that took too long.
        pub timeouts: u64,
        /// Results that were cut for the model.
        pub truncated: u64,
        /// Bytes that were cut.
        pub truncated_bytes: u64,
        /// Median of the latest calls, in milliseconds; 0 when there was none.
        pub call_ms_p50: f64,
        /// 95th percentile of the latest calls, in milliseconds.
        pub call_ms_p95: f64,
        /// Calls under a plain name that the built-in tool served in its place.
        pub fallbacks: u64,
    }

    /// A project's `.mcp.json`.
    pub struct McpProject {
        /// The file.
        pub path: String,
        /// SHA-256 of its bytes, in hex: what is approved.
        pub sha256: String,
        /// True when the user approved these bytes.
        pub approved: bool,
        /// What each server would run, redacted: name, then command line or URL.
        #[serde(deserialize_with = "list::any")]
        pub servers: Vec<crate::Fact>,
        /// What is wrong with it, one sentence each.
        #[serde(deserialize_with = "list::any")]
        pub faults: Vec<String>,
        /// What is to be known about it and does no harm, one sentence each.
        #[serde(deserialize_with = "list::any")]
        pub notes: Vec<String>,
    }

    /// Parameters of `mcp.tools`.
    pub struct McpToolsRequest {
        /// Directory of the project; empty: the user's configuration alone.
        pub cwd: String,
        /// Only of this server; empty: of all.
        pub server: String,
    }

    /// Result of `mcp.tools`.
    pub struct McpToolsReport {
        /// By name.
        #[serde(deserialize_with = "list::any")]
        pub tools: Vec<McpTool>,
    }

    /// One tool of a server.
    pub struct McpTool {
        /// As the model calls it.
        pub name: String,
        /// Its server.
        pub server: String,
        /// As the server calls it.
        pub tool: String,
        /// For the model, redacted.
        pub description: String,
        /// The server says that a call changes nothing.
        pub read_only: bool,
        /// `allow` or `ask`: what happens when the model calls it.
        pub approval: String,
        /// JSON Schema of the arguments, as JSON text.
        pub schema: String,
    }

    /// Parameters of `mcp.call`.
    pub struct McpCallRequest {
        /// Directory of the project; empty: the user's configuration alone.
        pub cwd: String,
        /// The server.
        pub server: String,
        /// The tool, as the server or as the model calls it.
        pub tool: String,
        /// Arguments, a JSON object as text; empty: none.
        pub arguments: String,
        /// Most milliseconds; 0: the configured time.
        pub timeout_ms: u64,
    }

    /// Result of `mcp.call`.
    pub struct McpCallReport {
        /// What the model would read, redacted; not cut.
        pub text: String,
        /// False when the tool says that it failed.
        pub ok: bool,
        /// Milliseconds inside the daemon.
        pub elapsed_ms: f64,
    }

    /// Parameters of `mcp.restart`.
    pub struct McpRestartRequest {
        /// Directory of the project; empty: the user's configuration alone.
        pub cwd: String,
        /// The server.
        pub server: String,
    }

    /// Result of `mcp.restart`: how it is once it is up again or has failed.
    pub struct McpRestartReport {
        /// The server.
        pub server: McpServer,
    }

    /// Parameters of `mcp.logs`.
    pub struct McpLogsRequest {
        /// Directory of the project; empty: the user's configuration alone.
        pub cwd: String,
        /// The server.
        pub server: String,
        /// Most lines, from the end; 0: all that are kept.
        pub lines: u32,
    }

    /// Result of `mcp.logs`.
    pub struct McpLogsReport {
        /// What the server wrote to its standard error, redacted, oldest first.
        #[serde(deserialize_with = "list::any")]
        pub lines: Vec<String>,
    }

    /// Parameters of `mcp.approve`.
    pub struct McpApproveRequest {
        /// Directory of the project.
        pub cwd: String,
        /// SHA-256 of the file that was shown, in hex; empty: take the approval back.
        pub sha256: String,
    }

    /// Result of `mcp.approve`.
    pub struct McpApproveReport {
        /// The file, as it stands now.
        pub project: McpProject,
    }
}
