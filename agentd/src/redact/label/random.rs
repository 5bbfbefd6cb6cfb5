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

/// Where each count of a [`Mix`] stands in the word that is counted in.
const LOWER: u8 = 0;
const UPPER: u8 = 8;
const DIGITS: u8 = 16;
const BLANKS: u8 = 24;
const SYMBOLS: u8 = 32;
const NATURAL: u8 = 40;
const ODD: u8 = 48;
/// Neighbours that tell nothing, as at a separator.
const NEITHER: u8 = 56;

/// Signs that neighbours are told by: 26 small letters, 26 capitals, then these.
const DIGIT_SIGN: u8 = 52;
const BLANK_SIGN: u8 = 53;
const OTHER_SIGN: u8 = 54;
const SIGN_COUNT: usize = 55;

/// The sign of each byte.
static SIGNS: [u8; 256] = {
    let mut signs = [OTHER_SIGN; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        signs[byte as usize] = match byte {
            b'a'..=b'z' => byte - b'a',
            b'A'..=b'Z' => byte - b'A' + 26,
            b'0'..=b'9' => DIGIT_SIGN,
            b' ' | b'\t' => BLANK_SIGN,
            _ => OTHER_SIGN,
        };
        byte += 1;
    }
    signs
};

/// What each two neighbours tell.
static PAIRS: [[u8; SIGN_COUNT]; SIGN_COUNT] = {
    let mut pairs = [[NEITHER; SIGN_COUNT]; SIGN_COUNT];
    let (mut before, mut sign) = (0, 0);
    while before < SIGN_COUNT {
        pairs[before][sign] = pair(before as u8, sign as u8);
        sign += 1;
        if sign == SIGN_COUNT {
            (before, sign) = (before + 1, 0);
        }
    }
    pairs
};

/// Two letters by what words have, a letter and a digit always as odd.
const fn pair(before: u8, sign: u8) -> u8 {
    if before > DIGIT_SIGN || sign > DIGIT_SIGN || before == DIGIT_SIGN && sign == DIGIT_SIGN {
        return NEITHER;
    }
    if before == DIGIT_SIGN || sign == DIGIT_SIGN || before < 26 && sign >= 26 {
        return ODD;
    }
    if FOLLOWS[(before % 26) as usize] >> (sign % 26) & 1 == 0 { ODD } else { NATURAL }
}

const fn class_of(sign: u8) -> u8 {
    match sign {
        0..26 => LOWER,
        26..DIGIT_SIGN => UPPER,
        DIGIT_SIGN => DIGITS,
        BLANK_SIGN => BLANKS,
        _ => SYMBOLS,
    }
}

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
        // All counts in one word: each is below 97, and adding to it waits for no memory.
        let (mut counts, mut seen, mut before) = (0_u64, [0_u64; 4], SIGNS[usize::from(b' ')]);
        for &byte in value.iter().take(LOOKED_AT) {
            let sign = SIGNS[usize::from(byte)];
            let pair = PAIRS[usize::from(before)][usize::from(sign)];
            counts += (1 << class_of(sign)) + (1 << pair);
            before = sign;
            for (slot, high) in seen.iter_mut().zip(0..) {
                *slot |= u64::from(byte >> 6 == high) << (byte & 63);
            }
        }
        let count = |lane: u8| (counts >> lane & 0xff) as usize;
        Self {
            len: value.len(),
            lower: count(LOWER),
            upper: count(UPPER),
            digits: count(DIGITS),
            blanks: count(BLANKS),
            symbols: count(SYMBOLS),
            distinct: seen.iter().map(|slot| slot.count_ones() as usize).sum(),
            natural: count(NATURAL),
            odd: count(ODD),
        }
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
