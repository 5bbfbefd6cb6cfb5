//! `[mcp_servers]` of a document: the tables below it against the known keys, with every fault and the place of each key.
//!
//! Owns which keys there are and what each may hold by itself; [`super::check`] judges what they mean together. Refuses
//! a key that it does not know, also one that other programs know: a server must not run other than its user believes.
//! Never quotes a value, for it may be a token in the wrong place.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    ApprovalMode, HttpServer, McpServer, McpServers, Protocol, Role, Scope, StdioServer, Transport,
    check::{self, Objection},
};
use crate::config::{
    kind::{Kind, Raw, Trouble, Value},
    table,
};

/// Most servers: each is a process, and its tools stand in every prompt.
const SERVERS_MAX: usize = 64;
/// Most entries of one list or table of a server. An execve takes more, nobody writes more.
const ENTRIES_MAX: usize = 512;
/// Longest text: a private key in `env` has 4 KiB, a longer one is a file.
const TEXT_MAX: usize = 32 << 10;
/// Longest of all time-outs. What needs an hour is no tool call.
const TIMEOUT_MAX_MS: u64 = 3_600_000;

const SECONDS: Kind = Kind::Seconds(1, TIMEOUT_MAX_MS);
const MILLISECONDS: Kind = Kind::Number(1, TIMEOUT_MAX_MS);
const APPROVALS: &[&str] = &["auto", "prompt", "approve"];

/// Keys of every server.
const COMMON: [&str; 14] = [
    "enabled",
    "required",
    "role",
    "scope",
    "lazy",
    "protocol",
    "startup_timeout_sec",
    "startup_timeout_ms",
    "tool_timeout_sec",
    "enabled_tools",
    "disabled_tools",
    "default_tools_approval_mode",
    "tools",
    "supports_parallel_tool_calls",
];
/// Keys of a server that is a process.
const STDIO: [&str; 5] = ["command", "args", "env", "env_vars", "cwd"];
/// Keys of a server behind a URL.
const HTTP: [&str; 4] = ["url", "bearer_token_env_var", "http_headers", "env_http_headers"];

/// What people write who come from elsewhere, and what to write here.
const FOREIGN: [(&str, &str); 17] = [
    ("bearer_token", "put the token into a variable and name that in bearer_token_env_var"),
    ("headers", "write http_headers, or env_http_headers for values that are secret"),
    ("environment", "write env for values, env_vars for names of variables that are passed on"),
    ("env_file", "name the variables in env_vars; a file of them is not read"),
    ("envFile", "name the variables in env_vars; a file of them is not read"),
    ("type", "remove it: command makes it a process, url a server behind a URL"),
    ("transport", "remove it: command makes it a process, url a server behind a URL"),
    ("disabled", "write enabled = false"),
    ("timeout", "write tool_timeout_sec or startup_timeout_sec, in seconds"),
    ("approval_mode", "write default_tools_approval_mode, or tools.NAME.approval_mode for one tool"),
    ("auth", NO_OAUTH),
    ("oauth", NO_OAUTH),
    ("oauth_resource", NO_OAUTH),
    ("scopes", NO_OAUTH),
    ("environment_id", "remove it: every server runs on this machine"),
    ("experimental_environment", "remove it: every server runs on this machine"),
    ("name", "remove it: the name is that of the section"),
];
const NO_OAUTH: &str = "remove it: OAuth is not spoken; put a token into a variable and name that in \
                        bearer_token_env_var";

/// A fault and the byte of the document that it is about.
#[derive(Debug)]
pub(in crate::config) struct Located {
    pub(in crate::config) at: usize,
    pub(in crate::config) key: String,
    pub(in crate::config) trouble: Trouble,
}

/// Where a server's keys stand: bytes of the document, by `key` or `key.entry`; the section itself is the empty key.
pub(in crate::config) type Spans = BTreeMap<String, usize>;

/// What a document says about servers.
#[derive(Debug, Default)]
pub(in crate::config) struct Found {
    /// Those without faults.
    pub(in crate::config) servers: McpServers,
    /// Of every server, also of one with faults.
    pub(in crate::config) spans: BTreeMap<String, Spans>,
    /// What is wrong.
    pub(in crate::config) faults: Vec<Located>,
}

