//! One TOML document against the table: settings with their lines, servers, and every fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Key, McpServers,
    fault::{Fault, Place},
    kind::Raw,
    mcp::{
        check,
        parse::{self, Located},
    },
    table::{self, KEYS},
};

/// The section of the servers; its tables are no keys of the table.
const SERVERS: &str = "mcp_servers";

/// One checked line of the file.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) value: super::Value,
    pub(super) line: usize,
}

/// What a document says.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Keys of the table, without those that have faults.
    pub(super) settings: Vec<Setting>,
    /// Servers, without those that have faults.
    pub(super) servers: McpServers,
    /// Lines of servers and of their keys.
    pub(super) lines: ServerLines,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
}

/// Lines by server and by `key` or `key.entry`; the server itself is the empty key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerLines(BTreeMap<String, BTreeMap<String, usize>>);

impl ServerLines {
    /// The line of a key, or of what is around it.
    pub(super) fn line(&self, server: &str, key: &str) -> usize {
        let outer = key.split('.').next().unwrap_or_default();
        let keys = self.0.get(server);
        let found = keys.and_then(|keys| [key, outer, ""].into_iter().find_map(|key| keys.get(key)));
        found.copied().unwrap_or_default()
    }
}

/// Reads a document. `home` replaces `~` in paths.
pub(super) fn read(text: &str, path: &Path, home: Option<&Path>) -> Document {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, path, home, found: Document::default() };
    let mut broken = BTreeSet::new();
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        // One broken line makes several errors; the first tells what is wrong.
        if broken.insert(reader.line(at)) {
            reader.syntax(at, error.span().and_then(|span| text.get(span)), error.message());
        }
    }
    let syntax_faults = reader.found.faults.len();
    reader.document(document.get_ref());
    let mut found = reader.found;
    // What was recovered from a broken line is a guess.
    let kept: Vec<Fault> =
        found.faults.drain(syntax_faults..).filter(|fault| !broken.contains(&line_of(fault))).collect();
    found.faults.extend(kept);
    found
}

