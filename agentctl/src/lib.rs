//! `agentctl`, the thin client of `agentd`.
//!
//! It finds the socket ([`connect`]), starts the daemon when nobody listens ([`autostart`], the only file that starts
//! a process), speaks the protocol ([`client`]) and renders what comes back ([`render`]). It never opens the store,
//! never talks to the provider, and links neither an async runtime nor the daemon.
//!
//! Invariants: the answer alone goes to standard output; nothing that a model or a daemon wrote reaches a terminal
//! with its control characters; no wait is without a deadline; no other process is ever killed, no foreign file
//! removed. Nothing is done before it is needed: the start time is what a user feels.

use std::process::ExitCode;

pub mod app;
pub mod approval;
pub mod autostart;
pub mod cli;
pub mod client;
pub mod commands;
pub mod connect;
pub mod env;
pub mod exit;
pub mod input;
pub mod output;
pub mod render;
pub mod signals;
pub mod turn;
pub mod version;

#[cfg(test)]
mod testing;

/// Runs the program on the real command line, environment and streams.
pub fn main() -> ExitCode {
    use clap::Parser as _;
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(stop) => return exit::clap(&stop),
    };
    let style = cli.error_style();
    exit::finish(commands::run(cli), style)
}
