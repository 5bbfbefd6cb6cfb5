//! MCP servers as their user meets them: the real client, the real daemon, the real servers that
//! `tests/setup-mcp.sh` installs, and one of ours for every bad day.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod chaos;
