//! Questions: do two developers' questions ask the same?
//!
//! Owns the canonical form of a question, the guards that tell near-misses from paraphrases, and the ranking of
//! candidates. Pure: no file, no clock, no model. English only; a text with letters outside ASCII, with a quoted block
//! of code or a stack trace, or of more than 400 characters is the same only as itself.
//!
//! Refuses to guess. [`compare`] says [`Match::Same`] only when the canonical forms are equal and every guard agrees,
//! [`Match::Differs`] only when a guard is sure, and [`Match::Undecided`] otherwise: then a model may be asked.
//!
//! Invariants: `compare` is symmetric; a question is the same as itself; equal exact keys are the same; nothing here
//! panics or takes unbounded time, whatever the text.
//!
//! The rules are data (`rules/*.txt`) with a version that goes into the canonical key: new rules never meet old keys.

mod change;
mod compound;
mod context;
mod guards;
mod head;
mod normalise;
mod order;
mod rank;
mod reading;
mod related;
mod residue;
mod rules;
mod tokens;
mod verbs;
mod words;

#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod near_misses;
#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha256};

pub use self::{
    guards::{Guard, Match, compare, covered, difference},
    rank::{CANDIDATES, best},
    rules::Rules,
};
use self::{
    head::{Amount, Aspect, Tense},
    order::{Place, Role},
    reading::{Item, Reading},
    residue::Residue,
    tokens::{ANALYSED_MAX, Kind},
};

/// Least coverage of a candidate that is offered to a person or served in lenient mode.
pub const CANDIDATE_BAR: f32 = 0.70;

/// A name from the code, for the guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// Folded.
    term: u32,
    /// As typed.
    raw: u32,
    /// A plain word in backticks: its term is a word's.
    quoted: bool,
    /// As typed, in lower case.
    lower: u32,
    /// A path or a file name in lower case: people type those as it comes.
    lazy: bool,
    /// A flag of one letter, whose case is its meaning.
    letter: bool,
    /// Its letters in alphabetical order: a slip that swaps two is no other name for sure.
    letters: u32,
    /// Words inside it, as far as there is room; zeros behind.
    parts: [u32; PARTS_MAX],
}

/// Words of a name that are looked at.
const PARTS_MAX: usize = 6;

impl Name {
    fn of(item: &Item) -> Self {
        let mut parts = [0; PARTS_MAX];
        for (place, part) in parts.iter_mut().zip(tokens::parts(&item.raw)) {
            *place = term(&part);
        }
        let letter = item.raw.starts_with('-') && item.raw.len() == 2;
        let mut letters: Vec<char> = item.term.chars().collect();
        letters.sort_unstable();
        let letters = term(&String::from_iter(letters));
        Self {
            term: term(&item.term),
            raw: term(&tokens::american_name(&item.raw)),
            lower: term(&item.raw.to_ascii_lowercase()),
            lazy: (tokens::is_file(&item.raw) || tokens::is_short_product(&item.raw))
                && !item.raw.bytes().any(|b| b.is_ascii_uppercase()),
            quoted: item.quoted && item.kind == Kind::Word,
            letter,
            letters,
            parts,
        }
    }
}

/// One question in canonical form.
#[derive(Debug, Clone)]
pub struct Question {
    exact: [u8; 32],
    canonical: Option<[u8; 32]>,
    aspect: Aspect,
    tense: Tense,
    mood: u8,
    asks: bool,
    /// How much of a list is wanted.
    amount: Amount,
    change: bool,
    self_contained: bool,
    /// Heavy terms, sorted, with repetitions.
    heavy: Box<[u32]>,
    /// Terms that may be missing on one side, sorted.
    light: Box<[u32]>,
    /// All terms in their order.
    sequence: Box<[u32]>,
    groups: Box<[u32]>,
    places: Box<[Place]>,
    /// The noun that is asked for.
    focus: Option<u32>,
    links: Box<[(u32, u32)]>,
    roles: Box<[Role]>,
    /// Small words that must agree.
    residue: Residue,
    names: Box<[Name]>,
    numbers: Box<[u32]>,
    /// Words as typed and the parts of names, sorted.
    typed: Box<[u32]>,
    /// What the ranking looks at, sorted.
    features: Box<[u32]>,
    /// Groups of words that people use for one another, sorted.
    related: Box<[u32]>,
    grams: rank::Grams,
}

