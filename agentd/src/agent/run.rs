//! The tool loop of one turn: model, tools, model … until an answer.
//!
//! The history it works on is a copy that is valid for replay after every step; whatever ends the turn, the steps
//! that were whole are kept, so that `-c` can go on from there.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use proto::{Answer, ErrorKind, Event, Failure, Retry, Source, Started, ToolCallReport};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Agent, Ask, calls::Calls, guard::LoopGuard, history, keeping::Outcome, lasting, place::Place, speech::Speech,
    turn::cancelled,
};
use crate::{
    context::{self, Opening},
    llm::{ChatRequest, Completion, Delta, Finish, Message, Provider, RawToolCall, ToolCall, Usage},
    memory::{
        kept::Fingerprint,
        preferences,
        session::{Commit, Conversation, Exchange, SessionKey},
    },
    redact::{ModelView, Outbound, Redacted},
    tools::{Keeper, Rests, ToolContext, ToolSet, observed::Resting},
};

/// Deltas that may wait for a slow client before the provider's stream is read no further.
const DELTA_QUEUE: usize = 64;
/// How often a reply that the output limit cut is asked to go on.
const CONTINUATIONS: u32 = 3;
const GO_ON: &str = "Your reply was cut at the output limit. Go on exactly where it stopped, without repeating anything. \
                     A tool call that was cut was not made: make it again, and shorter.";

