//! Listing one directory, and a tree as JSON.

use std::{collections::BinaryHeap, ffi::OsStr};

use serde_json::{Value, json};

use super::{Call, Effect, FileTool, Outcome, Rests, ToolOutput, walk};
use crate::tools::{jail::shown, observed::record::Before};

/// The name of the tool that lists one directory.
pub(in crate::tools) const LIST: &str = "list_directory";

/// Entries shown of one directory; all are counted.
const MAX_LISTED: usize = 1_000;

/// Entries shown of a tree.
const MAX_TREE: usize = 2_000;

/// Entries between two looks at the cancellation.
const CANCEL_EVERY: usize = 1_024;

pub(super) fn tools() -> Vec<FileTool> {
    let path = json!({"path": {"type": "string"}});
    vec![
        FileTool::new(
            LIST,
            "List a directory: [DIR] and [FILE] lines, sorted. `.` is the project root.",
            Effect::Read,
            path.clone(),
            "path",
            list,
        ),
        FileTool::new(
            "directory_tree",
            "The tree below a directory as JSON, without ignored files.",
            Effect::Read,
            path,
            "path",
            tree,
        ),
    ]
}

fn list(call: &Call) -> Outcome {
    let path = call.arguments.text("path");
    let (directory, _) = call.jail().open_dir(path)?;
    let before = Before::reading(call.jail(), path, &directory);
    let mut listing = Listing::default();
    for entry in directory.entries()? {
        if listing.total.is_multiple_of(CANCEL_EVERY) {
            call.check_cancel()?;
        }
        let entry = entry?;
        listing.add(&entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
    }
    let text = listing.text(call);
    let rests = Rests::of_read(before.and_then(|before| before.listed(&directory, &text)));
    Ok(ToolOutput::ok(text).rests(rests))
}

/// What is in a directory.
#[derive(Default)]
pub(super) struct Listing {
    /// The smallest names so far, the largest of them on top: memory is bounded whatever the directory holds.
    kept: BinaryHeap<(String, bool)>,
    total: usize,
}

impl Listing {
    pub(super) fn add(&mut self, name: &OsStr, directory: bool) {
        self.total += 1;
        self.kept.push((shown(name), directory));
        if self.kept.len() > MAX_LISTED {
            self.kept.pop();
        }
    }

    /// For the model, sorted.
    pub(super) fn text(self, call: &Call) -> String {
        let mut lines: Vec<String> = Vec::with_capacity(self.kept.len() + 1);
        for (name, directory) in self.kept.into_sorted_vec() {
            lines.push(format!("{} {name}", if directory { "[DIR]" } else { "[FILE]" }));
        }
        if self.total > lines.len() {
            lines.push(format!(
                "[... {} more entries, {} in all: use search_files with a pattern ...]",
                self.total - lines.len(),
                self.total
            ));
        }
        call.cut(&lines.join("\n"), "use search_files with a pattern")
    }
}

/// A line of the tree, before it is nested.
struct Line {
    name: String,
    directory: bool,
    depth: usize,
}

fn tree(call: &Call) -> Outcome {
    let (mut lines, mut total) = (Vec::new(), 0usize);
    let left = walk::walk(&call.project, &call.stop, call.arguments.text("path"), |entry| {
        total += 1;
        if lines.len() < MAX_TREE {
            let name = shown(entry.below.file_name().unwrap_or_default());
            lines.push(Line { name, directory: entry.directory, depth: entry.depth });
        }
        Ok(true)
    })?;
    let at_least = if left.truncated { "at least " } else { "" };
    let mut count = lines.len();
    loop {
        let mut roots = nest(lines.get(..count).unwrap_or_default());
        if total > count {
            let name = format!("... {at_least}{} more entries, not shown: list a directory below", total - count);
            roots.push(json!({"name": name, "type": "more"}));
        }
        let text = serde_json::to_string_pretty(&Value::Array(roots)).unwrap_or_default();
        // Fewer entries rather than a cut in the middle: the answer stays JSON.
        if text.len() <= call.limits.result_cap || count == 0 {
            return Ok(ToolOutput::ok(text).rests(left.rests(None)));
        }
        count /= 2;
    }
}

/// Nests lines that come parents first.
fn nest(lines: &[Line]) -> Vec<Value> {
    // One list of children for each open directory; the first is the result.
    let mut open: Vec<(Value, Vec<Value>)> = vec![(Value::Null, Vec::new())];
    for line in lines {
        close(&mut open, line.depth);
        let node = json!({"name": line.name, "type": if line.directory { "directory" } else { "file" }});
        if line.directory {
            open.push((node, Vec::new()));
        } else if let Some((_, children)) = open.last_mut() {
            children.push(node);
        }
    }
    close(&mut open, 1);
    open.pop().map(|(_, children)| children).unwrap_or_default()
}

/// Closes directories until `depth` lists are open.
fn close(open: &mut Vec<(Value, Vec<Value>)>, depth: usize) {
    while open.len() > depth.max(1) {
        let Some((mut node, children)) = open.pop() else { return };
        if let Some(map) = node.as_object_mut() {
            map.insert("children".to_owned(), Value::Array(children));
        }
        if let Some((_, siblings)) = open.last_mut() {
            siblings.push(node);
        }
    }
}