/// The hash by which terms are compared (FNV-1a). Equal canonical keys are what makes questions the same, so a collision
/// here can refuse or rank wrongly, but never serve wrongly.
const fn term(text: &str) -> u32 {
    let (bytes, mut at, mut hash) = (text.as_bytes(), 0, 0x811c_9dc5_u32);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

impl Question {
    /// The form of a text that was redacted.
    pub fn new(text: &str) -> Self {
        let tidy = normalise::tidy(text);
        let exact = Sha256::digest(normalise::exact(&tidy).as_bytes()).into();
        let analysed = is_analysed(text, &tidy);
        let reading = Reading::of(if analysed { &tidy } else { "" });
        Self::assembled(exact, analysed, &reading, &tidy)
    }

    fn assembled(exact: [u8; 32], analysed: bool, reading: &Reading, tidy: &str) -> Self {
        let terms = |light: bool| {
            sorted(reading.items.iter().filter(|item| item.light == light).map(|item| term(&item.term)).collect())
        };
        let heavy: Vec<u32> = terms(false);
        let light_counts = heavy.len() < HEAVY_MIN;
        let canonical = canonical(reading, light_counts).filter(|_| analysed);
        let (heavy, light) =
            if light_counts { (sorted([heavy, terms(true)].concat()), Vec::new()) } else { (heavy, terms(true)) };
        let sequence: Box<[u32]> =
            reading.items.iter().filter(|item| light_counts || !item.light).map(|item| term(&item.term)).collect();
        Self {
            exact,
            canonical,
            aspect: reading.head.aspect,
            tense: reading.head.tense,
            mood: reading.head.mood,
            asks: reading.head.aspect != Aspect::What || !reading.head.used.is_empty() || tidy.ends_with('?'),
            amount: reading.head.amount,
            change: reading.asks_for_change,
            self_contained: analysed && reading.self_contained,
            groups: order::groups(&reading.items).into(),
            focus: order::focus(reading),
            places: order::places(&reading.items).into(),
            links: order::links(&reading.items).into(),
            roles: order::roles(reading).into(),
            residue: Residue::of(reading),
            names: names(reading).into(),
            numbers: sorted(
                reading.items.iter().filter(|item| is_number(&item.term)).map(|item| term(&item.term)).collect(),
            )
            .into(),
            typed: typed(reading).into(),
            features: rank::features(reading).into(),
            related: rank::related(reading).into(),
            grams: rank::grams(if analysed { tidy } else { "" }),
            heavy: heavy.into(),
            light: light.into(),
            sequence,
        }
    }

    /// SHA-256 of the text in one spelling: the same question in the same words.
    pub fn exact_key(&self) -> &[u8; 32] {
        &self.exact
    }

    /// SHA-256 of the canonical form and the version of the rules; none when only the same words are the same question.
    pub fn canonical_key(&self) -> Option<&[u8; 32]> {
        self.canonical.as_ref()
    }

    /// Whether the question can be understood without what was said before.
    pub fn is_self_contained(&self) -> bool {
        self.self_contained
    }

    /// Whether the text asks something.
    pub fn is_question(&self) -> bool {
        self.asks
    }

    /// Whether the text wants something changed or run. Such a text is the same as another only in the same words.
    pub fn asks_for_change(&self) -> bool {
        self.change
    }

    /// Weighted share of canonical content that both have, 0 to 1.
    pub fn coverage(&self, other: &Self) -> f32 {
        guards::coverage(self, other)
    }
}

/// Heavier words that must be left before a light one may be missing.
const HEAVY_MIN: usize = 2;

fn sorted(mut terms: Vec<u32>) -> Vec<u32> {
    terms.sort_unstable();
    terms
}

fn is_analysed(text: &str, tidy: &str) -> bool {
    const TRACE_LINES: usize = 4;
    let short = tidy.len() <= ANALYSED_MAX * 4 && tidy.chars().count() <= ANALYSED_MAX;
    let foreign = || tidy.chars().any(|c| !c.is_ascii() && c.is_alphabetic());
    let block = || text.contains("```") || text.lines().take(TRACE_LINES + 1).count() > TRACE_LINES;
    short && !foreign() && !block() && tidy.bytes().any(|b| b.is_ascii_alphanumeric())
}

fn is_number(term: &str) -> bool {
    term.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

fn names(reading: &Reading) -> Vec<Name> {
    let named = reading.items.iter().filter(|item| item.kind == Kind::Code || item.quoted);
    let mut names: Vec<Name> = named.map(Name::of).collect();
    names.sort_unstable();
    names
}

fn typed(reading: &Reading) -> Vec<u32> {
    let words = reading.typed.iter().map(|word| term(word));
    let code = reading.items.iter().filter(|item| item.kind == Kind::Code);
    let parts = code.flat_map(|item| tokens::parts(&item.raw)).map(|part| term(&part));
    let mut all = sorted(words.chain(parts).collect());
    all.dedup();
    all
}

/// The words of each text that the other says in no way, for people who ask why two questions are not the same.
pub fn only_in_each(a: &str, b: &str) -> [Vec<String>; 2] {
    let read = |text: &str| {
        let tidy = normalise::tidy(text);
        if is_analysed(text, &tidy) { Reading::of(&tidy).items } else { Vec::new() }
    };
    let (a, b) = (read(a), read(b));
    let only = |mine: &[Item], theirs: &[Item]| {
        let alone = mine.iter().filter(|item| theirs.iter().all(|other| other.term != item.term));
        alone.map(|item| if item.raw.is_empty() { item.text.clone() } else { item.raw.clone() }).collect()
    };
    [only(&a, &b), only(&b, &a)]
}

/// The canonical multiset, sorted, under the version of the rules and what is asked for.
fn canonical(reading: &Reading, light_counts: bool) -> Option<[u8; 32]> {
    let mut terms: Vec<&str> =
        reading.items.iter().filter(|item| light_counts || !item.light).map(|item| item.term.as_str()).collect();
    terms.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(Rules::builtin().version().to_le_bytes());
    hash.update([guards::family(reading.head.aspect)]);
    for term in &terms {
        hash.update(term.as_bytes());
        hash.update([0]);
    }
    (!terms.is_empty()).then(|| hash.finalize().into())
}
