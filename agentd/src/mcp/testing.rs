//! A connector that plays servers, good and bad, from a script. No process, no clock but tokio's.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::pending,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, json};
use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use super::{
    client::{CallRequest, CallResult, Client, ClientError, Era, Part, RemoteTool, ServerInfo, Told, ToolList},
    connect::{Connect, ConnectError, Connection, Life, Target},
    pool::{Pool, PoolCall, PoolSettings, View, Wait},
    stderr::Stderr,
};
use crate::{
    config::{McpServer, McpServers, StdioServer, Transport},
    sync::lock,
    tools::BoxFuture,
};

/// What one start of a server does.
#[derive(Clone)]
pub(super) struct Plan {
    /// Before anything else.
    pub(super) delay: Duration,
    /// Does not connect.
    pub(super) error: Option<ConnectError>,
    /// Its tools.
    pub(super) tools: Vec<RemoteTool>,
    /// What its list has to leave out.
    pub(super) left_out: Vec<String>,
    /// Before it answers which tools it has.
    pub(super) list_delay: Duration,
    /// It ends by itself after so long.
    pub(super) dies_after: Option<Duration>,
    /// Its client does not see that it has ended.
    pub(super) is_blind: bool,
    /// How long it takes to end when it is stopped.
    pub(super) stop_takes: Duration,
    /// Before it answers a call.
    pub(super) call_delay: Duration,
    /// What it writes to its standard error.
    pub(super) stderr: String,
    /// Who asks its connection what it is falls over a mistake of ours.
    pub(super) is_fatal: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(20),
            error: None,
            tools: vec![tool("read", true), tool("write", false)],
            left_out: Vec::new(),
            list_delay: Duration::from_millis(5),
            dies_after: None,
            is_blind: false,
            stop_takes: Duration::from_millis(50),
            call_delay: Duration::from_millis(10),
            stderr: String::new(),
            is_fatal: false,
        }
    }
}

/// A tool without arguments.
pub(super) fn tool(name: &str, read_only: bool) -> RemoteTool {
    RemoteTool {
        name: name.to_owned(),
        description: format!("does {name}"),
        schema: json!({"type": "object", "properties": {}}),
        read_only,
        idempotent: false,
    }
}

/// One connection that was made, as the test holds it.
pub(super) struct Line {
    pub(super) target: Target,
    pub(super) plan: Plan,
    pub(super) tools: Mutex<Vec<RemoteTool>>,
    pub(super) told: mpsc::Sender<Told>,
    /// Answers nothing any more.
    pub(super) is_wedged: AtomicBool,
    /// Gives [`ClientError::Closed`] although it lives.
    pub(super) is_closed: AtomicBool,
    pub(super) was_stopped: AtomicBool,
    pub(super) lists: AtomicU32,
    pub(super) checks: AtomicU32,
    pub(super) calls: AtomicU32,
    info: ServerInfo,
    dead: watch::Sender<Option<String>>,
}

impl Line {
    /// It ends.
    pub(super) fn kill(&self, how: &str) {
        self.dead.send_replace(Some(how.to_owned()));
    }

    /// Nothing of it is left.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.borrow().is_some()
    }

    async fn died(&self) -> String {
        let mut dead = self.dead.subscribe();
        let how = dead.wait_for(Option::is_some).await.unwrap().clone();
        how.unwrap()
    }

    async fn answer<T>(&self, delay: Duration, timeout: Duration, value: T) -> Result<T, ClientError> {
        let closed = async {
            match self.plan.is_blind {
                true => pending().await,
                false => _ = self.died().await,
            }
        };
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(ClientError::Closed);
        }
        let work = async {
            time::sleep(delay).await;
            if self.is_wedged.load(Ordering::SeqCst) || self.is_dead() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = closed => Err(ClientError::Closed),
            () = work => Ok(value),
            () = time::sleep(timeout) => Err(ClientError::Timeout(timeout)),
        }
    }
}

struct FakeClient(Arc<Line>);

