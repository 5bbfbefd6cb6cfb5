//! The loop over what happens to an instance, and what each of it changes.
//!
//! Everything that changes the phase is here, in one task: two starts of one instance cannot overlap, and what a start
//! that was given up still brings is dropped with it. The generation in each connection says the same to callers that
//! hold an old one.
//!
//! A panic in here ends the server and not the supervisor: nothing may stay "ready" that nobody looks after.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    State,
    backoff::{Backoff, DEMAND_GAP, HALF_OPEN, Next},
    instance::{Instance, Order},
    phase::{CHECK_AGAIN, CHECK_EVERY, CHECK_TIMEOUT, Event, IDLE, MISSES_MAX, Phase, REST, Then, Up},
    start::{self, Started},
    status::{Live, Status, millis},
};
use crate::{
    config::McpServer,
    mcp::{
        client::{ClientError, Told},
        common::Common,
        connect::{ConnectError, Target},
        known::Remembered,
        shown::Listed,
    },
    sync::lock,
};

/// How much longer than its own deadline a client's answer is waited for.
const CLIENT_GRACE: Duration = Duration::from_secs(1);
/// How long a running server may take to list its tools anew.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// The supervisor of one instance.
pub(super) struct Supervisor {
    instance: Arc<Instance>,
    common: Arc<Common>,
    seen: watch::Sender<Status>,
    orders: mpsc::Receiver<Order>,
    /// What runs, or ran last, was started with it.
    config: Arc<McpServer>,
    phase: Phase,
    backoff: Backoff,
    generation: u64,
    /// The start under way was told which era to speak.
    era_was_given: bool,
    /// Lines of standard error that there were before it.
    written: u64,
    /// How long it may be unused, if it is lazy.
    idle: Duration,
}

/// What wakes the loop.
enum Wake {
    Stop,
    Order(Order),
    Event(Event),
}

impl Supervisor {
    pub(super) fn new(
        instance: Arc<Instance>,
        common: Arc<Common>,
        seen: watch::Sender<Status>,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let config = instance.config();
        let (phase, backoff) = (Phase::Idle, Backoff::default());
        Self {
            instance,
            common,
            seen,
            orders,
            config,
            phase,
            backoff,
            generation: 0,
            era_was_given: false,
            written: 0,
            idle: IDLE,
        }
    }

    /// Until the instance is stopped.
    pub(super) async fn run(mut self) {
        let is_needed = !self.config.is_lazy() || lock(&self.instance.list).is_none();
        if is_needed && !self.instance.stop.is_cancelled() {
            self.start();
        }
        while AssertUnwindSafe(self.look_after()).catch_unwind().await.is_err() {
            self.broke_down();
        }
        self.seen.send_modify(|seen| (seen.state, seen.live, seen.next_try) = (State::Idle, None, None));
        tracing::debug!(server = %self.instance.key.name, "no longer looked after");
    }

    /// What was there is taken back, and ends with its keeper. It counts as failed: it is tried now and then, and when
    /// somebody asks for it.
    fn broke_down(&mut self) {
        if let Some(live) = self.seen.borrow().live.as_ref() {
            live.gone.cancel();
        }
        self.phase = Phase::Idle;
        self.backoff.hopeless();
        self.failed("agentd itself failed while it looked after it; its log says where", Duration::ZERO);
        // Who waits for a start waits no more.
        self.seen.send_modify(|seen| seen.failed_starts += 1);
    }

    async fn look_after(&mut self) {
        let mut is_leaving = false;
        loop {
            match self.wake(is_leaving).await {
                Wake::Stop => is_leaving = true,
                Wake::Order(order) if !is_leaving => self.obey(order),
                Wake::Order(_) => {}
                Wake::Event(event) => self.happened(event),
            }
            if is_leaving && self.leave() {
                break;
            }
        }
    }

    async fn wake(&mut self, is_leaving: bool) -> Wake {
        let idle = self.config.is_lazy().then_some(self.idle);
        tokio::select! {
            // Above all: nothing is started on the way out.
            biased;
            () = self.instance.stop.cancelled(), if !is_leaving => Wake::Stop,
            Some(order) = self.orders.recv() => Wake::Order(order),
            event = self.phase.event(&self.instance.figures, idle) => Wake::Event(event),
        }
    }

    /// Ends what is there. True when nothing is.
    fn leave(&mut self) -> bool {
        match &mut self.phase {
            Phase::Up(_) => self.end(Then::Leave),
            Phase::Ending(_, then) => *then = Then::Leave,
            // A start is given up: what it began is ended by whoever began it.
            _ => return true,
        }
        false
    }

