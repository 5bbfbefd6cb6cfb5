//! `agentctl mcp tools`: what the servers offer, by server.

use std::fmt::Write as _;

use proto::{McpTool, McpToolsReport, McpToolsRequest, Request, Response};

use crate::{
    app::App,
    cli::View,
    client,
    exit::Outcome,
    render::{figures::counted, json, sanitize},
};

/// Most characters of a description in the list; programs get it whole.
const DESCRIPTION_MAX: usize = 80;

pub(super) fn run(app: &App, server: String, view: &View) -> Outcome {
    let cwd = super::place(view.directory.as_deref())?;
    match app.call(Request::McpTools(McpToolsRequest { cwd, server }), client::QUICK)? {
        Response::McpTools(report) if view.json => json::print(&report).map(|()| 0),
        Response::McpTools(report) => super::super::print(&sanitize::neutralise(&text(&report))),
        _ => super::unexpected(),
    }
}

fn text(report: &McpToolsReport) -> String {
    if report.tools.is_empty() {
        let hint = "a server that starts lists its own in a moment; agentctl mcp list shows how the servers are";
        return format!("no tools are known yet: {hint}\n");
    }
    let mut servers: Vec<&str> = report.tools.iter().map(|tool| tool.server.as_str()).collect();
    servers.sort_unstable();
    servers.dedup();
    let mut text = String::new();
    for server in servers {
        let tools: Vec<&McpTool> = report.tools.iter().filter(|tool| tool.server == server).collect();
        let _ = writeln!(text, "{server}: {}", counted(tools.len() as u64, "tool", "tools"));
        let width = tools.iter().map(|tool| tool.tool.chars().count()).max().unwrap_or(0);
        for tool in tools {
            let description = sanitize::one_line(&tool.description, DESCRIPTION_MAX);
            let line = format!("  {:<width$}  {:<5}  {:<5}  {description}", tool.tool, effect(tool), tool.approval);
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

/// What a call does, as far as the server says.
fn effect(tool: &McpTool) -> &'static str {
    if tool.read_only { "reads" } else { "acts" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(server: &str, tool: &str, read_only: bool) -> McpTool {
        let approval = if read_only { "allow" } else { "ask" };
        McpTool {
            server: server.into(),
            tool: tool.into(),
            name: format!("mcp__{server}__{tool}"),
            description: "Does\nwhat it says".into(),
            read_only,
            approval: approval.into(),
            ..McpTool::default()
        }
    }

    #[test]
    fn tools_are_listed_by_server_with_what_they_do_and_whether_they_ask() {
        let tools = vec![tool("git", "git_log", true), tool("git", "git_add_all", false), tool("time", "now", true)];
        let expected = "\
git: 2 tools
  git_log      reads  allow  Does what it says
  git_add_all  acts   ask    Does what it says
time: 1 tool
  now  reads  allow  Does what it says
";
        assert_eq!(text(&McpToolsReport { tools }), expected);
        assert!(text(&McpToolsReport::default()).contains("agentctl mcp list"));
    }
}
