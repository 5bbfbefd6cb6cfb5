//! `agentctl mcp`: what can be typed about MCP servers.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand};

const CALL_EXAMPLES: &str = "\
Examples:
  agentctl mcp call git git_log '{\"repo_path\":\"/home/me/project\",\"max_count\":5}'
  echo '{\"path\":\"README.md\"}' | agentctl mcp call files read_text_file -
  agentctl mcp call time get_current_time '{\"timezone\":\"Europe/Berlin\"}' --json | jq -r .text

A relative path begins where the server runs: in the project for scope project, elsewhere for scope user.
The text of the result goes to standard output. Exit code 1 when the tool says that it failed.";

const ADD_EXAMPLES: &str = "\
Flags:
  -e, --env NAME=VALUE          a variable of the server; may be repeated
      --env-var NAME            a variable that is passed on from the daemon's environment; may be repeated
      --cwd DIR                 its working directory
      --role ROLE               filesystem or command: it serves the plain tool names while it is up
      --scope SCOPE             user: one process for all; project: one for each project
      --lazy                    start it when it is first needed
      --protocol ERA            auto, legacy or modern
      --url URL                 a server behind a URL, in place of a command
      --bearer-token-env-var NAME   the variable that holds its token
      --header 'NAME: VALUE'    a header; may be repeated
      --force                   replace a server of this name

Examples:
  agentctl mcp add git -- uvx mcp-server-git
  agentctl mcp add docs --scope project -- npx -y --prefer-offline @example/docs-server
  agentctl mcp add --env-var TICKETS_TOKEN tickets -- tickets-mcp --read-only
  agentctl mcp add wiki --url https://wiki.example/mcp --bearer-token-env-var WIKI_TOKEN";

const IMPORT_EXAMPLES: &str = "\
Flags:
      --dry-run      print what would be written, secrets replaced, and write nothing
      --only NAME    only this server; may be repeated
      --force        replace servers of the same names

Examples:
  agentctl mcp import --dry-run .mcp.json
  agentctl mcp import .vscode/mcp.json
  agentctl mcp import --only github ~/.codex/config.toml

Read are .mcp.json and what Claude Desktop and Cursor keep, mcp.json of VS Code, config.toml of Codex.";

