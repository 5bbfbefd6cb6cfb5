//! The answer without a model: what the project's files say, honestly headed.

use std::{sync::Arc, time::Duration};

use proto::{Answer, Delta, ErrorKind, Event, Failure, Source, Started};

use super::{Agent, Ask, place::Place, turn::cancelled};
use crate::{
    config::ProviderKind,
    memory::session::{Commit, Conversation, Exchange, SessionKey},
    offline::Why,
    redact::Redacted,
};

/// How long the search may take. A few milliseconds on an ordinary project; a huge one gets what was found by then.
const SEARCH_DEADLINE: Duration = Duration::from_secs(5);

pub(super) async fn answer(
    agent: &Agent,
    ask: &Ask,
    place: &Place,
    key: &SessionKey,
    conversation: &Arc<Conversation>,
    question: Redacted,
    reason: &str,
) -> Result<Answer, Failure> {
    let Some(project) = &place.project else {
        let message = format!("no model ({reason}), and no project here to search");
        return Err(Failure::new(ErrorKind::Failure, message)
            .hint("set DEEPSEEK_API_KEY and run agentctl daemon restart, or ask inside a project"));
    };
    let started = Started {
        turn: ask.turn.clone(),
        session: key.name.clone(),
        conversation: conversation.id.clone(),
        model: String::new(),
        project: project.root.display().to_string(),
    };
    ask.events.send(Event::Started(started)).await;
    let (offline, root, redactor) = (Arc::clone(&agent.offline), project.root.clone(), ask.redactor.clone());
    let (words, config) = (ask.request.prompt.clone(), Arc::clone(&place.config));
    let search = tokio::task::spawn_blocking(move || {
        let why = match config.provider.kind {
            ProviderKind::Offline => Why::Chosen,
            _ => Why::NoModel { key_variable: &config.provider.api_key_env },
        };
        offline.answer(&root, &words, why, &redactor, SEARCH_DEADLINE)
    });
    let found = tokio::select! {
        found = search => found.map_err(|_| Failure::new(ErrorKind::Internal, "the search failed inside the daemon"))?,
        () = ask.cancel.cancelled() => return Err(cancelled()),
    };
    let text = found.text.to_string();
    ask.events.send(Event::Text(Delta { delta: text.clone() })).await;
    if !ask.request.ephemeral {
        agent.sessions.touch_files(key, place.session_limits(), &found.files);
        // The history for a model stays as it is: what was found by words is no answer of the model's.
        conversation.commit(Commit {
            messages: conversation.messages(),
            exchange: Exchange { question, answer: found.text, replay: false },
            preferences: None,
            tools: None,
            rests: Some(Arc::default()),
            now: agent.clock.now(),
        });
        agent.sessions.keep(key, &ask.turn, place.session_limits(), conversation);
    }
    Ok(Answer { answer: text, source: Source::Offline, cost_usd: Some(0.0), ..Answer::default() })
}
