//! The head of a question: what is asked for, how much of it, in which mood and tense.
//!
//! Owns everything that is read from grammar words; the words themselves never reach the canonical form.

use super::{
    reading::Word,
    rules::{Rules, Verb},
    tokens::Kind,
    verbs::{AUX, PRONOUNS, is_question_word, is_told},
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Aspect {
    /// A thing, a list, a description: the words say which.
    What,
    Where,
    Why,
    When,
    Who,
    /// The mechanism.
    How,
    /// Instructions.
    HowTo,
    /// "how do we": either.
    HowWe,
    HowMany,
    HowMuch,
    HowLong,
    HowOften,
    Happens,
    YesNo,
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tense {
    Unsaid,
    Present,
    Past,
    /// "has been built": not what is built again and again.
    Perfect,
    /// "is being built".
    Ongoing,
    Future,
}

/// Mood, as bits.
pub(super) const CAN: u8 = 1;
pub(super) const SHOULD: u8 = 2;
pub(super) const MUST: u8 = 4;
pub(super) const WOULD: u8 = 8;

/// How much of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Unsaid,
    One,
    All,
}

/// What was read from the grammar words.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) aspect: Aspect,
    pub(super) tense: Tense,
    pub(super) mood: u8,
    /// It wants a list.
    pub(super) list: bool,
    pub(super) amount: Amount,
    /// Places of the words that made the aspect.
    pub(super) used: Vec<usize>,
}

/// Tense, from the words as typed.
pub(super) fn tense(words: &[Word]) -> Tense {
    let past = |word: &&Word| {
        word.is_any(&["was", "were", "did", "had", "previously", "formerly", "originally", "yesterday"])
            || word.is_any(&["happened", "made", "caused", "led", "broke", "went", "began", "came"])
    };
    // "what happens if it went down" is told of no past.
    if words.iter().take_while(|word| !word.is("if")).any(|word| past(&word)) {
        return Tense::Past;
    }
    let will = words.iter().any(|word| word.is("will"));
    let going = words.windows(2).any(|pair| matches!(pair, [a, b] if a.is("going") && b.is("to")));
    if will || going {
        return Tense::Future;
    }
    if words.iter().enumerate().any(|(at, _)| is_perfect(words, at)) {
        return Tense::Perfect;
    }
    if words.iter().any(|word| word.is("being")) {
        return Tense::Ongoing;
    }
    let is = words.iter().any(|word| word.is_any(&["is", "are", "do", "does", "has", "have", "can", "should", "must"]));
    if is { Tense::Present } else { Tense::Unsaid }
}

/// "has been", "have we moved", not "do we have cached rows" and not "have we got".
fn is_perfect(words: &[Word], at: usize) -> bool {
    const REACH: usize = 4;
    let helps = |word: &Word| {
        word.is_any(&["do", "does", "did", "to", "should", "must", "can", "will", "would", "could", "may", "might"])
    };
    words.get(at).is_some_and(|word| word.is_any(&["has", "have"]))
        && !words.iter().take(at).any(helps)
        && words
            .iter()
            .skip(at + 1)
            .take_while(|word| !word.is_break())
            .take(REACH)
            .any(|word| word.is("been") || (word.form.past && !word.is("got")))
}

/// Aspect, mood and what was used up for them.
pub(super) fn read(words: &[Word], tense: Tense, rules: &Rules) -> Head {
    let mut head = Head { aspect: Aspect::What, tense, mood: 0, list: false, amount: Amount::Unsaid, used: Vec::new() };
    let asked = asked(words);
    if let Some((at, aspect)) = asked {
        head.aspect = aspect;
        head.used.push(at);
    } else if let Some(at) = yes_no(words) {
        head.aspect = Aspect::YesNo;
        head.used.push(at);
    } else if words.first().is_some_and(|word| word.is("if")) && !words.iter().any(Word::is_break) {
        head.aspect = Aspect::YesNo;
    }
    let supposed = words.iter().any(|word| word.is("if"));
    if head.tense == Tense::Unsaid && !supposed && words.iter().enumerate().any(|(at, _)| is_told(words, at, rules)) {
        head.tense = Tense::Past;
    }
    for word in words {
        head.mood |= match word.text.as_str() {
            "can" | "could" | "may" | "might" if word.kind == Kind::Word => CAN,
            "should" | "shall" | "ought" => SHOULD,
            "must" => MUST,
            "would" => WOULD,
            _ => 0,
        };
        head.list |= word.is("@list");
    }
    head.amount = amount(&head, words);
    settle_how(&mut head, words);
    settle_who(&mut head, words, rules);
    head
}

fn amount(head: &Head, words: &[Word]) -> Amount {
    let article = words.iter().find(|word| word.article.is_some());
    if words.iter().any(|word| word.is_any(&["all", "every", "each"])) {
        Amount::All
    } else if head.list && article.is_some_and(|word| matches!(word.article, Some("a" | "an"))) {
        Amount::One
    } else {
        Amount::Unsaid
    }
}

/// The strongest word that asks: not `what` when there is another, `when` only where it cannot be a condition.
fn asked(words: &[Word]) -> Option<(usize, Aspect)> {
    let mut what = None;
    for (at, word) in words.iter().enumerate().filter(|(_, word)| word.kind == Kind::Word) {
        let aspect = match word.text.as_str() {
            "@where" | "where" => Aspect::Where,
            "@why" | "why" => Aspect::Why,
            "@when" => Aspect::When,
            "when" if asks_when(words, at) => Aspect::When,
            "@who" => Aspect::Who,
            "who" if is_opening(words, at) => Aspect::Who,
            "@how" | "how" => Aspect::How,
            "@howto" => Aspect::HowTo,
            "@howwe" => Aspect::HowWe,
            "@howmany" => Aspect::HowMany,
            "@howmuch" => Aspect::HowMuch,
            "@howlong" => Aspect::HowLong,
            "@howoften" => Aspect::HowOften,
            "@happens" => Aspect::Happens,
            "what" | "which" | "@what" | "@list" if what.is_none() && is_opening(words, at) => {
                what = Some((at, Aspect::What));
                continue;
            }
            _ => continue,
        };
        return Some((at, aspect));
    }
    what
}

