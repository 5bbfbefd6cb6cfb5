//! Why a question is answered from memory, or is not: the lookup of an ask, told instead of served. Buys no verdict.

use std::sync::Arc;

use proto::{Fact, Failure, Source, WhyReport};

use super::{
    Agent, Ask,
    lookup::{self, Hit, Look, Miss, Outcome},
    place::home_of,
};
use crate::{
    clock::Clock,
    llm::Choice,
    memory::answers::{Entry, Last},
    tools::observed::Observed,
};

/// Dependencies that are named one by one.
const SHOWN: usize = 40;

/// Explains a question; the project's last one when it is empty.
///
/// # Errors
/// The directory cannot be entered, or nothing was asked in the project yet.
pub async fn why(agent: &Agent, mut ask: Ask, choice: &Choice) -> Result<WhyReport, Failure> {
    let home = home_of(&ask.request.cwd).await?;
    let last = agent.memory.answers.last(ask.uid, &home);
    if ask.request.prompt.is_empty() {
        let last = last.as_ref().ok_or_else(|| {
            Failure::new(proto::ErrorKind::NotFound, "nothing was asked in this project since the daemon started")
                .hint("agentctl cache why \"your question\"")
        })?;
        ask.request.prompt = last.question.to_string();
        ask.attached = Some(last.attachments);
    }
    let look = lookup::look(agent, &ask, choice).await?;
    let question = ask.redactors.kept(look.place.config.redact.personal).text(&ask.request.prompt);
    let mut report = match &look.outcome {
        Outcome::Hit(hit) => of_hit(agent, &ask, hit),
        Outcome::Miss(miss) => of_miss(agent, &look, miss),
    };
    if let Some(Last { outcome, .. }) = last.filter(|last| last.question == question) {
        report.facts.insert(0, Fact { name: "last".into(), value: outcome.to_string() });
    }
    report.question = question.to_string();
    Ok(report)
}

fn of_hit(agent: &Agent, ask: &Ask, hit: &Hit) -> WhyReport {
    let reason = match hit.source {
        _ if hit.lenient => "alike enough, and answers.similarity is \"lenient\"",
        Source::Near => "the questions are equal by rule",
        Source::Verdict => "a model has called the questions equal",
        _ => "the same question",
    };
    let mut report = WhyReport {
        outcome: hit.source,
        reason: format!("{reason}, and everything the answer rests on is unchanged"),
        answer: Some(proto_answer(&*agent.clock, &hit.entry)),
        score: 1.0,
        ..WhyReport::default()
    };
    report.facts = dependencies(&hit.entry, ask);
    report
}

fn of_miss(agent: &Agent, look: &Look, miss: &Miss) -> WhyReport {
    let mut report = WhyReport { outcome: Source::Model, ..WhyReport::default() };
    let shown = |entry: &Arc<Entry>| Some(proto_answer(&*agent.clock, entry));
    if look.asked.is_none() && miss.candidates.is_empty() {
        report.reason = "the memory is not asked: answers.similarity is \"off\", or there is no model".into();
    } else if let Some((entry, what)) = &miss.changed {
        report.reason = "there is an answer, but what it rests on has changed".into();
        report.changed = what.to_string();
        report.answer = shown(entry);
        report.score = 1.0;
    } else if let Some(candidate) = miss.candidates.first() {
        report.reason = "there is an answer to a question like it; --reuse takes it, a verdict may".into();
        report.answer = shown(&candidate.entry);
        report.score = f64::from(candidate.score);
    } else if let Some(refusal) = &miss.refused {
        report.reason = "the question nearest to it asks something else".into();
        report.guard = refusal.guard.to_owned();
        report.answer = shown(&refusal.entry);
        report.score = f64::from(refusal.score);
    } else {
        report.reason = "there is no answer to a question like it in this project".into();
    }
    report
}

/// One fact each.
fn dependencies(entry: &Entry, ask: &Ask) -> Vec<Fact> {
    let rests = entry.rests();
    let fact = |value: String| Fact { name: "rests on".into(), value: ask.redactor.text(&value).to_string() };
    let mut facts: Vec<Fact> = rests.iter().take(SHOWN).map(|one| fact(told(one))).collect();
    if rests.len() > SHOWN {
        facts.push(fact(format!("{} more", rests.len() - SHOWN)));
    }
    facts
}

fn told(observed: &Observed) -> String {
    match observed {
        Observed::File { path, .. } => path.clone(),
        Observed::Listing { path, .. } => format!("the names in {path}"),
        Observed::Call { tool, arguments, .. } => format!("{tool} {arguments}"),
        Observed::Project { .. } => "every file of the project".into(),
        Observed::Git { .. } => "the history in git".into(),
    }
}

/// An answer in memory, for people.
pub fn proto_answer(clock: &dyn Clock, entry: &Entry) -> proto::CachedAnswer {
    let record = entry.record();
    let (used, hits) = entry.usage();
    proto::CachedAnswer {
        id: record.id.to_string(),
        project: record.project.display().to_string(),
        question: record.question.to_string(),
        model: record.model.clone(),
        age_s: crate::clock::seconds_since(clock, record.made),
        used_s: crate::clock::seconds_since(clock, used),
        hits,
        dependencies: u32::try_from(entry.rests().len()).unwrap_or(u32::MAX),
        bytes: (record.question.as_str().len() + record.answer.as_str().len()) as u64,
        cost_usd: record.cost_usd,
    }
}
