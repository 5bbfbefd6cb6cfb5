//! Redaction of text that comes in pieces: the same result as of the whole, with little held back.

use super::Redactor;

/// A text on its way. What `push` and `finish` return, joined, is what [`Redactor::text`] makes of the whole.
pub struct Stream {
    redactor: Redactor,
    held: String,
}

impl Stream {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, held: String::new() }
    }

    /// Takes the next piece and returns what is settled.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let Some(end) = self.held.rfind('\n') else { return String::new() };
        let rest = self.held.split_off(end + 1);
        let whole = std::mem::replace(&mut self.held, rest);
        self.redactor.text(&whole).as_str().to_owned()
    }

    /// The rest; a secret that was not whole yet is replaced as far as it came.
    pub fn finish(self) -> String {
        self.redactor.text(&self.held).as_str().to_owned()
    }
}
