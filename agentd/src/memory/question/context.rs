//! What a question leans on: whether it can be understood without what was said before.
//!
//! Errs on the side of no: a question that is taken to lean on another is only ever matched in the same words.

use super::{
    reading::{Item, Word},
    rules::Rules,
    tokens::Kind,
    verbs::{is_auxiliary, is_question_word},
};

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
            !(ours || built || named_before && next.is_none())
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
    if at == 0 && words.get(1).is_some_and(|next| next.is_any(&["exist", "exists"])) {
        return true;
    }
    let after = words.iter().skip(at + 1).take(4);
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    before.is_some_and(|word| word.is_any(&["is", "does", "would", "will", "was", "make", "makes", "what"]))
        && after.into_iter().any(|word| word.is_any(&["to", "that", "if", "when", "for"]))
}

const OURS: [&str; 22] = [
    "lib",
    "binary",
    "site",
    "website",
    "api",
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
    "thing",
];
/// Classes of verbs behind which "this" is the project.
const BUILT: [&str; 8] = ["build", "compil", "install", "run", "deploy", "test", "exec", "start"];
