//! The pattern language of the table of kinds.
//!
//! Owns the parsing of a row's pattern and its matching around an anchor. The language is a subset of regex syntax:
//! literals (a sign escaped with `\`), classes `[A-Za-z0-9_-]`, `\d`, `\w`, each with an optional `{n}`, `{n,}` or
//! `{n,m}`.
//!
//! Refuses what would need a decision at run time: alternation, groups, `?`, `*`, `+`, `.`, and a run of variable
//! length in front of an atom that shares a byte with it. So matching takes each byte once, in one direction, without
//! backtracking.
//!
//! Invariants: ASCII only, so what is matched begins and ends on character boundaries; a look to the left is at most
//! [`BEFORE_MAX`] bytes; a run without an upper bound is looked at for [`OPEN_MAX`] bytes; a byte is read only through
//! the caller's `at`, which may note that it wanted one that has not arrived.

use super::engine::Class;

/// Longest look to the left of an anchor. Longer ones would be paid again at each repetition of the anchor.
pub(super) const BEFORE_MAX: usize = 128;
/// How far a run without an upper bound is followed before the caller decides. A longer piece in front of a literal
/// (the payload of a web token) is not recognised by its pattern.
pub(super) const OPEN_MAX: usize = 2048;
/// An anchor of fewer bytes would stop the scan at every other word.
const ANCHOR_MIN: usize = 3;

/// Why a pattern is not in the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    /// A sign that means something else in regex syntax, or is not ASCII.
    #[error("a sign that the pattern language does not have")]
    Sign,
    /// `[` without `]`, `{` without `}`, `\` at the end.
    #[error("the pattern ends inside a class, a count or an escape")]
    Open,
    /// `[]`, `[z-a]`.
    #[error("a class that holds nothing")]
    Class,
    /// `{0,}`, `{3,2}`, `{x}`.
    #[error("a count that is no count")]
    Count,
    /// A run of variable length comes before an atom that shares a byte with it.
    #[error("a run of variable length before an atom that shares a byte with it")]
    Ambiguous,
    /// More than [`BEFORE_MAX`] bytes in front of the anchor.
    #[error("too much in front of the anchor")]
    Before,
}

/// A class and how often it follows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Atom {
    /// What may stand here.
    pub(super) class: Class,
    /// At least so often.
    pub(super) min: usize,
    /// At most so often; none for an open run.
    pub(super) max: Option<usize>,
}

impl Atom {
    fn is_fixed(self) -> bool {
        self.max == Some(self.min)
    }

    /// How many of the bytes belong to this run; none when they are too few.
    fn run(self, mut next: impl FnMut(usize) -> Option<u8>) -> Option<usize> {
        let max = self.max.unwrap_or(OPEN_MAX);
        let mut count = 0;
        while count < max && next(count).is_some_and(|byte| self.class.has(byte)) {
            count += 1;
        }
        (count >= self.min).then_some(count)
    }

    /// The byte of a literal sign.
    fn literal(self) -> Option<u8> {
        self.class.single().filter(|_| self.is_fixed() && self.min == 1)
    }
}

/// A pattern split around its anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    before: Vec<Atom>,
    anchor: String,
    after: Vec<Atom>,
}

impl Pattern {
    /// Parses a pattern. The anchor is the literal at its start, when it is long enough, else the longest one.
    pub(super) fn parse(source: &str) -> Result<Self, PatternError> {
        let atoms = atoms(source)?;
        let (start, end) = anchor(&atoms);
        let part = |from: usize, to: usize| atoms.get(from..to).unwrap_or_default();
        let anchor = part(start, end).iter().filter_map(|atom| atom.literal()).map(char::from).collect();
        let (before, after) = (part(0, start).to_vec(), part(end, atoms.len()).to_vec());
        // What stands right of the anchor is matched forwards, what stands left of it both ways.
        let clear = are_apart(&atoms, |[run, _]| run) && are_apart(&before, |[_, run]| run);
        if !clear {
            return Err(PatternError::Ambiguous);
        }
        if before.iter().map(|atom| atom.max.unwrap_or(atom.min)).sum::<usize>() > BEFORE_MAX {
            return Err(PatternError::Before);
        }
        Ok(Self { before, anchor, after })
    }

    /// The literal that the scan looks for; empty when the pattern has none.
    pub(super) fn anchor(&self) -> &str {
        &self.anchor
    }

    /// Matches what stands right of the anchor; returns its end.
    pub(super) fn match_after(&self, at: &impl Fn(usize) -> Option<u8>, from: usize) -> Option<usize> {
        forwards(&self.after, at, from)
    }

    /// Matches what stands left of the anchor, backwards; returns its start.
    pub(super) fn match_before(&self, at: &impl Fn(usize) -> Option<u8>, anchor_start: usize) -> Option<usize> {
        let floor = anchor_start.saturating_sub(BEFORE_MAX);
        self.before.iter().rev().try_fold(anchor_start, |right, atom| {
            let left = |count: usize| right.checked_sub(count + 1).filter(|&i| i >= floor).and_then(at);
            Some(right - atom.run(left)?)
        })
    }

