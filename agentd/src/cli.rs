//! The daemon's command line, and the commands that need no running daemon.
//!
//! Owns the flags and `agentd config …`; [`redact`] and [`mcp`] have theirs. Output goes to stdout, faults to stderr. Exit codes: 0 ok, 2 usage, 78
//! (`EX_CONFIG`) for a configuration with faults; systemd does not restart after 78.

mod mcp;
mod mcp_probe;
mod redact;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

pub use mcp::{AddArgs, ImportArgs, McpArgs, McpCommand, run_mcp};
pub use mcp_probe::run_mcp_probe;
pub use redact::{RedactArgs, RedactCommand, run_redact};

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::{
    config::{self, Config, Env, Faults, Key, Loaded, Reload, Source, Value, mcp::show},
    redact::Redactor,
};

/// `EX_CONFIG` of sysexits.h: the configuration has faults.
pub const EXIT_CONFIG: u8 = 78;
/// The command line makes no sense.
pub const EXIT_USAGE: u8 = 2;

/// One warm coding agent per user: the daemon. Runs in the foreground unless told otherwise.
#[derive(Debug, Parser)]
#[command(name = "agentd", version)]
pub struct Cli {
    /// Go to the background once ready; the reason of a failed start still reaches this terminal.
    #[arg(long)]
    pub daemonize: bool,
    /// Use this configuration file instead of the usual one.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// What to do instead of running the daemon.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A command that prints and ends.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show and check the configuration.
    Config(ConfigArgs),
    /// Find and replace secrets in files or text.
    Redact(RedactArgs),
    /// Change the MCP servers of the configuration.
    Mcp(McpArgs),
    /// Connect to an MCP server over HTTP, call each of its tools once, and say what came of it.
    #[command(hide = true)]
    McpProbe {
        /// Its address.
        url: String,
    },
}

/// `agentd config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Which of them.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// `agentd config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its value and where that comes from.
    Show {
        /// One JSON object instead.
        #[arg(long)]
        json: bool,
    },
    /// Report every fault with its line and cure.
    Check {
        /// The file to check; the usual one if left out.
        file: Option<PathBuf>,
    },
    /// Print where the configuration file is.
    Path,
    /// Print the value of one key, without quotes; nothing when it is unset.
    Get {
        /// `section.key`.
        key: String,
    },
}

/// Runs `agentd config …` in this process's environment. `file` is the value of `--config`.
pub fn run_config(command: &ConfigCommand, file: Option<&Path>) -> ExitCode {
    let env = |name: &str| std::env::var_os(name);
    let redactor = Redactor::new(Redactor::environment_secrets());
    let answer = config_command(command, file, &env, &redactor);
    // A reader that left (`| head`) is no failure.
    let _ = io::stdout().lock().write_all(answer.out.as_bytes());
    let _ = io::stderr().lock().write_all(answer.err.as_bytes());
    ExitCode::from(answer.code)
}

/// What a command prints.
#[derive(Debug, Default, PartialEq, Eq)]
struct Printed {
    out: String,
    err: String,
    code: u8,
}

impl Printed {
    fn out(out: String) -> Self {
        Self { out, ..Self::default() }
    }

    fn faults(faults: &Faults) -> Self {
        Self { err: format!("{faults}\n"), code: EXIT_CONFIG, ..Self::default() }
    }
}

/// All that is printed passes the redactor: a URL or a name may hold what a variable declares to be secret, and a fault
/// quotes what stands in the file.
fn config_command(command: &ConfigCommand, file: Option<&Path>, env: Env<'_>, redactor: &Redactor) -> Printed {
    let mut printed = unredacted(command, file, env);
    for text in [&mut printed.out, &mut printed.err] {
        *text = redactor.text(text).to_string();
    }
    printed
}

fn unredacted(command: &ConfigCommand, file: Option<&Path>, env: Env<'_>) -> Printed {
    let file = match command {
        ConfigCommand::Check { file: Some(file) } => Some(file.as_path()),
        _ => file,
    };
    if matches!(command, ConfigCommand::Path) {
        return path(file, env);
    }
    let loaded = match Config::load(file, env) {
        Ok(loaded) => loaded,
        Err(faults) => return Printed::faults(&faults),
    };
    match command {
        ConfigCommand::Show { json: true } => Printed::out(show_json(&loaded)),
        ConfigCommand::Show { json: false } => Printed::out(show(&loaded)),
        ConfigCommand::Get { key } => get(&loaded, key),
        ConfigCommand::Check { .. } | ConfigCommand::Path => Printed::out(checked(&loaded)),
    }
}

