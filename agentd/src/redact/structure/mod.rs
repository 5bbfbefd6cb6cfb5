//! Secrets that their surroundings give away: the armour of a key, the place in a URL, the parts of a token.
//!
//! Owns what no pattern of the table can say. Every check reads through the cursor, within its bounds.

mod armour;

pub(super) use armour::{CODE as ARMOUR, swallow};

#[cfg(test)]
mod tests;
