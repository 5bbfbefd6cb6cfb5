//! Words of code and of questions, folded so that `AcceptLoop`, `accepts` and `accepting` meet.
//!
//! Made for identifiers: a name is split where its case or an underscore splits it, and stays searchable as a whole.
//! A word has two forms: without number and tense (`connections`: `connection`), and its root (`connect`). The root
//! counts less: who asks for connections does not look first for what connects. The folding is crude on purpose. Both
//! sides pass through it, so neither form need be a word.

/// Longer runs are hashes and encoded data, not words.
const WORD_MAX: usize = 40;
/// Words taken from a question; the rest of a pasted file would only blur it.
const QUESTION_WORDS_MAX: usize = 32;
/// Bytes of a question that are looked at.
const QUESTION_BYTES_MAX: usize = 4096;
/// A stem shorter than this is left alone.
const STEM_MIN: usize = 3;

/// Words that say nothing about what is looked for.
const STOP: &[&str] = &[
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been", "but", "by", "can",
    "could", "did", "do", "does", "each", "explain", "find", "for", "from", "get", "give", "had", "has", "have",
    "here", "how", "i", "if", "in", "into", "is", "it", "its", "list", "look", "make", "me", "my", "no", "not", "of",
    "on", "or", "our", "out", "please", "say", "see", "shall", "should", "show", "so", "some", "tell", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "through", "to", "up", "us", "use",
    "used", "uses", "using", "was", "we", "were", "what", "when", "where", "which", "who", "whose", "why", "will",
    "with", "would", "you", "your",
];

/// Words that name the kind of thing that is looked for. Searched for only when a question has nothing else.
const KINDS: &[&str] = &[
    "class",
    "code",
    "codebase",
    "component",
    "crate",
    "defined",
    "definition",
    "file",
    "function",
    "implemented",
    "implementation",
    "located",
    "method",
    "module",
    "package",
    "part",
    "place",
    "program",
    "project",
    "repo",
    "repository",
    "responsible",
    "source",
    "struct",
    "thing",
    "work",
];

/// Spellings of one word.
const SAME: &[(&str, &str)] = &[
    ("cfg", "config"),
    ("conf", "config"),
    ("configur", "config"),
    ("conn", "connect"),
    ("msg", "messag"),
    ("req", "request"),
    ("resp", "respons"),
    ("db", "databas"),
    ("dir", "direct"),
    ("auth", "authentic"),
    ("ctx", "context"),
    ("env", "environ"),
    ("cmd", "command"),
    ("err", "error"),
    ("init", "initial"),
];

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As asked, lower case.
    pub(super) shown: String,
    /// Without number and tense, hashed.
    pub(super) term: u32,
    /// Its root, hashed; often the same.
    pub(super) root: u32,
}

/// The two forms of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Forms<'a> {
    form: &'a str,
    root: &'a str,
}

/// What a question looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Question {
    /// Distinct words, in order.
    pub(super) words: Vec<Word>,
    /// It asks for code: a module, a function, where something is done.
    pub(super) wants_code: bool,
    /// It asks for tests.
    pub(super) wants_tests: bool,
}

impl Question {
    pub(super) fn parse(text: &str) -> Self {
        let (mut strong, mut weak, mut wants_code, mut wants_tests) = (Vec::new(), Vec::new(), false, false);
        for shown in identifiers(cut(text, QUESTION_BYTES_MAX)) {
            wants_code |= matches!(shown.to_ascii_lowercase().as_str(), "where" | "which");
            each_term(shown, &mut |forms| {
                let word = Word { shown: shown.to_lowercase(), term: hash(forms.form), root: hash(forms.root) };
                wants_tests |= matches!(forms.form, "test" | "bench" | "fuzz");
                if KINDS.iter().any(|kind| fold(kind).form == forms.form) {
                    wants_code |= !matches!(shown, "project" | "repo" | "repository" | "thing" | "work");
                    weak.push(word);
                } else if !STOP.contains(&word.shown.as_str()) {
                    strong.push(word);
                }
            });
        }
        let mut words = if strong.is_empty() { weak } else { strong };
        let mut seen = Vec::new();
        words.retain(|word| {
            !seen.contains(&word.term) && {
                seen.push(word.term);
                true
            }
        });
        words.truncate(QUESTION_WORDS_MAX);
        Self { words, wants_code, wants_tests }
    }
}

