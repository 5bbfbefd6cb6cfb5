//! `agentd mcp …`: changes of the servers in the configuration file.
//!
//! Owns what can be typed, and what is told about a change: what was written, secrets replaced, and what to do next. The
//! file itself is for [`crate::config::rewrite`]. Starts no server and needs no running daemon. Exit codes: 0 done, 1
//! not done or not all of it, 2 usage, 78 a configuration with faults.

mod add;
mod import;

use std::{
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{EXIT_CONFIG, EXIT_USAGE, Printed};
use crate::{
    config::{
        Config, Env, McpServers,
        edit::{self, EditError},
        mcp::{parse, secrets, show},
        rewrite::{RewriteError, rewrite},
    },
    redact::Redactor,
};

pub use add::AddArgs;
pub use import::ImportArgs;

/// Not done, or not all of it.
const EXIT_FAILED: u8 = 1;

/// `agentd mcp`.
#[derive(Debug, Args)]
pub struct McpArgs {
    /// Somebody else tells what to do next.
    #[arg(long, hide = true)]
    pub from_client: bool,
    /// Which of them.
    #[command(subcommand)]
    pub command: McpCommand,
}

/// `agentd mcp …`.
#[derive(Debug, Subcommand)]
pub enum McpCommand {
    /// Add a server to the configuration.
    Add(Box<AddArgs>),
    /// Take a server out of the configuration.
    Remove {
        /// Its name.
        name: String,
    },
    /// Take servers over from another program's file.
    Import(ImportArgs),
}

/// Where a command runs.
struct Place<'a> {
    /// Value of `--config`.
    file: Option<&'a Path>,
    env: Env<'a>,
    /// What relative paths begin at.
    directory: PathBuf,
}

/// Runs `agentd mcp …` in this process's environment. `file` is the value of `--config`.
pub fn run_mcp(args: &McpArgs, file: Option<&Path>) -> ExitCode {
    let env = |name: &str| std::env::var_os(name);
    let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let place = Place { file, env: &env, directory };
    let printed = run(args, &place, &mut io::stdin());
    // A reader that left (`| head`) is no failure.
    let _ = io::stdout().lock().write_all(printed.out.as_bytes());
    let _ = io::stderr().lock().write_all(printed.err.as_bytes());
    ExitCode::from(printed.code)
}

fn run(args: &McpArgs, place: &Place<'_>, input: &mut dyn Read) -> Printed {
    let (mut printed, touched) = match &args.command {
        McpCommand::Add(add) => add::run(add, place),
        McpCommand::Remove { name } => (remove(name, place), McpServers::new()),
        McpCommand::Import(import) => import::run(import, place, input),
    };
    let is_written = printed.code != EXIT_USAGE && !printed.out.is_empty() && !is_dry(&args.command);
    if is_written && !args.from_client {
        printed
            .out
            .push_str("agentctl daemon reload makes a running agentd take it; agentctl mcp list shows how it is\n");
    }
    // All that is printed passes the redactor: it quotes the file, and what was typed.
    let settings = Config::load(place.file, place.env).map(|loaded| loaded.config.redact.settings());
    let known = touched.values().flat_map(|server| secrets::server_secrets(server, place.env));
    let values = Redactor::environment_secrets().into_iter().chain(known);
    let redactor = Redactor::with(&settings.unwrap_or_default(), values);
    for text in [&mut printed.out, &mut printed.err] {
        *text = redactor.text(text).to_string();
    }
    printed
}

fn is_dry(command: &McpCommand) -> bool {
    matches!(command, McpCommand::Import(import) if import.dry_run)
}

fn remove(name: &str, place: &Place<'_>) -> Printed {
    match rewrite(place.file, place.env, |text| edit::remove(text, name)) {
        Ok(path) => Printed::out(format!("removed {name} from {}\n", path.display())),
        Err(error) => failed(&error),
    }
}

fn usage(what: impl std::fmt::Display) -> Printed {
    wrong(what, "", EXIT_USAGE)
}

/// An error, told as agentctl tells its own; an empty hint is none.
fn wrong(what: impl std::fmt::Display, hint: &str, code: u8) -> Printed {
    let hint = if hint.is_empty() { String::new() } else { format!("  hint: {hint}\n") };
    Printed { err: format!("error: {what}\n{hint}"), code, ..Printed::default() }
}

