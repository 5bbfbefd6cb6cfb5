//! The text as a reader sees it: without terminal escapes and invisible characters.
//!
//! Owns what is invisible, and the way from an offset in the view back to the text. Colours, erasures and modes
//! vanish, so that a secret with a coloured part is one run; a movement of the cursor becomes a blank, as it parts
//! what stands before and behind it. An escape that may carry text (a title, a link) stays as it is, so that nothing
//! can hide in it.
//!
//! Invariants: a text without any of these is not copied; the view's bytes are bytes of the text in their order, or
//! a blank; an escape that is not whole yet is left out of the view until it is, or is longer than any escape.

/// Longer sequences are no escapes that terminals understand; they are text.
const ESCAPE_MAX: usize = 64;
/// A command to the terminal that is longer may carry text: it stays visible.
const COMMAND_MAX: usize = 16;
const ESCAPE: u8 = 0x1b;
const BELL: u8 = 7;

/// A text and what is visible of it.
pub(super) struct View<'a> {
    text: &'a [u8],
    stripped: Option<Stripped>,
}

struct Stripped {
    bytes: Vec<u8>,
    /// Where bytes stopped following each other, in order.
    pieces: Vec<Piece>,
}

/// Bytes of the view that follow each other in the text as well.
struct Piece {
    /// Where it begins in the view.
    view: usize,
    /// Where it begins in the text.
    text: usize,
    /// Bytes of the text that its first byte stands for: more than one for the blank of a gap, which is then alone.
    wide: usize,
}

/// What stands at a place of a text.
enum Sequence {
    /// Nothing is seen of these bytes.
    Hidden(usize),
    /// These bytes move what follows away from what stands before.
    Gap(usize),
    /// The end of the text is in the middle of an escape.
    Cut,
    Visible,
}

impl<'a> View<'a> {
    /// The visible part of a text; when it is not the last piece, an escape that is cut by its end is left out.
    pub(super) fn of(text: &'a [u8], last: bool) -> Self {
        let stripped = first_hidden(text).map(|first| Stripped::of(text, first, last));
        Self { text, stripped }
    }

    /// What is seen.
    pub(super) fn bytes(&self) -> &[u8] {
        self.stripped.as_ref().map_or(self.text, |stripped| &stripped.bytes)
    }

    /// Where a byte of the view stands in the text; behind the last, the end of what is seen.
    pub(super) fn raw(&self, at: usize) -> usize {
        match &self.stripped {
            None => at,
            Some(stripped) if at < stripped.bytes.len() => {
                stripped.piece(at).map_or(0, |piece| piece.text + at - piece.view)
            }
            Some(_) => self.raw_end(at),
        }
    }

    /// Where a range of the view that ends before `at` ends in the text.
    pub(super) fn raw_end(&self, at: usize) -> usize {
        let Some(stripped) = &self.stripped else { return at };
        let Some(last) = at.min(stripped.bytes.len()).checked_sub(1) else { return 0 };
        stripped.piece(last).map_or(0, |piece| piece.text + last - piece.view + piece.wide)
    }

    /// How many bytes of the view stand before a place of the text.
    pub(super) fn at_or_before(&self, raw: usize) -> usize {
        let Some(stripped) = &self.stripped else { return raw };
        let index = stripped.pieces.partition_point(|piece| piece.text < raw);
        let end = stripped.pieces.get(index).map_or(stripped.bytes.len(), |next| next.view);
        let Some(piece) = index.checked_sub(1).and_then(|index| stripped.pieces.get(index)) else { return 0 };
        end.min(piece.view + raw - piece.text)
    }
}

impl Stripped {
    fn of(text: &[u8], first: usize, last: bool) -> Self {
        let mut stripped = Self { bytes: Vec::with_capacity(text.len()), pieces: Vec::new() };
        stripped.show(text, 0, first);
        let mut at = first;
        while at < text.len() {
            match sequence(text, at, last) {
                Sequence::Hidden(length) => at += length,
                Sequence::Gap(length) => {
                    stripped.pieces.push(Piece { view: stripped.bytes.len(), text: at, wide: length });
                    stripped.bytes.push(b' ');
                    at += length;
                }
                Sequence::Cut => break,
                Sequence::Visible => {
                    let end = next_hiding(text, at + 1).unwrap_or(text.len());
                    stripped.show(text, at, end);
                    at = end;
                }
            }
        }
        stripped
    }

