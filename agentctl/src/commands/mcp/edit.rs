//! `agentctl mcp add`, `remove` and `import`: the configuration is agentd's to change; a running daemon then reads it.

use std::ffi::OsString;

use proto::{ReloadRequest, Request, Response};

use crate::{app::App, autostart, client, exit::Outcome};

pub(super) fn run(app: &App, verb: &str, args: Vec<OsString>) -> Outcome {
    let words: Vec<OsString> = ["mcp".into(), verb.into()].into_iter().chain(args).collect();
    let code = autostart::pass_through(&words)?;
    if code == 0
        && let Some(mut client) = app.running()?
    {
        match client.call(Request::Reload(ReloadRequest {}), client::QUICK)? {
            Response::Reload(_) => {}
            _ => return super::unexpected(),
        }
    }
    Ok(code)
}
