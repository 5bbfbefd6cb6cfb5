//! Order of versions: enough of semantic versioning to tell newer from older.

use std::cmp::Ordering;

/// Compares two versions `major.minor.patch[-pre]`. A pre-release is older than its release; text that is not a
/// version compares as 0.0.0, so that an unreadable daemon never counts as newer.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left_core, left_pre) = split(left);
    let (right_core, right_pre) = split(right);
    left_core.cmp(&right_core).then_with(|| match (left_pre, right_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => compare_pre(left, right),
    })
}

/// True when `daemon` is a newer version than this build.
pub fn is_newer(daemon: &str) -> bool {
    compare(daemon, proto::VERSION) == Ordering::Greater
}

/// The version in a build text such as `agentd 0.1.0`.
pub fn of_build(build: &str) -> &str {
    build.rsplit(' ').next().unwrap_or(build)
}

fn split(version: &str) -> ([u64; 3], Option<&str>) {
    let version = version.split('+').next().unwrap_or(version);
    let (core, pre) = version.split_once('-').map_or((version, None), |(core, pre)| (core, Some(pre)));
    let mut numbers = [0; 3];
    for (slot, part) in numbers.iter_mut().zip(core.split('.')) {
        match part.parse() {
            Ok(number) => *slot = number,
            Err(_) => return ([0; 3], None),
        }
    }
    (numbers, pre)
}

fn compare_pre(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_semver_orders_them() {
        let ascending =
            ["0.1.0-alpha", "0.1.0-alpha.2", "0.1.0-alpha.10", "0.1.0-rc.1", "0.1.0", "0.1.2", "0.10.0", "1.0.0"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.2.3+a", "1.2.3+b"), Ordering::Equal);
    }

    #[test]
    fn an_unreadable_version_is_never_newer() {
        assert!(!is_newer("banana"));
        assert!(!is_newer(""));
        assert!(is_newer("99.0.0"));
        assert_eq!(of_build("agentd 0.2.0"), "0.2.0");
    }
}
