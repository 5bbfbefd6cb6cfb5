//! What the grammar words leave behind: small words that never reach the canonical form, yet change what is asked.
//!
//! Owns what must agree beside the content: prepositions that stand alone ("deployed from" beside "deployed to"), "is
//! there" beside "is", I beside you, the kind of a name, one beside many, what stands in what. Nothing here is sure:
//! where two questions disagree, a model may be asked.

use super::{
    head::Aspect,
    reading::{Item, Reading, Word},
    rules::Rules,
    sorted, term,
    tokens::Kind,
    verbs::{self, BE},
};

/// Small words of one question. Lists are sorted.
#[derive(Debug, Clone, Default)]
pub(super) struct Residue {
    /// Prepositions with nothing behind them, or right behind a form of be.
    strands: Box<[u32]>,
    /// It asks whether, or why, there is something.
    exists: bool,
    /// The asker is in it.
    i: bool,
    /// The one who is asked is in it.
    you: bool,
    /// Kinds of names, where the name made them needless.
    kinds: Box<[u32]>,
    /// Nouns: one, or many.
    one: Box<[u32]>,
    many: Box<[u32]>,
    /// What something stands in.
    under: Box<[u32]>,
    /// Participles before a noun: "the parsed file".
    participles: Box<[u32]>,
    /// Words that a verb is told of: "the file is parsed".
    verbs: Box<[u32]>,
    /// It asks what goes on now: "is it running".
    ongoing: bool,
    /// "whose" is not "who".
    whose: bool,
    /// "what opens it": what is asked for does it.
    asks_for_subject: bool,
}

const PREPOSITIONS: [&str; 24] = [
    "in", "on", "at", "for", "of", "by", "with", "from", "to", "about", "into", "onto", "over", "under", "after",
    "before", "inside", "within", "as", "through", "via", "against", "off", "out",
];

impl Residue {
    pub(super) fn of(reading: &Reading) -> Self {
        let rules = Rules::builtin();
        let (words, items) = (&reading.words, &reading.items);
        let nouns = |many: bool| {
            let counted = items.iter().filter(|item| is_noun(item) && item.form.plural == many);
            set(counted.map(|item| term(&item.term)))
        };
        let says = |texts: &[&str]| reading.typed.iter().any(|word| texts.contains(&word.as_str()));
        Self {
            strands: strands(reading),
            // What has it is where it is: "is there a test for it" beside "does it have a test".
            exists: exists(words) || says(&["have", "has", "contain", "contains"]),
            i: says(&["i", "me", "my", "mine"]),
            you: says(&["you", "your", "yours"]),
            kinds: set((0..words.len()).filter_map(|at| super::reading::kind_of_name(words, at, rules))),
            one: nouns(false),
            many: nouns(true),
            under: set(items.iter().filter(|item| item.under).map(|item| term(&item.term))),
            participles: set(items
                .iter()
                .filter(|item| item.form.past && item.verb.is_none())
                .map(|item| term(&item.term))),
            verbs: set(items.iter().filter(|item| item.verb.is_some()).map(|item| term(&item.term))),
            ongoing: ongoing(words),
            whose: says(&["whose"]),
            asks_for_subject: asks_for_subject(reading, rules),
        }
    }

    /// Whether what the small words say agrees. `other` asks for the same aspect, which is given.
    pub(super) fn agrees(&self, other: &Self, aspect: Aspect) -> bool {
        let instructions = matches!(aspect, Aspect::HowTo | Aspect::HowWe | Aspect::YesNo);
        let apart = |x: &[u32], y: &[u32]| x.iter().any(|one| y.binary_search(one).is_ok());
        let numbers = !instructions || !(self.numbers_differ(other) || other.numbers_differ(self));
        let bare = matches!(aspect, Aspect::YesNo | Aspect::Why);
        let now = matches!(aspect, Aspect::YesNo | Aspect::What);
        self.strands == other.strands
            && self.whose == other.whose
            && (!now || self.ongoing == other.ongoing)
            && (!bare || self.exists == other.exists)
            // "How do you start it" is "how do I": nobody is meant.
            && (aspect == Aspect::HowTo || !(self.speaks_of_another(other) || other.speaks_of_another(self)))
            && (self.kinds == other.kinds || self.kinds.is_empty() || other.kinds.is_empty())
            && numbers
            && !apart(&self.participles, &other.only_told(&self.verbs))
            && !apart(&other.participles, &self.only_told(&other.verbs))
    }