/// A turn in progress.
pub(super) struct Run<'a> {
    agent: &'a Agent,
    ask: &'a Ask,
    place: &'a Place,
    key: &'a SessionKey,
    conversation: &'a Arc<Conversation>,
    provider: &'a Provider,
    model: String,
    messages: Vec<Message>,
    tools: Arc<ToolSet>,
    guard: LoopGuard,
    turns: u32,
    usage: Usage,
    /// `None` once a call had no price or no token count: an unknown price is unknown, not zero.
    cost: Option<f64>,
    reports: Vec<ToolCallReport>,
    /// How this conversation's model is shown everything.
    view: ModelView,
    speech: Speech<'a>,
    /// What the turn rests on beside the question.
    resting: Resting,
    /// A tool has seen something of the project.
    looked: bool,
    /// See [`Calls::told`].
    told: Mutex<HashSet<String>>,
    /// See [`Calls::asks_user`].
    asks_user: &'a CancellationToken,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        agent: &'a Agent,
        ask: &'a Ask,
        place: &'a Place,
        key: &'a SessionKey,
        conversation: &'a Arc<Conversation>,
        provider: &'a Provider,
        asks_user: &'a CancellationToken,
    ) -> Self {
        let model = match ask.request.model.as_str() {
            "" => provider.default_model().to_owned(),
            model => model.to_owned(),
        };
        let redact = &place.config.redact;
        let outbound = ask.redactors.outbound(redact.outbound, redact.personal);
        Self {
            view: ModelView::new(outbound.clone(), Arc::clone(&conversation.vault)),
            speech: Speech::new(ask),
            agent,
            ask,
            place,
            key,
            conversation,
            provider,
            model,
            messages: conversation.messages(),
            // A history goes on with the tools that it began with, or nothing of it would be in the prefix cache.
            tools: conversation.tools().unwrap_or_else(|| agent.toolsets.current(&place.mcp)),
            guard: LoopGuard::default(),
            turns: 0,
            usage: Usage::default(),
            cost: Some(0.0),
            reports: Vec::new(),
            resting: Resting::default(),
            looked: false,
            told: Mutex::default(),
            asks_user,
        }
    }

    /// Runs the turn and keeps what is whole of it. With the answer comes what it rests on.
    pub(super) async fn answer(mut self, question: Redacted) -> Result<(Answer, Outcome), Failure> {
        self.started().await;
        let preferences = self.open(&question).await;
        let opened = self.messages.len();
        let result = self.steps().await;
        self.speech.finish().await;
        let rests = std::mem::take(&mut self.resting).finish();
        let text = self.ask.redactor.text(result.as_deref().unwrap_or_default());
        if !self.ask.request.ephemeral && (result.is_ok() || self.messages.len() > opened) {
            self.conversation.commit(Commit {
                messages: std::mem::take(&mut self.messages),
                exchange: Exchange { question, answer: text.clone(), replay: result.is_ok() },
                preferences: Some(preferences),
                tools: Some(Arc::clone(&self.tools)),
                rests: rests.as_deref().map(Into::into),
                now: self.agent.clock.now(),
            });
            self.agent.sessions.keep(self.key, &self.ask.turn, self.place.session_limits(), self.conversation);
        }
        result?;
        let ran = Outcome { text: text.clone(), rests, looked: self.looked };
        let answer = Answer {
            answer: text.to_string(),
            source: Source::Model,
            model: self.model,
            usage: proto::Usage {
                prompt_tokens: self.usage.prompt,
                completion_tokens: self.usage.completion,
                cache_hit_tokens: self.usage.hit,
                cache_miss_tokens: self.usage.miss,
            },
            cost_usd: self.cost,
            turns: self.turns,
            tool_calls: self.reports,
            redactions: self.view.hidden(),
            ..Answer::default()
        };
        Ok((answer, ran))
    }

    async fn started(&self) {
        let started = Started {
            turn: self.ask.turn.clone(),
            session: self.key.name.clone(),
            conversation: self.conversation.id.clone(),
            model: self.model.clone(),
            project: self.place.project.as_ref().map(|p| p.root.display().to_string()).unwrap_or_default(),
        };
        self.ask.events.send(Event::Started(started)).await;
        for cut in &self.place.instructions.cut {
            self.ask.events.notice(format!("{cut} is longer than the instructions' budget and was cut")).await;
        }
        if !self.place.unused_servers.is_empty() {
            self.ask.events.notice(self.place.unused_servers.as_str()).await;
        }
    }

    /// Puts the question at the end of the history; a new conversation begins with the frozen prompt, one that came
    /// back without a history gets it from its exchanges. Says which preferences the history tells of now.
    async fn open(&mut self, question: &Redacted) -> Fingerprint {
        let request = &self.ask.request;
        let known = self.agent.memory.lasting.preferences(self.ask.uid, Some(self.place.home()));
        let digest = preferences::digest_of(&known);
        let mut opening = Opening {
            project: self.place.project.as_ref().map(|project| project.root.as_path()),
            cwd: &self.place.cwd,
            preferences: &known,
            instructions: &self.place.instructions,
            recollections: "",
        };
        let exchanges = self.conversation.replayable();
        let text = if !self.messages.is_empty() {
            let told = self.conversation.preferences().unwrap_or_else(|| preferences::digest_of(&[]));
            context::follow_up((told != digest).then_some(&known), &request.attachments, &request.prompt)
        } else if exchanges.is_empty() {
            let recalled = lasting::recall(self.agent, self.ask, self.place, self.key, self.conversation, question);
            let recalled = recalled.await;
            // An answer rests on what shaped it.
            self.resting.add(Rests::On(recalled.rests));
            self.messages.push(history::system());
            opening.recollections = &recalled.text;
            context::first_message(&opening, &request.attachments, &request.prompt)
        } else {
            self.messages = history::replayed(&self.view, &opening, &exchanges);
            context::follow_up(None, &request.attachments, &request.prompt)
        };
        self.messages.push(Message::User(self.view.text(&text)));
        digest
    }

    async fn steps(&mut self) -> Result<String, Failure> {
        let max_turns = match self.ask.request.max_turns {
            0 => self.place.config.limits.max_turns,
            asked => asked.min(self.place.config.limits.max_turns),
        };
        let mut whole = String::new();
        let mut continuations = 0;
        while self.turns < max_turns {
            let completion = self.call_model().await?;
            match completion.finish {
                Finish::Stop => {
                    whole.push_str(&completion.text);
                    self.push_assistant(&completion, Vec::new());
                    return Ok(whole);
                }
                Finish::Length => {
                    if continuations == CONTINUATIONS {
                        return Err(cut_off());
                    }
                    continuations += 1;
                    whole.push_str(&completion.text);
                    self.push_assistant(&completion, Vec::new());
                    self.messages.push(Message::User(Outbound::from_static(GO_ON)));
                }
                Finish::ToolCalls => {
                    whole.push_str(&completion.text);
                    let spoken = !std::mem::take(&mut whole).is_empty();
                    self.run_tools(&completion, spoken).await?;
                }
            }
        }
        let message = format!("no answer after {max_turns} model calls");
        Err(Failure::new(ErrorKind::Limit, message)
            .hint("raise --max-turns or limits.max_turns; -c goes on from what was found"))
    }

    async fn call_model(&mut self) -> Result<Completion, Failure> {
        self.turns += 1;
        let timeout = match self.ask.request.timeout_ms {
            0 => self.place.config.provider.idle_timeout,
            asked => Duration::from_millis(asked),
        };
        let request = ChatRequest {
            model: self.model.clone(),
            messages: self.messages.clone(),
            tools: Arc::clone(self.tools.definitions()),
            idle_timeout: timeout,
            side: None,
        };
        let at = self.agent.clock.now();
        let completion = self.relay(&request).await?;
        self.cost = match (self.cost, completion.usage) {
            (Some(cost), Some(usage)) => self.provider.cost(&self.model, usage, at).map(|more| cost + more),
            _ => None,
        };
        if let Some(usage) = completion.usage {
            self.usage.prompt += usage.prompt;
            self.usage.completion += usage.completion;
            self.usage.hit += usage.hit;
            self.usage.miss += usage.miss;
        }
        Ok(completion)
    }

    /// Calls the model and passes its pieces on as they come.
    async fn relay(&mut self, request: &ChatRequest) -> Result<Completion, Failure> {
        let (to, mut deltas) = mpsc::channel(DELTA_QUEUE);
        let (provider, ask) = (self.provider, self.ask);
        let mut chat = pin!(provider.chat(request, &to, &ask.cancel));
        let result = loop {
            tokio::select! {
                biased;
                Some(delta) = deltas.recv() => self.pass_on(delta).await,
                result = &mut chat => break result,
            }
        };
        while let Ok(delta) = deltas.try_recv() {
            self.pass_on(delta).await;
        }
        result.map_err(Failure::from)
    }

    async fn pass_on(&mut self, delta: Delta) {
        match delta {
            Delta::Text(piece) => self.speech.text(&piece).await,
            Delta::Reasoning(piece) => self.speech.reasoning(&piece).await,
            Delta::Void => self.speech.end(true).await,
            Delta::Retry { attempt, wait, reason } => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                self.ask.events.send(Event::Retry(Retry { attempt, wait_ms, reason })).await;
            }
        }
    }

    fn push_assistant(&mut self, completion: &Completion, tool_calls: Vec<ToolCall>) {
        self.messages.push(Message::Assistant {
            content: self.view.text(&completion.text),
            reasoning: self.view.text(&completion.reasoning),
            tool_calls,
        });
    }

    /// Runs the calls of a step; `spoken` when the listener has heard text that is now at its end.
    async fn run_tools(&mut self, completion: &Completion, spoken: bool) -> Result<(), Failure> {
        if spoken {
            self.speech.end(false).await;
        }
        let calls = self.adopt(&completion.tool_calls);
        let seen = Arc::clone(&self.conversation.seen);
        let runner = Calls {
            agent: self.agent,
            ask: self.ask,
            key: self.key,
            limits: self.place.session_limits(),
            asks_user: self.asks_user,
            tools: &self.tools,
            told: &self.told,
            context: ToolContext {
                results: Keeper::new(&self.agent.results, &self.conversation.results),
                preferences: lasting::door(self.agent, self.ask, self.place),
                ..self.place.tool_context(self.ask.cancel.child_token(), seen, self.view.clone())
            },
        };
        let first = u32::try_from(self.reports.len()).unwrap_or(u32::MAX).saturating_add(1);
        let step = runner.run(&calls, &completion.tool_calls, &mut self.guard, first).await;
        self.push_assistant(completion, calls);
        self.messages.extend(step.messages);
        self.reports.extend(step.reports);
        for rests in step.rests {
            self.looked |= matches!(&rests, Rests::On(observed) if !observed.is_empty());
            self.resting.add(rests);
        }
        match step.failure {
            _ if self.ask.cancel.is_cancelled() => Err(cancelled()),
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// The model's calls as they go into the history: every id present and unique, or results could not be paired.
    /// What runs are the arguments as they came: a secret that the model itself made up belongs into the file it writes.
    fn adopt(&self, raw: &[RawToolCall]) -> Vec<ToolCall> {
        let mut calls: Vec<ToolCall> = Vec::with_capacity(raw.len());
        for (index, call) in raw.iter().enumerate() {
            let usable = !call.id.is_empty() && calls.iter().all(|known| known.id != call.id);
            let id = if usable { call.id.clone() } else { format!("call_{}_{index}", self.turns) };
            // A provider refuses a history with other characters in a name, so there is no marker in it.
            let name = Some(&call.name).filter(|name| self.view.text(name).as_str() == name.as_str());
            let name = name.map_or("redacted", String::as_str).to_owned();
            calls.push(ToolCall { id, name, arguments: self.view.json(&call.arguments) });
        }
        calls
    }
}

fn cut_off() -> Failure {
    let message = format!("the reply was cut at the output limit {} times", CONTINUATIONS + 1);
    Failure::new(ErrorKind::Limit, message).hint("ask for less at once, or raise provider.max_tokens")
}
