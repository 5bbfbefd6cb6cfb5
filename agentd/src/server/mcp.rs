//! Requests about MCP servers.
//!
//! Owns which servers a request sees: the user's, and those of the project's own file once the user approved it. A file
//! that is not approved is shown and nothing in it is started. Everything told is redacted, errors by the dispatch.
//! Refuses a call that cannot be meant: a server or a tool that is not there gets the nearest name, not a try.

mod told;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use proto::{
    ErrorKind, Failure, McpApproveReport, McpApproveRequest, McpCallReport, McpCallRequest, McpLogsReport,
    McpLogsRequest, McpReport, McpRestartReport, McpToolsReport, Request, Response,
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::dispatch::Origin;
use crate::{
    config::{self, McpServer},
    daemon::Daemon,
    mcp::{
        client::CALL_CAP,
        pool::{PoolCall, PoolError, Serve as _, View, Wait},
        project_file::{self, ProjectFile},
        server::State,
    },
    redact::Redactor,
    tools::Project,
};

/// Carries out one request of the family `mcp`.
pub(super) async fn handle(daemon: &Arc<Daemon>, from: &Origin, request: Request) -> Result<Response, Failure> {
    Ok(match request {
        Request::McpList(list) => Desk::open(daemon, &list.cwd).await?.list().into(),
        Request::McpTools(tools) => Desk::open(daemon, &tools.cwd).await?.tools(&tools.server).await?.into(),
        Request::McpCall(call) => {
            let begun = Instant::now();
            Desk::open(daemon, &call.cwd).await?.call(call, begun, from.token.child_token()).await?.into()
        }
        Request::McpRestart(restart) => Desk::open(daemon, &restart.cwd).await?.restart(&restart.server).await?.into(),
        Request::McpLogs(logs) => Desk::open(daemon, &logs.cwd).await?.logs(&logs)?.into(),
        Request::McpApprove(word) => approve(daemon, word).await?.into(),
        other => {
            let message = format!("{} is not a request about MCP servers", other.method());
            return Err(Failure::new(ErrorKind::Internal, message));
        }
    })
}

/// Where the servers that one request sees are looked after.
struct Desk<'a> {
    daemon: &'a Daemon,
    redactor: Redactor,
    view: View,
    /// The project's own file, approved or not.
    file: Option<ProjectFile>,
}

impl<'a> Desk<'a> {
    /// Looks at the project around a directory; without one only the user's servers are seen.
    async fn open(daemon: &'a Daemon, cwd: &str) -> Result<Self, Failure> {
        let user = Arc::clone(&daemon.config().mcp_servers);
        let (project, file) = match cwd {
            "" => (None, None),
            cwd => look(daemon, cwd).await?,
        };
        let own = file.as_ref().filter(|file| file.approved).map(|file| Arc::clone(&file.servers)).unwrap_or_default();
        let view = View { user, project, own };
        daemon.mcp.note_project(&view);
        // Not before: by now it knows what the project's file gives to its servers.
        let redactor = daemon.redactors().kept(false).clone();
        Ok(Self { daemon, redactor, view, file })
    }

    fn list(&self) -> McpReport {
        let mut servers = self.daemon.mcp.report(&self.view);
        if let (Some(file), Some(root)) = (self.unapproved(), &self.view.project) {
            let news = file.servers.iter().filter(|(name, _)| !self.view.user.contains_key(*name));
            servers.extend(news.map(|(name, server)| told::unapproved(name, server, root)));
            servers.sort_by(|a, b| (&a.name, &a.project).cmp(&(&b.name, &b.project)));
        }
        let servers = servers.into_iter().map(|server| told::server(&self.redactor, server)).collect();
        McpReport { servers, project: self.file.as_ref().map(|file| told::project(&self.redactor, file)) }
    }

    /// The project's file, if it is there and not approved.
    fn unapproved(&self) -> Option<&ProjectFile> {
        self.file.as_ref().filter(|file| !file.approved)
    }