fn line_of(fault: &Fault) -> usize {
    match &fault.place {
        Place::File(_, line) => *line,
        Place::Environment(_) => 0,
    }
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    home: Option<&'a Path>,
    found: Document,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn fault(&mut self, at: usize, key: impl Into<String>, what: impl Into<String>, cure: impl Into<String>) {
        let place = Place::File(self.path.to_owned(), self.line(at));
        self.found.faults.push(Fault { place, key: key.into(), what: what.into(), cure: cure.into() });
    }

    /// The parser's own words describe what it expected, never what stands there.
    fn syntax(&mut self, at: usize, name: Option<&str>, message: &str) {
        if message != "duplicate key" {
            let cure = "write key = value, with text in \"quotes\"";
            return self.fault(at, "", format!("not valid TOML: {message}"), cure);
        }
        let name = name.unwrap_or_default();
        let key = match self.section_before(at) {
            // The header itself stands twice, or a server's key.
            Some(section) if section.starts_with(SERVERS) => format!("{}.{name}", section.trim_end_matches('.')),
            _ if table::sections().any(|section| section == name) => format!("[{name}]"),
            Some(section) => format!("{section}.{name}"),
            None => name.to_owned(),
        };
        self.fault(at, key, "stands here a second time", "keep one of the two");
    }

    fn section_before(&self, at: usize) -> Option<String> {
        let before = self.text.get(..at)?;
        let header = before.lines().rev().map(str::trim).find(|line| line.starts_with('['))?;
        header.trim_start_matches('[').split(']').next().map(|name| name.trim().to_owned())
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let at = name.span().start;
            let section = name.get_ref().as_ref();
            if let (SERVERS, DeValue::Table(servers)) = (section, value.get_ref()) {
                self.servers(servers);
            } else if !sections().any(|known| known == section) {
                self.unknown_section(at, section, value.get_ref());
            } else if let DeValue::Table(keys) = value.get_ref() {
                self.section(section, keys);
            } else {
                let cure = format!("write [{section}] on a line of its own and its keys below");
                self.fault(at, format!("[{section}]"), "is a section, not a key", cure);
            }
        }
    }

    fn unknown_section(&mut self, at: usize, name: &str, value: &DeValue<'_>) {
        let version = env!("CARGO_PKG_VERSION");
        if !matches!(value, DeValue::Table(_) | DeValue::Array(_)) {
            let home = KEYS.iter().find(|key| key.name == name);
            let cure = match home {
                Some(key) => format!("write it below [{}]", key.section),
                None => "put keys below their section, and see agentd config show for all of them".to_owned(),
            };
            return self.fault(at, shown(name), "stands outside of any section", cure);
        }
        let cure = match table::nearest(name, sections()) {
            Some(near) => format!("did you mean [{near}]?"),
            None => format!("remove it, or use one of {}", sections().collect::<Vec<_>>().join(", ")),
        };
        self.fault(at, format!("[{}]", shown(name)), format!("a section not known to this version ({version})"), cure);
    }

    fn servers(&mut self, servers: &DeTable<'_>) {
        let parse::Found { servers, spans, faults } = parse::read(servers, self.home);
        for Located { at, key, trouble } in faults {
            self.fault(at, key, trouble.what, trouble.cure);
        }
        let lines = |spans: parse::Spans| spans.into_iter().map(|(key, at)| (key, self.line(at))).collect();
        let lines = ServerLines(spans.into_iter().map(|(server, spans)| (server, lines(spans))).collect());
        (self.found.servers, self.found.lines) = (servers, lines);
    }

    fn section(&mut self, section: &str, keys: &DeTable<'_>) {
        for (name, value) in keys {
            match table::find(section, name.get_ref()) {
                Some(key) => self.setting(key, name.span().start, value),
                None => self.unknown_key(section, name),
            }
        }
    }

    fn setting(&mut self, key: &'static Key, at: usize, value: &Spanned<DeValue<'_>>) {
        match key.kind.check(&Raw::from_toml(value.get_ref()), self.home) {
            Ok(value) => self.found.settings.push(Setting { key, value, line: self.line(at) }),
            Err(trouble) => self.fault(at, key.full_name(), trouble.what, trouble.cure),
        }
    }

    fn unknown_key(&mut self, section: &str, name: &Spanned<std::borrow::Cow<'_, str>>) {
        let (at, name) = (name.span().start, name.get_ref().as_ref());
        let in_section = || KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
        let elsewhere = KEYS.iter().find(|key| key.name == name).map(Key::full_name);
        let cure = if matches!(name, "api_key" | "key" | "token" | "apikey" | "secret") {
            "keys do not belong in this file: name a variable in provider.api_key_env or a file in provider.api_key_file"
                .to_owned()
        } else if let Some(full) = elsewhere {
            format!("did you mean {full}?")
        } else if let Some(near) = table::nearest(name, in_section()) {
            format!("did you mean {section}.{near}?")
        } else {
            format!("[{section}] has {}", in_section().collect::<Vec<_>>().join(", "))
        };
        self.fault(at, format!("{section}.{}", shown(name)), "not a known key", cure);
    }
}

/// Every section that may stand in the file.
fn sections() -> impl Iterator<Item = &'static str> {
    table::sections().chain([SERVERS])
}

impl Document {
    /// Says what is wrong with where servers would get the provider's key, which is in the variable `key_env`.
    pub(super) fn provider_key_faults(
        servers: &McpServers,
        lines: &ServerLines,
        path: &Path,
        key_env: &str,
    ) -> Vec<Fault> {
        let found = check::provider_key(servers, key_env).into_iter();
        found
            .map(|(server, objection)| Fault {
                place: Place::File(path.to_owned(), lines.line(&server, &objection.key)),
                key: check::full_name(&server, &objection.key),
                what: objection.what,
                cure: objection.cure,
            })
            .collect()
    }
}

