//! Requests and what answers them: one table, from which the method names, the access classes and both codecs follow.
//!
//! Append-only: a new request goes to the end of the table, a new field to the end of its struct with a default.
//! `status` and `stop` are frozen, so that any client can talk to any daemon.

use serde::{Deserialize, Serialize};

use crate::{list, rpc::RequestId};

pub use self::{cache::*, mcp::*, memory::*, sessions::*};

/// Who may send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccessClass {
    /// Looks only. The daemon's own user and every uid in `server.allow_uids`.
    Read,
    /// Costs money or changes a session. The same users.
    Ask,
    /// Changes the daemon itself. The daemon's own user only.
    Admin,
}

/// The table: `Variant(Params) -> Result, "method", Access`.
macro_rules! requests {
    ($($(#[$doc:meta])* $variant:ident($params:ident) -> $result:ident, $method:literal, $access:ident;)*) => {
        /// Everything a client can ask for.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
        pub enum Request {
            $($(#[$doc])* $variant($params),)*
        }

        /// The result of each request, under the same name.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
        pub enum Response {
            $(#[doc = concat!("Answers `", $method, "`.")] $variant($result),)*
        }

        impl Request {
            /// All method names, in the order of the table.
            pub const METHODS: &[&str] = &[$($method),*];

            /// The JSON-RPC method name.
            pub const fn method(&self) -> &'static str {
                match self { $(Self::$variant(_) => $method,)* }
            }

            /// Who may send it.
            pub const fn access(&self) -> AccessClass {
                match self { $(Self::$variant(_) => AccessClass::$access,)* }
            }

            /// From a method name and its parameters as JSON text; `None` for an unknown method.
            pub(crate) fn from_json(method: &str, params: &str) -> Option<Result<Self, serde_json::Error>> {
                match method {
                    $($method => Some(serde_json::from_str::<$params>(params).map(Self::$variant)),)*
                    _ => None,
                }
            }

            pub(crate) fn params_json(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(params) => serde_json::to_string(params),)* }
            }
        }

        impl Response {
            /// From the method that was asked and the result as JSON text; `None` for an unknown method.
            pub(crate) fn from_json(method: &str, result: &str) -> Option<Result<Self, serde_json::Error>> {
                match method {
                    $($method => Some(serde_json::from_str::<$result>(result).map(Self::$variant)),)*
                    _ => None,
                }
            }

            pub(crate) fn result_json(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(result) => serde_json::to_string(result),)* }
            }
        }

        $(impl From<$result> for Response {
            fn from(result: $result) -> Self { Self::$variant(result) }
        })*

        /// Calls `visit` with the name, access class and the two schemas of every method.
        #[cfg(any(test, feature = "schema"))]
        pub(crate) fn visit_schemas(
            generator: &mut schemars::SchemaGenerator,
            mut visit: impl FnMut(&'static str, AccessClass, schemars::Schema, schemars::Schema),
        ) {
            $(visit(
                $method,
                AccessClass::$access,
                generator.subschema_for::<$params>(),
                generator.subschema_for::<$result>(),
            );)*
        }
    };
}

requests! {
    /// How the daemon is. Frozen.
    Status(StatusRequest) -> StatusReport, "status", Read;
    /// Stop after draining. Frozen.
    Stop(StopRequest) -> StopReport, "stop", Admin;
    /// Cancel a running turn, also one of another connection.
    Cancel(CancelRequest) -> CancelReport, "cancel", Ask;
    /// Ask the agent. Events follow until the answer or an error.
    Ask(AskRequest) -> Answer, "ask", Ask;
    /// Answer an approval event of a running turn.
    Approve(ApproveRequest) -> ApproveReport, "approve", Ask;
    /// Read the configuration again; the old one stays when the new one has faults.
    Reload(ReloadRequest) -> ReloadReport, "reload", Admin;
    /// The sessions of a project, or of all.
    SessionsList(SessionsListRequest) -> SessionsReport, "sessions.list", Read;
    /// One session: its conversations, files and task.
    SessionsShow(SessionsShowRequest) -> SessionDetail, "sessions.show", Read;
    /// Forget one session, or all of a project.
    SessionsClear(SessionsClearRequest) -> ClearReport, "sessions.clear", Ask;
    /// The models the provider offers, with our prices.
    Models(ModelsRequest) -> ModelsReport, "models", Read;
    /// The cached answers of a project, or of all.
    CacheList(CacheListRequest) -> CacheReport, "cache.list", Read;
    /// Why a question is answered from memory, or is not.
    CacheWhy(CacheWhyRequest) -> WhyReport, "cache.why", Read;
    /// Take a wrong answer out, and never serve it for that question again.
    CacheReject(CacheRejectRequest) -> RejectReport, "cache.reject", Ask;
    /// Drop the cached answers of a project, or all of the asking user.
    CacheClear(CacheClearRequest) -> CacheClearReport, "cache.clear", Ask;
    /// Hits, misses and refusals since the start.
    CacheStats(CacheStatsRequest) -> CacheStatsReport, "cache.stats", Read;
    /// What is kept: counts, bytes, caps, ages, the last backup.
    MemoryStatus(MemoryStatusRequest) -> MemoryReport, "memory.status", Read;
    /// The preferences that apply.
    PrefsList(PrefsListRequest) -> PrefsReport, "memory.prefs", Read;
    /// Set a preference.
    PrefsSet(PrefsSetRequest) -> PrefsSetReport, "memory.prefs.set", Ask;
    /// Unset a preference.
    PrefsUnset(PrefsUnsetRequest) -> PrefsUnsetReport, "memory.prefs.unset", Ask;
    /// Write a backup.
    Backup(BackupRequest) -> BackupReport, "memory.backup", Admin;
    /// Replace the memory by a backup, after all of it was checked.
    Restore(RestoreRequest) -> RestoreReport, "memory.restore", Admin;
    /// What is kept of the asking user, page by page, for people.
    Export(ExportRequest) -> ExportPage, "memory.export", Read;
    /// Erase what is kept of the asking user: a conversation, a project, or all.
    Forget(ForgetRequest) -> ForgetReport, "memory.forget", Ask;
    /// The MCP servers and how they are.
    McpList(McpListRequest) -> McpReport, "mcp.list", Read;
    /// The tools of the MCP servers, as the model is told about them.
    McpTools(McpToolsRequest) -> McpToolsReport, "mcp.tools", Read;
    /// Call a tool of an MCP server.
    McpCall(McpCallRequest) -> McpCallReport, "mcp.call", Admin;
    /// Restart an MCP server, also one that has failed.
    McpRestart(McpRestartRequest) -> McpRestartReport, "mcp.restart", Admin;
    /// What an MCP server wrote to its standard error.
    McpLogs(McpLogsRequest) -> McpLogsReport, "mcp.logs", Admin;
    /// Approve a project's own file of MCP servers, or take that back.
    McpApprove(McpApproveRequest) -> McpApproveReport, "mcp.approve", Admin;
}

/// Shared derives of every wire struct.
macro_rules! wire {
    ($($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
            #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
            #[serde(default)]
            pub struct $name { $($body)* }
        )*
    };
}

mod cache;
mod mcp;
mod memory;
mod sessions;

wire! {
    /// Parameters of `status`: none.
    pub struct StatusRequest {}

    /// Result of `status`. Frozen: later facts go into `facts`, later warnings into `warnings`.
    pub struct StatusReport {
        /// Version of the daemon, as in its hello.
        pub version: String,
        /// Protocol version, `major.minor`.
        pub protocol: String,
        /// Process id.
        pub pid: u32,
        /// Seconds since the daemon was ready.
        pub uptime_s: u64,
        /// The socket it listens on.
        pub socket: String,
        /// Its state directory.
        pub state_dir: String,
        /// True while it stops.
        pub draining: bool,
        /// Open connections.
        pub connections: u32,
        /// Turns running now.
        pub turns: u32,
        /// Further facts: provider, model, configuration file, sandbox …
        #[serde(deserialize_with = "list::any")]
        pub facts: Vec<Fact>,
        /// What is not as it should be, one sentence each.
        #[serde(deserialize_with = "list::any")]
        pub warnings: Vec<String>,
    }

    /// A named fact for people and scripts.
    pub struct Fact {
        /// Stable name in snake case.
        pub name: String,
        /// The value as text.
        pub value: String,
    }

    /// Parameters of `stop`. Frozen.
    pub struct StopRequest {
        /// Refuse (kind `refused`) while turns run, instead of draining them.
        pub if_idle: bool,
    }

    /// Result of `stop`: sent before the daemon drains. Frozen.
    pub struct StopReport {
        /// Process id that is about to end.
        pub pid: u32,
        /// Turns that are drained first.
        pub turns: u32,
    }

    /// Parameters of `cancel`: one of the two.
    pub struct CancelRequest {
        /// Id of the `ask` request. Your own connection's is meant first, then any other of your user.
        pub id: Option<RequestId>,
        /// Turn id from the `started` event.
        pub turn: Option<String>,
    }

    /// Result of `cancel`.
    pub struct CancelReport {
        /// Turns that were cancelled: 0 when it had already ended.
        pub cancelled: u32,
    }

    /// Parameters of `ask`.
    pub struct AskRequest {
        /// The question. Must not be blank.
        pub prompt: String,
        /// Texts that belong to the question: standard input, files. At most 1,024.
        #[serde(deserialize_with = "list::at_most::<{ list::ATTACHMENTS_MAX }, _, _>")]
        #[cfg_attr(any(test, feature = "schema"), schemars(length(max = list::ATTACHMENTS_MAX)))]
        pub attachments: Vec<Attachment>,
        /// Working directory of the asker, absolute. The project is found from it.
        pub cwd: String,
        /// Session name; empty: `default`.
        pub session: String,
        /// Go on with the session's last conversation instead of starting a new one.
        pub continue_conversation: bool,
        /// Model name; empty: the configured one.
        pub model: String,
        /// Most model calls of this turn; 0: the configured number.
        pub max_turns: u32,
        /// Most milliseconds without a sign of life from the provider; 0: the configured number.
        pub timeout_ms: u64,
        /// True when the client can answer `approval` events. False: what would need one is refused.
        pub interactive: bool,
        /// Keep running when this connection closes.
        pub detach: bool,
        /// Leave no trace in the session.
        pub ephemeral: bool,
        /// Send `reasoning` events too.
        pub reasoning: bool,
        /// Ask the model also when the answer is in memory; the new answer takes the old one's place.
        pub fresh: bool,
        /// Take the similar answer that an earlier reply offered, if what it rests on is unchanged.
        pub reuse: bool,
    }

    /// A named text that travels with a question.
    pub struct Attachment {
        /// File name, or `stdin`.
        pub name: String,
        /// Its text.
        pub text: String,
    }

    /// Result of `ask`.
    pub struct Answer {
        /// The final text of the model, or of the offline search.
        pub answer: String,
        /// Where it comes from.
        pub source: Source,
        /// Session name.
        pub session: String,
        /// Conversation id.
        pub conversation: String,
        /// Model that was asked; empty when offline.
        pub model: String,
        /// Tokens, as the provider counted them.
        pub usage: Usage,
        /// Price in US dollars at the time the request started; none when unknown.
        pub cost_usd: Option<f64>,
        /// What a cached answer saved, in US dollars; none when nothing was saved or it is unknown.
        pub saved_usd: Option<f64>,
        /// Model calls made.
        pub turns: u32,
        /// Tool calls made, in order.
        #[serde(deserialize_with = "list::any")]
        pub tool_calls: Vec<ToolCallReport>,
        /// Secrets that were replaced before anything left the daemon.
        pub redactions: u32,
        /// Milliseconds from the request to the answer.
        pub elapsed_ms: u64,
        /// The cached answer that this is; none when it is a new one.
        pub cached: Option<Cached>,
        /// On a miss: an answer in memory whose question is alike, and which was not taken unasked.
        pub similar: Option<Similar>,
        /// On a miss: why the answer in memory was not taken, such as a file that has changed. Empty when there was none.
        pub miss: String,
    }

    /// Where a cached answer comes from.
    pub struct Cached {
        /// Id for `cache.why` and `cache.reject`.
        pub id: String,
        /// The question it was given to, redacted.
        pub question: String,
        /// Seconds since then.
        pub age_s: u64,
        /// Files, listings and searches that were verified for this reply.
        pub dependencies: u32,
        /// Served by coverage and guards alone: `answers.similarity = "lenient"`, or `reuse`.
        pub lenient: bool,
    }

    /// A question in memory that is like the one asked.
    pub struct Similar {
        /// The question, redacted.
        pub question: String,
        /// How much of the two is the same, 0 to 1.
        pub score: f64,
        /// Seconds since it was answered.
        pub age_s: u64,
    }

    /// Tokens of a turn, all model calls added up.
    pub struct Usage {
        /// Tokens sent; the sum of the two below.
        pub prompt_tokens: u64,
        /// Tokens received, reasoning included.
        pub completion_tokens: u64,
        /// Sent tokens that the provider had in its prefix cache.
        pub cache_hit_tokens: u64,
        /// Sent tokens that it had not.
        pub cache_miss_tokens: u64,
    }

    /// One tool call of an answer.
    pub struct ToolCallReport {
        /// Tool name.
        pub name: String,
        /// What policy said.
        pub verdict: Verdict,
        /// False when the tool failed or was not run.
        pub ok: bool,
        /// The MCP server that served it; empty: built in.
        pub server: String,
        /// Why a built-in tool served it in an MCP server's place; empty: it did not.
        pub fallback: String,
    }

    /// Parameters of `approve`.
    pub struct ApproveRequest {
        /// Number from the `approval` event.
        pub approval: u64,
        /// The user's word.
        pub decision: Decision,
    }

    /// Result of `approve`.
    pub struct ApproveReport {
        /// False when nobody waits for this approval any more.
        pub accepted: bool,
    }

    /// Parameters of `reload`: none.
    pub struct ReloadRequest {}

    /// Result of `reload`.
    pub struct ReloadReport {
        /// Keys whose value changed, `section.key`.
        #[serde(deserialize_with = "list::any")]
        pub changed: Vec<String>,
        /// Changed keys that need a restart to take effect.
        #[serde(deserialize_with = "list::any")]
        pub restart_needed: Vec<String>,
    }

    /// Parameters of `models`: none.
    pub struct ModelsRequest {}

    /// Result of `models`.
    pub struct ModelsReport {
        /// Provider kind in use.
        pub provider: String,
        /// The configured model.
        pub current: String,
        /// What the provider lists.
        #[serde(deserialize_with = "list::any")]
        pub models: Vec<ModelInfo>,
    }

    /// One model.
    pub struct ModelInfo {
        /// Name to pass as `model`.
        pub id: String,
        /// Dollars per million tokens now: prefix-cache hit, miss, output; none when unknown.
        pub price: Option<Price>,
    }

    /// US dollars per million tokens.
    pub struct Price {
        /// Prompt tokens found in the provider's prefix cache.
        pub hit: f64,
        /// Other prompt tokens.
        pub miss: f64,
        /// Output tokens.
        pub output: f64,
        /// True inside the provider's peak window.
        pub peak: bool,
    }
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The model answered.
    #[default]
    Model,
    /// The same question about unchanged code, from memory.
    Exact,
    /// An equal question in other words, by rule.
    Near,
    /// An equal question in other words, confirmed by a small model call.
    Verdict,
    /// Found in the project's files without a model.
    Offline,
}

/// What policy said of a tool call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Allowed by rule.
    #[default]
    Allow,
    /// Asked for, and the user agreed.
    Approved,
    /// Asked for, and the user said no.
    Declined,
    /// Denied by rule, or nobody was there to ask.
    Denied,
}

/// The user's word on an approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Not this call; the model is told.
    #[default]
    No,
    /// This call only.
    Once,
    /// This call and every equal one of this session, until the daemon ends.
    Session,
}
