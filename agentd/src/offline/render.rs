//! The answer as Markdown: files, their first sentence, the lines that match best.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use cap_std::fs::Dir;

use super::{
    Why,
    index::{Hit, Index, read_text},
    text::{self, Line},
    words::{self, Question},
};
use crate::redact::{Redacted, Redactor};

/// Files of an answer: what fits a terminal beside their lines.
const FILES_SHOWN: usize = 5;
/// Lines quoted from one file.
const LINES_SHOWN: usize = 3;
/// Bytes of one quoted line.
const LINE_SHOWN: usize = 120;
/// Files that are looked at before the best are shown.
const CANDIDATES: usize = 16;
/// What it adds to a file's score when one line that says what the file is for, or defines something, holds all words
/// of the question together; less when it holds a part of them. Words far apart are often a coincidence.
const TOGETHER_WEIGHT: f32 = 0.6;
/// A file below this share of the best one's score is noise.
const SCORE_SHARE: f32 = 0.25;
/// Rows of the list that stands in for an answer.
const ROWS_SHOWN: usize = 8;

/// The sentence that says what this answer is.
pub(super) fn heading(why: Why<'_>) -> String {
    let cause = match why {
        Why::Chosen => "`provider.kind` is `offline`; set it to `auto` to ask a model".to_owned(),
        Why::NoModel { key_variable } => format!(
            "no key in `{key_variable}`, no `provider.base_url`, no Ollama; set one of them and type `agentctl daemon restart`"
        ),
    };
    format!("**Found without a model**, by the words of the question in the project's files ({cause}).")
}

/// The answer and the files it names.
pub(super) fn render(
    dir: &Dir,
    index: &Index,
    question: &Question,
    why: Why<'_>,
    whole: bool,
    redactor: &Redactor,
) -> (String, Vec<PathBuf>) {
    let candidates = candidates(dir, index, question, redactor);
    let least = candidates.first().map_or(0.0, |best| best.score * SCORE_SHARE);
    let shown: Vec<(PathBuf, String)> = candidates
        .into_iter()
        .filter(|candidate| candidate.score >= least)
        .filter_map(|candidate| file(&candidate, question).map(|text| (candidate.path, text)))
        .take(FILES_SHOWN)
        .collect();
    let mut out = heading(why);
    out.push_str("\n\n");
    if shown.is_empty() {
        out.push_str(&nothing(index, question));
    }
    for (at, (_, text)) in shown.iter().enumerate() {
        out.push_str(&format!("{}. {text}", at + 1));
    }
    if !whole {
        out.push_str("\nThe project is too large to read all of it in time: only a part was searched.\n");
    }
    (out, shown.into_iter().map(|(path, _)| path).collect())
}

/// A file that may be shown, as it is now, without its secrets.
struct Candidate {
    path: PathBuf,
    content: Redacted,
    score: f32,
}

/// The best files of the index, ranked again by what a look at them shows. Best first; equal ones by path.
fn candidates(dir: &Dir, index: &Index, question: &Question, redactor: &Redactor) -> Vec<Candidate> {
    let look = |Hit { path, score }: Hit| {
        let content = redactor.text(&read_text(dir, &path).unwrap_or_default());
        let score = score * (1.0 + TOGETHER_WEIGHT * together(content.as_str(), &path, question));
        Candidate { path, content, score }
    };
    let mut candidates: Vec<_> = index.search(question).into_iter().take(CANDIDATES).map(look).collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
    candidates
}

/// The largest share of the question's words that one heading or defining line holds, from 0 to 1.
fn together(content: &str, path: &Path, question: &Question) -> f32 {
    let best = text::lines(content, text::language(path).1)
        .filter(|line| !line.is_test && (line.is_head || line.defines.is_some()))
        .map(|line| matches(line.text, question))
        .max();
    best.unwrap_or(0) as f32 / (2 * question.words.len().max(1)) as f32
}

