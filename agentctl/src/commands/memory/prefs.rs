//! `agentctl memory prefs`: preferences that shape answers.

use std::path::Path;

use proto::{
    ErrorKind, Failure, Preference, PrefsListRequest, PrefsReport, PrefsSetReport, PrefsSetRequest, PrefsUnsetRequest,
    Request, Response,
};

use crate::{
    app::{self, App},
    cli::PrefsCommand,
    client,
    commands::{print, table},
    exit::{Outcome, Stop},
    input,
    render::{figures::span, json, sanitize},
};

pub(super) fn run(app: &App, command: PrefsCommand) -> Outcome {
    match command {
        PrefsCommand::Set { name, value, project, directory } => {
            let cwd = place(project, directory.as_deref())?;
            let request = PrefsSetRequest { cwd, name, value: value.join(" ") };
            match app.call(Request::PrefsSet(request), client::QUICK)? {
                Response::PrefsSet(report) => print(&sanitize::neutralise(&said(&report))),
                _ => super::unexpected(),
            }
        }
        PrefsCommand::Get { name, directory } => match find(app, directory.as_deref(), &name)? {
            Some(preference) => print(&format!("{}\n", sanitize::neutralise(&preference.value))),
            None => Err(unset(&name).into()),
        },
        PrefsCommand::List { directory, json: as_json } => {
            let report = list(app, directory.as_deref())?;
            if as_json {
                return json::print(&report).map(|()| 0);
            }
            print(&sanitize::neutralise(&text(&report)))
        }
        PrefsCommand::Unset { name, project, directory } => {
            let request = PrefsUnsetRequest { cwd: place(project, directory.as_deref())?, name: name.clone() };
            match app.call(Request::PrefsUnset(request), client::QUICK)? {
                Response::PrefsUnset(report) if report.removed => {
                    print(&sanitize::neutralise(&format!("{name} is no longer set{}\n", here(project))))
                }
                Response::PrefsUnset(_) => Err(unset(&name).into()),
                _ => super::unexpected(),
            }
        }
    }
}

/// Where a preference is set: in the project found from the directory, or, with an empty text, everywhere.
fn place(project: bool, directory: Option<&Path>) -> Result<String, Failure> {
    if project { input::directory(directory) } else { Ok(String::new()) }
}

fn list(app: &App, directory: Option<&Path>) -> Result<PrefsReport, Stop> {
    let cwd = input::directory(directory)?;
    match app.call(Request::PrefsList(PrefsListRequest { cwd }), client::QUICK)? {
        Response::PrefsList(report) => Ok(report),
        _ => Err(app::unexpected().into()),
    }
}

fn find(app: &App, directory: Option<&Path>, name: &str) -> Result<Option<Preference>, Stop> {
    Ok(list(app, directory)?.preferences.into_iter().find(|preference| preference.name == name))
}

fn unset(name: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("no preference {name:?} is set"))
        .hint("agentctl memory prefs list shows what is set here; --project is about this project's own")
}

fn here(project: bool) -> &'static str {
    if project { " in this project" } else { "" }
}

fn said(report: &PrefsSetReport) -> String {
    let Preference { name, value, project, .. } = &report.preference;
    let again = if report.replaced { "now " } else { "" };
    format!("{name} is {again}{value:?}{}\n", here(*project))
}

fn text(report: &PrefsReport) -> String {
    if report.preferences.is_empty() {
        return "no preferences are set here\n".to_owned();
    }
    let row =
        |it: &Preference| (it.name.clone(), format!("{}  (set {} ago{})", it.value, span(it.age_s), here(it.project)));
    table(report.preferences.iter().map(row), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(name: &str, project: bool) -> Preference {
        Preference { name: name.into(), value: "de".into(), project, age_s: 5 }
    }

    #[test]
    fn preferences_are_listed_with_where_they_apply() {
        let report = PrefsReport { preferences: vec![preference("language", false), preference("x", true)] };
        assert_eq!(text(&report), "language  de  (set 5 s ago)\nx         de  (set 5 s ago in this project)\n");
        assert_eq!(text(&PrefsReport::default()), "no preferences are set here\n");
    }

    #[test]
    fn a_preference_that_is_set_is_said_as_it_is_kept() {
        let report = PrefsSetReport { preference: preference("language", true), replaced: true };
        assert_eq!(said(&report), "language is now \"de\" in this project\n");
    }
}
