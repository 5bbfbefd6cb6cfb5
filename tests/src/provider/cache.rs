//! The service's prefix cache, modelled: a hit is a complete match of a stored unit.
//!
//! Units are written at the end of the input and of the output of each request, and where two requests are seen to
//! share a prefix. Each `user_id` and model has its own. The real service takes seconds to build a unit; here it is
//! there at once, so that tests are exact. Bounded by [`UNITS_MAX`] and [`RECENT_MAX`] per owner.

use std::collections::{HashMap, VecDeque};

use super::prompt::floor;

/// Most units of one owner; the oldest goes first. Far more than the turns of any test.
const UNITS_MAX: usize = 512;
/// Last prompts that a new one is compared with to find common prefixes.
const RECENT_MAX: usize = 16;
/// Shortest common prefix that becomes a unit, in bytes: below it, every prompt shares the opening tag.
const COMMON_MIN: usize = 64;

/// Cache of one fake provider.
#[derive(Debug, Default)]
pub(super) struct PrefixCache {
    owners: HashMap<(String, String), Units>,
}

#[derive(Debug, Default)]
struct Units {
    stored: VecDeque<String>,
    recent: VecDeque<String>,
}

impl PrefixCache {
    /// Bytes of the prompt that are found, and then stores the units of this prompt and its output.
    pub(super) fn pass(&mut self, owner: (String, String), prompt: &str, output: &str) -> usize {
        let units = self.owners.entry(owner).or_default();
        let hit = units.longest_match(prompt);
        units.note_common(prompt, hit);
        units.store(prompt.to_owned());
        units.store(format!("{prompt}{output}"));
        units.recent.push_back(prompt.to_owned());
        if units.recent.len() > RECENT_MAX {
            units.recent.pop_front();
        }
        hit
    }
}

impl Units {
    fn longest_match(&self, prompt: &str) -> usize {
        let matching = self.stored.iter().filter(|unit| prompt.starts_with(unit.as_str()));
        matching.map(String::len).max().unwrap_or(0)
    }

    fn note_common(&mut self, prompt: &str, hit: usize) {
        let longest = self.recent.iter().map(|earlier| common_prefix(earlier, prompt)).max().unwrap_or(0);
        if longest > hit && longest >= COMMON_MIN {
            self.store(prompt[..longest].to_owned());
        }
    }

    fn store(&mut self, unit: String) {
        if self.stored.contains(&unit) {
            return;
        }
        self.stored.push_back(unit);
        if self.stored.len() > UNITS_MAX {
            self.stored.pop_front();
        }
    }
}

/// Length of the common prefix, at a character border. Compares halves as slices: quick in unoptimised builds too.
fn common_prefix(a: &str, b: &str) -> usize {
    let (x, y) = (a.as_bytes(), b.as_bytes());
    let (mut same, mut differ) = (0, x.len().min(y.len()) + 1);
    while differ - same > 1 {
        let middle = same + (differ - same) / 2;
        if x[same..middle] == y[same..middle] { same = middle } else { differ = middle }
    }
    floor(b, same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(id: &str) -> (String, String) {
        (id.to_owned(), "deepseek-flash".to_owned())
    }

    #[test]
    fn a_continued_conversation_hits_its_whole_history() {
        let mut cache = PrefixCache::default();
        assert_eq!(cache.pass(owner("u"), "system question", " answer"), 0);
        let continued = "system question answer next";
        assert_eq!(cache.pass(owner("u"), continued, ""), "system question answer".len());
    }

    #[test]
    fn a_prefix_shared_by_two_prompts_is_hit_by_the_third() {
        let shared = "s".repeat(100);
        let mut cache = PrefixCache::default();
        assert_eq!(cache.pass(owner("u"), &format!("{shared}B"), ""), 0);
        assert_eq!(cache.pass(owner("u"), &format!("{shared}C"), ""), 0);
        assert_eq!(cache.pass(owner("u"), &format!("{shared}D"), ""), 100);
    }

    #[test]
    fn two_users_share_nothing() {
        let mut cache = PrefixCache::default();
        cache.pass(owner("a"), "the same prompt", "");
        assert_eq!(cache.pass(owner("b"), "the same prompt", ""), 0);
        assert_eq!(cache.pass(owner("a"), "the same prompt", ""), "the same prompt".len());
    }

    #[test]
    fn the_common_prefix_ends_at_a_character() {
        assert_eq!(common_prefix("abc\u{e9}", "abc\u{e8}"), 3);
        assert_eq!(common_prefix("abc", "abcd"), 3);
        assert_eq!(common_prefix("", "x"), 0);
        assert_eq!(common_prefix("same", "same"), 4);
    }
}
