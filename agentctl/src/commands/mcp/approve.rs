//! `agentctl mcp approve`: whether the servers of a project's own file may run.

use std::path::Path;

use proto::{ErrorKind, Failure, McpApproveRequest, McpListRequest, Request, Response};

use crate::{app::App, client, exit::Outcome, render::sanitize};

pub(super) fn run(app: &App, directory: Option<&Path>, yes: bool, revoke: bool) -> Outcome {
    let cwd = super::place(directory)?;
    let mut client = app.open()?;
    let Response::McpList(report) =
        client.call(Request::McpList(McpListRequest { cwd: cwd.clone() }), client::QUICK)?
    else {
        return super::unexpected();
    };
    let Some(project) = report.project else {
        return Err(Failure::new(ErrorKind::NotFound, "this project has no .mcp.json").into());
    };
    let sha256 = if revoke { String::new() } else { project.sha256.clone() };
    if !yes && !revoke {
        super::super::print(&sanitize::neutralise(&super::list::unapproved(&project)))?;
        return Err(Failure::new(ErrorKind::Refused, "nothing was approved").hint("agentctl mcp approve --yes").into());
    }
    match client.call(Request::McpApprove(McpApproveRequest { cwd, sha256 }), client::QUICK)? {
        Response::McpApprove(report) => {
            let state = if report.project.approved { "approved" } else { "not approved" };
            super::super::print(&sanitize::neutralise(&format!("{} is {state}\n", report.project.path)))
        }
        _ => super::unexpected(),
    }
}
