//! One server for all or for one project, as the pool holds it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time,
};
use tokio_util::sync::CancellationToken;

use super::{
    State,
    figures::Figures,
    status::{Live, Status},
    supervisor::Supervisor,
};
use crate::{
    config::McpServer,
    mcp::{
        client::{CALL_CAP, CallRequest, CallResult, ClientError},
        common::Common,
        shown::Listed,
        stderr::Stderr,
    },
    sync::lock,
};

/// Orders that wait for a supervisor. More is never needed: one says the same as the next, and who waits for its order
/// waits for room.
const ORDERS_MAX: usize = 64;
/// How long the answer of a connection that is gone is waited for: it may have come just before the end. Callers were
/// promised an error within 100 ms.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// How long a client may take to tell the server that a call was given up.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// How much later than its own cap a client's answer is given up.
const CAP_GRACE: Duration = Duration::from_secs(5);

/// Which instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::mcp) struct Key {
    /// The server's name.
    pub(in crate::mcp) name: String,
    /// Root of its project; `None`: it serves all.
    pub(in crate::mcp) project: Option<PathBuf>,
}

/// Which file names a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum Source {
    /// The user's configuration.
    Config,
    /// The project's own file.
    Project,
}

impl Source {
    /// As it is shown.
    pub(in crate::mcp) const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Project => "project",
        }
    }
}

/// What a supervisor is asked for.
#[derive(Debug)]
pub(super) enum Order {
    /// Start, unless it is up or on its way. The sender is dropped once that is decided.
    Start(Option<oneshot::Sender<()>>),
    /// Start anew, whatever was before.
    Restart(oneshot::Sender<()>),
    /// The configuration has changed.
    Configured,
    /// Others need the room: end as soon as nothing is asked of it.
    Rest,
    /// The connection of that start does not answer calls: ask whether it lives.
    Suspect(u64),
    /// The connection of that start is broken.
    Broken(u64),
}

/// One instance.
pub(in crate::mcp) struct Instance {
    /// Which.
    pub(in crate::mcp) key: Key,
    /// Which file names it.
    pub(in crate::mcp) source: Source,
    /// What it wrote to its standard error.
    pub(in crate::mcp) stderr: Arc<Stderr>,
    /// What is counted of it.
    pub(in crate::mcp) figures: Figures,
    pub(super) config: Mutex<Arc<McpServer>>,
    pub(super) list: Mutex<Option<Listed>>,
    pub(super) stop: CancellationToken,
    status: watch::Receiver<Status>,
    orders: mpsc::Sender<Order>,
}

impl Instance {
    /// Makes one and its supervisor, which starts it unless it is lazy and its tools are known.
    pub(in crate::mcp) fn spawn(
        key: Key,
        source: Source,
        config: Arc<McpServer>,
        common: &Arc<Common>,
        runtime: &tokio::runtime::Handle,
    ) -> Arc<Self> {
        let remembered = common.known.get(&config, key.project.as_deref());
        let (seen, status) = watch::channel(Status {
            era: remembered.as_ref().and_then(|known| known.era),
            server: remembered.as_ref().map(|known| common.texts.line(&known.server)).unwrap_or_default(),
            ..Status::default()
        });
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let stderr = Stderr::default();
        stderr.set_redactor(common.texts.redactor().0);
        let listed = remembered.filter(|known| !known.tools.is_empty());
        let instance = Arc::new(Self {
            key,
            source,
            stderr: Arc::new(stderr),
            figures: Figures::default(),
            config: Mutex::new(config),
            list: Mutex::new(listed.map(|known| Listed::of(&known.tools, &[], &common.texts))),
            stop: common.stopped.child_token(),
            status,
            orders,
        });
        let supervisor = Supervisor::new(Arc::clone(&instance), Arc::clone(common), seen, inbox);
        common.tasks.spawn_on(supervisor.run(), runtime);
        instance
    }

    /// Its configuration.
    pub(in crate::mcp) fn config(&self) -> Arc<McpServer> {
        Arc::clone(&lock(&self.config))
    }

