//! `agentctl cache`: what can be typed about the answers in memory.

use std::path::PathBuf;

use clap::{Subcommand, builder::NonEmptyStringValueParser};

const WHY_EXAMPLES: &str = "\
Examples:
  agentctl cache why
  agentctl cache why which module accepts connections?";

/// `agentctl cache`.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// The answers in memory, last used first
    List {
        /// Of all projects, whatever -C says
        #[arg(short, long)]
        all: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Why a question is answered from memory, or is not: nothing is asked
    #[command(after_help = WHY_EXAMPLES)]
    Why {
        /// The question as it would be asked; without it the last one that was asked in the project
        #[arg(value_name = "QUESTION")]
        words: Vec<String>,
        /// As if asked of this model instead of the configured one
        #[arg(short, long)]
        model: Option<String>,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Take a wrong answer out, and never serve it for that question again
    #[command(after_help = "After two rejections of answers to other words, a project gets exact hits only.")]
    Reject {
        /// The answer, by the first characters of its id; without it the one that was served last in the project
        // An unset variable of a script must not name the last one instead.
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: Option<String>,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Drop the answers of this project
    Clear {
        /// Of all projects, whatever -C says
        #[arg(short, long)]
        all: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Hits, misses and refusals since the daemon's start
    Stats {
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

impl CacheCommand {
    /// Whether the output, errors included, is for a program.
    pub(super) fn wants_json(&self) -> bool {
        let (Self::List { json, .. }
        | Self::Why { json, .. }
        | Self::Reject { json, .. }
        | Self::Clear { json, .. }
        | Self::Stats { json }) = self;
        *json
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn cache(args: &[&str]) -> CacheCommand {
        match Cli::try_parse_from([&["agentctl", "cache"], args].concat()).unwrap().command {
            Command::Cache(command) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_needs_no_quotes() {
        let CacheCommand::Why { words, model, json, .. } =
            cache(&["why", "what", "is", "-m", "big", "this?", "--json"])
        else {
            panic!("not why")
        };
        assert_eq!((words.join(" ").as_str(), model.as_deref(), json), ("what is this?", Some("big"), true));
        assert!(matches!(cache(&["why"]), CacheCommand::Why { words, .. } if words.is_empty()));
    }

    #[test]
    fn errors_are_told_as_the_output_is_wanted() {
        for args in [&["list"][..], &["why", "x"], &["reject", "0a"], &["clear", "-a"], &["stats"]] {
            assert!(!cache(args).wants_json(), "{args:?}");
            assert!(cache(&[args, &["--json"]].concat()).wants_json(), "{args:?}");
        }
    }
}
