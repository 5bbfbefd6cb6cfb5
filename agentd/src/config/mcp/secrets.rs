//! Which values of servers are secret: for the redactor, which hides them wherever they turn up, and for a warning to
//! who wrote them down.

use std::ffi::OsString;

use super::{HttpServer, McpServer, McpServers, StdioServer, Transport, check};
use crate::{
    config::{Config, Env},
    redact::Redactor,
};

/// Headers whose value is a credential although their names do not say so.
const CREDENTIAL_HEADERS: [&str; 3] = ["AUTHORIZATION", "PROXY_AUTHORIZATION", "COOKIE"];

impl Config {
    /// The values that servers are given and the redactor should know exactly: those of `env` and `http_headers` that
    /// are secret by their names, and the variables of the environment that are passed on to a server.
    pub fn mcp_secrets(&self, env: Env<'_>) -> Vec<String> {
        self.mcp_servers.values().flat_map(|server| server_secrets(server, env)).collect()
    }

    /// Secrets that are written down in the configuration, one sentence each, without them.
    pub fn mcp_warnings(&self) -> Vec<String> {
        written_down(&self.mcp_servers)
    }
}

/// The values of one server that the redactor should know exactly.
pub fn server_secrets(server: &McpServer, env: Env<'_>) -> Vec<String> {
    let of_variable = |name: &String| env(name).and_then(|value| OsString::into_string(value).ok());
    match &server.transport {
        Transport::Stdio(stdio) => {
            let written = stdio.env.iter().flat_map(|(name, value)| Redactor::variable_secrets(name, value));
            written.chain(stdio.env_vars.iter().filter_map(of_variable)).collect()
        }
        Transport::Http(http) => {
            let written = http.http_headers.iter().flat_map(|(name, value)| header_secrets(name, value));
            let named = http.bearer_token_env_var.iter().chain(http.env_http_headers.values());
            written.chain(named.filter_map(of_variable)).collect()
        }
    }
}

/// What of a header is secret by its name: its value, without the scheme before it.
pub fn header_secrets(name: &str, value: &str) -> Vec<String> {
    let name = name.to_ascii_uppercase().replace('-', "_");
    if !CREDENTIAL_HEADERS.contains(&name.as_str()) {
        return Redactor::variable_secrets(&name, value);
    }
    let value = value.trim();
    let token = value.split_once(' ').map_or(value, |(_, token)| token.trim());
    vec![token.to_owned()]
}

/// Secrets that are written down in servers, one sentence each, without them.
pub fn written_down(servers: &McpServers) -> Vec<String> {
    let mut warnings = Vec::new();
    let redactor = Redactor::default();
    for (name, server) in servers {
        let mut warn = |key: &str, cure: &str| {
            warnings.push(format!("{}: a secret is written down here; {cure}", check::full_name(name, key)));
        };
        match &server.transport {
            Transport::Stdio(StdioServer { args, env, .. }) => {
                for (variable, _) in env.iter().filter(|(name, value)| is_secret(&redactor, name, value)) {
                    warn(&format!("env.{variable}"), "put it into the daemon's environment and name it in env_vars");
                }
                if !redactor.find(&args.join(" ")).is_empty() {
                    warn("args", "other users see a command line; pass it in env_vars if the server can read it there");
                }
            }
            Transport::Http(HttpServer { http_headers, .. }) => {
                let literal = |(name, value): &(&String, &String)| {
                    header_secrets(name, value).iter().any(|value| is_long(value)) || !redactor.find(value).is_empty()
                };
                for (header, _) in http_headers.iter().filter(literal) {
                    warn(&format!("http_headers.{header}"), "put it into a variable and name that in env_http_headers");
                }
            }
        }
    }
    warnings
}

fn is_secret(redactor: &Redactor, name: &str, value: &str) -> bool {
    Redactor::variable_secrets(name, value).iter().any(|value| is_long(value)) || !redactor.find(value).is_empty()
}

/// Shorter values are words and numbers, and not known to the redactor either.
fn is_long(value: &str) -> bool {
    value.len() >= 8
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn servers() -> [McpServer; 2] {
        let stdio = StdioServer {
            args: vec!["--verbose".into()],
            env: map(&[("GH_TOKEN", "tell-nobody-1"), ("LOG", "very-verbose")]),
            env_vars: vec!["PASSED".into(), "UNSET".into()],
            ..StdioServer::default()
        };
        let http = HttpServer {
            bearer_token_env_var: Some("BEARER".into()),
            http_headers: map(&[
                ("Authorization", "Basic tell-nobody-2"),
                ("X-Api-Key", "tell-nobody-3"),
                ("X-A", "harmless"),
            ]),
            env_http_headers: map(&[("X-B", "HEADER")]),
            ..HttpServer::default()
        };
        [McpServer::new(Transport::Stdio(stdio)), McpServer::new(Transport::Http(http))]
    }

    #[test]
    fn the_redactor_learns_what_is_written_down_as_a_secret_and_all_that_is_passed_on() {
        let env = |name: &str| (name != "UNSET").then(|| OsString::from(format!("value-of-{name}")));
        let [stdio, http] = servers();
        assert_eq!(server_secrets(&stdio, &env), ["tell-nobody-1", "value-of-PASSED"]);
        let found = server_secrets(&http, &env);
        assert_eq!(found, ["tell-nobody-2", "tell-nobody-3", "value-of-BEARER", "value-of-HEADER"]);
    }

    #[test]
    fn a_secret_that_is_written_down_is_warned_of_by_its_place() {
        let [stdio, http] = servers();
        let warnings = written_down(&McpServers::from([("a".to_owned(), stdio), ("b".to_owned(), http)]));
        let places: Vec<&str> = warnings.iter().filter_map(|warning| warning.split(": ").next()).collect();
        assert_eq!(
            places,
            [
                "mcp_servers.a.env.GH_TOKEN",
                "mcp_servers.b.http_headers.Authorization",
                "mcp_servers.b.http_headers.X-Api-Key"
            ]
        );
        assert!(!warnings.concat().contains("nobody"), "{warnings:?}");
    }
}