impl Client for FakeClient {
    fn era(&self) -> Era {
        Era::Legacy
    }

    fn info(&self) -> &ServerInfo {
        assert!(!self.0.plan.is_fatal, "a mistake of ours");
        &self.0.info
    }

    fn list_tools(&self, timeout: Duration) -> BoxFuture<'_, Result<ToolList, ClientError>> {
        self.0.lists.fetch_add(1, Ordering::SeqCst);
        let list = ToolList { tools: lock(&self.0.tools).clone(), left_out: self.0.plan.left_out.clone() };
        Box::pin(self.0.answer(self.0.plan.list_delay, timeout, list))
    }

    fn call(&self, request: CallRequest) -> BoxFuture<'_, Result<CallResult, ClientError>> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let text = format!("{} by {}", request.tool, self.0.target.name);
        let result = CallResult { content: vec![Part::Text(text)], structured: None, is_error: false };
        Box::pin(async move {
            tokio::select! {
                answer = self.0.answer(self.0.plan.call_delay, request.timeout, result) => answer,
                () = request.cancel.cancelled() => Err(ClientError::Cancelled),
            }
        })
    }

    fn check(&self, timeout: Duration) -> BoxFuture<'_, Result<(), ClientError>> {
        self.0.checks.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.0.answer(Duration::from_millis(1), timeout, ()))
    }
}

struct FakeLife(Arc<Line>);

impl Life for FakeLife {
    fn ended(&mut self) -> BoxFuture<'_, String> {
        Box::pin(self.0.died())
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            time::sleep(self.0.plan.stop_takes).await;
            self.0.was_stopped.store(true, Ordering::SeqCst);
            self.0.kill("stopped");
        })
    }
}

/// Plays servers.
#[derive(Default)]
pub(super) struct Fake {
    /// By server: what each start does; the last one again and again.
    plans: Mutex<HashMap<String, VecDeque<Plan>>>,
    lines: Mutex<Vec<Arc<Line>>>,
    starts: Mutex<Vec<(String, Instant)>>,
    under_way: AtomicU32,
    pub(super) most_under_way: AtomicU32,
    pub(super) given_up: AtomicU32,
}

/// Notes when a start is over, and when it was dropped half way.
struct UnderWay<'a>(&'a Fake, bool);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.given_up.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Fake {
    pub(super) fn plan(&self, server: &str, plans: impl IntoIterator<Item = Plan>) {
        lock(&self.plans).insert(server.to_owned(), plans.into_iter().collect());
    }

    /// All starts of a server.
    pub(super) fn starts(&self, server: &str) -> Vec<Instant> {
        lock(&self.starts).iter().filter(|(name, _)| name == server).map(|(_, at)| *at).collect()
    }

    /// All connections to a server.
    pub(super) fn lines(&self, server: &str) -> Vec<Arc<Line>> {
        lock(&self.lines).iter().filter(|line| line.target.name == server).cloned().collect()
    }

    /// The latest connection to a server.
    pub(super) fn line(&self, server: &str) -> Arc<Line> {
        self.lines(server).pop().unwrap()
    }

    fn next_plan(&self, server: &str) -> Plan {
        let mut plans = lock(&self.plans);
        let Some(queue) = plans.get_mut(server) else { return Plan::default() };
        if queue.len() > 1 { queue.pop_front().unwrap() } else { queue.front().cloned().unwrap() }
    }

