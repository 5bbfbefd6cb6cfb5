//! `[mcp_servers.NAME]`: what is known of an MCP server before it runs.
//!
//! The shape is Codex's, with keys of ours beside it. Holds no secret by itself: what a server gets of the environment
//! is named (`env_vars`, `bearer_token_env_var`, `env_http_headers`), not written down. A value in `env` or
//! `http_headers` may still be one; it is known to the redactor and never shown.
//!
//! - [`parse`]: the section of the file. [`check`]: rules that hold whatever file a server comes from.
//! - [`show`]: as TOML and JSON again, values masked. [`secrets`]: which values the redactor should know.

pub mod check;
pub mod parse;
pub mod secrets;
pub mod show;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// All servers by name.
pub type McpServers = BTreeMap<String, McpServer>;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServer {
    /// How it is reached.
    pub transport: Transport,
    /// `enabled`. Default true.
    pub enabled: bool,
    /// `required`: an ask waits for it to start, and fails when it does not. Default false.
    pub required: bool,
    /// `role`: it serves plain tool names. Default none.
    pub role: Option<Role>,
    /// `scope`: `user` is one process for all, `project` one for each project root. Default `user`.
    pub scope: Scope,
    /// `lazy`: started when a tool of it is first called. Always true for `scope = "project"`. Default false.
    pub lazy: bool,
    /// `protocol`: `auto`, `legacy`, `modern`. Default `auto`.
    pub protocol: Protocol,
    /// `startup_timeout_sec` or `startup_timeout_ms`: from spawn to tools listed. Default 30 s, 120 s for npx, uvx and
    /// docker, whose first run installs.
    pub startup_timeout: Option<Duration>,
    /// `tool_timeout_sec`: a call without progress ends after it. Default 60 s; with `role = "command"` it is
    /// `exec.command_timeout` and 5 s of grace.
    pub tool_timeout: Option<Duration>,
    /// `enabled_tools`: only these. Default all.
    pub enabled_tools: Option<Vec<String>>,
    /// `disabled_tools`: not these. Default none.
    pub disabled_tools: Vec<String>,
    /// `default_tools_approval_mode`. Default `auto`.
    pub approval: ApprovalMode,
    /// `tools.NAME.approval_mode`.
    pub tool_approval: BTreeMap<String, ApprovalMode>,
    /// `supports_parallel_tool_calls`: calls of tools that change something may overlap. Default false.
    pub parallel: bool,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A process of ours.
    Stdio(StdioServer),
    /// Somebody else's, over Streamable HTTP.
    Http(HttpServer),
}

/// A server that is a process of ours. `${workspaceFolder}` in `args`, `env` and `cwd` is the project root, for
/// `scope = "project"` only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StdioServer {
    /// `command`: a program in the search path, or a path.
    pub command: String,
    /// `args`.
    pub args: Vec<String>,
    /// `env`: variables with their values.
    pub env: BTreeMap<String, String>,
    /// `env_vars`: variables passed on from the daemon's environment. Never the provider's key.
    pub env_vars: Vec<String>,
    /// `cwd`. Default: the project root, or the state directory for `scope = "user"`.
    pub cwd: Option<PathBuf>,
}

/// A server behind a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpServer {
    /// `url`: http or https, without credentials in it.
    pub url: String,
    /// `bearer_token_env_var`: name of the variable that holds the token.
    pub bearer_token_env_var: Option<String>,
    /// `http_headers`: headers with their values.
    pub http_headers: BTreeMap<String, String>,
    /// `env_http_headers`: headers with names of the variables that hold their values.
    pub env_http_headers: BTreeMap<String, String>,
}

/// The plain names that a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Those of the reference filesystem server.
    Filesystem,
    /// `shell_execute`.
    Command,
}

impl Role {
    /// As it is spelled in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Command => "command",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Filesystem, Self::Command].into_iter().find(|role| role.name() == word)
    }
}

/// Who shares a server's process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everybody.
    #[default]
    User,
    /// Who asks in the same project.
    Project,
}

impl Scope {
    /// As it is spelled in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::User, Self::Project].into_iter().find(|one| one.name() == word)
    }
}

/// Which protocol era is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Found out at the first start and remembered.
    #[default]
    Auto,
    /// 2025-11-25 and before: `initialize`, `ping`.
    Legacy,
    /// 2026-07-28: stateless, `server/discover`.
    Modern,
}

impl Protocol {
    /// As it is spelled in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Auto, Self::Legacy, Self::Modern].into_iter().find(|one| one.name() == word)
    }
}

/// What happens when the model calls a tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApprovalMode {
    /// Allowed when the server says that it only reads, else the user is asked.
    #[default]
    Auto,
    /// The user is asked.
    Prompt,
    /// Allowed.
    Approve,
}

impl ApprovalMode {
    /// As it is spelled in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Prompt => "prompt",
            Self::Approve => "approve",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Auto, Self::Prompt, Self::Approve].into_iter().find(|one| one.name() == word)
    }
}

impl McpServer {
    /// A server with every default.
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            enabled: true,
            required: false,
            role: None,
            scope: Scope::default(),
            lazy: false,
            protocol: Protocol::default(),
            startup_timeout: None,
            tool_timeout: None,
            enabled_tools: None,
            disabled_tools: Vec::new(),
            approval: ApprovalMode::default(),
            tool_approval: BTreeMap::new(),
            parallel: false,
        }
    }

    /// True when it is started only when it is needed.
    pub fn is_lazy(&self) -> bool {
        self.lazy || self.scope == Scope::Project
    }

    /// True when its tool list leaves this one in.
    pub fn offers(&self, tool: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == tool);
        self.enabled_tools.as_deref().is_none_or(named) && !named(&self.disabled_tools)
    }
}
