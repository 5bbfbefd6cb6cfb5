//! Compounds: words that mostly stand for the project, where they are part of another noun's name.

use super::{
    reading::{KEPT, LINKS, Word},
    rules::Rules,
    tokens::Kind,
    verbs,
};

/// "the system tests", "the error code": words that mostly stand for the project, in front of a noun or as a part of one.
pub(super) fn is_part(words: &[Word], at: usize, rules: &Rules) -> bool {
    const WHOLE: [&str; 11] = [
        "project",
        "app",
        "application",
        "system",
        "software",
        "program",
        "repository",
        "codebase",
        "code",
        "solution",
        "repo",
    ];
    const CODES: [&str; 16] = [
        "error",
        "exit",
        "status",
        "return",
        "response",
        "country",
        "source",
        "machine",
        "byte",
        "zip",
        "discount",
        "native",
        "generated",
        "dead",
        "key",
        "bar",
    ];
    let is_noun = |at: usize| {
        words.get(at).is_some_and(|next| {
            next.kind == Kind::Word
                && !next.text.starts_with('@')
                && !rules.is_stop(&next.text)
                && !next.is_any(&KEPT)
                && !next.is_any(&["from", "to"])
                && next.article.is_none()
                && !next.form.past
                && LINKS.iter().all(|(text, _)| !next.is(text))
                && verbs::verb_at(words, at, rules).is_none()
        })
    };
    let coded = || {
        words.get(at).is_some_and(|word| word.is("code"))
            && at.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|before| before.is_any(&CODES))
    };
    words.get(at).is_some_and(|word| word.is_any(&WHOLE)) && (is_noun(at + 1) || coded())
}
