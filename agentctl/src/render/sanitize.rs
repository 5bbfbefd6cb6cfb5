//! Makes text of a model, a tool or a daemon harmless to a terminal.
//!
//! Control characters become visible pictures; characters that reorder text become the replacement character; line
//! feeds and tabs stay. Carriage returns vanish: they only overwrite.

use std::borrow::Cow;

/// Most characters of a one-line text.
pub const LINE_MAX: usize = 240;

/// The text without anything that could drive a terminal.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(harmless).collect())
}

/// The text as one harmless line of at most `max` characters; a cut is shown by an ellipsis.
pub fn one_line(text: &str, max: usize) -> String {
    let mut chars = text.trim().chars().filter_map(harmless).map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c });
    let mut line: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

/// The whole text as one harmless line: what would begin a new line or leave a gap is a picture of itself.
pub fn whole_line(text: &str) -> String {
    let visible = |c| match c {
        '\t' | '\n' | '\r' => char::from_u32(0x2400 + u32::from(c)),
        c => harmless(c),
    };
    text.chars().filter_map(visible).collect()
}

fn is_harmful(c: char) -> bool {
    harmless(c) != Some(c)
}

fn harmless(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        // C0 and DEL: their pictures.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        // C1: an 8-bit terminal obeys them; bidirectional marks, overrides and isolates: they show code as what it is not.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_survives() {
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        let clean = neutralise(&all);
        assert!(clean.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
        for c in ['\u{202e}', '\u{2066}', '\u{9b}', '\u{1b}', '\r', '\u{200f}'] {
            assert!(!clean.contains(c), "{c:?}");
        }
    }

    #[test]
    fn plain_text_is_not_copied() {
        let text = "fn main() {\n\tprintln!(\"grüße, 世界 👩‍💻\");\n}";
        assert!(matches!(neutralise(text), Cow::Borrowed(same) if same == text));
        assert_eq!(neutralise("\u{1b}[31mred\u{7f}"), "\u{241b}[31mred\u{2421}");
        assert_eq!(neutralise("a\r\nb"), "a\nb");
    }

    #[test]
    fn a_line_is_one_line_and_says_that_it_was_cut() {
        assert_eq!(one_line(" a\nb\tc\u{7} ", 20), "a b c\u{2407}");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("abcd", 4), "abcd");
    }

    #[test]
    fn a_whole_line_loses_nothing_and_breaks_nowhere() {
        assert_eq!(whole_line("a\r\n\tb\u{1b}"), "a\u{240d}\u{240a}\u{2409}b\u{241b}");
    }
}
