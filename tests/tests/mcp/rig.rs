//! What every test of this suite works with: a desk whose daemon has servers, a tag to find their processes by, and
//! notes of what each server was asked.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tests::{
    Home, Output, bins,
    mcp::{RealServers, Tag},
    provider::{Options, Scenario},
    runs, wait_some,
};

use crate::desk::Desk;

/// For a server to come up: far above what it takes on a busy machine.
pub(crate) const UP: Duration = Duration::from_secs(60);
/// Within this time nothing of a server may be left after its daemon is gone, however it went.
pub(crate) const GONE: Duration = Duration::from_secs(10);

/// A server in the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    name: String,
    command: String,
    url: String,
    arguments: Vec<String>,
    keys: String,
    noted: bool,
}

impl Server {
    /// The one that misbehaves, with these arguments.
    pub(crate) fn chaos(name: &str, arguments: &[&str]) -> Self {
        let command = bins!().mcp_chaos.to_str().unwrap().to_owned();
        Self { noted: true, ..Self::command(name, &command, arguments) }
    }

    /// Any program.
    pub(crate) fn command(name: &str, command: &str, arguments: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            command: command.to_owned(),
            url: String::new(),
            arguments: arguments.iter().map(|&one| one.to_owned()).collect(),
            keys: String::new(),
            noted: false,
        }
    }

    /// Somebody else's, at this address.
    pub(crate) fn url(name: &str, url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::command(name, "", &[]) }
    }

    /// With more lines of TOML.
    pub(crate) fn keys(mut self, lines: &str) -> Self {
        writeln!(self.keys, "{lines}").unwrap();
        self
    }

    fn toml(&self, notes: &Path, tag: &Tag) -> String {
        let mut arguments = self.arguments.clone();
        if self.noted {
            let notes = notes.join(&self.name);
            fs::create_dir_all(&notes).unwrap();
            arguments.extend(["--tag", tag.as_str(), "--state", notes.to_str().unwrap()].map(str::to_owned));
        }
        // A JSON text is a TOML string, too.
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let arguments: Vec<String> = arguments.iter().map(|one| text(one)).collect();
        let (name, command) = (&self.name, text(&self.command));
        if !self.url.is_empty() {
            return format!("[mcp_servers.{name}]\nurl = {}\n{}\n", text(&self.url), self.keys);
        }
        format!("[mcp_servers.{name}]\ncommand = {command}\nargs = [{}]\n{}\n", arguments.join(", "), self.keys)
    }
}

/// A desk with servers.
pub(crate) struct Rig {
    pub(crate) desk: Desk,
    pub(crate) tag: Tag,
}

fn notes_dir(home: &Home) -> PathBuf {
    home.root().join("notes")
}

pub(crate) fn configure(home: &Home, tag: &Tag, servers: &[Server], more: &str) {
    let servers: String = servers.iter().map(|server| server.toml(&notes_dir(home), tag)).collect();
    home.config(&format!("{more}\n{servers}"));
}

impl Rig {
    /// A warm daemon with these servers, and a provider that echoes.
    #[track_caller]
    pub(crate) fn new(servers: &[Server]) -> Self {
        Self::with(servers, "", |_| {})
    }

    /// The same with more configuration, in a home that is prepared first.
    #[track_caller]
    pub(crate) fn with(servers: &[Server], more: &str, prepare: impl FnOnce(&Home)) -> Self {
        let tag = Tag::new();
        let desk = Desk::with(Options { scenario: Scenario::new(), ..Options::default() }, |home| {
            configure(home, &tag, servers, more);
            prepare(home);
        });
        Self { desk, tag }
    }

    /// A warm daemon with servers that need to know where the real ones are, if they are installed.
    #[track_caller]
    pub(crate) fn real(servers: impl FnOnce(&RealServers, &Home) -> Vec<Server>) -> Option<(Self, RealServers)> {
        let real = RealServers::find(&Home::with(bins!()))?;
        let tag = Tag::new();
        let desk = Desk::with(Options { scenario: Scenario::new(), ..Options::default() }, |home| {
            configure(home, &tag, &servers(&real, home), "");
        });
        Some((Self { desk, tag }, real))
    }

    /// Writes another configuration and has the daemon read it.
    #[track_caller]
    pub(crate) fn reload(&self, servers: &[Server]) -> Output {
        configure(&self.desk.home, &self.tag, servers, "");
        self.desk.ctl(["daemon", "reload"]).run().expect_ok()
    }

    /// `agentctl mcp call`, run to its end.
    #[track_caller]
    pub(crate) fn call(&self, server: &str, tool: &str, arguments: &Value) -> Output {
        self.desk.ctl(["mcp", "call", server, tool, &arguments.to_string()]).timeout(UP * 3).run()
    }

    /// Its text; the call has to succeed.
    #[track_caller]
    pub(crate) fn text(&self, server: &str, tool: &str, arguments: &Value) -> String {
        self.call(server, tool, arguments).expect_ok().stdout.trim_end().to_owned()
    }

    /// `agentctl mcp list --json`.
    #[track_caller]
    pub(crate) fn list(&self) -> Value {
        self.desk.ctl(["mcp", "list", "--json"]).run().expect_ok().json()
    }

    /// One server of the list. Asked over the socket: this is done again and again.
    #[track_caller]
    pub(crate) fn server(&self, name: &str) -> Value {
        let list = self.desk.home.rpc().call("mcp.list", &json!({ "cwd": self.desk.project })).unwrap();
        let servers = list["servers"].as_array().unwrap();
        let found = servers.iter().find(|server| server["name"] == name);
        found.cloned().unwrap_or_else(|| panic!("{name} is not in {list}"))
    }

    /// Waits until the server is in this state; returns what the list says of it then.
    #[track_caller]
    pub(crate) fn wait(&self, name: &str, state: &str) -> Value {
        self.wait_for(name, state, |server| server["state"] == state)
    }

    /// Waits until this holds for the server; returns what the list says of it then.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let mut found = false;
        tests::holds_within(UP, || {
            last = self.server(name);
            found = holds(&last);
            // What has failed for good is not waited for.
            found || last["state"] == "failed"
        });
        assert!(found, "{name} is not {what}: {last}");
        last
    }

    /// The process id of a running server, once it is ready.
    #[track_caller]
    pub(crate) fn pid(&self, name: &str) -> u32 {
        let pid = u32::try_from(self.wait(name, "ready")["pid"].as_u64().unwrap()).unwrap();
        assert!(runs(pid), "{name} is said to be process {pid}");
        pid
    }

    /// The lines that a server of ours has noted in this file.
    pub(crate) fn notes(&self, server: &str, file: &str) -> Vec<String> {
        let text = fs::read_to_string(notes_dir(&self.desk.home).join(server).join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until a server of ours has noted a line that starts so.
    #[track_caller]
    pub(crate) fn wait_note(&self, server: &str, file: &str, start: &str) -> String {
        let what = format!("{start:?} in {file} of {server}");
        wait_some(UP, &what, || self.notes(server, file).into_iter().find(|line| line.starts_with(start)))
    }

    /// How often a server of ours was called by this name.
    pub(crate) fn calls(&self, server: &str, tool: &str) -> usize {
        self.notes(server, "calls").iter().filter(|line| line.split(' ').next() == Some(tool)).count()
    }

    /// Ends the daemon in good order; no process of any server is left.
    #[track_caller]
    pub(crate) fn close(self) {
        let Self { desk, tag } = self;
        desk.close();
        tag.assert_gone_within(GONE);
    }
}
