//! `agentctl completions`: the script of a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{cli::Cli, exit::Outcome};

pub(super) fn run(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "agentctl", &mut script);
    super::print(&String::from_utf8_lossy(&script))
}