fn path(file: Option<&Path>, env: Env<'_>) -> Printed {
    match file.map_or_else(|| config::file_path(env), |file| Ok(Some(file.to_owned()))) {
        Ok(Some(path)) => Printed::out(format!("{}\n", path.display())),
        Ok(None) => Printed {
            err: "HOME is not set, so there is no configuration file; set AGENTD_CONFIG to an absolute path\n"
                .to_owned(),
            code: EXIT_CONFIG,
            ..Printed::default()
        },
        Err(fault) => Printed { err: format!("{fault}\n"), code: EXIT_CONFIG, ..Printed::default() },
    }
}

fn checked(loaded: &Loaded) -> String {
    match &loaded.path {
        Some(path) => {
            let mut out = format!("{}: no faults\n", path.display());
            out.extend(loaded.config.mcp_warnings().into_iter().map(|warning| format!("warning: {warning}\n")));
            out
        }
        None => "no configuration file; the defaults and the environment have no faults\n".to_owned(),
    }
}

fn get(loaded: &Loaded, name: &str) -> Printed {
    match config::nearest_key(name) {
        Ok(key) => match key.value(&loaded.config) {
            Value::Unset => Printed::default(),
            value => Printed::out(format!("{}\n", value.plain())),
        },
        Err(near) => {
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            let err = format!("{} is not a known key{near}\nagentd config show lists all keys\n", name.escape_debug());
            Printed { err, code: EXIT_USAGE, ..Printed::default() }
        }
    }
}

fn show(loaded: &Loaded) -> String {
    let mut out = match &loaded.path {
        Some(path) => format!("# {}\n", path.display()),
        None => "# no configuration file\n".to_owned(),
    };
    let mut section = "";
    for (key, value, source) in loaded.entries() {
        if key.section != section {
            section = key.section;
            out.push('\n');
        }
        out.push_str(&show_line(key, &value, source));
    }
    for (name, server, source) in loaded.servers() {
        out.push_str(&format!("\n# {source}\n{}", show::to_toml(name, &show::masked(server))));
    }
    out
}

fn show_line(key: &Key, value: &Value, source: &Source) -> String {
    let restart = if key.reload == Reload::Restart { "; needs a restart" } else { "" };
    let doc = format!("# {} ({}{restart})\n", key.doc, key.kind.describe());
    match value {
        Value::Unset => format!("{doc}# {} is unset\n", key.full_name()),
        value => format!("{doc}{} = {}  # {source}\n", key.full_name(), value.to_toml()),
    }
}