    async fn begin(&self, target: Target, stderr: Arc<Stderr>) -> Result<Connection, ConnectError> {
        lock(&self.starts).push((target.name.clone(), Instant::now()));
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        let mut under_way = UnderWay(self, false);
        let plan = self.next_plan(&target.name);
        time::sleep(plan.delay).await;
        under_way.1 = true;
        if !plan.stderr.is_empty() {
            stderr.push(&plan.stderr);
        }
        if let Some(error) = plan.error {
            return Err(error);
        }
        let (told, heard) = mpsc::channel(4096);
        let line = Arc::new(Line {
            tools: Mutex::new(plan.tools.clone()),
            target,
            told,
            is_wedged: AtomicBool::default(),
            is_closed: AtomicBool::default(),
            was_stopped: AtomicBool::default(),
            lists: AtomicU32::default(),
            checks: AtomicU32::default(),
            calls: AtomicU32::default(),
            info: ServerInfo { name: "fake".to_owned(), version: "1.0".to_owned(), protocol: "2025-11-25".to_owned() },
            dead: watch::Sender::new(None),
            plan,
        });
        if let Some(after) = line.plan.dies_after {
            let line = Arc::clone(&line);
            tokio::spawn(async move {
                time::sleep(after).await;
                line.kill("exit code 1");
            });
        }
        lock(&self.lines).push(Arc::clone(&line));
        let client = Arc::new(FakeClient(Arc::clone(&line)));
        Ok(Connection { client, pid: 4711, told: heard, life: Box::new(FakeLife(line)) })
    }
}

impl Connect for Fake {
    fn connect(&self, target: Target, stderr: Arc<Stderr>) -> BoxFuture<'_, Result<Connection, ConnectError>> {
        Box::pin(self.begin(target, stderr))
    }
}

/// A pool over a fake connector, and where it remembers things.
pub(super) struct Bench {
    pub(super) fake: Arc<Fake>,
    pub(super) pool: Arc<Pool>,
    pub(super) dir: Arc<tempfile::TempDir>,
}

/// A server with every default.
pub(super) fn server(command: &str) -> McpServer {
    McpServer::new(Transport::Stdio(StdioServer { command: command.to_owned(), ..StdioServer::default() }))
}

/// Servers by name, each a command of its own.
pub(super) fn servers<const N: usize>(list: [(&str, McpServer); N]) -> Arc<McpServers> {
    Arc::new(list.into_iter().map(|(name, server)| (name.to_owned(), server)).collect::<BTreeMap<_, _>>())
}

/// A view of the user's servers outside of any project.
pub(super) fn view(user: &Arc<McpServers>) -> View {
    View { user: Arc::clone(user), ..View::default() }
}

/// A view of them in a project.
pub(super) fn view_in(user: &Arc<McpServers>, project: &str) -> View {
    View { project: Some(PathBuf::from(project)), ..view(user) }
}

/// A call that waits for a start.
pub(super) fn call(server: &str, tool: &str) -> PoolCall {
    PoolCall {
        server: server.to_owned(),
        tool: tool.to_owned(),
        arguments: Map::new(),
        timeout: None,
        cancel: CancellationToken::new(),
        wait: Wait::ForStart,
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::at(Arc::new(tempfile::tempdir().unwrap()))
    }

    /// Another start of the daemon with the same state.
    pub(super) fn at(dir: Arc<tempfile::TempDir>) -> Self {
        let fake = Arc::new(Fake::default());
        let pool = Pool::new(Arc::clone(&fake) as Arc<dyn Connect>, dir.path().to_owned());
        Self { fake, pool, dir }
    }

    pub(super) fn configure(&self, servers: &Arc<McpServers>) {
        self.pool.configure(Arc::clone(servers), PoolSettings { command_timeout: Duration::from_secs(30) });
    }

    /// The row of a server outside of any project.
    pub(super) fn row(&self, servers: &Arc<McpServers>, name: &str) -> proto::McpServer {
        self.row_of(&view(servers), name)
    }

    pub(super) fn row_of(&self, view: &View, name: &str) -> proto::McpServer {
        self.pool.report(view).into_iter().find(|row| row.name == name).unwrap()
    }

    /// Waits, in the clock's own time, until a server is in a state.
    pub(super) async fn until(&self, view: &View, name: &str, state: &str) {
        let reached = async {
            while self.row_of(view, name).state != state {
                time::sleep(Duration::from_millis(10)).await;
            }
        };
        let limit = Duration::from_secs(3600);
        assert!(time::timeout(limit, reached).await.is_ok(), "{name} is {:?}", self.row_of(view, name));
    }
}
