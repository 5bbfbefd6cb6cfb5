//! What is kept of a turn that asked the model: the answer, with everything it rested on.
//!
//! Refuses what was not whole, what had effects, what rests on something that cannot be verified, and what is not worth
//! it ([`worth_keeping`]). An answer for which nothing was looked at rests on the whole project: what a model says from
//! its memory about code goes stale with any edit.

use std::{sync::Arc, time::SystemTime};

use super::{Agent, Ask, lookup::Look, lookup::Outcome as Looked};
use crate::{
    id,
    llm::Usage,
    memory::{
        answers::{ANSWER_MAX, Asked, Last},
        kept::AnswerRecord,
        worth::worth_keeping,
    },
    redact::{Redacted, Redactor},
    tools::observed::{self, Digest, Observed},
};
use proto::Answer;
use tokio::task::JoinHandle;

/// What a run came to, beside the answer for the asker.
pub(super) struct Outcome {
    /// The whole final text.
    pub(super) text: Redacted,
    /// What it rests on; `None` when that cannot be verified.
    pub(super) rests: Option<Vec<Observed>>,
    /// A tool has seen something of the project.
    pub(super) looked: bool,
}

/// The digest of the project at the beginning of a run, made while the model thinks.
pub(super) type Untouched = Option<JoinHandle<Option<Digest>>>;

/// Begins to digest the project; `None` when the answer will not be kept.
pub(super) fn project_digest(agent: &Agent, look: &Look) -> Untouched {
    look.asked.as_ref()?;
    let project = Arc::clone(look.place.project.as_ref()?);
    let memory = Arc::clone(&agent.memory);
    Some(tokio::task::spawn_blocking(move || observed::project_digest(&project, &memory.digests)))
}

/// Keeps the answer if it may be served again.
pub(super) async fn keep(agent: &Agent, ask: &Ask, look: &Look, answer: &Answer, ran: Outcome, untouched: Untouched) {
    let Some(asked) = &look.asked else { return };
    let outcome = match rests_on(look, ran.rests, ran.looked, untouched).await {
        Some(rests) => record(agent, ask, look, asked, answer, ran.text, rests),
        None => Err("what it rests on cannot be verified"),
    };
    let told = match outcome {
        Ok(record) => {
            let now = agent.clock.now();
            agent.memory.answers.keep(record, look.place.config.memory.cache_size, now);
            agent.memory.answers.stats.count("kept");
            missed(look, "asked anew; the answer is kept")
        }
        Err(why) => {
            tracing::debug!(turn = %ask.turn, why, "not kept");
            agent.memory.answers.stats.count(format!("not_kept ({why})"));
            missed(look, &format!("asked anew; the answer is not kept: {why}"))
        }
    };
    let last = Last {
        question: asked.text.clone(),
        attachments: asked.attachments,
        served: None,
        outcome: ask.redactor.text(&told),
    };
    agent.memory.answers.note(ask.uid, look.place.home(), last);
}

/// What became of a miss, for `cache why`.
fn missed(look: &Look, end: &str) -> String {
    match &look.outcome {
        Looked::Miss(miss) => match &miss.changed {
            Some((_, what)) => format!("{what}; {end}"),
            None => end.to_owned(),
        },
        Looked::Hit(_) => end.to_owned(),
    }
}

async fn rests_on(
    look: &Look,
    rests: Option<Vec<Observed>>,
    looked: bool,
    untouched: Untouched,
) -> Option<Vec<Observed>> {
    let mut rests = rests?;
    if !looked && look.place.project.is_some() {
        let digest = untouched?.await.ok()??;
        rests.push(Observed::Project { digest });
    }
    Some(rests)
}

fn record(
    agent: &Agent,
    ask: &Ask,
    look: &Look,
    asked: &Asked,
    answer: &Answer,
    text: Redacted,
    rests: Vec<Observed>,
) -> Result<AnswerRecord, &'static str> {
    if ask.request.ephemeral {
        return Err("it was to leave no trace");
    }
    if asked.question.asks_for_change() || !asked.question.is_self_contained() {
        return Err("the question means something else the next time");
    }
    if let Err(why) = worth_keeping(&asked.text, Ok(&text)) {
        tracing::debug!(turn = %ask.turn, %why, "not worth keeping");
        return Err("it is not worth keeping");
    }
    if text.as_str().len() > ANSWER_MAX {
        return Err("it is too long");
    }
    let project = asked.scope.project.to_str().ok_or("its project has no readable name")?;
    if !is_plain(&ask.redactor, project)
        || rests.iter().flat_map(Observed::texts).any(|text| !is_plain(&ask.redactor, text))
    {
        return Err("a name in it looks like a secret");
    }
    let now = agent.clock.now();
    Ok(AnswerRecord {
        id: id::fresh(),
        uid: ask.uid,
        project: asked.scope.project.clone(),
        has_project: asked.scope.has_project,
        scope: asked.scope.fingerprint,
        question: asked.text.clone(),
        attachments: asked.attachments,
        answer: text,
        model: answer.model.clone(),
        usage: usage(answer),
        cost_usd: answer.cost_usd,
        elapsed_ms: elapsed(look.begun, now),
        made: now,
        used: now,
        hits: 0,
        instructions: asked.instructions,
        preferences: asked.preferences,
        rests,
    })
}

/// True for a name that the redactor leaves as it is.
fn is_plain(redactor: &Redactor, name: &str) -> bool {
    redactor.text(name).as_str() == name
}

fn usage(answer: &Answer) -> Usage {
    let usage = &answer.usage;
    Usage {
        prompt: usage.prompt_tokens,
        completion: usage.completion_tokens,
        hit: usage.cache_hit_tokens,
        miss: usage.cache_miss_tokens,
    }
}

fn elapsed(begun: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(begun).map(|spent| u64::try_from(spent.as_millis()).unwrap_or(u64::MAX)).unwrap_or_default()
}
