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

use tests::files::{files, holds};