/// What is told of a file that was not changed.
fn failed(error: &RewriteError) -> Printed {
    let (code, hint) = match error {
        RewriteError::Faulty(_) | RewriteError::WouldBeFaulty(_) | RewriteError::Nowhere => {
            (EXIT_CONFIG, String::new())
        }
        RewriteError::Edit(EditError::Exists(_)) => (EXIT_USAGE, "--force replaces it".to_owned()),
        RewriteError::Edit(EditError::Absent { near: Some(near), .. }) => (EXIT_USAGE, format!("did you mean {near}?")),
        RewriteError::Edit(EditError::Absent { .. }) => (EXIT_USAGE, "agentctl mcp list shows them".to_owned()),
        RewriteError::Edit(EditError::Form) => (EXIT_FAILED, "write each server as [mcp_servers.NAME]".to_owned()),
        RewriteError::Busy(_) | RewriteError::Changed(_) | RewriteError::Io { .. } => (EXIT_FAILED, String::new()),
    };
    wrong(error, &hint, code)
}

/// Servers as they stand in the file, and what is to be said about them.
fn shown(servers: &McpServers) -> String {
    let mut out: String = servers.iter().map(|(name, server)| format!("\n{}", show::to_toml(name, server))).collect();
    out.push('\n');
    out.extend(secrets::written_down(servers).into_iter().map(|warning| format!("warning: {warning}\n")));
    out
}

