//! Asks for a change: whether a text wants something done rather than something said.
//!
//! Errs on the side of yes: a text taken for a command is only ever matched in the same words, a command taken for a
//! question would be answered with somebody else's explanation.

use super::{
    reading::Word,
    rules::{Change, Rules},
    tokens::Kind,
    verbs::{AUX, PRONOUNS, is_question_word},
};

/// How a text is put, which its stripped words do not tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// It speaks to someone: "would you mind", "please".
    pub(super) asks_someone: bool,
    /// It ends with a question mark.
    pub(super) is_question: bool,
}

impl Manner {
    pub(super) fn of(typed: &[String], tidy: &str) -> Self {
        const SPOKEN: [&str; 9] = ["you", "u", "someone", "somebody", "please", "pls", "mind", "kindly", "let"];
        let asks_someone = typed.iter().any(|word| SPOKEN.contains(&word.as_str()));
        Self { asks_someone, is_question: tidy.ends_with('?') }
    }
}

/// Nouns that make a verb before them part of a topic: "build instructions", "update frequency".
const TOLD: [&str; 20] = [
    "instructions",
    "prerequisites",
    "requirements",
    "steps",
    "options",
    "settings",
    "errors",
    "failures",
    "warnings",
    "times",
    "results",
    "status",
    "procedure",
    "process",
    "strategy",
    "policy",
    "frequency",
    "history",
    "notes",
    "switch",
];

/// Whether a clause asks for something to be done.
pub(super) fn asks_for_change(words: &[Word], manner: Manner, rules: &Rules) -> bool {
    let second = words.get(1);
    let inverted = words
        .first()
        .is_some_and(|word| word.is_any(&AUX) && (!word.is("do") || second.is_some_and(|next| next.is_any(&PRONOUNS))));
    if inverted {
        return tail_asks(words, manner, rules);
    }
    if words.first().is_some_and(|word| is_question_word(word) || word.is_any(&AUX))
        && !words.iter().any(Word::is_break)
    {
        return tail_asks(words, manner, rules);
    }
    command_at(words, 0, manner, rules) || tail_asks(words, manner, rules)
}

/// "... and fix it", "... then run the tests". Behind a question, "and set the cookie" belongs to the question; "and fix
/// it" does not.
fn tail_asks(words: &[Word], manner: Manner, rules: &Rules) -> bool {
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
        (object || (!asked && takes_object(words, at + skip))) && command_at(words, at + skip, manner, rules)
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

fn command_at(words: &[Word], at: usize, manner: Manner, rules: &Rules) -> bool {
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
    if words.get(at + 1).is_some_and(|next| next.is_any(&TOLD)) {
        return false;
    }
    let gerund = word.form.ing && word.text.len() > 5;
    if gerund && !manner.asks_someone {
        return false;
    }
    let base = if gerund { base_of(word, rules) } else { rules.change(&word.text) };
    match base {
        Some(Change::Always) => manner.asks_someone || !manner.is_question || takes_object(words, at),
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
