//! From an entry of another program's file to a server of ours: what becomes of its references.
//!
//! No secret is written down that the file did not hold: a reference to a variable becomes the variable's name where our
//! format has a place for one (`env_vars`, `bearer_token_env_var`, `env_http_headers`), is replaced by today's value
//! where the value is harmless, and refused otherwise. A value of the environment is never told.

use std::collections::BTreeMap;

use super::{
    entry::{Entry, Refusal, Target},
    expand::{self, Reference},
};
use crate::{
    config::{
        HttpServer, McpServer, Scope, StdioServer, Transport,
        mcp::check::{PROVIDER_KEY, WORKSPACE},
    },
    redact::Redactor,
};

/// Whose file it is: the same reference means something else in another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Claude Code, Claude Desktop, Cursor and others with `mcpServers`.
    McpServers,
    /// VS Code.
    VsCode,
}

/// Looks up a variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a reference means.
enum Meaning<'a> {
    /// A variable.
    Variable(&'a str),
    /// The root of the project.
    Workspace,
    /// The user's home directory.
    Home,
    /// Nothing here: what, and the cure.
    Nothing(Refusal),
}

/// Settles the references of one entry.
pub struct Settler<'a> {
    /// Whose file it is.
    pub dialect: Dialect,
    /// The environment of now.
    pub env: Lookup<'a>,
    /// The variable of the provider's key.
    pub key_env: &'a str,
    /// To tell a harmless value from a secret.
    pub redactor: &'a Redactor,
    /// What was done that the user should know.
    pub notes: Vec<String>,
}

impl Settler<'_> {
    /// The server of an entry.
    ///
    /// # Errors
    /// A reference that cannot be settled.
    pub fn server(&mut self, entry: Entry) -> Result<McpServer, Refusal> {
        let transport = match entry.target {
            Target::Process { command, args, env, cwd } => {
                let mut stdio = StdioServer { command: self.settled("command", &command)?, ..StdioServer::default() };
                for arg in &args {
                    stdio.args.push(self.settled("args", arg)?);
                }
                self.environment(&env, &mut stdio)?;
                stdio.cwd = cwd.map(|cwd| self.settled("cwd", &cwd)).transpose()?.map(Into::into);
                self.prefer_offline(&mut stdio);
                Transport::Stdio(stdio)
            }
            Target::Address { url, headers } => {
                let mut http = HttpServer { url: self.settled("url", &url)?, ..HttpServer::default() };
                self.headers(&headers, &mut http)?;
                Transport::Http(http)
            }
        };
        let scope = if needs_project(&transport) { Scope::Project } else { Scope::User };
        Ok(McpServer { enabled: entry.enabled, scope, ..McpServer::new(transport) })
    }

    fn environment(&mut self, env: &BTreeMap<String, String>, stdio: &mut StdioServer) -> Result<(), Refusal> {
        for (name, value) in env {
            match self.variable(value) {
                Some((variable, default)) if variable == name && (self.is_set(variable) || default.is_none()) => {
                    self.note_default(name, default);
                    stdio.env_vars.push(name.clone());
                }
                _ => {
                    let value = self.settled(&format!("env.{name}"), value)?;
                    stdio.env.insert(name.clone(), value);
                }
            }
        }
        Ok(())
    }

    fn headers(&mut self, headers: &BTreeMap<String, String>, http: &mut HttpServer) -> Result<(), Refusal> {
        for (name, value) in headers {
            let token = value.strip_prefix("Bearer ").filter(|_| name.eq_ignore_ascii_case("authorization"));
            let reference = self.variable(token.unwrap_or(value));
            match reference.filter(|(variable, default)| self.is_set(variable) || default.is_none()) {
                Some((variable, default)) => {
                    let variable = variable.to_owned();
                    self.note_default(name, default);
                    match token {
                        Some(_) => http.bearer_token_env_var = Some(variable),
                        None => drop(http.env_http_headers.insert(name.clone(), variable)),
                    }
                }
                None => {
                    let value = self.settled(&format!("headers.{name}"), value)?;
                    http.http_headers.insert(name.clone(), value);
                }
            }
        }
        Ok(())
    }

    /// The variable that a text consists of, with its default.
    fn variable<'t>(&self, text: &'t str) -> Option<(&'t str, Option<&'t str>)> {
        let reference = expand::sole(text)?;
        match self.meaning(reference) {
            Meaning::Variable(name) => Some((name, reference.default)),
            _ => None,
        }
    }

    fn is_set(&self, variable: &str) -> bool {
        (self.env)(variable).is_some()
    }

    fn note_default(&mut self, name: &str, default: Option<&str>) {
        if default.is_some() {
            self.notes
                .push(format!("{name}: the default was left out; the variable has to be set where the daemon starts"));
        }
    }

    /// A text with its references settled.
    fn settled(&mut self, key: &str, text: &str) -> Result<String, Refusal> {
        let mut out = String::with_capacity(text.len());
        for (before, reference) in expand::pieces(text) {
            out.push_str(before);
            let Some(reference) = reference else { continue };
            match self.meaning(reference) {
                Meaning::Workspace => out.push_str(WORKSPACE),
                Meaning::Home => out.push_str(&(self.env)("HOME").unwrap_or_else(|| reference.whole.to_owned())),
                Meaning::Variable(name) => out.push_str(&self.value(key, name, reference)?),
                Meaning::Nothing((what, cure)) => return Err((format!("{key}: {what}"), cure)),
            }
        }
        Ok(out)
    }

    fn value(&mut self, key: &str, name: &str, reference: Reference<'_>) -> Result<String, Refusal> {
        if name == self.key_env || name == PROVIDER_KEY {
            let cure = "take it out; a server that needs a key of its own gets it in a variable of its own";
            return Err((format!("{key}: the provider's key does not go to a server"), cure.to_owned()));
        }
        let Some(value) = (self.env)(name) else {
            return Ok(match reference.default {
                Some(default) => {
                    self.notes.push(format!("{key}: {name} is not set, so its default was written"));
                    default.to_owned()
                }
                None => {
                    self.notes.push(format!("{key}: {name} is not set and stays as it stands there"));
                    reference.whole.to_owned()
                }
            });
        };
        if !Redactor::variable_secrets(name, &value).is_empty() || !self.redactor.find(&value).is_empty() {
            let cure = match key.split_once('.') {
                Some(("env", variable)) => {
                    format!(
                        "name the variable {variable} where the daemon starts, and write \"{variable}\": \"${{{variable}}}\""
                    )
                }
                Some(_) => "let the variable hold the whole value of the header, or a token behind Bearer".to_owned(),
                None => "let the server read it from its environment, in env".to_owned(),
            };
            return Err((format!("{key}: {name} is a credential, which is not written into a file"), cure));
        }
        self.notes.push(format!("{key}: {name} was replaced by its value of now"));
        Ok(value)
    }

    fn meaning<'t>(&self, reference: Reference<'t>) -> Meaning<'t> {
        let nothing = |what: String, cure: &str| Meaning::Nothing((what, cure.to_owned()));
        match reference.name.split_once(':') {
            None if reference.name == "workspaceFolder" => Meaning::Workspace,
            None if reference.name == "userHome" => Meaning::Home,
            Some(("env", name)) => Meaning::Variable(name),
            Some(("input", id)) => {
                let cure =
                    "put the value into a variable of the daemon's environment and write ${env:NAME} in its place";
                nothing(format!("VS Code asks for the input {:?} when it starts the server", short(id)), cure)
            }
            None if self.dialect == Dialect::McpServers => Meaning::Variable(reference.name),
            _ => nothing(
                format!("nothing is known as {:?} here", short(reference.whole)),
                "write its value in its place",
            ),
        }
    }

    /// `npx -y package` asks the registry at every start, and fails without network.
    fn prefer_offline(&mut self, stdio: &mut StdioServer) {
        if is_online_npx(stdio) {
            stdio.args.insert(0, "--prefer-offline".to_owned());
            self.notes.push("args: --prefer-offline was put before them: npx starts without network, then".to_owned());
        }
    }
}

