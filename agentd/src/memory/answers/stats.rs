//! Counts of what became of the questions, since the start.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use proto::{Fact, Source};

use crate::sync::lock;

/// All counters. Cheap: a hit touches two.
#[derive(Debug, Default)]
pub struct Stats {
    exact: AtomicU64,
    near: AtomicU64,
    verdict: AtomicU64,
    lenient: AtomicU64,
    /// What was saved, in millionths of a dollar.
    saved: AtomicU64,
    /// Everything that is rare, by its stable name.
    rare: Mutex<BTreeMap<String, u64>>,
}

impl Stats {
    /// Counts a hit and what it saved.
    pub fn hit(&self, source: Source, lenient: bool, saved_usd: Option<f64>) {
        let counter = match source {
            _ if lenient => &self.lenient,
            Source::Near => &self.near,
            Source::Verdict => &self.verdict,
            _ => &self.exact,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(saved) = saved_usd {
            // Rounded to a millionth of a dollar: a float has no atomic addition.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a price is small and positive"
            )]
            self.saved.fetch_add((saved.max(0.0) * 1e6).round() as u64, Ordering::Relaxed);
        }
    }

    /// Counts something rare under a stable name.
    pub fn count(&self, name: impl Into<String>) {
        *lock(&self.rare).entry(name.into()).or_default() += 1;
    }

    /// Hits of all kinds.
    pub fn hits(&self) -> u64 {
        [&self.exact, &self.near, &self.verdict, &self.lenient].into_iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// All counts for people and scripts.
    pub fn facts(&self) -> Vec<Fact> {
        let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
        let count = |name: &str, n: &AtomicU64| fact(name, n.load(Ordering::Relaxed).to_string());
        let rare = lock(&self.rare).clone();
        let misses: u64 = rare.iter().filter(|(name, _)| name.starts_with("miss_")).map(|(_, n)| n).sum();
        let hits = self.hits();
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = if hits + misses == 0 { 0.0 } else { 100.0 * hits as f64 / (hits + misses) as f64 };
        #[expect(clippy::cast_precision_loss, reason = "millionths of a dollar")]
        let saved = self.saved.load(Ordering::Relaxed) as f64 / 1e6;
        let mut facts = vec![
            count("hits_exact", &self.exact),
            count("hits_near", &self.near),
            count("hits_verdict", &self.verdict),
            count("hits_lenient", &self.lenient),
            fact("misses", misses.to_string()),
            fact("hit_share", format!("{share:.0} %")),
            fact("saved_usd", format!("{saved:.5}")),
        ];
        facts.extend(rare.into_iter().map(|(name, n)| fact(&name, n.to_string())));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_counted_by_kind_and_misses_by_reason() {
        let stats = Stats::default();
        stats.hit(Source::Exact, false, Some(0.000_41));
        stats.hit(Source::Near, false, None);
        stats.hit(Source::Near, true, Some(0.5));
        stats.count("miss_none");
        stats.count("miss_changed");
        stats.count("guard_number");
        let facts = stats.facts();
        let value = |name: &str| facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
        assert_eq!(value("hits_exact"), Some("1"));
        assert_eq!(value("hits_near"), Some("1"));
        assert_eq!(value("hits_lenient"), Some("1"));
        assert_eq!(value("misses"), Some("2"));
        assert_eq!(value("hit_share"), Some("60 %"));
        assert_eq!(value("saved_usd"), Some("0.50041"));
        assert_eq!(value("guard_number"), Some("1"));
    }
}
