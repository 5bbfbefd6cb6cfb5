//! The last door before a log line leaves: redaction, one line per event, a bound on its length.

use std::{
    io::{self, Write},
    sync::{Arc, PoisonError, RwLock},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::redact::Redactor;

/// Longest line in bytes. With the queue's length this bounds the memory of a log whose disk hangs.
const LINE_MAX: usize = 8 * 1024;

/// The redactor of all log writers. It begins with the environment's secrets; the provider's key comes later.
#[derive(Clone)]
pub(super) struct SharedRedactor(Arc<RwLock<Redactor>>);

impl SharedRedactor {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self(Arc::new(RwLock::new(redactor)))
    }

    pub(super) fn set(&self, redactor: Redactor) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = redactor;
    }

    fn get(&self) -> Redactor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Wraps a writer maker; each event is one `write` of one whole line.
pub(super) struct Redacting<M> {
    inner: M,
    redactor: SharedRedactor,
}

impl<M> Redacting<M> {
    pub(super) fn new(inner: M, redactor: SharedRedactor) -> Self {
        Self { inner, redactor }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacting<M> {
    type Writer = RedactingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter { inner: self.inner.make_writer(), redactor: self.redactor.get() }
    }
}

pub(super) struct RedactingWriter<W> {
    inner: W,
    redactor: Redactor,
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = one_line(self.redactor.text(&text).as_str());
        self.inner.write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// One line and its newline: control characters are escaped, so that no field can forge a second line or move a
/// terminal's cursor. Redaction comes first, an escaped secret would no longer match.
fn one_line(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut line = String::with_capacity(text.len().min(LINE_MAX) + 8);
    for c in text.chars() {
        if line.len() >= LINE_MAX {
            line.push('…');
            break;
        }
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_cannot_steer_a_terminal() {
        assert_eq!(one_line("a\nINFO forged\x1b[2J\r\n"), "a\\nINFO forged\\u{1b}[2J\\r\n");
        assert_eq!(one_line("plain é\n"), "plain é\n");
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = one_line(&"x".repeat(10 * LINE_MAX));
        assert!(line.len() <= LINE_MAX + 8 && line.ends_with("…\n"));
    }
}