/// Reads the value of `mcp_servers`. `home` replaces `~` in paths.
pub(in crate::config) fn read(tables: &DeTable<'_>, home: Option<&Path>) -> Found {
    let mut found = Found::default();
    for (count, (name, value)) in tables.iter().enumerate() {
        let (at, name) = (name.span().start, name.get_ref().as_ref());
        if count == SERVERS_MAX {
            let cure = "remove those that are not used: each is a process, and its tools cost tokens in every ask";
            found.faults.push(located(at, name, "", format!("more than {SERVERS_MAX} servers"), cure));
            break;
        }
        if let Err((what, cure)) = check::name(name) {
            found.faults.push(located(at, name, "", what, cure));
            continue;
        }
        let DeValue::Table(table) = value.get_ref() else {
            let cure = format!("write [mcp_servers.{name}] on a line of its own and its keys below");
            found.faults.push(located(at, name, "", "is a section, not a key", cure));
            continue;
        };
        one(name, at, table, home, &mut found);
    }
    let spans = &found.spans;
    let objections = check::between(&found.servers);
    found.faults.extend(objections.into_iter().map(|(name, objection)| {
        let keys = spans.get(&name);
        at_key(&name, objection, |key| keys.and_then(|keys| keys.get(key)).copied())
    }));
    found
}

/// Reads a text that holds nothing but servers: those without faults, and the faults, one sentence each. `None`: it is
/// not TOML.
pub fn read_text(text: &str, home: Option<&Path>) -> Option<(McpServers, Vec<String>)> {
    let document = DeTable::parse(text).ok()?;
    let Found { servers, faults, .. } = read(document.get_ref().get("mcp_servers")?.get_ref().as_table()?, home);
    let sentence = |Located { key, trouble, .. }: Located| format!("{key}: {}; {}", trouble.what, trouble.cure);
    Some((servers, faults.into_iter().map(sentence).collect()))
}

fn one(name: &str, at: usize, table: &DeTable<'_>, home: Option<&Path>, found: &mut Found) {
    let mut reader = Reader { name, table, home, spans: Spans::from([(String::new(), at)]), faults: Vec::new() };
    reader.note_keys();
    let server = reader.server();
    let Reader { spans, mut faults, .. } = reader;
    if let Some(server) = &server {
        let objections = check::one(server).into_iter().map(|one| at_key(name, one, |key| spans.get(key).copied()));
        // A key that could not be read has its fault already.
        let new: Vec<_> = objections.filter(|one| !faults.iter().any(|fault| fault.key == one.key)).collect();
        faults.extend(new);
    }
    if let Some(server) = server.filter(|_| faults.is_empty()) {
        found.servers.insert(name.to_owned(), server);
    }
    found.faults.extend(faults);
    found.spans.insert(name.to_owned(), spans);
}

/// The objection at the place of its key, or of the nearest thing around it.
fn at_key(server: &str, objection: Objection, place: impl Fn(&str) -> Option<usize>) -> Located {
    let outer = objection.key.split('.').next().unwrap_or_default();
    let at = place(&objection.key).or_else(|| place(outer)).or_else(|| place("")).unwrap_or_default();
    located(at, server, &objection.key, objection.what, objection.cure)
}

fn located(at: usize, server: &str, key: &str, what: impl Into<String>, cure: impl Into<String>) -> Located {
    Located { at, key: check::full_name(server, key), trouble: Trouble::new(what, cure) }
}

/// One server's table.
struct Reader<'a> {
    name: &'a str,
    table: &'a DeTable<'a>,
    home: Option<&'a Path>,
    spans: Spans,
    faults: Vec<Located>,
}

type Name<'a> = Spanned<Cow<'a, str>>;

