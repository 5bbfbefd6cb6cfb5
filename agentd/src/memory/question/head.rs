//! The head of a question: what is asked for, in which mood and tense, and whether it can stand alone.
//!
//! Owns everything that is read from grammar words; the words themselves never reach the canonical form.

use super::{
    reading::{Item, Word},
    rules::{Change, Rules, Verb},
    tokens::Kind,
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

const AUX: [&str; 24] = [
    "is", "are", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should", "has", "have", "had",
    "may", "might", "must", "am", "shall", "be", "been", "being", "ought",
];
const BE: [&str; 10] = ["is", "are", "was", "were", "be", "been", "being", "am", "get", "gets"];
const PRONOUNS: [&str; 7] = ["i", "you", "we", "they", "he", "she", "one"];

/// Tense, from the words as typed.
pub(super) fn tense(words: &[Word]) -> Tense {
    let past =
        |word: &&Word| word.is_any(&["was", "were", "did", "had", "previously", "formerly", "originally", "yesterday"]);
    if words.iter().any(|word| past(&word)) {
        return Tense::Past;
    }
    let will = words.iter().any(|word| word.is("will"));
    let going = words.windows(2).any(|pair| matches!(pair, [a, b] if a.is("going") && b.is("to")));
    if will || going {
        return Tense::Future;
    }
    let is = words.iter().any(|word| word.is_any(&["is", "are", "do", "does", "has", "have", "can", "should", "must"]));
    if is { Tense::Present } else { Tense::Unsaid }
}

/// Whether a clause asks for something to be done.
pub(super) fn asks_for_change(words: &[Word], rules: &Rules) -> bool {
    if words.first().is_some_and(|word| is_question_word(word) || word.is_any(&AUX))
        && !words.iter().any(Word::is_break)
    {
        return tail_asks(words, rules);
    }
    command_at(words, 0, rules) || tail_asks(words, rules)
}

fn is_question_word(word: &Word) -> bool {
    word.is_any(&["what", "where", "why", "when", "who", "how", "which", "whose", "whom"])
}

/// "... and fix it", "... then run the tests". Behind a question, "and set the cookie" belongs to the question; "and fix
/// it" does not.
fn tail_asks(words: &[Word], rules: &Rules) -> bool {
    (1..words.len()).any(|at| {
        let rest = words.get(at..).unwrap_or_default();
        let before = words.get(at - 1);
        let joined = before.is_some_and(|word| word.is_any(&["and", "then"]) || word.is_break());
        if !joined || rest.iter().any(is_question_word) {
            return false;
        }
        let skip = rest.iter().take_while(|word| word.is_any(&["please", "then", "also", "just"])).count();
        let asked = words.iter().take(at).any(is_question_word) && before.is_some_and(|word| word.is("and"));
        let object = rest.get(skip + 1).is_some_and(|word| word.is_any(&["it", "them", "this", "that"]));
        (object || (!asked && takes_object(words, at + skip))) && command_at(words, at + skip, rules)
    })
}

fn takes_object(words: &[Word], at: usize) -> bool {
    words.get(at + 1).is_some_and(|word| {
        word.article.is_some()
            || word.kind == Kind::Code
            || word.quoted
            || word.is_any(&[
                "it", "this", "that", "these", "those", "them", "all", "every", "each", "my", "our", "your", "its",
                "only",
            ])
    })
}

fn command_at(words: &[Word], at: usize, rules: &Rules) -> bool {
    let mut at = at;
    while words.get(at).is_some_and(|word| {
        word.is_any(&[
            "we", "should", "to", "i", "need", "want", "would", "like", "you", "go", "ahead", "and", "let", "us",
            "must", "do", "not",
        ])
    }) && command_follows(words, at)
    {
        at += 1;
    }
    let how = words.iter().any(|word| word.is("how"));
    let Some(word) = words.get(at).filter(|word| word.kind == Kind::Word && !how) else { return false };
    let base = if word.form.ing && word.text.len() > 5 { base_of(word, rules) } else { rules.change(&word.text) };
    match base {
        Some(Change::Always) => true,
        Some(Change::BeforeObject) => takes_object(words, at) || words.get(at + 1).is_some_and(|word| word.form.plural),
        None => false,
    }
}

/// Whether the words from here on are all lead-in until a plain word.
fn command_follows(words: &[Word], at: usize) -> bool {
    words.get(at + 1).is_some_and(|next| !next.is_break())
}

/// "would you mind renaming".
fn base_of(word: &Word, rules: &Rules) -> Option<Change> {
    let bare = word.text.strip_suffix("ing")?;
    rules
        .change(bare)
        .or_else(|| rules.change(&format!("{bare}e")))
        .or_else(|| rules.change(bare.get(..bare.len() - 1)?))
}

/// Whether the text goes on from something said before.
pub(super) fn leads_on(words: &[Word]) -> bool {
    let at = |n: usize, text: &[&str]| words.get(n).is_some_and(|word| word.is_any(text));
    let goes_on = at(0, &["and", "or", "but", "nor", "then"])
        && !words.iter().any(|word| is_question_word(word) || is_auxiliary(word));
    let about = at(0, &["what", "how"]) && at(1, &["about"]);
    let same = at(0, &["same", "ditto", "likewise", "otherwise", "else"]);
    goes_on
        || about
        || same
        || at(0, &["or", "nor", "then", "instead", "for", "with", "without"])
            && !words.iter().any(is_question_word)
            && words.len() < 4
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
    if head.tense == Tense::Unsaid && words.iter().enumerate().any(|(at, _)| is_told(words, at, rules)) {
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

/// A verb in the past tense: "who wrote", "what replaced".
fn is_told(words: &[Word], at: usize, rules: &Rules) -> bool {
    let Some(word) = words.get(at).filter(|word| word.kind == Kind::Word && word.form.past) else { return false };
    let verb = rules.verb_kind(rules.class(&word.stem)).is_some();
    let helped = words.iter().take(at).any(|word| word.is_any(&BE) || word.is_any(&["has", "have", "had"]));
    let asked = words.iter().take(at).any(|word| is_question_word(word) || word.text.starts_with('@'));
    let participle = words
        .get(at + 1)
        .is_some_and(|next| next.is_any(&["by", "in", "on", "at", "for", "with", "when", "if", "and"]));
    verb && asked && !helped && !participle
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

/// Longest text that may be nothing but a verb about something said before ("why that failure").
const BARE_WORDS: usize = 3;

/// Words that stand for what was named before.
pub(super) fn is_self_contained(words: &[Word], items: &[Item], typed: usize, rules: &Rules) -> bool {
    const BARE: [&str; 22] = [
        "continu", "more", "go", "again", "next", "proceed", "stop", "retry", "explain", "elaborat", "fail", "work",
        "help", "fix", "test", "ok", "yes", "not", "hang", "crash", "do", "why",
    ];
    let heavy = items.iter().filter(|item| item.kind != Kind::Number || item.term.contains('.'));
    let short = typed <= BARE_WORDS;
    let mut content = heavy.filter(|item| {
        (!short || !BARE.contains(&item.term.as_str()) || item.form.plural) && !item.term.starts_with('@')
    });
    if content.next().is_none() {
        return false;
    }
    !words.iter().enumerate().any(|(at, word)| points_back(words, at, word, items, rules))
}

fn points_back(words: &[Word], at: usize, word: &Word, items: &[Item], rules: &Rules) -> bool {
    let named_before = items.iter().any(|item| item.at < at && (item.verb.is_none() || item.kind == Kind::Code));
    let next = words.get(at + 1).filter(|next| !next.is_break());
    match word.text.as_str() {
        _ if word.kind != Kind::Word => false,
        "it" => !named_before && !is_expletive(words, at),
        "its" | "they" | "them" | "their" | "theirs" | "he" | "she" | "his" | "her" => !named_before,
        "this" | "these" | "those" => {
            let ours = next.is_some_and(|next| next.is_any(&OURS));
            let built = next.is_none_or(|next| next.is_any(&["with", "on", "in", "for", "from", "to", "as"]))
                && at > 0
                && words.get(at - 1).is_some_and(|verb| BUILT.contains(&rules.class(&verb.stem)));
            !ours && !built && !(named_before && next.is_none())
        }
        "that" => {
            next.is_none() && !named_before
                || next.is_some_and(|next| next.is_any(&["one", "thing", "file", "function", "error"]))
        }
        "above" | "aforementioned" | "latter" | "former" => {
            next.is_none_or(|next| !named_before && next.kind == Kind::Word)
        }
        "one" | "ones" => {
            at > 0
                && words
                    .get(at - 1)
                    .is_some_and(|before| before.is_any(&["other", "another", "previous", "next", "that", "this"]))
        }
        "previous" | "earlier" => {
            next.is_some_and(|next| next.is_any(&["answer", "question", "one", "reply", "message"]))
        }
        _ => false,
    }
}

/// "is it safe to", "how long does it take to": the pronoun points forward.
fn is_expletive(words: &[Word], at: usize) -> bool {
    let after = words.iter().skip(at + 1).take(4);
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    before.is_some_and(|word| word.is_any(&["is", "does", "would", "will", "was", "make", "makes", "what"]))
        && after.into_iter().any(|word| word.is_any(&["to", "that", "if", "when", "for"]))
}

const OURS: [&str; 16] = [
    "repo",
    "project",
    "app",
    "codebase",
    "crate",
    "package",
    "library",
    "service",
    "program",
    "system",
    "repository",
    "workspace",
    "application",
    "module",
    "code",
    "tool",
];
/// Classes of verbs behind which "this" is the project.
const BUILT: [&str; 8] = ["build", "compil", "install", "run", "deploy", "test", "exec", "start"];

/// The verb that the word is at this place, as far as its neighbours tell.
pub(super) fn verb_at(words: &[Word], at: usize, rules: &Rules) -> Option<Verb> {
    let word = words.get(at).filter(|word| word.kind == Kind::Word && !word.quoted)?;
    let unknown = if word.form.past && is_passive(words, at) { Some(Verb::Plain) } else { None };
    let kind = rules.verb_kind(rules.class(&word.stem)).or(unknown)?;
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    let after = words.get(at + 1).filter(|next| !next.is_break());
    let content = |word: Option<&Word>| {
        word.is_some_and(|word| word.kind != Kind::Word || !rules.is_stop(&word.text) && !word.text.starts_with('@'))
    };
    if word.article.is_some()
        || before.is_some_and(|word| {
            word.is_any(&["of", "in", "on", "with", "my", "our", "your", "their", "its", "no", "any"])
        })
    {
        return None;
    }
    if is_asked_noun(words, at, rules)
        || (at > 0
            && !word.form.past
            && !word.form.ing
            && before.is_some_and(|word| !word.is_any(&AUX))
            && verb_at(words, at - 1, rules).is_some())
    {
        return None;
    }
    let yes = if word.form.past {
        let by = words.iter().skip(at + 1).take(3).any(|word| word.is("by"));
        by || is_passive(words, at)
            || is_told(words, at, rules)
            || !content(after)
            || after.is_some_and(|next| next.article.is_some())
    } else if word.form.ing {
        before.is_some_and(|word| word.is_any(&["for", "by", "from", "to"]) || word.is_any(&BE))
            || after.is_some_and(|next| next.article.is_some())
    } else {
        before.is_none_or(Word::is_break)
            || before.is_some_and(|word| {
                word.is_any(&PRONOUNS)
                    || word.is_any(&[
                        "to", "not", "that", "which", "who", "what", "and", "can", "could", "will", "would", "should",
                        "must", "it", "also", "only", "still", "never", "always",
                    ])
                    || word.text.starts_with('@')
            })
            || (content(before) && is_main(words, at, word, rules))
    };
    yes.then_some(kind)
}

/// "which tests are", "what calls are": the noun that is asked for, not a verb.
fn is_asked_noun(words: &[Word], at: usize, rules: &Rules) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|at| words.get(at)) else { return false };
    let next = words.get(at + 1).filter(|next| !next.is_break());
    let next_opens = next.is_none_or(|next| {
        next.is_any(&AUX)
            || (next.article.is_none()
                && rules.verb_kind(rules.class(&next.stem)).is_some()
                && words.get(at + 2).is_some())
    });
    before.is("which")
        || (before.is_any(&["what", "@what", "@list", "@howmany"])
            && (next_opens || !words.get(at).is_some_and(|word| word.form.plural || word.form.past)))
}

/// Behind its subject: after do or a modal, or in the third person where the clause has no other verb.
fn is_main(words: &[Word], at: usize, word: &Word, rules: &Rules) -> bool {
    let opens = |word: &Word| {
        word.is_break()
            || word.is_any(&["when", "if", "while", "before", "after", "because", "that", "unless", "until"])
    };
    let clause = words.iter().take(at).rev().take_while(|word| !opens(word));
    let conditional = words
        .iter()
        .take(at)
        .any(|word| word.is_any(&["when", "if", "while", "before", "after", "because", "that", "unless", "until"]));
    let supported = clause
        .clone()
        .any(|word| word.is_any(&["do", "does", "did", "can", "could", "will", "would", "should", "must", "may"]));
    let has_be = clause.clone().any(|word| word.is_any(&BE));
    let verb_seen = clause
        .clone()
        .any(|word| rules.verb_kind(rules.class(&word.stem)).is_some() && word.article.is_none() && word.form.plural);
    let asks = conditional
        || clause.clone().any(|word| is_question_word(word) || word.text.starts_with('@') || word.is("that"));
    (supported && !is_end_of_compound(words, at))
        || (!has_be && !verb_seen && asks && (word.form.plural || clause.count() > 0))
}

/// "do we have a token check": behind have, the rest is one noun.
fn is_end_of_compound(words: &[Word], at: usize) -> bool {
    words.iter().take(at).any(|word| word.is("have"))
}

/// A participle behind a form of be, or before its agent.
pub(super) fn is_passive(words: &[Word], at: usize) -> bool {
    let participle = words.get(at).is_some_and(|word| {
        word.form.past || ["set", "put", "read", "reset", "hit", "split", "run"].contains(&word.text.as_str())
    });
    let be = words.iter().take(at).rev().take_while(|word| !word.is_break()).take(6).any(|word| word.is_any(&BE));
    let by = words.get(at + 1).is_some_and(|word| word.is("by"));
    participle && (be || by)
}

/// A form of be, do or have, or a modal: noun phrases end before it.
pub(super) fn is_auxiliary(word: &Word) -> bool {
    word.is_any(&AUX)
}

/// "we are using it", not "by using it".
pub(super) fn is_verb_using(words: &[Word], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    words.get(at).is_some_and(|word| word.is("using"))
        && before.is_some_and(|word| {
            word.is_any(&PRONOUNS) || word.is_any(&BE) || word.is_any(&["still", "not", "already", "also", "now"])
        })
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
