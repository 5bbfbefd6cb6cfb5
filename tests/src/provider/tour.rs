//! `repo-tour`: a script that answers any question by really driving the product's tools.
//!
//! First it lists the project's root and searches for a word of the question, then it reads a file that the search
//! found, then it answers in Markdown with pieces of what the tools returned. It knows the tools only from the
//! request, as a model does.

use serde_json::{Map, Value, json};

use super::{
    chat::Chat,
    message::{ChatCall, ChatMessage, Role},
    scenario::Step,
};

/// Most lines of a tool result that the answer quotes.
const QUOTE_LINES: usize = 12;
/// Words that say nothing about the code.
const COMMON_WORDS: [&str; 24] = [
    "about",
    "after",
    "answer",
    "could",
    "describe",
    "does",
    "every",
    "explain",
    "file",
    "files",
    "from",
    "have",
    "module",
    "please",
    "project",
    "repository",
    "should",
    "tell",
    "that",
    "there",
    "this",
    "what",
    "where",
    "which",
];

/// The next step of the tour.
pub(super) fn step(chat: &Chat) -> Step {
    let asked = chat.messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
    let question = chat.messages.get(asked).map_or("", |message| message.text.as_str());
    let since = chat.messages.get(asked + 1..).unwrap_or_default();
    let word = search_word(question);
    let step = match since.iter().filter(|message| message.role == Role::Assistant).count() {
        0 => look_around(chat, &word),
        1 => read_one(chat, since),
        _ => None,
    };
    step.unwrap_or_else(|| answer(&word, since)).chunks(24, 15)
}

fn look_around(chat: &Chat, word: &str) -> Option<Step> {
    let thought = format!("I look at the project's root and search for `{word}`.");
    let mut step = Step::default().reasoning(thought);
    if offers(chat, "list_directory") {
        step = step.and_call("list_directory", json!({ "path": "." })).split(&[5]);
    }
    if let Some(tool) = chat.tools.iter().find(|tool| tool.name == "search_content") {
        let known = |name: &&str| tool.parameters.iter().any(|parameter| parameter == name);
        let name = ["pattern", "query", "regex"].into_iter().find(known).unwrap_or("pattern");
        let mut arguments = Map::from_iter([(name.to_owned(), json!(word))]);
        if known(&"path") {
            arguments.insert("path".to_owned(), json!("."));
        }
        step = step.and_call("search_content", Value::Object(arguments)).split(&[3, 7]);
    }
    (!step.tool_calls.is_empty()).then(|| step.interleaved())
}

fn read_one(chat: &Chat, since: &[ChatMessage]) -> Option<Step> {
    let found = result_of(since, "search_content").and_then(found_path);
    let path = found.or_else(|| result_of(since, "list_directory").and_then(listed_file))?;
    offers(chat, "read_text_file").then(|| {
        let step = Step::default().reasoning(format!("`{path}` looks right; I read it."));
        step.and_call("read_text_file", json!({ "path": path })).split(&[4])
    })
}

fn answer(word: &str, since: &[ChatMessage]) -> Step {
    let results: Vec<(&ChatCall, &str)> =
        calls(since).filter_map(|call| Some((call, result(since, &call.id)?))).collect();
    if results.is_empty() {
        return Step::text("I was offered no tool that I know, so I looked at nothing.");
    }
    let mut text = format!("## What the tools returned about `{word}`\n");
    for (call, result) in &results {
        let lines: Vec<&str> = result.lines().take(QUOTE_LINES).collect();
        let more = if result.lines().count() > QUOTE_LINES { "\n…" } else { "" };
        let fence = if lines.iter().any(|line| line.contains("```")) { "~~~~" } else { "```" };
        text += &format!("\n**{}** `{}`\n\n{fence}\n{}{more}\n{fence}\n", call.name, call.arguments, lines.join("\n"));
    }
    text += &format!("\nThis is a scripted answer after {} tool calls; no model was asked.\n", results.len());
    Step::text(text).reasoning("I have seen enough to answer.")
}

fn offers(chat: &Chat, name: &str) -> bool {
    chat.tools.iter().any(|tool| tool.name == name)
}

fn calls(since: &[ChatMessage]) -> impl Iterator<Item = &ChatCall> {
    since.iter().flat_map(|message| &message.calls)
}

fn result<'a>(since: &'a [ChatMessage], id: &str) -> Option<&'a str> {
    since.iter().find(|m| m.role == Role::Tool && m.call_id == id).map(|m| m.text.as_str())
}

fn result_of<'a>(since: &'a [ChatMessage], tool: &str) -> Option<&'a str> {
    calls(since).find(|call| call.name == tool).and_then(|call| result(since, &call.id))
}

/// The longest word of the question's last line that is not a common one; `main` when there is none.
fn search_word(question: &str) -> String {
    let line = question.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    let telling = words.filter(|word| word.len() > 3 && !COMMON_WORDS.contains(&word.to_lowercase().as_str()));
    // The first of the longest: later ones replace it only when they are longer.
    let longest = telling.fold("", |best, word| if word.len() > best.len() { word } else { best });
    if longest.is_empty() { "main".to_owned() } else { longest.to_owned() }
}

/// The first path in lines like `path:12:text`, or in lines that are a path.
fn found_path(result: &str) -> Option<String> {
    result.lines().find_map(|line| {
        let path = line.split(':').next().unwrap_or_default().trim();
        let name = path.rsplit('/').next().unwrap_or_default();
        let plain = !path.is_empty() && !path.contains(char::is_whitespace) && !path.starts_with(['[', '(']);
        (plain && name.contains('.') && !name.ends_with('.')).then(|| path.to_owned())
    })
}

/// A README, else the first file of a listing.
fn listed_file(result: &str) -> Option<String> {
    let files: Vec<&str> = result.lines().filter_map(|line| line.strip_prefix("[FILE] ")).collect();
    let readme = files.iter().find(|name| name.to_lowercase().starts_with("readme"));
    readme.or(files.first()).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_word_is_the_most_telling_one_of_the_last_line() {
        assert_eq!(search_word("Project: /tmp/x\n\nwhich module accepts connections?"), "connections");
        assert_eq!(search_word("what is this?"), "main");
        assert_eq!(search_word(""), "main");
    }

    #[test]
    fn a_path_is_found_in_search_results_and_not_in_prose() {
        assert_eq!(found_path("src/a.rs:3:fn a() {}\n").as_deref(), Some("src/a.rs"));
        assert_eq!(found_path("src/a.rs\n  3: fn a() {}\n").as_deref(), Some("src/a.rs"));
        assert_eq!(found_path("No matches found.\n"), None);
    }

    #[test]
    fn a_listing_yields_its_readme_first() {
        assert_eq!(listed_file("[DIR] src\n[FILE] a.txt\n[FILE] README.md").as_deref(), Some("README.md"));
        assert_eq!(listed_file("[DIR] src\n[FILE] a.txt").as_deref(), Some("a.txt"));
        assert_eq!(listed_file("[DIR] src"), None);
    }
}