impl<'a> Reader<'a> {
    /// Where each key stands; a key that nobody knows is a fault.
    fn note_keys(&mut self) {
        let table = self.table;
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            self.spans.insert(key.to_owned(), name.span().start);
            if let DeValue::Table(entries) = value.get_ref() {
                let inner = entries.keys().map(|entry| (format!("{key}.{}", entry.get_ref()), entry.span().start));
                self.spans.extend(inner);
            }
            if !known().any(|known| known == key) {
                self.unknown(name);
            }
        }
    }

    fn unknown(&mut self, name: &Name<'_>) {
        let key = name.get_ref().as_ref();
        let cure = if let Some((_, cure)) = FOREIGN.iter().find(|(foreign, _)| *foreign == key) {
            (*cure).to_owned()
        } else if let Some(near) = table::nearest(key, known()) {
            format!("did you mean {near}?")
        } else {
            format!("it is one of {}", known().collect::<Vec<_>>().join(", "))
        };
        self.fault(name.span().start, key, "not a known key of a server", cure);
    }

    fn fault(&mut self, at: usize, key: &str, what: impl Into<String>, cure: impl Into<String>) {
        self.faults.push(located(at, self.name, key, what, cure));
    }

    fn server(&mut self) -> Option<McpServer> {
        let transport = self.transport();
        let default = McpServer::new(Transport::Stdio(StdioServer::default()));
        let server = McpServer {
            enabled: self.flag("enabled").unwrap_or(default.enabled),
            required: self.flag("required").unwrap_or(default.required),
            role: self.word("role", &["filesystem", "command"], Role::of),
            scope: self.word("scope", &["user", "project"], Scope::of).unwrap_or_default(),
            lazy: self.flag("lazy").unwrap_or(default.lazy),
            protocol: self.word("protocol", &["auto", "legacy", "modern"], Protocol::of).unwrap_or_default(),
            startup_timeout: self.startup_timeout(),
            tool_timeout: self.time("tool_timeout_sec", SECONDS),
            enabled_tools: self.texts("enabled_tools"),
            disabled_tools: self.texts("disabled_tools").unwrap_or_default(),
            approval: self.word("default_tools_approval_mode", APPROVALS, ApprovalMode::of).unwrap_or_default(),
            tool_approval: self.tool_approval(),
            parallel: self.flag("supports_parallel_tool_calls").unwrap_or(default.parallel),
            ..default
        };
        transport.map(|transport| McpServer { transport, ..server })
    }

    fn transport(&mut self) -> Option<Transport> {
        // Both are read, so that every fault of theirs is told.
        let (stdio, http) = (self.stdio(), self.http());
        let at = |key| self.spans.get(key).copied();
        let section = at("").unwrap_or_default();
        match (at("command"), at("url")) {
            (Some(_), None) => {
                self.refuse(&HTTP, "belongs to a server with a url", "remove it, or write url in place of command");
                Some(Transport::Stdio(stdio))
            }
            (None, Some(_)) => {
                self.refuse(
                    &STDIO,
                    "belongs to a server with a command",
                    "remove it, or write command in place of url",
                );
                Some(Transport::Http(http))
            }
            (Some(_), Some(url)) => {
                self.fault(url, "url", "stands beside command", "a server has one of the two: remove the other");
                None
            }
            (None, None) => {
                let cure = "write command = \"PROGRAM\" for a process, or url = \"https://…\" for one behind a URL";
                self.fault(section, "", "has neither command nor url", cure);
                None
            }
        }
    }

    fn refuse(&mut self, keys: &[&str], what: &str, cure: &str) {
        for key in keys {
            if let Some(at) = self.spans.get(*key).copied() {
                self.fault(at, key, what, cure);
            }
        }
    }

    fn stdio(&mut self) -> StdioServer {
        StdioServer {
            command: self.text("command").map(|text| self.at_home(&text)).unwrap_or_default(),
            args: self.texts("args").unwrap_or_default(),
            env: self.pairs("env"),
            env_vars: self.texts("env_vars").unwrap_or_default(),
            cwd: self.text("cwd").map(|text| PathBuf::from(self.at_home(&text))),
        }
    }

    fn http(&mut self) -> HttpServer {
        HttpServer {
            url: self.text("url").unwrap_or_default(),
            bearer_token_env_var: self.text("bearer_token_env_var"),
            http_headers: self.pairs("http_headers"),
            env_http_headers: self.pairs("env_http_headers"),
        }
    }

    /// `~/…` as a path; anything else as it is.
    fn at_home(&self, text: &str) -> String {
        let home = self.home.and_then(Path::to_str);
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => format!("{home}/{rest}"),
            _ => text.to_owned(),
        }
    }

    fn startup_timeout(&mut self) -> Option<Duration> {
        if let (Some(_), Some(at)) = (self.get("startup_timeout_sec"), self.spans.get("startup_timeout_ms").copied()) {
            self.fault(at, "startup_timeout_ms", "stands beside startup_timeout_sec", "keep one of the two");
        }
        self.time("startup_timeout_sec", SECONDS).or_else(|| self.time("startup_timeout_ms", MILLISECONDS))
    }

    fn tool_approval(&mut self) -> BTreeMap<String, ApprovalMode> {
        let cure = "write tools.NAME.approval_mode = \"auto\", \"prompt\" or \"approve\"";
        let Some((at, value)) = self.get("tools") else { return BTreeMap::new() };
        let DeValue::Table(tools) = value else {
            self.fault(at, "tools", "is a table of tools", cure);
            return BTreeMap::new();
        };
        let mut modes = BTreeMap::new();
        for (tool, value) in tools {
            let (at, tool) = (tool.span().start, tool.get_ref().as_ref());
            let keys: Vec<_> = match value.get_ref() {
                DeValue::Table(keys) => keys.iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect(),
                _ => Vec::new(),
            };
            match keys.as_slice() {
                [("approval_mode", value)] => {
                    let mode = self.checked(at, &format!("tools.{tool}"), Kind::Choice(APPROVALS), value.get_ref());
                    let mode = mode.and_then(|mode| ApprovalMode::of(&mode.plain()));
                    modes.extend(mode.map(|mode| (tool.to_owned(), mode)));
                }
                _ => self.fault(at, &format!("tools.{tool}"), "holds approval_mode and nothing else", cure),
            }
        }
        modes
    }

    fn get(&self, key: &str) -> Option<(usize, &'a DeValue<'a>)> {
        self.table.get_key_value(key).map(|(name, value)| (name.span().start, value.get_ref()))
    }

    fn checked(&mut self, at: usize, key: &str, kind: Kind, value: &DeValue<'_>) -> Option<Value> {
        match kind.check(&Raw::from_toml(value), self.home) {
            Ok(value) => Some(value),
            Err(trouble) => {
                self.fault(at, key, trouble.what, trouble.cure);
                None
            }
        }
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        let (at, value) = self.get(key)?;
        self.checked(at, key, Kind::Flag, value).map(|value| value.flag())
    }

    fn time(&mut self, key: &str, kind: Kind) -> Option<Duration> {
        let (at, value) = self.get(key)?;
        match self.checked(at, key, kind, value)? {
            Value::Number(ms) => Some(Duration::from_millis(ms)),
            value => Some(value.time()),
        }
    }

    fn word<T>(&mut self, key: &str, words: &'static [&'static str], of: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (at, value) = self.get(key)?;
        self.checked(at, key, Kind::Choice(words), value).and_then(|word| of(&word.plain()))
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let (at, value) = self.get(key)?;
        let text = plain_text(value);
        if text.is_none() {
            self.fault(at, key, "is no text, or too long a one", "write it in \"quotes\"");
        }
        text
    }

    fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let (at, value) = self.get(key)?;
        let list = value.as_array().filter(|list| list.len() <= ENTRIES_MAX);
        let texts = list.and_then(|list| list.iter().map(|one| plain_text(one.get_ref())).collect());
        if texts.is_none() {
            let what = format!("is no list of at most {ENTRIES_MAX} texts");
            self.fault(at, key, what, format!("write {key} = [\"one\", \"two\"]"));
        }
        texts
    }

    fn pairs(&mut self, key: &str) -> BTreeMap<String, String> {
        let Some((at, value)) = self.get(key) else { return BTreeMap::new() };
        let Some(table) = value.as_table().filter(|table| table.len() <= ENTRIES_MAX) else {
            let what = format!("is no table of at most {ENTRIES_MAX} texts");
            self.fault(at, key, what, format!("write {key} = {{ NAME = \"value\" }}"));
            return BTreeMap::new();
        };
        let mut pairs = BTreeMap::new();
        for (name, value) in table {
            match plain_text(value.get_ref()) {
                Some(text) => drop(pairs.insert(name.get_ref().to_string(), text)),
                None => {
                    let full = format!("{key}.{}", name.get_ref());
                    self.fault(name.span().start, &full, "is no text, or too long a one", "write it in \"quotes\"");
                }
            }
        }
        pairs
    }
}

