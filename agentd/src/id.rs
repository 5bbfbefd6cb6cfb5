//! Ids that sort by time: turns, conversations, answers.
//!
//! Names, not secrets: whoever may use one is checked by uid. So their random part costs no system call.

use std::time::SystemTime;

use uuid::{Builder, Uuid};

/// A new id (UUID version 7).
pub fn fresh() -> Uuid {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    Builder::from_unix_timestamp_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let first = fresh();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = fresh();
        assert!(first < second && first.get_version_num() == 7);
        let many: std::collections::HashSet<Uuid> = (0..10_000).map(|_| fresh()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
