//! An answer from memory on its way to the asker.

use proto::{Answer, Cached, Delta, Event, Started};

use super::{
    lookup::{Hit, Look},
    place::Place,
    turn::Turn,
    verdict::Spent,
};
use crate::{
    clock::seconds_since,
    memory::{
        answers::Last,
        session::{Commit, Exchange},
    },
    redact::Redacted,
};

/// Tells an answer that was verified for this ask, and puts it into the session. `spent` is what finding it took.
pub(super) async fn serve(turn: &Turn<'_>, look: &Look, hit: &Hit, spent: Spent) -> Answer {
    let Turn { agent, ask, key, conversation, question, .. } = turn;
    let (record, now) = (hit.entry.record(), agent.clock.now());
    let place: &Place = &look.place;
    let started = Started {
        turn: ask.turn.clone(),
        session: key.name.clone(),
        conversation: conversation.id.clone(),
        model: record.model.clone(),
        project: place.project.as_ref().map(|p| p.root.display().to_string()).unwrap_or_default(),
    };
    ask.events.send(Event::Started(started)).await;
    ask.events.send(Event::Text(Delta { delta: record.answer.to_string() })).await;
    hit.entry.served(now);
    agent.memory.answers.stats.hit(hit.source, hit.lenient, record.cost_usd);
    if let Some(asked) = &look.asked {
        let last = Last {
            question: asked.text.clone(),
            attachments: asked.attachments,
            served: Some(record.id),
            outcome: Redacted::from_static(outcome(hit)),
        };
        agent.memory.answers.note(ask.uid, place.home(), last);
    }
    let cached = Cached {
        id: record.id.to_string(),
        question: record.question.to_string(),
        age_s: seconds_since(&*agent.clock, record.made),
        dependencies: u32::try_from(hit.entry.rests().len()).unwrap_or(u32::MAX),
        lenient: hit.lenient,
    };
    if !ask.request.ephemeral {
        // The history begins when somebody goes on: it is made from what was asked and answered.
        conversation.commit(Commit {
            messages: conversation.messages(),
            exchange: Exchange { question: question.clone(), answer: record.answer.clone(), replay: true },
            preferences: None,
            tools: None,
            rests: Some(hit.entry.rests()),
            now,
        });
        agent.sessions.keep(key, &ask.turn, place.session_limits(), conversation);
    }
    Answer {
        answer: record.answer.to_string(),
        source: hit.source,
        model: record.model.clone(),
        usage: proto::Usage {
            prompt_tokens: spent.usage.prompt,
            completion_tokens: spent.usage.completion,
            cache_hit_tokens: spent.usage.hit,
            cache_miss_tokens: spent.usage.miss,
        },
        cost_usd: spent.cost,
        saved_usd: record.cost_usd,
        cached: Some(cached),
        ..Answer::default()
    }
}

/// For `cache why`.
fn outcome(hit: &Hit) -> &'static str {
    match hit.source {
        _ if hit.lenient => "served by likeness",
        proto::Source::Near => "served: the questions are equal by rule",
        proto::Source::Verdict => "served: a model called the questions equal",
        _ => "served: the same question",
    }
}
