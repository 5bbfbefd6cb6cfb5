//! A command's output on its way: decoded, redacted, then kept.
//!
//! In this order, because of a secret whose half was cut away the other half is not recognised. Refuses nothing:
//! bytes that are not UTF-8 become U+FFFD, and a character may come in pieces.

use super::Output;
use crate::redact::{ModelView, Stream};

/// One of the two streams of a command.
pub(super) struct Intake {
    view: ModelView,
    stream: Stream,
    output: Output,
    /// The first bytes of a character whose rest has not come.
    rest: Vec<u8>,
}

impl Intake {
    pub(super) fn new(cap: usize, view: &ModelView) -> Self {
        Self { stream: view.stream(), view: view.clone(), output: Output::new(cap), rest: Vec::new() }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.rest.len());
        let mut begun = Vec::new();
        let mut chunks = self.rest.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            match chunk.invalid() {
                [] => {}
                last if chunks.peek().is_none() && is_begun(last) => begun = last.to_vec(),
                _ => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        self.rest = begun;
        let shown = self.stream.push(&text);
        self.output.push(shown.as_bytes());
    }

    /// The output, when nothing more comes.
    pub(super) fn finish(&mut self) -> Output {
        let rest = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned();
        let shown = self.stream.push(&rest) + &self.stream.finish();
        self.output.push(shown.as_bytes());
        self.view.count(self.stream.count());
        std::mem::take(&mut self.output)
    }
}

/// True when more bytes could make a character of these.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::redact::Redactor;

    const KEY: &str = "k-1234567890";

    fn view() -> ModelView {
        ModelView::new(Redactor::new([KEY.to_owned()]), Arc::default())
    }

    #[test]
    fn a_secret_is_hidden_however_the_output_comes_and_is_cut() {
        let text = format!("{}é {KEY} {}", "a".repeat(50), "b".repeat(50));
        for size in [1, 3, 7, 60, 200] {
            for cap in [16, 60, 110, 120, 1000] {
                let view = view();
                let mut intake = Intake::new(cap, &view);
                text.as_bytes().chunks(size).for_each(|piece| intake.push(piece));
                let shown = intake.finish().text();
                assert!(!shown.contains("123") && !shown.contains("890"), "{size} {cap}: {shown}");
                assert_eq!(view.hidden(), 1);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_characters_in_pieces_both_arrive() {
        let mut intake = Intake::new(1000, &view());
        for piece in [&b"a\xff"[..], b"\xc3", b"\xa9b\xe2\x82"] {
            intake.push(piece);
        }
        assert_eq!(intake.finish().text(), "a\u{fffd}éb\u{fffd}");
    }
}
