//! How long the latest calls of one server took.

use std::{collections::VecDeque, time::Duration};

/// Calls kept: enough for a 95th percentile that one slow call does not move, 2 KiB of a server.
const KEPT: usize = 512;

/// The latest calls, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Latency(VecDeque<u32>);

impl Latency {
    /// Notes one call.
    pub(super) fn add(&mut self, took: Duration) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        // An hour and more is all the same: no call is that long.
        self.0.push_back(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// The median and the 95th percentile in milliseconds; zeros when there was no call.
    pub(super) fn percentiles(&self) -> (f64, f64) {
        let mut sorted: Vec<u32> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            // The nearest rank: a value that was measured.
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        (at(50), at(95))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured_among_the_latest_calls() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentiles(), (0.0, 0.0));
        latency.add(Duration::from_millis(7));
        assert_eq!(latency.percentiles(), (7.0, 7.0));
        for millis in 1..=1000 {
            latency.add(Duration::from_millis(millis));
        }
        assert_eq!(latency.0.len(), KEPT);
        // 489 to 1,000 are left.
        assert_eq!(latency.percentiles(), (744.0, 975.0));
    }
}
