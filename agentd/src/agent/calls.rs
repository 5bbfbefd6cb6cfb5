//! One step's tool calls: checked, judged, approved, run, in the order the model gave them.
//!
//! Calls that only read, or of which the configuration says that they may, run side by side, up to [`PARALLEL`]; their
//! results keep the order of the calls. Every call gets exactly one result, whatever happens, so that the history stays
//! valid.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Instant,
};

use futures_util::{StreamExt, stream};
use proto::{Approval, Decision, ErrorKind, Event, Failure, ToolCallReport, ToolFinished, ToolStarted, Verdict};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Agent, Ask,
    guard::{LoopGuard, Say},
};
use crate::{
    llm::{Message, RawToolCall, ToolCall},
    memory::session::{SessionKey, SessionLimits},
    redact::Outbound,
    sync::lock,
    tools::{Alone, BoxFuture, Judgement, Rests, Tool, ToolContext, ToolOutput, ToolSet, builtin},
};

/// Reads at once: enough to hide their latency, few enough for two cores and a spinning disk.
const PARALLEL: usize = 8;
/// Characters of a failure shown to the user; the model gets the whole.
const MESSAGE_SHOWN: usize = 160;
/// Characters of a call's summary: a few lines of a terminal.
const SUMMARY_SHOWN: usize = 200;

/// What a step's calls run with.
pub(super) struct Calls<'a> {
    pub(super) agent: &'a Agent,
    pub(super) ask: &'a Ask,
    pub(super) key: &'a SessionKey,
    pub(super) limits: SessionLimits,
    pub(super) context: ToolContext,
    /// The tools of the conversation.
    pub(super) tools: &'a ToolSet,
    /// Servers of which the user was told in this turn that built-in tools stand in for them.
    pub(super) told: &'a Mutex<HashSet<String>>,
    /// Cancelled when the user is asked something: who waits for the same answer need not wait for a person.
    pub(super) asks_user: &'a CancellationToken,
}

/// What a step came to.
#[derive(Default)]
pub(super) struct Step {
    /// One `Tool` message per call, in order.
    pub(super) messages: Vec<Message>,
    /// One report per call, in order.
    pub(super) reports: Vec<ToolCallReport>,
    /// What each call's text depends on.
    pub(super) rests: Vec<Rests>,
    /// The turn ends with this.
    pub(super) failure: Option<Failure>,
}

/// A call that passed the checks.
struct Ready<'a> {
    number: u32,
    call: &'a ToolCall,
    tool: Arc<dyn Tool>,
    arguments: Value,
    judgement: Judgement,
    warning: Option<String>,
}