/// At the beginning of a clause, perhaps behind a preposition, or at the very end.
fn is_opening(words: &[Word], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).and_then(|at| words.get(at));
    let opens = |word: Option<&Word>| word.is_none_or(Word::is_break);
    let preposition = before(1)
        .is_some_and(|word| word.is_any(&["in", "on", "at", "by", "to", "from", "for", "with", "under", "of", "and"]));
    opens(before(1))
        || preposition
        || at + 1 == words.len()
        || words.iter().take(at).all(|word| !is_question_word(word) && !word.is_any(&AUX))
}

fn asks_when(words: &[Word], at: usize) -> bool {
    let next_aux = words.get(at + 1).is_some_and(|word| word.is_any(&AUX));
    let opens = at.checked_sub(1).and_then(|at| words.get(at)).is_none_or(Word::is_break);
    let only = !words.iter().any(|word| word.is_break())
        && !words.iter().any(|word| is_question_word(word) && !word.is("when"));
    (opens && next_aux) || at + 1 == words.len() || (at == 0 && only)
}

/// Where a question that wants yes or no begins.
fn yes_no(words: &[Word]) -> Option<usize> {
    words.iter().enumerate().find_map(|(at, word)| {
        let opens = at.checked_sub(1).and_then(|at| words.get(at)).is_none_or(Word::is_break);
        ((opens && word.is_any(&AUX)) || word.is("@yesno")).then_some(at)
    })
}

/// "how" alone, at an end, may want either.
fn settle_how(head: &mut Head, words: &[Word]) {
    let bare = head.used.first().and_then(|at| words.get(at + 1)).is_none_or(Word::is_break);
    if head.aspect == Aspect::How && bare {
        head.aspect = Aspect::HowWe;
    }
    // "how do they differ" asks for the difference.
    if head.aspect == Aspect::How && words.last().is_some_and(|word| word.stem == "differ") {
        head.aspect = Aspect::What;
    }
    if matches!(head.aspect, Aspect::How | Aspect::HowTo | Aspect::HowWe | Aspect::Where) {
        head.mood &= !CAN;
    }
}

/// "who calls it" asks for code, not for a person.
fn settle_who(head: &mut Head, words: &[Word], rules: &Rules) {
    let next = head.used.first().and_then(|at| words.get(at + 1));
    let relation =
        next.is_some_and(|word| rules.verb_kind(rules.class(&word.stem)) == Some(Verb::Relation) && !word.form.past);
    let by = head
        .used
        .first()
        .and_then(|at| at.checked_sub(1))
        .and_then(|at| words.get(at))
        .is_some_and(|word| word.is("by"));
    let relation_before =
        by && words.iter().any(|word| rules.verb_kind(rules.class(&word.stem)) == Some(Verb::Relation));
    if head.aspect == Aspect::Who && (relation || relation_before) && head.tense != Tense::Past {
        head.aspect = Aspect::What;
    }
    let used = words
        .iter()
        .any(|word| (word.form.past || word.form.plural) && rules.is_empty_under("tracked", rules.class(&word.stem)));
    let few = words.iter().filter(|word| word.kind == Kind::Word && !rules.is_stop(&word.text)).count();
    if head.aspect == Aspect::Where && used && few <= 4 {
        head.aspect = Aspect::What;
    }
}

/// Whether a class says nothing more under this aspect: "how does it work" asks what "how" asks.
pub(super) fn is_empty_under(head: &Head, at: usize, class: &str, rules: &Rules) -> bool {
    let kind = match head.aspect {
        Aspect::Where => "where",
        Aspect::How => "how",
        Aspect::HowTo | Aspect::HowWe => "howto",
        Aspect::HowLong | Aspect::HowMuch => "howlong",
        Aspect::When => "when",
        _ => "",
    };
    let behind = head.aspect == Aspect::What && head.used.iter().any(|used| used + 1 == at);
    let all_of_list = class == "all" && head.aspect == Aspect::What && head.list;
    rules.is_empty_under(kind, class) || (behind && rules.is_empty_under("asked", class)) || all_of_list
}

/// "are there any", "why do we get": a word that may as well be missing.
pub(super) fn is_idle(words: &[Word], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    if words.get(at).is_some_and(|word| word.is_any(&["get", "gets", "got", "getting"])) {
        return words.get(at + 1).is_none_or(|next| next.form.past)
            || before.is_some_and(|word| word.is_any(&PRONOUNS));
    }
    words.get(at).is_some_and(|word| word.is("any"))
        && before.is_none_or(|word| {
            word.is_any(&["there", "have", "has", "had", "contain", "contains", "include", "got", "got"])
        })
}

/// "where does validation happen" asks where something is validated.
pub(super) fn is_happening(head: &Head, words: &[Word], at: usize, class: &str) -> bool {
    let asked = matches!(head.aspect, Aspect::Where | Aspect::How | Aspect::When | Aspect::HowOften);
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    let action =
        before.is_some_and(|word| ["tion", "tions", "sion", "ment", "ing"].iter().any(|end| word.text.ends_with(end)));
    asked && class == "happen" && action
}