    fn obey(&mut self, order: Order) {
        self.take_configuration();
        match order {
            Order::Start(_decided) => self.wanted(),
            Order::Restart(_decided) => self.start_anew(),
            Order::Configured => {}
            Order::Rest => self.rest(),
            Order::Suspect(generation) => self.suspect(generation),
            Order::Broken(generation) => self.broken(generation),
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Started(Ok(started)) => self.is_up(started),
            Event::Started(Err(error)) => self.not_up(&error),
            Event::Ended(how) => self.ended(&how),
            Event::Told(Told::ToolsChanged) => {
                if let Phase::Up(up) = &mut self.phase {
                    up.tools_changed();
                }
            }
            Event::Listed(listed) => self.listed(listed),
            Event::Checked(outcome) => self.checked(&outcome),
            Event::Due => self.due(),
        }
    }

    /// A call needs it, or somebody wants to know its tools.
    fn wanted(&mut self) {
        self.idle = IDLE;
        self.instance.figures.touch();
        match &mut self.phase {
            Phase::Idle => self.start(),
            Phase::Failed(since, _) if since.elapsed() >= DEMAND_GAP => self.start(),
            Phase::Ending(_, then @ Then::Idle) => {
                *then = Then::Start;
                self.show(State::Restarting);
            }
            _ => {}
        }
    }

    /// Others need its room.
    fn rest(&mut self) {
        self.idle = REST;
        if matches!(self.phase, Phase::Waiting(_)) {
            self.phase = Phase::Idle;
            self.show(State::Idle);
        }
    }

    fn start_anew(&mut self) {
        self.backoff.reset();
        match &mut self.phase {
            Phase::Up(_) => self.end(Then::Start),
            Phase::Ending(_, then) => {
                *then = Then::Start;
                self.show(State::Restarting);
            }
            _ => self.start(),
        }
    }

    /// Compares the configuration with the one in use. What only says who may call what is read where it is needed.
    fn take_configuration(&mut self) {
        let new = self.instance.config();
        if Arc::ptr_eq(&new, &self.config) {
            return;
        }
        let old = std::mem::replace(&mut self.config, new);
        if old.transport != self.config.transport || old.protocol != self.config.protocol {
            tracing::info!(server = %self.instance.key.name, "its configuration has changed");
            let known = self.common.known.get(&self.config, self.instance.key.project.as_deref());
            let is_known = known.as_ref().is_some_and(|known| !known.tools.is_empty());
            if let Some(known) = known {
                self.take_list(Listed::of(&known.tools, &[], &self.common.texts));
            }
            self.seen.send_modify(|seen| (seen.era, seen.why, seen.cure) = (None, String::new(), String::new()));
            if !(is_known && self.config.is_lazy() && matches!(self.phase, Phase::Idle)) {
                self.start_anew();
            }
        } else if old.is_lazy() && !self.config.is_lazy() {
            self.wanted();
        }
    }

    /// Begins a start; what was there before must have ended.
    fn start(&mut self) {
        self.generation += 1;
        let project = self.instance.key.project.clone();
        let seen_era = self.seen.borrow().era;
        let era = seen_era.or_else(|| self.common.known.get(&self.config, project.as_deref())?.era);
        self.era_was_given = era.is_some();
        self.written = self.instance.stderr.count();
        let target = Target {
            name: self.instance.key.name.clone(),
            server: Arc::clone(&self.config),
            project,
            era,
            timeout: start::timeout(&self.config),
        };
        tracing::info!(server = %self.instance.key.name, start = self.generation, "starting");
        let work = start::start(Arc::clone(&self.common), target, Arc::clone(&self.instance.stderr));
        self.phase = Phase::Starting(AbortOnDropHandle::new(tokio::spawn(work)));
        let starts = self.generation;
        self.seen.send_modify(|seen| {
            (seen.state, seen.starts, seen.next_try) = (State::Starting, starts, None);
        });
    }