    fn show(&mut self, text: &[u8], from: usize, to: usize) {
        let follows =
            self.pieces.last().is_some_and(|last| last.wide == 1 && last.text + self.bytes.len() - last.view == from);
        if !follows && from < to {
            self.pieces.push(Piece { view: self.bytes.len(), text: from, wide: 1 });
        }
        self.bytes.extend_from_slice(text.get(from..to).unwrap_or_default());
    }

    /// The piece that holds a byte of the view.
    fn piece(&self, at: usize) -> Option<&Piece> {
        self.pieces.get(self.pieces.partition_point(|piece| piece.view <= at).checked_sub(1)?)
    }
}

/// True for what an escape or an invisible character begins with.
fn may_hide(byte: u8) -> bool {
    matches!(byte, ESCAPE | 0xe2 | 0xc2 | 0xef | 0xe1)
}

/// The first byte that a view leaves out. Clean text passes at memory speed.
fn first_hidden(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = next_hiding(text, at) {
        if !matches!(sequence(text, next, false), Sequence::Visible) {
            return Some(next);
        }
        at = next + 1;
    }
    None
}

/// The next byte that may begin something hidden. Blocks of plain text are skipped whole.
fn next_hiding(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let mut at = from;
    for block in rest.chunks(128) {
        if !is_plain(block)
            && let Some(hiding) = block.iter().position(|byte| may_hide(*byte))
        {
            return Some(at + hiding);
        }
        at += block.len();
    }
    None
}

/// True for ASCII without escapes; a loop without branches that the compiler turns into vector code.
fn is_plain(block: &[u8]) -> bool {
    block.iter().fold(0, |odd, byte| odd | (byte & 0x80) | u8::from(*byte == ESCAPE)) == 0
}

fn sequence(text: &[u8], at: usize, last: bool) -> Sequence {
    let rest = text.get(at..).unwrap_or_default();
    match rest {
        [ESCAPE, rest @ ..] => match escape(rest) {
            Sequence::Cut if last => Sequence::Visible,
            Sequence::Hidden(length) => Sequence::Hidden(length + 1),
            Sequence::Gap(length) => Sequence::Gap(length + 1),
            other => other,
        },
        // Zero-width blanks and joiners, marks of direction, invisible operators.
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa0..=0xa4 | 0xa6..=0xa9, ..] => {
            Sequence::Hidden(3)
        }
        // The byte order mark, the choice of a glyph's variant, the Mongolian vowel separator.
        [0xef, 0xbb, 0xbf, ..] | [0xef, 0xb8, 0x80..=0x8f, ..] | [0xe1, 0xa0, 0x8e, ..] => Sequence::Hidden(3),
        // The soft hyphen.
        [0xc2, 0xad, ..] => Sequence::Hidden(2),
        _ => Sequence::Visible,
    }
}

/// What an escape byte begins; lengths are without it.
fn escape(rest: &[u8]) -> Sequence {
    match rest {
        [] => Sequence::Cut,
        [b'[', rest @ ..] => control(rest),
        [b']', rest @ ..] => command(rest),
        [b'7' | b'8' | b'=' | b'>', ..] => Sequence::Hidden(1),
        [b'(' | b')' | b'*' | b'+' | b'#' | b'%', rest @ ..] => match rest {
            [] => Sequence::Cut,
            [0x30..=0x7e, ..] => Sequence::Hidden(2),
            _ => Sequence::Visible,
        },
        _ => Sequence::Visible,
    }
}

