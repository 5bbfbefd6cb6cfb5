//! Redaction of text that comes in pieces: the same result as of the whole, with little held back.
//!
//! Held back is what a secret may still begin in: the token at the end, an open label, an undecided value. A value
//! longer than any window is recognised early and swallowed as it comes.

use std::{borrow::Cow, sync::Arc};

use super::{
    MARKER, Redactor, Vault,
    engine::Span,
    redactors,
    scan::{Scan, boundary},
    view::View,
};

/// Bytes of settled text kept as context for what comes next: checks look behind, no further than this.
const CONTEXT: usize = 256;
/// Most bytes held back. Only a text that is mostly terminal escapes comes near it; it is then cut there, rather
/// than kept without a bound.
const HELD_MAX: usize = 64 * 1024;
/// So much is searched again for each piece, however small.
const HELD_SHORT: usize = 64;
/// More new bytes than this never wait for their search.
const FRESH_MAX: usize = 256;
/// Longest value that gets a number of its own; nobody edits around a longer one.
const NUMBERED_MAX: usize = 64 * 1024;

/// A text on its way. What [`Self::push`] and [`Self::finish`] return, joined, is what the redactor makes of the
/// whole.
#[derive(Clone)]
pub struct Stream {
    redactor: Redactor,
    vault: Option<Arc<Vault>>,
    scan: Scan,
    /// Context, and what is held back.
    text: String,
    /// Bytes of `text` that were dealt with.
    done: usize,
    /// Bytes at its end that came since it was last searched.
    fresh: usize,
    /// The value whose marker is due when it ends, as far as it came.
    value: Option<String>,
    /// Offset of `text` in the whole.
    offset: u64,
    /// Findings that nobody has taken, when somebody wants them.
    found: Option<Vec<Located>>,
    count: u32,
}

/// A finding in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// First byte, from the start of the stream.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
    /// Name of the kind.
    pub kind: Cow<'static, str>,
}

impl Stream {
    pub(super) fn new(redactor: Redactor, vault: Option<Arc<Vault>>) -> Self {
        Self {
            redactor,
            vault,
            scan: Scan::default(),
            text: String::new(),
            done: 0,
            fresh: 0,
            value: None,
            offset: 0,
            found: None,
            count: 0,
        }
    }

    /// The same stream, which also says where it found what.
    #[must_use]
    pub fn locating(mut self) -> Self {
        self.found = Some(Vec::new());
        self
    }

    /// What was found since the last call and is whole, and the offset before which nothing more will be found.
    pub fn located(&mut self) -> (Vec<Located>, u64) {
        let settled = self.offset + self.done as u64;
        let Some(found) = &mut self.found else { return (Vec::new(), settled) };
        let open = found.split_off(found.len() - usize::from(self.value.is_some() && !found.is_empty()));
        let until = open.first().map_or(settled, |finding| finding.start);
        (std::mem::replace(found, open), until)
    }

    /// Takes the next piece and returns what is settled.
    pub fn push(&mut self, piece: &str) -> String {
        self.text.push_str(piece);
        self.fresh += piece.len();
        // What is held back is searched again from its start: not for every few bytes.
        let before = self.held().saturating_sub(self.fresh);
        if before > HELD_SHORT && self.fresh < (before / 8).min(FRESH_MAX) {
            return String::new();
        }
        let mut out = self.settle(false);
        if self.text.len() - self.done > HELD_MAX {
            out.push_str(&self.finish());
        }
        out
    }

    /// The rest, when nothing more comes. What is pushed later is another text.
    pub fn finish(&mut self) -> String {
        let rest = self.settle(true);
        self.scan = Scan::default();
        self.offset += self.text.len() as u64;
        self.text.clear();
        self.done = 0;
        rest
    }

    /// Bytes that are neither returned nor dropped yet.
    pub fn held(&self) -> usize {
        self.text.len() - self.done
    }

    /// Secrets replaced so far.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// One step; a text whose search panics is dropped.
    fn settle(&mut self, last: bool) -> String {
        if let Some(vault) = self.vault.as_ref().filter(|_| self.fresh > 0) {
            vault.take_literals(&self.text);
        }
        self.fresh = 0;
        let settled = redactors::guarded(|| self.step(last));
        settled.unwrap_or_else(|| {
            self.offset += self.done as u64;
            (self.scan, self.done, self.value) = (Scan::default(), 0, None);
            self.text.clear();
            redactors::DROPPED.to_owned()
        })
    }

    fn step(&mut self, last: bool) -> String {
        let text = std::mem::take(&mut self.text);
        let view = View::of(text.as_bytes(), last);
        let settled = self.scan.advance(&self.redactor.rules, view.bytes(), last);
        let mut out = String::new();
        for span in &settled.spans {
            self.take(&text, &view, *span, &mut out);
            if !(settled.open && span.end == settled.until) {
                self.close(&mut out);
            }
        }
        let until = if last { text.len() } else { view.raw_end(settled.until) };
        if !settled.open && until > self.done {
            self.close(&mut out);
            out.push_str(text.get(self.done..until).unwrap_or_default());
            self.done = until;
        }
        let cut = boundary(view.bytes(), view.at_or_before(self.done).saturating_sub(CONTEXT));
        let raw = view.raw(cut).min(self.done);
        self.scan.forget(cut);
        self.done -= raw;
        self.offset += raw as u64;
        self.text = text;
        self.text.drain(..raw);
        out
    }

    /// Emits what stands before a finding and begins its value, or adds to the value that goes on.
    fn take(&mut self, text: &str, view: &View<'_>, span: Span, out: &mut String) {
        let (start, end) = (view.raw(span.start), view.raw_end(span.end));
        let goes_on = span.continued || start < self.done;
        if !goes_on {
            self.close(out);
            out.push_str(text.get(self.done..start).unwrap_or_default());
            self.value = Some(String::new());
            self.count = self.count.saturating_add(1);
            self.redactor.counts.add([self.redactor.rules.name(span.kind)]);
            if let Some(found) = &mut self.found {
                let at = self.offset + start as u64;
                found.push(Located { start: at, end: at, kind: self.redactor.rules.name(span.kind) });
            }
        }
        if let Some(last) = self.found.as_mut().and_then(|found| found.last_mut()) {
            last.end = last.end.max(self.offset + end as u64);
        }
        if let Some(value) = &mut self.value {
            let more = text.get(self.done.max(start)..end).unwrap_or_default();
            if value.len() <= NUMBERED_MAX {
                value.push_str(more);
            }
        }
        self.done = self.done.max(end);
    }

    /// Puts the marker of a value that has ended.
    fn close(&mut self, out: &mut String) {
        let Some(value) = self.value.take() else { return };
        let marker = match &self.vault {
            Some(vault) if value.len() <= NUMBERED_MAX => Cow::Owned(vault.marker(&value)),
            _ => Cow::Borrowed(MARKER),
        };
        out.push_str(&marker);
    }
}
