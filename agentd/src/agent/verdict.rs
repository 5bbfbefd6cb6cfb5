//! The verdict: a small model call that sees two questions and nothing else, and says whether they ask the same.
//!
//! In doubt, late, broken off or too expensive to wait for: no. What it said is remembered for the pair, so that it is
//! paid for once.

use std::{pin::pin, time::Duration};

use futures_util::future::join_all;
use proto::Source;
use serde_json::json;
use tokio::sync::mpsc;

use super::{Agent, Ask, lookup::Hit};
use crate::{
    llm::{ChatRequest, Finish, Message, Provider, Usage},
    memory::{
        answers::{Asked, Candidate},
        kept::VerdictRecord,
    },
    redact::{ModelView, Outbound},
};

/// How long a verdict may take. Longer, and asking the model itself would have begun to answer.
const DEADLINE: Duration = Duration::from_secs(3);
/// Most tokens of the reply: one word, and what a model may put around it.
const REPLY_TOKENS: u32 = 8;
/// What the model is told. Frozen, so that the provider's prefix cache knows it.
const PROMPT: &str = "\
Two questions of a developer about one code base come as JSON. Would one full, correct answer serve both equally well? \
Different names, numbers, files, directions, times, conditions, scopes or forms of answer: no. In doubt: no. \
Reply with one word, yes or no.";

/// What verdicts of one ask came to.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// The answer that was confirmed.
    pub(super) hit: Option<Hit>,
    /// Candidates about which the model said no: they are not offered.
    pub(super) refused: Vec<uuid::Uuid>,
    /// What the calls took.
    pub(super) spent: Spent,
}

/// Tokens and dollars of side calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) usage: Usage,
    /// `None` once a call had no price or no count.
    pub(super) cost: Option<f64>,
}

impl Default for Spent {
    fn default() -> Self {
        Self { usage: Usage::default(), cost: Some(0.0) }
    }
}

impl Spent {
    fn add(&mut self, usage: Option<Usage>, cost: Option<f64>) {
        if let Some(usage) = usage {
            self.usage.prompt += usage.prompt;
            self.usage.completion += usage.completion;
            self.usage.hit += usage.hit;
            self.usage.miss += usage.miss;
        }
        self.cost = self.cost.zip(cost).map(|(sum, more)| sum + more);
    }
}

/// Asks about all candidates side by side; the best one that is confirmed is the hit. Their dependencies hold.
pub(super) async fn ask_about(
    agent: &Agent,
    ask: &Ask,
    asked: &Asked,
    candidates: &[Candidate],
    provider: &Provider,
    view: &ModelView,
) -> Verdicts {
    let calls = candidates.iter().map(|candidate| one(agent, ask, asked, candidate, provider, view));
    let mut verdicts = Verdicts::default();
    for (candidate, (same, usage, cost)) in candidates.iter().zip(join_all(calls).await) {
        verdicts.spent.add(usage, cost);
        let stats = &agent.memory.answers.stats;
        let Some(same) = same else {
            stats.count("verdict_none");
            continue;
        };
        stats.count(if same { "verdict_yes" } else { "verdict_no" });
        agent.memory.answers.judge(VerdictRecord {
            uid: ask.uid,
            project: asked.scope.project.clone(),
            pair: (*asked.question.exact_key(), *candidate.entry.question.exact_key()),
            same,
            at: agent.clock.now(),
        });
        if !same {
            verdicts.refused.push(candidate.entry.record().id);
        } else if verdicts.hit.is_none() {
            let entry = std::sync::Arc::clone(&candidate.entry);
            verdicts.hit = Some(Hit { entry, source: Source::Verdict, lenient: false });
        }
    }
    verdicts
}

/// The model's word, `None` when there is none; and what it took.
async fn one(
    agent: &Agent,
    ask: &Ask,
    asked: &Asked,
    candidate: &Candidate,
    provider: &Provider,
    view: &ModelView,
) -> (Option<bool>, Option<Usage>, Option<f64>) {
    let pair = json!({"same_question": {"a": candidate.entry.record().question.as_str(), "b": asked.text.as_str()}});
    let model = match ask.request.model.as_str() {
        "" => provider.default_model().to_owned(),
        model => model.to_owned(),
    };
    let request = ChatRequest {
        messages: vec![Message::System(Outbound::from_static(PROMPT)), Message::User(view.json(&pair.to_string()))],
        tools: Default::default(),
        idle_timeout: DEADLINE,
        side: Some(REPLY_TOKENS),
        model,
    };
    let at = agent.clock.now();
    // Nobody listens to the pieces: the reply is one word.
    let (to, deltas) = mpsc::channel(1);
    drop(deltas);
    let call = pin!(provider.chat(&request, &to, &ask.cancel));
    let Ok(Ok(completion)) = tokio::time::timeout(DEADLINE, call).await else { return (None, None, Some(0.0)) };
    let cost = completion.usage.and_then(|usage| provider.cost(&request.model, usage, at));
    let word = (completion.finish == Finish::Stop).then(|| said(&completion.text)).flatten();
    (word, completion.usage, cost)
}

/// One word and nothing that takes it back.
fn said(text: &str) -> Option<bool> {
    let word = text.trim().trim_matches(|c: char| !c.is_alphanumeric());
    match word.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_word_is_a_verdict() {
        for (text, word) in [
            ("yes", Some(true)),
            (" Yes.\n", Some(true)),
            ("**no**", Some(false)),
            ("No", Some(false)),
            ("yes, but", None),
            ("not sure", None),
            ("", None),
            ("{\"same\": true}", None),
        ] {
            assert_eq!(said(text), word, "{text:?}");
        }
    }

    #[test]
    fn a_call_without_a_price_makes_the_sum_unknown() {
        let mut spent = Spent::default();
        let usage = Usage { prompt: 150, completion: 1, hit: 100, miss: 50 };
        spent.add(Some(usage), Some(0.5));
        assert_eq!((spent.usage.prompt, spent.cost), (150, Some(0.5)));
        spent.add(Some(usage), None);
        assert_eq!((spent.usage.prompt, spent.cost), (300, None));
    }
}
