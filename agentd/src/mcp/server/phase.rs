//! Where an instance stands, and what can happen to it there.
//!
//! Owns the tasks of a phase: they end with it.

use std::{future::pending, time::Duration};

use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tokio_util::task::AbortOnDropHandle;

use super::{figures::Figures, keeper::Keeper, start::Started, status::Live};
use crate::mcp::{
    client::{ClientError, Told},
    connect::ConnectError,
    shown::Listed,
};

/// Between two questions to an idle server whether it still lives.
pub(super) const CHECK_EVERY: Duration = Duration::from_secs(30);
/// How long it may think about the answer.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// After a question without an answer the next one comes sooner.
pub(super) const CHECK_AGAIN: Duration = Duration::from_secs(5);
/// Questions in a row without an answer after which it is taken for dead: a laptop that wakes up loses one.
pub(super) const MISSES_MAX: u32 = 3;
/// From the first word that the tools have changed to the question which they are: servers say it once for each tool.
pub(super) const SETTLE: Duration = Duration::from_millis(250);
/// Between two of these questions, for a server that never stops saying so.
const LIST_GAP: Duration = Duration::from_secs(2);
/// A lazy server that nobody asked for this long is stopped: it holds 60 MB and more, and a start takes 3 s at most.
pub(super) const IDLE: Duration = Duration::from_secs(600);
/// The same for one whose room others need: who waited for its start still gets its call in.
pub(super) const REST: Duration = Duration::from_secs(1);
/// From a broken connection to the end of its server, which may be about to say by itself how it ended.
const BROKEN_GRACE: Duration = Duration::from_millis(100);

/// What can happen to an instance by itself.
pub(super) enum Event {
    /// A start is over.
    Started(Result<Started, ConnectError>),
    /// Nothing of the server is left; empty: because it was stopped.
    Ended(String),
    /// It says something unasked.
    Told(Told),
    /// It has answered which tools it has.
    Listed(Result<Listed, ClientError>),
    /// It has answered, or not, whether it lives.
    Checked(Result<(), ClientError>),
    /// A time has come.
    Due,
}

/// What comes after an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// The next start, at once.
    Start,
    /// Nothing, until somebody asks for it.
    Idle,
    /// A pause, for this reason; then the next start.
    Retry(String),
    /// Nothing ever.
    Leave,
}

/// Where an instance stands.
pub(super) enum Phase {
    /// Not started.
    Idle,
    /// On its way.
    Starting(AbortOnDropHandle<Result<Started, ConnectError>>),
    /// Serves.
    Up(Box<Up>),
    /// On its way out.
    Ending(Keeper, Then),
    /// Waits for its next try.
    Waiting(Instant),
    /// Has failed, at the first of these times; tries again at the second.
    Failed(Instant, Instant),
}

impl Phase {
    /// The next thing that happens. May be dropped and called again. `idle`: how long it may be unused.
    pub(super) async fn event(&mut self, figures: &Figures, idle: Option<Duration>) -> Event {
        match self {
            Self::Idle => pending().await,
            Self::Starting(start) => Event::Started(start.await.unwrap_or_else(|_| Err(interrupted()))),
            Self::Up(up) => up.event(figures, idle).await,
            Self::Ending(keeper, _) => Event::Ended(keeper.ended().await),
            Self::Waiting(until) | Self::Failed(_, until) => {
                time::sleep_until(*until).await;
                Event::Due
            }
        }
    }
}

fn interrupted() -> ConnectError {
    ConnectError { what: "its start was interrupted".to_owned(), cure: String::new(), retry: true }
}

/// A server that serves.
pub(super) struct Up {
    pub(super) live: Live,
    pub(super) keeper: Keeper,
    pub(super) since: Instant,
    /// The next question whether it lives.
    pub(super) check_at: Instant,
    pub(super) misses: u32,
    pub(super) check: Option<AbortOnDropHandle<Result<(), ClientError>>>,
    pub(super) list: Option<AbortOnDropHandle<Result<Listed, ClientError>>>,
    list_at: Option<Instant>,
    listed_at: Option<Instant>,
    told: Option<mpsc::Receiver<Told>>,
    broken_at: Option<Instant>,
}

impl Up {
    pub(super) fn new(live: Live, keeper: Keeper, told: mpsc::Receiver<Told>) -> Self {
        let since = Instant::now();
        Self {
            live,
            keeper,
            since,
            check_at: since + CHECK_EVERY,
            misses: 0,
            check: None,
            list: None,
            list_at: None,
            listed_at: None,
            told: Some(told),
            broken_at: None,
        }
    }

    async fn event(&mut self, figures: &Figures, idle: Option<Duration>) -> Event {
        let due = self.due(figures, idle);
        loop {
            tokio::select! {
                how = self.keeper.ended() => return Event::Ended(how),
                checked = finished(&mut self.check) => return Event::Checked(checked),
                listed = finished(&mut self.list) => return Event::Listed(listed),
                () = time::sleep_until(due) => return Event::Due,
                told = heard(&mut self.told) => match told {
                    Some(told) => return Event::Told(told),
                    None => self.told = None,
                },
            }
        }
    }

    fn due(&self, figures: &Figures, idle: Option<Duration>) -> Instant {
        let now = Instant::now();
        let check = self.check.is_none().then_some(self.check_at);
        let list = self.list_at.filter(|_| self.list.is_none());
        let idle = idle.map(|idle| now + idle.saturating_sub(figures.unused_for()));
        [check, list, idle, self.broken_at].into_iter().flatten().min().unwrap_or(now + CHECK_EVERY)
    }

    /// Its tools have changed.
    pub(super) fn tools_changed(&mut self) {
        let now = Instant::now();
        let gap = self.listed_at.map_or(now, |listed| listed + LIST_GAP);
        self.list_at.get_or_insert((now + SETTLE).max(gap));
    }

    /// True when it is time to ask which tools it has; then it is as if it had been asked.
    pub(super) fn takes_list(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.list.is_none() && self.list_at.is_some_and(|at| at <= now);
        if is_due {
            (self.list_at, self.listed_at) = (None, Some(now));
        }
        is_due
    }

    /// Its connection is broken: unless it ends by itself it is ended soon.
    pub(super) fn broke(&mut self) {
        self.broken_at.get_or_insert(Instant::now() + BROKEN_GRACE);
    }

    /// True when it should have ended by itself by now.
    pub(super) fn is_broken(&self) -> bool {
        self.broken_at.is_some_and(|at| at <= Instant::now())
    }
}

async fn heard(told: &mut Option<mpsc::Receiver<Told>>) -> Option<Told> {
    match told {
        Some(told) => told.recv().await,
        None => pending().await,
    }
}

/// The outcome of a task that may not be there, which is not there any more afterwards.
async fn finished<T>(task: &mut Option<AbortOnDropHandle<Result<T, ClientError>>>) -> Result<T, ClientError> {
    let Some(running) = task else { return pending().await };
    let outcome = running.await;
    *task = None;
    outcome.unwrap_or_else(|_| Err(ClientError::Transport("the request was interrupted".to_owned())))
}
