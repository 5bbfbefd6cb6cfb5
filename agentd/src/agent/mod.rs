//! The turn: question -> model -> tools -> answer.
//!
//! Owns the tool loop, approvals, the loop guard and what is kept of a turn. Refuses to keep a history that could not
//! be replayed: an assistant message with tool calls enters it only together with one result per call. A turn ends by
//! an answer, a failure or cancellation, never by ending the process.

mod approvals;
mod calls;
mod explain;
mod guard;
mod history;
mod keeping;
mod lasting;
mod lookup;
mod offline;
mod place;
mod run;
mod served;
mod speech;
mod toolsets;
mod turn;
mod verdict;

use std::{path::PathBuf, sync::Arc};

use proto::{AskRequest, Body, Event, RequestId, ServerMessage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use approvals::Approvals;
pub use explain::{proto_answer, why};
pub use place::home_of;
pub use turn::answer;

use crate::{
    clock::Clock,
    config::Config,
    mcp::pool::Serve,
    memory::{Memory, answers::flight::Flights, kept::Fingerprint, session::Sessions},
    offline::Offline,
    redact::{Redactor, Redactors},
    tools::results::Results,
};

/// What every turn of the daemon shares.
pub struct Agent {
    toolsets: Arc<toolsets::ToolSets>,
    /// Where whole results are kept of which a model is shown a part.
    results: Arc<Results>,
    /// Session memory.
    pub sessions: Arc<Sessions>,
    /// What outlives the sessions.
    pub memory: Arc<Memory>,
    sweeps: Arc<lookup::Sweeps>,
    flights: Flights<FlightKey>,
    /// Calls that wait for a user.
    pub approvals: Approvals,
    /// The search that answers without a model.
    pub offline: Arc<Offline>,
    /// Wall clock: prices and ages.
    pub clock: Arc<dyn Clock>,
    /// Directory of the global AGENTS.md.
    pub config_dir: Option<PathBuf>,
    /// Where approvals of project files are remembered.
    state_dir: PathBuf,
}

/// What makes two asks the same while one of them is answered: scope, exact key, attachments.
type FlightKey = (Fingerprint, Fingerprint, Fingerprint);

impl Agent {
    /// An agent with the built-in tools and those of the servers in `pool`.
    pub fn new(
        clock: Arc<dyn Clock>,
        config_dir: Option<PathBuf>,
        state_dir: PathBuf,
        memory: Arc<Memory>,
        pool: Arc<dyn Serve>,
    ) -> Self {
        Self {
            toolsets: Arc::new(toolsets::ToolSets::new(pool)),
            results: Arc::default(),
            memory,
            sweeps: Arc::default(),
            flights: Flights::default(),
            sessions: Arc::new(Sessions::new(Arc::clone(&clock))),
            approvals: Approvals::default(),
            offline: Arc::default(),
            clock,
            config_dir,
            state_dir,
        }
    }
}

/// One question on its way.
pub struct Ask {
    /// Who asks.
    pub uid: u32,
    /// What.
    pub request: AskRequest,
    /// Id of the turn.
    pub turn: String,
    /// Where events go.
    pub events: Events,
    /// Ends the turn.
    pub cancel: CancellationToken,
    /// The configuration at the start of the turn.
    pub config: Arc<Config>,
    /// The choke points of the daemon.
    pub redactors: Arc<Redactors>,
    /// The fingerprint of attached texts that are no longer at hand.
    pub attached: Option<Fingerprint>,
    /// The one of this turn, for everything but the provider: the project may have it hide more.
    pub redactor: Redactor,
}

impl Ask {
    /// Has personal data hidden from here on, if the project's configuration says so.
    fn tighten(&mut self, config: &Config) {
        self.redactor = self.redactors.kept(config.redact.personal).clone();
        self.events.redactor = self.redactor.clone();
    }
}

/// The way back to the asker, and the choke point of all that people read while a turn runs. Sending never fails:
/// when nobody listens any more, the turn's token says so.
#[derive(Clone)]
pub struct Events {
    to: Option<(RequestId, mpsc::Sender<ServerMessage>)>,
    redactor: Redactor,
}

impl Events {
    /// Events under the id of a request.
    pub fn new(id: RequestId, to: mpsc::Sender<ServerMessage>) -> Self {
        Self { to: Some((id, to)), redactor: Redactor::default() }
    }

    /// Events of a request that wants no answer.
    pub fn unheard() -> Self {
        Self { to: None, redactor: Redactor::default() }
    }

    /// The same, behind this redactor.
    #[must_use]
    pub fn redacted_by(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    /// Sends one; waits while the client is slow, which the connection's write deadline bounds.
    pub async fn send(&self, event: Event) {
        let Some((id, to)) = &self.to else { return };
        let event = self.redacted(event);
        let message = ServerMessage { id: id.clone(), body: Body::Event(event) };
        if to.send(message).await.is_err() {
            tracing::debug!("an event for a client that left");
        }
    }

    /// Pieces of text went through a stream of their own: a secret may come in several.
    fn redacted(&self, mut event: Event) -> Event {
        let redact = |text: &mut String| *text = self.redactor.text(text).to_string();
        match &mut event {
            Event::Started(_) | Event::Text(_) | Event::Reasoning(_) | Event::TextEnd(_) => {}
            Event::ToolStarted(started) => [&mut started.name, &mut started.summary].into_iter().for_each(redact),
            Event::ToolFinished(finished) => [&mut finished.name, &mut finished.message].into_iter().for_each(redact),
            Event::Approval(approval) => {
                [&mut approval.name, &mut approval.summary, &mut approval.reason].into_iter().for_each(redact);
            }
            Event::Retry(retry) => redact(&mut retry.reason),
            Event::Notice(notice) => redact(&mut notice.message),
        }
        event
    }

    /// Sends a notice.
    pub async fn notice(&self, message: impl Into<String>) {
        self.send(Event::Notice(proto::Notice { message: message.into() })).await;
    }
}
