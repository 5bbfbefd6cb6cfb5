//! `agentctl mcp restart`: a server anew, and how it is then.

use proto::{ErrorKind, Failure, McpRestartRequest, McpServer, Request, Response};

use crate::{
    app::App,
    cli::View,
    exit::Outcome,
    render::{
        figures::{counted, elapsed},
        json, sanitize,
    },
};

pub(super) fn run(app: &App, server: String, view: &View) -> Outcome {
    let cwd = super::place(view.directory.as_deref())?;
    let Response::McpRestart(report) =
        app.call(Request::McpRestart(McpRestartRequest { cwd, server }), super::SERVER)?
    else {
        return super::unexpected();
    };
    let is_up = report.server.state == "ready";
    if view.json {
        json::print(&report)?;
        return Ok(u8::from(!is_up));
    }
    if !is_up {
        return Err(down(&report.server).into());
    }
    super::super::print(&sanitize::neutralise(&up(&report.server)))
}

fn up(server: &McpServer) -> String {
    let (start, tools) = (elapsed(server.start_ms), counted(server.tools.into(), "tool", "tools"));
    format!("{} is ready after {start}, {tools}\n", server.name)
}

fn down(server: &McpServer) -> Failure {
    let why = if server.error.is_empty() { String::new() } else { format!(": {}", server.error) };
    Failure::new(ErrorKind::Failure, format!("{} is {}{why}", server.name, server.state))
        .hint(format!("agentctl mcp logs {} shows what it wrote; agentctl mcp doctor looks for the cause", server.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_tells_how_the_server_is_then() {
        let server = McpServer { name: "git".into(), start_ms: 820, tools: 12, ..McpServer::default() };
        assert_eq!(up(&server), "git is ready after 820 ms, 12 tools\n");
        let failed = McpServer { state: "failed".into(), error: "exit code 1".into(), ..server };
        assert_eq!(down(&failed).message, "git is failed: exit code 1");
        assert!(down(&failed).hint.contains("agentctl mcp logs git"));
    }
}
