//! Guards on content: names, numbers, opposites, words that steer.

use super::{
    super::{
        Name, Question,
        head::{Amount, Aspect},
        rules::Rules,
        term,
    },
    Guard, Refusal, coverage, hard, soft,
};

/// Terms that one side has and the other has not.
#[derive(Debug)]
pub(super) struct Unmatched {
    pub(super) a: Vec<u32>,
    pub(super) b: Vec<u32>,
}

impl Unmatched {
    pub(super) fn of(a: &Question, b: &Question) -> Self {
        Self { a: missing(&a.heavy, &b.heavy), b: missing(&b.heavy, &a.heavy) }
    }

    /// Both have the same content.
    pub(super) fn is_empty(&self) -> bool {
        self.a.is_empty() && self.b.is_empty()
    }

    /// Each has content that the other has not: a word may stand for another.
    pub(super) fn on_both_sides(&self) -> bool {
        !self.a.is_empty() && !self.b.is_empty()
    }

    /// Only this term, on either side.
    fn only(&self, terms: &[u32]) -> bool {
        self.a.iter().chain(&self.b).all(|one| terms.contains(one))
    }

    fn has(&self, term: u32) -> bool {
        self.a.contains(&term) || self.b.contains(&term)
    }
}

/// Elements of a sorted list that another does not hold, with repetitions.
pub(in super::super) fn missing(of: &[u32], from: &[u32]) -> Vec<u32> {
    let mut rest = from;
    let mut out = Vec::new();
    for one in of {
        while let [first, tail @ ..] = rest
            && first < one
        {
            rest = tail;
        }
        match rest {
            [first, tail @ ..] if first == one => rest = tail,
            _ => out.push(*one),
        }
    }
    out
}

/// Names on both sides that the other does not know, not even in parts: sure. The same fold with other bytes: unsure.
pub(super) fn identifier(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    let foreign = |name: &&Name, theirs: &Question, mine: &[u32]| {
        !name.quoted && mine.contains(&name.term) && !knows(theirs, name)
    };
    let only_a = a.names.iter().any(|name| foreign(&name, b, &unmatched.a));
    let only_b = b.names.iter().any(|name| foreign(&name, a, &unmatched.b));
    if only_a && only_b {
        return hard(Guard::Identifier);
    }
    let unknown = |name: &&Name, theirs: &Question| name.quoted && !spells(theirs, name);
    let quoted_a = a.names.iter().any(|name| unknown(&name, b));
    let quoted_b = b.names.iter().any(|name| unknown(&name, a));
    if (quoted_a && (quoted_b || only_b)) || (quoted_b && only_a) {
        return hard(Guard::Identifier);
    }
    let unsure = only_a || only_b || quoted_a || quoted_b || spelt_otherwise(a, b) || spelt_otherwise(b, a);
    if unsure { soft(Guard::Identifier) } else { None }
}

/// A name that the other has in one fold but in other bytes: `getUser` beside `get_user` may be two names.
fn spelt_otherwise(a: &Question, b: &Question) -> bool {
    let alike = |one: &Name, two: &Name| one.raw == two.raw || ((one.lazy || two.lazy) && one.lower == two.lower);
    a.names.iter().filter(|name| !name.quoted).any(|name| {
        let mut folded = b.names.iter().filter(|other| other.term == name.term).peekable();
        let as_word = folded.peek().is_none() && !name.lazy && b.heavy.binary_search(&name.term).is_ok();
        as_word || (folded.peek().is_some() && !folded.any(|other| alike(name, other)))
    })
}

/// Whether the other side has the name under another spelling.
fn knows(theirs: &Question, name: &Name) -> bool {
    let has = |one: u32| theirs.typed.binary_search(&one).is_ok();
    let in_parts = !name.letter
        && name.parts.first().is_some_and(|part| *part != 0)
        && name.parts.iter().all(|part| *part == 0 || has(*part));
    let same = |other: &Name| other.term == name.term || (!name.letter && other.letters == name.letters);
    theirs.names.iter().any(same) || has(name.term) || in_parts
}

