//! `agentctl mcp list`: the servers, one a line, and below them what is wrong and what to do about it.

use std::fmt::Write as _;

use proto::{McpListRequest, McpProject, McpReport, McpServer, Request, Response};

use super::{approve, program::Program};
use crate::{
    app::App,
    cli::View,
    client,
    exit::Outcome,
    render::{
        figures::{counted, span},
        json, sanitize,
    },
};

/// Most characters of a command line in the table; programs get it whole.
const COMMAND_MAX: usize = 72;
/// Head of the table.
const HEAD: [&str; 7] = ["NAME", "STATE", "TOOLS", "UP", "RESTARTS", "ERA", "COMMAND"];

pub(super) fn run(app: &App, view: &View) -> Outcome {
    let cwd = super::place(view.directory.as_deref())?;
    match app.call(Request::McpList(McpListRequest { cwd }), client::QUICK)? {
        Response::McpList(report) if view.json => json::print(&report).map(|()| 0),
        Response::McpList(report) => super::super::print(&sanitize::neutralise(&text(&report))),
        _ => super::unexpected(),
    }
}

fn text(report: &McpReport) -> String {
    let mut text = String::new();
    if !report.servers.is_empty() {
        text = table(&report.servers);
        for server in &report.servers {
            text.push_str(&trouble(server));
        }
    }
    if let Some(project) = report.project.as_ref().filter(|project| !project.approved || !project.faults.is_empty()) {
        text.push_str(&unapproved(project));
    }
    if text.is_empty() {
        return "no MCP servers are configured; the built-in tools need none\n\
                agentctl mcp add NAME -- COMMAND adds one, agentctl mcp import FILE takes over those of another program\n"
            .to_owned();
    }
    text
}

fn table(servers: &[McpServer]) -> String {
    let rows: Vec<[String; 7]> = std::iter::once(HEAD.map(str::to_owned)).chain(servers.iter().map(row)).collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len()).map(|at| width(at).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        })
        .collect()
}

fn row(server: &McpServer) -> [String; 7] {
    let up = if server.state == "ready" { span(server.uptime_ms / 1000) } else { "-".to_owned() };
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    [
        name(server),
        server.state.clone(),
        server.tools.to_string(),
        up,
        server.restarts.to_string(),
        dash(&server.era),
        sanitize::one_line(&server.command, COMMAND_MAX),
    ]
}

/// The name, and what is special about the server.
fn name(server: &McpServer) -> String {
    let marks: Vec<&str> = [("project", !server.project.is_empty()), (server.role.as_str(), !server.role.is_empty())]
        .into_iter()
        .filter_map(|(mark, holds)| holds.then_some(mark))
        .collect();
    if marks.is_empty() { server.name.clone() } else { format!("{} ({})", server.name, marks.join(", ")) }
}

/// What is wrong with a server, and the cure.
fn trouble(server: &McpServer) -> String {
    if server.state == "ready" || server.error.is_empty() {
        return String::new();
    }
    let mut text = format!("{}: {}", server.name, server.error.trim());
    if let Some(ms) = server.next_try_ms {
        let _ = write!(text, " (next try in {})", span(ms.div_ceil(1000)));
    }
    let name = &server.name;
    let cure = match Program::of(server).and_then(|program| program.missing(name)) {
        Some((missing, cure)) => format!("{missing}: {cure}"),
        None => format!("agentctl mcp logs {name} shows why; agentctl mcp restart {name} tries again at once"),
    };
    format!("{text}\n  cure: {cure}\n")
}

/// A project's file that is not used, or not wholly.
pub(super) fn unapproved(project: &McpProject) -> String {
    let mut text = String::new();
    if !project.approved {
        let servers = counted(project.servers.len() as u64, "server", "servers");
        let _ = writeln!(text, "{} names {servers} that you have not approved:", project.path);
        text.push_str(&approve::commands(project));
    }
    for fault in &project.faults {
        let _ = writeln!(text, "{}: {fault}", project.path);
    }
    let cure = if !project.faults.is_empty() {
        "correct the file; what has a fault is not used"
    } else {
        "agentctl mcp approve lets them run, in this project only, until the file changes"
    };
    let _ = writeln!(text, "  cure: {cure}");
    text
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;

    fn server(name: &str, state: &str) -> McpServer {
        McpServer { name: name.into(), state: state.into(), command: format!("serve {name}"), ..McpServer::default() }
    }

    #[test]
    fn servers_stand_in_a_table_with_their_troubles_and_cures_below() {
        let git = McpServer { tools: 12, uptime_ms: 65_000, era: "modern".into(), ..server("git", "ready") };
        let bad = McpServer {
            error: "exit code 1".into(),
            next_try_ms: Some(2_100),
            restarts: 10,
            role: "filesystem".into(),
            ..server("files", "failed")
        };
        let report = McpReport { servers: vec![bad, git], project: None };
        let expected = "\
NAME                STATE   TOOLS  UP     RESTARTS  ERA     COMMAND
files (filesystem)  failed  0      -      10        -       serve files
git                 ready   12     1 min  0         modern  serve git
files: exit code 1 (next try in 3 s)
  cure: agentctl mcp logs files shows why; agentctl mcp restart files tries again at once
";
        assert_eq!(text(&report), expected);
    }

    #[test]
    fn an_unapproved_file_is_shown_with_what_it_would_run() {
        let file = McpProject {
            path: "/p/.mcp.json".into(),
            servers: vec![Fact { name: "x".into(), value: "npx -y x".into() }],
            ..McpProject::default()
        };
        let shown = text(&McpReport { servers: Vec::new(), project: Some(file.clone()) });
        assert!(
            shown.starts_with("/p/.mcp.json names 1 server that you have not approved:\n  x: npx -y x\n"),
            "{shown}"
        );
        assert!(shown.ends_with("until the file changes\n"), "{shown}");
        let faulty = McpProject { faults: vec!["no JSON".into()], ..file.clone() };
        assert!(text(&McpReport { servers: Vec::new(), project: Some(faulty) }).contains("correct the file"));
        let approved =
            McpReport { servers: vec![server("x", "idle")], project: Some(McpProject { approved: true, ..file }) };
        assert!(!text(&approved).contains("cure"));
    }

    #[test]
    fn where_there_is_nothing_the_way_to_a_server_is_shown() {
        assert!(text(&McpReport::default()).contains("agentctl mcp add"));
    }

    #[test]
    fn a_long_command_does_not_break_the_table() {
        let long = McpServer { command: "x".repeat(500), project: "/p".into(), ..server("x", "idle") };
        let shown = text(&McpReport { servers: vec![long], project: None });
        assert!(shown.lines().all(|line| line.chars().count() < 160), "{shown}");
        assert!(shown.contains("x (project)  idle"), "{shown}");
    }
}
