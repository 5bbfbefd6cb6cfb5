//! The real connector: processes through [`crate::process`], HTTP through [`super::super::client`].
//!
//! Refuses to hand a provider's key to a server, also where the configuration would: what names may not be read from the
//! environment is told to it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Connect, ConnectError, Connection, Target, cures,
    life::{ProcessLife, RemoteLife},
};
use crate::{
    config::{HttpServer, StdioServer, Transport},
    mcp::{
        client::{
            Greeting, Opening, Questions,
            http::{self, Endpoint},
            negotiate::{Attempt, Failed, Known, negotiate},
        },
        stderr::Stderr,
    },
    process::{
        ProcessError,
        service::{self, Service, ServiceCommand},
    },
    sync::lock,
    tools::BoxFuture,
};

/// What stands for the project's root in a configuration.
const WORKSPACE: &str = "${workspaceFolder}";
/// Lines of standard error in the error of a start.
const LAST_WORDS: usize = 3;
/// After a server refused us, it is given this long to end by itself, so that its exit code can be told.
const EXIT_CODE: Duration = Duration::from_millis(200);

/// Reads a variable of the daemon's environment.
type Environment = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Connects to servers as the configuration says.
pub struct Connector {
    state_dir: PathBuf,
    environment: Environment,
    denied: Mutex<Vec<String>>,
    questions: Questions,
}

impl Connector {
    /// `state_dir` is the working directory of servers that have none and serve no single project.
    pub fn new(state_dir: PathBuf) -> Self {
        Self::with_environment(state_dir, Arc::new(|name: &str| std::env::var_os(name)))
    }

    /// The same, with an environment of its own.
    pub fn with_environment(state_dir: PathBuf, environment: Environment) -> Self {
        Self { state_dir, environment, denied: Mutex::default(), questions: Questions::default() }
    }

    /// What happens when a server asks the user something. Default: it is declined.
    #[must_use]
    pub fn with_questions(mut self, questions: Questions) -> Self {
        self.questions = questions;
        self
    }

    /// Names of variables that no server gets, whatever the configuration says: those of the provider's keys.
    pub fn set_denied(&self, names: Vec<String>) {
        *lock(&self.denied) = names;
    }

    fn refuse_denied<'n>(
        &self,
        target: &Target,
        mut names: impl Iterator<Item = &'n String>,
    ) -> Result<(), ConnectError> {
        let denied = lock(&self.denied);
        let Some(name) = names.find(|name| denied.contains(name)) else { return Ok(()) };
        Err(ConnectError {
            what: format!("{name} holds the provider's key, which no server gets"),
            cure: format!("take {name} out of mcp_servers.{}", target.name),
            retry: false,
        })
    }

    async fn connect_now(&self, target: Target, stderr: Arc<Stderr>) -> Result<Connection, ConnectError> {
        let known = Known { name: &target.name, protocol: target.server.protocol, era: target.era };
        match &target.server.transport {
            Transport::Stdio(stdio) => {
                self.refuse_denied(&target, stdio.env_vars.iter())?;
                let mut starts = Starts { connector: self, target: &target, stdio, stderr };
                negotiate(known, target.timeout, &mut starts).await
            }
            Transport::Http(server) => {
                let named = server.bearer_token_env_var.iter().chain(server.env_http_headers.values());
                self.refuse_denied(&target, named)?;
                let variable = |name: &str| (self.environment)(name)?.into_string().ok();
                let endpoint = Endpoint::new(server, &variable);
                let endpoint = endpoint.map_err(|(what, cure)| ConnectError { what, cure, retry: false })?;
                let mut calls = Calls { name: &target.name, server, endpoint, questions: self.questions };
                negotiate(known, target.timeout, &mut calls).await
            }
        }
    }
}

impl Connect for Connector {
    fn connect(&self, target: Target, stderr: Arc<Stderr>) -> BoxFuture<'_, Result<Connection, ConnectError>> {
        Box::pin(self.connect_now(target, stderr))
    }
}

/// Starts a process for each attempt.
struct Starts<'a> {
    connector: &'a Connector,
    target: &'a Target,
    stdio: &'a StdioServer,
    stderr: Arc<Stderr>,
}

impl Attempt for Starts<'_> {
    type Made = Connection;

    fn attempt(&mut self, greeting: Greeting, deadline: Instant) -> BoxFuture<'_, Result<Connection, Failed>> {
        Box::pin(self.start(greeting, deadline))
    }

    fn starts(&self) -> bool {
        true
    }
}