    fn is_up(&mut self, started: Started) {
        let Started { client, pid, told, keeper, listed, took } = started;
        let live = Live { client, gone: CancellationToken::new(), generation: self.generation };
        let info = live.client.info();
        let server = self.common.texts.line(&format!("{} {}", info.name, info.version));
        let (era, tools, ms) = (live.client.era(), listed.tools.len(), millis(took));
        let name = &self.instance.key.name;
        tracing::info!(server = %name, start = self.generation, ms, tools, era = era.name(), "ready");
        for why in listed.left_out.iter() {
            tracing::warn!(server = %name, why = %why, "its tool list is not whole");
        }
        self.instance.figures.touch();
        // Before anybody sees it ready: a call looks there what the tool says of itself.
        self.take_list(listed);
        self.seen.send_modify(|seen| {
            (seen.state, seen.live) = (State::Ready, Some(live.clone()));
            (seen.why, seen.cure) = (String::new(), String::new());
            (seen.era, seen.server, seen.pid) = (Some(era), server, pid);
            (seen.ready_at, seen.start_ms) = (Some(Instant::now()), ms);
        });
        self.phase = Phase::Up(Box::new(Up::new(live, keeper, told)));
        self.remember();
    }

    fn not_up(&mut self, error: &ConnectError) {
        if self.era_was_given {
            // It may speak another one by now: the next start finds out.
            self.common.known.forget_era(&self.config, self.instance.key.project.as_deref());
            self.seen.send_modify(|seen| seen.era = None);
        }
        if !error.retry {
            self.backoff.hopeless();
        }
        let why = self.with_last_words(&error.what);
        self.seen.send_modify(|seen| seen.cure = self.common.texts.line(&error.cure));
        self.failed(&why, Duration::ZERO);
        // After the state: who waits for the outcome reads it.
        self.seen.send_modify(|seen| seen.failed_starts += 1);
    }

    /// The error and, if there is one, the last line that the server wrote to its standard error since its start.
    fn with_last_words(&self, what: &str) -> String {
        let last = self.instance.stderr.last_since(self.written, 1).pop().filter(|line| !line.trim().is_empty());
        let text = match last {
            Some(line) if !what.contains(line.trim()) => format!("{what}; it wrote last: {line}"),
            _ => what.to_owned(),
        };
        self.common.texts.line(&text)
    }

    /// A failure, of a start or of a server that was up for so long. `why` is redacted.
    fn failed(&mut self, why: &str, up: Duration) {
        let (name, now) = (&self.instance.key.name, Instant::now());
        let (state, until) = match self.backoff.failed(up) {
            Next::After(pause) => {
                tracing::warn!(server = %name, start = self.generation, %why, pause_ms = millis(pause), "tries again");
                self.phase = Phase::Waiting(now + pause);
                (State::Restarting, now + pause)
            }
            Next::GiveUp => {
                tracing::error!(server = %name, start = self.generation, %why, "failed");
                self.phase = Phase::Failed(now, now + HALF_OPEN);
                (State::Failed, now + HALF_OPEN)
            }
        };
        self.seen.send_modify(|seen| {
            (seen.state, seen.live, seen.ready_at, seen.pid) = (state, None, None, 0);
            (seen.why, seen.next_try) = (why.to_owned(), Some(until));
        });
    }