/// `ESC [`: parameters and a letter that says what they are for.
fn control(rest: &[u8]) -> Sequence {
    let window = rest.get(..ESCAPE_MAX.min(rest.len())).unwrap_or_default();
    let Some(end) = window.iter().position(|byte| !matches!(byte, 0x20..=0x3f)) else {
        return if rest.len() < ESCAPE_MAX { Sequence::Cut } else { Sequence::Visible };
    };
    match window.get(end) {
        // Colours; erasing what is to the right; modes, among them the cursor's visibility.
        Some(b'm' | b'K' | b'h' | b'l') => Sequence::Hidden(end + 2),
        Some(0x40..=0x7e) => Sequence::Gap(end + 2),
        _ => Sequence::Visible,
    }
}

/// `ESC ]`: a command that ends with a bell or `ESC \`.
fn command(rest: &[u8]) -> Sequence {
    let window = rest.get(..(COMMAND_MAX + 2).min(rest.len())).unwrap_or_default();
    let Some(end) = window.iter().position(|byte| matches!(*byte, BELL | ESCAPE | b'\n')) else {
        return if rest.len() < COMMAND_MAX + 2 { Sequence::Cut } else { Sequence::Visible };
    };
    match window.get(end..) {
        Some([BELL, ..]) => Sequence::Hidden(end + 2),
        Some([ESCAPE, b'\\', ..]) => Sequence::Hidden(end + 3),
        Some([ESCAPE]) if rest.len() == end + 1 => Sequence::Cut,
        _ => Sequence::Visible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(View::of(text.as_bytes(), true).bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        for text in ["", "plain", "gr\u{fc}\u{df}e \u{2014} \u{2192} \u{4e2d} \u{ff01} \u{a9}", &"x".repeat(1000)] {
            assert!(View::of(text.as_bytes(), true).stripped.is_none(), "{text}");
        }
    }

    #[test]
    fn colours_modes_and_invisible_characters_vanish() {
        for hidden in [
            "\u{1b}[31m",
            "\u{1b}[m",
            "\u{1b}[38;2;1;2;3m",
            "\u{1b}[K",
            "\u{1b}[?25l",
            "\u{1b}(B",
            "\u{1b}]133;A\u{7}",
            "\u{1b}]8;;\u{1b}\\",
            "\u{200b}",
            "\u{200d}",
            "\u{feff}",
            "\u{ad}",
            "\u{2060}",
            "\u{180e}",
            "\u{202e}",
        ] {
            assert_eq!(shown(&format!("a{hidden}b{hidden}{hidden}c")), "abc", "{hidden:?}");
        }
        assert_eq!(shown("a\u{1b}[5Cb\u{1b}[2;3Hc"), "a b c");
    }

    #[test]
    fn what_may_carry_text_stays() {
        for text in [
            "\u{1b}]0;a title that is long\u{7}x",
            "\u{1b}]8;;https://example.org\u{1b}\\x",
            "a\u{1b}",
            "\u{1b}[1;1",
            "\u{1b}Pq",
        ] {
            assert_eq!(shown(text), text);
        }
        let long = format!("\u{1b}[{}m", "1;".repeat(40));
        assert_eq!(shown(&long), long);
    }

    #[test]
    fn offsets_lead_back_to_the_text() {
        let text = "\u{1b}[1mab\u{1b}[0mc\u{1b}[3Cd\u{200b}";
        let view = View::of(text.as_bytes(), true);
        assert_eq!(view.bytes(), b"abc d");
        assert_eq!((0..5).map(|at| view.raw(at)).collect::<Vec<_>>(), [4, 5, 10, 11, 15]);
        assert_eq!((0..6).map(|at| view.raw_end(at)).collect::<Vec<_>>(), [0, 5, 6, 11, 15, 16]);
        assert_eq!((view.at_or_before(0), view.at_or_before(6), view.at_or_before(11)), (0, 2, 3));
    }

    #[test]
    fn an_escape_that_is_cut_waits_for_its_end() {
        let text = "ab\u{1b}[31mc\u{1b}]133;A\u{1b}\\d\u{1b}[2Ke";
        for at in 0..text.len() {
            let view = View::of(&text.as_bytes()[..at], false);
            assert!(b"abcde".starts_with(view.bytes()), "{at}");
        }
        assert_eq!(View::of(b"ab\x1b[3", false).bytes(), b"ab");
        assert_eq!(View::of(b"ab\x1b[3", true).bytes(), b"ab\x1b[3");
    }
}
