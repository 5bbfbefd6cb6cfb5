//! Tells made-up words from random letters.
//!
//! Owns one measure, the share of unnatural neighbours in a value, and nothing about what the value is for.

/// For each letter the letters that follow it in ordinary identifiers and prose, one bit per letter from `a` on.
/// Counted over the sources of the crates this project is built from; the pairs that make up 93 % of them.
const FOLLOWS: [u32; 26] = [
    0x13e_bd4e, 0x016_4911, 0x01e_4d95, 0x016_4919, 0x1ef_b97f, 0x016_4931, 0x016_6191, 0x00a_4111, 0x2ae_f87f,
    0x000_0000, 0x004_0110, 0x11c_4939, 0x014_d113, 0x03c_6d7d, 0x07e_fd6f, 0x11e_c991, 0x010_0000, 0x13e_7d5d,
    0x11c_c995, 0x11e_c9b5, 0x00e_b937, 0x000_0111, 0x002_6191, 0x008_8010, 0x004_8000, 0x000_0010,
];

/// Bytes of a value that are looked at: more tell nothing new.
const LOOKED_AT: usize = 96;

/// What a value is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::redact) struct Mix {
    pub(super) len: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) blanks: usize,
    /// Everything else, also bytes outside ASCII.
    pub(super) symbols: usize,
    /// Different bytes, as far as they were looked at.
    pub(super) distinct: usize,
    /// Neighbours that ordinary words have.
    natural: usize,
    /// Neighbours that they do not have: a rare pair of letters, a digit beside a letter, a capital behind a small one.
    odd: usize,
}

impl Mix {
    pub(in crate::redact) fn of(value: &[u8]) -> Self {
        let mut mix = Self { len: value.len(), ..Self::default() };
        let (mut seen, mut before) = ([0_u64; 4], b' ');
        for &byte in value.iter().take(LOOKED_AT) {
            match byte {
                b'a'..=b'z' => mix.lower += 1,
                b'A'..=b'Z' => mix.upper += 1,
                b'0'..=b'9' => mix.digits += 1,
                b' ' | b'\t' => mix.blanks += 1,
                _ => mix.symbols += 1,
            }
            match is_odd(before, byte) {
                Some(true) => mix.odd += 1,
                Some(false) => mix.natural += 1,
                None => {}
            }
            before = byte;
            let (slot, bit) = (usize::from(byte >> 6), 1 << (byte & 63));
            if let Some(slot) = seen.get_mut(slot) {
                *slot |= bit;
            }
        }
        mix.distinct = seen.iter().map(|slot| slot.count_ones() as usize).sum();
        mix
    }

    pub(super) fn letters(&self) -> usize {
        self.lower + self.upper
    }

    /// Percent of the neighbours that ordinary words do not have. Words lie below 25, random text above 60.
    pub(super) fn oddness(&self) -> usize {
        (self.odd * 100).checked_div(self.odd + self.natural).unwrap_or_default()
    }

    /// Looks random for its length: the shorter, the more clearly.
    pub(in crate::redact) fn is_random(&self) -> bool {
        let least = match self.len {
            0..8 => return false,
            8..12 => 55,
            12..20 => 48,
            _ => 42,
        };
        self.distinct * 3 >= self.len.min(24) && self.letters() > 0 && self.oddness() >= least
    }
}

/// `None` where two bytes tell nothing, as at a separator.
fn is_odd(before: u8, byte: u8) -> Option<bool> {
    if before.is_ascii_alphabetic() && byte.is_ascii_alphabetic() {
        if before.is_ascii_lowercase() && byte.is_ascii_uppercase() {
            return Some(true);
        }
        let row = FOLLOWS.get(usize::from(before.to_ascii_lowercase() - b'a'))?;
        return Some(row >> (byte.to_ascii_lowercase() - b'a') & 1 == 0);
    }
    (before.is_ascii_alphanumeric()
        && byte.is_ascii_alphanumeric()
        && !(before.is_ascii_digit() && byte.is_ascii_digit()))
    .then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_identifiers_are_not_random() {
        for value in
            ["authentication", "getUserToken", "correct horse battery staple", "max_output_tokens", "localhost"]
        {
            assert!(!Mix::of(value.as_bytes()).is_random(), "{value}");
        }
    }

    #[test]
    fn letters_without_a_language_are_random() {
        for value in ["xkqzjwvbtrqpfd", "8f3a9c0e7b2d4165", "aZ3kQ9xW2mB7vL5n"] {
            assert!(Mix::of(value.as_bytes()).is_random(), "{value}");
        }
    }
}
