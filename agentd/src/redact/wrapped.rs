//! Tokens that a terminal wrapped at its width.
//!
//! Owns when the next line goes on with a token: the line is as long as a terminal is wide, the token touches its end,
//! and what begins the next line, behind the same indentation or quoting, either is needed to make the token whole or
//! looks as random as it does. A word, a name that is assigned or called, or a date never does.
//!
//! Everything is read through the cursor, within its bounds.

use super::{
    engine::{Class, Cursor, DIGIT, LOOK_BEHIND},
    pattern::Pattern,
};

/// Shorter lines are not wrapped: no terminal is narrower.
const WIDTH_MIN: usize = 60;
/// Bytes of a token over all its lines that are looked at.
const TOKEN_MAX: usize = 1024;
/// A token on more lines is no token.
const LINES_MAX: usize = 8;
/// Indentation or quoting before a line.
const PREFIX_MAX: usize = 16;

/// What a token is made of.
const RUN: Class = Class::of("A-Za-z0-9_.~+/=-");
const LINE: Class = Class::of("\n\r").not();
const PREFIX: Class = Class::of(" \t>|#*");
/// What may follow a token; what else follows a name that is assigned, called or a path.
const CLOSE: Class = Class::of("\0- \"'`,;)]}<&|\\");

/// Matches what follows a pattern's anchor, also over a wrapped line's end: where it ends in the text.
pub(super) fn match_after(pattern: &Pattern, cursor: &Cursor<'_>, from: usize) -> Option<usize> {
    if let Some(end) = pattern.match_after(&|at| cursor.at(at), from) {
        return Some(continued(cursor, from, end));
    }
    let token = Token::joined(cursor, from)?;
    let end = pattern.match_after(&|at| token.at(cursor, at), from)?;
    Some(token.raw_end(end))
}

/// Where a value that ends at `end` really ends: behind the line's end, when the line was wrapped.
pub(super) fn continued(cursor: &Cursor<'_>, from: usize, end: usize) -> usize {
    let mut last = cursor.run(end, TOKEN_MAX, RUN);
    let Some(line) = Wrapped::of(cursor, from, last) else { return end };
    let mut end = end;
    for _ in 0..LINES_MAX {
        let Some(start) = line.next(cursor, last) else { return end };
        last = cursor.run(start, TOKEN_MAX, RUN);
        if !is_random(cursor, start, last, cursor.slice(from, end)) {
            return end;
        }
        end = last;
        if !line.is_full(start, end) {
            break;
        }
    }
    end
}

/// A line that may have been wrapped.
struct Wrapped {
    start: usize,
    /// Its length; zero when its start is too far to be seen.
    width: usize,
    /// The bytes before its text.
    prefix: usize,
}

impl Wrapped {
    /// The line of a token that ends at `end`, when it is as long as a terminal is wide and ends there.
    fn of(cursor: &Cursor<'_>, from: usize, end: usize) -> Option<Self> {
        if !matches!(cursor.at(end)?, b'\n' | b'\r') {
            return None;
        }
        let start = cursor.run_back(from, LOOK_BEHIND, LINE);
        let seen = cursor.before(start).is_none_or(|byte| !LINE.has(byte));
        if end - start < WIDTH_MIN {
            return None;
        }
        let prefix = if seen { cursor.run(start, PREFIX_MAX, PREFIX) - start } else { 0 };
        Some(Self { start, width: if seen { end - start } else { 0 }, prefix })
    }

    /// Where the token goes on behind the line's end at `end`.
    fn next(&self, cursor: &Cursor<'_>, end: usize) -> Option<usize> {
        let after = cursor.run(end, 1, const { Class::of("\r") });
        if cursor.at(after)? != b'\n' {
            return None;
        }
        let start = after + 1;
        let same = (0..self.prefix).all(|at| cursor.at(start + at) == cursor.at(self.start + at));
        let goes_on = same && RUN.has(cursor.at(start + self.prefix)?);
        goes_on.then_some(start + self.prefix)
    }

    /// True when a line whose text is `start..end` is as long as the first.
    fn is_full(&self, start: usize, end: usize) -> bool {
        self.width > 0 && end - start + self.prefix == self.width
    }
}

