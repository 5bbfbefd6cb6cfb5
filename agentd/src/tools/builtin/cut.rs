//! Cuts a result to its cap: head and tail stay, the gap is stated where it is.

/// Share of the cap that the head gets, in quarters: the start of a file or listing says most.
const HEAD_QUARTERS: usize = 3;

/// At most `cap` bytes of `text` and one line that says what is missing; cuts at line ends where one is near.
pub(crate) fn cut(text: &str, cap: usize, advice: &str) -> String {
    if text.is_empty() {
        return "(no output)".to_owned();
    }
    if text.len() <= cap {
        return text.to_owned();
    }
    let head_end = boundary(text, cap / 4 * HEAD_QUARTERS);
    let tail_start = boundary(text, text.len() - (cap - cap / 4 * HEAD_QUARTERS));
    let (head, tail) = (text.get(..head_end).unwrap_or_default(), text.get(tail_start..).unwrap_or_default());
    let head = head.rfind('\n').filter(|end| *end > head.len() / 2).and_then(|end| head.get(..end)).unwrap_or(head);
    let tail = tail.find('\n').filter(|end| *end < tail.len() / 2).and_then(|end| tail.get(end + 1..)).unwrap_or(tail);
    let missing = text.len() - head.len() - tail.len();
    let stop = if advice.is_empty() { "" } else { "; " };
    format!("{head}\n[... {missing} of {} bytes cut{stop}{advice} ...]\n{tail}", text.len())
}

/// The nearest start of a character at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// One line of at most `limit` characters, without control characters.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let mut shown: String =
        text.chars().take(limit).map(|c| if hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}

/// Control characters move the cursor or ring; directional ones make a line read as another. Tabs are harmless.
fn hidden(c: char) -> bool {
    c != '\t'
        && (c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_the_cap_is_untouched_and_nothing_is_named() {
        assert_eq!(cut("abc", 3, ""), "abc");
        assert_eq!(cut("", 3, ""), "(no output)");
    }

    #[test]
    fn a_long_text_keeps_head_and_tail_and_states_the_gap() {
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let short = cut(&text, 400, "ask for less");
        assert!(short.starts_with("line 0\n") && short.ends_with("line 999\n"));
        assert!(short.contains(&format!("of {} bytes cut; ask for less ...]", text.len())));
        assert!(short.len() < 500);
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        let short = cut(&"é".repeat(500), 101, "");
        assert!(short.starts_with('é') && short.ends_with('é') && short.contains("bytes cut"));
    }

    #[test]
    fn a_shown_line_cannot_steer_a_terminal() {
        assert_eq!(line("a\u{1b}[2Jb\n\u{202e}c", 99), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c");
        assert_eq!(line("abcdef", 3), "abc…");
    }
}
