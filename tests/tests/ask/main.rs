//! `agentctl ask` and `chat` as a user meets them: the real client, the real daemon, the fake provider.
//!
//! Each test has a home of its own and holds three things: the message is clear, the exit code is right, and no
//! process is left.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod canaries;
mod config;
mod conversations;
mod desk;
mod doors;
mod failures;
mod input;
mod interrupts;
mod kinds;
mod memory;
mod offline;
mod output;
mod secrets;
mod sessions;
mod streams;
mod terminal;
mod tmux;
mod tools_effects;
mod tools_files;
mod work;
