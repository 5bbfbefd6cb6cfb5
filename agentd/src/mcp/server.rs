//! One server's supervisor: starts it, watches it, restarts it, ends it.

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
}
