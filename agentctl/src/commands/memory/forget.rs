//! `agentctl memory forget`: erases, after the user has said yes.
//!
//! Refuses to guess: nobody to ask and no `--yes` is wrong usage, anything but a clear yes erases nothing.

use std::path::Path;

use proto::{Failure, ForgetReport, ForgetRequest, Request, Response};

use crate::{
    app::App,
    approval,
    cli::Extent,
    client,
    commands::{print, table},
    exit::Outcome,
    input,
    render::{json, sanitize},
};

pub(super) fn run(app: &App, extent: Extent, directory: Option<&Path>, yes: bool, as_json: bool) -> Outcome {
    let request = request(extent, directory)?;
    if !yes {
        approval::confirm(&question(&request), "forgetting", "nothing was erased")?;
    }
    match app.call(Request::Forget(request), client::FILES)? {
        Response::Forget(report) if as_json => json::print(&report).map(|()| 0),
        Response::Forget(report) => print(&sanitize::neutralise(&text(&report))),
        _ => super::unexpected(),
    }
}

/// A directory only when the project is meant: otherwise a daemon has nothing to mistake it for.
fn request(extent: Extent, directory: Option<&Path>) -> Result<ForgetRequest, Failure> {
    let cwd = if extent.project { input::directory(directory)? } else { String::new() };
    Ok(ForgetRequest { cwd, all: extent.all, conversation: extent.conversation.unwrap_or_default() })
}

fn question(request: &ForgetRequest) -> String {
    let what = if request.all {
        "everything that is kept of yours, in all projects".to_owned()
    } else if request.conversation.is_empty() {
        format!("everything that is kept of the project at {}", request.cwd)
    } else {
        format!("the conversation {}", request.conversation)
    };
    format!("This erases {what}, from the backups too. It cannot be undone.\nErase? [y]es, [n]o: ")
}

fn text(report: &ForgetReport) -> String {
    if report.erased.is_empty() {
        return "there was nothing to erase\n".to_owned();
    }
    let rows = report.erased.iter().map(|fact| (fact.name.replace('_', " "), fact.value.clone()));
    format!("erased\n{}", table(rows, "  "))
}

#[cfg(test)]
mod tests {
    use proto::Fact;

    use super::*;

    fn extent(project: bool, all: bool, conversation: Option<&str>) -> Extent {
        Extent { project, all, conversation: conversation.map(str::to_owned) }
    }

    #[test]
    fn only_the_project_is_found_by_a_directory() {
        let asked = |extent| request(extent, Some(Path::new("/tmp"))).unwrap();
        assert_eq!(asked(extent(true, false, None)).cwd, "/tmp");
        let all = asked(extent(false, true, None));
        assert_eq!((all.cwd.as_str(), all.all), ("", true));
        let one = asked(extent(false, false, Some("0a")));
        assert_eq!((one.cwd.as_str(), one.conversation.as_str(), one.all), ("", "0a", false));
    }

    #[test]
    fn the_question_names_what_goes() {
        let asked = |extent| question(&request(extent, Some(Path::new("/tmp"))).unwrap());
        assert!(asked(extent(true, false, None)).contains("of the project at /tmp, from the backups too"));
        assert!(asked(extent(false, true, None)).contains("in all projects"));
        assert!(asked(extent(false, false, Some("0a"))).contains("the conversation 0a"));
    }

    #[test]
    fn what_was_erased_is_said() {
        let fact = Fact { name: "backups_rewritten".into(), value: "2".into() };
        assert_eq!(text(&ForgetReport { erased: vec![fact] }), "erased\n  backups rewritten  2\n");
        assert_eq!(text(&ForgetReport::default()), "there was nothing to erase\n");
    }
}
