//! Recollections: what earlier conversations of a user said about the things that a new one begins with.
//!
//! Owns which of the kept conversations concern a question, and the text the model is shown of them. Refuses to offer
//! what may be stale: a conversation is recalled only when it is known what it rests on and all of that is as it was.
//! One without observations is never recalled, also when it looked at nothing: the model may have spoken of the
//! project from its history, and nothing would tell when that stops being true.
//!
//! The score, per conversation of the same uid and project:
//! - [`FILE`] for each thing of the question, or attachment, that names a file it rests on, by path or by last part;
//! - [`THING`] for each other thing the question shares with one of its questions. Things are what only code says:
//!   identifiers, paths, flags, names in capitals, what stands in back quotes;
//! - [`WORD`] for each shared word of four letters or more that is no everyday word, or that is the name of a file it
//!   rests on, up to [`WORDS_COUNTED`];
//! - [`SESSION`] once, if a file of the session is among its files and something above was shared.
//!
//! From [`BAR`] on it concerns the question: one thing of the code, or three words. The later of equals comes first.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::kept::ConversationRecord;
use crate::{
    redact::Redacted,
    tools::{
        builtin::{cut, line},
        observed::Observed,
    },
};

/// Points for a file that is named.
const FILE: u32 = 4;
/// Points for a thing of the code.
const THING: u32 = 3;
/// Points for a word.
const WORD: u32 = 1;
/// Words that count: many common words are no proof of a common subject.
const WORDS_COUNTED: u32 = 3;
/// Points for a file that the session touched.
const SESSION: u32 = 1;
/// Points from which a conversation concerns the question.
const BAR: u32 = 3;

/// Conversations shown at most.
pub const RECOLLECTIONS_MAX: usize = 2;
/// Conversations whose files are looked at, best first. Each may cost reading its files; behind the first few that
/// have changed there is rarely a good one.
const SHORTLIST_MAX: usize = 6;
/// Bytes of all recollections, their block included: some 500 tokens, paid in every new conversation.
pub const BUDGET: usize = 2_000;
/// What is left of the budget for the texts: the block's tags, and a closing tag in a text grows when it is broken up.
const TEXTS_MAX: usize = 1_850;
/// Characters of a question that is shown.
const QUESTION_SHOWN: usize = 200;
/// Bytes a marker of a cut takes.
const CUT_NOTE: usize = 40;

const HEADING: &str =
    "Earlier conversations about this, possibly incomplete: read the files before you rely on them.\n";

/// What a new conversation begins with.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Who asks.
    pub uid: u32,
    /// Project root.
    pub project: &'a Path,
    /// Id of the conversation that begins: nothing is recalled to itself.
    pub conversation: &'a str,
    /// The question.
    pub question: &'a Redacted,
    /// Names of what comes with it.
    pub attached: &'a [&'a str],
    /// Files the session touched, relative to the root.
    pub files: &'a [PathBuf],
}

/// A conversation that concerns the question.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Points.
    pub score: u32,
    /// When it was used last.
    pub used: SystemTime,
    /// Its exchange that concerns the question most.
    pub exchange: (Redacted, Redacted),
    /// What it rests on; never empty.
    pub rests: Vec<Observed>,
}

/// What the model is reminded of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recollected {
    /// For the prompt; empty when there is nothing.
    pub text: String,
    /// What the text rests on, and so does every answer that it shapes.
    pub rests: Vec<Observed>,
}

/// The conversations that concern a question, best first. Nothing is read from disk.
pub fn shortlist(records: &[ConversationRecord], about: &About<'_>) -> Vec<Candidate> {
    let asked = Terms::of(about.question.as_str());
    let own = |record: &&ConversationRecord| {
        record.uid == about.uid && record.project == about.project && record.id != about.conversation
    };
    let mut found: Vec<Candidate> = records
        .iter()
        .filter(own)
        .filter(|record| !record.files.is_empty())
        .filter_map(|record| {
            let names: Vec<&str> = record.files.iter().flat_map(Observed::texts).collect();
            judge(record, &names, about, &asked)
        })
        .collect();
    found.sort_by(|a, b| b.score.cmp(&a.score).then(b.used.cmp(&a.used)));
    found.truncate(SHORTLIST_MAX);
    found
}

/// The first of the candidates that still hold, as the model is shown them.
pub fn recollect(
    candidates: Vec<Candidate>,
    now: SystemTime,
    mut still_holds: impl FnMut(&[Observed]) -> bool,
) -> Recollected {
    let good: Vec<Candidate> =
        candidates.into_iter().filter(|one| still_holds(&one.rests)).take(RECOLLECTIONS_MAX).collect();
    if good.is_empty() {
        return Recollected::default();
    }
    let text = render(&good, now);
    Recollected { text, rests: good.into_iter().flat_map(|one| one.rests).collect() }
}

