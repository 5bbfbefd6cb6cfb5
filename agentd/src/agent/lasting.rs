//! What a turn takes from that which outlives the daemon, and what it gives to it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use proto::{Answer, Failure};

use super::{Agent, Ask, place::Place};
use crate::{
    clock::Clock,
    memory::{
        conversations::Useful,
        kept::Fingerprint,
        lasting::Lasting,
        preferences::{self, Wanted},
        question::Question,
        recollections::{About, Recollected, recollect},
        session::{Conversation, SessionKey},
        worth::{Ended, useful},
    },
    redact::{ModelView, Redacted, Redactor},
    tools::{BoxFuture, PreferenceDoor, observed},
};

/// How long a new conversation waits for its recollections. They save a tool call or two: on a slow disk they are not
/// worth more than that.
const RECALL_DEADLINE: Duration = Duration::from_millis(500);

/// What earlier conversations said about the things a new one begins with.
pub(super) async fn recall(
    agent: &Agent,
    ask: &Ask,
    place: &Place,
    key: &SessionKey,
    conversation: &Conversation,
    question: &Redacted,
) -> Recollected {
    if !place.config.memory.recollections {
        return Recollected::default();
    }
    let attached: Vec<&str> = ask.request.attachments.iter().map(|attachment| attachment.name.as_str()).collect();
    let candidates = agent.memory.lasting.shortlist(&About {
        uid: ask.uid,
        project: place.home(),
        conversation: &conversation.id,
        question,
        attached: &attached,
        files: &agent.sessions.files(key),
    });
    if candidates.is_empty() {
        return Recollected::default();
    }
    let redact = &place.config.redact;
    // As runs have it, but with numbers of its own: they are no part of what is compared.
    let view = ModelView::new(ask.redactors.outbound(redact.outbound, redact.personal).clone(), Arc::default());
    let cancel = ask.cancel.child_token();
    let context = place.tool_context(cancel.clone(), Arc::default(), view);
    let (digests, now) = (Arc::clone(&agent.memory.digests), agent.clock.now());
    let look = tokio::task::spawn_blocking(move || {
        recollect(candidates, now, |observed| observed::check(&context, observed, &digests).is_ok())
    });
    // Whoever stops waiting ends the search too.
    let _ended = cancel.drop_guard();
    let looked = tokio::time::timeout(RECALL_DEADLINE, look).await;
    looked.ok().and_then(Result::ok).unwrap_or_default()
}

/// The session's last conversation that outlived an earlier daemon.
pub(super) fn restored(agent: &Agent, ask: &Ask, key: &SessionKey) -> Option<Arc<Conversation>> {
    let restored = Conversation::restored(&agent.memory.lasting.last_of(key)?);
    // A question that leaves no trace does not bring anything into the session either.
    Some(if ask.request.ephemeral { Arc::new(restored) } else { agent.sessions.adopt(key, restored) })
}

/// Keeps the exchange beyond its session if it is useful, and says whether it is.
pub(super) async fn note(
    agent: &Agent,
    ask: &Ask,
    key: &SessionKey,
    conversation: &Conversation,
    question: &Redacted,
    outcome: &Result<Answer, Failure>,
) -> bool {
    let said = outcome.as_ref().map(|answer| (ask.redactor.text(&answer.answer), answer.source));
    let told = said.as_ref().map(|(text, source)| (text, *source)).map_err(|failure| failure.kind);
    let ended = Ended { question, outcome: told, ephemeral: ask.request.ephemeral };
    if let Err(why) = useful(&ended) {
        tracing::debug!(turn = %ask.turn, %why, "not worth keeping");
        return false;
    }
    let Ok((answer, _)) = &said else { return false };
    // A session that was cleared while the turn ran leaves nothing behind.
    if !agent.sessions.knows(key, &conversation.id) {
        return true;
    }
    let useful = Useful {
        conversation: &conversation.id,
        session: key,
        question,
        attachments: ask.request.attachments.len(),
        answer,
        files: conversation.rests().unwrap_or_default(),
        at: agent.clock.now(),
    };
    let cap = ask.config.memory.max_persistent_conversations;
    if let Err(why) = agent.memory.lasting.note(useful, cap, &ask.redactor, &same_question).await {
        tracing::warn!(turn = %ask.turn, %why, "a conversation was not written");
        ask.events.notice(format!("this conversation will not outlive the daemon: {why}")).await;
    }
    true
}

/// Equal for questions that ask the same by rule.
fn same_question(question: &str) -> Fingerprint {
    let question = Question::new(question);
    *question.canonical_key().unwrap_or_else(|| question.exact_key())
}

/// The asker's preferences for tools; none for a question that leaves no trace.
pub(super) fn door(agent: &Agent, ask: &Ask, place: &Place) -> Option<Arc<dyn PreferenceDoor>> {
    (!ask.request.ephemeral).then(|| -> Arc<dyn PreferenceDoor> {
        Arc::new(Door {
            lasting: Arc::clone(&agent.memory.lasting),
            uid: ask.uid,
            project: place.project.as_ref().map(|project| project.root.clone()),
            redactor: ask.redactor.clone(),
            clock: Arc::clone(&agent.clock),
        })
    })
}

struct Door {
    lasting: Arc<Lasting>,
    uid: u32,
    project: Option<PathBuf>,
    redactor: Redactor,
    clock: Arc<dyn Clock>,
}

impl Door {
    fn wanted<'a>(&'a self, name: &'a str, value: &'a str) -> Wanted<'a> {
        Wanted { uid: self.uid, project: self.place(name), name, value }
    }

    fn place(&self, name: &str) -> Option<&Path> {
        self.lasting.place_of(self.uid, self.project.as_deref(), name)
    }
}

impl PreferenceDoor for Door {
    fn scope(&self, name: &str) -> &'static str {
        if self.place(name).is_some() { "in this project" } else { "everywhere" }
    }

    fn check(&self, name: &str, value: &str) -> Result<(), String> {
        preferences::check(&self.wanted(name, value), &self.redactor).map(drop).map_err(|unset| unset.to_string())
    }

    fn set<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let set = self.lasting.set_preference(&self.wanted(name, value), &self.redactor, self.clock.now()).await;
            let (_, _, written) = set.map_err(|unset| unset.to_string())?;
            written.map_err(|why| format!("it holds until the daemon ends, but could not be written: {why}"))
        })
    }
}
