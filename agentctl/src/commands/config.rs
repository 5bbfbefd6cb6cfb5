//! `agentctl config`: the daemon's own `agentd config`, with its streams and exit code.
//!
//! The configuration is the daemon's; only it can read it truly. No running daemon is needed.

use crate::{autostart, cli::ConfigCommand, exit::Outcome};

pub(super) fn run(command: ConfigCommand) -> Outcome {
    let mut args = vec!["config".into()];
    match command {
        ConfigCommand::Show => args.push("show".into()),
        ConfigCommand::Path => args.push("path".into()),
        ConfigCommand::Check { file } => {
            args.push("check".into());
            args.extend(file.map(Into::into));
        }
    }
    Ok(autostart::pass_through(&args)?)
}
