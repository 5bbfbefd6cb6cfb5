//! `agentctl mcp add`, `remove` and `import`: the configuration is agentd's to change; a running daemon then reads it.

use std::ffi::OsString;

use proto::{ReloadRequest, Request, Response};

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
        Response::Reload(report) => print(&sanitize::neutralise(&format!("agentd: {}", daemon::reloaded(&report)))),
        _ => super::unexpected(),
    }
}
