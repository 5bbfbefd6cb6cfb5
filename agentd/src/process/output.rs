//! A command's output, kept as head and tail: whatever a command prints, memory stays bounded.

use std::collections::VecDeque;

/// The first and the last bytes of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    total: u64,
}

impl Output {
    /// Keeps at most `cap` bytes: one half from the start, one half from the end.
    pub fn new(cap: usize) -> Self {
        Self { half: cap.div_ceil(2), ..Self::default() }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let (first, rest) = bytes.split_at(bytes.len().min(self.half.saturating_sub(self.head.len())));
        self.head.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(self.half)..).unwrap_or_default();
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend(rest);
    }

    /// Bytes that the stream carried.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that were not kept.
    pub fn cut(&self) -> u64 {
        self.total.saturating_sub((self.head.len() + self.tail.len()) as u64)
    }

    /// True when nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The text, with the gap stated where it is; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.cut() == 0 {
            let whole = [self.head.as_slice(), &tail].concat();
            return String::from_utf8_lossy(&whole).into_owned();
        }
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(&tail));
        format!("{head}\n[... {} of {} bytes cut ...]\n{tail}", self.cut(), self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_output_is_kept_whole_also_across_the_halves() {
        let mut output = Output::new(10);
        output.push(b"abcdefg");
        output.push("é".as_bytes());
        assert_eq!((output.text().as_str(), output.cut()), ("abcdefgé", 0));
    }

    #[test]
    fn long_output_keeps_head_and_tail_and_states_the_gap() {
        let mut output = Output::new(8);
        for byte in b'a'..=b'z' {
            output.push(&[byte]);
        }
        assert_eq!(output.text(), "abcd\n[... 18 of 26 bytes cut ...]\nwxyz");
    }

    #[test]
    fn the_result_does_not_depend_on_how_the_stream_was_split() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| (n % 251) as u8).collect();
        let mut whole = Output::new(100);
        whole.push(&bytes);
        for size in [1, 7, 49, 50, 51, 100, 333] {
            let mut pieces = Output::new(100);
            bytes.chunks(size).for_each(|piece| pieces.push(piece));
            assert_eq!(pieces, whole);
        }
    }

    #[test]
    fn memory_is_bounded_by_the_cap() {
        let mut output = Output::new(1000);
        for _ in 0..1000 {
            output.push(&[b'y'; 4096]);
        }
        assert!(output.head.len() + output.tail.len() <= 1000);
        assert_eq!(output.total(), 4_096_000);
    }
}
