//! The command line: what can be typed and what `--help` says about it.
//!
//! Nothing is done here; raw arguments become checked ones, and what they mean is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit::ErrorStyle;

mod cache;
mod mcp;
mod memory;

pub use cache::CacheCommand;
pub use mcp::{McpCommand, Passed, View};
pub use memory::{Extent, MemoryCommand, PrefsCommand};

/// Ends the page of every help and of the manual.
pub const EXIT_STATUS: &str = "\
Exit status:
  0    ok
  1    failure
  2    wrong usage
  3    the daemon is unreachable or did not start
  4    refused by policy, approval or authorisation
  5    a limit was reached
  6    the provider failed: key, balance, overload, its endpoint
  7    time-out
  130  interrupted";

const MAIN_EXAMPLES: &str = "\
Examples:
  agentctl ask which module accepts connections?
  git diff | agentctl ask review this
  agentctl chat
  agentctl daemon status";

const ASK_EXAMPLES: &str = "\
Examples:
  agentctl ask which module accepts connections?
  cargo test 2>&1 | agentctl ask why does this fail?
  agentctl ask -c and what calls it?
  agentctl ask --fresh which module accepts connections?
  agentctl ask -f Cargo.toml -f build.rs what does the build need?
  agentctl ask --json 'list the public types' | jq -r .answer
  echo 'explain src/main.rs' | agentctl ask -

Standard input joins the question when it is a pipe or a file; `< /dev/null` keeps it out, which loops over a file need.
In a pipe the text is written as it comes; -q writes the final answer only, once it is complete.";

/// One warm coding agent for all your shells: ask it, talk to it, look after it.
#[derive(Debug, Parser)]
#[command(name = "agentctl", version, after_help = MAIN_EXAMPLES, after_long_help = long_help(), max_term_width = 100)]
#[command(propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

fn long_help() -> String {
    format!("{MAIN_EXAMPLES}\n\n{EXIT_STATUS}")
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Do not start the daemon when it is absent; fail with exit status 3 instead
    #[arg(long, global = true)]
    pub no_autostart: bool,
    /// Colours and styles; auto follows the terminal, NO_COLOR, CLICOLOR_FORCE and TERM
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Only the answer and errors: no progress, no notes, no footer
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Progress and footer on standard error also when it is not a terminal
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// As the stream and the environment say.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// All commands. The arguments of one are built when it is the one that is typed: the rest of the tree would cost every
/// ask a tenth of its time.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Ask one question and print the answer
    #[command(after_help = ASK_EXAMPLES)]
    Ask(AskArgs),
    /// Talk: a line editor, the answers as they come
    Chat(ChatArgs),
    /// Start, stop and look after the daemon
    #[command(subcommand)]
    Daemon(DaemonCommand),
    /// How the daemon is; never starts it
    Status(JsonFlag),
    /// Check the installation, offline; each finding with its cure
    Doctor(JsonFlag),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Find secrets in files or text, with the rules that guard every ask
    #[command(subcommand)]
    Redact(RedactCommand),
    /// The models the provider offers, with prices
    Models(JsonFlag),
    /// The sessions in the daemon's memory
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// The answers in memory, which cost nothing while the code is unchanged
    #[command(subcommand)]
    Cache(CacheCommand),
    /// What is kept beyond a session: preferences, backups, export, forgetting
    #[command(subcommand)]
    Memory(MemoryCommand),
    /// The MCP servers that the daemon runs: list, call, restart, add, check
    #[command(subcommand)]
    Mcp(McpCommand),
    /// Print the JSON Schema of the protocol
    Schema,
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  agentctl completions bash > ~/.local/share/bash-completion/completions/agentctl"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page
    #[command(
        after_help = "Examples:\n  agentctl man | man -l -\n  agentctl man ask > ~/.local/share/man/man1/agentctl-ask.1"
    )]
    Man {
        /// The page of this command; without it the main page
        command: Option<String>,
    },
}

