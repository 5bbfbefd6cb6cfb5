//! `agentctl sessions`: what the daemon remembers of a project, in its memory only.

use std::fmt::Write as _;

use proto::{
    Request, Response, SessionDetail, SessionsClearRequest, SessionsListRequest, SessionsReport, SessionsShowRequest,
};

use crate::{
    app::{self, App},
    cli::SessionsCommand,
    client,
    exit::{Outcome, Stop},
    input,
    render::{figures::span, json, sanitize},
};

/// Most characters of a question or path in a list.
const CELL_MAX: usize = 72;

pub(super) fn run(app: &App, command: SessionsCommand) -> Outcome {
    match command {
        SessionsCommand::List { all, directory, json: as_json } => {
            let cwd = if all { String::new() } else { input::directory(directory.as_deref())? };
            match app.call(Request::SessionsList(SessionsListRequest { cwd }), client::QUICK)? {
                Response::SessionsList(report) if as_json => json::print(&report).map(|()| 0),
                Response::SessionsList(report) => super::print(&sanitize::neutralise(&list(&report, all))),
                _ => unexpected(),
            }
        }
        SessionsCommand::Show { name, directory, json: as_json } => {
            let cwd = input::directory(directory.as_deref())?;
            match app.call(Request::SessionsShow(SessionsShowRequest { cwd, name }), client::QUICK)? {
                Response::SessionsShow(detail) if as_json => json::print(&detail).map(|()| 0),
                Response::SessionsShow(detail) => super::print(&sanitize::neutralise(&show(&detail))),
                _ => unexpected(),
            }
        }
        SessionsCommand::Clear { name, all: _, directory } => {
            let cwd = input::directory(directory.as_deref())?;
            let name = name.unwrap_or_default();
            match app.call(Request::SessionsClear(SessionsClearRequest { cwd, name }), client::QUICK)? {
                Response::SessionsClear(report) if report.cleared == 1 => super::print("1 session forgotten\n"),
                Response::SessionsClear(report) => super::print(&format!("{} sessions forgotten\n", report.cleared)),
                _ => unexpected(),
            }
        }
    }
}

fn unexpected() -> Outcome {
    Err(Stop::from(app::unexpected()))
}

fn list(report: &SessionsReport, with_project: bool) -> String {
    if report.sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let width = report.sessions.iter().map(|session| session.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for session in &report.sessions {
        let _ = writeln!(
            text,
            "{:<width$}  {} conversations, {} files, {} ago  {}",
            session.name,
            session.conversations,
            session.files,
            span(session.idle_s),
            sanitize::one_line(&session.last_question, CELL_MAX),
        );
        if with_project {
            let _ = writeln!(text, "{:<width$}  in {}", "", session.project);
        }
    }
    text
}

fn show(detail: &SessionDetail) -> String {
    let summary = &detail.summary;
    let mut text = format!("session {} of {}, used {} ago\n", summary.name, summary.project, span(summary.idle_s));
    if !detail.task.is_empty() {
        let _ = writeln!(text, "now: {}", detail.task);
    }
    for conversation in &detail.conversations {
        let _ = writeln!(text, "\nconversation {} ({} ago)", conversation.id, span(conversation.age_s));
        for exchange in &conversation.exchanges {
            let _ = writeln!(text, "  > {}", indent(&exchange.question));
            let answer = if exchange.answer.is_empty() { "(no answer)" } else { exchange.answer.as_str() };
            let _ = writeln!(text, "    {}", indent(answer));
        }
    }
    if !detail.files.is_empty() {
        let _ = writeln!(text, "\nfiles");
        for file in &detail.files {
            let _ = writeln!(text, "  {file}");
        }
    }
    text
}

fn indent(text: &str) -> String {
    text.trim().replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use proto::{ConversationView, Exchange, SessionSummary};

    use super::*;

    #[test]
    fn a_session_is_shown_with_its_conversations_and_files() {
        let detail = SessionDetail {
            summary: SessionSummary { name: "default".into(), project: "/p".into(), idle_s: 5, ..Default::default() },
            files: vec!["src/main.rs".into()],
            task: "asking".into(),
            conversations: vec![ConversationView {
                id: "c1".into(),
                age_s: 61,
                exchanges: vec![Exchange { question: "why?\nreally?".into(), answer: String::new() }],
            }],
        };
        let text = show(&detail);
        for part in [
            "session default of /p",
            "now: asking",
            "conversation c1 (1 min ago)",
            "> why?\n    really?",
            "(no answer)",
            "  src/main.rs",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        assert_eq!(list(&SessionsReport::default(), false), "no sessions\n");
    }
}
