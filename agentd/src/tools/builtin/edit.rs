//! Replacing exact text in a file, shown as a unified diff.

use std::time::Duration;

use serde_json::{Value, json};
use similar::TextDiff;

use super::{Call, Effect, Fault, FileTool, Outcome, ToolOutput, read};
use crate::{redact::ModelView, tools::jail::Opened};

/// Time for the shortest diff; after it a longer one is given. The edit itself does not depend on it.
const DIFF_TIME: Duration = Duration::from_millis(500);

/// Characters of a text that an error quotes.
const QUOTED: usize = 80;

pub(super) fn tools() -> Vec<FileTool> {
    let text = json!({"type": "string"});
    vec![FileTool::new(
        "edit_file",
        "Replace text in a file that was read before. Each oldText must occur exactly once. Answers with the diff; dryRun only shows it.",
        Effect::Write,
        json!({
            "path": text,
            "edits": {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "properties": {"oldText": text, "newText": text},
                "required": ["oldText", "newText"],
            }},
            "dryRun": {"type": "boolean"},
        }),
        "path edits",
        edit,
    )]
}

fn edit(call: &Call) -> Outcome {
    let path = call.arguments.text("path");
    let mut opened = call.jail().open_file(path)?;
    call.check_seen(&opened.path)?;
    let old = read::whole(call, path, &mut opened)?;
    let new = apply(path, &old, call.arguments.list("edits"), &call.view)?;
    let diff = shown(call, path, &old, &new);
    if call.arguments.flag("dryRun") {
        return Ok(ToolOutput::ok(diff).files([opened.path]));
    }
    call.check_cancel()?;
    let written = call.jail().write(path, new.as_bytes(), |existing| match existing {
        Some(existing) if existing.path == opened.path => unchanged(path, existing, &old),
        _ => Err(Fault::Text(format!("{path} was moved or removed during the edit; nothing was written"))),
    })?;
    Ok(ToolOutput::ok(diff).files([written]))
}

/// The diff for the model.
pub(super) fn shown(call: &Call, path: &str, old: &str, new: &str) -> String {
    // Both sides as the model sees them: a hunk of a key's body would not be recognised as one.
    let (before, after) = (call.view.uncounted(old), call.view.uncounted(new));
    call.cut(&fenced(&diff(path, before.as_str(), after.as_str())), "the edit is complete")
}

/// The change was made on what was read: a file that somebody saved in between is not overwritten.
pub(super) fn unchanged(path: &str, existing: &Opened, old: &str) -> Result<(), Fault> {
    let mut bytes = vec![0; old.len() + 1];
    let mut filled = 0;
    while let Some(space) = bytes.get_mut(filled..).filter(|space| !space.is_empty()) {
        match std::io::Read::read(&mut &existing.file, space)? {
            0 => break,
            length => filled += length,
        }
    }
    if bytes.get(..filled) == Some(old.as_bytes()) {
        return Ok(());
    }
    Err(Fault::Text(format!("{path} was changed by somebody else during the edit; nothing was written, read it again")))
}

/// Applies the edits in order, all or none. Markers in them stand for the values that the file holds.
pub(super) fn apply(path: &str, old: &str, edits: &[Value], view: &ModelView) -> Result<String, Fault> {
    let mut text = old.to_owned();
    for (index, edit) in edits.iter().enumerate() {
        let part = |name| edit.get(name).and_then(Value::as_str).unwrap_or_default();
        let fault = |what: &str| {
            let quoted = super::cut::line(part("oldText"), QUOTED);
            Err(Fault::Text(format!("{path}: edit {}: {what}: \"{quoted}\"; nothing was written", index + 1)))
        };
        let restored = |name| view.restore(part(name), old).map_err(|conflict| super::conflict(path, &conflict));
        let (mut from, mut to) = (restored("oldText")?, restored("newText")?);
        if from.is_empty() {
            return fault("oldText is empty");
        }
        if from == to {
            return fault("oldText and newText are equal");
        }
        if !text.contains(&from) && text.contains("\r\n") {
            // Models write plain line ends; the file keeps its own.
            (from, to) = (dos(&from), dos(&to));
        }
        let Some(at) = text.find(&from) else { return fault("oldText was not found") };
        let next = at + from.chars().next().map_or(1, char::len_utf8);
        if text.get(next..).is_some_and(|rest| rest.contains(&from)) {
            return fault("oldText occurs more than once, add lines around it");
        }
        text.replace_range(at..at + from.len(), &to);
    }
    view.check_markers(old, &text).map_err(|conflict| super::conflict(path, &conflict))?;
    if text == old {
        return Err(Fault::Text(format!("{path}: the edits cancel each other out; nothing was written")));
    }
    Ok(text)
}

fn dos(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn diff(path: &str, old: &str, new: &str) -> String {
    let diff = TextDiff::configure().timeout(DIFF_TIME).diff_lines(old, new);
    diff.unified_diff().header(path, path).to_string()
}

/// A fence longer than any run of backticks inside.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(3.max(longest + 1));
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}diff\n{text}{end}{fence}")
}