/// `--json` alone.
#[derive(Debug, Clone, Copy, Args)]
pub struct JsonFlag {
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// The answer; laid out on a terminal, plain in a pipe.
    Text,
    /// One object at the end.
    Json,
    /// One object a line, as it happens; the last has the type result or error.
    StreamJson,
}

/// What `ask` and `chat` share.
#[derive(Debug, Clone, Args)]
pub struct TurnArgs {
    /// Work in this directory; the project is found from it
    #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
    pub directory: Option<PathBuf>,
    /// Ask this model instead of the configured one
    #[arg(short, long)]
    pub model: Option<String>,
    /// Go on with the session's last conversation
    #[arg(short, long = "continue")]
    pub continue_conversation: bool,
    /// Session of the project; several shells may share one
    #[arg(short, long, value_name = "NAME")]
    pub session: Option<String>,
    /// Give up when the provider is silent for this long [default: as configured, 120]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: Option<u32>,
    /// Most model calls for one question [default: as configured, 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_turns: Option<u32>,
    /// Leave no trace in the session, nor in what outlives it
    #[arg(long)]
    pub ephemeral: bool,
    /// Ask the model also when the answer is in memory; the new answer takes the old one's place
    #[arg(long)]
    pub fresh: bool,
    /// Show the model's reasoning too, on standard error or as events
    #[arg(long)]
    pub reasoning: bool,
}

/// `agentctl ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question; several words need no quotes, `-` or no words read it from standard input
    #[arg(value_name = "WORDS")]
    pub words: Vec<String>,
    /// Attach this file's text; may be repeated, at most 4 MiB each
    #[arg(short, long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the question is about and how it is answered.
    #[command(flatten)]
    pub turn: TurnArgs,
    /// Take the similar answer that an earlier reply offered, if what it rests on is unchanged
    #[arg(long, conflicts_with = "fresh")]
    pub reuse: bool,
    /// One JSON object with answer, source, usage and price; the same as --output-format json
    #[arg(long, conflicts_with = "output_format")]
    pub json: bool,
    /// How the answer is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub output_format: OutputFormat,
    /// Also write the final answer to this file, which appears whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl AskArgs {
    /// The format after both flags.
    pub fn format(&self) -> OutputFormat {
        if self.json { OutputFormat::Json } else { self.output_format }
    }
}

/// `agentctl chat`.
#[derive(Debug, Args)]
#[command(after_help = "\
Keys: Ctrl-C cancels the running answer, at the prompt it clears the line; Ctrl-D quits.
Commands: /help, /clear, /model [NAME], /session [NAME], /quit.
The history of the line editor stays in memory unless chat.history_file is configured.")]
pub struct ChatArgs {
    /// What the questions are about and how they are answered.
    #[command(flatten)]
    pub turn: TurnArgs,
}

/// `agentctl daemon`.
#[derive(Debug, Subcommand)]
pub enum DaemonCommand {
    /// Start the daemon; fine when it already runs
    Start,
    /// Stop the daemon after its running turns (10 s at most); fine when it does not run
    Stop(ForceFlag),
    /// Stop the daemon if it is idle and start it anew
    Restart(ForceFlag),
    /// The same as agentctl status
    Status(JsonFlag),
    /// Read the configuration again; a faulty one changes nothing
    Reload,
    /// Print the end of the daemon's newest log
    Logs(LogsArgs),
}

/// `--force`.
#[derive(Debug, Clone, Copy, Args)]
pub struct ForceFlag {
    /// Also when turns run (restart) or the daemon is newer than this agentctl
    #[arg(long)]
    pub force: bool,
}

/// `agentctl daemon logs`.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogsArgs {
    /// Go on with what is written from now, over midnight too
    #[arg(short, long)]
    pub follow: bool,
    /// Number of lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub lines: usize,
}

/// `agentctl config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// The effective values and where each comes from; keys are masked
    Show,
    /// Report every fault of the configuration, with file and line
    Check {
        /// This file instead of the one in use
        file: Option<PathBuf>,
    },
    /// Where the configuration file is
    Path,
}