    fn ended(&mut self, how: &str) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Up(up) => {
                up.live.gone.cancel();
                self.seen.send_modify(|seen| seen.cure.clear());
                let why = self.with_last_words(&format!("it ended: {how}"));
                self.failed(&why, up.since.elapsed());
            }
            Phase::Ending(_, Then::Start) => self.start(),
            Phase::Ending(_, Then::Retry(why)) => {
                let why = if how.is_empty() { why } else { format!("{why}; it ended: {how}") };
                let why = self.with_last_words(&why);
                let up = self.seen.borrow().ready_at.map_or(Duration::ZERO, |since| since.elapsed());
                self.failed(&why, up);
            }
            _ => self.show(State::Idle),
        }
    }

    /// Takes the connection back and ends the server.
    fn end(&mut self, then: Then) {
        let Phase::Up(up) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        let Up { live, keeper, since, .. } = *up;
        live.gone.cancel();
        keeper.stop();
        tracing::info!(server = %self.instance.key.name, start = self.generation, "ending");
        let state = if matches!(then, Then::Start | Then::Retry(_)) { State::Restarting } else { State::Stopping };
        self.phase = Phase::Ending(keeper, then);
        self.seen.send_modify(|seen| (seen.state, seen.live, seen.ready_at) = (state, None, Some(since)));
    }

    fn show(&self, state: State) {
        self.seen.send_modify(|seen| {
            (seen.state, seen.live, seen.next_try) = (state, None, None);
            if state == State::Idle {
                (seen.pid, seen.ready_at) = (0, None);
            }
        });
    }

    fn suspect(&mut self, generation: u64) {
        if let Phase::Up(up) = &mut self.phase
            && up.live.generation == generation
            && up.check.is_none()
        {
            up.check = Some(check(&up.live));
        }
    }

    fn broken(&mut self, generation: u64) {
        if let Phase::Up(up) = &mut self.phase
            && up.live.generation == generation
        {
            up.live.gone.cancel();
            up.broke();
            self.seen.send_modify(|seen| (seen.state, seen.live) = (State::Restarting, None));
        }
    }

    fn checked(&mut self, outcome: &Result<(), ClientError>) {
        let Phase::Up(up) = &mut self.phase else { return };
        match outcome {
            // An error is an answer, too.
            Ok(()) | Err(ClientError::Rpc { .. }) => {
                (up.misses, up.check_at) = (0, Instant::now() + CHECK_EVERY);
            }
            Err(ClientError::Closed) => {
                let generation = up.live.generation;
                self.broken(generation);
            }
            Err(_) => {
                up.misses += 1;
                up.check_at = Instant::now() + CHECK_AGAIN;
                tracing::warn!(server = %self.instance.key.name, misses = up.misses, "it does not answer");
                if up.misses >= MISSES_MAX {
                    self.end(Then::Retry("it did not answer any more".to_owned()));
                }
            }
        }
    }

    fn due(&mut self) {
        let Phase::Up(up) = &mut self.phase else {
            // The pause is over.
            return self.start();
        };
        if up.is_broken() {
            return self.end(Then::Retry("its connection broke".to_owned()));
        }
        if self.config.is_lazy() && self.instance.figures.unused_for() >= self.idle {
            return self.end(Then::Idle);
        }
        if up.check.is_none() && up.check_at <= Instant::now() {
            // Who has just served lives; who is at work may be too busy to say so, and the call has a deadline.
            let rest = CHECK_EVERY.saturating_sub(self.instance.figures.unused_for());
            if up.misses > 0 || rest.is_zero() {
                up.check = Some(check(&up.live));
            }
            up.check_at = Instant::now() + rest;
        }
        if up.takes_list() {
            up.list = Some(list(&up.live, &self.common));
        }
    }

    fn listed(&mut self, listed: Result<Listed, ClientError>) {
        match listed {
            Ok(listed) => {
                let tools = listed.tools.len();
                tracing::info!(server = %self.instance.key.name, tools, "its tools have changed");
                self.take_list(listed);
                self.remember();
            }
            Err(error) => {
                let why = self.common.texts.line(&error.to_string());
                tracing::warn!(server = %self.instance.key.name, %why, "its tools could not be listed again");
            }
        }
    }

    fn take_list(&self, listed: Listed) {
        self.seen.send_if_modified(|seen| {
            seen.left_out = listed.left_out.to_vec();
            false
        });
        let mut list = lock(&self.instance.list);
        let is_same = list.as_ref().is_some_and(|before| before.is_same(&listed));
        *list = Some(listed);
        drop(list);
        if !is_same {
            self.common.note_change();
        }
    }

    fn remember(&self) {
        let Some(listed) = self.instance.listed(&self.common) else { return };
        let (era, server) = (self.seen.borrow().era, self.seen.borrow().server.clone());
        let found = Remembered { era, server, tools: listed.tools };
        let common = &self.common;
        if common.known.remember(&self.config, self.instance.key.project.as_deref(), &found) {
            common.known.save(&common.tasks, &common.stopped);
        }
    }
}

fn check(live: &Live) -> AbortOnDropHandle<Result<(), ClientError>> {
    let client = Arc::clone(&live.client);
    AbortOnDropHandle::new(tokio::spawn(async move {
        let outcome = time::timeout(CHECK_TIMEOUT + CLIENT_GRACE, client.check(CHECK_TIMEOUT)).await;
        outcome.unwrap_or(Err(ClientError::Timeout(CHECK_TIMEOUT)))
    }))
}

fn list(live: &Live, common: &Arc<Common>) -> AbortOnDropHandle<Result<Listed, ClientError>> {
    let (client, common) = (Arc::clone(&live.client), Arc::clone(common));
    AbortOnDropHandle::new(tokio::spawn(async move {
        let outcome = time::timeout(LIST_TIMEOUT + CLIENT_GRACE, client.list_tools(LIST_TIMEOUT)).await;
        let list = outcome.unwrap_or(Err(ClientError::Timeout(LIST_TIMEOUT)))?;
        Ok(start::shown(&common, list).await)
    }))
}