/// The text's first bytes, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Hands over the hash of every term of a text: of each word its form, and its root when that is another.
pub(super) fn each_hash(text: &str, mut take: impl FnMut(u32)) {
    for identifier in identifiers(text) {
        each_term(identifier, &mut |forms| {
            take(hash(forms.form));
            if forms.root != forms.form {
                take(hash(forms.root));
            }
        });
    }
}

/// Runs of letters, digits and underscores.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| (1..=2 * WORD_MAX).contains(&word.len()))
}

/// The folded parts of an identifier and, when there are several, the whole of it.
fn each_term(identifier: &str, take: &mut impl FnMut(Forms<'_>)) {
    let lower = if identifier.is_ascii() { identifier.to_ascii_lowercase() } else { identifier.to_lowercase() };
    // Lower case of another alphabet may have another length: such words are not split.
    let split = if lower.len() == identifier.len() { identifier } else { lower.as_str() };
    let (mut parts, mut at) = (0, 0);
    for part in split.split('_').flat_map(split_case) {
        let start = at + lower[at..].bytes().take_while(|byte| *byte == b'_').count();
        at = start + part.len();
        // A single letter is a loop variable.
        parts += usize::from(!part.is_empty());
        if (2..=WORD_MAX).contains(&part.len()) {
            take(fold(&lower[start..at]));
        }
    }
    if parts > 1 {
        let whole = lower.replace('_', "");
        take(Forms { form: &whole, root: &whole });
    }
}

/// Splits `parseHTTPRequest2` into `parse`, `HTTP`, `Request2`.
fn split_case(word: &str) -> impl Iterator<Item = &str> {
    let bytes = word.as_bytes();
    let mut start = 0;
    let ends = (1..=bytes.len()).filter(move |&at| {
        let (Some(before), Some(here)) = (bytes.get(at - 1), bytes.get(at)) else { return at == bytes.len() };
        let after_is_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        here.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after_is_lower))
    });
    ends.map(move |end| &word[std::mem::replace(&mut start, end)..end])
}

/// The forms of a lower-case word.
fn fold(word: &str) -> Forms<'_> {
    let same = |stem| SAME.iter().find(|(from, _)| *from == stem).map_or(stem, |(_, to)| *to);
    if !word.is_ascii() || word.len() <= STEM_MIN {
        return Forms { form: same(word), root: same(word) };
    }
    let form = without_tense(without_plural(word));
    let form = form.strip_suffix('y').filter(|rest| rest.len() > STEM_MIN && !rest.ends_with(is_vowel)).unwrap_or(form);
    let form = form.strip_suffix('e').filter(|rest| rest.len() >= STEM_MIN).unwrap_or(form);
    Forms { form: same(form), root: same(root(form)) }
}

/// A form without the endings that make nouns of verbs.
fn root(word: &str) -> &str {
    if let Some(rest) = word.strip_suffix("ion").filter(|rest| rest.len() >= 4 && rest.ends_with(['t', 's'])) {
        return rest.strip_suffix("at").filter(|rest| rest.len() >= 5).unwrap_or(rest);
    }
    // Longest ending first; the number is the least that must stay.
    let endings = [("ment", 5), ("abl", 4), ("iz", 4), ("at", 5), ("er", 4), ("or", 4)];
    let shorter = endings.iter().find_map(|(end, least)| word.strip_suffix(end).filter(|rest| rest.len() >= *least));
    let Some(word) = shorter else { return word };
    word.strip_suffix("at").filter(|rest| rest.len() >= 5).unwrap_or(word)
}

fn without_plural(word: &str) -> &str {
    for end in ["sses", "ches", "shes", "xes", "zes"] {
        if word.ends_with(end) {
            return &word[..word.len() - 2];
        }
    }
    match word.strip_suffix('s') {
        // `ies` of `retries`: the `y` of `retry` is cut as well.
        Some(rest) if rest.ends_with("ie") && rest.len() > 4 => &rest[..rest.len() - 2],
        Some(rest) if !rest.ends_with(['s', 'u', 'i']) => rest,
        _ => word,
    }
}

