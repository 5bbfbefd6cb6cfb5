//! What can go wrong with a model call, in classes.
//!
//! Owns the classes, which of them are worth another try, and how each looks to a user: kind, message, what to type
//! next. Text of the provider enters a message only shortened, without control characters and without the key.
//! Refuses to decide by text here: whoever makes an error has classified it first.

use std::time::Duration;

use proto::{ErrorKind, Failure};

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 401, 403: the key is wrong or may not do this.
    Auth,
    /// 402, or a 429 that means an empty account.
    Balance,
    /// 429.
    RateLimited,
    /// 502, 503, 504, 529.
    Overloaded,
    /// Any other 5xx, or an error event without a class of its own.
    ServerFault,
    /// The provider broke off: `insufficient_system_resource`, `aborted`.
    Interrupted,
    /// The conversation does not fit, in any of the wordings.
    ContextOverflow,
    /// The provider wants `reasoning_content` in another way.
    ReasoningRule,
    /// The provider does not know the model.
    UnknownModel,
    /// Any other 4xx, and redirects.
    BadRequest,
    /// `content_filter`.
    Filtered,
    /// A reply with nothing in it.
    Blank,
    /// The stream broke off before it was done.
    Truncated,
    /// Bytes that are no reply, or a reply over a cap.
    Garbage,
    /// No connection, or it broke before the reply began.
    Unreachable,
    /// No CA certificates on this machine, or the server's certificate is not trusted.
    Tls,
    /// No sign of life for the idle time-out.
    Timeout,
    /// All slots for model calls are taken.
    Busy,
    /// Cancelled by the user.
    Cancelled,
}

/// How often a class is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// The same request fails again.
    Never,
    /// May pass, but the provider charged for the failed try.
    Once,
    /// Passes with time; bounded by the configured attempts.
    Attempts,
}

impl Class {
    /// Whether another try is worth it.
    pub const fn worth(self) -> Worth {
        match self {
            Self::RateLimited | Self::Overloaded | Self::ServerFault | Self::Interrupted | Self::Unreachable => {
                Worth::Attempts
            }
            Self::Truncated | Self::Blank => Worth::Once,
            Self::Auth
            | Self::Balance
            | Self::ContextOverflow
            | Self::ReasoningRule
            | Self::UnknownModel
            | Self::BadRequest
            | Self::Filtered
            | Self::Garbage
            | Self::Tls
            | Self::Timeout
            | Self::Busy
            | Self::Cancelled => Worth::Never,
        }
    }

    /// The kind that a client sees.
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Auth => ErrorKind::Auth,
            Self::Balance => ErrorKind::Balance,
            Self::RateLimited => ErrorKind::RateLimited,
            Self::Overloaded | Self::ServerFault | Self::Interrupted => ErrorKind::Overloaded,
            Self::ContextOverflow => ErrorKind::ContextOverflow,
            Self::Filtered => ErrorKind::Refused,
            Self::Timeout => ErrorKind::Timeout,
            Self::Busy => ErrorKind::Limit,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::ReasoningRule
            | Self::UnknownModel
            | Self::BadRequest
            | Self::Blank
            | Self::Truncated
            | Self::Garbage
            | Self::Unreachable
            | Self::Tls => ErrorKind::Provider,
        }
    }
}

/// A failed model call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LlmError {
    /// What kind of failure.
    pub class: Class,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// What failed and why.
    pub message: String,
    /// What to type next; may be empty.
    pub hint: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

impl LlmError {
    /// An error without a status.
    pub(super) fn new(class: Class, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { class, status: None, message: message.into(), hint: hint.into(), retry_after: None }
    }

    /// The user has had enough.
    pub(super) fn cancelled() -> Self {
        Self::new(Class::Cancelled, "the model call was cancelled", "")
    }
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        Failure::new(error.class.kind(), error.message).hint(error.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_the_exit_code_of_its_kind() {
        for (class, exit) in [
            (Class::Auth, 6),
            (Class::Balance, 6),
            (Class::RateLimited, 6),
            (Class::Overloaded, 6),
            (Class::ContextOverflow, 6),
            (Class::Unreachable, 6),
            (Class::Filtered, 4),
            (Class::Busy, 5),
            (Class::Timeout, 7),
            (Class::Cancelled, 130),
        ] {
            assert_eq!(class.kind().exit_code(), exit, "{class:?}");
        }
    }

    #[test]
    fn a_failure_keeps_message_and_hint() {
        let failure = Failure::from(LlmError::new(Class::Balance, "no balance", "top up"));
        assert_eq!(failure, Failure::new(ErrorKind::Balance, "no balance").hint("top up"));
    }
}