    /// This one speaks of the asker alone, the other of the one who is asked.
    fn speaks_of_another(&self, other: &Self) -> bool {
        let (asker, asked) = (self.i && !self.you, other.you && !other.i);
        asker && asked
    }

    /// What something stands in differs; `same_order` when the content stands in the same order.
    pub(super) fn stands_elsewhere(&self, other: &Self, same_order: bool) -> bool {
        self.under != other.under
            && ((same_order && !self.exists && !other.exists) || (!self.under.is_empty() && !other.under.is_empty()))
    }

    pub(super) fn asks_for_subject(&self) -> bool {
        self.asks_for_subject
    }

    /// Whether it holds a verb at all.
    pub(super) fn has_verbs(&self) -> bool {
        !self.verbs.is_empty()
    }

    fn numbers_differ(&self, other: &Self) -> bool {
        self.many.iter().any(|one| other.one.binary_search(one).is_ok() && self.one.binary_search(one).is_err())
    }

    /// Verbs that are verbs here and not there.
    fn only_told(&self, there: &[u32]) -> Vec<u32> {
        self.verbs.iter().copied().filter(|one| there.binary_search(one).is_err()).collect()
    }
}

fn set(terms: impl Iterator<Item = u32>) -> Box<[u32]> {
    let mut all = sorted(terms.collect());
    all.dedup();
    all.into()
}

fn is_noun(item: &Item) -> bool {
    item.kind == Kind::Word && item.verb.is_none() && !item.form.past && !item.form.ing
}

/// Where is what it is in: "where is it at". What is it for: its purpose, which is what it is.
fn strands(reading: &Reading) -> Box<[u32]> {
    let (words, aspect) = (&reading.words, reading.head.aspect);
    let no_verb = reading.items.iter().all(|item| item.verb.is_none());
    let stranded = words.iter().enumerate().filter(|(at, word)| {
        let alone = words.get(at + 1).is_none_or(Word::is_break);
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let behind_be = before.is_some_and(|word| word.is_any(&BE));
        let place = aspect == Aspect::Where && word.is_any(&["in", "at", "inside", "within"]);
        let purpose = aspect == Aspect::What && no_verb && word.is("for") && !behind_be;
        word.is_any(&PREPOSITIONS) && (alone || behind_be) && !place && !purpose
    });
    set(stranded.map(|(_, word)| term(&word.text)))
}

/// "is there", "do we have", "does one exist".
fn exists(words: &[Word]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1);
        (word.is("there") && at > 0 && words.get(at - 1).is_some_and(|before| before.is_any(&BE)))
            || word.is_any(&["have", "has", "had", "exist", "exists", "existed"])
                && !next.is_some_and(|next| next.is("been") || next.form.past)
            || word.is("got")
    })
}

fn ongoing(words: &[Word]) -> bool {
    words
        .iter()
        .enumerate()
        .any(|(at, word)| word.form.ing && !word.form.plural && words.iter().take(at).any(|before| before.is_any(&BE)))
}

fn asks_for_subject(reading: &Reading, rules: &Rules) -> bool {
    let asked = reading.head.used.first().copied();
    let next = asked.filter(|at| reading.words.get(*at).is_some_and(verbs::is_question_word)).map(|at| at + 1);
    next.is_some_and(|next| {
        reading.words.get(next).is_some_and(|word| !verbs::is_auxiliary(word))
            && verbs::verb_at(&reading.words, next, rules).is_some()
    })
}