    /// A server of the view by its name.
    fn server(&self, name: &str) -> Result<&McpServer, Failure> {
        if let Some(server) = self.view.user.get(name).or_else(|| self.view.own.get(name)) {
            return Ok(server);
        }
        if self.unapproved().is_some_and(|file| file.servers.contains_key(name)) {
            let message =
                format!("{name} stands in this project's {}, which you have not approved", project_file::PROJECT_FILE);
            return Err(Failure::new(ErrorKind::Refused, message).hint("agentctl mcp approve shows the file and asks"));
        }
        let names = self.view.user.keys().chain(self.view.own.keys()).map(String::as_str);
        let hint = match config::nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => "agentctl mcp list shows what there is; agentctl mcp add NAME -- COMMAND adds one".to_owned(),
        };
        Err(Failure::new(ErrorKind::NotFound, format!("there is no MCP server named {name:?}")).hint(hint))
    }

    async fn tools(&self, server: &str) -> Result<McpToolsReport, Failure> {
        let only = Some(server).filter(|server| !server.is_empty());
        if let Some(server) = only {
            self.server(server)?;
        }
        let tools = self.daemon.mcp.tools(&self.view, only);
        let redactor = self.redactor.clone();
        // Hundreds of schemas take their time.
        let tools = aside(move || tools.into_iter().map(|tool| told::tool(&redactor, tool)).collect()).await?;
        Ok(McpToolsReport { tools })
    }

    async fn call(
        &self,
        call: McpCallRequest,
        begun: Instant,
        cancel: CancellationToken,
    ) -> Result<McpCallReport, Failure> {
        self.refuse_when_draining()?;
        let arguments = arguments(&call.arguments)?;
        let tool = self.tool(self.server(&call.server)?, &call)?;
        let timeout = (call.timeout_ms > 0).then(|| Duration::from_millis(call.timeout_ms).min(CALL_CAP));
        let server = call.server.clone();
        let call = PoolCall { server: call.server, tool, arguments, timeout, cancel, wait: Wait::ForStart };
        let result = self.daemon.mcp.call(&self.view, call).await.map_err(|error| told::failed(&server, &error))?;
        let (ok, redactor) = (!result.is_error, self.redactor.clone());
        // A result may have many megabytes.
        let text = aside(move || told::text(&redactor, &result)).await?;
        Ok(McpCallReport { text, ok, elapsed_ms: begun.elapsed().as_secs_f64() * 1000.0 })
    }

    /// The tool as its server calls it. What is not known is refused only while the server's own list is at hand.
    fn tool(&self, server: &McpServer, call: &McpCallRequest) -> Result<String, Failure> {
        let tools = self.daemon.mcp.tools(&self.view, Some(&call.server));
        if let Some(known) = tools.iter().find(|tool| tool.tool == call.tool || tool.name == call.tool) {
            return Ok(known.tool.clone());
        }
        if !server.offers(&call.tool) {
            let message = format!("the configuration of {} leaves {} out", call.server, call.tool);
            return Err(Failure::new(ErrorKind::Refused, message)
                .hint(format!("see enabled_tools and disabled_tools of mcp_servers.{}", call.server)));
        }
        if tools.is_empty() {
            return Ok(call.tool.clone());
        }
        let hint = match config::nearest(&call.tool, tools.iter().map(|tool| tool.tool.as_str())) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("agentctl mcp tools {} shows what there is", call.server),
        };
        let message = format!("{} has no tool named {:?}", call.server, call.tool);
        Err(Failure::new(ErrorKind::NotFound, message).hint(hint))
    }

    /// Restarts a server. One that does not come up is a report too: it says why.
    async fn restart(&self, name: &str) -> Result<McpRestartReport, Failure> {
        self.refuse_when_draining()?;
        self.server(name)?;
        let server = match self.daemon.mcp.restart(&self.view, name).await {
            Ok(server) => server,
            Err(PoolError::NotReady { state: State::Failed | State::Restarting, .. } | PoolError::Failed { .. }) => {
                self.row(name).ok_or_else(|| gone(name))?
            }
            Err(error) => return Err(told::failed(name, &error)),
        };
        Ok(McpRestartReport { server: told::server(&self.redactor, server) })
    }

    /// The project's own instance if it has one, else everybody's.
    fn row(&self, name: &str) -> Option<proto::McpServer> {
        let rows = self.daemon.mcp.report(&self.view).into_iter().filter(|row| row.name == name);
        rows.max_by_key(|row| !row.project.is_empty())
    }

    fn logs(&self, logs: &McpLogsRequest) -> Result<McpLogsReport, Failure> {
        self.server(&logs.server)?;
        let most = if logs.lines == 0 { usize::MAX } else { logs.lines as usize };
        let lines =
            self.daemon.mcp.logs(&self.view, &logs.server, most).map_err(|error| told::failed(&logs.server, &error))?;
        // Redacted when they came; a secret that became known since is hidden too.
        Ok(McpLogsReport { lines: lines.iter().map(|line| self.redactor.text(line).to_string()).collect() })
    }

    fn refuse_when_draining(&self) -> Result<(), Failure> {
        if self.daemon.is_draining() {
            return Err(Failure::new(ErrorKind::Draining, "agentd is stopping").hint("ask again in a moment"));
        }
        Ok(())
    }
}