/// `names`: what the record's observations are called.
fn judge(record: &ConversationRecord, names: &[&str], about: &About<'_>, asked: &Terms) -> Option<Candidate> {
    let attached = about.attached.iter().map(|name| name.to_lowercase());
    let mentioned: BTreeSet<String> =
        asked.things.iter().cloned().chain(attached).filter(|thing| is_among(thing, names)).collect();
    let told: Vec<Terms> = record.exchanges.iter().map(|(question, _)| Terms::of(question.as_str())).collect();
    let things = asked.things.iter().filter(|it| !mentioned.contains(*it));
    let things = things.filter(|it| told.iter().any(|terms| terms.things.contains(*it))).count();
    let stems: BTreeSet<String> =
        names.iter().filter_map(|name| Some(Path::new(name).file_stem()?.to_str()?.to_lowercase())).collect();
    let is_word = |word: &&String| stems.contains(*word) || told.iter().any(|terms| terms.words.contains(*word));
    let words = count(asked.words.iter().filter(is_word).count()).min(WORDS_COUNTED);
    let mut score = FILE * count(mentioned.len()) + THING * count(things) + WORD * words;
    let touched = about.files.iter().any(|file| names.iter().any(|name| Path::new(name) == file));
    score += if touched && score > 0 { SESSION } else { 0 };
    let best = told.iter().zip(&record.exchanges).max_by_key(|(terms, _)| terms.shared_with(asked));
    let exchange = best.map(|(_, exchange)| exchange.clone())?;
    (score >= BAR).then(|| Candidate { score, used: record.used, exchange, rests: record.files.clone() })
}

/// True when one of the two paths ends as the other is: people name a file by its last part, clients by all of it.
fn is_among(thing: &str, names: &[&str]) -> bool {
    let ends = |long: &str, short: &str| {
        !short.is_empty() && long.strip_suffix(short).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    names.iter().map(|name| name.to_lowercase()).any(|name| ends(&name, thing) || ends(thing, &name))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn render(good: &[Candidate], now: SystemTime) -> String {
    let mut text = HEADING.to_owned();
    let share = (TEXTS_MAX - HEADING.len()) / good.len();
    for Candidate { used, exchange: (question, answer), .. } in good {
        let mut head = format!("{}:\nQ: ", age(*used, now));
        // A question may be of long characters; the budget is of bytes.
        head += &cut(&line(question.as_str(), QUESTION_SHOWN), share / 3, "").replace('\n', " ");
        head += "\nA: ";
        let left = share.saturating_sub(head.len() + CUT_NOTE);
        let _ = writeln!(text, "{head}{}", cut(answer.as_str().trim(), left, ""));
    }
    text
}

/// How long ago, in words that stay true for a day: the prompt's bytes do not change from minute to minute.
fn age(then: SystemTime, now: SystemTime) -> String {
    let days = now.duration_since(then).unwrap_or_default().as_secs() / (24 * 60 * 60);
    match days {
        0 => "Less than a day ago".to_owned(),
        1 => "1 day ago".to_owned(),
        2..=13 => format!("{days} days ago"),
        14..=59 => format!("{} weeks ago", days / 7),
        _ => format!("{} months ago", days / 30),
    }
}

/// What a text speaks of, in lower case.
#[derive(Debug, Default, PartialEq)]
struct Terms {
    things: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Terms {
    fn of(text: &str) -> Self {
        let mut terms = Self::default();
        for (quoted, part) in text.split('`').enumerate() {
            let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '-');
            for token in part.split(|c| !inside(c)) {
                terms.take(token, quoted % 2 == 1);
            }
        }
        terms
    }

    fn take(&mut self, token: &str, quoted: bool) {
        let flag = token.starts_with("--");
        let token = token.trim_matches(['.', '/', ':', '-']);
        let lower = token.to_lowercase();
        let letters = token.chars().filter(|c| c.is_alphabetic()).count();
        if letters < 2 || EVERYDAY.contains(&lower.as_str()) {
            return;
        }
        if quoted || flag || is_of_code(token) {
            let last = lower.rsplit(['/', ':']).next().filter(|last| last.len() > 2 && last.len() < lower.len());
            self.things.extend(last.map(str::to_owned));
            self.things.insert(lower);
        } else if letters >= 4 {
            // The simplest plural: `sockets` and `socket`.
            self.words.insert(lower.strip_suffix('s').unwrap_or(&lower).to_owned());
        }
    }

    fn shared_with(&self, other: &Self) -> u32 {
        let things = count(self.things.intersection(&other.things).count());
        THING * things + WORD * count(self.words.intersection(&other.words).count())
    }
}

/// True for words that people write of code only.
fn is_of_code(token: &str) -> bool {
    let inner = |mark: &str| token.contains(mark);
    let mut chars = token.chars().peekable();
    let mut humps = false;
    while let Some(c) = chars.next() {
        humps |= c.is_lowercase() && chars.peek().is_some_and(|next| next.is_uppercase());
    }
    let capitals = token.len() > 2 && !token.chars().any(char::is_lowercase);
    let numbered = token.chars().any(|c| c.is_ascii_digit());
    inner("_") || inner("::") || inner("/") || inner(".") || humps || capitals || numbered
}

/// Words that questions about any code share.
const EVERYDAY: [&str; 60] = [
    "about",
    "after",
    "answer",
    "anything",
    "before",
    "change",
    "class",
    "code",
    "could",
    "different",
    "does",
    "e.g",
    "every",
    "example",
    "explain",
    "file",
    "files",
    "find",
    "from",
    "function",
    "functions",
    "give",
    "have",
    "here",
    "i.e",
    "into",
    "it's",
    "like",
    "list",
    "make",
    "method",
    "module",
    "must",
    "name",
    "need",
    "only",
    "please",
    "project",
    "question",
    "show",
    "should",
    "tell",
    "that",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "this",
    "used",
    "using",
    "what",
    "when",
    "where",
    "which",
    "with",
    "work",
    "works",
];

#[cfg(test)]
mod tests;
