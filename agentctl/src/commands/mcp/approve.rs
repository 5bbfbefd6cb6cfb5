//! `agentctl mcp approve`: whether the servers of a project's own file may run.
//!
//! Refuses to guess: nobody to ask and no `--yes` is wrong usage, anything but a clear yes approves nothing. What is
//! approved is the hash that came with what was shown; the daemon refuses when the file has changed meanwhile.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
    path::Path,
};

use proto::{ErrorKind, Failure, McpApproveReport, McpApproveRequest, McpListRequest, McpProject, Request, Response};

use crate::{
    app::{self, App},
    approval::Approver,
    client,
    commands::print,
    exit::{Outcome, Stop, usage},
    render::sanitize,
    signals::Interrupts,
};

pub(super) fn run(app: &App, directory: Option<&Path>, yes: bool, revoke: bool) -> Outcome {
    let cwd = super::place(directory)?;
    let project = look(app, &cwd)?;
    if revoke {
        let project = send(app, cwd, String::new())?;
        return print(&sanitize::neutralise(&format!("{} is not approved\n", project.path)));
    }
    if project.approved {
        return print(&sanitize::neutralise(&format!("{}{} is approved already\n", faults(&project), project.path)));
    }
    if project.servers.is_empty() {
        let message = format!("{}{} names no server that could run", faults(&project), project.path);
        return Err(Failure::new(ErrorKind::Refused, message).hint("correct the file, then try again").into());
    }
    if yes {
        print(&sanitize::neutralise(&described(&project)))?;
    } else {
        confirm(&format!("{}Approve? [y]es, [n]o: ", described(&project)))?;
    }
    let project = send(app, cwd, project.sha256)?;
    print(&sanitize::neutralise(&format!("{} is approved until it changes\n", project.path)))
}

fn look(app: &App, cwd: &str) -> Result<McpProject, Stop> {
    match app.call(Request::McpList(McpListRequest { cwd: cwd.to_owned() }), client::QUICK)? {
        Response::McpList(report) => report.project.ok_or_else(|| {
            let hint = "agentctl mcp add NAME -- COMMAND adds a server for all projects";
            Failure::new(ErrorKind::NotFound, "this project has no .mcp.json").hint(hint).into()
        }),
        _ => Err(app::unexpected().into()),
    }
}

fn send(app: &App, cwd: String, sha256: String) -> Result<McpProject, Stop> {
    match app.call(Request::McpApprove(McpApproveRequest { cwd, sha256 }), client::QUICK)? {
        Response::McpApprove(McpApproveReport { project }) => Ok(project),
        _ => Err(app::unexpected().into()),
    }
}

fn confirm(question: &str) -> Result<(), Failure> {
    let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let Some(mut approver) = terminal.then(Approver::open).flatten() else {
        return Err(usage("an approval must be confirmed, and there is no terminal to ask on").hint("add --yes"));
    };
    let interrupts = Interrupts::install()?;
    if approver.confirm(question, &interrupts) {
        Ok(())
    } else if interrupts.seen() {
        Err(Failure::new(ErrorKind::Cancelled, "cancelled; nothing was approved"))
    } else {
        Err(Failure::new(ErrorKind::Refused, "nothing was approved"))
    }
}

/// What would run, in full: it runs as the user.
fn described(project: &McpProject) -> String {
    let mut text = format!("{} names these servers:\n", project.path);
    for server in &project.servers {
        let _ = writeln!(text, "  {}: {}", server.name, server.value);
    }
    text.push_str(&faults(project));
    text.push_str(
        "They run as you, with all your rights, whenever agentd works in this project. ${NAME} is a variable of\n\
         agentd's environment, put in when they run.\n",
    );
    text
}

fn faults(project: &McpProject) -> String {
    project.faults.iter().map(|fault| format!("{}: {fault}\n", project.path)).collect()
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;

    #[test]
    fn what_is_approved_is_shown_whole_with_the_faults_beside_it() {
        let command = format!("LD_PRELOAD=x.so npx {}", "a".repeat(2000));
        let project = McpProject {
            path: "/p/.mcp.json".into(),
            servers: vec![Fact { name: "fs".into(), value: command.clone() }],
            faults: vec!["mcp_servers.x: type sse".into()],
            ..McpProject::default()
        };
        let text = described(&project);
        assert!(
            text.contains(&format!("  fs: {command}\n/p/.mcp.json: mcp_servers.x: type sse\nThey run as you")),
            "{text}"
        );
    }
}