/// What is wrong with servers before they are written, a line each.
fn faults(servers: &McpServers) -> Vec<String> {
    let text: String = servers.iter().map(|(name, server)| show::to_toml(name, server)).collect();
    parse::read_text(&text, None).map(|(_, faults)| faults).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs};

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("agentd/config.toml")
        }

        fn text(&self) -> String {
            fs::read_to_string(self.file()).unwrap_or_default()
        }

        fn run(&self, line: &[&str]) -> Printed {
            self.run_with(line, "")
        }

        fn run_with(&self, line: &[&str], input: &str) -> Printed {
            let cli = Cli::try_parse_from([&["agentd", "mcp"], line].concat()).unwrap();
            let Some(Command::Mcp(args)) = cli.command else { panic!("not mcp") };
            let env = |name: &str| match name {
                "XDG_CONFIG_HOME" => Some(self.0.path().into()),
                "GH_TOKEN" => Some(OsString::from("tell-nobody-1")),
                _ => None,
            };
            let place = Place { file: None, env: &env, directory: "/home/u/here".into() };
            run(&args, &place, &mut input.as_bytes())
        }
    }

    #[test]
    fn a_process_is_added_as_it_was_typed() {
        let home = Home::new();
        let printed = home.run(&["add", "git", "-e", "A=1=2", "--env-var", "B", "--", "uvx", "-q", "--env", "x"]);
        assert_eq!((printed.err.as_str(), printed.code), ("", 0));
        let want = "[mcp_servers.git]\ncommand = \"uvx\"\nargs = [\"-q\", \"--env\", \"x\"]\nenv = { A = \"1=2\" }\nenv_vars = [\"B\"]\n";
        assert_eq!(home.text(), want);
        assert!(printed.out.starts_with("added git to ") && printed.out.contains(want), "{}", printed.out);
        assert!(printed.out.contains("agentctl daemon reload"), "{}", printed.out);
    }

    #[test]
    fn the_command_needs_no_dashes_and_flags_may_stand_before_the_name() {
        let home = Home::new();
        let line = [
            "add",
            "--scope",
            "project",
            "--cwd",
            "sub",
            "--role",
            "filesystem",
            "--lazy",
            "fs",
            "./bin/fs",
            "--lazy",
            ".",
        ];
        assert_eq!(home.run(&line).err, "");
        assert_eq!(
            home.text(),
            "[mcp_servers.fs]\ncommand = \"/home/u/here/bin/fs\"\nargs = [\"--lazy\", \".\"]\ncwd = \"/home/u/here/sub\"\n\
             role = \"filesystem\"\nscope = \"project\"\nlazy = true\n"
        );
    }

    #[test]
    fn a_server_behind_a_url_is_added_in_both_spellings() {
        let want = "url = \"https://x.example/mcp\"\nbearer_token_env_var = \"T\"\nhttp_headers = { X-A = \"1: 2\" }\n";
        let flags = ["--bearer-token-env-var", "T", "--header", "X-A: 1: 2"];
        for line in [
            [&["add", "w", "--url", "https://x.example/mcp"], &flags[..]].concat(),
            [&["add", "--transport", "http"], &flags[..], &["w", "https://x.example/mcp"]].concat(),
        ] {
            let home = Home::new();
            assert_eq!(home.run(&line).err, "");
            assert_eq!(home.text(), format!("[mcp_servers.w]\n{want}"));
        }
    }

    #[test]
    fn what_is_added_is_told_without_its_secrets_and_with_a_warning() {
        let home = Home::new();
        let printed = home.run(&["add", "a", "-e", "API_KEY=tell-nobody-2", "--", "x"]);
        assert!(printed.out.contains("env = { API_KEY = \"[REDACTED]\" }"), "{}", printed.out);
        assert!(printed.out.contains("warning: mcp_servers.a.env.API_KEY: ") && !printed.out.contains("nobody"));
        assert!(home.text().contains("tell-nobody-2"));
    }

    #[test]
    fn an_existing_server_is_replaced_only_by_force() {
        let home = Home::new();
        home.run(&["add", "a", "x"]);
        let refused = home.run(&["add", "a", "y"]);
        assert_eq!(
            (refused.code, refused.err.as_str()),
            (2, "error: there is a server named a already\n  hint: --force replaces it\n")
        );
        assert_eq!(home.run(&["add", "--force", "a", "y"]).code, 0);
        assert_eq!(home.text(), "[mcp_servers.a]\ncommand = \"y\"\n");
    }

    #[test]
    fn what_cannot_be_is_usage_with_its_cure_and_nothing_is_written() {
        let home = Home::new();
        for (line, word) in [
            (&["add", "a"][..], "write the command behind --"),
            (&["add", "a b", "x"], "at most 40 letters"),
            (&["add", "a", "--url", "https://x.example", "--", "x"], "one of the two"),
            (&["add", "a", "-e", "A", "--", "x"], "KEY=VALUE"),
            (&["add", "a", "--url", "https://x.example", "--header", "A"], "'NAME: VALUE'"),
            (&["add", "a", "--url", "https://x.example", "-e", "A=1"], "belongs to a server with a command"),
            (&["add", "a", "--header", "A: b", "--", "x"], "belongs to a server with a url"),
            (&["add", "a", "--url", "ftp://x.example"], "only http and https"),
            (&["add", "a", "--env-var", "DEEPSEEK_API_KEY", "--", "x"], "the provider's key does not go to a server"),
            (&["remove", "a"], "there is no server named a"),
        ] {
            let printed = home.run(line);
            assert!(printed.code != 0 && printed.out.is_empty(), "{line:?}: {printed:?}");
            assert!(printed.err.contains(word), "{line:?}: {}", printed.err);
        }
        assert_eq!(home.text(), "");
    }

    #[test]
    fn a_server_is_removed_and_a_slip_is_told() {
        let home = Home::new();
        home.run(&["add", "git", "x"]);
        assert!(home.run(&["remove", "gti"]).err.contains("did you mean git?"));
        let printed = home.run(&["--from-client", "remove", "git"]);
        assert!(printed.out.starts_with("removed git from ") && !printed.out.contains("reload"), "{}", printed.out);
        assert_eq!(home.text(), "");
    }

    const FILE: &str = r#"{"mcpServers": {"fs": {"command": "npx", "args": ["-y", "p"], "env": {"GH_TOKEN": "${GH_TOKEN}"}},
        "lit": {"command": "x", "env": {"API_KEY": "tell-nobody-2"}}, "old": {"type": "sse", "url": "https://x"}}}"#;

    #[test]
    fn a_dry_run_prints_what_would_be_written_without_secrets_and_writes_nothing() {
        let home = Home::new();
        let printed = home.run_with(&["import", "--dry-run", "-"], FILE);
        assert_eq!((printed.code, home.text().as_str()), (0, ""));
        let fs = "[mcp_servers.fs]\ncommand = \"npx\"\nargs = [\"--prefer-offline\", \"-y\", \"p\"]\nenv_vars = [\"GH_TOKEN\"]\n";
        assert!(
            printed.out.contains(fs) && printed.out.contains("note: fs: args: --prefer-offline"),
            "{}",
            printed.out
        );
        assert!(printed.err.contains("old: type sse") && !printed.out.contains("nobody"), "{printed:?}");
    }

    #[test]
    fn an_import_writes_what_can_be_taken_and_says_what_not() {
        let home = Home::new();
        home.run(&["add", "lit", "mine"]);
        let printed = home.run_with(&["import", "-"], FILE);
        assert_eq!(printed.code, 1);
        assert!(
            printed.err.contains("old: type sse") && printed.err.contains("lit: there is a server"),
            "{}",
            printed.err
        );
        assert!(home.text().contains("[mcp_servers.fs]") && home.text().contains("\"mine\""));
        let printed = home.run_with(&["import", "--force", "--only", "lit", "-"], FILE);
        assert_eq!((printed.code, printed.err.as_str()), (0, ""));
        assert!(home.text().contains("tell-nobody-2") && !printed.out.contains("nobody"), "{}", printed.out);
        assert!(home.run_with(&["import", "--only", "list", "-"], FILE).err.contains("list"));
        assert_eq!(home.run_with(&["import", "-"], "{}").code, 1);
        assert_eq!(home.run(&["import", "/nonexistent/file"]).code, 1);
    }
}
