//! `agentctl mcp add`, `remove` and `import`: the configuration is agentd's to change; a running daemon then reads it.

use std::ffi::OsString;

use proto::{ReloadReport, ReloadRequest, Request, Response};

use crate::{
    app::App,
    autostart, client,
    commands::{daemon, print},
    exit::Outcome,
    render::sanitize,
};

/// Exit code of `agentd mcp import` when some servers were taken and others not.
const PARTLY: u8 = 1;

pub(super) fn run(app: &App, verb: &str, args: Vec<OsString>) -> Outcome {
    let is_import = verb == "import";
    let reads_input = is_import && args.iter().any(|arg| arg == "-");
    let is_dry = is_import && args.iter().any(|arg| arg == "--dry-run");
    let words: Vec<OsString> = ["mcp".into(), "--from-client".into(), verb.into()].into_iter().chain(args).collect();
    let code = if reads_input { autostart::pass_input(&words)? } else { autostart::pass_through(&words)? };
    let is_changed = code == 0 || (is_import && code == PARTLY);
    if is_changed && !is_dry {
        reload(app)?;
    }
    Ok(code)
}

fn reload(app: &App) -> Outcome {
    let Some(mut client) = app.running()? else {
        return print("agentd does not run; its next start takes this\n");
    };
    match client.call(Request::Reload(ReloadRequest {}), client::QUICK)? {
        Response::Reload(report) => print(&sanitize::neutralise(&taken(&report))),
        _ => super::unexpected(),
    }
}

/// That the daemon runs with the change. Nothing when there was none: what was typed has been answered.
fn taken(report: &ReloadReport) -> String {
    if report.changed.is_empty() {
        return String::new();
    }
    format!("agentd runs with it now; {}", daemon::reloaded(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_that_the_daemon_has_taken_a_change_and_nothing_where_there_was_none() {
        let report = |changed: &[&str]| ReloadReport {
            changed: changed.iter().map(|&name| name.to_owned()).collect(),
            ..ReloadReport::default()
        };
        assert_eq!(taken(&report(&["mcp_servers.git"])), "agentd runs with it now; changed: mcp_servers.git\n");
        assert_eq!(taken(&report(&[])), "");
    }
}
