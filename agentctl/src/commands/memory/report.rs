//! `agentctl memory status`: what is kept, how much of it, since when.

use proto::{MemoryKind, MemoryReport, MemoryStatusRequest, Request, Response};

use crate::{
    app::App,
    client,
    commands::{print, table},
    exit::Outcome,
    render::{
        figures::{grouped, size, span},
        json, sanitize,
    },
};

pub(super) fn run(app: &App, as_json: bool) -> Outcome {
    match app.call(Request::MemoryStatus(MemoryStatusRequest {}), client::QUICK)? {
        Response::MemoryStatus(report) if as_json => json::print(&report).map(|()| 0),
        Response::MemoryStatus(report) => print(&sanitize::neutralise(&text(&report))),
        _ => super::unexpected(),
    }
}

fn text(report: &MemoryReport) -> String {
    let mut rows: Vec<(String, String)> = report.kinds.iter().map(|kind| (kind.name.clone(), line(kind))).collect();
    let health = report.health.replace('_', " ");
    rows.push(("store".to_owned(), format!("{health}, {} on disk", size(report.disk_bytes))));
    let backup = match report.last_backup_s {
        Some(age) => format!("{} ago, {}", span(age), report.last_backup),
        None => "none; agentctl memory backup writes one".to_owned(),
    };
    rows.push(("last backup".to_owned(), backup));
    rows.extend(report.facts.iter().map(|fact| (fact.name.replace('_', " "), fact.value.clone())));
    table(rows, "")
}

/// How many of one kind, and from when.
pub(super) fn line(kind: &MemoryKind) -> String {
    let cap = if kind.cap > 0 { format!(" of at most {}", grouped(kind.cap)) } else { String::new() };
    let mut text = format!("{}{cap}", grouped(kind.count));
    if kind.count > 0 {
        text.push_str(&format!(", {}", size(kind.bytes)));
    }
    match (kind.oldest_s, kind.newest_s) {
        (Some(oldest), Some(newest)) if kind.count > 1 => {
            text.push_str(&format!(", from {} to {} ago", span(oldest), span(newest)));
        }
        (Some(age), _) | (_, Some(age)) => text.push_str(&format!(", {} ago", span(age))),
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;

    fn kind(name: &str, count: u64, cap: u64, oldest_s: Option<u64>) -> MemoryKind {
        MemoryKind { name: name.into(), count, cap, bytes: 4_096, oldest_s, newest_s: oldest_s.map(|age| age.min(60)) }
    }

    #[test]
    fn counts_caps_ages_size_and_the_last_backup_are_shown() {
        let mut report = MemoryReport {
            kinds: vec![
                kind("answers", 1_203, 5_000, Some(86_400)),
                kind("conversations", 1, 20, Some(60)),
                kind("preferences", 0, 0, None),
            ],
            disk_bytes: 524_288,
            health: "ram_only".into(),
            last_backup: "/b/f".into(),
            last_backup_s: Some(3_600),
            facts: vec![Fact { name: "set_aside".into(), value: "/s/memory.corrupt-1".into() }],
        };
        let expected = "\
answers        1,203 of at most 5,000, 4.0 kB, from 1 d 0 h to 1 min ago
conversations  1 of at most 20, 4.0 kB, 1 min ago
preferences    0
store          ram only, 524.2 kB on disk
last backup    1 h 00 min ago, /b/f
set aside      /s/memory.corrupt-1
";
        assert_eq!(text(&report), expected);
        report.last_backup_s = None;
        assert!(text(&report).contains("last backup    none; agentctl memory backup writes one\n"));
    }
}
