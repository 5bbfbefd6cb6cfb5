//! What others see of an instance.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::State;
use crate::mcp::client::{Era, SharedClient};

/// A connection that serves.
#[derive(Clone)]
pub(in crate::mcp) struct Live {
    /// To talk to it.
    pub(in crate::mcp) client: SharedClient,
    /// Cancelled the moment it is known to be no good any more.
    pub(in crate::mcp) gone: CancellationToken,
    /// Which start brought it.
    pub(in crate::mcp) generation: u64,
}

/// How an instance is at a moment. Every text in it is redacted.
#[derive(Clone)]
pub(in crate::mcp) struct Status {
    /// In a word.
    pub(in crate::mcp) state: State,
    /// The last error; empty when there was none.
    pub(in crate::mcp) why: String,
    /// What to do about it; may be empty.
    pub(in crate::mcp) cure: String,
    /// The connection, exactly while the state is [`State::Ready`].
    pub(in crate::mcp) live: Option<Live>,
    /// Starts so far.
    pub(in crate::mcp) starts: u64,
    /// Starts that failed so far: who waits for one sees that it is over.
    pub(in crate::mcp) failed_starts: u64,
    /// Which protocol it spoke the last time.
    pub(in crate::mcp) era: Option<Era>,
    /// Its name and version, as it says.
    pub(in crate::mcp) server: String,
    /// Its process; 0 when there is none.
    pub(in crate::mcp) pid: u32,
    /// Since when it is ready.
    pub(in crate::mcp) ready_at: Option<Instant>,
    /// How long the last start took, in milliseconds.
    pub(in crate::mcp) start_ms: u64,
    /// When the next try is due.
    pub(in crate::mcp) next_try: Option<Instant>,
    /// What its tool list had to leave out.
    pub(in crate::mcp) left_out: Vec<String>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: State::Idle,
            why: String::new(),
            cure: String::new(),
            live: None,
            starts: 0,
            failed_starts: 0,
            era: None,
            server: String::new(),
            pid: 0,
            ready_at: None,
            start_ms: 0,
            next_try: None,
            left_out: Vec::new(),
        }
    }
}

/// Whole milliseconds.
pub(in crate::mcp) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
