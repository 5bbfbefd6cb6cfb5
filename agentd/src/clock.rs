//! The clock, injected where a test must hold it still.

use std::time::{Duration, SystemTime};

/// Wall-clock time. Durations inside one turn use `Instant` and tokio's timers instead.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Whole seconds since `then`; 0 when the clock went backwards.
pub fn seconds_since(clock: &dyn Clock, then: SystemTime) -> u64 {
    clock.now().duration_since(then).unwrap_or(Duration::ZERO).as_secs()
}
