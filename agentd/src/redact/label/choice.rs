//! Lists of words that a check compares with what stands at a place.
//!
//! Owns the order in which they are tried: that of the list, among those that begin with the byte that is there. Most
//! places begin none of the words, and a check must learn that at the cost of one byte.

use super::super::engine::Cursor;

/// Some words, in lower case. No list has more than 255.
pub(super) struct Choice<const N: usize> {
    words: [&'static str; N],
    /// By first byte the number of the first word, counted from one; zero for none.
    first: [u8; 256],
    /// By word the number of the next that begins alike.
    next: [u8; N],
}

impl<const N: usize> Choice<N> {
    pub(super) const fn of(words: [&'static str; N]) -> Self {
        assert!(N <= u8::MAX as usize, "numbers are bytes");
        let (mut first, mut next) = ([0; 256], [0; N]);
        let mut at = N;
        while at > 0 {
            let byte = words[at - 1].as_bytes()[0] as usize;
            next[at - 1] = first[byte];
            first[byte] = at as u8;
            at -= 1;
        }
        Self { words, first, next }
    }

    /// The first word that stands at a place, in any case.
    #[inline]
    pub(super) fn at(&self, cursor: &Cursor<'_>, at: usize) -> Option<&'static str> {
        let byte = cursor.at(at)?.to_ascii_lowercase();
        self.beginning(byte).find(|word| cursor.is_any_case(at, word))
    }

    /// The first word that a text in lower case begins with.
    pub(super) fn begins(&self, lower: &[u8]) -> bool {
        let Some(byte) = lower.first() else { return false };
        self.beginning(*byte).any(|word| lower.starts_with(word.as_bytes()))
    }

    /// True when a text is one of the words, in any case.
    pub(super) fn has(&self, text: &[u8]) -> bool {
        let Some(byte) = text.first() else { return false };
        self.beginning(byte.to_ascii_lowercase()).any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The words that begin with a byte, in their order.
    #[inline]
    fn beginning(&self, byte: u8) -> impl Iterator<Item = &'static str> {
        let mut number = self.first.get(usize::from(byte)).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            let index = usize::from(number.checked_sub(1)?);
            number = self.next.get(index).copied().unwrap_or_default();
            self.words.get(index).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static WORDS: Choice<4> = Choice::of(["is set to ", "is ", "was ", "\u{e9} "]);

    #[test]
    fn the_first_of_the_words_that_stand_there_is_taken() {
        let at = |text: &str| WORDS.at(&Cursor::new(text.as_bytes(), true), 1);
        assert_eq!(at(" Is set to x"), Some("is set to "));
        assert_eq!(at(" IS not"), Some("is "));
        assert_eq!(at(" \u{e9} x"), Some("\u{e9} "));
        assert_eq!((at(" wax"), at(" "), at(" to")), (None, None, None));
    }

    #[test]
    fn a_whole_text_and_the_beginning_of_one_are_told_apart() {
        assert!(WORDS.begins(b"was it") && !WORDS.begins(b"wa") && !WORDS.begins(b""));
        assert!(WORDS.has(b"WAS ") && !WORDS.has(b"was it") && !WORDS.has(b""));
    }
}