/// A name as it can stand in a one-line message.
fn shown(name: &str) -> String {
    name.chars().take(64).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let mut faults = read(text, Path::new("c.toml"), None).faults;
        faults.sort_by(|a, b| a.place.cmp(&b.place));
        faults.iter().map(Fault::to_string).collect()
    }

    fn settings(text: &str) -> Vec<String> {
        let Document { settings, faults, .. } = read(text, Path::new("c.toml"), None);
        assert_eq!(faults, []);
        settings.iter().map(|s| format!("{}:{}={}", s.line, s.key.full_name(), s.value.to_toml())).collect()
    }

    #[test]
    fn headers_dotted_keys_inline_tables_and_a_byte_order_mark_all_work() {
        assert_eq!(settings("\u{feff}# c\n[log]\nlevel = \"warn\"\n"), ["3:log.level=\"warn\""]);
        assert_eq!(settings("log.level = 'warn'"), ["1:log.level=\"warn\""]);
        assert_eq!(settings("server = { allow_uids = [2, 1, 2] }"), ["1:server.allow_uids=[1, 2]"]);
        assert_eq!(settings("[provider]\r\nmax_tokens = 0x10\r\n"), ["2:provider.max_tokens=16"]);
    }

    #[test]
    fn many_faults_come_together_each_with_its_line_and_cure() {
        let text = "[provider]\nkind = \"deepsek\"\nmodle = \"x\"\nmax_attempts = 99\n[log]\nlevel = 3\n[lgo]\n";
        assert_eq!(
            faults(text),
            [
                "c.toml:2: provider.kind: \"deepsek\" is not known; did you mean \"deepseek\"? It is one of \"auto\", \
                 \"deepseek\", \"openai\", \"ollama\", \"offline\"",
                "c.toml:3: provider.modle: not a known key; did you mean provider.model?",
                "c.toml:4: provider.max_attempts: 99 is out of range; write a whole number from 1 to 10",
                "c.toml:6: log.level: a whole number cannot stand here; write one of \"error\", \"warn\", \"info\", \
                 \"debug\", \"trace\"",
                "c.toml:7: [lgo]: a section not known to this version (0.1.0); did you mean [log]?",
            ]
        );
    }

    #[test]
    fn sections_of_other_versions_are_refused_as_such() {
        for section in ["policy", "sandbox", "budget", "prices", "audit", "metrics", "shared"] {
            let found = faults(&format!("[{section}]\nx = 1\n"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("not known to this version") && !found[0].contains("did you mean"), "{found:?}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_place_is_sent_to_the_right_one() {
        assert!(faults("max_turns = 3\n")[0].ends_with("write it below [limits]"));
        assert!(faults("[provider]\nmax_turns = 3\n")[0].ends_with("did you mean limits.max_turns?"));
        assert!(faults("log = 3\n")[0].contains("[log]: is a section, not a key"));
        assert!(faults("[[log]]\nlevel = \"info\"\n")[0].contains("[log]: is a section, not a key"));
    }

    #[test]
    fn a_broken_line_is_one_fault_and_the_others_are_still_found() {
        let found = faults("[log]\nlevel = info\nkeep_days = 0\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("c.toml:2: not valid TOML: "), "{found:?}");
        assert!(found[1].starts_with("c.toml:3: log.keep_days: 0 is out of range"), "{found:?}");
    }

    #[test]
    fn a_key_or_section_that_stands_twice_is_named() {
        assert_eq!(
            faults("[log]\nlevel = \"info\"\nlevel = \"warn\"\n"),
            ["c.toml:3: log.level: stands here a second time; keep one of the two"]
        );
        assert_eq!(
            faults("[log]\nlevel = \"info\"\n[chat]\n[log]\n"),
            ["c.toml:4: [log]: stands here a second time; keep one of the two"]
        );
    }

    #[test]
    fn the_faults_of_servers_come_with_those_of_keys_each_at_its_line() {
        let text = "[log]\nlevel = 3\n[mcp_servers.git]\ncommnad = \"x\"\n[mcp_servers.two]\ncommand = \"x\"\n\
                    env = { A = 1 }\nurl = \"https://x.example\"\n[mcpservers.x]\n";
        assert_eq!(
            faults(text),
            [
                "c.toml:2: log.level: a whole number cannot stand here; write one of \"error\", \"warn\", \"info\", \
                 \"debug\", \"trace\"",
                "c.toml:3: mcp_servers.git: has neither command nor url; write command = \"PROGRAM\" for a process, or \
                 url = \"https://…\" for one behind a URL",
                "c.toml:4: mcp_servers.git.commnad: not a known key of a server; did you mean command?",
                "c.toml:7: mcp_servers.two.env.A: is no text, or too long a one; write it in \"quotes\"",
                "c.toml:8: mcp_servers.two.url: stands beside command; a server has one of the two: remove the other",
                "c.toml:9: [mcpservers]: a section not known to this version (0.1.0); did you mean [mcp_servers]?",
            ]
        );
        for text in ["[mcp_servers]\nx = 1\n", "mcp_servers = 1\n", "[mcp_servers.x]\ncommand = \"\"\n"] {
            assert_eq!(faults(text).len(), 1, "{text}");
        }
        let twice = faults("[mcp_servers.x]\ncommand = \"y\"\n[mcp_servers.x]\ncommand = \"z\"\n");
        assert_eq!(
            twice,
            [
                "c.toml:3: mcp_servers.x: stands here a second time; keep one of the two",
                "c.toml:4: mcp_servers.x.command: stands here a second time; keep one of the two",
            ]
        );
    }

    #[test]
    fn a_server_knows_the_lines_of_its_keys() {
        let read = read("\n[mcp_servers.x]\ncommand = \"y\"\n[mcp_servers.x.env]\nA = \"1\"\n", Path::new("c"), None);
        assert_eq!(read.faults, []);
        let line = |key: &str| read.lines.line("x", key);
        assert_eq!([line(""), line("command"), line("env.A"), line("args")], [2, 3, 5, 2]);
    }

    #[test]
    fn a_pasted_key_is_never_quoted() {
        let secret = "sk-0123456789abcdef0123456789abcdef";
        for text in [
            format!("[provider]\napi_key = \"{secret}\"\n"),
            format!("[provider]\napi_key_env = \"{secret}\"\n"),
            format!("[provider]\napi_key_file = \"{secret}\"\n"),
            format!("[provider]\napi_key_env = {secret}\n"),
            format!("[provider]\nbase_url = \"https://{secret}@example.com\"\n"),
            format!("[provider]\nmax_tokens = \"{secret}\"\n"),
            format!("[mcp_servers.x]\nurl = \"https://x.example?token={secret}\"\n"),
            format!("[mcp_servers.x]\nurl = \"https://x.example\"\nbearer_token = \"{secret}\"\n"),
            format!("[mcp_servers.x]\nurl = \"https://x.example\"\nbearer_token_env_var = \"{secret}\"\n"),
            format!("[mcp_servers.x]\nurl = \"https://x.example\"\nenv_http_headers = {{ A = \"{secret}\" }}\n"),
            format!("[mcp_servers.x]\ncommand = \"x\"\nenv_vars = [\"A={secret}\"]\n"),
            format!("[mcp_servers.x]\ncommand = \"x\"\nenabled = \"{secret}\"\n"),
        ] {
            let found = faults(&text).join("\n");
            assert!(!found.is_empty() && !found.contains(secret), "{found}");
        }
    }

    #[test]
    fn garbage_is_faults_and_never_a_panic() {
        for text in
            ["\0\0\0", "[", "[[[[", "=", "\"", "'''", "a.b.c.d = {", "\u{7f}", "[log]\nlevel = \"\\uD800\"", "[ ]"]
        {
            assert!(!faults(text).is_empty(), "{text:?}");
        }
        assert!(!faults(&"[".repeat(100_000)).is_empty());
        assert!(!faults(&format!("a = {}", "[".repeat(100_000))).is_empty());
    }
}
