//! What a server wrote to its standard error: redacted, the end of it.

use std::{collections::VecDeque, sync::Mutex};

use crate::{redact::Redactor, sync::lock};

/// Bytes kept of one server.
const KEPT: usize = 64 << 10;
/// Bytes of one line; the rest of it is dropped.
const LINE_MAX: usize = 8 << 10;

/// The end of one server's standard error, over its restarts.
#[derive(Default)]
pub struct Stderr {
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<String>,
    bytes: usize,
    redactor: Redactor,
}

impl Stderr {
    /// The redactor that later lines go through.
    pub fn set_redactor(&self, redactor: Redactor) {
        lock(&self.ring).redactor = redactor;
    }

    /// Keeps one line, redacted, before anything of it is cut.
    pub fn push(&self, line: &str) {
        let mut ring = lock(&self.ring);
        let redacted = ring.redactor.text(line).to_string();
        let mut end = redacted.len().min(LINE_MAX);
        while !redacted.is_char_boundary(end) {
            end -= 1;
        }
        let line = redacted.get(..end).unwrap_or_default().to_owned();
        ring.bytes += line.len();
        ring.lines.push_back(line);
        while ring.bytes > KEPT {
            let Some(oldest) = ring.lines.pop_front() else { break };
            ring.bytes -= oldest.len();
        }
    }

    /// The last lines, oldest first.
    pub fn last(&self, lines: usize) -> Vec<String> {
        let ring = lock(&self.ring);
        ring.lines.iter().skip(ring.lines.len().saturating_sub(lines)).cloned().collect()
    }
}
