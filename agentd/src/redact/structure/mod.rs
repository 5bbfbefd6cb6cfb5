//! Secrets that their surroundings give away: the armour of a key, the place in a URL, the parts of a token.
//!
//! Owns what no pattern of the table can say. Every check reads through the cursor, within its bounds.

mod armour;
mod jwt;
mod url;

pub(super) use armour::{CODE as ARMOUR, swallow};
pub(super) use jwt::CODE as JWT;
pub(super) use url::CODE as URL;

/// True when digits and letters stand side by side, as in random text.
fn mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
pub(in crate::redact) mod tests;
