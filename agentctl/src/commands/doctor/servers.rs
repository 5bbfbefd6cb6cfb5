//! The MCP servers, in one row; `agentctl mcp doctor` looks closer.

use proto::{McpListRequest, McpServer, Request, Response, endpoint::Endpoint};

use super::Finding;
use crate::{client, connect, render::figures::counted};

/// How the servers of a running daemon are; nothing when none runs, or when it is too old to say.
pub(super) fn finding(endpoint: &Endpoint) -> Option<Finding> {
    let mut client = connect::probe(endpoint).ok().flatten()?;
    match client.call(Request::McpList(McpListRequest::default()), client::QUICK) {
        Ok(Response::McpList(report)) => Some(judge(&report.servers)),
        _ => None,
    }
}

fn judge(servers: &[McpServer]) -> Finding {
    if servers.is_empty() {
        return Finding::ok("mcp", "no servers are configured; the built-in tools need none");
    }
    let in_state = |state: &str| servers.iter().filter(|server| server.state == state).count();
    let message = format!("{} of {} ready", in_state("ready"), counted(servers.len() as u64, "server", "servers"));
    let down: Vec<&str> = servers
        .iter()
        .filter(|server| matches!(server.state.as_str(), "failed" | "restarting"))
        .map(|server| server.name.as_str())
        .collect();
    if down.is_empty() {
        return Finding::ok("mcp", message);
    }
    // A server that is down is no failure of this installation: the built-in tools serve.
    Finding::warn("mcp", format!("{message}; down: {}", down.join(", ")), "agentctl mcp doctor names cause and cure")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Level;

    #[test]
    fn a_server_that_is_down_is_named_and_one_that_sleeps_is_not() {
        let server =
            |name: &str, state: &str| McpServer { name: name.into(), state: state.into(), ..McpServer::default() };
        assert_eq!(judge(&[]).level, Level::Ok);
        let sleeps = judge(&[server("a", "ready"), server("b", "idle")]);
        assert_eq!((sleeps.level, sleeps.message.as_str()), (Level::Ok, "1 of 2 servers ready"));
        let down = judge(&[server("a", "failed"), server("b", "ready")]);
        assert_eq!(down.level, Level::Warn);
        assert!(down.message.ends_with("down: a") && down.cure.contains("mcp doctor"), "{down:?}");
    }
}