enum Checked<'a> {
    Ready(Ready<'a>),
    Wrong(u32, &'a ToolCall, String),
}

struct Outcome {
    output: ToolOutput,
    verdict: Verdict,
    failure: Option<Failure>,
}

impl Outcome {
    fn ran(output: ToolOutput, verdict: Verdict) -> Self {
        Self { output, verdict, failure: None }
    }

    fn not_run(text: String, verdict: Verdict, failure: Option<Failure>) -> Self {
        Self { output: ToolOutput::error(text), verdict, failure }
    }

    /// Not run because of the call itself, whatever the project holds.
    fn wrong(text: String, verdict: Verdict) -> Self {
        Self { output: ToolOutput::error(text).rests(Rests::Nothing), verdict, failure: None }
    }
}

impl Calls<'_> {
    /// Runs the calls of one step, with their arguments as the model wrote them; `first` is the number of the first
    /// call within the turn.
    pub(super) async fn run(&self, calls: &[ToolCall], raw: &[RawToolCall], guard: &mut LoopGuard, first: u32) -> Step {
        let mut step = Step::default();
        let mut checked = Vec::with_capacity(calls.len());
        for ((number, call), raw) in (first..).zip(calls).zip(raw) {
            checked.push(self.check(number, call, raw, guard, &mut step.failure).await);
        }
        let mut rest = checked.as_slice();
        while let Some(next) = rest.first() {
            let together = rest.iter().take_while(|c| runs_beside_others(c)).count().max(1);
            let (now, later) = rest.split_at(together);
            rest = later;
            if step.failure.is_some() || self.ask.cancel.is_cancelled() {
                for one in now {
                    self.record(&mut step, one.call(), Outcome::not_run(NOT_RUN.into(), Verdict::Denied, None));
                }
            } else if runs_beside_others(next) {
                let reads: Vec<BoxFuture<'_, Outcome>> =
                    now.iter().map(|one| -> BoxFuture<'_, Outcome> { Box::pin(self.settle(one)) }).collect();
                let outcomes: Vec<_> = stream::iter(reads).buffered(PARALLEL).collect().await;
                for (one, outcome) in now.iter().zip(outcomes) {
                    self.record(&mut step, one.call(), outcome);
                }
            } else {
                let outcome = self.settle(next).await;
                self.record(&mut step, next.call(), outcome);
            }
        }
        step
    }

    async fn check<'c>(
        &self,
        number: u32,
        call: &'c ToolCall,
        raw: &RawToolCall,
        guard: &mut LoopGuard,
        failure: &mut Option<Failure>,
    ) -> Checked<'c> {
        let warning = match guard.count(&call.name, call.arguments.as_str()) {
            Say::Go => None,
            Say::Warn(times) => Some(format!(
                "You have made this same call {times} times in this turn. Do something else, or answer with what you have."
            )),
            Say::Stop(times) => {
                let message = format!("the model called {} {times} times with the same arguments", call.name);
                failure.get_or_insert(
                    Failure::new(ErrorKind::Limit, message)
                        .hint("ask again in other words, or with -c to go on from here"),
                );
                None
            }
        };
        let Some(tool) = self.tools.toolbox().get(&call.name) else {
            return Checked::Wrong(number, call, self.unknown_tool(&call.name));
        };
        match parse_arguments(&raw.arguments) {
            Ok(arguments) => {
                let judgement = self.judge(tool, &arguments).await;
                Checked::Ready(Ready { number, call, tool: Arc::clone(tool), arguments, judgement, warning })
            }
            Err(why) => {
                Checked::Wrong(number, call, format!("The arguments of {} {why}. Send the call again.", call.name))
            }
        }
    }

    /// What policy says. For what changes or runs something it may look at many files, away from the runtime's threads.
    async fn judge(&self, tool: &Arc<dyn Tool>, arguments: &Value) -> Judgement {
        if tool.spec().read_only {
            return tool.judge(&self.context, arguments);
        }
        let (tool, context, arguments) = (Arc::clone(tool), self.context.clone(), arguments.clone());
        let judged = tokio::task::spawn_blocking(move || tool.judge(&context, &arguments)).await;
        judged.unwrap_or_else(|_| Judgement::Deny { reason: "the policy failed inside the daemon".into() })
    }

    fn unknown_tool(&self, name: &str) -> String {
        let names: Vec<_> = self.tools.toolbox().specs().map(|spec| spec.name.as_str()).collect();
        let near = names.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let near = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        format!("There is no tool named {name:?}.{near} Tools: {}.", names.join(", "))
    }

    /// Runs one call, with its events around it.
    async fn settle(&self, checked: &Checked<'_>) -> Outcome {
        let (number, call) = (checked.number(), checked.call());
        let summary = match checked {
            Checked::Ready(ready) => ready.tool.summary(&ready.arguments),
            Checked::Wrong(..) => "invalid call".to_owned(),
        };
        // Redacted before it is cut, as every text here.
        let summary = builtin::line(self.ask.redactor.text(&summary).as_str(), SUMMARY_SHOWN);
        let started = ToolStarted { call: number, name: call.name.clone(), summary: summary.clone() };
        self.ask.events.send(Event::ToolStarted(started)).await;
        let start = Instant::now();
        let outcome = match checked {
            Checked::Ready(ready) => self.judge_and_run(ready, &summary).await,
            Checked::Wrong(_, _, why) => Outcome::wrong(why.clone(), Verdict::Allow),
        };
        let message = if outcome.output.ok {
            String::new()
        } else {
            first_line(self.ask.redactor.text(&outcome.output.text).as_str())
        };
        let finished = ToolFinished {
            call: number,
            name: call.name.clone(),
            ok: outcome.output.ok,
            elapsed_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            message,
        };
        // A name that is no tool's is the model's text.
        let known = self.tools.toolbox().get(&call.name).map_or("unknown", |tool| tool.spec().name.as_str());
        tracing::info!(tool = known, ok = finished.ok, ms = finished.elapsed_ms, "tool call");
        self.ask.events.send(Event::ToolFinished(finished)).await;
        outcome
    }

    async fn judge_and_run(&self, ready: &Ready<'_>, summary: &str) -> Outcome {
        let verdict = match &ready.judgement {
            Judgement::Allow => Verdict::Allow,
            // Else it is judged also by what the project holds or what servers offer.
            Judgement::Deny { reason } if ready.tool.is_judged_alone() => {
                return Outcome::wrong(format!("Refused: {reason}"), Verdict::Denied);
            }
            Judgement::Deny { reason } => {
                return Outcome::not_run(format!("Refused: {reason}"), Verdict::Denied, None);
            }
            Judgement::Ask { reason, key, alone } => match self.approve(ready, summary, reason, key, *alone).await {
                Ok(()) => Verdict::Approved,
                Err(outcome) => return outcome,
            },
        };
        let mut output = ready.tool.call(&self.context, ready.arguments.clone()).await;
        if !output.fallback.is_empty() {
            output.fallback = self.ask.redactor.text(&output.fallback).to_string();
            self.tell_fallback(&output.fallback).await;
        }
        if verdict != Verdict::Allow {
            // Somebody said yes to this run, not to the next.
            output.rests = Rests::Unknown;
        }
        if let Some(warning) = &ready.warning {
            output.text = format!("{}\n\n[{warning}]", output.text);
        }
        Outcome::ran(output, verdict)
    }

    /// Says that a built-in tool stood in for a server: to the log each time, to the user once in a turn.
    async fn tell_fallback(&self, why: &str) {
        tracing::warn!(turn = %self.ask.turn, why, "a built-in tool served in a server's place");
        let server = why.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).next().unwrap_or_default();
        if lock(self.told).insert(server.to_owned()) {
            self.ask.events.notice(format!("{why}; the built-in tools serve")).await;
        }
    }

    async fn approve(
        &self,
        ready: &Ready<'_>,
        summary: &str,
        reason: &str,
        key: &str,
        alone: Alone,
    ) -> Result<(), Outcome> {
        if self.agent.sessions.is_approved(self.key, key) {
            return Ok(());
        }
        let name = &ready.call.name;
        if !self.ask.request.interactive {
            let failure = Failure::new(ErrorKind::Refused, format!("{name} ({summary}) needs your approval: {reason}"))
                .hint("ask in a terminal, where you can approve it; nothing was changed by this call");
            let text = format!("Refused: {reason}, and nobody is there to approve it.");
            return Err(Outcome::not_run(text, Verdict::Denied, (alone == Alone::EndTurn).then_some(failure)));
        }
        self.asks_user.cancel();
        let mut pending = self.agent.approvals.open(self.ask.uid);
        let approval = Approval {
            approval: pending.number,
            name: name.clone(),
            summary: summary.to_owned(),
            reason: reason.to_owned(),
        };
        self.ask.events.send(Event::Approval(approval)).await;
        let word = tokio::select! {
            word = pending.word() => word,
            () = self.ask.cancel.cancelled() => None,
        };
        match word {
            Some(Decision::Once) => Ok(()),
            Some(Decision::Session) => {
                self.agent.sessions.approve(self.key, key);
                Ok(())
            }
            Some(Decision::No) => Err(Outcome::not_run("The user declined this call.".into(), Verdict::Declined, None)),
            None => {
                let failure = Failure::new(ErrorKind::Timeout, format!("nobody answered whether {name} may run"));
                Err(Outcome::not_run("The user did not answer.".into(), Verdict::Denied, Some(failure)))
            }
        }
    }

    fn record(&self, step: &mut Step, call: &ToolCall, outcome: Outcome) {
        let Outcome { output, verdict, failure } = outcome;
        let mut content = self.context.view.text(&output.text);
        if content.as_str().trim().is_empty() {
            content = Outbound::from_static("(no output)");
        }
        step.messages.push(Message::Tool { call_id: call.id.clone(), content });
        step.reports.push(ToolCallReport {
            name: call.name.clone(),
            verdict,
            ok: output.ok,
            server: output.server,
            fallback: output.fallback,
        });
        step.rests.push(output.rests);
        if !self.ask.request.ephemeral {
            self.agent.sessions.touch_files(self.key, self.limits, &output.files);
        }
        if step.failure.is_none() {
            step.failure = failure;
        }
    }
}

/// What a call gets that was not run because the turn is over.
const NOT_RUN: &str = "Not run: the turn ended before this call.";

impl<'a> Checked<'a> {
    fn call(&self) -> &'a ToolCall {
        match self {
            Self::Ready(ready) => ready.call,
            Self::Wrong(_, call, _) => call,
        }
    }

    fn number(&self) -> u32 {
        match self {
            Self::Ready(ready) => ready.number,
            Self::Wrong(number, ..) => *number,
        }
    }
}

fn runs_beside_others(checked: &Checked<'_>) -> bool {
    matches!(checked, Checked::Ready(r) if r.tool.overlaps() && r.judgement == Judgement::Allow)
}

/// The arguments as an object; blank text is no arguments.
fn parse_arguments(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("are not a JSON object".into()),
        Err(e) => Err(format!("are not valid JSON: {e}")),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MESSAGE_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_an_error_that_says_why() {
        assert!(parse_arguments("").unwrap().as_object().unwrap().is_empty());
        assert_eq!(parse_arguments("[1]").unwrap_err(), "are not a JSON object");
        assert!(parse_arguments("{\"path\":").unwrap_err().starts_with("are not valid JSON"));
    }
}
