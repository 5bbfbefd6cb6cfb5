//! `agentctl memory`: what outlives a session.

use std::path::Path;

use proto::Failure;

use crate::{
    app::{self, App},
    cli::MemoryCommand,
    exit::{Outcome, Stop, usage},
};

mod backup;
mod export;
mod forget;
mod prefs;
mod report;

pub(super) fn run(app: &App, command: MemoryCommand) -> Outcome {
    match command {
        MemoryCommand::Status { json } => report::run(app, json),
        MemoryCommand::Prefs(command) => prefs::run(app, command),
        MemoryCommand::Backup { to, json } => backup::write(app, to.as_deref(), json),
        MemoryCommand::Restore { file, check, json } => backup::restore(app, file.as_deref(), check, json),
        MemoryCommand::Export { json, all, directory } => export::run(app, all, directory.as_deref(), json),
        MemoryCommand::Forget { extent, directory, yes, json } => {
            forget::run(app, extent, directory.as_deref(), yes, json)
        }
    }
}

fn unexpected() -> Outcome {
    Err(Stop::from(app::unexpected()))
}

/// A path as the daemon, whose working directory is another one, understands it.
fn absolute(path: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = path else { return Ok(String::new()) };
    let whole = std::path::absolute(path).map_err(|e| usage(format!("cannot use {}: {e}", path.display())))?;
    whole.into_os_string().into_string().map_err(|path| usage(format!("the path is not UTF-8: {}", path.display())))
}
