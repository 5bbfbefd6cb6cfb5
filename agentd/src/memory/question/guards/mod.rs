//! Guards: what makes two questions that look alike different.
//!
//! A guard is hard when it is sure whatever the other words say (another number, the opposite verb): no model may
//! overrule it. Otherwise it is soft: it keeps the rules from calling two questions the same, and a model may be asked.

mod content;
mod grammar;

use super::{CANDIDATE_BAR, Question, head::Aspect};

/// What makes two questions different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Guard {
    /// Another name, path, flag or operator.
    Identifier,
    /// Another number or version.
    Number,
    /// One denies what the other does not.
    Negation,
    /// Opposite words.
    Antonym,
    /// Another kind of question: where, why, how many.
    Aspect,
    /// Past, present or future.
    Tense,
    /// Another shape of answer: a language, a list, one sentence.
    Form,
    /// Another platform, product or environment.
    Platform,
    /// And, or.
    Conjunction,
    /// The same words with other parts: who calls whom, from where to where.
    Order,
    /// One, any, all, only.
    Quantity,
    /// Can, should, must.
    Mood,
    /// Mine or yours.
    Person,
    /// Other words.
    Words,
    /// One of them needs what was said before.
    Context,
    /// One of them wants something changed or run.
    Change,
    /// One of them is compared only as it stands: another language, a block of code, a long text.
    ExactOnly,
}

impl Guard {
    /// Name for metrics and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Number => "number",
            Self::Negation => "negation",
            Self::Antonym => "antonym",
            Self::Aspect => "aspect",
            Self::Tense => "tense",
            Self::Form => "form",
            Self::Platform => "platform",
            Self::Conjunction => "conjunction",
            Self::Order => "order",
            Self::Quantity => "quantity",
            Self::Mood => "mood",
            Self::Person => "person",
            Self::Words => "words",
            Self::Context => "context",
            Self::Change => "change",
            Self::ExactOnly => "exact-only",
        }
    }
}

/// Whether two questions ask the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// They do.
    Same,
    /// They do not, and this is why.
    Differs(Guard),
    /// Rules cannot tell.
    Undecided,
}

/// A guard that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) guard: Guard,
    pub(super) hard: bool,
}

pub(super) fn hard(guard: Guard) -> Option<Refusal> {
    Some(Refusal { guard, hard: true })
}

pub(super) fn soft(guard: Guard) -> Option<Refusal> {
    Some(Refusal { guard, hard: false })
}

/// Whether two questions ask the same, by rules alone. Symmetric.
pub fn compare(a: &Question, b: &Question) -> Match {
    if a.exact == b.exact {
        return Match::Same;
    }
    if let Some(guard) = barred(a, b) {
        return Match::Differs(guard);
    }
    match refusal(a, b) {
        Some(Refusal { guard, hard: true }) => Match::Differs(guard),
        None if a.canonical == b.canonical => Match::Same,
        _ => Match::Undecided,
    }
}

/// Lenient: enough of the content is covered and no guard refuses, and no word stands for another.
pub fn covered(a: &Question, b: &Question) -> bool {
    a.exact == b.exact
        || (barred(a, b).is_none()
            && coverage(a, b) >= CANDIDATE_BAR
            && refusal(a, b).is_none()
            && !content::Unmatched::of(a, b).on_both_sides())
}

/// The guard that keeps two questions apart, sure or not; none when they are the same.
pub fn difference(a: &Question, b: &Question) -> Option<Guard> {
    if a.exact == b.exact {
        return None;
    }
    let guard = barred(a, b).or_else(|| refusal(a, b).map(|refusal| refusal.guard));
    guard.or_else(|| (a.canonical != b.canonical).then_some(Guard::Words))
}

/// Whether no guard is sure that they differ.
pub(super) fn may_be_same(a: &Question, b: &Question) -> bool {
    !matches!(compare(a, b), Match::Differs(_))
}

/// What keeps a question from near matching at all.
fn barred(a: &Question, b: &Question) -> Option<Guard> {
    if a.canonical.is_none() || b.canonical.is_none() {
        Some(Guard::ExactOnly)
    } else if a.change || b.change {
        Some(Guard::Change)
    } else if !a.self_contained || !b.self_contained {
        Some(Guard::Context)
    } else {
        None
    }
}

/// The first guard that refuses; a hard one before any soft one.
fn refusal(a: &Question, b: &Question) -> Option<Refusal> {
    let unmatched = content::Unmatched::of(a, b);
    let all = [
        content::identifier(a, b, &unmatched),
        content::number(a, b),
        content::negation(&unmatched),
        content::words_that_steer(&unmatched),
        content::opposite(a, b, &unmatched),
        content::rival(a, b, &unmatched),
        content::form(&unmatched),
        content::amount(a, b),
        grammar::aspect(a, b, &unmatched),
        grammar::tense(a, b, &unmatched),
        grammar::mood(a, b, &unmatched),
        grammar::order(a, b, &unmatched),
        grammar::residue(a, b, &unmatched),
    ];
    let sure = all.iter().flatten().find(|refusal| refusal.hard);
    sure.or_else(|| all.iter().flatten().next()).copied()
}

/// Weighted share of the content that both have.
pub(super) fn coverage(a: &Question, b: &Question) -> f32 {
    const LIGHT: f32 = 0.25;
    let (unmatched_a, unmatched_b) = (content::missing(&a.heavy, &b.heavy), content::missing(&b.heavy, &a.heavy));
    let light =
        (content::missing(&a.light, &b.light).len() + content::missing(&b.light, &a.light).len()) as f32 * LIGHT;
    let all = (a.heavy.len() + b.heavy.len()) as f32 + (a.light.len() + b.light.len()) as f32 * LIGHT;
    if all > 0.0 { 1.0 - ((unmatched_a.len() + unmatched_b.len()) as f32 + light) / all } else { 0.0 }
}

/// Aspects that share a canonical key.
pub(super) fn family(aspect: Aspect) -> u8 {
    match aspect {
        Aspect::What => 0,
        Aspect::Where => 1,
        Aspect::Why => 2,
        Aspect::When => 3,
        Aspect::Who => 4,
        Aspect::How | Aspect::HowTo | Aspect::HowWe => 5,
        Aspect::HowMany => 6,
        Aspect::HowMuch => 7,
        Aspect::HowLong => 8,
        Aspect::HowOften => 9,
        Aspect::Happens => 10,
        Aspect::YesNo => 11,
    }
}