fn without_tense(word: &str) -> &str {
    if let Some(rest) = word.strip_suffix("ied").filter(|rest| rest.len() >= STEM_MIN) {
        return rest;
    }
    let cut = ["ing", "ed"].iter().find_map(|end| word.strip_suffix(end));
    match cut.filter(|rest| rest.len() >= STEM_MIN && rest.contains(is_vowel)) {
        Some(rest) => undouble(rest),
        None => word,
    }
}

/// `stopp` of `stopping` is `stop`; `pass` of `passing` stays.
fn undouble(word: &str) -> &str {
    let bytes = word.as_bytes();
    match bytes {
        [.., a, b] if a == b && !matches!(b, b'l' | b's' | b'z') && bytes.len() > STEM_MIN => &word[..word.len() - 1],
        _ => word,
    }
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

/// FNV-1a: stable across runs, so that ties never depend on a random seed.
fn hash(term: &str) -> u32 {
    term.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        identifiers(text).for_each(|one| each_term(one, &mut |forms| out.push(forms.form.to_owned())));
        out
    }

    #[test]
    fn number_and_tense_of_one_word_fold_together() {
        for family in [
            &["accept", "accepts", "accepted", "accepting"][..],
            &["connect", "connects", "connecting", "conn"],
            &["connection", "connections"],
            &["cache", "caches", "cached", "caching"],
            &["retry", "retries", "retried", "retrying"],
            &["stop", "stops", "stopped", "stopping"],
            &["configure", "configures", "configured", "cfg", "config"],
            &["query", "queries", "queried"],
            &["message", "messages", "msg"],
        ] {
            let folded: Vec<_> = family.iter().map(|word| fold(word).form).collect();
            assert!(folded.iter().all(|one| *one == folded[0]), "{family:?} -> {folded:?}");
        }
    }

    #[test]
    fn nouns_share_the_root_of_their_verb_but_not_its_form() {
        for (verb, nouns) in [
            ("connect", &["connection", "connections", "connector"][..]),
            ("parse", &["parser", "parsers"]),
            ("config", &["configuration"]),
            ("validate", &["validation", "validator"]),
            ("listen", &["listener", "listeners"]),
            ("redact", &["redaction", "redactor"]),
        ] {
            for noun in nouns {
                assert_eq!(fold(noun).root, fold(verb).root, "{noun}");
                assert_ne!(fold(noun).form, fold(verb).form, "{noun}");
            }
        }
    }

    #[test]
    fn different_words_stay_apart() {
        let words = [
            "pass", "paste", "session", "server", "socket", "status", "string", "stream", "test", "text", "user", "red",
        ];
        let mut folded: Vec<_> = words.iter().map(|word| fold(word).root).collect();
        folded.sort_unstable();
        folded.dedup();
        assert_eq!(folded.len(), words.len(), "{folded:?}");
    }

    #[test]
    fn identifiers_are_split_and_kept_whole() {
        assert_eq!(terms("accept_loop"), ["accept", "loop", "acceptloop"]);
        assert_eq!(terms("parseHTTPRequest"), ["pars", "http", "request", "parsehttprequest"]);
        assert_eq!(terms("x = utf8Bom;"), ["utf8", "bom", "utf8bom"]);
        assert_eq!(terms("größe ÄRGER"), ["größe", "ärger"]);
    }

    #[test]
    fn any_text_is_split_without_a_panic() {
        for text in
            ["", "_", "__", "ÀÉ_é", "a\u{301}b", "ßX", "日本語Text", &"x".repeat(10_000), "ies s ed ing ied ion"]
        {
            terms(text);
            Question::parse(text);
        }
    }

    #[test]
    fn a_question_is_its_telling_words() {
        let question = Question::parse("Which module accepts connections?");
        let shown: Vec<_> = question.words.iter().map(|word| word.shown.as_str()).collect();
        assert_eq!((shown, question.wants_code), (vec!["accepts", "connections"], true));
        assert_eq!(Question::parse("what is this?").words, []);
        assert_eq!(Question::parse("what does the module do").words.len(), 1);
        assert!(Question::parse("which tests cover the parser").wants_tests);
        assert_eq!(Question::parse(&"word another ".repeat(10_000)).words.len(), 2);
    }
}
