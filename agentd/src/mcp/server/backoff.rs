//! When to try again after a failure.
//!
//! Half a second, doubled each time up to half a minute, a fifth more or less. A server that was up for a while starts
//! from the beginning. After ten failures in a row it has failed: one try now and then, and on demand.

use std::time::Duration;

/// First pause. A server that died once is back within the patience of a call that waits for it.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause between tries: with it a crash loop costs two starts a minute.
const CAP: Duration = Duration::from_secs(30);
/// Pauses vary by this share of them, so that servers that died together do not start together.
const JITTER: f64 = 0.2;
/// A server that was up for this long had come up well: what follows is new trouble.
pub(in crate::mcp) const PROVEN: Duration = Duration::from_secs(30);
/// Failures in a row after which trying on is a waste.
const TRIES: u32 = 10;
/// Between two tries of a server that has failed: a network that is back or a program that was installed meanwhile is
/// found without anybody's doing.
pub(in crate::mcp) const HALF_OPEN: Duration = Duration::from_secs(300);
/// A call does not have a failed server tried again sooner than this after the last try: each turn makes many calls.
pub(in crate::mcp) const DEMAND_GAP: Duration = Duration::from_secs(30);

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum Next {
    /// Try again after a pause.
    After(Duration),
    /// It has failed.
    GiveUp,
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(in crate::mcp) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// One more failure. `up`: how long the server had been up; zero when it did not come up.
    pub(in crate::mcp) fn failed(&mut self, up: Duration) -> Next {
        if up >= PROVEN {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TRIES {
            return Next::GiveUp;
        }
        let pause = FIRST.saturating_mul(1 << (self.failures - 1)).min(CAP);
        Next::After(pause.mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0)))
    }

    /// Trying again cannot help: it counts as if everything had been tried.
    pub(in crate::mcp) fn hopeless(&mut self) {
        self.failures = TRIES;
    }

    /// Somebody has changed something, or asks for it.
    pub(in crate::mcp) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(next: Next) -> f64 {
        match next {
            Next::After(pause) => pause.as_secs_f64(),
            Next::GiveUp => f64::INFINITY,
        }
    }

    #[test]
    fn pauses_double_up_to_a_cap_and_the_tenth_failure_is_the_last() {
        let mut backoff = Backoff::default();
        for nominal in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0] {
            let pause = secs(backoff.failed(Duration::from_secs(29)));
            assert!((nominal * 0.8..=nominal * 1.2).contains(&pause), "{pause} for {nominal}");
        }
        assert_eq!(backoff.failed(Duration::ZERO), Next::GiveUp);
        assert_eq!(backoff.failed(Duration::ZERO), Next::GiveUp);
    }

    #[test]
    fn a_server_that_was_up_for_a_while_starts_from_the_beginning() {
        let mut backoff = Backoff::default();
        (0..9).for_each(|_| _ = backoff.failed(Duration::ZERO));
        assert!(secs(backoff.failed(PROVEN)) <= 0.6);
        backoff.hopeless();
        assert_eq!(backoff.failed(Duration::ZERO), Next::GiveUp);
        backoff.reset();
        assert!(secs(backoff.failed(Duration::ZERO)) <= 0.6);
    }
}