    /// Matches the whole pattern from its start; returns its end.
    pub(super) fn match_whole(&self, at: &impl Fn(usize) -> Option<u8>, from: usize) -> Option<usize> {
        let mut from = forwards(&self.before, at, from)?;
        for byte in self.anchor.bytes() {
            from = (at(from) == Some(byte)).then_some(from + 1)?;
        }
        self.match_after(at, from)
    }

    /// All atoms in order, the anchor's signs among them.
    #[cfg(test)]
    pub(super) fn atoms(&self) -> impl Iterator<Item = Atom> {
        let sign = |byte| Atom { class: Class::one(byte), min: 1, max: Some(1) };
        self.before.iter().copied().chain(self.anchor.bytes().map(sign)).chain(self.after.iter().copied())
    }
}

fn forwards(atoms: &[Atom], at: &impl Fn(usize) -> Option<u8>, from: usize) -> Option<usize> {
    atoms.iter().try_fold(from, |start, atom| Some(start + atom.run(|count| at(start + count))?))
}

/// True when no run of variable length could take a byte that its neighbour needs.
fn are_apart(atoms: &[Atom], run: impl Fn([Atom; 2]) -> Atom) -> bool {
    atoms.windows(2).all(|pair| match *pair {
        [left, right] => run([left, right]).is_fixed() || !left.class.meets(right.class),
        _ => true,
    })
}

/// The stretch of literals that makes the best anchor.
fn anchor(atoms: &[Atom]) -> (usize, usize) {
    let mut best = (0, 0);
    let mut start = 0;
    while start < atoms.len() {
        let length = atoms.iter().skip(start).take_while(|atom| atom.literal().is_some()).count();
        if length > best.1 - best.0 {
            best = (start, start + length);
        }
        if start == 0 && length >= ANCHOR_MIN {
            break;
        }
        start += length.max(1);
    }
    best
}

fn atoms(source: &str) -> Result<Vec<Atom>, PatternError> {
    let mut rest = source.as_bytes().iter().copied().peekable();
    let mut atoms = Vec::new();
    while let Some(byte) = rest.next() {
        let class = match byte {
            b'\\' => escaped(&mut rest)?,
            b'[' => class(&mut rest)?,
            b'.' | b'*' | b'+' | b'?' | b'(' | b')' | b'|' | b'^' | b'$' | b'{' | b'}' | b']' => {
                return Err(PatternError::Sign);
            }
            byte if byte.is_ascii() => Class::one(byte),
            _ => return Err(PatternError::Sign),
        };
        let (min, max) = if rest.next_if_eq(&b'{').is_some() { count(&mut rest)? } else { (1, Some(1)) };
        atoms.push(Atom { class, min, max });
    }
    Ok(atoms)
}

fn escaped(rest: &mut impl Iterator<Item = u8>) -> Result<Class, PatternError> {
    let digits = Class::range(b'0', b'9');
    match rest.next().ok_or(PatternError::Open)? {
        b'd' => Ok(digits),
        b'w' => Ok(digits.and(Class::range(b'A', b'Z')).and(Class::range(b'a', b'z')).and(Class::one(b'_'))),
        byte if byte.is_ascii_punctuation() => Ok(Class::one(byte)),
        _ => Err(PatternError::Sign),
    }
}