/// Whether the other side has the quoted word, with the same bytes when it is quoted there too.
fn spells(theirs: &Question, name: &Name) -> bool {
    let quoted = |other: &&Name| other.quoted && other.parts == name.parts;
    match theirs.names.iter().find(quoted) {
        Some(other) => other.raw == name.raw,
        None => name.parts.iter().all(|part| *part == 0 || theirs.typed.binary_search(part).is_ok()),
    }
}

pub(super) fn number(a: &Question, b: &Question) -> Option<Refusal> {
    match (missing(&a.numbers, &b.numbers).is_empty(), missing(&b.numbers, &a.numbers).is_empty()) {
        (true, true) => None,
        (false, false) => hard(Guard::Number),
        _ => soft(Guard::Number),
    }
}

pub(super) fn opposite(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    let rules = Rules::builtin();
    let met = unmatched.a.iter().any(|a| unmatched.b.iter().any(|b| rules.are_opposites(*a, *b)));
    // "not pinned" beside "unpinned": a denial on one side turns an opposite round.
    let denied = DENIALS.iter().any(|denial| unmatched.has(*denial));
    // "isn't it used, or is it" asks what "is it used" asks.
    let either = a.aspect == Aspect::YesNo && b.aspect == Aspect::YesNo && unmatched.has(UNUSED);
    let unsure = denied || either || coverage(a, b) < SURE_COVERAGE;
    match (met, unsure) {
        (false, _) => None,
        (true, false) => hard(Guard::Antonym),
        (true, true) => soft(Guard::Antonym),
    }
}

/// The stem of "unused".
const UNUSED: u32 = term("unus");
/// Least coverage at which one word against another is sure: below it, the questions are worded too differently to tell
/// that the one stands in the other's place.
const SURE_COVERAGE: f32 = 0.4;

pub(super) fn rival(a: &Question, b: &Question, unmatched: &Unmatched) -> Option<Refusal> {
    let rules = Rules::builtin();
    let met = unmatched.a.iter().any(|a| unmatched.b.iter().any(|b| rules.are_rivals(*a, *b)));
    match (met, coverage(a, b) >= SURE_COVERAGE) {
        (false, _) => None,
        (true, true) => hard(Guard::Platform),
        (true, false) => soft(Guard::Platform),
    }
}

pub(super) fn form(unmatched: &Unmatched) -> Option<Refusal> {
    let rules = Rules::builtin();
    let shaped = unmatched.a.iter().chain(&unmatched.b).any(|one| rules.shapes_answer(*one));
    if shaped { soft(Guard::Form) } else { None }
}

/// One of a list beside all of it.
pub(super) fn amount(a: &Question, b: &Question) -> Option<Refusal> {
    let one = |question: &Question| question.amount == Amount::One;
    if one(a) != one(b) && (a.amount == Amount::All || b.amount == Amount::All) { hard(Guard::Quantity) } else { None }
}

/// Words that deny.
const DENIALS: [u32; 5] = [term("not"), term("never"), term("without"), term("except"), term("unless")];

/// A word of denial on one side: sure when nothing else differs.
pub(super) fn negation(unmatched: &Unmatched) -> Option<Refusal> {
    if !DENIALS.iter().any(|denial| unmatched.has(*denial)) {
        None
    } else if unmatched.only(&DENIALS) {
        hard(Guard::Negation)
    } else {
        soft(Guard::Negation)
    }
}

/// How much of something is asked for.
const AMOUNTS: [u32; 8] =
    [term("all"), term("any"), term("only"), term("also"), term("single"), term("first"), term("last"), term("both")];
const STEER: [(&[u32], Guard); 3] =
    [(&[term("or")], Guard::Conjunction), (&AMOUNTS, Guard::Quantity), (&[term("your")], Guard::Person)];

/// Small words that change what is asked: sure when nothing else differs.
pub(super) fn words_that_steer(unmatched: &Unmatched) -> Option<Refusal> {
    STEER.iter().find_map(|(terms, guard)| {
        if !terms.iter().any(|one| unmatched.has(*one)) {
            None
        } else if unmatched.only(terms) {
            hard(*guard)
        } else {
            soft(*guard)
        }
    })
}
