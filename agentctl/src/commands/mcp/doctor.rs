//! `agentctl mcp doctor`: what the servers need, how each is, and the cure of what is wrong.
//!
//! Starts no server and no daemon, and changes nothing. A server that has failed is exit code 1. Programs are looked up
//! on this shell's search path; the daemon has its own, so a server that is up is not judged by that.

use std::path::Path;

use proto::{McpListRequest, McpLogsRequest, McpProject, McpReport, McpServer, Request, Response};

use super::program::Program;
use crate::{
    app::App,
    autostart,
    cli::View,
    client::{self, Client},
    commands::doctor::finding::{Finding, tell},
    exit::{Outcome, Stop},
    render::{
        figures::{counted, elapsed, span},
        sanitize,
    },
};

/// The oldest Node.js that servers of today run on.
const NODE_MIN: [u32; 2] = [20, 0];
/// The oldest Python that servers of today run on.
const PYTHON_MIN: [u32; 2] = [3, 10];
/// Lines of a failed server's standard error that are shown.
const LINES: u32 = 5;
/// Roles, and what serves their tools when no server does.
const ROLES: [&str; 2] = ["filesystem", "command"];

pub(super) fn run(app: &App, view: &View) -> Outcome {
    let cwd = super::place(view.directory.as_deref())?;
    let mut findings = vec![
        runtime("Node.js", "node", NODE_MIN, "install Node.js 20 or newer if you want servers from npm"),
        runtime("Python", "python3", PYTHON_MIN, "install Python 3.10 or newer if you want servers from PyPI"),
    ];
    match app.running()? {
        Some(mut client) => findings.extend(servers(&mut client, &cwd)?),
        None => findings.push(Finding::warn(
            "daemon",
            "agentd does not run, so no server does",
            "agentctl daemon start, then agentctl mcp doctor again",
        )),
    }
    tell(&findings, view.json)
}

/// Node or Python: for servers only.
fn runtime(name: &'static str, program: &str, least: [u32; 2], cure: &str) -> Finding {
    let Some(path) = autostart::on_path(program) else {
        return Finding::ok(name, format!("{program} is not on PATH; the built-in tools do not need it"));
    };
    match autostart::capture_of(&path, &["--version".into()]) {
        Ok(said) => judge_version(name, &path, said.stdout.trim(), least, cure),
        Err(failure) => Finding::warn(name, failure.message, cure),
    }
}

fn judge_version(name: &'static str, path: &Path, said: &str, least: [u32; 2], cure: &str) -> Finding {
    let message = format!("{}, {}", sanitize::one_line(said, 40), path.display());
    match version(said) {
        Some(found) if found >= least => Finding::ok(name, message),
        Some(_) => Finding::warn(name, format!("{message}: too old for servers of today"), cure),
        None => Finding::warn(name, format!("{} does not tell its version", path.display()), cure),
    }
}

/// Major and minor of `v22.1.0` or `Python 3.11.2`.
fn version(said: &str) -> Option<[u32; 2]> {
    let digits = said.get(said.find(|c: char| c.is_ascii_digit())?..)?;
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??])
}

fn servers(client: &mut Client, cwd: &str) -> Result<Vec<Finding>, Stop> {
    let request = Request::McpList(McpListRequest { cwd: cwd.to_owned() });
    let Response::McpList(report) = client.call(request, client::QUICK)? else {
        return Err(crate::app::unexpected().into());
    };
    let mut findings = Vec::new();
    for server in &report.servers {
        findings.push(match server.state.as_str() {
            "failed" | "restarting" => troubled(server, &last_words(client, cwd, &server.name)),
            _ => state(server),
        });
        findings.extend(networked(server));
    }
    findings.extend(report.project.as_ref().and_then(project));
    findings.push(roles(&report));
    if report.servers.is_empty() {
        findings.push(Finding::ok("servers", "none is configured; the built-in tools serve"));
    }
    Ok(findings)
}

/// The end of its standard error; a server that has none, or a daemon that does not say, is no trouble of ours.
fn last_words(client: &mut Client, cwd: &str, server: &str) -> Vec<String> {
    let request = McpLogsRequest { cwd: cwd.to_owned(), server: server.to_owned(), lines: LINES };
    match client.call(Request::McpLogs(request), client::QUICK) {
        Ok(Response::McpLogs(report)) => report.lines,
        _ => Vec::new(),
    }
}

