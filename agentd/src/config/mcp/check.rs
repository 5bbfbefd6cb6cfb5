//! What the keys of servers mean together: rules that no key can break by itself.
//!
//! Owns every rule that holds whatever file a server comes from: the user's, a project's, an import. Names keys and
//! variables, never values.

use std::collections::BTreeMap;

use super::{HttpServer, McpServer, McpServers, Role, Scope, StdioServer, Transport};
use crate::config::url;

/// Longest name of a server: `mcp__NAME__` and a tool's name have to go into 64 characters.
const NAME_MAX: usize = 40;
/// Longest name of a variable or a header.
const WORD_MAX: usize = 200;
/// Longest name of a tool that MCP allows.
const TOOL_MAX: usize = 128;
/// What stands for the project's root.
pub const WORKSPACE: &str = "${workspaceFolder}";
/// Holds the provider's key whatever the configuration says: people have it set from before.
pub const PROVIDER_KEY: &str = "DEEPSEEK_API_KEY";
/// Headers that the protocol sets itself.
const RESERVED: [&str; 9] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "transfer-encoding",
];

/// Something that is wrong with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// `key` or `key.entry` of its table; empty: the server as a whole.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub cure: String,
}

impl Objection {
    /// An objection.
    pub fn new(key: impl Into<String>, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into(), cure: cure.into() }
    }
}

/// `mcp_servers.NAME.key` as it can stand in a line.
pub fn full_name(server: &str, key: &str) -> String {
    let shown = |text: &str| text.chars().take(64).collect::<String>().escape_debug().to_string();
    let dot = if key.is_empty() { "" } else { "." };
    format!("mcp_servers.{}{dot}{}", shown(server), shown(key))
}

/// Checks a server's name.
///
/// # Errors
/// What is wrong with it, and the cure.
pub fn name(name: &str) -> Result<(), (String, String)> {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_good) {
        return Ok(());
    }
    let what = "the name of a server has other characters or is too long".to_owned();
    Err((what, format!("use at most {NAME_MAX} letters, digits, - and _: it is part of the names of its tools")))
}

/// What is wrong with one server.
pub fn one(server: &McpServer) -> Vec<Objection> {
    let mut found = Vec::new();
    match &server.transport {
        Transport::Stdio(stdio) => {
            command(stdio, &mut found);
            environment(stdio, &mut found);
            if server.scope == Scope::User {
                workspace(stdio, &mut found);
            }
        }
        Transport::Http(http) => {
            if server.scope == Scope::Project {
                let cure = "remove it: a server behind a URL is one for everybody, wherever it is asked from";
                found.push(Objection::new("scope", "a server behind a URL has no project", cure));
            }
            address(http, &mut found);
            headers(http, &mut found);
        }
    }
    tools(server, &mut found);
    found
}

fn command(stdio: &StdioServer, found: &mut Vec<Objection>) {
    let command = stdio.command.as_str();
    if command.trim().is_empty() {
        found.push(Objection::new("command", "is empty", "write the program's name or its path"));
    } else if command.contains("${") {
        let cure = "write the program's name or its path; ${workspaceFolder} may stand in args, env and cwd";
        found.push(Objection::new("command", "nothing is put in place of ${…} here", cure));
    } else if command.contains('/') && !command.starts_with('/') {
        let cure = "write its name alone, or its path from / or ~/";
        found.push(Objection::new("command", "a relative path means something else in every directory", cure));
    } else if command.contains(char::is_whitespace) && !command.starts_with('/') {
        let cure = "write the program in command and each of its arguments in args; no shell takes them apart";
        found.push(Objection::new("command", "holds blanks", cure));
    }
    let cwd = stdio.cwd.as_deref().and_then(|cwd| cwd.to_str());
    if cwd.is_some_and(|cwd| !cwd.starts_with('/') && !cwd.starts_with(WORKSPACE)) {
        let cure = "write it from /, ~/ or ${workspaceFolder}";
        found.push(Objection::new("cwd", "is no absolute path", cure));
    }
}

fn environment(stdio: &StdioServer, found: &mut Vec<Objection>) {
    for name in stdio.env.keys().filter(|name| !is_variable(name)) {
        found.push(Objection::new(format!("env.{name}"), "is no name of a variable", "use letters, digits and _"));
    }
    if !stdio.env_vars.iter().all(|name| is_variable(name)) {
        let cure = "name the variables that are passed on, without values; values belong into env";
        found.push(Objection::new("env_vars", "what stands there is no name of a variable", cure));
    }
    for name in stdio.env_vars.iter().filter(|name| stdio.env.contains_key(*name)) {
        let cure = "keep one: env gives it a value, env_vars passes on the daemon's";
        found.push(Objection::new(format!("env.{name}"), "stands in env_vars, too", cure));
    }
}

fn workspace(stdio: &StdioServer, found: &mut Vec<Objection>) {
    let mut object = |key: String| {
        let cure = "add scope = \"project\": one process for each project, with its root in that place";
        found.push(Objection::new(key, "${workspaceFolder} has no meaning for a server of all projects", cure));
    };
    if stdio.args.iter().any(|arg| arg.contains(WORKSPACE)) {
        object("args".to_owned());
    }
    for (name, _) in stdio.env.iter().filter(|(_, value)| value.contains(WORKSPACE)) {
        object(format!("env.{name}"));
    }
    if stdio.cwd.as_deref().and_then(|cwd| cwd.to_str()).is_some_and(|cwd| cwd.contains(WORKSPACE)) {
        object("cwd".to_owned());
    }
}

