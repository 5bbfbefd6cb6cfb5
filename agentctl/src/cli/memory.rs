//! `agentctl memory`: what can be typed about what outlives a session.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, builder::NonEmptyStringValueParser};

const PREFS_EXAMPLES: &str = "\
Examples:
  agentctl memory prefs set language German
  agentctl memory prefs set --project test_command 'cargo nextest run --workspace'
  agentctl memory prefs get language
  agentctl memory prefs list

The model sees them in every new conversation. Names that say what they mean need no explanation:
language, style, answer_length, test_command, build_command.";

const BACKUP_EXAMPLES: &str = "\
Examples:
  agentctl memory backup
  agentctl memory backup --to /mnt/nas/agentd
  17 3 * * *  $HOME/.cargo/bin/agentctl memory backup > /dev/null   # in a crontab

A daemon that was not running is started for this and stopped again.";

const FORGET_EXAMPLES: &str = "\
Examples:
  agentctl memory forget --project
  agentctl memory forget --conversation 0a1b
  agentctl memory forget --all --yes

Backups that agentd has written are rewritten without it. Copies that you made of them are yours to delete.";

/// `agentctl memory`.
#[derive(Debug, Subcommand)]
pub enum MemoryCommand {
    /// What is kept: counts, sizes, caps, ages, the last backup
    Status {
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Preferences that shape answers
    #[command(subcommand, after_help = PREFS_EXAMPLES)]
    Prefs(PrefsCommand),
    /// Write a backup; the oldest ones make room
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup {
        /// Into this directory instead of the daemon's own
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Replace what is kept by a backup, after all of it was checked; what was there goes into a backup first
    Restore {
        /// The backup; without it the newest good one of the daemon's own directory
        file: Option<PathBuf>,
        /// Check the backup and change nothing
        #[arg(long)]
        check: bool,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print what is kept, for people or as JSON
    Export {
        /// One JSON object with a list of records instead of text
        #[arg(long)]
        json: bool,
        /// Of all projects, whatever -C says
        #[arg(short, long)]
        all: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
    /// Erase what is kept, backups included; it cannot be undone
    #[command(after_help = FORGET_EXAMPLES)]
    Forget {
        /// How much.
        #[command(flatten)]
        extent: Extent,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// Do not ask; needed where nobody can be asked
        #[arg(short, long)]
        yes: bool,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

/// How much is forgotten: exactly one of the three, since none of them should happen by default.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("extent").required(true))]
pub struct Extent {
    /// Everything of this project: answers, conversations, preferences, sessions
    #[arg(long, group = "extent")]
    pub project: bool,
    /// Everything of yours, in all projects
    #[arg(long, group = "extent")]
    pub all: bool,
    /// One conversation, by the first characters of its id
    // An unset variable of a script must not name the project instead.
    #[arg(long, value_name = "ID", group = "extent", value_parser = NonEmptyStringValueParser::new())]
    pub conversation: Option<String>,
}

/// `agentctl memory prefs`.
#[derive(Debug, Subcommand)]
pub enum PrefsCommand {
    /// Set a preference, everywhere or in this project
    Set {
        /// Letters, digits, `-`, `_`, `.`
        name: String,
        /// Several words need no quotes; what begins with a dash does
        #[arg(required = true)]
        value: Vec<String>,
        /// In this project only
        #[arg(long)]
        project: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
    /// Print the value that applies here; exit status 1 when there is none
    Get {
        /// Name
        name: String,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
    /// The preferences that apply here
    List {
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Unset a preference; exit status 1 when there is none
    Unset {
        /// Name
        name: String,
        /// The one of this project
        #[arg(long)]
        project: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
}

impl MemoryCommand {
    /// Whether the output, errors included, is for a program.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Status { json }
            | Self::Backup { json, .. }
            | Self::Restore { json, .. }
            | Self::Export { json, .. }
            | Self::Forget { json, .. }
            | Self::Prefs(PrefsCommand::List { json, .. }) => *json,
            Self::Prefs(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(args: &[&str]) -> Result<MemoryCommand, clap::Error> {
        Cli::try_parse_from([&["agentctl", "memory"], args].concat()).map(|cli| match cli.command {
            Command::Memory(command) => command,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_value_of_several_words_needs_no_quotes_and_the_flag_may_stand_anywhere() {
        for args in [&["--project", "style", "short", "words"][..], &["style", "short", "words", "--project"]] {
            let parsed = parse(&[&["prefs", "set"], args].concat()).unwrap();
            let MemoryCommand::Prefs(PrefsCommand::Set { name, value, project, .. }) = parsed else {
                panic!("{parsed:?}")
            };
            assert_eq!((name.as_str(), value.join(" ").as_str(), project), ("style", "short words", true));
        }
    }

    #[test]
    fn a_value_with_a_dash_is_refused_unless_it_is_marked_as_one() {
        assert_eq!(parse(&["prefs", "set", "test", "cargo", "--all"]).unwrap_err().exit_code(), 2);
        assert!(parse(&["prefs", "set", "test", "--", "cargo", "--all"]).is_ok());
        assert!(parse(&["prefs", "set", "test", "cargo test --all"]).is_ok());
        assert!(parse(&["prefs", "set", "test"]).is_err());
    }

    #[test]
    fn forgetting_wants_exactly_one_extent() {
        for args in [
            &["forget"][..],
            &["forget", "--yes"],
            &["forget", "--all", "--project"],
            &["forget", "--conversation", ""],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
        for args in [&["--project"][..], &["--all"], &["--conversation", "0a"]] {
            assert!(parse(&[&["forget"], args].concat()).is_ok(), "{args:?}");
        }
    }

    #[test]
    fn errors_are_told_as_the_output_is_wanted() {
        for args in [
            &["status"][..],
            &["prefs", "list"],
            &["backup"],
            &["restore", "--check"],
            &["export"],
            &["forget", "--all"],
        ] {
            assert!(!parse(args).unwrap().wants_json(), "{args:?}");
            assert!(parse(&[args, &["--json"]].concat()).unwrap().wants_json(), "{args:?}");
        }
    }
}