fn troubled(server: &McpServer, last_words: &[String]) -> Finding {
    let mut message = format!("{}: {}", server.state, server.error.trim());
    if let Some(ms) = server.next_try_ms {
        message.push_str(&format!("; next try in {}", span(ms.div_ceil(1000))));
    }
    for line in last_words {
        message.push_str(&format!("\n{:20}| {}", "", sanitize::one_line(line, sanitize::LINE_MAX)));
    }
    let name = &server.name;
    let cure = match missing(server) {
        Some((what, cure)) => format!("{what}: {cure}; then agentctl mcp restart {name}"),
        None => format!("mend what it says, then agentctl mcp restart {name}; agentctl mcp logs {name} has all of it"),
    };
    match server.state.as_str() {
        "failed" => Finding::fail(name.clone(), message, cure),
        _ => Finding::warn(name.clone(), message, cure),
    }
}

fn state(server: &McpServer) -> Finding {
    let name = server.name.clone();
    match server.state.as_str() {
        "ready" => Finding::ok(name, figures(server)),
        "idle" => Finding::ok(name, format!("idle: it starts when it is needed; {}", tools(server))),
        "disabled" => Finding::ok(name, "disabled in the configuration"),
        "unapproved" => Finding::warn(
            name,
            format!("not approved; it would run: {}", server.command),
            "agentctl mcp approve shows the file and asks",
        ),
        other => Finding::warn(name, format!("is {other}"), "look again in a moment"),
    }
}

fn tools(server: &McpServer) -> String {
    counted(server.tools.into(), "tool", "tools")
}

fn figures(server: &McpServer) -> String {
    let mut parts = vec![
        format!("ready for {}", span(server.uptime_ms / 1000)),
        format!("started in {}", elapsed(server.start_ms)),
        tools(server),
    ];
    if !server.era.is_empty() {
        parts.push(format!("{} protocol", server.era));
    }
    if server.restarts > 0 {
        parts.push(counted(server.restarts, "restart", "restarts"));
    }
    if !server.error.is_empty() {
        parts.push(format!("last error: {}", server.error.trim()));
    }
    parts.join(", ")
}

/// That the program of a server is not found here, and the cure.
fn missing(server: &McpServer) -> Option<(String, String)> {
    Program::of(server)?.missing(&server.name)
}

/// A program that asks the network at each start.
fn networked(server: &McpServer) -> Option<Finding> {
    if matches!(server.state.as_str(), "disabled" | "unapproved") || !Program::of(server)?.asks_the_registry() {
        return None;
    }
    Some(Finding::warn(
        server.name.clone(),
        "npx asks the registry at each start: slow, and impossible without a network",
        "put --prefer-offline before the package in its args, or install the package and name its program",
    ))
}

fn project(project: &McpProject) -> Option<Finding> {
    let name = ".mcp.json";
    if let Some(fault) = project.faults.first() {
        let others = project.faults.len() - 1;
        let more =
            if others > 0 { format!(" (and {})", counted(others as u64, "fault", "faults")) } else { String::new() };
        let message = format!("{}: {fault}{more}", project.path);
        return Some(Finding::warn(name, message, "correct the file; what has a fault is not used"));
    }
    if project.approved {
        return Some(Finding::ok(name, format!("{} is approved", project.path)));
    }
    let servers = counted(project.servers.len() as u64, "server", "servers");
    let message = format!("{} names {servers} that you have not approved", project.path);
    Some(Finding::warn(name, message, "agentctl mcp approve shows what they would run and asks"))
}

