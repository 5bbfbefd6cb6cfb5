//! One ask from request to answer: checks, place, memory; then the model or the offline search.

use std::{path::Path, pin::pin, sync::Arc, time::Instant};

use futures_util::FutureExt as _;
use proto::{Answer, ErrorKind, Failure, Similar};
use tokio_util::sync::CancellationToken;

use super::{
    Agent, Ask, keeping, lasting,
    lookup::{self, Hit, Look, Miss, Outcome},
    offline,
    place::Place,
    run::Run,
    served::serve,
    verdict::{self, Spent},
};
use crate::{
    clock::seconds_since,
    config,
    llm::{Choice, Provider},
    memory::{
        answers::{
            Asked,
            flight::{Boarding, Flight, end_of},
        },
        session::{CONVERSATION_MAX, Conversation, DEFAULT_SESSION, SESSION_NAME_MAX, SessionKey},
    },
    redact::{ModelView, Redacted},
};

/// Answers one question.
///
/// # Errors
/// Every failure of the turn, with the kind that decides the client's exit code.
pub async fn answer(agent: &Agent, mut ask: Ask, choice: Choice) -> Result<Answer, Failure> {
    let start = Instant::now();
    check(&ask)?;
    let look = lookup::look(agent, &ask, &choice).await?;
    ask.tighten(&look.place.config);
    let ask = &ask;
    let choice = match look.place.config.provider.kind {
        config::ProviderKind::Offline => Choice::Offline { reason: "the configuration says offline".into() },
        _ => choice,
    };
    let name = if ask.request.session.is_empty() { DEFAULT_SESSION } else { &ask.request.session };
    let key = SessionKey { uid: ask.uid, project: look.place.home().to_owned(), name: name.to_owned() };
    let question = ask.redactor.text(&ask.request.prompt);
    let _task = (!ask.request.ephemeral).then(|| agent.sessions.begin_task(&key, &ask.turn, &question));
    let conversation = choose_conversation(agent, ask, &key)?;
    let _turn = hold(ask, &conversation).await?;
    let turn = Turn {
        agent,
        ask,
        choice: &choice,
        key: &key,
        conversation: &conversation,
        question,
        asks_user: CancellationToken::new(),
    };
    let outcome = turn.answer(look).await;
    let served = outcome.as_ref().is_ok_and(|answer| answer.cached.is_some());
    if !served {
        lasting::note(agent, ask, &key, &conversation, &turn.question, &outcome).await;
    } else if !agent.memory.lasting.is_last(&key, &turn.question) {
        // Handed to the store, and nobody waits for the disk: a hit takes microseconds.
        let _ = lasting::note(agent, ask, &key, &conversation, &turn.question, &outcome).now_or_never();
    }
    let mut answer = outcome?;
    answer.session.clone_from(&key.name);
    answer.conversation.clone_from(&conversation.id);
    answer.elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    if answer.cached.is_some() {
        // As frequent as a script likes: counted, not logged.
        tracing::debug!(turn = %ask.turn, source = ?answer.source, ms = answer.elapsed_ms, "answered from memory");
    } else {
        tracing::info!(
            turn = %ask.turn, source = ?answer.source, ms = answer.elapsed_ms, turns = answer.turns, "answered"
        );
    }
    Ok(answer)
}

/// An ask whose place and conversation are known.
pub(super) struct Turn<'a> {
    pub(super) agent: &'a Agent,
    pub(super) ask: &'a Ask,
    choice: &'a Choice,
    pub(super) key: &'a SessionKey,
    pub(super) conversation: &'a Arc<Conversation>,
    pub(super) question: Redacted,
    /// Cancelled when the turn waits for its user.
    asks_user: CancellationToken,
}

