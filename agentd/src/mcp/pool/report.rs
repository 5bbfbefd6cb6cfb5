//! Rows, warnings and lines for people. Everything in them is redacted.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Pool, View};
use crate::{
    config::{McpServer, Transport},
    mcp::{
        server::{
            Instance, Source, State,
            status::{Status, millis},
        },
        spelled,
    },
    sync::lock,
};

/// Servers that are named in one line; the rest is a number.
const NAMED_MAX: usize = 5;

impl Pool {
    /// Every server of the view, by name.
    pub fn report(&self, view: &View) -> Vec<proto::McpServer> {
        let mut rows: Vec<_> = view.servers().map(|(name, ..)| self.row(view, name)).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    /// One server of the view.
    pub(super) fn row(&self, view: &View, name: &str) -> proto::McpServer {
        let mut row =
            proto::McpServer { name: name.to_owned(), state: State::Idle.name().to_owned(), ..Default::default() };
        let Some((source, config)) = view.server(name) else { return row };
        self.say_what_it_is(&mut row, source, config);
        if !config.enabled {
            row.state = State::Disabled.name().to_owned();
            return row;
        }
        let project = view.key(name, source, config).and_then(|key| key.project);
        row.project = project.as_ref().map(|root| root.to_string_lossy().into_owned()).unwrap_or_default();
        let instance = self.running(view, name);
        let listed = instance.as_ref().and_then(|instance| instance.listed(&self.common));
        if let Some(instance) = instance {
            say_how_it_is(&mut row, &instance.status());
            instance.figures.fill(&mut row);
        }
        let offered = |tools: &[crate::mcp::client::RemoteTool]| {
            let offered = tools.iter().filter(|tool| config.offers(&tool.name));
            u32::try_from(offered.count()).unwrap_or(u32::MAX)
        };
        let remembered = || self.common.known.get(config, project.as_deref()).map(|known| known.tools);
        row.tools = listed.map(|listed| listed.tools).or_else(remembered).map_or(0, |tools| offered(&tools));
        row
    }

    fn say_what_it_is(&self, row: &mut proto::McpServer, source: Source, config: &McpServer) {
        let transport = match &config.transport {
            Transport::Stdio(_) => "stdio",
            Transport::Http(_) => "http",
        };
        row.source = source.name().to_owned();
        row.transport = transport.to_owned();
        row.command = self.common.texts.line(&spelled::command(&config.transport));
        row.role = config.role.map_or("", crate::config::Role::name).to_owned();
    }

    /// One line for `status`: `3 of 4 ready; git is starting`.
    pub fn describe(&self) -> String {
        let books = lock(&self.books);
        if books.servers.is_empty() && books.instances.is_empty() {
            return "none configured".to_owned();
        }
        let states: Vec<(String, State)> = books.instances.values().filter(|one| is_told(one)).map(named).collect();
        drop(books);
        if states.is_empty() {
            return "none is needed".to_owned();
        }
        let (ready, rest): (Vec<_>, Vec<_>) = states.iter().partition(|(_, state)| *state == State::Ready);
        let mut line = format!("{} of {} ready", ready.len(), states.len());
        for (at, (name, state)) in rest.iter().take(NAMED_MAX).enumerate() {
            let sign = if at == 0 { ';' } else { ',' };
            line.push_str(&format!("{sign} {name} is {}", state.name()));
        }
        if rest.len() > NAMED_MAX {
            line.push_str(&format!(", and {} more", rest.len() - NAMED_MAX));
        }
        line
    }

    /// What is not as it should be, one sentence each, redacted.
    pub fn warnings(&self) -> Vec<String> {
        let instances: Vec<Arc<Instance>> = lock(&self.books).instances.values().cloned().collect();
        let said = instances.iter().flat_map(|instance| warnings_of(&instance.key.name, &instance.status()));
        let mut said: Vec<String> = said.collect();
        // By name and project: of a server that has the same trouble in many projects it is said once.
        said.dedup();
        said
    }
}

/// An instance of a project is worth a word only while it runs.
fn is_told(instance: &Arc<Instance>) -> bool {
    instance.key.project.is_none() || instance.status().state != State::Idle
}

fn named(instance: &Arc<Instance>) -> (String, State) {
    (instance.key.name.clone(), instance.status().state)
}

fn warnings_of(name: &str, status: &Status) -> Vec<String> {
    let mut said = Vec::new();
    if status.state == State::Failed {
        let cure =
            if status.cure.is_empty() { format!("type: agentctl mcp logs {name}") } else { cure_of(name, status) };
        said.push(format!("MCP server {name} has failed: {}; {cure}", status.why));
    }
    said.extend(status.left_out.iter().map(|why| format!("MCP server {name}: {why}")));
    said
}

fn cure_of(name: &str, status: &Status) -> String {
    status.cure.replace("NAME", name)
}

fn say_how_it_is(row: &mut proto::McpServer, status: &Status) {
    let now = Instant::now();
    row.state = status.state.name().to_owned();
    row.error = match status.cure.is_empty() || status.why.is_empty() {
        true => status.why.clone(),
        false => format!("{}; {}", status.why, cure_of(&row.name, status)),
    };
    row.era = status.era.map_or("", crate::mcp::client::Era::name).to_owned();
    row.server = status.server.clone();
    row.pid = status.pid;
    let ready_at = status.ready_at.filter(|_| status.state == State::Ready);
    // Ready for less than a millisecond is ready.
    row.uptime_ms = ready_at.map_or(0, |since| millis(now - since).max(1));
    row.start_ms = status.start_ms;
    row.next_try_ms = status.next_try.map(|at| millis(at.saturating_duration_since(now)));
    row.restarts = status.starts.saturating_sub(1);
}
