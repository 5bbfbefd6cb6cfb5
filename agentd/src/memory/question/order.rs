//! Who does what to whom, and which words belong together.
//!
//! Owns the roles of names round a verb and the groups that may change places as wholes. Two questions with the same
//! words in another order are the same only when both agree.

use super::{
    reading::{Item, Reading, Word},
    rules::{Rules, Verb},
    term,
    tokens::Kind,
    verbs,
};

/// Side of a verb on which a term stands, after voice has been put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    Does,
    Undergoes,
    /// Behind the verb with a preposition between: "wait for the writer".
    Near,
}

/// One term's part in one verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Role {
    pub(super) verb: u32,
    pub(super) term: u32,
    pub(super) side: Side,
    /// The side keeps questions apart.
    pub(super) counts: bool,
    /// It does so for sure: the verb has both sides, or is one of those whose side is the question.
    pub(super) sure: bool,
}

/// Roles of all verbs.
pub(super) fn roles(reading: &Reading) -> Vec<Role> {
    let items = &reading.items;
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(kind) = item.verb else { continue };
        let left = subject(reading, at);
        let right = object(reading, at);
        let (does, undergoes) = if item.passive { (agent(reading, at), left.or(right)) } else { (left, right) };
        let paired = does.is_some() && undergoes.is_some();
        let mut push = |one: Option<&Item>, side| {
            if let Some(one) = one {
                let (counts, sure) = (paired || kind != Verb::Either, paired || kind == Verb::Relation);
                all.push(Role { verb: term(&item.term), term: term(&one.term), side, counts, sure });
            }
        };
        push(does, Side::Does);
        push(undergoes, Side::Undergoes);
        push(complement(reading, at), Side::Near);
    }
    all.extend(nominal(reading));
    all.sort_unstable();
    all.dedup();
    all
}

fn is_name(item: &Item) -> bool {
    item.verb.is_none()
        && !item.term.starts_with('@')
        && !["not", "only", "also", "still", "already", "never", "all", "or"].contains(&item.term.as_str())
}

/// The nearest name before the verb, unless the asker or a question word stands between.
fn subject(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at)?;
    let before = reading.items.iter().take(at).rev();
    let found = before.clone().find(|item| is_name(item) && !(item.of && item.chunk != verb.chunk))?;
    let between = reading.words.get(found.at + 1..verb.at).unwrap_or_default();
    let broken = between.iter().any(|word| {
        word.is_break()
            || word.is_any(&["i", "we", "you", "who", "what", "which", "they"])
            || word.text.starts_with('@')
    });
    // "what functions does it call": the asked-for noun before do-support is the object.
    let fronted = between.iter().any(|word| word.is_any(&["do", "does", "did"]));
    (!broken && !fronted).then_some(found)
}

/// The nearest name behind the verb.
fn object(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at)?;
    let after = reading.items.get(at + 1..).unwrap_or_default();
    let phrase: Vec<&Item> = after.iter().take_while(|item| item.verb.is_none()).collect();
    let first = phrase.first()?;
    let between = reading.words.get(verb.at + 1..first.at).unwrap_or_default();
    const APART: [&str; 22] = [
        "in", "on", "at", "by", "with", "for", "from", "to", "into", "as", "over", "before", "after", "during", "when",
        "if", "while", "via", "through", "where", "because", "without",
    ];
    if between.iter().any(|word| word.is_break() || word.is_any(&APART)) {
        return None;
    }
    phrase.iter().rev().find(|item| is_name(item) && item.chunk == first.chunk).copied()
}

/// The name behind an active verb and its preposition, or before the verb when only the preposition stayed behind.
fn complement(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at).filter(|verb| !verb.passive)?;
    let first = reading.items.get(at + 1).filter(|first| first.verb.is_none())?;
    let between = reading.words.get(verb.at + 1..first.at).unwrap_or_default();
    let [preposition, rest @ ..] = between else { return None };
    const LEADING: [&str; 10] = ["for", "on", "to", "from", "with", "at", "in", "over", "after", "before"];
    if !preposition.is_any(&LEADING) || rest.iter().any(Word::is_break) {
        return None;
    }
    reading.items.iter().rev().find(|item| is_name(item) && item.chunk == first.chunk && item.at >= first.at)
}

/// The name behind "by".
fn agent(reading: &Reading, at: usize) -> Option<&Item> {
    let verb = reading.items.get(at)?;
    let behind = reading.words.iter().skip(verb.at).position(|word| word.is("by")).map(|at| at + verb.at);
    let by = behind.or_else(|| reading.words.iter().position(|word| word.is("by")))?;
    let first = reading.items.iter().find(|item| item.at > by && is_name(item))?;
    reading.items.iter().rev().find(|item| item.chunk == first.chunk && is_name(item) && item.at > by)
}

/// "callers of x", "x's dependents": a noun that holds a verb and its side.
fn nominal(reading: &Reading) -> Vec<Role> {
    let rules = Rules::builtin();
    let mut all = Vec::new();
    for (at, item) in reading.items.iter().enumerate() {
        let Some((verb, side)) = rules.noun_role(&item.text).filter(|_| item.verb.is_none()) else { continue };
        let behind = reading.items.get(at + 1).filter(|next| is_name(next));
        let of = behind.or_else(|| reading.items.iter().take(at).rev().find(|one| is_name(one)));
        if let Some(of) = of {
            all.push(Role { verb, term: term(&of.term), side, counts: true, sure: true });
        }
    }
    all
}

