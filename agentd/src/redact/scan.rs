//! One text through all parts of the engine: known values, anchors, encoded runs, line rules.
//!
//! Owns where each part stands and what it found, so that a whole text and a text in pieces take the same way. All
//! offsets are of the view: the text without terminal escapes and invisible characters.

use super::{
    encoded,
    engine::{Cursor, Progress, Span},
    marker,
    rules::Rules,
};

/// Bytes of one line that a rule of the user's sees at once. Longer lines are taken in such pieces, so that a text
/// without line ends is neither held back nor searched as a whole.
const PIECE_MAX: usize = 4096;

/// The passes over one text.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    anchors: Progress,
    runs: usize,
    /// An encoded secret may go on at `runs`.
    goes_on: bool,
    known: usize,
    line: usize,
    /// Not merged, in no order.
    found: Vec<Span>,
}

/// What is settled after a step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// Findings that end there, merged and sorted.
    pub(super) spans: Vec<Span>,
    /// Everything before this byte is decided.
    pub(super) until: usize,
    /// The last finding reaches the end of what has arrived and goes on.
    pub(super) open: bool,
}

impl Scan {
    /// Goes on with more of the text. `view` begins where it began the last time, less what [`Self::forget`] took.
    pub(super) fn advance(&mut self, rules: &Rules, view: &[u8], last: bool) -> Settled {
        let cursor = Cursor::new(view, last);
        let anchors = rules.table().anchors.pass(&cursor, &mut self.anchors, &mut self.found);
        let others = self.known(rules, view, last).min(self.runs(rules, view, last)).min(self.lines(rules, view, last));
        let mut spans = std::mem::take(&mut self.found);
        spans.retain(|span| {
            span.continued || !rules.allows(span.kind, view.get(span.start..span.end).unwrap_or_default())
        });
        let spans = merged(spans, view);
        self.settle(spans, anchors.min(others), view)
    }

    /// Drops the first `bytes` of the view, which nobody will ask for again.
    pub(super) fn forget(&mut self, bytes: usize) {
        self.anchors.forget(bytes);
        for at in [&mut self.runs, &mut self.known, &mut self.line] {
            *at = at.saturating_sub(bytes);
        }
        for span in &mut self.found {
            span.start = span.start.saturating_sub(bytes);
            span.end = span.end.saturating_sub(bytes);
        }
    }

    fn settle(&mut self, spans: Vec<Span>, until: usize, view: &[u8]) -> Settled {
        let mut until = boundary(view, until);
        for span in &spans {
            if span.start < until && until < span.end {
                until = span.start;
            }
        }
        // A value that goes on has its marker already: nothing of what has come of it needs to wait.
        let open = self.anchors.open.map(|_| self.anchors.floor);
        if let Some(goes_on) = spans.last().filter(|span| Some(span.end) == open && span.start <= until) {
            until = goes_on.end;
        }
        let (spans, later) = spans.into_iter().partition(|span| span.end <= until);
        self.found = later;
        Settled { spans, until, open: open == Some(until) }
    }

    /// Exact values. One that may still become whole, or longer, waits.
    fn known(&mut self, rules: &Rules, view: &[u8], last: bool) -> usize {
        let until = if last { view.len() } else { rules.known.undecided(view, self.known) };
        for (start, end) in rules.known.matches(view, self.known) {
            if end <= until {
                self.found.push(Span { start, end, kind: rules.table().known, continued: false });
                self.known = end;
            }
        }
        self.known = self.known.max(until);
        until
    }

    /// Encoded runs: what they hold is judged like any text, one level deep, and the whole run goes.
    fn runs(&mut self, rules: &Rules, view: &[u8], last: bool) -> usize {
        loop {
            if !self.rest_of_run(view, rules.table().encoded, last) {
                return self.runs;
            }
            let Some(run) = encoded::next_run(view, self.runs) else { break };
            if !last && run.len() < encoded::RUN_MAX && marker::may_begin(view, run.end) {
                self.runs = run.start;
                return run.start;
            }
            self.runs = run.end;
            // What stands at a marker was one run with what the marker stands for, and was judged so.
            if marker::touches(view, &run) {
                continue;
            }
            let bytes = view.get(run.clone()).unwrap_or_default();
            let Some(inner) = encoded::decoded(bytes) else { continue };
            if rules.holds_secret(&inner) {
                self.found.push(Span { start: run.start, end: run.end, kind: rules.table().encoded, continued: false });
                self.goes_on = encoded::goes_on(bytes, &inner);
            }
        }
        if last {
            return view.len();
        }
        // Whatever its length now, the run at the end may grow; its start is not to be guessed again from a later cut.
        self.runs = encoded::run_at_end(view, self.runs);
        self.runs
    }

    /// The pieces and lines of an encoded secret that goes on where the last run ended. False when more text is needed.
    fn rest_of_run(&mut self, view: &[u8], kind: u16, last: bool) -> bool {
        while self.goes_on {
            match encoded::next_part(view, self.runs, last) {
                encoded::Next::Part(part) => {
                    self.found.push(Span { start: self.runs, end: part.end, kind, continued: true });
                    self.runs = part.end;
                }
                encoded::Next::Other => self.goes_on = false,
                encoded::Next::Unknown => return false,
            }
        }
        true
    }

    /// The user's rules and personal data, line by line.
    fn lines(&mut self, rules: &Rules, view: &[u8], last: bool) -> usize {
        if !rules.by_line() {
            return view.len();
        }
        while self.line < view.len() {
            let rest = view.get(self.line..).unwrap_or_default();
            let window = rest.get(..PIECE_MAX.min(rest.len())).unwrap_or_default();
            let length = match memchr::memchr(b'\n', window) {
                Some(end) => end + 1,
                None if rest.len() > PIECE_MAX => boundary(rest, PIECE_MAX),
                None if last => rest.len(),
                None => break,
            };
            let start = self.line;
            self.line += length;
            let Ok(piece) = std::str::from_utf8(rest.get(..length).unwrap_or_default()) else { continue };
            rules.find_in_line(piece, |from, to, kind| {
                self.found.push(Span { start: start + from, end: start + to, kind, continued: false });
            });
        }
        self.line
    }
}

/// The nearest start of a character at or before `at`.
pub(super) fn boundary(view: &[u8], at: usize) -> usize {
    let mut at = at.min(view.len());
    while at > 0 && view.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
        at -= 1;
    }
    at
}

/// Sorted spans on character boundaries; those that overlap become one.
fn merged(mut spans: Vec<Span>, view: &[u8]) -> Vec<Span> {
    for span in &mut spans {
        span.start = boundary(view, span.start);
        while view.get(span.end).is_some_and(|byte| byte & 0xc0 == 0x80) {
            span.end += 1;
        }
    }
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(before) if span.start < before.end || span.continued && span.start == before.end => {
                before.end = before.end.max(span.end);
            }
            _ => out.push(span),
        }
    }
    out
}
