//! `agentctl daemon`: start, stop, restart, reload; logs are in [`super::logs`].
//!
//! Refuses to stop a daemon that is newer than this program, unless forced: an old shell must not replace a fresh
//! installation. A stop is over when the daemon's lock is free.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use proto::{
    ErrorKind, Failure, ReloadReport, ReloadRequest, Request, Response, StatusRequest, StopReport, StopRequest,
};

use super::logs;
use crate::{
    app::{self, App},
    autostart,
    cli::DaemonCommand,
    client::{self, Client},
    connect,
    exit::{Outcome, Stop},
    render::sanitize,
    version,
};

/// How long a stop may take: a drain of 10 s, 8 s for the MCP servers, and the end of the other children.
const STOP_DEADLINE: Duration = Duration::from_secs(25);
/// Between two looks at the lock.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn run(app: &App, command: &DaemonCommand) -> Outcome {
    match command {
        DaemonCommand::Start => start(app),
        DaemonCommand::Stop(flag) => stop(app, flag.force),
        DaemonCommand::Restart(flag) => restart(app, flag.force),
        DaemonCommand::Reload => reload(app),
        DaemonCommand::Logs(args) => logs::run(app, *args),
        DaemonCommand::Status(flag) => super::status::run(app, flag.json),
    }
}

fn start(app: &App) -> Outcome {
    if let Some(mut client) = app.running()? {
        let report = app::status(&mut client)?;
        if !report.draining {
            return super::print(&format!("agentd {} already runs, pid {}\n", report.version, report.pid));
        }
        wait_for_end(app)?;
    }
    launch(app)
}

fn launch(app: &App) -> Outcome {
    let report = app::status(&mut autostart::start(&app.endpoint)?)?;
    super::print(&format!("agentd {} is ready, pid {}\n", report.version, report.pid))
}

fn stop(app: &App, force: bool) -> Outcome {
    match app.running()? {
        Some(mut client) => {
            let report = send_stop(&mut client, false, force)?;
            if report.turns > 0 {
                let turns = if report.turns == 1 { "turn" } else { "turns" };
                app.note(&format!("waiting for {} running {turns}, 10 s at most unless configured", report.turns));
            }
            drop(client);
            wait_for_end(app)?;
            super::print(&format!("agentd, pid {}, has stopped\n", report.pid))
        }
        None if connect::lock_is_held(&app.endpoint) => {
            wait_for_end(app)?;
            super::print("agentd has stopped\n")
        }
        None => super::print("agentd does not run\n"),
    }
}

fn restart(app: &App, force: bool) -> Outcome {
    if let Some(mut client) = app.running()? {
        send_stop(&mut client, !force, force)?;
        drop(client);
        wait_for_end(app)?;
    }
    launch(app)
}

fn send_stop(client: &mut Client, if_idle: bool, force: bool) -> Result<StopReport, Stop> {
    let status = app::status(client)?;
    if !force && version::is_newer(&status.version) {
        let message = format!("agentd {} is newer than this agentctl {}", status.version, proto::VERSION);
        return Err(Failure::new(ErrorKind::Refused, message)
            .hint("use the agentctl that belongs to it, or --force")
            .into());
    }
    match client.call(Request::Stop(StopRequest { if_idle }), client::QUICK) {
        Ok(Response::Stop(report)) => Ok(report),
        Ok(_) => Err(app::unexpected().into()),
        // The daemon knows the wire, not our flags.
        Err(failure) if failure.kind == ErrorKind::Refused && if_idle => {
            Err(failure.hint("wait for the running turns, or --force").into())
        }
        // It was already on its way.
        Err(failure) if failure.kind == ErrorKind::Draining => Ok(StopReport { pid: status.pid, turns: status.turns }),
        Err(failure) => Err(failure.into()),
    }
}

fn wait_for_end(app: &App) -> Result<(), Failure> {
    let deadline = Instant::now() + STOP_DEADLINE;
    while connect::lock_is_held(&app.endpoint) {
        if Instant::now() >= deadline && !is_draining(app) {
            let message = format!("agentd still holds its lock after {} s", STOP_DEADLINE.as_secs());
            return Err(Failure::new(ErrorKind::Timeout, message)
                .hint("agentctl daemon logs tells what it waits for; its pid is in agentctl doctor"));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// True while turns are let run to their end: `server.drain_timeout` bounds that, and the daemon knows it.
fn is_draining(app: &App) -> bool {
    let status = |mut client: Client| match client.call(Request::Status(StatusRequest {}), client::QUICK) {
        Ok(Response::Status(report)) => report.draining && report.turns > 0,
        _ => false,
    };
    app.running().ok().flatten().is_some_and(status)
}

fn reload(app: &App) -> Outcome {
    let mut client = app.running()?.ok_or_else(app::absent)?;
    match client.call(Request::Reload(ReloadRequest {}), client::QUICK)? {
        Response::Reload(report) => super::print(&sanitize::neutralise(&reloaded(&report))),
        _ => Err(app::unexpected().into()),
    }
}

fn reloaded(report: &ReloadReport) -> String {
    if report.changed.is_empty() {
        return "the configuration was read; nothing has changed\n".to_owned();
    }
    let mut text = format!("changed: {}\n", report.changed.join(", "));
    if !report.restart_needed.is_empty() {
        let _ = writeln!(text, "only after agentctl daemon restart: {}", report.restart_needed.join(", "));
    }
    text
}
