//! Sets of bytes.

/// A set of bytes, small enough to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) struct Class([u64; 4]);

impl Class {
    /// The bytes of `members`, where `a-z` is a range; `-` stands for itself at the start or the end.
    pub(in crate::redact) const fn of(members: &str) -> Self {
        let bytes = members.as_bytes();
        let mut set = [0_u64; 4];
        let mut at = 0;
        while at < bytes.len() {
            let (from, to) = if at + 2 < bytes.len() && bytes[at + 1] == b'-' {
                (bytes[at], bytes[at + 2])
            } else {
                (bytes[at], bytes[at])
            };
            at += if from == to { 1 } else { 3 };
            let mut byte = from as usize;
            while byte <= to as usize {
                set[byte / 64] |= 1 << (byte % 64);
                byte += 1;
            }
        }
        Self(set)
    }

    /// No byte.
    pub(in crate::redact) const EMPTY: Self = Self([0; 4]);

    /// The bytes from the first to the last.
    pub(in crate::redact) fn range(first: u8, last: u8) -> Self {
        (first..=last).fold(Self::EMPTY, |class, byte| class.and(Self::one(byte)))
    }

    /// One byte.
    pub(in crate::redact) const fn one(byte: u8) -> Self {
        let mut set = [0_u64; 4];
        set[(byte >> 6) as usize] = 1 << (byte & 63);
        Self(set)
    }

    /// The byte of a set of one.
    pub(in crate::redact) fn single(self) -> Option<u8> {
        let mut bytes = self.bytes();
        bytes.next().filter(|_| bytes.next().is_none())
    }

    /// True when the sets share a byte.
    pub(in crate::redact) fn meets(self, other: Self) -> bool {
        self.0.iter().zip(other.0).any(|(mine, other)| mine & other != 0)
    }

    /// The bytes of the set, in order.
    pub(in crate::redact) fn bytes(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |&byte| self.has(byte))
    }

    /// This set and the other.
    pub(in crate::redact) const fn and(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1], self.0[2] | other.0[2], self.0[3] | other.0[3]])
    }

    /// Every byte that is not in this set.
    pub(in crate::redact) const fn not(self) -> Self {
        Self([!self.0[0], !self.0[1], !self.0[2], !self.0[3]])
    }

    #[inline]
    pub(in crate::redact) const fn has(self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] & (1 << (byte & 63)) != 0
    }
}

/// Letters, digits and `_`: what identifiers are made of.
pub(in crate::redact) const WORD: Class = Class::of("A-Za-z0-9_");
/// What tokens are made of in practice: a token goes on while these go on.
pub(in crate::redact) const TOKEN: Class = Class::of("A-Za-z0-9_.~+/=-");
/// Decimal digits.
pub(in crate::redact) const DIGIT: Class = Class::of("0-9");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_its_members_and_its_ranges() {
        let class = Class::of("a-c_-");
        assert!((b'a'..=b'c').all(|byte| class.has(byte)) && class.has(b'_') && class.has(b'-'));
        assert!(!class.has(b'd') && class.not().has(b'd') && class.and(DIGIT).has(b'7'));
        assert!(!class.has(0xff) && class.not().has(0xff));
    }
}
