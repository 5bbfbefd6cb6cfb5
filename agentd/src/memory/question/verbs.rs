//! Verbs where they stand: whether a word is a verb, as far as its neighbours tell, and in which voice.
//!
//! There is no parser behind this. A verb that is not recognised costs a match; it never makes one, because words in
//! another order are the same question only when all their roles are known.

use super::{
    reading::Word,
    rules::{Rules, Verb},
    tokens::Kind,
};

/// Forms of be, do and have, and the modals.
pub(super) const AUX: [&str; 24] = [
    "is", "are", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should", "has", "have", "had",
    "may", "might", "must", "am", "shall", "be", "been", "being", "ought",
];
/// What a passive is built with.
pub(super) const BE: [&str; 10] = ["is", "are", "was", "were", "be", "been", "being", "am", "get", "gets"];
/// Subjects that name nobody.
pub(super) const PRONOUNS: [&str; 7] = ["i", "you", "we", "they", "he", "she", "one"];

/// A verb in the past tense: "who wrote", "what replaced".
pub(super) fn is_told(words: &[Word], at: usize, rules: &Rules) -> bool {
    let Some(word) = words.get(at).filter(|word| word.kind == Kind::Word && word.form.past) else { return false };
    let verb = rules.verb_kind(rules.class(&word.stem)).is_some();
    let helped = words.iter().take(at).any(|word| word.is_any(&BE) || word.is_any(&["has", "have", "had"]));
    let asked = words.iter().take(at).any(|word| is_question_word(word) || word.text.starts_with('@'));
    let participle = words
        .get(at + 1)
        .is_some_and(|next| next.is_any(&["by", "in", "on", "at", "for", "with", "when", "if", "and"]));
    verb && asked && !helped && !participle
}

/// The verb that the word is at this place, as far as its neighbours tell.
pub(super) fn verb_at(words: &[Word], at: usize, rules: &Rules) -> Option<Verb> {
    let kind = verb_alone(words, at, rules)?;
    let word = words.get(at)?;
    let before = at.checked_sub(1).filter(|_| !word.form.past && !word.form.ing);
    // Of two side by side the second is the first one's object; looking back once bounds the work.
    let second = before.is_some_and(|before| {
        words.get(before).is_some_and(|word| !word.is_any(&AUX)) && verb_alone(words, before, rules).is_some()
    });
    (!second).then_some(kind)
}

/// The same, with no eye to the word before.
fn verb_alone(words: &[Word], at: usize, rules: &Rules) -> Option<Verb> {
    let word = words.get(at).filter(|word| word.kind == Kind::Word && !word.quoted)?;
    let unknown = if word.form.past && is_passive(words, at) { Some(Verb::Plain) } else { None };
    let kind = rules.verb_kind(rules.class(&word.stem)).or(unknown)?;
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    // "the connection string": a noun made of a verb, whatever stands round it.
    if ["ction", "ctions", "ation", "ations"].iter().any(|end| word.text.ends_with(end)) {
        return None;
    }
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
    if is_asked_noun(words, at, rules) {
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

/// A word that asks.
pub(super) fn is_question_word(word: &Word) -> bool {
    word.is_any(&["what", "where", "why", "when", "who", "how", "which", "whose", "whom"])
}

/// "we are using it", not "by using it".
pub(super) fn is_verb_using(words: &[Word], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    words.get(at).is_some_and(|word| word.is("using"))
        && before.is_some_and(|word| {
            word.is_any(&PRONOUNS) || word.is_any(&BE) || word.is_any(&["still", "not", "already", "also", "now"])
        })
}
