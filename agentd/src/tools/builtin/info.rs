//! What is known of a file or directory without opening it.

use std::time::SystemTime;

use cap_std::fs::PermissionsExt as _;
use serde_json::json;

use super::{Call, Effect, FileTool, Outcome, Rests, ToolOutput};

/// The tool's name.
pub(in crate::tools) const INFO: &str = "get_file_info";

pub(super) fn tools() -> Vec<FileTool> {
    vec![FileTool::new(
        INFO,
        "Size, times, type and permissions of a file or directory.",
        Effect::Read,
        json!({"path": {"type": "string"}}),
        "path",
        info,
    )]
}

fn info(call: &Call) -> Outcome {
    let metadata = call.jail().metadata(call.arguments.text("path"))?;
    let time = |time: std::io::Result<cap_std::time::SystemTime>| {
        time.map_or_else(|_| "unknown".to_owned(), |time| stamp(time.into_std()))
    };
    let lines = [
        format!("size: {}", metadata.len()),
        format!("created: {}", time(metadata.created())),
        format!("modified: {}", time(metadata.modified())),
        format!("accessed: {}", time(metadata.accessed())),
        format!("isDirectory: {}", metadata.is_dir()),
        format!("isFile: {}", metadata.is_file()),
        format!("permissions: {:o}", metadata.permissions().mode() & 0o777),
    ];
    Ok(ToolOutput::ok(lines.join("\n")).rests(Rests::Again { sweep: None }))
}

/// ISO 8601 in UTC.
pub(super) fn stamp(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "unknown".to_owned(), |time| format!("{time:.3}"))
}
