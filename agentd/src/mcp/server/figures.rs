//! What is counted of one server, over its restarts.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::latency::Latency;
use crate::{
    mcp::client::{CallResult, ClientError},
    sync::lock,
};

/// Call time-outs in a row after which a server is asked whether it still lives: one may be a slow tool.
const SUSPICIOUS: u32 = 2;

/// Counters of one instance.
#[derive(Debug)]
pub(in crate::mcp) struct Figures {
    calls: AtomicU64,
    failures: AtomicU64,
    timeouts: AtomicU64,
    truncated: AtomicU64,
    truncated_bytes: AtomicU64,
    fallbacks: AtomicU64,
    in_flight: AtomicU32,
    timeouts_in_a_row: AtomicU32,
    used: Mutex<Instant>,
    latency: Mutex<Latency>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            calls: AtomicU64::default(),
            failures: AtomicU64::default(),
            timeouts: AtomicU64::default(),
            truncated: AtomicU64::default(),
            truncated_bytes: AtomicU64::default(),
            fallbacks: AtomicU64::default(),
            in_flight: AtomicU32::default(),
            timeouts_in_a_row: AtomicU32::default(),
            used: Mutex::new(Instant::now()),
            latency: Mutex::default(),
        }
    }
}

/// A call under way: a server that has one is neither stopped for idleness nor asked whether it lives.
pub(in crate::mcp) struct InFlight<'a> {
    figures: &'a Figures,
    began: Instant,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.figures.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.figures.touch();
    }
}

impl InFlight<'_> {
    /// Notes how it ended. True when the server should be asked whether it still lives.
    pub(in crate::mcp) fn end(self, outcome: &Result<CallResult, ClientError>) -> bool {
        let figures = self.figures;
        match outcome {
            Ok(_) => lock(&figures.latency).add(self.began.elapsed()),
            // The caller's choice, not the server's fault.
            Err(ClientError::Cancelled) => return false,
            Err(_) => _ = figures.failures.fetch_add(1, Ordering::Relaxed),
        }
        if !matches!(outcome, Err(ClientError::Timeout(_))) {
            figures.timeouts_in_a_row.store(0, Ordering::Relaxed);
            return false;
        }
        figures.timeouts.fetch_add(1, Ordering::Relaxed);
        figures.timeouts_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= SUSPICIOUS
    }
}

impl Figures {
    /// A call begins.
    pub(in crate::mcp) fn begin(&self) -> InFlight<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.touch();
        InFlight { figures: self, began: Instant::now() }
    }

    /// A built-in tool served in the server's place.
    pub(in crate::mcp) fn fell_back(&self) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }

    /// So many bytes of a result were cut.
    pub(in crate::mcp) fn cut(&self, bytes: usize) {
        self.truncated.fetch_add(1, Ordering::Relaxed);
        self.truncated_bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// True when a call is under way.
    pub(in crate::mcp) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// It was used just now.
    pub(in crate::mcp) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// How long nothing was asked of it.
    pub(in crate::mcp) fn unused_for(&self) -> Duration {
        if self.is_busy() { Duration::ZERO } else { lock(&self.used).elapsed() }
    }

    /// Writes them into a report.
    pub(in crate::mcp) fn fill(&self, row: &mut proto::McpServer) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (row.calls, row.failures, row.timeouts) = (of(&self.calls), of(&self.failures), of(&self.timeouts));
        (row.truncated, row.truncated_bytes) = (of(&self.truncated), of(&self.truncated_bytes));
        row.fallbacks = of(&self.fallbacks);
        (row.call_ms_p50, row.call_ms_p95) = lock(&self.latency).percentiles();
    }
}