impl Turn<'_> {
    async fn answer(&self, mut look: Arc<Look>) -> Result<Answer, Failure> {
        let mut flight = None;
        let mut alone = false;
        let miss = loop {
            let miss = match &look.outcome {
                Outcome::Hit(hit) => return Ok(self.serve(&look, hit, Spent::default()).await),
                Outcome::Miss(miss) => miss.clone(),
            };
            match self.board(&look, alone) {
                None => break miss,
                Some(Boarding::Lead(lead)) => {
                    flight = Some(lead);
                    break miss;
                }
                Some(Boarding::Wait(waiting)) => {
                    self.ask.events.notice("waiting: another shell is asking the same").await;
                    alone = tokio::select! {
                        landed = end_of(waiting) => landed,
                        () = self.ask.cancel.cancelled() => return Err(cancelled()),
                    };
                    self.agent.memory.answers.stats.count("shared_calls");
                    look = lookup::look(self.agent, self.ask, self.choice).await?;
                }
            }
        };
        let answered = {
            let mut answering = pin!(self.miss(&look, miss));
            tokio::select! {
                answered = &mut answering => answered,
                () = self.asks_user.cancelled() => {
                    // A script that asks the same is refused where a person is asked, and must not wait for one.
                    drop(flight.take());
                    answering.await
                }
            }
        };
        if answered.is_ok() {
            flight.into_iter().for_each(Flight::land);
        }
        answered
    }

    /// The flight of this question; `None` when it is asked alone.
    fn board(&self, look: &Look, alone: bool) -> Option<Boarding<super::FlightKey>> {
        let asked = look.asked.as_ref()?;
        if alone || self.ask.request.fresh || asked.question.asks_for_change() {
            return None;
        }
        let key = (asked.scope.fingerprint, *asked.question.exact_key(), asked.attachments);
        Some(self.agent.flights.board(key))
    }

    async fn serve(&self, look: &Look, hit: &Hit, spent: Spent) -> Answer {
        serve(self, look, hit, spent).await
    }

    /// Nothing in memory by rule: a verdict may find something, or the question is asked anew.
    async fn miss(&self, look: &Arc<Look>, mut miss: Miss) -> Result<Answer, Failure> {
        let mut spent = Spent::default();
        if let (Choice::Online(provider), Some(asked)) = (self.choice, &look.asked)
            && look.place.wants_verdicts()
            && !miss.candidates.is_empty()
        {
            let verdicts = self.verdicts(look, asked, &miss, provider).await;
            spent = verdicts.spent;
            miss.candidates.retain(|candidate| !verdicts.refused.contains(&candidate.entry.record().id));
            if let Some(hit) = verdicts.hit
                && let Some(hit) = self.verified_again(hit).await?
            {
                return Ok(self.serve(look, &hit, spent).await);
            }
        }
        self.tell(look, &miss).await;
        let mut answer = self.ask_anew(look).await?;
        answer.usage.prompt_tokens += spent.usage.prompt;
        answer.usage.completion_tokens += spent.usage.completion;
        answer.usage.cache_hit_tokens += spent.usage.hit;
        answer.usage.cache_miss_tokens += spent.usage.miss;
        answer.cost_usd = answer.cost_usd.zip(spent.cost).map(|(cost, more)| cost + more);
        answer.miss = miss.changed.map(|(_, what)| what.to_string()).unwrap_or_default();
        answer.similar = miss.candidates.first().map(|candidate| Similar {
            question: candidate.entry.record().question.to_string(),
            score: f64::from(candidate.score),
            age_s: seconds_since(&*self.agent.clock, candidate.entry.record().made),
        });
        Ok(answer)
    }

    async fn verdicts(&self, look: &Look, asked: &Asked, miss: &Miss, provider: &Provider) -> verdict::Verdicts {
        let redact = &look.place.config.redact;
        let outbound = self.ask.redactors.outbound(redact.outbound, redact.personal);
        let view = ModelView::new(outbound.clone(), Arc::default());
        verdict::ask_about(self.agent, self.ask, asked, &miss.candidates, provider, &view).await
    }

    /// A verdict takes its time, in which a file may have changed: the memory is asked once more, which now knows the
    /// verdict.
    async fn verified_again(&self, hit: Hit) -> Result<Option<Hit>, Failure> {
        let look = lookup::look(self.agent, self.ask, self.choice).await?;
        Ok(match &look.outcome {
            Outcome::Hit(now) if now.entry.record().id == hit.entry.record().id => Some(hit),
            Outcome::Hit(now) => Some(now.clone()),
            Outcome::Miss(_) => None,
        })
    }

    /// Says why it is not answered from memory, where there was something.
    async fn tell(&self, look: &Look, miss: &Miss) {
        let stats = &self.agent.memory.answers.stats;
        if look.asked.is_some() {
            stats.count(match miss {
                _ if self.ask.request.fresh => "miss_fresh",
                Miss { changed: Some(_), .. } => "miss_changed",
                Miss { candidates, .. } if !candidates.is_empty() => "miss_undecided",
                Miss { refused: Some(_), .. } => "miss_guard",
                _ => "miss_none",
            });
            if let Some(refusal) = &miss.refused {
                stats.count(format!("guard_{}", refusal.guard));
            }
        }
        if let Some((_, what)) = &miss.changed {
            self.ask.events.notice(format!("asked anew: {what}")).await;
        }
    }

    async fn ask_anew(&self, look: &Arc<Look>) -> Result<Answer, Failure> {
        let (agent, ask, place) = (self.agent, self.ask, &look.place);
        let provider = match self.choice {
            Choice::Offline { reason } => {
                let question = self.question.clone();
                return offline::answer(agent, ask, place, self.key, self.conversation, question, reason).await;
            }
            Choice::Online(provider) => provider,
        };
        self.required(place).await?;
        let untouched = keeping::project_digest(agent, look);
        let run = Run::new(agent, ask, place, self.key, self.conversation, provider, &self.asks_user);
        let (answer, ran) = run.answer(self.question.clone()).await?;
        keeping::keep(agent, ask, look, &answer, ran, untouched).await;
        Ok(answer)
    }

    /// Waits for the servers without which the user wants no answer of a model.
    async fn required(&self, place: &Place) -> Result<(), Failure> {
        let up = tokio::select! {
            up = self.agent.toolsets.pool().required(&place.mcp) => up,
            () = self.ask.cancel.cancelled() => return Err(cancelled()),
        };
        up.map_err(|error| {
            let message = format!("a required MCP server does not serve: {error}");
            Failure::new(ErrorKind::Failure, self.ask.redactor.text(&message).to_string()).hint("agentctl mcp doctor")
        })
    }
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