/// True for what is no word, no date and no name or path of something else: its signs are those of the token so far.
fn is_random(cursor: &Cursor<'_>, from: usize, to: usize, token: &[u8]) -> bool {
    let text = cursor.slice(from, to);
    let alike = text.iter().all(|byte| byte.is_ascii_alphanumeric() || token.contains(byte));
    let letters = text.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = text.iter().filter(|byte| DIGIT.has(**byte)).count();
    // A word that ends with a number has its digits together at its end; so has a heading its number.
    let middle = text.iter().rposition(u8::is_ascii_alphabetic) > text.iter().position(u8::is_ascii_digit);
    alike && letters > 0 && digits > 0 && middle && cursor.at(to).is_none_or(|byte| CLOSE.has(byte))
}

/// The parts of a token that stand on several lines.
struct Token {
    from: usize,
    /// First byte and byte after the last of each part.
    parts: Vec<(usize, usize)>,
}

impl Token {
    /// The token at `from`, joined over the ends of its lines; `None` when it is on one line.
    fn joined(cursor: &Cursor<'_>, from: usize) -> Option<Self> {
        let mut end = cursor.run(from, TOKEN_MAX, RUN);
        let line = Wrapped::of(cursor, from, end)?;
        let mut parts = vec![(from, end)];
        while parts.len() < LINES_MAX
            && let Some(start) = line.next(cursor, end)
        {
            end = cursor.run(start, TOKEN_MAX, RUN);
            parts.push((start, end));
            if !line.is_full(start, end) {
                break;
            }
        }
        let closed = parts.len() > 1 && cursor.at(end).is_none_or(|byte| CLOSE.has(byte));
        closed.then_some(Self { from, parts })
    }

    /// The byte that would stand at `at` if the token were on one line.
    fn at(&self, cursor: &Cursor<'_>, at: usize) -> Option<u8> {
        let mut left = at - self.from;
        for (start, end) in &self.parts {
            if left < end - start {
                return cursor.at(start + left);
            }
            left -= end - start;
        }
        None
    }

    /// Where in the text a match ends that ends at `at` of the joined token: with its part, which is of one run.
    fn raw_end(&self, at: usize) -> usize {
        let mut left = at - self.from;
        for (start, end) in &self.parts {
            if left <= end - start {
                return start + left;
            }
            left -= end - start;
        }
        self.parts.last().map_or(self.from, |(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::structure::tests::{ALNUM, noise, redacted, stays};

    /// Text in lines of one width, as a terminal shows it.
    fn wrapped(text: &str, width: usize, prefix: &str, end: &str) -> String {
        let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        lines.iter().map(|line| format!("{prefix}{line}")).collect::<Vec<_>>().join(end)
    }

    fn token(length: usize) -> String {
        format!("ghp{}{}", "_", noise(5, length, ALNUM))
    }

    #[test]
    fn a_token_that_was_cut_before_it_was_whole_goes_with_all_its_lines() {
        let token = token(36);
        for before in 24..59 {
            for (prefix, end) in [("", "\n"), ("", "\r\n"), ("> ", "\n"), ("    ", "\n")] {
                let text = format!("{}{}", "a.word.".repeat(20).get(..before - 1).unwrap().to_owned() + "=", token);
                let out = redacted(&format!("{} then\nmore", wrapped(&text, 62, prefix, end)));
                // A rest of a few letters cannot be told from a word.
                let left = token.as_bytes().windows(8).any(|part| out.contains(std::str::from_utf8(part).unwrap()));
                assert!(out.contains("[REDACTED]") && !left, "{before} {prefix:?}: {out}");
            }
        }
    }

    #[test]
    fn lines_behind_a_whole_token_stay() {
        for next in ["NEXT=1", "the word", "2024-01-02 12:00", "call3(x)", "path2/to/it.rs", "", "v1.2:", "Step2 do"] {
            let text = format!("{}{}\n{next}", "x ".repeat(20), token(36));
            assert_eq!(redacted(&text), format!("{}[REDACTED]\n{next}", "x ".repeat(20)));
        }
        stays(&format!("{}ghp_\nsomething else that is long enough to be one", "word ".repeat(15)));
    }
}