/// `agentctl redact`.
#[derive(Debug, Subcommand)]
pub enum RedactCommand {
    /// Say where secrets stand; exit code 1 when there are any, 2 when a file cannot be read
    #[command(
        after_help = "Examples:\n  agentctl redact check .env notes.md\n  git diff --cached | agentctl redact check -\n  agentctl redact check $(git diff --cached --name-only --diff-filter=d)   # as a pre-commit hook"
    )]
    Check {
        /// Files; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print a copy without its secrets
    #[command(after_help = "Example:\n  journalctl -u app | agentctl redact text - > for-the-ticket.log")]
    Text {
        /// A file; - is standard input
        #[arg(default_value = "-", value_name = "FILE")]
        file: PathBuf,
    },
    /// Every kind of secret that is recognised, your own rules included
    Rules {
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

/// `agentctl sessions`.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// The sessions of this project
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
    /// One session: its conversations, files and task
    Show {
        /// Name of the session
        #[arg(default_value = "default")]
        name: String,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Forget a session, or all of this project
    Clear {
        /// Name of the session
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// All sessions of the project
        #[arg(short, long)]
        all: bool,
        /// The project found from this directory
        #[arg(short = 'C', long = "cd", value_name = "DIR", env = "PROJECT_DIR")]
        directory: Option<PathBuf>,
    },
}

impl Cli {
    /// How a failure of this command is told.
    pub fn error_style(&self) -> ErrorStyle {
        let json = match &self.command {
            Command::Ask(args) => match args.format() {
                OutputFormat::Text => false,
                OutputFormat::Json => true,
                OutputFormat::StreamJson => return ErrorStyle::StreamJson,
            },
            Command::Status(flag) | Command::Doctor(flag) | Command::Models(flag) => flag.json,
            Command::Daemon(DaemonCommand::Status(flag)) => flag.json,
            Command::Cache(command) => command.wants_json(),
            Command::Memory(command) => command.wants_json(),
            Command::Mcp(command) => command.wants_json(),
            Command::Sessions(SessionsCommand::List { json, .. } | SessionsCommand::Show { json, .. }) => *json,
            _ => false,
        };
        if json { ErrorStyle::Json } else { ErrorStyle::Text }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn several_words_need_no_quotes_and_flags_may_stand_anywhere() {
        let cli = Cli::try_parse_from(["agentctl", "ask", "what", "is", "-c", "this?", "-q", "-"]).unwrap();
        let Command::Ask(args) = cli.command else { panic!("not ask") };
        assert_eq!(args.words, ["what", "is", "this?", "-"]);
        assert!(args.turn.continue_conversation && cli.global.quiet);
    }

    #[test]
    fn the_style_of_errors_follows_the_format() {
        let style = |args: &[&str]| Cli::try_parse_from(args).unwrap().error_style();
        assert_eq!(style(&["agentctl", "ask", "x"]), ErrorStyle::Text);
        assert_eq!(style(&["agentctl", "ask", "--json", "x"]), ErrorStyle::Json);
        assert_eq!(style(&["agentctl", "ask", "--output-format", "stream-json", "x"]), ErrorStyle::StreamJson);
        assert_eq!(style(&["agentctl", "daemon", "status", "--json"]), ErrorStyle::Json);
    }

    #[test]
    fn wrong_values_are_refused() {
        for args in [
            &["agentctl", "ask", "--timeout", "0", "x"][..],
            &["agentctl", "ask", "--max-turns", "0", "x"],
            &["agentctl", "ask", "--json", "--output-format", "text", "x"],
            &["agentctl", "-q", "-v", "status"],
            &["agentctl", "sessions", "clear"],
            &["agentctl", "ask", "--fresh", "--reuse", "x"],
            &["agentctl", "chat", "--reuse"],
            &["agentctl", "nonsense"],
        ] {
            assert_eq!(Cli::try_parse_from(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
