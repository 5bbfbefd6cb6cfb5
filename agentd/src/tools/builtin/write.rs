//! Writing whole files, creating directories, moving.

use std::path::Path;

use serde_json::json;

use super::{Call, Effect, Fault, FileTool, Outcome, ToolOutput, conflict, edit, read};
use crate::{sync::lock, tools::jail::JailError};

pub(super) fn tools() -> Vec<FileTool> {
    let path = json!({"path": {"type": "string"}});
    vec![
        FileTool::new(
            "write_file",
            "Create a file, or replace one that was read before.",
            Effect::Write,
            json!({"path": {"type": "string"}, "content": {"type": "string"}}),
            "path content",
            write,
        ),
        FileTool::new(
            "create_directory",
            "Create a directory and its missing parents.",
            Effect::Write,
            path,
            "path",
            create,
        ),
        FileTool::new(
            "move_file",
            "Move or rename a file or directory. Never overwrites.",
            Effect::Write,
            json!({"source": {"type": "string"}, "destination": {"type": "string"}}),
            "source destination",
            rename,
        ),
    ]
}

fn write(call: &Call) -> Outcome {
    let (path, content) = (call.arguments.text("path"), call.arguments.text("content"));
    call.check_cancel()?;
    let old = present(call, path)?;
    let new = call.view.replacement(content, old.as_deref().unwrap_or_default());
    let new = new.map_err(|why| conflict(path, &why))?;
    let written = call.jail().write(path, new.as_bytes(), |existing| match (existing, &old) {
        (Some(existing), Some(old)) => edit::unchanged(path, existing, old),
        (Some(existing), None) => call.check_seen(&existing.path).and_then(|()| Err(moved(path))),
        (None, Some(_)) => Err(moved(path)),
        (None, None) => Ok(()),
    })?;
    call.saw(&written);
    Ok(ToolOutput::ok(wrote(path)).files([written]))
}

pub(super) fn wrote(path: &str) -> String {
    format!("Successfully wrote to {path}")
}

/// What stands in the file now: it may hold values that the model knows by their markers only. `None` when there is
/// no file; what else is wrong with the path, the write itself says.
pub(super) fn present(call: &Call, path: &str) -> Result<Option<String>, Fault> {
    match call.jail().open_file(path) {
        Ok(mut opened) => {
            call.check_seen(&opened.path)?;
            read::whole(call, path, &mut opened).map(Some)
        }
        Err(JailError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn moved(path: &str) -> Fault {
    Fault::Text(format!("{path} was made, moved or removed during the write; nothing was written"))
}

fn create(call: &Call) -> Outcome {
    let path = call.arguments.text("path");
    call.jail().create_dir_all(path)?;
    Ok(ToolOutput::ok(created(path)))
}

pub(super) fn created(path: &str) -> String {
    format!("Successfully created directory {path}")
}

fn rename(call: &Call) -> Outcome {
    let (source, destination) = (call.arguments.text("source"), call.arguments.text("destination"));
    let (from, to) = call.jail().rename(source, destination)?;
    known_as(call, &from, &to);
    Ok(ToolOutput::ok(moved_to(source, destination)).files([to]))
}

pub(super) fn moved_to(source: &str, destination: &str) -> String {
    format!("Successfully moved {source} to {destination}")
}

/// What was read is known under its new name, also below a moved directory.
pub(super) fn known_as(call: &Call, from: &Path, to: &Path) {
    let mut seen = lock(&call.seen);
    let moved: Vec<_> = seen
        .iter()
        .filter_map(|path| path.strip_prefix(from).ok().map(|rest| (path.clone(), rest.to_path_buf())))
        .collect();
    for (old, rest) in moved {
        seen.remove(&old);
        seen.insert(if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) });
    }
}