/// Who serves the plain tool names.
fn roles(report: &McpReport) -> Finding {
    let of = |role: &&str| {
        let holder = report.servers.iter().find(|server| server.role == **role && server.state != "unapproved");
        match holder {
            Some(server) if server.state == "ready" => format!("{role}: {}", server.name),
            Some(server) => format!("{role}: built-in, while {} is {}", server.name, server.state),
            None => format!("{role}: built-in"),
        }
    };
    Finding::ok("roles", ROLES.iter().map(of).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;
    use crate::commands::doctor::finding::Level;

    fn server(name: &str, state: &str, command: &str) -> McpServer {
        McpServer {
            name: name.into(),
            state: state.into(),
            command: command.into(),
            transport: "stdio".into(),
            ..McpServer::default()
        }
    }

    #[test]
    fn versions_are_read_and_compared_with_what_servers_need() {
        assert_eq!(version("v22.1.0"), Some([22, 1]));
        assert_eq!(version("Python 3.11.2"), Some([3, 11]));
        assert_eq!(version("no version"), None);
        let judged = |said: &str, least| judge_version("node", Path::new("/usr/bin/node"), said, least, "install it");
        assert_eq!(judged("v20.0.0", NODE_MIN).level, Level::Ok);
        assert_eq!(judged("v18.19.1", NODE_MIN).level, Level::Warn);
        assert_eq!(judged("Python 3.9.2", PYTHON_MIN).level, Level::Warn);
        assert_eq!(judged("", NODE_MIN).level, Level::Warn);
    }

    #[test]
    fn what_is_not_installed_is_no_trouble_as_long_as_nothing_needs_it() {
        assert_eq!(runtime("node", "no-such-program", NODE_MIN, "install it").level, Level::Ok);
    }

    #[test]
    fn a_failed_server_is_a_failure_with_the_end_of_what_it_wrote() {
        let failed = McpServer { error: "exit code 1".into(), ..server("git", "failed", "git-mcp") };
        let finding = troubled(&failed, &["Traceback".to_owned(), "boom\u{7}".to_owned()]);
        assert_eq!(finding.level, Level::Fail);
        assert!(
            finding.message.contains("exit code 1\n") && finding.message.ends_with("| boom\u{2407}"),
            "{finding:?}"
        );
        assert!(finding.cure.contains("agentctl mcp restart git"));
        let again = McpServer { next_try_ms: Some(1_500), ..server("git", "restarting", "git-mcp") };
        assert_eq!(troubled(&again, &[]).level, Level::Warn);
        assert!(troubled(&again, &[]).message.contains("next try in 2 s"));
    }

    #[test]
    fn a_program_that_is_missing_or_needs_the_network_is_told_once_with_its_cure() {
        let missing = troubled(&server("x", "failed", "no-such-program --flag"), &[]);
        assert!(missing.cure.starts_with("no-such-program was not found"), "{missing:?}");
        assert!(missing.cure.contains("mcp_servers.x.command") && missing.cure.ends_with("agentctl mcp restart x"));
        let asks = networked(&server("x", "ready", "npx -y @a/b")).unwrap();
        assert!(asks.cure.contains("--prefer-offline"), "{asks:?}");
        assert!(networked(&server("x", "ready", "/usr/bin/npx -y --prefer-offline @a/b")).is_none());
        assert!(networked(&server("x", "unapproved", "npx -y a")).is_none(), "it is not to run anyway");
    }

    #[test]
    fn the_holders_of_roles_are_named_and_who_stands_in() {
        let files = McpServer { role: "filesystem".into(), ..server("files", "restarting", "x") };
        let shell = McpServer { role: "command".into(), ..server("shell", "ready", "x") };
        let report = |servers| McpReport { servers, project: None };
        assert_eq!(
            roles(&report(vec![files, shell])).message,
            "filesystem: built-in, while files is restarting; command: shell"
        );
        assert_eq!(roles(&report(Vec::new())).message, "filesystem: built-in; command: built-in");
    }

    #[test]
    fn every_finding_that_is_not_ok_has_a_cure() {
        let file = McpProject {
            path: "/p/.mcp.json".into(),
            servers: vec![Fact { name: "x".into(), value: "y".into() }],
            ..McpProject::default()
        };
        let faulty = McpProject { faults: vec!["a".into(), "b".into()], ..file.clone() };
        let mut findings: Vec<Finding> = ["ready", "idle", "disabled", "unapproved", "starting", "stopping"]
            .map(|it| state(&server("x", it, "y")))
            .into();
        findings.extend([project(&file), project(&faulty)].into_iter().flatten());
        assert!(findings.iter().any(|finding| finding.level == Level::Warn));
        for finding in findings {
            assert!(finding.level == Level::Ok || !finding.cure.is_empty(), "{finding:?}");
        }
    }
}