fn address(http: &HttpServer, found: &mut Vec<Objection>) {
    if let Err(trouble) = url::check_server(&http.url) {
        found.push(Objection::new("url", trouble.what, trouble.cure));
    }
}

fn headers(http: &HttpServer, found: &mut Vec<Objection>) {
    let bearer = http.bearer_token_env_var.as_ref();
    if bearer.is_some_and(|name| !is_capital_variable(name)) {
        let cure = "put the token into a variable and write the variable's name, in capitals";
        found.push(Objection::new("bearer_token_env_var", "what stands there is no name of a variable", cure));
    }
    let plain = http.http_headers.iter().map(|(name, value)| ("http_headers", name, value));
    let named = http.env_http_headers.iter().map(|(name, value)| ("env_http_headers", name, value));
    let mut seen: BTreeMap<String, ()> = bearer.map(|_| ("authorization".to_owned(), ())).into_iter().collect();
    for (table, name, value) in plain.chain(named) {
        let key = format!("{table}.{name}");
        let lower = name.to_ascii_lowercase();
        if !is_header(name) {
            found.push(Objection::new(&key, "is no name of a header", "write it like X-Api-Key"));
        } else if RESERVED.contains(&lower.as_str()) {
            found.push(Objection::new(&key, "is a header that the protocol sets itself", "remove it"));
        }
        if table == "http_headers" && !is_header_value(value) {
            found.push(Objection::new(&key, "has a value that no header can carry", "write it in one line of ASCII"));
        }
        if table == "env_http_headers" && !is_capital_variable(value) {
            let cure = "write the name of the variable that holds the value, in capitals";
            found.push(Objection::new(&key, "what stands there is no name of a variable", cure));
        }
        if seen.insert(lower, ()).is_some() {
            found.push(Objection::new(&key, "this header is set twice", "keep one of the two"));
        }
    }
}

fn tools(server: &McpServer, found: &mut Vec<Objection>) {
    let is_tool = |name: &String| (1..=TOOL_MAX).contains(&name.chars().count());
    let cure = || format!("write the names as the server spells them, 1 to {TOOL_MAX} characters");
    let lists = [("enabled_tools", server.enabled_tools.as_deref()), ("disabled_tools", Some(&*server.disabled_tools))];
    for (key, list) in lists {
        if !list.unwrap_or_default().iter().all(is_tool) {
            found.push(Objection::new(key, "what stands there is no name of a tool", cure()));
        }
    }
    for name in server.tool_approval.keys().filter(|name| !is_tool(name)) {
        found.push(Objection::new(format!("tools.{name}"), "is no name of a tool", cure()));
    }
    if server.required && !server.enabled {
        let cure = "remove one of the two: an ask would wait for what never starts";
        found.push(Objection::new("required", "the server is required and not enabled", cure));
    }
}

/// What is wrong with servers beside each other, each with the server at fault.
pub fn between(servers: &McpServers) -> Vec<(String, Objection)> {
    let mut found = Vec::new();
    let mut roles: BTreeMap<Role, &str> = BTreeMap::new();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for (name, server) in servers {
        if let Some(other) = names.insert(name.to_ascii_lowercase(), name) {
            let what = format!("differs from {other} in capitals only");
            found.push((
                name.clone(),
                Objection::new("", what, "give it another name: one would be taken for the other"),
            ));
        }
        let Some(role) = server.role.filter(|_| server.enabled) else { continue };
        if let Some(other) = roles.insert(role, name) {
            let what = format!("{other} has the role {}, too", role.name());
            let cure = "remove the role from one of the two, or write enabled = false there";
            found.push((name.clone(), Objection::new("role", what, cure)));
        }
    }
    found
}

/// Where servers would get the provider's key, which is in the variable `key_env`.
pub fn provider_key(servers: &McpServers, key_env: &str) -> Vec<(String, Objection)> {
    let is_key = |name: &str| name == key_env || name == PROVIDER_KEY;
    let mut found = Vec::new();
    for (name, server) in servers {
        let mut object = |key: String| {
            let cure = "remove it; a server that needs a key of its own gets it in a variable of its own";
            found.push((name.clone(), Objection::new(key, "the provider's key does not go to a server", cure)));
        };
        match &server.transport {
            Transport::Stdio(stdio) => {
                if stdio.env_vars.iter().any(|name| is_key(name)) {
                    object("env_vars".to_owned());
                }
            }
            Transport::Http(http) => {
                if http.bearer_token_env_var.as_deref().is_some_and(is_key) {
                    object("bearer_token_env_var".to_owned());
                }
                let named = http.env_http_headers.iter().filter(|(_, variable)| is_key(variable));
                named.for_each(|(header, _)| object(format!("env_http_headers.{header}")));
            }
        }
    }
    found
}

/// True for the name of an environment variable.
pub fn is_variable(text: &str) -> bool {
    (1..=WORD_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The same in capitals: a token that was pasted must not pass for a name.
fn is_capital_variable(text: &str) -> bool {
    is_variable(text) && !text.bytes().any(|b| b.is_ascii_lowercase())
}

fn is_header(text: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(is_token)
}

fn is_header_value(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b) || b == b'\t')
}
