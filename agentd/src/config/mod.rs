//! The configuration: parsed raw, checked against one table of keys, all faults reported together.
//!
//! Owns [`Config`] and the only way to make one: defaults, then the user's file, then the environment
//! ([`Config::load`]), then, per project, the project's own file, which may only tighten ([`tighten`]). Parsing,
//! environment names, `config show`, `config get` and the documentation all follow from [`KEYS`].
//!
//! Refuses unknown keys, wrong types, impossible values, and a file that somebody else can write. Never stops at the
//! first fault. Never quotes a value that may be a key pasted into the wrong place. Holds no secret itself: it names
//! where the provider's key is, and refuses a URL that carries one.

mod document;
pub mod edit;
mod fault;
mod file;
mod key;
mod kind;
mod load;
pub mod mcp;
mod project;
pub mod rewrite;
mod rules;
mod table;
mod url;

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::redact::Settings;

pub use fault::{Fault, Faults, Place};
pub use key::{Key, Project, Reload};
pub use kind::{Kind, Value};
pub use load::{Diff, Env, Loaded, Source, file_path};
pub use mcp::{ApprovalMode, HttpServer, McpServer, McpServers, Protocol, Role, Scope, StdioServer, Transport};
pub use project::{PROJECT_FILE, tighten};
pub(crate) use table::nearest;
pub use table::{KEYS, nearest_key};

/// A checked configuration. Every field has a default; every key is in the table that `config show` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[provider]`.
    pub provider: ProviderConfig,
    /// `[memory]`.
    pub memory: MemoryConfig,
    /// `[answers]`.
    pub answers: AnswersConfig,
    /// `[exec]`.
    pub exec: ExecConfig,
    /// `[limits]`.
    pub limits: LimitsConfig,
    /// `[server]`.
    pub server: ServerConfig,
    /// `[redact]`.
    pub redact: RedactConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[chat]`: read by the client through `agentd config get`.
    pub chat: ChatConfig,
    /// `[mcp_servers.NAME]`.
    pub mcp_servers: Arc<McpServers>,
}

/// `[provider]`: which model answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderConfig {
    /// `kind`: `auto`, `deepseek`, `openai`, `ollama`, `offline`. Default `auto`.
    pub kind: ProviderKind,
    /// `base_url`: endpoint without `/chat/completions`. Default none (then the kind's own).
    pub base_url: Option<String>,
    /// `model`. Default none (then the kind's own).
    pub model: Option<String>,
    /// `thinking`: model thinks before it answers. Default true.
    pub thinking: bool,
    /// `api_key_env`: name of the variable that holds the key. Default `DEEPSEEK_API_KEY`.
    pub api_key_env: String,
    /// `api_key_file`: file of mode 0600 that holds the key. Default none.
    pub api_key_file: Option<PathBuf>,
    /// `idle_timeout`: seconds without a sign of life from the provider. Default 120.
    pub idle_timeout: Duration,
    /// `max_tokens`: most tokens of one reply, 0 = provider's own. Default 8192.
    pub max_tokens: u32,
    /// `max_attempts`: tries of one model call. Default 4.
    pub max_attempts: u32,
    /// `max_concurrent`: model calls at once. Default 32.
    pub max_concurrent: u32,
}

/// See [`ProviderConfig::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// Key, configured endpoint, Ollama, offline: the first that is there.
    Auto,
    /// api.deepseek.com or `base_url` with DeepSeek's rules.
    Deepseek,
    /// Any OpenAI-compatible endpoint at `base_url`.
    Openai,
    /// Ollama on 127.0.0.1:11434 or `base_url`.
    Ollama,
    /// No model: answers from the project's files.
    Offline,
}

impl ProviderKind {
    /// As it is spelled in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Deepseek => "deepseek",
            Self::Openai => "openai",
            Self::Ollama => "ollama",
            Self::Offline => "offline",
        }
    }
}

/// `[memory]`: bounds of what is kept, in RAM and beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryConfig {
    /// `max_conversation_history` (also MAX_CONVERSATION_HISTORY): conversations of one session. Default 10.
    pub max_conversation_history: usize,
    /// `max_session_files` (also MAX_SESSION_FILES): files of one session. Default 30.
    pub max_session_files: usize,
    /// `max_persistent_conversations` (also MAX_PERSISTENT_CONV): conversations that outlive the daemon. Default 20.
    pub max_persistent_conversations: usize,
    /// `cache_size` (also CACHE_SIZE): answers kept. Default 300.
    pub cache_size: usize,
    /// `keep_days`: days after its last use that an answer or a conversation is kept. Default 90.
    pub keep_days: u32,
    /// `backups`: how many are kept. Default 7.
    pub backups: usize,
    /// `recollections`: remind the model of earlier conversations. Default true.
    pub recollections: bool,
}

/// `[answers]`: which questions share an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswersConfig {
    /// `similarity`: `verdict`, `strict`, `lenient`, `exact`, `off`. Default `verdict`.
    pub similarity: Similarity,
    /// `verdict`: the model may be asked about two questions. Default true.
    pub verdict: bool,
}

/// How alike two questions must be to share an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Similarity {
    /// Equal by rule, or a small model call says so.
    Verdict,
    /// Equal by rule.
    Strict,
    /// As `Verdict`, and also what is alike enough with no rule against it.
    Lenient,
    /// The same words.
    Exact,
    /// No answer is kept or served.
    Off,
}

impl Similarity {
    /// As it is spelled in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Strict => "strict",
            Self::Lenient => "lenient",
            Self::Exact => "exact",
            Self::Off => "off",
        }
    }
}

/// `[exec]`: commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// `command_timeout` seconds (also COMMAND_TIMEOUT). Default 30.
    pub command_timeout: Duration,
    /// `output_cap` bytes. Default 262144.
    pub output_cap: usize,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsConfig {
    /// `max_turns`: model calls of one ask. Default 30.
    pub max_turns: u32,
    /// `result_cap`: bytes of a tool result that reach the model. Default 65536.
    pub result_cap: usize,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `allow_uids`: further users who may read and ask. Default empty. Needs a restart.
    pub allow_uids: Vec<u32>,
    /// `drain_timeout` seconds for running turns at stop. Default 10.
    pub drain_timeout: Duration,
}

/// `[redact]`: what is hidden beyond the table of kinds, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactConfig {
    /// `redact_outbound`: hide secrets from the provider too. Default true.
    pub outbound: bool,
    /// `personal`: also personal data. Default false: code is full of look-alikes.
    pub personal: bool,
    /// `rules`: the user's own, name and regular expression. Default none.
    pub rules: Vec<(String, String)>,
    /// `allow`: values that are never hidden, literal or as `sha256:HEX`. Default none.
    pub allow: Vec<String>,
}

impl RedactConfig {
    /// What of it the engine needs.
    pub fn settings(&self) -> Settings {
        Settings { personal: self.personal, rules: self.rules.clone(), allow: self.allow.clone() }
    }
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `level`: `error`, `warn`, `info`, `debug`, `trace`. Default `info`.
    pub level: String,
    /// `keep_days`. Default 7.
    pub keep_days: u32,
    /// `max_total_mb`: all log files together. Default 64.
    pub max_total_mb: u64,
}

/// `[chat]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatConfig {
    /// `history_file`: where `agentctl chat` keeps its lines. Default none: RAM only.
    pub history_file: Option<PathBuf>,
}
