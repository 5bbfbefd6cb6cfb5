//! Writing whole files, creating directories, moving.

use serde_json::json;

use super::{Call, Effect, Fault, FileTool, Outcome, ToolOutput};
use crate::sync::lock;

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
    let written = call.jail().write(path, content.as_bytes(), |existing| match existing {
        Some(existing) => call.check_seen(&existing.path),
        None => Ok::<(), Fault>(()),
    })?;
    call.saw(&written);
    Ok(ToolOutput::ok(format!("Successfully wrote to {path}")).files([written]))
}

fn create(call: &Call) -> Outcome {
    let path = call.arguments.text("path");
    call.jail().create_dir_all(path)?;
    Ok(ToolOutput::ok(format!("Successfully created directory {path}")))
}

fn rename(call: &Call) -> Outcome {
    let (source, destination) = (call.arguments.text("source"), call.arguments.text("destination"));
    let (from, to) = call.jail().rename(source, destination)?;
    let mut seen = lock(&call.seen);
    // What was read is known under its new name, also below a moved directory.
    let moved: Vec<_> = seen
        .iter()
        .filter_map(|path| path.strip_prefix(&from).ok().map(|rest| (path.clone(), rest.to_path_buf())))
        .collect();
    for (old, rest) in moved {
        seen.remove(&old);
        seen.insert(if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) });
    }
    drop(seen);
    Ok(ToolOutput::ok(format!("Successfully moved {source} to {destination}")).files([to]))
}
