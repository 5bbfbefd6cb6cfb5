//! Exact values that the daemon itself holds: its key, credential-like environment variables, configured secrets.

use std::{collections::BTreeSet, ffi::OsString};

use super::{Finding, marker::MARKER};

/// Shorter values are words and numbers; replacing them would garble text without protecting anything.
const SECRET_MIN: usize = 8;
/// Environment variables whose names end like this hold credentials.
const SECRET_NAMES: [&str; 8] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS", "PASSPHRASE", "AUTH"];

/// The values, longest first, so that a value that contains another goes whole.
#[derive(Default)]
pub(super) struct Known {
    secrets: Vec<Box<str>>,
}

impl Known {
    pub(super) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<Box<str>> = values
            .into_iter()
            .filter(|value| value.len() >= SECRET_MIN && !MARKER.contains(value.as_str()))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(String::into_boxed_str)
            .collect();
        secrets.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { secrets }
    }

    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Where values stand from `from` on: start and end, sorted, not overlapping.
    pub(super) fn matches(&self, view: &[u8], from: usize) -> Vec<(usize, usize)> {
        let text = String::from_utf8_lossy(view.get(from..).unwrap_or_default());
        self.find(&text).iter().map(|f| (from + f.start, from + f.end)).collect()
    }

    /// The first byte at or after `from` where a value may begin that has not wholly arrived.
    pub(super) fn undecided(&self, view: &[u8], from: usize) -> usize {
        let longest = self.secrets.iter().map(|value| value.len()).max().unwrap_or_default();
        let first = from.max(view.len().saturating_sub(longest));
        (first..view.len())
            .find(|at| {
                let tail = view.get(*at..).unwrap_or_default();
                self.secrets.iter().any(|value| value.len() > tail.len() && value.as_bytes().starts_with(tail))
            })
            .unwrap_or(view.len())
    }

    pub(super) fn find(&self, text: &str) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        for secret in &self.secrets {
            for (start, _) in text.match_indices(&**secret) {
                let end = start + secret.len();
                if found.iter().all(|other| other.end <= start || end <= other.start) {
                    found.push(Finding { start, end, kind: "known-value".into() });
                }
            }
        }
        found.sort_by_key(|finding| finding.start);
        found
    }
}

/// The values of credential-like variables.
pub(super) fn environment_secrets(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    variables
        .filter_map(|(name, value)| {
            let name = name.to_str()?.to_ascii_uppercase();
            let value = value.into_string().ok()?;
            let secret = SECRET_NAMES.iter().any(|end| name.ends_with(end)) && !value.starts_with('/');
            secret.then_some(value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_two_overlapping_values_goes_whole() {
        let known = Known::new(["abcdefgh".to_owned(), "abcdefgh-ijkl".to_owned()]);
        let spans: Vec<_> = known.find("x abcdefgh-ijkl y").iter().map(|f| (f.start, f.end)).collect();
        assert_eq!(spans, [(2, 15)]);
    }
}