/// A term in a noun phrase: which phrase, with all that hangs on it by `of` and `for`, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) term: u32,
    /// The phrase; a verb is one of its own.
    pub(super) phrase: u16,
    /// The part between two prepositions.
    pub(super) part: u16,
    /// The last noun of the phrase's first part.
    pub(super) is_head: bool,
    /// Behind a preposition other than `of` and `for`.
    pub(super) is_under: bool,
    pub(super) is_verb: bool,
}

/// Words that belong to no noun phrase.
const STEERING: [&str; 9] = ["diff", "not", "only", "also", "still", "already", "never", "yet", "or"];

/// Where each term stands.
pub(super) fn places(items: &[Item]) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::with_capacity(items.len());
    let mut phrase = 0;
    for item in items {
        let is_verb = item.verb.is_some() || STEERING.contains(&item.term.as_str());
        let goes_on = all.last().is_some_and(|last| {
            let hangs = item.of && item.link.is_none();
            !last.is_verb && !is_verb && (last.part == item.chunk || hangs)
        });
        phrase += u16::from(!goes_on);
        all.push(Place {
            term: term(&item.term),
            phrase,
            part: item.chunk,
            is_head: false,
            is_under: item.under,
            is_verb,
        });
    }
    mark_heads(&mut all);
    all
}

fn mark_heads(all: &mut [Place]) {
    let mut first_part = (u16::MAX, u16::MAX);
    let mut heads = Vec::with_capacity(all.len());
    for (at, place) in all.iter().enumerate() {
        if first_part.0 != place.phrase {
            first_part = (place.phrase, place.part);
            heads.push(at);
        } else if first_part.1 == place.part {
            heads.pop();
            heads.push(at);
        }
    }
    for at in heads {
        if let Some(place) = all.get_mut(at) {
            place.is_head = true;
        }
    }
}

/// Stands for what "what does it ..." asks for.
const OBJECT: u32 = 0;

/// The noun that is asked for: "which endpoints", "how many replicas".
pub(super) fn focus(reading: &Reading) -> Option<u32> {
    let asked = *reading.head.used.first()?;
    reading.words.get(asked).filter(|word| word.is_any(&["which", "what", "@howmany"]))?;
    let first = reading.items.iter().position(|item| item.at > asked)?;
    let rest = reading.items.get(first..).unwrap_or_default();
    let start = rest.first()?;
    let between = reading.words.get(asked + 1..start.at).unwrap_or_default();
    if between.first().is_some_and(|word| word.is_any(&["do", "does", "did"])) {
        return rest.iter().any(|item| item.verb.is_some()).then_some(OBJECT);
    }
    let helped = between.iter().any(verbs::is_auxiliary);
    if helped {
        return None;
    }
    let noun = rest.iter().take_while(|item| item.chunk == start.chunk && item.verb.is_none()).last()?;
    Some(term(&noun.term))
}

/// The phrases as wholes, which may change places: each by its last noun, its other terms and the directed word before it. Sorted.
pub(super) fn groups(items: &[Item]) -> Vec<u32> {
    let places = places(items);
    let mut all: Vec<u32> = Vec::new();
    let mut at = 0;
    while let Some(first) = places.get(at) {
        let size = places.iter().skip(at).take_while(|place| place.phrase == first.phrase).count();
        let phrase = places.get(at..at + size).unwrap_or_default();
        let head = phrase.iter().find(|place| place.is_head).map_or(first.term, |place| place.term);
        let mut rest = as_compound(phrase);
        // "exit code 3 means" and "the meaning of exit code 3".
        rest.sort_by_key(|one| *one != term("mean"));
        let link = items.get(at).and_then(|item| item.link).unwrap_or("");
        all.push(term(&format!("{link} {head} {rest:?}")));
        at += size;
    }
    all.sort_unstable();
    all
}

/// "the prefix of the cache key" as "the cache key prefix": the parts from the last to the first.
fn as_compound(phrase: &[Place]) -> Vec<u32> {
    let mut all = Vec::with_capacity(phrase.len());
    for part in phrase.chunk_by(|one, two| one.part == two.part).rev() {
        all.extend(part.iter().map(|place| place.term));
    }
    all
}

/// Directed words with what stands behind them. Sorted.
pub(super) fn links(items: &[Item]) -> Vec<(u32, u32)> {
    const STEER: [&str; 6] = ["only", "also", "all", "any", "first", "last"];
    let mut all: Vec<(u32, u32)> = items.iter().filter_map(|item| Some((term(item.link?), term(&item.term)))).collect();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| STEER.contains(&item.term.as_str())) {
        let next = items.iter().skip(at + 1).find(|next| item.term == "only" || next.verb.is_none());
        all.push((term(&item.term), next.map_or(0, |next| term(&next.term))));
    }
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item.term == "not") {
        if let Some(next) = items.get(at + 1).filter(|next| next.kind != Kind::Word) {
            all.push((term(&item.term), term(&next.term)));
        }
    }
    all.extend(items.iter().filter(|item| item.conditional).map(|item| (term("if"), term(&item.term))));
    all.sort_unstable();
    all
}
