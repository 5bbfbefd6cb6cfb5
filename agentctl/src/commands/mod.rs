//! One file per command. Each gives the exit code of its natural end, or why it stopped.

use std::io::Write as _;

use crate::{
    app::App,
    cli::{Cli, Command, DaemonCommand},
    exit::Outcome,
    output::Out,
};

mod ask;
mod cache;
mod chat;
mod completions;
mod config;
mod daemon;
mod doctor;
mod logs;
mod man;
mod mcp;
mod memory;
mod models;
mod redact;
mod schema;
mod sessions;
mod status;

/// Runs the command.
///
/// # Errors
/// What the command says.
pub fn run(cli: Cli) -> Outcome {
    let global = cli.global;
    // These need neither a daemon nor a place for one.
    let command = match cli.command {
        Command::Schema => return schema::run(),
        Command::Completions { shell } => return completions::run(shell),
        Command::Man { command } => return man::run(command.as_deref()),
        Command::Config(command) => return config::run(command),
        Command::Redact(command) => return redact::run(command),
        Command::Doctor(flag) => return doctor::run(flag.json),
        other => other,
    };
    let app = App::new(&global)?;
    match command {
        Command::Ask(args) => ask::run(&app, &args),
        Command::Chat(args) => chat::run(&app, args.turn),
        Command::Daemon(DaemonCommand::Status(flag)) | Command::Status(flag) => status::run(&app, flag.json),
        Command::Daemon(command) => daemon::run(&app, &command),
        Command::Models(flag) => models::run(&app, flag.json),
        Command::Sessions(command) => sessions::run(&app, command),
        Command::Cache(command) => cache::run(&app, command),
        Command::Memory(command) => memory::run(&app, command),
        Command::Mcp(command) => mcp::run(&app, command),
        _ => Ok(0),
    }
}

/// Writes a whole text to standard output.
fn print(text: &str) -> Outcome {
    Out.write_all(text.as_bytes())?;
    Ok(0)
}

/// Names and values in two columns, a row a line.
fn table(rows: impl IntoIterator<Item = (String, String)>, indent: &str) -> String {
    let rows: Vec<(String, String)> = rows.into_iter().collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{indent}{name:<width$}  {}\n", value.trim())).collect()
}
