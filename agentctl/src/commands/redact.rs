//! `agentctl redact`: the daemon's own `agentd redact`, in this process's place.
//!
//! The rules are the daemon's; only its program has them. No running daemon is needed, and a text of any length may
//! pass through.

use std::ffi::OsString;

use crate::{autostart, cli::RedactCommand, exit::Outcome};

pub(super) fn run(command: RedactCommand) -> Outcome {
    let mut args: Vec<OsString> = vec!["redact".into()];
    let mut json = false;
    let mut files = Vec::new();
    match command {
        RedactCommand::Check { files: given, json: wanted } => {
            args.push("check".into());
            (files, json) = (given, wanted);
        }
        RedactCommand::Text { file } => {
            args.push("text".into());
            files.push(file);
        }
        RedactCommand::Rules { json: wanted } => {
            args.push("rules".into());
            json = wanted;
        }
    }
    if json {
        args.push("--json".into());
    }
    if !files.is_empty() {
        args.push("--".into());
        args.extend(files.into_iter().map(Into::into));
    }
    match autostart::replace(&args)? {}
}
