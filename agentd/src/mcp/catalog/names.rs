//! The name that the model calls a server's tool by.
//!
//! `mcp__server__tool`, with `_` for each character that a provider does not take. A name that had to be changed or cut
//! ends in 48 bits of a hash over both parts; so does one that could be read in two ways. So no name depends on which other
//! servers and tools there are, nor on their order, and two that are not the same are called differently.

use sha2::{Digest as _, Sha256};

/// Longest name that providers take.
const NAME_MAX: usize = 64;
/// Digits of the hash.
const DIGITS: usize = 12;

/// The name of a tool of a server.
pub(super) fn name(server: &str, tool: &str) -> String {
    let natural = format!("mcp__{server}__{tool}");
    // The first `__` behind the prefix is the border: of such names no two are equal.
    let is_clear = !server.contains("__") && !server.ends_with('_') && !server.is_empty() && !tool.is_empty();
    let mut mapped: String = natural.chars().map(|char| if is_allowed(char) { char } else { '_' }).collect();
    if is_clear && mapped == natural && mapped.len() <= NAME_MAX {
        return natural;
    }
    // All of it is ASCII by now.
    mapped.truncate(NAME_MAX - DIGITS - 1);
    format!("{mapped}_{}", digits(server, tool))
}

fn is_allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '-'
}

fn digits(server: &str, tool: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(server);
    // In no name of a server, which is a key of a TOML table.
    hash.update([0]);
    hash.update(tool);
    hash.finalize().iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_that_is_fine_is_left_alone() {
        assert_eq!(name("git", "git_status"), "mcp__git__git_status");
        assert_eq!(name("a-b", "__x"), "mcp__a-b____x");
        let tool = "t".repeat(NAME_MAX - "mcp__s__".len());
        assert_eq!(name("s", &tool).len(), NAME_MAX);
        assert!(name("s", &tool).ends_with("ttt"));
    }

    #[test]
    fn a_name_that_is_changed_or_cut_ends_in_a_hash_and_stays_the_same_for_ever() {
        assert_eq!(name("git", "git.status"), "mcp__git__git_status_c31b411d70b9");
        assert_eq!(name("git", &"x".repeat(100)).len(), NAME_MAX);
        assert_ne!(name("git", &"x".repeat(100)), name("git", &"x".repeat(101)));
        assert_eq!(name("", ""), name("", ""));
    }

    #[test]
    fn no_two_tools_share_a_name_and_every_name_is_one_that_providers_take() {
        let parts = ["a", "b", "a_", "_a", "a__b", "b__a", "__", "_", "a.b", "a_b", "ä", "a b", "", "A", "x/y", "x_y"];
        let mut names = BTreeSet::new();
        for server in parts {
            for tool in parts {
                let name = name(server, tool);
                assert!(name.len() <= NAME_MAX && name.chars().all(is_allowed), "{name}");
                assert!(names.insert(name.clone()), "{name} of {server:?} {tool:?} is taken");
            }
        }
    }
}
