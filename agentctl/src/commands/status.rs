//! `agentctl status`: how the daemon is. Never starts it.

use std::fmt::Write as _;

use proto::StatusReport;

use crate::{
    app::{self, App},
    exit::Outcome,
    render::{figures, json, sanitize},
};

pub(super) fn run(app: &App, as_json: bool) -> Outcome {
    let mut client = app.running()?.ok_or_else(app::absent)?;
    let report = app::status(&mut client)?;
    if as_json {
        json::print(&report)?;
        return Ok(0);
    }
    super::print(&sanitize::neutralise(&text(&report)))
}

fn text(report: &StatusReport) -> String {
    let state = if report.draining { "stopping" } else { "ready" };
    let mut rows = vec![
        ("pid".to_owned(), report.pid.to_string()),
        ("up".to_owned(), figures::span(report.uptime_s)),
        ("socket".to_owned(), report.socket.clone()),
        ("state".to_owned(), report.state_dir.clone()),
        ("connections".to_owned(), report.connections.to_string()),
        ("turns".to_owned(), report.turns.to_string()),
        ("protocol".to_owned(), report.protocol.clone()),
    ];
    rows.extend(report.facts.iter().map(|fact| (fact.name.replace('_', " "), fact.value.clone())));
    let mut text = format!("agentd {} is {state}\n{}", report.version, super::table(rows, "  "));
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;

    #[test]
    fn the_text_holds_facts_and_warnings() {
        let report = StatusReport {
            version: "0.1.0".into(),
            pid: 7,
            uptime_s: 3_700,
            facts: vec![Fact { name: "provider_kind".into(), value: "offline".into() }],
            warnings: vec!["sandbox is not available".into()],
            ..StatusReport::default()
        };
        let text = text(&report);
        assert!(text.starts_with("agentd 0.1.0 is ready\n"), "{text}");
        assert!(text.contains("provider kind  offline"), "{text}");
        assert!(text.contains("1 h 01 min"), "{text}");
        assert!(text.ends_with("warning: sandbox is not available\n"));
    }
}
