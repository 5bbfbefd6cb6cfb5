//! How a check reads the text around an anchor.
//!
//! A check never touches the bytes themselves: it asks the cursor, and the cursor notes when it was asked for a byte
//! that has not arrived yet. A decision made without such a question stays the same whatever comes later, which is
//! what makes a stream give the same result as the whole text.

use std::cell::Cell;

use super::{super::marker, class::Class};

/// Bytes after an anchor that a check may look at before it decides. Longer values are decided at the bound and then
/// swallowed along their run, so this also bounds what a stream holds back.
pub(in crate::redact) const LOOK_AHEAD: usize = 2048;
/// Bytes before an anchor that a check may look at.
pub(in crate::redact) const LOOK_BEHIND: usize = 128;

/// The text as far as it has arrived.
pub(in crate::redact) struct Cursor<'a> {
    bytes: &'a [u8],
    /// The text ends here: nothing more will arrive.
    last: bool,
    starved: Cell<bool>,
    /// Where markers of ours begin; the last may be cut by the end of what has arrived.
    markers: Vec<usize>,
    floor: Cell<usize>,
    wall: Cell<usize>,
}

impl<'a> Cursor<'a> {
    pub(in crate::redact) fn new(bytes: &'a [u8], last: bool) -> Self {
        let markers = marker::starts(bytes);
        Self { bytes, last, starved: Cell::new(false), markers, floor: Cell::new(0), wall: Cell::new(usize::MAX) }
    }

    /// The byte at `at`; `None` behind the end, and from a marker of ours on: what was replaced ends
    /// what a check may look at, so that a second redaction finds nothing across it that the first did not.
    #[inline]
    pub(in crate::redact) fn at(&self, at: usize) -> Option<u8> {
        if at >= self.wall.get() {
            return self.behind_wall();
        }
        let byte = self.bytes.get(at).copied();
        if byte.is_none() && !self.last {
            self.starved.set(true);
        }
        byte
    }

    /// The byte before `at`; `None` at the start of the text and behind what was replaced already: what stood there
    /// is no context, or a second redaction, which sees a marker there, would decide otherwise.
    #[inline]
    pub(in crate::redact) fn before(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(1).filter(|before| *before >= self.floor.get())?).copied()
    }

    /// Sets the bounds of what may be looked at from an anchor at `start`: nothing before `floor`, nothing behind the
    /// next marker.
    pub(super) fn aim(&self, start: usize, floor: usize) {
        self.floor.set(floor);
        let next = self.markers.partition_point(|marker| *marker <= start);
        self.wall.set(self.markers.get(next).copied().unwrap_or(usize::MAX));
    }

    /// The end of what [`Self::at`] returns a byte for.
    #[inline]
    fn seen(&self) -> usize {
        self.wall.get().min(self.bytes.len())
    }

    /// So many bytes at `at`, when all are seen.
    #[inline]
    fn window(&self, at: usize, length: usize) -> Option<&[u8]> {
        self.bytes.get(at..at + length).filter(|_| at + length <= self.seen())
    }

    /// True when a marker of ours begins here. A value that ends there was judged before the marker was set, with what
    /// it stands for, and was found to be none.
    pub(in crate::redact) fn is_marker(&self, at: usize) -> bool {
        at == self.wall.get()
    }

    #[cold]
    fn behind_wall(&self) -> Option<u8> {
        let cut = !self.last && self.wall.get() + marker::OPEN.len() > self.bytes.len();
        if cut {
            self.starved.set(true);
        }
        None
    }

    /// End of the run of `class` that begins at `from`, at most `max` bytes on.
    #[inline]
    pub(in crate::redact) fn run(&self, from: usize, max: usize, class: Class) -> usize {
        let end = from.saturating_add(max).min(self.seen());
        let window = self.bytes.get(from..end).unwrap_or_default();
        if let Some(length) = window.iter().position(|byte| !class.has(*byte)) {
            return from + length;
        }
        if window.len() < max {
            // Notes what is missing there.
            self.at(from + window.len());
        }
        from + window.len()
    }

    /// Start of the run of `class` that ends at `to`, at most `max` bytes back.
    #[inline]
    pub(in crate::redact) fn run_back(&self, to: usize, max: usize, class: Class) -> usize {
        let from = to.saturating_sub(max).max(self.floor.get());
        let window = self.bytes.get(from..to).unwrap_or_default();
        to - window.iter().rev().position(|byte| !class.has(*byte)).unwrap_or(window.len())
    }

    /// True when `text` stands at `at`, exactly.
    pub(in crate::redact) fn is(&self, at: usize, text: &str) -> bool {
        match self.window(at, text.len()) {
            Some(window) => window.iter().zip(text.bytes()).all(|(byte, other)| *byte == other),
            None => text.bytes().enumerate().all(|(index, byte)| self.at(at + index) == Some(byte)),
        }
    }

    /// True when `lower` stands at `at` in any case; `lower` is in lower case.
    pub(in crate::redact) fn is_any_case(&self, at: usize, lower: &str) -> bool {
        let same = |(byte, lower): (&u8, u8)| byte.to_ascii_lowercase() == lower;
        match self.window(at, lower.len()) {
            Some(window) => window.iter().zip(lower.bytes()).all(same),
            None => lower
                .bytes()
                .enumerate()
                .all(|(index, lower)| self.at(at + index).is_some_and(|byte| same((&byte, lower)))),
        }
    }

    /// The bytes of a range, as far as they are there. Ask [`Self::at`] or [`Self::run`] first: a range says nothing
    /// about what is missing behind it.
    pub(in crate::redact) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from.min(self.bytes.len())..to.min(self.bytes.len())).unwrap_or_default()
    }

    /// Bytes that have arrived.
    pub(in crate::redact) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing more will arrive.
    pub(in crate::redact) fn is_last(&self) -> bool {
        self.last
    }

    /// True when a byte was wanted that has not arrived, since the last call.
    pub(in crate::redact) fn take_starved(&self) -> bool {
        self.starved.replace(false)
    }
}
