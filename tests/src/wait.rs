//! Waiting on a condition with a deadline: the only way a test waits.

use std::time::{Duration, Instant};

/// Pause between two looks: short against everything that is waited for, long against what a look costs.
const POLL: Duration = Duration::from_millis(2);

/// True as soon as the condition holds, false when the deadline passed without it.
pub fn holds_within(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Waits until the condition holds. Panics at the deadline with what was waited for.
#[track_caller]
pub fn wait_until(deadline: Duration, what: &str, condition: impl FnMut() -> bool) {
    if !holds_within(deadline, condition) {
        panic!("waited {deadline:?} for {what}");
    }
}

/// The value, as soon as there is one. Panics at the deadline with what was waited for.
#[track_caller]
pub fn wait_some<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_until(deadline, what, || {
        found = look();
        found.is_some()
    });
    match found {
        Some(value) => value,
        None => panic!("waited {deadline:?} for {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_condition_or_the_deadline() {
        let mut looks = 0;
        wait_until(Duration::from_secs(10), "the third look", || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
        assert!(!holds_within(Duration::from_millis(5), || false));
    }
}
