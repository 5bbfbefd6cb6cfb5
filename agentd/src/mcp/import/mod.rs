//! The configuration files of other programs, made servers of ours.
//!
//! Owns which program a file belongs to (told by its content), and that one bad server does not keep the others out.
//! Writes nothing and starts nothing. What it tells names keys and variables, never values.
//!
//! - [`entry`]: one server as JSON files write it. [`jsonc`]: their comments. [`expand`]: the references in their texts.
//! - [`settle`]: what becomes of the references. [`codex`]: the file that has our own shape.

pub mod codex;
pub mod entry;
pub mod expand;
pub mod jsonc;
pub mod settle;

use std::path::Path;

use serde_json::{Map, Value};

use crate::{
    config::{
        McpServer, McpServers,
        mcp::{check, parse},
    },
    redact::Redactor,
};
use settle::{Dialect, Lookup, Settler};

/// Longest name of a server, see [`check::name`].
const NAME_MAX: usize = 40;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// Whose file it is, for people.
    pub format: &'static str,
    /// The servers that can be taken.
    pub servers: McpServers,
    /// What was done with them that the user should know, one sentence each.
    pub notes: Vec<String>,
    /// The servers that cannot be taken, each with the reason and the cure.
    pub refused: Vec<String>,
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Neither JSON nor TOML.
    #[error("it is neither JSON ({json}) nor TOML")]
    Syntax {
        /// Where and why.
        json: String,
    },
    /// No servers in it.
    #[error("it names no servers: there is neither mcpServers nor servers nor [mcp_servers]")]
    NoServers,
}

/// What an import goes by.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The environment of now.
    pub env: Lookup<'a>,
    /// The variable of the provider's key.
    pub key_env: &'a str,
    /// To tell a harmless value from a secret.
    pub redactor: &'a Redactor,
}

/// Reads a file.
///
/// # Errors
/// It is none of the known formats.
pub fn read(text: &str, around: Surroundings<'_>) -> Result<Import, ImportError> {
    let document: Value = match serde_json::from_str(&jsonc::plain(text)) {
        Ok(document) => document,
        Err(error) => return toml(text, around).ok_or_else(|| no_format(text, &error)),
    };
    let inner = |path: &[&str]| path.iter().try_fold(&document, |value, key| value.get(key)).and_then(Value::as_object);
    if let Some(servers) = inner(&["mcpServers"]) {
        return Ok(json("mcpServers", Dialect::McpServers, servers, around));
    }
    // mcp.json has them at the top, settings.json below mcp.
    match inner(&["servers"]).or_else(|| inner(&["mcp", "servers"])) {
        Some(servers) => Ok(json("VS Code", Dialect::VsCode, servers, around)),
        None => Err(ImportError::NoServers),
    }
}

fn no_format(text: &str, error: &serde_json::Error) -> ImportError {
    // serde_json names the place and what it expected there, never what stands there.
    if text.parse::<toml_edit::DocumentMut>().is_ok() {
        return ImportError::NoServers;
    }
    ImportError::Syntax { json: error.to_string() }
}

fn toml(text: &str, around: Surroundings<'_>) -> Option<Import> {
    let mut import = Import { format: "Codex", ..Import::default() };
    let section = codex::section(text, &mut import.notes)?;
    let home = (around.env)("HOME");
    let (servers, faults) = parse::read_text(&section, home.as_deref().map(Path::new))?;
    import.refused = faults;
    for (name, server) in servers {
        import.take(&name, &name, server, around);
    }
    Some(import)
}

fn json(format: &'static str, dialect: Dialect, servers: &Map<String, Value>, around: Surroundings<'_>) -> Import {
    let mut import = Import { format, ..Import::default() };
    let Surroundings { env, key_env, redactor } = around;
    for (written, value) in servers {
        let name = valid_name(written);
        let mut settler = Settler { dialect, env, key_env, redactor, notes: Vec::new() };
        let settled = entry::read(value).and_then(|entry| {
            if dialect == Dialect::VsCode && value.get("type").is_none() {
                settler.notes.push("it has no type, which VS Code wants; taken by its command or url".to_owned());
            }
            if !entry.left_out.is_empty() {
                let keys = entry.left_out.join(", ");
                settler.notes.push(format!("these keys have no meaning here and were left out: {keys}"));
            }
            settler.server(entry)
        });
        let shown = shown(written);
        match settled {
            Ok(server) => {
                import.notes.extend(settler.notes.into_iter().map(|note| format!("{shown}: {note}")));
                import.take(written, &name, server, around);
            }
            Err((what, cure)) => import.refused.push(format!("{shown}: {what}; {cure}")),
        }
    }
    import
}

