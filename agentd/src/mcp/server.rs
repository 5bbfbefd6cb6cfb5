//! One server's supervisor: starts it, watches it, restarts it, ends it.
//!
//! Owns one instance: one server of the configuration, for all or for one project. A call goes straight from its caller
//! to the connection; the supervisor only says which connection that is, and takes it back the moment it is no good.
//!
//! Refuses to have two connections of one instance serve at once, to try again without a pause, and to start anything once
//! it was told to stop.
//!
//! Invariants: who waits for a start waits for one outcome, not for ever; a connection that was taken back never comes
//! again; what is shown of an error is redacted when it is noted.
//!
//! - [`supervisor`]: the loop over its events, and what each of them changes.
//! - [`phase`]: where an instance stands, and what can happen to it there.
//! - [`start`]: from a configuration to a connection with its tools listed.
//! - [`keeper`]: holds the life of a connection until it ends.
//! - [`backoff`]: when to try again. [`figures`]: what is counted. [`status`]: what others see.

pub(super) mod backoff;
pub(super) mod figures;
pub(super) mod instance;
mod keeper;
mod latency;
mod phase;
pub(super) mod start;
pub(super) mod status;
mod supervisor;

pub(super) use instance::{Instance, Key, Source};

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Switched off in the configuration.
    Disabled,
    /// Not started; it is when it is needed.
    Idle,
    /// On its way.
    Starting,
    /// Serves.
    Ready,
    /// Waits for its next try.
    Restarting,
    /// Has failed too often: tries now and then, and when it is asked for by name.
    Failed,
    /// On its way out.
    Stopping,
}

impl State {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
        }
    }

    /// True when it is worth waiting: it is on its way, or will try by itself.
    pub(super) const fn is_coming(self) -> bool {
        matches!(self, Self::Starting | Self::Restarting | Self::Ready)
    }
}
