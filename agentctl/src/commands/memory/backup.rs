//! `agentctl memory backup` and `restore`.
//!
//! A timer or cron writes backups with little in its environment: no key above all. A daemon started from there would
//! go on serving without one, so a daemon that was started for a backup is stopped again.

use std::path::Path;

use proto::{BackupReport, BackupRequest, Request, Response, RestoreReport, RestoreRequest, StopRequest};

use super::report;
use crate::{
    app::{self, App},
    client::{self, Client},
    commands::{print, table},
    exit::Outcome,
    render::{
        figures::{counted, size},
        json, sanitize,
    },
};

pub(super) fn write(app: &App, to: Option<&Path>, as_json: bool) -> Outcome {
    let request = Request::Backup(BackupRequest { directory: super::absolute(to)? });
    let running = app.running()?;
    let started_here = running.is_none();
    let mut client = running.map_or_else(|| app.open(), Ok)?;
    let answer = client.call(request, client::FILES);
    if started_here {
        stop_if_unused(&mut client);
    }
    match answer? {
        Response::Backup(report) if as_json => json::print(&report).map(|()| 0),
        Response::Backup(report) => print(&sanitize::neutralise(&written(&report))),
        _ => super::unexpected(),
    }
}

/// Ends the daemon unless somebody else has come meanwhile. What goes wrong here changes nothing about the backup.
fn stop_if_unused(client: &mut Client) {
    let alone = app::status(client).is_ok_and(|report| report.connections <= 1);
    if alone {
        let _ = client.call(Request::Stop(StopRequest { if_idle: true }), client::QUICK);
    }
}

pub(super) fn restore(app: &App, file: Option<&Path>, check_only: bool, as_json: bool) -> Outcome {
    let request = RestoreRequest { path: super::absolute(file)?, check_only };
    match app.call(Request::Restore(request), client::FILES)? {
        Response::Restore(report) if as_json => json::print(&report).map(|()| 0),
        Response::Restore(report) => print(&sanitize::neutralise(&restored(&report, check_only))),
        _ => super::unexpected(),
    }
}

fn written(report: &BackupReport) -> String {
    let records = counted(report.records, "record", "records");
    let mut text = format!("{}\n{records}, {}, SHA-256 {}\n", report.path, size(report.bytes), report.sha256);
    report.removed.iter().for_each(|old| text.push_str(&format!("removed {old}\n")));
    text
}

fn restored(report: &RestoreReport, check_only: bool) -> String {
    let what = if check_only { "is in order; nothing was changed" } else { "has been restored" };
    let rows = report.kinds.iter().map(|kind| (kind.name.clone(), report::line(kind)));
    let mut text = format!("{} {what}\n{}", report.path, table(rows, "  "));
    if !report.replaced.is_empty() {
        text.push_str(&format!("what was there before is in {}\n", report.replaced));
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::MemoryKind;

    use super::*;

    #[test]
    fn a_backup_is_said_with_its_path_first_and_what_made_room() {
        let mut report = BackupReport {
            path: "/b/f".into(),
            bytes: 9_000,
            records: 12,
            sha256: "00ff".into(),
            removed: vec!["/b/e".into()],
        };
        assert_eq!(written(&report), "/b/f\n12 records, 9.0 kB, SHA-256 00ff\nremoved /b/e\n");
        (report.records, report.removed) = (1, Vec::new());
        assert_eq!(written(&report), "/b/f\n1 record, 9.0 kB, SHA-256 00ff\n");
    }

    #[test]
    fn a_restore_says_what_is_in_it_and_where_the_old_content_is() {
        let kinds = vec![MemoryKind { name: "answers".into(), count: 3, bytes: 100, ..MemoryKind::default() }];
        let report = RestoreReport { path: "/b/f".into(), kinds, replaced: "/b/g".into() };
        assert_eq!(
            restored(&report, false),
            "/b/f has been restored\n  answers  3, 100 B\nwhat was there before is in /b/g\n"
        );
        let report = RestoreReport { replaced: String::new(), ..report };
        assert_eq!(restored(&report, true), "/b/f is in order; nothing was changed\n  answers  3, 100 B\n");
    }
}