/// `agentctl mcp`.
#[derive(Debug, Subcommand)]
pub enum McpCommand {
    /// The servers: state, tools, uptime, errors with their cures
    List {
        /// Where it looks and how it tells.
        #[command(flatten)]
        view: View,
    },
    /// The tools that the servers offer
    Tools {
        /// Only of this server
        server: Option<String>,
        /// Where it looks and how it tells.
        #[command(flatten)]
        view: View,
    },
    /// Call a tool of a server
    #[command(after_help = CALL_EXAMPLES)]
    Call {
        /// The server
        server: String,
        /// The tool, as its server or as the model calls it
        tool: String,
        /// Its arguments, one JSON object; - reads them from standard input
        #[arg(value_name = "JSON")]
        arguments: Option<String>,
        /// Give up after this long without progress [default: as configured, 60]
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=600))]
        timeout: Option<u32>,
        /// Where it looks and how it tells.
        #[command(flatten)]
        view: View,
    },
    /// Restart a server, also one that has failed, and wait until it is up
    Restart {
        /// The server
        server: String,
        /// Where it looks and how it tells.
        #[command(flatten)]
        view: View,
    },
    /// What a server wrote to its standard error, secrets replaced
    Logs {
        /// The server
        server: String,
        /// Number of lines; the last 64 KiB are kept
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
        lines: u32,
        /// Go on with what is written from now
        #[arg(short, long)]
        follow: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
    /// Check Node, Python and each server; each finding with its cure
    Doctor {
        /// Where it looks and how it tells.
        #[command(flatten)]
        view: View,
    },
    /// Add a server to the configuration
    #[command(after_help = ADD_EXAMPLES, override_usage = "agentctl mcp add [FLAGS] NAME -- COMMAND [ARG]...\n       agentctl mcp add [FLAGS] NAME --url URL")]
    Add(Passed),
    /// Take a server out of the configuration
    #[command(after_help = "Example:\n  agentctl mcp remove git", override_usage = "agentctl mcp remove NAME")]
    Remove(Passed),
    /// Take servers over from another program's file
    #[command(after_help = IMPORT_EXAMPLES, override_usage = "agentctl mcp import [FLAGS] FILE")]
    Import(Passed),
    /// Approve the servers of this project's .mcp.json, after showing what they would run
    Approve {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// Take the approval back
        #[arg(long, conflicts_with = "yes")]
        revoke: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
    /// Go through a scenario of the conformance suite with the server at a URL
    #[command(hide = true)]
    Probe {
        /// The server
        url: String,
    },
}

/// Where a command looks and how it tells.
#[derive(Debug, Clone, Args)]
pub struct View {
    /// The project found from this directory
    #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
    pub directory: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments that agentd understands: the configuration is its own.
#[derive(Debug, Clone, Args)]
pub struct Passed {
    /// See below
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub args: Vec<OsString>,
}

impl McpCommand {
    /// Whether the output, errors included, is for a program.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::List { view }
            | Self::Tools { view, .. }
            | Self::Call { view, .. }
            | Self::Restart { view, .. }
            | Self::Doctor { view } => view.json,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(args: &[&str]) -> Result<McpCommand, clap::Error> {
        Cli::try_parse_from([&["agentctl", "mcp"], args].concat()).map(|cli| match cli.command {
            Command::Mcp(command) => command,
            other => panic!("{other:?}"),
        })
    }

    fn passed(args: &[&str]) -> Vec<OsString> {
        match parse(args).unwrap() {
            McpCommand::Add(passed) | McpCommand::Remove(passed) | McpCommand::Import(passed) => passed.args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_words_of_a_servers_command_are_not_ours() {
        let args = ["git", "--", "uvx", "--quiet", "mcp-server-git", "-q", "--json"];
        assert_eq!(passed(&[&["add"], &args[..]].concat()), args);
        let args = ["--url", "https://wiki.example/mcp", "wiki"];
        assert_eq!(passed(&[&["add"], &args[..]].concat()), args);
        assert_eq!(passed(&["import", "--dry-run", "-"]), ["--dry-run", "-"]);
        assert_eq!(parse(&["add"]).unwrap_err().exit_code(), 2);
        assert_eq!(parse(&["add", "--help"]).unwrap_err().exit_code(), 0);
    }

    #[test]
    fn a_call_takes_its_arguments_as_one_word_or_from_standard_input() {
        let McpCommand::Call { server, tool, arguments, timeout, view } =
            parse(&["call", "git", "git_log", "{\"a\":-1}", "--timeout", "5", "--json"]).unwrap()
        else {
            panic!("not call")
        };
        assert_eq!((server.as_str(), tool.as_str(), timeout, view.json), ("git", "git_log", Some(5), true));
        assert_eq!(arguments.as_deref(), Some("{\"a\":-1}"));
        assert!(matches!(parse(&["call", "git", "t", "-"]), Ok(McpCommand::Call { arguments: Some(_), .. })));
        for args in [&["call", "git"][..], &["call", "git", "t", "--timeout", "0"], &["call", "git", "t", "{}", "x"]] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn errors_are_told_as_the_output_is_wanted() {
        for args in [&["list"][..], &["tools"], &["tools", "git"], &["call", "g", "t"], &["restart", "g"], &["doctor"]]
        {
            assert!(!parse(args).unwrap().wants_json(), "{args:?}");
            assert!(parse(&[args, &["--json"]].concat()).unwrap().wants_json(), "{args:?}");
        }
        assert!(!parse(&["logs", "git"]).unwrap().wants_json());
    }
}
