//! One ask from request to answer: checks, place, conversation; then the model or the offline search.

use std::{path::Path, sync::Arc, time::Instant};

use proto::{Answer, ErrorKind, Failure};

use super::{Agent, Ask, lasting, offline, place::survey, run::Run};
use crate::{
    config,
    llm::Choice,
    memory::session::{CONVERSATION_MAX, Conversation, DEFAULT_SESSION, SESSION_NAME_MAX, SessionKey},
};

/// Answers one question.
///
/// # Errors
/// Every failure of the turn, with the kind that decides the client's exit code.
pub async fn answer(agent: &Agent, mut ask: Ask, choice: Choice) -> Result<Answer, Failure> {
    let start = Instant::now();
    check(&ask)?;
    let place = survey(agent, &ask).await?;
    ask.tighten(&place.config);
    let ask = &ask;
    let name = if ask.request.session.is_empty() { DEFAULT_SESSION } else { &ask.request.session };
    let key = SessionKey { uid: ask.uid, project: place.home().to_owned(), name: name.to_owned() };
    let question = ask.redactor.text(&ask.request.prompt);
    let _task = (!ask.request.ephemeral).then(|| agent.sessions.begin_task(&key, &ask.turn, &question));
    let conversation = choose_conversation(agent, ask, &key)?;
    let _turn = hold(ask, &conversation).await?;
    let choice = match place.config.provider.kind {
        config::ProviderKind::Offline => Choice::Offline { reason: "the configuration says offline".into() },
        _ => choice,
    };
    let asked = question.clone();
    let outcome = match choice {
        Choice::Offline { reason } => offline::answer(agent, ask, &place, &key, &conversation, question, &reason).await,
        Choice::Online(provider) => Run::new(agent, ask, &place, &key, &conversation, &provider).answer(question).await,
    };
    let storable = lasting::note(agent, ask, &key, &conversation, &asked, &outcome).await;
    let mut answer = outcome?;
    answer.session = key.name;
    answer.conversation.clone_from(&conversation.id);
    answer.elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        turn = %ask.turn, source = ?answer.source, ms = answer.elapsed_ms, turns = answer.turns, storable, "answered"
    );
    Ok(answer)
}

fn check(ask: &Ask) -> Result<(), Failure> {
    let request = &ask.request;
    if request.prompt.trim().is_empty() && request.attachments.is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "the question is empty").hint("agentctl ask \"your question\""));
    }
    let session = &request.session;
    if session.len() > SESSION_NAME_MAX || session.chars().any(char::is_control) {
        let message = format!("a session name has at most {SESSION_NAME_MAX} bytes and no control characters");
        return Err(Failure::new(ErrorKind::Usage, message));
    }
    if !Path::new(&request.cwd).is_absolute() {
        let message = format!("cwd must be an absolute directory, not {:?}", request.cwd);
        return Err(Failure::new(ErrorKind::Usage, message));
    }
    Ok(())
}

fn choose_conversation(agent: &Agent, ask: &Ask, key: &SessionKey) -> Result<Arc<Conversation>, Failure> {
    if ask.request.continue_conversation {
        let last = agent.sessions.last_conversation(key).or_else(|| lasting::restored(agent, ask, key));
        let last = last.ok_or_else(|| {
            Failure::new(ErrorKind::NotFound, format!("session {:?} of this project has no conversation yet", key.name))
                .hint("ask without -c; sessions live in the daemon's memory and end with it, but for the last useful ones")
        })?;
        if last.size() > CONVERSATION_MAX {
            let message = format!("the conversation is over {} MiB", CONVERSATION_MAX >> 20);
            return Err(Failure::new(ErrorKind::Limit, message).hint("ask without -c to start a new one"));
        }
        return Ok(last);
    }
    Ok(agent.sessions.new_conversation())
}

/// One turn at a time in a conversation: a second one waits for the first.
async fn hold<'c>(ask: &Ask, conversation: &'c Conversation) -> Result<tokio::sync::MutexGuard<'c, ()>, Failure> {
    if let Ok(guard) = conversation.turn.try_lock() {
        return Ok(guard);
    }
    ask.events.notice("waiting: another shell is asking in this conversation").await;
    tokio::select! {
        guard = conversation.turn.lock() => Ok(guard),
        () = ask.cancel.cancelled() => Err(cancelled()),
    }
}

/// The failure of a cancelled turn.
pub(super) fn cancelled() -> Failure {
    Failure::new(ErrorKind::Cancelled, "cancelled")
}