fn class(rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> Result<Class, PatternError> {
    let mut all = Class::EMPTY;
    loop {
        let first = rest.next().ok_or(PatternError::Open)?;
        let item = match first {
            b']' if all == Class::EMPTY => return Err(PatternError::Class),
            b']' => return Ok(all),
            b'\\' => escaped(rest)?,
            b'[' | b'^' => return Err(PatternError::Sign),
            b'&' | b'~' | b'-' if rest.peek() == Some(&first) => return Err(PatternError::Sign),
            first if first.is_ascii_alphanumeric() && rest.next_if_eq(&b'-').is_some() => {
                let last = rest.next().ok_or(PatternError::Open)?;
                let same_kind = last.is_ascii_alphanumeric() && first <= last;
                if !same_kind {
                    return Err(PatternError::Class);
                }
                Class::range(first, last)
            }
            first if first.is_ascii() => Class::one(first),
            _ => return Err(PatternError::Sign),
        };
        all = all.and(item);
    }
}

fn count(rest: &mut impl Iterator<Item = u8>) -> Result<(usize, Option<usize>), PatternError> {
    let mut text = String::new();
    loop {
        match rest.next().ok_or(PatternError::Open)? {
            b'}' => break,
            byte => text.push(char::from(byte)),
        }
    }
    let number = |text: &str| text.parse::<usize>().map_err(|_| PatternError::Count);
    let (min, max) = match text.split_once(',') {
        None => (number(&text)?, Some(number(&text)?)),
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    let holds = min > 0 && min <= OPEN_MAX && max.is_none_or(|max| min <= max && max <= OPEN_MAX);
    if holds { Ok((min, max)) } else { Err(PatternError::Count) }
}

/// Example texts of a pattern, for tests: no example stands in the source.
#[cfg(test)]
pub(super) mod sample {
    use super::{Atom, Pattern};

    /// A small generator of numbers; the tests repeat exactly.
    pub(in crate::redact) struct Numbers(pub(in crate::redact) u64);

    impl Numbers {
        /// The next number below a bound.
        pub(in crate::redact) fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
        }
    }

    impl Pattern {
        /// A text that the pattern matches from end to end.
        pub(in crate::redact) fn sample(&self, numbers: &mut Numbers) -> String {
            let run = |atom: Atom, numbers: &mut Numbers| -> String {
                let spread = atom.max.map_or(8, |max| max - atom.min);
                let bytes: Vec<u8> = atom.class.bytes().collect();
                let length = atom.min + numbers.below(spread + 1);
                (0..length).map(|_| char::from(bytes[numbers.below(bytes.len())])).collect()
            };
            self.atoms().map(|atom| run(atom, numbers)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{sample::Numbers, *};

    fn over(text: &str) -> impl Fn(usize) -> Option<u8> {
        move |i| text.as_bytes().get(i).copied()
    }

    /// Where a pattern stands in a text that holds its anchor once.
    fn place(pattern: &Pattern, text: &str) -> Option<(usize, usize)> {
        let anchor = text.find(pattern.anchor())?;
        let end = pattern.match_after(&over(text), anchor + pattern.anchor().len())?;
        Some((pattern.match_before(&over(text), anchor)?, end))
    }

    #[test]
    fn the_anchor_is_the_literal_at_the_start_when_it_is_long_enough() {
        let anchor = |source| Pattern::parse(source).unwrap().anchor().to_owned();
        assert_eq!(anchor("abc_[a-z]{4}defghij"), "abc_");
        assert_eq!(anchor("a-[0-9]{4}_defg_"), "_defg_");
        assert_eq!(anchor(r"SG\.[0-9]{4}"), "SG.");
        assert_eq!(anchor("a[0-9]{4}"), "a");
        assert_eq!(anchor("[0-9]{4}"), "");
    }

    #[test]
    fn a_match_reaches_to_both_sides_of_the_anchor() {
        let pattern = Pattern::parse("[0-9]{3,}INFIX[a-f]{2,4}").unwrap();
        assert_eq!(place(&pattern, "x 12345INFIXabcdef y"), Some((2, 16)));
        assert_eq!(place(&pattern, "x 12INFIXabcd"), None);
        assert_eq!(place(&pattern, "x 123INFIXa"), None);
        let longest = format!("x{}INFIXab", "1".repeat(300));
        assert_eq!(place(&pattern, &longest), Some((301 - BEFORE_MAX, 308)));
    }

    #[test]
    fn an_open_run_is_followed_up_to_its_bound() {
        let pattern = Pattern::parse("abc[0-9]{3,}").unwrap();
        let text = format!("abc{}", "7".repeat(3 * OPEN_MAX));
        assert_eq!(place(&pattern, &text), Some((0, 3 + OPEN_MAX)));
    }

    #[test]
    fn what_the_language_does_not_have_is_refused() {
        use PatternError as E;
        let faults = [
            ("a.b", E::Sign),
            ("(ab)", E::Sign),
            ("a?", E::Sign),
            ("[^a]", E::Sign),
            ("[a&&b]", E::Sign),
            (r"\s", E::Sign),
            ("é", E::Sign),
            ("[a", E::Open),
            ("a{2", E::Open),
            ("a\\", E::Open),
            ("[]", E::Class),
            ("[z-a]", E::Class),
            ("a{0,}", E::Count),
            ("a{3,2}", E::Count),
            ("a{x}", E::Count),
            ("[a-z]{2,}b", E::Ambiguous),
            ("b[a-z]{2,}ABCD", E::Ambiguous),
            ("[a-z]{200}ABCD", E::Before),
        ];
        for (source, error) in faults {
            assert_eq!(Pattern::parse(source).err(), Some(error), "{source}");
        }
    }

    #[test]
    fn the_regex_crate_accepts_and_rejects_the_same_texts() {
        let sources = [
            r"abc_\d{3,5}-[A-Za-z_]{2,}",
            r"[0-9a-f]{8}ZZ\.[\w-]{4}",
            r"[A-Z]{2,4}-[0-9]{3}-[a-z]{1,}",
            r"x=[A-Za-z0-9+/]{6}==",
        ];
        let mut numbers = Numbers(7);
        for source in sources {
            let (pattern, oracle) =
                (Pattern::parse(source).unwrap(), regex::Regex::new(&format!("^(?:{source})")).unwrap());
            for _ in 0..500 {
                let mut text = pattern.sample(&mut numbers).into_bytes();
                let place = numbers.below(text.len());
                match numbers.below(3) {
                    0 => text[place] = b"aZ5-_.=/ "[numbers.below(9)],
                    1 => text.truncate(place),
                    _ => {}
                }
                let text = String::from_utf8(text).unwrap();
                assert_eq!(pattern.match_whole(&over(&text), 0), oracle.find(&text).map(|found| found.end()), "{text}");
            }
        }
    }
}
