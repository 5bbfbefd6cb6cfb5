//! Markdown for a terminal, laid out as it streams.
//!
//! A line is laid out when it is complete; a table when it has ended, since its columns need all rows. Code is passed
//! line by line as it is: never wrapped, never padded, so that it can be copied. Text is made harmless before it is
//! laid out; the only escapes in the output are the skin's own.

use termimad::{
    CompoundStyle, MadSkin,
    crossterm::style::{Attribute, Color, force_color_output},
};

use super::sanitize;

/// A line longer than this is passed on in pieces: a model that never ends its line must not fill the memory.
const LINE_MAX: usize = 64 * 1024;

/// Lays out a stream of Markdown.
pub struct Markdown {
    skin: MadSkin,
    color: bool,
    width: usize,
    /// The begun line.
    line: String,
    /// The rows of a begun table.
    table: String,
    /// The marker that opened the code we are in.
    fence: Option<Fence>,
}

#[derive(Debug, Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
}

impl Markdown {
    /// For a terminal of `width` columns.
    pub fn new(width: usize, color: bool) -> Self {
        // Colour was decided by flag and environment together; the terminal layer must not look again.
        force_color_output(color);
        let skin = if color { coloured() } else { MadSkin::no_style() };
        Self { skin, color, width, line: String::new(), table: String::new(), fence: None }
    }

    /// The next piece of Markdown; returns what can be shown now, whole lines only.
    pub fn push(&mut self, piece: &str) -> String {
        let mut out = String::new();
        for part in piece.split_inclusive('\n') {
            self.line.push_str(part);
            if part.ends_with('\n') || self.line.len() > LINE_MAX {
                let line = std::mem::take(&mut self.line);
                self.lay_out(line.strip_suffix('\n').unwrap_or(&line), &mut out);
            }
        }
        out
    }

    /// The end of the text: what was held back.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.lay_out(&line, &mut out);
        }
        self.end_table(&mut out);
        self.fence = None;
        out
    }

    fn lay_out(&mut self, line: &str, out: &mut String) {
        let line = sanitize::neutralise(line);
        if let Some(fence) = self.fence {
            if fence.is_closed_by(&line) {
                self.fence = None;
                self.mark_fence(&line, out);
            } else {
                self.code(&line, out);
            }
            return;
        }
        if line.trim_start().starts_with('|') && self.table.len() < LINE_MAX {
            self.table.push_str(line.trim_start());
            self.table.push('\n');
            return;
        }
        self.end_table(out);
        if let Some(fence) = Fence::opened_by(&line) {
            self.fence = Some(fence);
            self.mark_fence(&line, out);
        } else if line.trim().is_empty() {
            out.push('\n');
        } else {
            self.prose(&line, out);
        }
    }

    fn prose(&self, text: &str, out: &mut String) {
        let laid_out = self.skin.text(text, Some(self.width)).to_string();
        out.push_str(laid_out.trim_end_matches('\n'));
        out.push('\n');
    }

    fn code(&self, line: &str, out: &mut String) {
        if self.color {
            out.push_str(&self.skin.code_block.compound_style.apply_to(line).to_string());
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }

    /// Without colour nothing else tells code from prose, so the fences are shown.
    fn mark_fence(&self, line: &str, out: &mut String) {
        if !self.color {
            out.push_str(line);
            out.push('\n');
        }
    }

    fn end_table(&mut self, out: &mut String) {
        if !self.table.is_empty() {
            let table = std::mem::take(&mut self.table);
            self.prose(&table, out);
        }
    }
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let line = line.trim_start();
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        // A line of inline code such as ```x``` opens nothing.
        (length >= 3 && !(mark == '`' && line[length..].contains('`'))).then_some(Self { mark, length })
    }

    fn is_closed_by(self, line: &str) -> bool {
        let line = line.trim();
        line.chars().count() >= self.length && line.chars().all(|c| c == self.mark)
    }
}

/// Colours of the base palette only: the user's terminal theme decides what they look like.
fn coloured() -> MadSkin {
    let mut skin = MadSkin::no_style();
    skin.bold = CompoundStyle::with_attr(Attribute::Bold);
    skin.italic = CompoundStyle::with_attr(Attribute::Italic);
    skin.strikeout = CompoundStyle::with_attr(Attribute::CrossedOut);
    skin.inline_code = CompoundStyle::with_fg(Color::Cyan);
    skin.code_block.compound_style = CompoundStyle::with_fg(Color::Cyan);
    for header in &mut skin.headers {
        header.compound_style = CompoundStyle::with_attr(Attribute::Bold);
    }
    skin.headers[0].compound_style.add_attr(Attribute::Underlined);
    skin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        let mut markdown = Markdown::new(60, false);
        let shown = markdown.push(text);
        shown + &markdown.finish()
    }

    #[test]
    fn the_result_does_not_depend_on_where_the_stream_was_cut() {
        let text = "# Title\n\nSome **bold** `code` and *more*.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 22 |\n\n```rust\nfn main() {}\n```\n1. x\n2. y\nend";
        let expected = whole(text);
        for size in 1..12 {
            let mut markdown = Markdown::new(60, false);
            let mut shown = String::new();
            let chars: Vec<char> = text.chars().collect();
            for piece in chars.chunks(size) {
                shown += &markdown.push(&piece.iter().collect::<String>());
                assert!(shown.is_empty() || shown.ends_with('\n'), "only whole lines are shown");
            }
            shown += &markdown.finish();
            assert_eq!(shown, expected, "pieces of {size}");
        }
    }

    #[test]
    fn prose_is_laid_out_and_nothing_is_lost() {
        let shown = whole("Some **bold** and `code`.\n\n1. first\n2. second\n- item\n");
        for part in ["Some bold and code.", "1.", "first", "2.", "second", "• item"] {
            assert!(shown.contains(part), "{part:?} in {shown:?}");
        }
        assert!(!shown.contains("**"));
    }

    #[test]
    fn code_keeps_every_character_and_is_never_wrapped() {
        let long = format!("    let x = \"**{}**\"; // | a |", "y".repeat(200));
        let shown = whole(&format!("```rust\n{long}\n```\n"));
        assert_eq!(shown, format!("```rust\n{long}\n```\n"));
    }

    #[test]
    fn a_shorter_fence_or_another_mark_does_not_close_the_code() {
        let shown = whole("````md\n```\n~~~~\n**x**\n````\n**y**\n");
        assert_eq!(shown, "````md\n```\n~~~~\n**x**\n````\ny\n");
    }

    #[test]
    fn a_table_waits_for_its_last_row() {
        let mut markdown = Markdown::new(60, false);
        assert_eq!(markdown.push("| a | b |\n|---|---|\n| 1 | 2 |\n"), "");
        let shown = markdown.push("\nnext\n");
        assert!(shown.contains('│') && shown.contains("next"), "{shown}");
    }

    #[test]
    fn an_escape_in_the_text_is_shown_not_obeyed() {
        for text in ["\u{1b}]0;owned\u{7}\n", "```\n\u{1b}[2J\n```\n", "| \u{1b}[2J | b |\n"] {
            assert!(!whole(text).contains('\u{1b}'), "{text:?}");
        }
    }

    #[test]
    fn long_prose_is_wrapped_at_the_width() {
        let shown = whole(&"word ".repeat(100));
        assert!(shown.lines().count() > 5);
        assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut markdown = Markdown::new(60, false);
        let shown = markdown.push(&"x".repeat(LINE_MAX + 1));
        assert!(!shown.is_empty());
    }
}