/// Changes what is approved, and tells how the file stands then.
async fn approve(daemon: &Daemon, word: McpApproveRequest) -> Result<McpApproveReport, Failure> {
    let none = || {
        Failure::new(ErrorKind::NotFound, format!("this project has no {}", project_file::PROJECT_FILE))
            .hint("agentctl mcp add NAME -- COMMAND adds a server for all projects")
    };
    let (Some(root), Some(_)) = look(daemon, &word.cwd).await? else { return Err(none()) };
    let (state, config, word_cwd) = (daemon.state_dir().to_owned(), daemon.config(), word.cwd.clone());
    let file = aside(move || {
        let key_env = &config.provider.api_key_env;
        if word.sha256.is_empty() {
            project_file::revoke(&state, &root).map(|()| project_file::read(&root, &state, key_env))
        } else {
            project_file::approve(&state, &root, &word.sha256, key_env).map(Some)
        }
    });
    let file = file.await?.map_err(|error| {
        Failure::new(ErrorKind::Failure, error.to_string()).hint("agentctl mcp approve shows the file as it is now")
    })?;
    let file = file.ok_or_else(none)?;
    // The pool learns of it now, not with the next ask: what is no longer approved ends.
    Desk::open(daemon, &word_cwd).await?;
    let changed = if file.approved { "approved" } else { "not approved any more" };
    tracing::info!(servers = file.servers.len(), "the servers of a project are {changed}");
    Ok(McpApproveReport { project: told::project(daemon.redactors().kept(false), &file) })
}

/// The project around a directory and its own file.
async fn look(daemon: &Daemon, cwd: &str) -> Result<(Option<PathBuf>, Option<ProjectFile>), Failure> {
    let (cwd, state, config) = (PathBuf::from(cwd), daemon.state_dir().to_owned(), daemon.config());
    if !cwd.is_absolute() {
        let message = format!("cwd must be an absolute directory, not {:?}", cwd.display());
        return Err(Failure::new(ErrorKind::Usage, message));
    }
    aside(move || survey(&cwd, &state, &config.provider.api_key_env)).await?
}

fn survey(cwd: &Path, state: &Path, key_env: &str) -> Result<(Option<PathBuf>, Option<ProjectFile>), Failure> {
    let project = Project::find(cwd)
        .map_err(|e| Failure::new(ErrorKind::Usage, format!("cannot enter {}: {e}", cwd.display())))?;
    let root = project.map(|project| project.root);
    let file = root.as_deref().and_then(|root| project_file::read(root, state, key_env));
    Ok((root, file))
}

/// The arguments of a call: a JSON object, or nothing.
fn arguments(text: &str) -> Result<Map<String, Value>, Failure> {
    let hint = "give one JSON object, such as {\"path\":\"src/main.rs\"}";
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(Failure::new(ErrorKind::Usage, "the arguments are JSON, but no object").hint(hint)),
        // serde names line and column and quotes no more than a character.
        Err(e) => Err(Failure::new(ErrorKind::Usage, format!("the arguments are no JSON: {e}")).hint(hint)),
    }
}

fn gone(name: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("{name} was taken out of the configuration meanwhile"))
}

/// Does work that may take its time away from the runtime's threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Failure::new(ErrorKind::Internal, "the request failed inside the daemon"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_one_object_or_nothing() {
        assert!(arguments(" \n").unwrap().is_empty());
        assert_eq!(arguments("{\"a\":1}").unwrap().len(), 1);
        for (text, cause) in [("[1]", "no object"), ("{", "no JSON"), ("{} {}", "no JSON"), ("null", "no object")] {
            let failure = arguments(text).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Usage);
            assert!(failure.message.contains(cause) && !failure.hint.is_empty(), "{text}: {failure:?}");
        }
    }
}
