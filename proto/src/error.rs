//! Failures as they travel: a kind, a message, a hint, and the two codes that follow from the kind.

use serde::{Deserialize, Serialize};

/// What went wrong, in one word. Append-only.
///
/// The kind decides the client's exit code ([`ErrorKind::exit_code`]) and the JSON-RPC error code
/// ([`ErrorKind::rpc_code`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Any failure without a kind of its own.
    Failure,
    /// A fault inside the daemon: a handler panicked. The daemon lives on.
    Internal,
    /// The line or frame is not a message of this protocol.
    Protocol,
    /// The method is not known to this daemon.
    UnknownMethod,
    /// The parameters make no sense.
    Usage,
    /// What was named does not exist.
    NotFound,
    /// The daemon cannot be reached; made by clients only.
    Unreachable,
    /// The daemon is stopping and takes no new work.
    Draining,
    /// Policy, approval or authorisation said no.
    Refused,
    /// A bound was reached: turns, rate, budget, queue, connections.
    Limit,
    /// The provider does not accept the key.
    Auth,
    /// The provider's account has no balance.
    Balance,
    /// The provider is asked too often.
    RateLimited,
    /// The provider is overloaded or out of order.
    Overloaded,
    /// The conversation does not fit the model's context.
    ContextOverflow,
    /// Any other failure of the provider, its endpoint included.
    Provider,
    /// A deadline passed.
    Timeout,
    /// Cancelled by the user or because the client left.
    Cancelled,
}

impl ErrorKind {
    /// Exit code of a client that ends with this failure: 1 failure, 2 usage, 3 daemon unreachable, 4 refused,
    /// 5 limit, 6 provider, 7 time-out, 130 interrupted.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failure | Self::Internal | Self::NotFound => 1,
            Self::Protocol | Self::UnknownMethod | Self::Usage => 2,
            Self::Unreachable | Self::Draining => 3,
            Self::Refused => 4,
            Self::Limit => 5,
            Self::Auth
            | Self::Balance
            | Self::RateLimited
            | Self::Overloaded
            | Self::ContextOverflow
            | Self::Provider => 6,
            Self::Timeout => 7,
            Self::Cancelled => 130,
        }
    }

    /// The `code` of a JSON-RPC error: the standard ones where one fits, else -32000 minus the exit code.
    pub const fn rpc_code(self) -> i32 {
        match self {
            Self::Protocol => -32600,
            Self::UnknownMethod => -32601,
            Self::Usage => -32602,
            Self::Internal => -32603,
            other => -32000 - other.exit_code() as i32,
        }
    }

    /// Every kind, in wire order.
    pub const ALL: [Self; 18] = [
        Self::Failure,
        Self::Internal,
        Self::Protocol,
        Self::UnknownMethod,
        Self::Usage,
        Self::NotFound,
        Self::Unreachable,
        Self::Draining,
        Self::Refused,
        Self::Limit,
        Self::Auth,
        Self::Balance,
        Self::RateLimited,
        Self::Overloaded,
        Self::ContextOverflow,
        Self::Provider,
        Self::Timeout,
        Self::Cancelled,
    ];

    /// The kind as it is spelled in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Internal => "internal",
            Self::Protocol => "protocol",
            Self::UnknownMethod => "unknown_method",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Unreachable => "unreachable",
            Self::Draining => "draining",
            Self::Refused => "refused",
            Self::Limit => "limit",
            Self::Auth => "auth",
            Self::Balance => "balance",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ContextOverflow => "context_overflow",
            Self::Provider => "provider",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    /// The kind of that name; [`ErrorKind::Failure`] for one that this build does not know.
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Failure)
    }
}

/// A failed request: what failed and why, and what to type next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// What failed and why, one or two sentences.
    pub message: String,
    /// What to do next; may be empty.
    #[serde(default)]
    pub hint: String,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: String::new() }
    }

    /// The same failure with what to type next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}
