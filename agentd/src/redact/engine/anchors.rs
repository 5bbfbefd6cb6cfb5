//! All anchors of all kinds in one automaton, and the pass over a text that asks the checks.
//!
//! Invariant: what is decided depends only on the text around an anchor, never on where the pass began or how much had
//! arrived. So every anchor that begins behind the last finding is judged, whatever other anchors it overlaps.

use std::collections::BTreeMap;

use aho_corasick::{
    Anchored, MatchKind,
    automaton::{Automaton, StateID},
    dfa::DFA,
};

use super::{Class, Cursor, Found, Hit, LOOK_BEHIND, Span, Then, follow};

/// How far back from an undecided place a text is held: an infix anchor's finding may begin this much earlier.
const HOLD_RUN: usize = LOOK_BEHIND + 32;
/// What such a finding is made of: a password before an `@` may hold any sign but blanks and quotes.
const HELD: Class = Class::of("!#-&(-_a-~");

/// The kind of a marker of ours, which is no secret but a boundary.
pub(in crate::redact) const MARKER_KIND: u16 = u16::MAX;
/// Automata that walk side by side.
const LANES: usize = 4;
/// Bytes judged at once: what a finding makes superfluous of the automata's work is at most this.
const BLOCK: usize = 16 * 1024;

/// Bytes of an anchor that the automaton looks for; the judge compares the rest. Longer ones would only make it too
/// large for the processor's cache.
const HEAD_MAX: usize = 6;

/// An anchor's end and the state there.
type Match = (usize, StateID);

