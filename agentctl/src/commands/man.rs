//! `agentctl man`: manual pages in roff, from the same text as `--help`.

use std::io::Write as _;

use clap::{CommandFactory as _, builder::Resettable};
use clap_mangen::Man;
use proto::{ErrorKind, Failure};

use crate::{cli::Cli, exit::Outcome};

const EXIT_STATUS: &str = r#".SH "EXIT STATUS"
.TP
.B 0
ok
.TP
.B 1
failure
.TP
.B 2
wrong usage
.TP
.B 3
the daemon is unreachable or did not start
.TP
.B 4
refused by policy, approval or authorisation
.TP
.B 5
a limit was reached: turns, rate, budget, queue, size
.TP
.B 6
the provider failed: key, balance, overload, its endpoint
.TP
.B 7
time\-out
.TP
.B 130
interrupted
"#;

const ENVIRONMENT: &str = r#".SH ENVIRONMENT
.TP
.B AGENTD_SOCKET
the daemon's socket; then no other place is looked at
.TP
.B AGENTD_STATE_DIR
directory of the daemon's lock, logs, memory and backups
.TP
.B AGENTD_BIN
the agentd program to start; otherwise the one beside agentctl, then the first on PATH
.TP
.B XDG_RUNTIME_DIR, XDG_STATE_HOME, HOME
where the two are by default
.TP
.B PROJECT_DIR
the directory to work in when \-C is not given
.TP
.B NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS
colours, styles and width
.SH FILES
.TP
.I $XDG_RUNTIME_DIR/agentd/agentd.sock
the socket
.TP
.I ~/.local/state/agentd/agentd.lock
held by the running daemon; names its process, version and socket
.TP
.I ~/.local/state/agentd/start.lock
held by the client that starts the daemon
.TP
.I ~/.local/state/agentd/log/
one file a day
.TP
.I ~/.local/state/agentd/memory/
answers, conversations and preferences that outlive the daemon
.TP
.I ~/.local/state/agentd/backups/
the last backups of them
"#;

pub(super) fn run(command: Option<&str>) -> Outcome {
    let mut root = Cli::command();
    // Gives the subcommands the global flags.
    root.build();
    let command = match command {
        None => root,
        Some(name) => root
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| {
                Failure::new(ErrorKind::Usage, format!("there is no command {name:?}"))
                    .hint("agentctl --help lists them")
            })?
            // clap wants a name for the life of the process, which ends with this page.
            .name(&*format!("agentctl-{name}").leak())
            .version(proto::VERSION),
    };
    // The long form repeats the exit codes, which have their own section.
    let command = command.after_long_help(Resettable::Reset).disable_help_subcommand(true);
    let mut page = Vec::new();
    render(&Man::new(command).manual("agentd"), &mut page)?;
    super::print(&String::from_utf8_lossy(&page).replace(".SH EXTRA", ".SH EXAMPLES"))
}

fn render(man: &Man, page: &mut Vec<u8>) -> std::io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    man.render_subcommands_section(page)?;
    page.write_all(EXIT_STATUS.as_bytes())?;
    page.write_all(ENVIRONMENT.as_bytes())?;
    man.render_extra_section(page)?;
    man.render_version_section(page)
}