/// True when npx would ask the registry at every start.
pub fn is_online_npx(stdio: &StdioServer) -> bool {
    let has = |words: &[&str]| stdio.args.iter().any(|arg| words.contains(&arg.as_str()));
    let is_npx = stdio.command == "npx" || stdio.command.ends_with("/npx");
    is_npx && has(&["-y", "--yes"]) && !has(&["--prefer-offline", "--offline"])
}

fn needs_project(transport: &Transport) -> bool {
    let Transport::Stdio(stdio) = transport else { return false };
    let cwd = stdio.cwd.as_deref().and_then(|cwd| cwd.to_str());
    stdio.args.iter().chain(stdio.env.values()).map(String::as_str).chain(cwd).any(|text| text.contains(WORKSPACE))
}

/// A name as it can stand in a line.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mcp::import::entry;

    fn settle(dialect: Dialect, value: &Value) -> Result<(McpServer, Vec<String>), Refusal> {
        let env = |name: &str| match name {
            "WORD" | "HOME" => Some("/harmless".to_owned()),
            "GH_TOKEN" | "API_KEY" => Some("tell-nobody-1".to_owned()),
            "KNOWN" => Some("tell-nobody-2".to_owned()),
            _ => None,
        };
        let redactor = Redactor::new(["tell-nobody-2".to_owned()]);
        let mut settler = Settler { dialect, env: &env, key_env: "OTHER_KEY", redactor: &redactor, notes: Vec::new() };
        let server = settler.server(entry::read(value).unwrap())?;
        Ok((server, settler.notes))
    }

    fn stdio(value: &Value) -> (StdioServer, Scope, Vec<String>) {
        let (server, notes) = settle(Dialect::McpServers, value).unwrap();
        let Transport::Stdio(stdio) = server.transport else { panic!("no process") };
        (stdio, server.scope, notes)
    }

    fn http(value: &Value) -> HttpServer {
        let (server, _) = settle(Dialect::McpServers, value).unwrap();
        let Transport::Http(http) = server.transport else { panic!("no address") };
        http
    }

    #[test]
    fn a_variable_of_the_same_name_is_passed_on_and_its_value_never_written() {
        let env = json!({"GH_TOKEN": "${GH_TOKEN}", "API_KEY": "${env:API_KEY}", "UNSET": "${UNSET}", "A": "1"});
        let (stdio, _, notes) = stdio(&json!({"command": "c", "env": env}));
        assert_eq!(stdio.env_vars, ["API_KEY", "GH_TOKEN", "UNSET"]);
        assert_eq!(stdio.env, BTreeMap::from([("A".to_owned(), "1".to_owned())]));
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn a_default_is_written_when_the_variable_is_not_set() {
        let env = json!({"UNSET": "${UNSET:-deflt}", "GH_TOKEN": "${GH_TOKEN:-none}"});
        let (stdio, _, notes) = stdio(&json!({"command": "c", "args": ["${UNSET:-x}"], "env": env}));
        assert_eq!(
            (stdio.env["UNSET"].as_str(), stdio.env_vars, stdio.args),
            ("deflt", vec!["GH_TOKEN".to_owned()], vec!["x".to_owned()])
        );
        assert_eq!(notes.len(), 3, "{notes:?}");
    }

    #[test]
    fn harmless_values_are_put_in_and_credentials_refused_without_being_told() {
        let (stdio, _, notes) =
            stdio(&json!({"command": "${WORD}/c", "args": ["a${WORD}", "${NONE}", "$WORD"], "env": {"B": "${WORD}"}}));
        assert_eq!((stdio.command.as_str(), stdio.env["B"].as_str()), ("/harmless/c", "/harmless"));
        assert_eq!(stdio.args, ["a/harmless", "${NONE}", "$WORD"]);
        assert!(notes.contains(&"args: NONE is not set and stays as it stands there".to_owned()), "{notes:?}");
        for value in [
            json!({"command": "c", "args": ["--token=${GH_TOKEN}"]}),
            json!({"command": "c", "args": ["${KNOWN}"]}),
            json!({"command": "c", "env": {"OTHER": "${GH_TOKEN}"}}),
            json!({"url": "https://x.example/${API_KEY}"}),
            json!({"url": "https://x.example", "headers": {"X-A": "Key ${API_KEY}"}}),
        ] {
            let (what, cure) = settle(Dialect::McpServers, &value).unwrap_err();
            assert!(what.contains("is a credential") && !format!("{what}{cure}").contains("nobody"), "{value}: {what}");
        }
        for name in ["OTHER_KEY", "DEEPSEEK_API_KEY"] {
            let (what, _) =
                settle(Dialect::McpServers, &json!({"command": "c", "args": [format!("${{{name}}}")]})).unwrap_err();
            assert!(what.contains("the provider's key"), "{what}");
        }
    }

    #[test]
    fn headers_become_names_of_variables() {
        let headers = json!({"Authorization": "Bearer ${GH_TOKEN}", "X-Api-Key": "${API_KEY}", "X-Plain": "1"});
        let http = http(&json!({"url": "https://x.example", "headers": headers}));
        assert_eq!(http.bearer_token_env_var.as_deref(), Some("GH_TOKEN"));
        assert_eq!(http.env_http_headers, BTreeMap::from([("X-Api-Key".to_owned(), "API_KEY".to_owned())]));
        assert_eq!(http.http_headers, BTreeMap::from([("X-Plain".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn the_workspace_makes_a_server_the_projects_and_npx_starts_without_network() {
        let (stdio, scope, notes) = stdio(&json!({"command": "npx", "args": ["-y", "pkg", "${workspaceFolder}"]}));
        assert_eq!(
            (stdio.args.as_slice(), scope),
            (&["--prefer-offline", "-y", "pkg", "${workspaceFolder}"].map(str::to_owned)[..], Scope::Project)
        );
        assert!(notes[0].contains("--prefer-offline"), "{notes:?}");
    }

    #[test]
    fn vs_codes_inputs_and_other_variables_are_refused_by_name() {
        for (text, word) in [
            ("${input:api-key}", "\"api-key\""),
            ("${file}", "${file}"),
            ("${config:a.b}", "${config:a.b}"),
            ("${WORD}", "${WORD}"),
        ] {
            let (what, cure) = settle(Dialect::VsCode, &json!({"command": "c", "env": {"A": text}})).unwrap_err();
            assert!(what.contains(word) && !cure.is_empty(), "{what}");
        }
        let value =
            json!({"command": "c", "args": ["${env:WORD}", "${userHome}/x"], "env": {"GH_TOKEN": "${env:GH_TOKEN}"}});
        let (server, _) = settle(Dialect::VsCode, &value).unwrap();
        let Transport::Stdio(stdio) = server.transport else { panic!("no process") };
        assert_eq!(
            (stdio.args, stdio.env_vars),
            (vec!["/harmless".to_owned(), "/harmless/x".to_owned()], vec!["GH_TOKEN".to_owned()])
        );
    }
}
