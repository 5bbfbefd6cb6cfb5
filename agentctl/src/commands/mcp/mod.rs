//! `agentctl mcp`: the MCP servers that the daemon runs for everybody.

use std::{path::Path, time::Duration};

use proto::Failure;

use crate::{
    app::{self, App},
    autostart,
    cli::McpCommand,
    exit::{Outcome, Stop},
    input,
};

mod approve;
mod call;
mod doctor;
mod edit;
mod list;
mod logs;
mod program;
mod restart;
mod tools;

/// For requests that may wait for a server: its start, which the daemon ends after 120 s unless configured otherwise,
/// and a call, which it ends after 600 s whatever the server reports.
const SERVER: Duration = Duration::from_secs(750);

pub(super) fn run(app: &App, command: McpCommand) -> Outcome {
    match command {
        McpCommand::List { view } => list::run(app, &view),
        McpCommand::Tools { server, view } => tools::run(app, server.unwrap_or_default(), &view),
        McpCommand::Call { server, tool, arguments, timeout, view } => {
            let arguments = call::arguments(arguments.as_deref(), app.screen.quiet)?;
            let timeout_ms = timeout.map_or(0, |seconds| u64::from(seconds) * 1000);
            let cwd = place(view.directory.as_deref())?;
            call::run(app, proto::McpCallRequest { cwd, server, tool, arguments, timeout_ms }, view.json)
        }
        McpCommand::Restart { server, view } => restart::run(app, server, &view),
        McpCommand::Logs { server, lines, follow, directory } => {
            let cwd = place(directory.as_deref())?;
            logs::run(app, &proto::McpLogsRequest { cwd, server, lines }, follow)
        }
        McpCommand::Doctor { view } => doctor::run(app, &view),
        McpCommand::Add(passed) => edit::run(app, "add", passed.args),
        McpCommand::Remove(passed) => edit::run(app, "remove", passed.args),
        McpCommand::Import(passed) => edit::run(app, "import", passed.args),
        McpCommand::Approve { yes, revoke, directory } => approve::run(app, directory.as_deref(), yes, revoke),
        McpCommand::Probe { url } => match autostart::replace(&["mcp-probe".into(), url.into()])? {},
    }
}

/// The directory whose project's servers are meant.
fn place(directory: Option<&Path>) -> Result<String, Failure> {
    input::directory(directory)
}

fn unexpected() -> Outcome {
    Err(Stop::from(app::unexpected()))
}