impl Import {
    /// Takes a server that holds together.
    fn take(&mut self, written: &str, name: &str, server: McpServer, around: Surroundings<'_>) {
        let shown = shown(written);
        if self.servers.contains_key(name) {
            self.refused.push(format!("{shown}: another server is called {name} here; rename one of the two"));
            return;
        }
        let alone = McpServers::from([(name.to_owned(), server.clone())]);
        let keys = check::provider_key(&alone, around.key_env).into_iter().map(|(_, objection)| objection);
        let objections: Vec<_> = check::one(&server).into_iter().chain(keys).collect();
        if objections.is_empty() {
            if name != written {
                self.notes.push(format!("{shown}: is called {name} here"));
            }
            self.servers.insert(name.to_owned(), server);
        }
        self.refused.extend(objections.into_iter().map(|objection| {
            let key = if objection.key.is_empty() { String::new() } else { format!("{}: ", objection.key) };
            format!("{shown}: {key}{}; {}", objection.what, objection.cure)
        }));
    }
}

/// A name with what may stand in one.
fn valid_name(name: &str) -> String {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name: String = name.chars().map(|c| if is_good(c) { c } else { '-' }).take(NAME_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "server".to_owned() } else { name.to_owned() }
}

/// A name as it can stand in a line.
fn shown(name: &str) -> String {
    name.chars().take(64).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Scope, mcp::show};

    fn import(text: &str) -> Result<Import, ImportError> {
        let env = |name: &str| (name == "HOME").then(|| "/home/u".to_owned());
        read(text, Surroundings { env: &env, key_env: "OTHER_KEY", redactor: &Redactor::default() })
    }

    fn names(import: &Import) -> Vec<&str> {
        import.servers.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_file_with_mcp_servers_is_read_with_comments_and_names_made_valid() {
        let text = r#"{ // mine
            "mcpServers": {
                "My Server.1": {"command": "npx", "args": ["-y", "pkg"], "alwaysAllow": ["x"]},
                "bad": {"type": "sse", "url": "https://x.example/sse"},
                "rel": {"command": "./server"},
            },
        }"#;
        let import = import(text).unwrap();
        assert_eq!((import.format, names(&import)), ("mcpServers", vec!["My-Server-1"]));
        assert_eq!(import.refused.len(), 2, "{:?}", import.refused);
        assert!(import.refused[0].starts_with("bad: type sse") && import.refused[1].starts_with("rel: command: "));
        assert_eq!(import.notes.len(), 3, "{:?}", import.notes);
    }

    #[test]
    fn two_names_that_become_one_are_refused() {
        let import = import(r#"{"mcpServers": {"a b": {"command": "x"}, "a.b": {"command": "y"}}}"#).unwrap();
        assert_eq!((names(&import), import.refused.len()), (vec!["a-b"], 1));
    }

    #[test]
    fn vs_codes_file_is_read_from_both_of_its_places() {
        let servers = r#"{"fs": {"type": "stdio", "command": "node", "args": ["${workspaceFolder}/s.js"]},
            "ask": {"type": "http", "url": "https://x.example", "headers": {"X-Key": "${input:key}"}},
            "file": {"type": "stdio", "command": "x", "envFile": "${workspaceFolder}/.env"}}"#;
        for text in [
            format!(r#"{{"inputs": [{{"id": "key"}}], "servers": {servers}}}"#),
            format!(r#"{{"mcp": {{"servers": {servers}}}}}"#),
        ] {
            let import = import(&text).unwrap();
            assert_eq!((import.format, names(&import)), ("VS Code", vec!["fs"]));
            assert_eq!(import.servers["fs"].scope, Scope::Project);
            assert!(
                import.refused.iter().any(|line| line.starts_with("ask: ") && line.contains("\"key\"")),
                "{:?}",
                import.refused
            );
            assert!(import.refused.iter().any(|line| line.starts_with("file: envFile")), "{:?}", import.refused);
        }
    }

    #[test]
    fn codexs_file_loses_what_is_not_known_here_and_keeps_the_rest() {
        let text = "model = \"x\"\n[mcp_servers.a]\ncommand = \"~/x\"\nenv_vars = [\"A\", { name = \"B\", source = \"local\" }]\n\
                    scopes = [\"s\"]\nstartup_timeout_sec = 5\n[mcp_servers.a.tools.t]\napproval_mode = \"approve\"\n\
                    [mcp_servers.b]\ncommand = 1\n[mcp_servers.c]\nurl = \"https://x.example\"\nbearer_token_env_var = \"OTHER_KEY\"\n";
        let import = import(text).unwrap();
        assert_eq!((import.format, names(&import)), ("Codex", vec!["a"]));
        let toml = show::to_toml("a", &import.servers["a"]);
        assert_eq!(
            toml,
            "[mcp_servers.a]\ncommand = \"/home/u/x\"\nenv_vars = [\"A\", \"B\"]\nstartup_timeout_sec = 5\n\
             tools = { t = { approval_mode = \"approve\" } }\n"
        );
        assert_eq!(import.notes, ["a: these keys have no meaning here and were left out: scopes"]);
        assert_eq!(import.refused.len(), 2, "{:?}", import.refused);
    }

    #[test]
    fn what_is_no_such_file_is_told_without_quoting_it() {
        assert_eq!(import("{}"), Err(ImportError::NoServers));
        assert_eq!(import("[log]\nlevel = 1\n"), Err(ImportError::NoServers));
        let error = import("{\"tell-nobody-1\" oh").unwrap_err();
        assert!(matches!(error, ImportError::Syntax { .. }) && !error.to_string().contains("nobody"), "{error}");
    }
}
