//! The loop guard: a model that repeats itself is told, then stopped.

use std::collections::HashMap;

/// The same call this often in one turn: the model gets a warning with the result.
const WARN_AT: u32 = 3;
/// The same call this often: the turn ends. Reading a file again after an edit is normal, five times is a loop.
const STOP_AT: u32 = 5;

/// What the guard says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    /// Go on.
    Go,
    /// Go on and tell the model.
    Warn(u32),
    /// End the turn.
    Stop(u32),
}

/// Counts equal calls of one turn.
#[derive(Debug, Default)]
pub(super) struct LoopGuard {
    seen: HashMap<(String, String), u32>,
}

impl LoopGuard {
    /// Counts a call by name and argument text.
    pub(super) fn count(&mut self, name: &str, arguments: &str) -> Say {
        let times = self.seen.entry((name.to_owned(), arguments.to_owned())).or_default();
        *times += 1;
        match *times {
            n if n >= STOP_AT => Say::Stop(n),
            n if n >= WARN_AT => Say::Warn(n),
            _ => Say::Go,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_equal_call_warns_and_the_fifth_stops() {
        let mut guard = LoopGuard::default();
        let said: Vec<_> = (0..5).map(|_| guard.count("read", "{}")).collect();
        assert_eq!(said, [Say::Go, Say::Go, Say::Warn(3), Say::Warn(4), Say::Stop(5)]);
    }

    #[test]
    fn different_arguments_are_different_calls() {
        let mut guard = LoopGuard::default();
        for n in 0..20 {
            assert_eq!(guard.count("read", &format!("{{\"n\":{n}}}")), Say::Go);
        }
    }
}
