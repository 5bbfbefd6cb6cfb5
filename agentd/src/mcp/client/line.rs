//! A server's standard output, cut into lines.
//!
//! Owns the bound on a line. A line that outgrows it is not kept: its first and last bytes are, so that the request that
//! it answers can be found, and the rest is read away. Refuses nothing else: what a line means is not known here. Holds
//! at most one line, and two short ends of one that was too long. Imports nothing of the crate, for its fuzz target.

/// Bytes kept of either end of a line that is too long. An id stands in the first or in the last member of a message;
/// the members beside it are a version and the name of the other member.
pub(super) const END: usize = 512;

/// What was found in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// A line without its newline.
    Line(Vec<u8>),
    /// The line under way is too long: its first bytes. [`Cut::Drained`] or [`Cut::Endless`] follows.
    Outgrown(Vec<u8>),
    /// The line that was too long has ended: its last bytes.
    Drained(Vec<u8>),
    /// The line that was too long does not end within the second bound. Nothing can be made of what follows.
    Endless,
}

/// Cuts lines out of bytes as they come.
#[derive(Debug)]
pub(super) struct Lines {
    longest: usize,
    drained: usize,
    line: Vec<u8>,
    over: Option<Over>,
}

/// A line that was too long, under way.
#[derive(Debug)]
struct Over {
    bytes: usize,
    tail: Vec<u8>,
}

impl Lines {
    /// Lines of at most `longest` bytes; of a longer one, at most `drained` bytes are read before the stream is given up.
    pub(super) fn new(longest: usize, drained: usize) -> Self {
        Self { longest, drained: drained.max(longest), line: Vec::new(), over: None }
    }

    /// Takes bytes from the front of `bytes` until something is found or nothing is left.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Cut> {
        let newline = bytes.iter().position(|byte| *byte == b'\n');
        let end = newline.unwrap_or(bytes.len());
        if self.over.is_some() {
            return self.drain(bytes, end, newline.is_some());
        }
        let room = self.longest - self.line.len();
        let (piece, _) = bytes.split_at(end.min(room));
        self.line.extend_from_slice(piece);
        *bytes = bytes.get(piece.len()..).unwrap_or_default();
        if end > room {
            return Some(self.outgrow());
        }
        newline?;
        *bytes = bytes.get(1..).unwrap_or_default();
        Some(Cut::Line(std::mem::take(&mut self.line)))
    }

    /// What is left when nothing more comes: a last line without a newline.
    pub(super) fn finish(&mut self) -> Option<Cut> {
        match self.over.take() {
            Some(over) => Some(Cut::Drained(over.tail)),
            None if self.line.is_empty() => None,
            None => Some(Cut::Line(std::mem::take(&mut self.line))),
        }
    }

    /// Bytes held.
    #[allow(dead_code, reason = "the tests and the fuzzer hold it against the bounds")]
    pub(super) fn held(&self) -> usize {
        self.line.len() + self.over.as_ref().map_or(0, |over| over.tail.len())
    }

    fn outgrow(&mut self) -> Cut {
        let line = std::mem::take(&mut self.line);
        let tail = line.get(line.len().saturating_sub(END)..).unwrap_or_default().to_vec();
        self.over = Some(Over { bytes: line.len(), tail });
        Cut::Outgrown(line.get(..END).unwrap_or(&line).to_vec())
    }

    fn drain(&mut self, bytes: &mut &[u8], end: usize, ended: bool) -> Option<Cut> {
        let over = self.over.as_mut()?;
        let piece = bytes.get(..end).unwrap_or_default();
        over.bytes = over.bytes.saturating_add(piece.len());
        over.tail.extend_from_slice(piece.get(piece.len().saturating_sub(END)..).unwrap_or_default());
        let surplus = over.tail.len().saturating_sub(END);
        over.tail.drain(..surplus);
        if over.bytes > self.drained {
            *bytes = &[];
            return Some(Cut::Endless);
        }
        *bytes = bytes.get(end + usize::from(ended)..).unwrap_or_default();
        ended.then(|| self.over.take().map(|over| Cut::Drained(over.tail))).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(lines: &mut Lines, pieces: &[&[u8]]) -> Vec<Cut> {
        let mut found = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                match lines.next(&mut rest) {
                    Some(Cut::Endless) => return [found, vec![Cut::Endless]].concat(),
                    Some(cut) => found.push(cut),
                    None => assert!(rest.is_empty()),
                }
            }
        }
        found.extend(lines.finish());
        found
    }

    fn line(text: &str) -> Cut {
        Cut::Line(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_come_out_whole_however_they_come_in() {
        let text = b"one\n\ntwo\r\nthree";
        for size in 1..=text.len() {
            let pieces: Vec<_> = text.chunks(size).collect();
            let expected = [line("one"), line(""), line("two\r"), line("three")];
            assert_eq!(cuts(&mut Lines::new(5, 100), &pieces), expected, "{size}");
        }
    }

    #[test]
    fn a_line_of_just_the_bound_passes_and_one_more_byte_does_not() {
        assert_eq!(cuts(&mut Lines::new(5, 100), &[b"12345\n"]), [line("12345")]);
        let expected = [Cut::Outgrown(b"12345".to_vec()), Cut::Drained(b"123456".to_vec()), line("x")];
        for size in 1..=9 {
            let pieces: Vec<_> = b"123456\nx\n".chunks(size).collect();
            assert_eq!(cuts(&mut Lines::new(5, 100), &pieces), expected, "{size}");
        }
    }

    #[test]
    fn of_a_long_line_both_ends_are_known_and_little_is_held() {
        let mut lines = Lines::new(10_000, 1 << 20);
        let mut found = Vec::new();
        for number in 0..100_000_u32 {
            let text = format!("{number:05}");
            let mut rest = text.as_bytes();
            found.extend(lines.next(&mut rest));
            assert!(lines.held() <= 10_000);
        }
        found.extend(lines.next(&mut &b"\n"[..]));
        let [Cut::Outgrown(head), Cut::Drained(tail)] = &found[..] else { panic!("{found:?}") };
        assert!(head.starts_with(b"0000000001") && tail.ends_with(b"9999899999"));
        assert_eq!((head.len(), tail.len()), (END, END));
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let text = vec![b'x'; 1000];
        assert_eq!(cuts(&mut Lines::new(10, 100), &[&text]), [Cut::Outgrown(b"x".repeat(10)), Cut::Endless]);
    }
}
