//! `agentd mcp add`: a server from the words of a command line, as users of Codex and Claude Code type them.

use std::{collections::BTreeMap, path::Path};

use clap::{Args, ValueEnum};

use super::{Place, Printed, failed, faults, shown, usage};
use crate::{
    config::{
        HttpServer, McpServer, McpServers, Protocol, Role, Scope, StdioServer, Transport, edit, rewrite::rewrite,
    },
    mcp::import::settle,
};

/// `agentd mcp add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Name of the server: at most 40 letters, digits, - and _.
    pub name: String,
    /// A variable of the server; may be repeated.
    #[arg(short, long = "env", value_name = "KEY=VALUE")]
    pub env: Vec<String>,
    /// A variable that is passed on from the daemon's environment; may be repeated.
    #[arg(long = "env-var", value_name = "KEY")]
    pub env_vars: Vec<String>,
    /// Its working directory.
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// The plain tool names that it serves.
    #[arg(long, value_enum)]
    pub role: Option<RoleWord>,
    /// Who shares its process.
    #[arg(short, long, value_enum)]
    pub scope: Option<ScopeWord>,
    /// Start it when a tool of it is first called.
    #[arg(long)]
    pub lazy: bool,
    /// The protocol era.
    #[arg(long, value_enum)]
    pub protocol: Option<ProtocolWord>,
    /// Replace a server of this name.
    #[arg(long)]
    pub force: bool,
    /// A server behind a URL, in place of a command.
    #[arg(long)]
    pub url: Option<String>,
    /// The variable that holds its token.
    #[arg(long, value_name = "KEY")]
    pub bearer_token_env_var: Option<String>,
    /// A header; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// A header whose value is in a variable of the daemon's environment; may be repeated.
    #[arg(long = "env-header", value_name = "NAME: KEY")]
    pub env_headers: Vec<String>,
    /// With http, the word behind the name is the URL.
    #[arg(short, long, value_enum)]
    pub transport: Option<TransportWord>,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// See [`Role`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleWord {
    /// The names of the reference filesystem server.
    Filesystem,
    /// `shell_execute`.
    Command,
}

/// See [`Scope`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScopeWord {
    /// One process for everybody.
    User,
    /// One for each project.
    Project,
}

/// See [`Protocol`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ProtocolWord {
    /// Found out.
    Auto,
    /// Up to 2025-11-25.
    Legacy,
    /// From 2026-07-28.
    Modern,
}

/// See [`Transport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportWord {
    /// A process.
    Stdio,
    /// Streamable HTTP.
    Http,
}

/// Adds the server; gives what to print, and the server for the redactor.
pub(super) fn run(args: &AddArgs, place: &Place<'_>) -> (Printed, McpServers) {
    let server = match server(args, &place.directory) {
        Ok(server) => server,
        Err(what) => return (usage(what), McpServers::new()),
    };
    let servers = McpServers::from([(args.name.clone(), server.clone())]);
    let faults = faults(&servers);
    if !faults.is_empty() {
        return (usage(faults.join("\n")), servers);
    }
    let printed = match rewrite(place.file, place.env, |text| edit::put(text, &args.name, &server, args.force)) {
        Ok(path) => {
            let note = if is_online_npx(&server) {
                "note: npx asks the registry at every start; --prefer-offline before -y makes it start without network\n"
            } else {
                ""
            };
            Printed::out(format!("added {} to {}:\n{}{note}", args.name, path.display(), shown(&servers)))
        }
        Err(error) => failed(&error),
    };
    (printed, servers)
}

fn is_online_npx(server: &McpServer) -> bool {
    matches!(&server.transport, Transport::Stdio(stdio) if settle::is_online_npx(stdio))
}

fn server(args: &AddArgs, directory: &Path) -> Result<McpServer, String> {
    let (url, command) = match (&args.url, args.command.as_slice()) {
        (None, [url]) if args.transport == Some(TransportWord::Http) => (Some(url), &[][..]),
        (url, command) => (url.as_ref(), command),
    };
    let transport = match (url, command.split_first()) {
        (Some(url), None) => Transport::Http(http(args, url)?),
        (None, Some((program, rest))) => Transport::Stdio(stdio(args, program, rest, directory)?),
        (Some(_), Some(_)) => return Err("a server has a command or a URL: leave out one of the two".to_owned()),
        (None, None) => {
            return Err(format!(
                "write the command behind --, as in: agentctl mcp add {} -- uvx mcp-server-git; or --url URL",
                args.name
            ));
        }
    };
    Ok(McpServer {
        role: args.role.map(|role| match role {
            RoleWord::Filesystem => Role::Filesystem,
            RoleWord::Command => Role::Command,
        }),
        scope: match args.scope {
            Some(ScopeWord::Project) => Scope::Project,
            Some(ScopeWord::User) | None => Scope::User,
        },
        lazy: args.lazy,
        protocol: match args.protocol {
            Some(ProtocolWord::Legacy) => Protocol::Legacy,
            Some(ProtocolWord::Modern) => Protocol::Modern,
            Some(ProtocolWord::Auto) | None => Protocol::Auto,
        },
        ..McpServer::new(transport)
    })
}

fn stdio(args: &AddArgs, program: &str, rest: &[String], directory: &Path) -> Result<StdioServer, String> {
    if !args.headers.is_empty() || !args.env_headers.is_empty() || args.bearer_token_env_var.is_some() {
        return Err("a header belongs to a server with a url; give variables to a command with -e".to_owned());
    }
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let env: Option<BTreeMap<_, _>> = args.env.iter().map(pair).collect();
    // What is relative is relative to where it was typed.
    let is_relative = program.contains('/') && !program.starts_with(['/', '~', '$']);
    Ok(StdioServer {
        command: if is_relative { absolute(directory, program) } else { program.to_owned() },
        args: rest.to_vec(),
        env: env.ok_or("write -e KEY=VALUE; --env-var KEY passes a variable on")?,
        env_vars: args.env_vars.clone(),
        cwd: args.cwd.as_ref().map(|cwd| match cwd.starts_with(['/', '~', '$']) {
            true => cwd.into(),
            false => absolute(directory, cwd).into(),
        }),
    })
}

fn absolute(directory: &Path, path: &str) -> String {
    let parts = Path::new(path).components().filter(|part| *part != std::path::Component::CurDir);
    directory.join(parts.collect::<std::path::PathBuf>()).to_string_lossy().into_owned()
}

fn http(args: &AddArgs, url: &str) -> Result<HttpServer, String> {
    if !args.env.is_empty() || !args.env_vars.is_empty() || args.cwd.is_some() {
        return Err(
            "a variable or directory belongs to a server with a command; use --header or --env-header".to_owned()
        );
    }
    let pair = |text: &String| {
        let (name, value) = text.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let table = |list: &[String]| list.iter().map(pair).collect::<Option<BTreeMap<_, _>>>();
    Ok(HttpServer {
        url: url.to_owned(),
        bearer_token_env_var: args.bearer_token_env_var.clone(),
        http_headers: table(&args.headers).ok_or("write --header 'NAME: VALUE'")?,
        env_http_headers: table(&args.env_headers).ok_or("write --env-header 'NAME: KEY'")?,
    })
}