    /// Takes another configuration.
    pub(in crate::mcp) fn configure(&self, config: Arc<McpServer>) {
        *lock(&self.config) = config;
        // Without room, the order that is waiting for the supervisor has it look, too.
        _ = self.orders.try_send(Order::Configured);
    }

    /// Has it end for ever. The pool's tasks say when that is done.
    pub(in crate::mcp) fn stop(&self) {
        self.stop.cancel();
    }

    /// Has it end soon, unless it is used. The next call starts it again.
    pub(in crate::mcp) fn rest(&self) {
        // Without room it is asked again for the next newcomer.
        _ = self.orders.try_send(Order::Rest);
    }

    /// How it is.
    pub(in crate::mcp) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Its tools as far as they are known, as they may be shown.
    pub(in crate::mcp) fn listed(&self, common: &Common) -> Option<Listed> {
        let mut list = lock(&self.list);
        let renewed = list.take()?.renewed(&common.texts);
        *list = Some(renewed.clone());
        Some(renewed)
    }

    /// The connection, if it serves.
    pub(in crate::mcp) fn live(&self) -> Option<Live> {
        self.status.borrow().live.clone().filter(|live| !live.gone.is_cancelled())
    }

    /// Has it started, without waiting.
    pub(in crate::mcp) fn kick(&self) {
        if self.status.borrow().state != State::Starting {
            _ = self.orders.try_send(Order::Start(None));
        }
    }

    /// Has it started, and waits for one outcome. `None`: it is not up.
    pub(in crate::mcp) async fn start(&self) -> Option<Live> {
        let before = self.status.borrow().failed_starts;
        let (decided, wait) = oneshot::channel();
        self.orders.send(Order::Start(Some(decided))).await.ok()?;
        _ = wait.await;
        self.outcome(before).await
    }

    /// Has it started anew, and waits for one outcome. `None`: it is not up.
    pub(in crate::mcp) async fn restart(&self) -> Option<Live> {
        let before = self.status.borrow().failed_starts;
        let (decided, wait) = oneshot::channel();
        self.orders.send(Order::Restart(decided)).await.ok()?;
        _ = wait.await;
        self.outcome(before).await
    }

    async fn outcome(&self, failed_before: u64) -> Option<Live> {
        let mut status = self.status.clone();
        let over = |now: &Status| now.live.is_some() || now.failed_starts != failed_before || !now.state.is_coming();
        let now = status.wait_for(over).await.ok()?;
        now.live.clone()
    }

    /// Waits for a later connection than that of `generation`, through failures, until it is hopeless.
    pub(in crate::mcp) async fn newer(&self, generation: u64) -> Option<Live> {
        let mut status = self.status.clone();
        let newer = |live: &Live| live.generation > generation;
        let over = |now: &Status| now.live.as_ref().is_some_and(newer) || !now.state.is_coming();
        let now = status.wait_for(over).await.ok()?;
        now.live.clone().filter(newer)
    }

    /// Calls a tool over a connection. The end of the connection ends the call, whatever its client does.
    pub(in crate::mcp) async fn call(&self, live: &Live, request: CallRequest) -> Result<CallResult, ClientError> {
        let flight = self.figures.begin();
        let cancel = request.cancel.clone();
        let mut answer = live.client.call(request);
        let gone = async {
            live.gone.cancelled().await;
            time::sleep(LAST_WORDS).await;
        };
        let given_up = async {
            cancel.cancelled().await;
            time::sleep(CANCEL_GRACE).await;
        };
        let outcome = tokio::select! {
            biased;
            outcome = &mut answer => outcome,
            () = gone => Err(ClientError::Closed),
            () = given_up => Err(ClientError::Cancelled),
            () = time::sleep(CALL_CAP + CAP_GRACE) => Err(ClientError::Timeout(CALL_CAP)),
        };
        if flight.end(&outcome) {
            _ = self.orders.try_send(Order::Suspect(live.generation));
        }
        match outcome {
            Err(ClientError::Closed) if !live.gone.is_cancelled() => {
                _ = self.orders.try_send(Order::Broken(live.generation));
            }
            Err(ClientError::Transport(_)) => _ = self.orders.try_send(Order::Suspect(live.generation)),
            _ => {}
        }
        outcome
    }
}