impl Starts<'_> {
    async fn start(&self, greeting: Greeting, deadline: Instant) -> Result<Connection, Failed> {
        let written = self.stderr.count();
        let service = self.service().await.map_err(Failed::Final)?;
        let Service { stdin, stdout, stderr, handle } = service;
        let end = CancellationToken::new();
        let keeping = tokio::spawn(Arc::clone(&self.stderr).keep(stderr));
        let mut life = ProcessLife { handle, guard: end.clone().drop_guard(), end: end.clone(), keeping };
        let opening = Opening { greeting, deadline, questions: self.connector.questions, end };
        match opening.over_streams(stdout, stdin, Arc::clone(&self.stderr)).await {
            Ok(opened) => {
                let pid = life.handle.leader_pid().await.unwrap_or_else(|| life.handle.pid());
                Ok(Connection { client: opened.client, pid, told: opened.told, life: Box::new(life) })
            }
            Err(why) => {
                let how = life.ended_within(EXIT_CODE).await;
                life.end().await;
                Err(self.explain(why, how, &self.stderr.last_since(written, LAST_WORDS)))
            }
        }
    }

    async fn service(&self) -> Result<Service, ConnectError> {
        let command = self.fill(&self.stdio.command);
        let cwd = self.cwd();
        let missing = || ConnectError {
            what: format!("command not found: {command}"),
            cure: cures::missing(&self.target.name, &command),
            retry: false,
        };
        let opened = open_directory(cwd.clone(), command.clone()).await;
        let (directory, found) = opened.map_err(|error| ConnectError {
            what: format!("its working directory {} cannot be opened: {error}", cwd.display()),
            cure: format!("correct mcp_servers.{}.cwd", self.target.name),
            retry: false,
        })?;
        if !found {
            return Err(missing());
        }
        let arguments = self.stdio.args.iter().map(|argument| self.fill(argument).into());
        let argv = std::iter::once(OsString::from(&command)).chain(arguments).collect();
        let started = service::start(ServiceCommand { argv, directory, env: self.env() }).await;
        started.map_err(|error| match error {
            ProcessError::NotFound(_) => missing(),
            ProcessError::Empty | ProcessError::Nul => ConnectError {
                what: error.to_string(),
                cure: format!("correct mcp_servers.{}.command and args", self.target.name),
                retry: false,
            },
            ProcessError::Start { .. } | ProcessError::Wait { .. } => {
                ConnectError { what: error.to_string(), cure: String::new(), retry: true }
            }
        })
    }

    fn fill(&self, text: &str) -> String {
        match &self.target.project {
            Some(root) => text.replace(WORKSPACE, &root.to_string_lossy()),
            None => text.to_owned(),
        }
    }

    fn cwd(&self) -> PathBuf {
        let root = self.target.project.as_deref().unwrap_or(&self.connector.state_dir);
        let Some(cwd) = &self.stdio.cwd else { return root.to_owned() };
        // What is relative is so to the project, or to the state directory.
        root.join(cwd.to_str().map_or_else(|| cwd.clone(), |cwd| self.fill(cwd).into()))
    }

    /// What is written down wins over what is passed on.
    fn env(&self) -> Vec<(OsString, OsString)> {
        let passed = self.stdio.env_vars.iter();
        let passed = passed.filter_map(|name| Some((name.into(), (self.connector.environment)(name)?)));
        let written = self.stdio.env.iter().map(|(name, value)| (name.into(), self.fill(value).into()));
        passed.chain(written).collect::<BTreeMap<OsString, OsString>>().into_iter().collect()
    }

    fn explain(&self, why: String, how: Option<String>, last_words: &[String]) -> Failed {
        let mut what = why;
        if let Some(how) = how {
            what = format!("{what} ({how})");
        }
        let words: Vec<_> = last_words.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        if !words.is_empty() {
            what = format!("{what}; its last words: {}", words.join(" / "));
        }
        match cures::offline(&self.target.name, &self.stdio.command, last_words) {
            Some(cure) => Failed::Final(ConnectError { what, cure, retry: true }),
            None => Failed::Refused(what),
        }
    }
}

/// The directory, and whether a command that is a path is there. A bare name is looked up by `process`.
async fn open_directory(cwd: PathBuf, command: String) -> std::io::Result<(File, bool)> {
    let open = move || {
        let directory = File::open(&cwd)?;
        if !directory.metadata()?.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        let found = !command.contains('/') || cwd.join(Path::new(&command)).exists();
        Ok((directory, found))
    };
    tokio::task::spawn_blocking(open).await.map_err(std::io::Error::other)?
}

/// Connects to somebody else's server for each attempt.
struct Calls<'a> {
    name: &'a str,
    server: &'a HttpServer,
    endpoint: Endpoint,
    questions: Questions,
}

impl Attempt for Calls<'_> {
    type Made = Connection;

    fn attempt(&mut self, greeting: Greeting, deadline: Instant) -> BoxFuture<'_, Result<Connection, Failed>> {
        Box::pin(self.call(greeting, deadline))
    }

    fn starts(&self) -> bool {
        false
    }
}

impl Calls<'_> {
    async fn call(&self, greeting: Greeting, deadline: Instant) -> Result<Connection, Failed> {
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        let opening = Opening { greeting, deadline, questions: self.questions, end };
        let opened = opening.over_http(&self.endpoint).await.map_err(|why| self.explain(&why))?;
        let life = RemoteLife { over: opened.over, end: guard };
        Ok(Connection { client: opened.client, pid: 0, told: opened.told, life: Box::new(life) })
    }

    fn explain(&self, why: &str) -> Failed {
        if !http::wants_token(why) {
            return Failed::Refused(format!("{}: {why}", http::shown(self.server)));
        }
        let name = self.name;
        let cure = match &self.server.bearer_token_env_var {
            Some(variable) => format!("put a token that the server takes into the variable {variable}"),
            None => format!(
                "put a token into a variable of the environment that agentd starts with, and its name into \
                 mcp_servers.{name}.bearer_token_env_var; logging in by OAuth is not supported"
            ),
        };
        Failed::Final(ConnectError { what: format!("{}: {why}", http::shown(self.server)), cure, retry: false })
    }
}
