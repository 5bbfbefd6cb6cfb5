//! MCP servers as their user meets them: the real client, the real daemon, the real servers that
//! `tests/setup-mcp.sh` installs, and one of ours for every bad day.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod answers;
mod chaos;
#[allow(dead_code, reason = "shared with the suite of ask, which uses the rest")]
#[path = "../ask/desk.rs"]
mod desk;
mod dying;
mod ending;
mod environment;
mod http;
mod import;
mod projects;
mod real;
mod reload;
mod rig;
mod roles;
mod starting;
#[allow(dead_code, reason = "shared with the suite of ask, which uses the rest")]
#[path = "../ask/work.rs"]
mod work;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

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