fn plain_text(value: &DeValue<'_>) -> Option<String> {
    value.as_str().filter(|text| text.len() <= TEXT_MAX && !text.contains('\0')).map(str::to_owned)
}

/// Every key that a server may have.
pub fn known() -> impl Iterator<Item = &'static str> {
    COMMON.into_iter().chain(STDIO).chain(HTTP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Found {
        let text = format!("[mcp_servers.s]\n{text}");
        let document = DeTable::parse(&text).unwrap();
        let servers = document.get_ref()["mcp_servers"].get_ref().as_table().unwrap();
        read(servers, Some(Path::new("/home/u")))
    }

    fn server(text: &str) -> McpServer {
        let mut found = found(text);
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        found.servers.remove("s").unwrap()
    }

    fn fault(text: &str) -> String {
        let found = found(text);
        let faults: Vec<String> = found
            .faults
            .iter()
            .map(|Located { key, trouble, .. }| format!("{key}: {}; {}", trouble.what, trouble.cure))
            .collect();
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(found.servers.is_empty() || text.contains("[mcp_servers."), "{text}");
        faults.concat()
    }

    #[test]
    fn every_key_of_a_process_is_taken() {
        let server = server(
            "command = \"~/bin/x\"\nargs = [\"-a\", \"${workspaceFolder}\"]\nenv = { A = \"1\" }\nenv_vars = [\"B\"]\n\
             cwd = \"~/w\"\nenabled = false\nrequired = false\nrole = \"command\"\nscope = \"project\"\nlazy = true\n\
             protocol = \"modern\"\nstartup_timeout_sec = 1.5\ntool_timeout_sec = 3600\nenabled_tools = [\"t\"]\n\
             disabled_tools = [\"u\"]\ndefault_tools_approval_mode = \"approve\"\nsupports_parallel_tool_calls = true\n\
             tools.v.approval_mode = \"prompt\"\n",
        );
        let transport = Transport::Stdio(StdioServer {
            command: "/home/u/bin/x".into(),
            args: vec!["-a".into(), "${workspaceFolder}".into()],
            env: BTreeMap::from([("A".into(), "1".into())]),
            env_vars: vec!["B".into()],
            cwd: Some("/home/u/w".into()),
        });
        let want = McpServer {
            enabled: false,
            role: Some(Role::Command),
            scope: Scope::Project,
            lazy: true,
            protocol: Protocol::Modern,
            startup_timeout: Some(Duration::from_millis(1500)),
            tool_timeout: Some(Duration::from_secs(3600)),
            enabled_tools: Some(vec!["t".into()]),
            disabled_tools: vec!["u".into()],
            approval: ApprovalMode::Approve,
            tool_approval: BTreeMap::from([("v".into(), ApprovalMode::Prompt)]),
            parallel: true,
            ..McpServer::new(transport)
        };
        assert_eq!(server, want);
    }

    #[test]
    fn every_key_of_a_server_behind_a_url_is_taken_and_the_rest_has_defaults() {
        let server = server(
            "url = \"https://x.example/mcp\"\nbearer_token_env_var = \"TOKEN\"\nhttp_headers = { X-A = \"1\" }\n\
             env_http_headers = { X-B = \"B\" }\nstartup_timeout_ms = 250\n",
        );
        let transport = Transport::Http(HttpServer {
            url: "https://x.example/mcp".into(),
            bearer_token_env_var: Some("TOKEN".into()),
            http_headers: BTreeMap::from([("X-A".into(), "1".into())]),
            env_http_headers: BTreeMap::from([("X-B".into(), "B".into())]),
        });
        let want = McpServer { startup_timeout: Some(Duration::from_millis(250)), ..McpServer::new(transport) };
        assert_eq!(server, want);
    }

    #[test]
    fn keys_of_other_programs_are_refused_with_what_to_write_here() {
        for (line, cure) in [
            ("oauth = { client_id = \"x\" }", "OAuth is not spoken"),
            ("scopes = [\"a\"]", "bearer_token_env_var"),
            ("disabled = true", "write enabled = false"),
            ("envFile = \".env\"", "name the variables in env_vars"),
            ("timeout = 5", "tool_timeout_sec"),
            ("colour = 5", "it is one of enabled, "),
            ("enable = true", "did you mean enabled?"),
        ] {
            let fault = fault(&format!("command = \"x\"\n{line}\n"));
            assert!(fault.contains("not a known key of a server; ") && fault.contains(cure), "{fault}");
        }
    }

    #[test]
    fn keys_of_the_other_transport_are_refused() {
        assert!(fault("command = \"x\"\nhttp_headers = { A = \"b\" }\n").contains("belongs to a server with a url"));
        assert!(fault("url = \"https://x.example\"\nargs = []\n").contains("belongs to a server with a command"));
        assert!(fault("url = \"https://x.example\"\nscope = \"project\"\n").contains("has no project"));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for (line, word) in [
            ("tool_timeout_sec = 0", "out of range"),
            ("tool_timeout_sec = 3600.1", "out of range"),
            ("startup_timeout_ms = 1.5", "a fraction cannot stand here"),
            ("startup_timeout_ms = 1\nstartup_timeout_sec = 1", "keep one of the two"),
            ("role = \"Filesystem\"", "did you mean \"filesystem\"?"),
            ("scope = \"local\"", "\"user\", \"project\""),
            ("args = \"-x\"", "is no list"),
            ("args = [1]", "is no list"),
            ("env = [\"A=1\"]", "is no table"),
            ("env = { \"A B\" = \"1\" }", "is no name of a variable"),
            ("env_vars = [\"A=1\"]", "is no name of a variable"),
            ("env_vars = [{ name = \"A\" }]", "is no list"),
            ("env_vars = [\"A\"]\nenv = { A = \"1\" }", "stands in env_vars, too"),
            ("cwd = \"work\"", "is no absolute path"),
            ("args = [\"${workspaceFolder}/x\"]", "add scope = \"project\""),
            ("env = { A = \"${workspaceFolder}\" }", "add scope = \"project\""),
            ("cwd = \"${workspaceFolder}\"", "add scope = \"project\""),
            ("tools = { x = \"approve\" }", "tools.NAME.approval_mode"),
            ("tools.x.approval_mode = \"never\"", "\"auto\", \"prompt\", \"approve\""),
            ("tools.x.enabled = true", "holds approval_mode and nothing else"),
            ("enabled_tools = [\"\"]", "no name of a tool"),
            ("enabled = false\nrequired = true", "would wait for what never starts"),
        ] {
            let fault = fault(&format!("command = \"x\"\n{line}\n"));
            assert!(fault.contains(word), "{fault}");
        }
        for (command, word) in [
            ("npx -y x", "no shell"),
            ("./x", "relative"),
            ("bin/x", "relative"),
            (" ", "empty"),
            ("${workspaceFolder}/x", "args, env and cwd"),
        ] {
            let fault = fault(&format!("command = \"{command}\"\n"));
            assert!(fault.contains(word), "{fault}");
        }
    }

    #[test]
    fn headers_are_valid_set_once_and_not_those_of_the_protocol() {
        for (lines, word) in [
            ("http_headers = { \"A B\" = \"1\" }", "no name of a header"),
            ("http_headers = { A = \"é\" }", "no header can carry"),
            ("http_headers = { A = \"1\\r\\nB: 2\" }", "no header can carry"),
            ("http_headers = { Mcp-Session-Id = \"1\" }", "protocol sets itself"),
            ("http_headers = { X-A = \"1\" }\nenv_http_headers = { x-a = \"A\" }", "set twice"),
            ("bearer_token_env_var = \"T\"\nenv_http_headers = { authorization = \"A\" }", "set twice"),
            ("env_http_headers = { X-A = \"not a name\" }", "no name of a variable"),
        ] {
            let fault = fault(&format!("url = \"https://x.example\"\n{lines}\n"));
            assert!(fault.contains(word), "{fault}");
        }
    }

    #[test]
    fn two_servers_share_neither_a_role_nor_a_name_but_for_capitals() {
        let role = "command = \"x\"\nrole = \"command\"\n";
        assert!(fault(&format!("{role}[mcp_servers.t]\n{role}")).contains("s has the role command, too"));
        let off = format!("{role}[mcp_servers.t]\n{role}enabled = false\n");
        assert!(found(&off).faults.is_empty());
        assert!(fault("command = \"x\"\n[mcp_servers.S]\ncommand = \"x\"\n").contains("in capitals only"));
    }

    #[test]
    fn names_and_the_number_of_servers_are_bounded() {
        for name in ["a b", "", "ü", "x.y", &"n".repeat(41)] {
            let fault = fault(&format!("command = \"x\"\n[mcp_servers.\"{name}\"]\ncommand = \"x\"\n"));
            assert!(fault.contains("at most 40 letters"), "{fault}");
        }
        let many: String = (0..SERVERS_MAX).map(|n| format!("[mcp_servers.s{n}]\ncommand = \"x\"\n")).collect();
        assert!(fault(&format!("command = \"x\"\n{many}")).contains("more than 64 servers"));
    }
}
