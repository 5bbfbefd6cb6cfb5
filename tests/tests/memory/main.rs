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
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::provider::{Scenario, Step};

use crate::desk::Desk;

/// Files below `dir`, sockets and other special ones left out, with what they hold.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().filter_map(Result::ok) {
        let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_dir() {
            found.extend(files(&entry.path()));
        } else if meta.is_file() {
            let mut bytes = Vec::new();
            #[expect(clippy::disallowed_methods, reason = "bounded by take")]
            fs::File::open(entry.path()).unwrap().take(64 << 20).read_to_end(&mut bytes).unwrap();
            found.push((entry.path(), bytes));
        }
    }
    found
}

/// True when the text stands in the bytes as it is.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

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