fn show_json(loaded: &Loaded) -> String {
    let keys: Vec<_> = loaded
        .entries()
        .map(|(key, value, source)| {
            json!({
                "key": key.full_name(),
                "value": value.to_json(),
                "source": source.to_string(),
                "default": (!key.default.is_empty()).then_some(key.default),
                "kind": key.kind.describe(),
                "doc": key.doc,
                "variable": key.variable(),
                "legacy_variable": key.legacy,
                "restart": key.reload == Reload::Restart,
            })
        })
        .collect();
    let path = loaded.path.as_ref().map(|path| path.display().to_string());
    let servers: serde_json::Map<_, _> = loaded
        .servers()
        .map(|(name, server, source)| {
            let mut keys = show::to_json(&show::masked(server));
            keys.insert("source".to_owned(), json!(source.to_string()));
            (name.clone(), keys.into())
        })
        .collect();
    format!("{:#}\n", json!({ "path": path, "keys": keys, "mcp_servers": servers }))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::*;

    fn run(line: &[&str], vars: &[(&str, &str)]) -> Printed {
        let cli = Cli::try_parse_from([&["agentd", "config"], line].concat()).unwrap();
        let Some(Command::Config(args)) = cli.command else { panic!("no config command") };
        let env = |name: &str| vars.iter().find(|(var, _)| *var == name).map(|(_, value)| OsString::from(value));
        let redactor = Redactor::new(["tell-nobody-1".to_owned()]);
        config_command(&args.command, cli.config.as_deref(), &env, &redactor)
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["agentd"]).unwrap().command.is_none());
        assert!(Cli::try_parse_from(["agentd", "--daemonize", "--config", "/c"]).unwrap().daemonize);
        assert!(Cli::try_parse_from(["agentd", "config", "show", "--config", "/c"]).unwrap().config.is_some());
        assert!(Cli::try_parse_from(["agentd", "--port", "1"]).is_err());
    }

    #[test]
    fn show_prints_lines_that_are_a_valid_configuration_again() {
        let printed = run(&["show"], &[("AGENTD_LOG_LEVEL", "debug"), ("AGENTD_SERVER_ALLOW_UIDS", "3,2")]);
        assert!(printed.out.contains("log.level = \"debug\"  # environment AGENTD_LOG_LEVEL\n"), "{}", printed.out);
        assert!(printed.out.contains("server.allow_uids = [2, 3]  # environment"), "{}", printed.out);
        assert!(printed.out.contains("# provider.model is unset\n"), "{}", printed.out);
        let again = file(&printed.out);
        let checked = run(&["check", again.path().to_str().unwrap()], &[]);
        assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    }

    #[test]
    fn show_prints_servers_masked_and_as_a_valid_configuration() {
        let text = "[mcp_servers.git]\ncommand = \"uvx\"\nargs = [\"a\", \"tell-nobody-1\"]\nenv = { MODE = \"harmless\" }\n\
                    role = \"command\"\n";
        let config = file(text);
        let path = config.path().to_str().unwrap();
        let printed = run(&["--config", path, "show"], &[]);
        let want = "[mcp_servers.git]\ncommand = \"uvx\"\nargs = [\"a\", \"[REDACTED]\"]\nenv = { MODE = \"[REDACTED]\" }\n\
                    role = \"command\"\n";
        assert!(printed.out.ends_with(&format!("\n# {path}:1\n{want}")), "{}", printed.out);
        let again = file(&printed.out);
        assert_eq!(run(&["check", again.path().to_str().unwrap()], &[]).err, "");
        let json: serde_json::Value =
            serde_json::from_str(&run(&["--config", path, "show", "--json"], &[]).out).unwrap();
        let server = &json["mcp_servers"]["git"];
        assert_eq!((&server["env"]["MODE"], &server["source"]), (&json!("[REDACTED]"), &json!(format!("{path}:1"))));
    }

    #[test]
    fn check_warns_of_a_secret_that_is_written_down_without_it() {
        let config = file("[mcp_servers.git]\ncommand = \"x\"\nenv = { GH_TOKEN = \"tell-somebody-1\" }\n");
        let printed = run(&["check", config.path().to_str().unwrap()], &[]);
        assert!(printed.out.contains("\nwarning: mcp_servers.git.env.GH_TOKEN: a secret is written"), "{printed:?}");
        assert_eq!((printed.code, printed.out.contains("somebody")), (0, false));
    }

    #[test]
    fn show_masks_what_the_environment_calls_secret() {
        for line in [["show"].as_slice(), &["show", "--json"], &["get", "provider.base_url"]] {
            let printed = run(line, &[("AGENTD_PROVIDER_BASE_URL", "https://example.com/tell-nobody-1/v1")]);
            assert!(printed.out.contains("https://example.com/[REDACTED]/v1"), "{printed:?}");
        }
    }

    #[test]
    fn a_fault_does_not_quote_a_secret() {
        let bad = file("[provider]\n\"tell-nobody-1\" = 1\nkind = \"tell-nobody-1\"\n");
        for line in [["show"].as_slice(), &["check"], &["get", "provider.kind"], &["get", "tell-nobody-1"]] {
            let printed = run(&[&["--config", bad.path().to_str().unwrap()], line].concat(), &[]);
            assert!(printed.err.contains("[REDACTED]") && !printed.err.contains("nobody"), "{printed:?}");
        }
    }

    #[test]
    fn json_lists_every_key_with_its_typed_value() {
        let printed = run(&["show", "--json"], &[("COMMAND_TIMEOUT", "7")]);
        let object: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
        let keys = object["keys"].as_array().unwrap();
        assert_eq!(keys.len(), config::KEYS.len());
        let timeout = keys.iter().find(|key| key["key"] == "exec.command_timeout").unwrap();
        assert_eq!((&timeout["value"], &timeout["source"]), (&json!(7), &json!("environment COMMAND_TIMEOUT")));
    }

    #[test]
    fn get_prints_one_plain_value() {
        assert_eq!(run(&["get", "provider.kind"], &[]).out, "auto\n");
        assert_eq!(run(&["get", "chat.history_file"], &[]), Printed::default());
        let unknown = run(&["get", "provider.knid"], &[]);
        assert_eq!(unknown.code, EXIT_USAGE);
        assert!(
            unknown.err.starts_with("provider.knid is not a known key; did you mean provider.kind?"),
            "{unknown:?}"
        );
    }

    #[test]
    fn faults_go_to_stderr_with_exit_78_and_nothing_to_stdout() {
        let bad = file("[log]\nlevel = \"loud\"\nkeep_days = 0\n");
        for line in [["show"].as_slice(), &["check"], &["get", "log.level"]] {
            let line = [&["--config", bad.path().to_str().unwrap()], line].concat();
            let printed = run(&line, &[]);
            assert_eq!((printed.code, printed.out.as_str(), printed.err.lines().count()), (78, "", 2), "{printed:?}");
        }
        assert_eq!(run(&["check", "/nonexistent.toml"], &[]).code, 78);
    }

    #[test]
    fn path_works_even_when_the_file_has_faults() {
        assert_eq!(run(&["path"], &[("AGENTD_CONFIG", "/c.toml")]).out, "/c.toml\n");
        assert_eq!(run(&["path"], &[("HOME", "/h")]).out, "/h/.config/agentd/config.toml\n");
        assert_eq!(run(&["path"], &[]).code, 78);
    }
}