/// One file; `None` when nothing in it holds a word of the question.
fn file(candidate: &Candidate, question: &Question) -> Option<String> {
    let (path, content) = (&candidate.path, candidate.content.as_str());
    let family = text::language(path).1;
    let lines = best_lines(content, path, question);
    let name = path.display().to_string();
    if lines.is_empty() && matches(&name, question) == 0 {
        return None;
    }
    let doc = text::first_doc(content, family).map(|doc| format!(" — {}", shortened(doc))).unwrap_or_default();
    let mut out = format!("**{}**{doc}\n", plain(&name));
    for line in lines {
        out.push_str(&format!("   - {}:{} {}\n", plain(&name), line.number, code(line.text)));
    }
    Some(out)
}

/// The lines with most words of the question, in file order. A definition counts more than a use, a use more than a
/// line of a test.
fn best_lines<'a>(content: &'a str, path: &Path, question: &Question) -> Vec<Line<'a>> {
    let mut lines: Vec<(usize, Line<'_>)> = text::lines(content, text::language(path).1)
        .filter_map(|line| {
            let count = matches(line.text, question);
            let defines = line.defines.map_or(0, |name| matches(name, question));
            let import = ["use ", "import ", "from ", "#include"].iter().any(|start| line.text.starts_with(start));
            let weight = match () {
                () if line.is_test || import => count,
                () => 4 * count + 4 * defines + usize::from(line.is_head),
            };
            (count > 0).then_some((weight, line))
        })
        .collect();
    // Stable: of equal lines the first of the file.
    lines.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    lines.truncate(LINES_SHOWN);
    let mut lines: Vec<Line<'_>> = lines.into_iter().map(|(_, line)| line).collect();
    lines.sort_by_key(|line| (line.defines.is_none(), line.number));
    lines
}

/// Distinct words of the question in a text: two for the word itself, one for its root.
fn matches(text: &str, question: &Question) -> usize {
    let mut found = vec![0; question.words.len()];
    words::each_hash(text, |term| {
        for (word, best) in question.words.iter().zip(&mut found) {
            if word.term == term {
                *best = 2;
            } else if word.root == term && *best == 0 {
                *best = 1;
            }
        }
    });
    found.iter().sum()
}

/// Says that there is nothing, and what there is.
fn nothing(index: &Index, question: &Question) -> String {
    let asked: Vec<_> = question.words.iter().map(|word| code(&word.shown)).collect();
    let mut out = if asked.is_empty() {
        "The question has no word that could be searched for.".to_owned()
    } else {
        format!("No file holds {}.", asked.join(" or "))
    };
    let (mut languages, mut dirs) = (BTreeMap::new(), BTreeMap::new());
    let mut count = 0;
    for path in index.paths() {
        count += 1;
        *languages.entry(text::language(path).0.to_owned()).or_insert(0) += 1;
        let mut parts = path.components();
        let top = parts.next().filter(|_| parts.next().is_some());
        if let Some(top) = top {
            *dirs.entry(format!("{}/", top.as_os_str().to_string_lossy())).or_insert(0) += 1;
        }
    }
    if count == 0 {
        out.push_str(" The project has no file that may be read.\n");
        return out;
    }
    out.push_str(&format!(" The project has {count} files.\n\n- by kind: {}\n", rows(languages)));
    if !dirs.is_empty() {
        out.push_str(&format!("- by directory: {}\n", rows(dirs)));
    }
    out
}

fn rows(counts: BTreeMap<String, usize>) -> String {
    let mut rows: Vec<(String, usize)> = counts.into_iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest = rows.len().saturating_sub(ROWS_SHOWN);
    rows.truncate(ROWS_SHOWN);
    let mut text = rows.iter().map(|(name, count)| format!("{} {count}", plain(name))).collect::<Vec<_>>().join(", ");
    if rest > 0 {
        text.push_str(&format!(", and {rest} more"));
    }
    text
}

/// A sentence of a comment, cut and with nothing that ends the line.
fn shortened(text: &str) -> String {
    let cut = words::cut(text, LINE_SHOWN);
    let end = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{end}", plain(cut))
}

/// Text of a file name or a comment: control characters would move the terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A Markdown code span, also of text that holds backticks.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{}{blank}{fence}", shortened(text))
}
