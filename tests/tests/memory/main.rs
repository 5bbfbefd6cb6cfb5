//! What outlives a session, as its user meets it: the real client, the real daemon, the fake provider.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod answers;
mod apart;
mod backup;
mod damage;
#[allow(dead_code, reason = "shared with the suite of ask, which uses the rest")]
#[path = "../ask/desk.rs"]
mod desk;
mod entering;
mod forget;
mod full;
mod notes;
mod preferences;
mod stale;
mod survival;
mod terminal;
mod tiers;
#[allow(dead_code, reason = "shared with the suite of ask, which uses the rest")]
#[path = "../ask/tmux.rs"]
mod tmux;
mod together;
mod traces;
mod verdicts;
mod why;
#[allow(dead_code, reason = "shared with the suite of ask, which uses the rest")]
#[path = "../ask/work.rs"]
mod work;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    files::{files, holds},
    provider::{Scenario, Step},
};

use crate::desk::Desk;

/// Files below `dir` that hold the text as it is.
fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    files(dir).into_iter().filter(|(_, bytes)| holds(bytes, text)).map(|(path, _)| path).collect()
}

/// Names of the backups in the daemon's own directory, oldest first.
fn backups(desk: &Desk) -> Vec<String> {
    backups_in(&desk.home.state_dir().join("backups"))
}

fn backups_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("agentd-memory-") && name.ends_with(".jsonl"));
    names.sort();
    names
}

/// A model that reads `notes.txt` before each of its answers.
fn reads_notes(answers: &[&str]) -> Scenario {
    answers.iter().fold(Scenario::new(), |scenario, answer| {
        scenario.step(Step::call("read_text_file", json!({ "path": "notes.txt" }))).text(*answer)
    })
}