/// What decides at an anchor.
pub(in crate::redact) type Judge = Box<dyn Fn(&Cursor<'_>, Hit) -> Option<Found> + Send + Sync>;

/// One anchor of one kind.
pub(in crate::redact) struct Anchor {
    /// The text, in lower case.
    pub(in crate::redact) text: String,
    /// Number of the kind in the table.
    pub(in crate::redact) kind: u16,
    /// What decides there.
    pub(in crate::redact) judge: Judge,
}

/// The automaton and what to ask at each of its matches.
pub(in crate::redact) struct Anchors {
    dfa: DFA,
    /// By pattern of the automaton.
    judges: Vec<Judges>,
    longest: usize,
}

/// The anchors that begin alike.
struct Judges {
    /// Bytes that the automaton looks for.
    head: usize,
    /// Each of the anchors is one sign repeated.
    one_sign: bool,
    of: Vec<Anchor>,
}

impl Judges {
    fn new(head: usize, of: Vec<Anchor>) -> Self {
        let same = |pair: &[u8]| pair.first() == pair.last();
        let one_sign = head > 1 && of.iter().all(|anchor| anchor.text.as_bytes().windows(2).all(same));
        Self { head, one_sign, of }
    }

    /// True within a run of the sign that the anchors repeat, as zeros are in base64: only the first two places of a
    /// run are judged, or each byte of it would be.
    fn are_inside(&self, cursor: &Cursor<'_>, start: usize, floor: usize) -> bool {
        let like = |at| cursor.before(at) == cursor.at(start);
        self.one_sign && start >= floor + 2 && like(start) && like(start - 1)
    }
}

/// Where a pass stands.
#[derive(Debug, Clone, Default)]
pub(in crate::redact) struct Progress {
    /// Anchors that begin before this byte are decided.
    pub(in crate::redact) from: usize,
    /// End of the last finding.
    pub(in crate::redact) floor: usize,
    /// How the last finding goes on.
    pub(in crate::redact) open: Option<(u16, Then)>,
    /// Findings that begin behind the anchor that gave them away, in order. What stands before them is still judged:
    /// `curl -H "Authorization: …" -u user:…`.
    ahead: Vec<(usize, usize)>,
}

impl Progress {
    /// Takes a finding. One that begins at its anchor, or has no end yet, is all there is until its end.
    fn take(&mut self, hit: Hit, start: usize, end: usize, open: Option<(u16, Then)>) {
        if start <= hit.end || open.is_some() {
            self.pass(end, open);
        } else if !self.ahead.contains(&(start, end)) {
            self.ahead.insert(self.ahead.partition_point(|other| *other < (start, end)), (start, end));
        }
    }

    fn pass(&mut self, end: usize, open: Option<(u16, Then)>) {
        self.ahead.retain(|ahead| ahead.1 > end);
        (self.from, self.floor, self.open) = (end, end, open);
    }

    /// False for an anchor that begins in what was found or decided already.
    fn admits(&mut self, start: usize) -> bool {
        while let Some(&(_, end)) = self.ahead.first().filter(|ahead| ahead.1 <= start) {
            self.ahead.remove(0);
            self.floor = self.floor.max(end);
        }
        start >= self.from && start >= self.floor && self.ahead.iter().all(|ahead| start < ahead.0 || ahead.1 <= start)
    }

    /// Moves everything to the left.
    pub(in crate::redact) fn forget(&mut self, bytes: usize) {
        self.from = self.from.saturating_sub(bytes);
        self.floor = self.floor.saturating_sub(bytes);
        for (start, end) in &mut self.ahead {
            (*start, *end) = (start.saturating_sub(bytes), end.saturating_sub(bytes));
        }
    }
}

impl Anchors {
    /// Builds the automaton: some milliseconds, once per process.
    ///
    /// # Errors
    /// The table has more anchors than an automaton can hold.
    pub(in crate::redact) fn new(anchors: Vec<Anchor>) -> Result<Self, aho_corasick::BuildError> {
        let mut by_head: BTreeMap<String, Vec<Anchor>> = BTreeMap::new();
        for mut anchor in anchors {
            anchor.text.make_ascii_lowercase();
            let head = anchor.text.get(..anchor.text.floor_char_boundary(HEAD_MAX)).unwrap_or_default();
            by_head.entry(head.to_owned()).or_default().push(anchor);
        }
        let dfa = DFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(by_head.keys())?;
        let longest = by_head.keys().map(String::len).max().unwrap_or_default();
        let judges = by_head.into_iter().map(|(head, of)| Judges::new(head.len(), of)).collect();
        Ok(Self { dfa, judges, longest })
    }

    /// The anchors, for a comparison with a bare automaton over them.
    pub(in crate::redact) fn texts(&self) -> impl Iterator<Item = &str> {
        self.judges.iter().flat_map(|judges| &judges.of).map(|anchor| anchor.text.as_str())
    }

    /// Judges every anchor from `progress` on and returns the byte up to which all is decided: no text to come can
    /// make a finding that begins before it.
    pub(in crate::redact) fn pass(&self, cursor: &Cursor<'_>, progress: &mut Progress, out: &mut Vec<Span>) -> usize {
        if let Some((kind, then)) = progress.open {
            // The body of a key is judged by the line before, which is part of the same finding.
            cursor.aim(progress.floor, 0);
            let (end, open) = follow(cursor, progress.floor, then);
            out.push(Span { start: progress.floor, end, kind, continued: true });
            progress.pass(end, open.map(|then| (kind, then)));
            if open.is_some() {
                return end;
            }
        }
        let decided = self.search(cursor, progress, out);
        progress.from = progress.from.max(decided);
        decided
    }

    /// Goes through the text block by block: first the automaton, then the judges at what it found.
    fn search(&self, cursor: &Cursor<'_>, progress: &mut Progress, out: &mut Vec<Span>) -> usize {
        let bytes = cursor.slice(0, cursor.len());
        let mut lanes: [Vec<Match>; LANES] = Default::default();
        let mut at = progress.from;
        while at < bytes.len() {
            let end = bytes.len().min(at + BLOCK);
            self.collect(bytes, at, end, &mut lanes);
            for (end, state) in lanes.iter().flatten().copied() {
                match self.judge(cursor, state, end, progress) {
                    Verdict::Clean => {}
                    Verdict::Wait(hit) => return self.hold(cursor, hit).max(progress.floor),
                    Verdict::Found(hit, kind, found) => {
                        let (end, open) = follow(cursor, found.end, found.then);
                        if kind != MARKER_KIND {
                            out.push(Span { start: found.start, end, kind, continued: false });
                        }
                        progress.take(hit, found.start, end, open.map(|then| (kind, then)));
                        if open.is_some() {
                            return end;
                        }
                    }
                }
            }
            at = end.max(progress.floor);
        }
        cursor.aim(cursor.len(), progress.floor);
        let end = cursor.len();
        if cursor.is_last() {
            return end;
        }
        cursor.run_back(end, HOLD_RUN, HELD).min((end + 1).saturating_sub(self.longest)).max(progress.floor)
    }

    /// Where anchors end within a block. The block is cut into lanes that are walked side by side: each step of an
    /// automaton waits for the one before it, so several automata cost little more than one.
    fn collect(&self, bytes: &[u8], from: usize, to: usize, lanes: &mut [Vec<Match>; LANES]) {
        lanes.iter_mut().for_each(Vec::clear);
        let Ok(start) = self.dfa.start_state(Anchored::No) else { return };
        let length = (to - from) / LANES;
        if length < 2 * self.longest {
            return self.walk(bytes, (from.saturating_sub(self.longest), from, to), start, &mut lanes[0]);
        }
        let mut states = [start; LANES];
        for (lane, state) in states.iter_mut().enumerate() {
            // An anchor may begin before its lane.
            let first = from + lane * length;
            for byte in bytes.get(first.saturating_sub(self.longest)..first).unwrap_or_default() {
                *state = self.dfa.next_state(Anchored::No, *state, *byte);
            }
        }
        let part = |lane: usize| bytes.get(from + lane * length..from + (lane + 1) * length).unwrap_or_default();
        let side_by_side = part(0).iter().zip(part(1)).zip(part(2)).zip(part(3));
        for (at, (((first, second), third), fourth)) in side_by_side.enumerate() {
            for (lane, byte) in [first, second, third, fourth].into_iter().enumerate() {
                states[lane] = self.dfa.next_state(Anchored::No, states[lane], *byte);
                if self.dfa.is_special(states[lane]) && self.dfa.is_match(states[lane]) {
                    lanes[lane].push((from + lane * length + at + 1, states[lane]));
                }
            }
        }
        let rest = from + LANES * length;
        self.walk(bytes, (rest.saturating_sub(self.longest), rest, to), start, &mut lanes[LANES - 1]);
    }

    /// One automaton from `first` to `to`; what ends at or before `after` was found already.
    fn walk(&self, bytes: &[u8], (first, after, to): (usize, usize, usize), mut state: StateID, out: &mut Vec<Match>) {
        for (at, byte) in bytes.get(first..to).unwrap_or_default().iter().enumerate() {
            state = self.dfa.next_state(Anchored::No, state, *byte);
            let end = first + at + 1;
            if end > after && self.dfa.is_special(state) && self.dfa.is_match(state) {
                out.push((end, state));
            }
        }
    }

    /// An undecided hit: later anchors may begin up to one anchor's length before its end, its own finding up to the
    /// start of the token it stands in.
    fn hold(&self, cursor: &Cursor<'_>, hit: Hit) -> usize {
        cursor.run_back(hit.start, HOLD_RUN, HELD).min((hit.end + 1).saturating_sub(self.longest))
    }

    /// Asks everything that looks for the anchors that end here. Where several find something, the longest counts: a
    /// key has an older and a longer form, and a tail of it must not stay.
    fn judge(&self, cursor: &Cursor<'_>, state: StateID, end: usize, progress: &mut Progress) -> Verdict {
        let mut best: Option<(Hit, u16, Found)> = None;
        for index in 0..self.dfa.match_len(state) {
            let pattern = self.dfa.match_pattern(state, index);
            let Some(judges) = self.judges.get(pattern.as_usize()) else { continue };
            let start = end - judges.head;
            if !progress.admits(start) {
                continue;
            }
            cursor.aim(start, progress.floor);
            if judges.are_inside(cursor, start, progress.floor) {
                continue;
            }
            for anchor in &judges.of {
                let rest = anchor.text.get(judges.head..).unwrap_or_default();
                let whole = cursor.is_any_case(end, rest);
                let hit = Hit { start, end: end + rest.len(), floor: progress.floor };
                let found = if whole { (anchor.judge)(cursor, hit) } else { None };
                if cursor.take_starved() {
                    return Verdict::Wait(hit);
                }
                let Some(found) = found.filter(|f| f.start >= progress.floor && f.end > f.start) else { continue };
                let reach = |found: &Found| (found.then != Then::Stop, found.end);
                if best.is_none_or(|(_, _, best)| reach(&found) > reach(&best)) {
                    best = Some((hit, anchor.kind, found));
                }
            }
        }
        best.map_or(Verdict::Clean, |(hit, kind, found)| Verdict::Found(hit, kind, found))
    }
}

enum Verdict {
    Clean,
    Wait(Hit),
    Found(Hit, u16, Found),
}
