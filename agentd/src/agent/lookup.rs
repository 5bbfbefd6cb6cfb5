//! What the memory has for a question: the place is surveyed, answers are looked up and verified, in one piece of work
//! away from the runtime's threads. Asks that come together share it.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use proto::{Attachment, ErrorKind, Failure, Source};
use tokio_util::sync::CancellationToken;

use super::{
    Agent, Ask,
    place::{self, Place},
    toolsets::ToolSets,
};
use crate::{
    config::{Config, ProviderKind, Similarity},
    llm::Choice,
    memory::{
        Memory,
        answers::{Asked, Candidate, Conditions, Entry, Found, Refusal, Scope, fingerprint},
        kept::Fingerprint,
        question::Question,
    },
    redact::{ModelView, Redacted, Redactor, Redactors},
    tools::{
        ToolContext,
        observed::{self, Observed},
    },
};

/// What lookups of one daemon share while they run, by what makes them the same.
pub(super) type Sweeps = crate::memory::answers::flight::Sweeps<Same, Result<Arc<Look>, Failure>>;

/// Lookups that are equal here come to the same at the same moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Same {
    uid: u32,
    cwd: String,
    prompt: String,
    model: String,
    /// Address of the configuration in force: a reload ends the sharing.
    config: usize,
    /// Of a lookup that is not shared.
    turn: Option<String>,
}

/// What came of a lookup.
pub(super) struct Look {
    /// Where the question is asked.
    pub(super) place: Arc<Place>,
    /// The question as the memory sees it; `None` when the memory is not asked.
    pub(super) asked: Option<Asked>,
    pub(super) outcome: Outcome,
    /// When.
    pub(super) begun: SystemTime,
}

/// What the memory has.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// An answer whose dependencies were just verified.
    Hit(Hit),
    /// None, and why.
    Miss(Miss),
}

#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub(super) entry: Arc<Entry>,
    pub(super) source: Source,
    /// Served by likeness, without a rule or a verdict that calls the questions equal.
    pub(super) lenient: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Miss {
    /// The answer that would have been served, and what has changed since.
    pub(super) changed: Option<(Arc<Entry>, Redacted)>,
    /// Verified answers to like questions, best first.
    pub(super) candidates: Vec<Candidate>,
    /// The most alike of those that a guard refuses.
    pub(super) refused: Option<Refusal>,
}

/// Looks a question up.
pub(super) async fn look(agent: &Agent, ask: &Ask, choice: &Choice) -> Result<Arc<Look>, Failure> {
    let request = &ask.request;
    let shared = ask.attached.is_none()
        && request.attachments.is_empty()
        && !request.fresh
        && !request.reuse
        && !request.continue_conversation;
    let same = Same {
        uid: ask.uid,
        cwd: request.cwd.clone(),
        prompt: request.prompt.clone(),
        model: request.model.clone(),
        config: Arc::as_ptr(&ask.config).addr(),
        turn: (!shared).then(|| ask.turn.clone()),
    };
    let lookup = || {
        let lookup = Lookup::new(agent, ask, choice);
        move || lookup.run()
    };
    match agent.sweeps.join(same, lookup).await {
        Some(looked) => (*looked).clone(),
        None => Err(Failure::new(ErrorKind::Internal, "the lookup failed inside the daemon")),
    }
}

/// Everything a lookup needs, taken along to its thread.
struct Lookup {
    memory: Arc<Memory>,
    config: Arc<Config>,
    config_dir: Option<PathBuf>,
    state_dir: PathBuf,
    toolsets: Arc<ToolSets>,
    redactors: Arc<Redactors>,
    uid: u32,
    cwd: PathBuf,
    prompt: String,
    attachments: Vec<Attachment>,
    attached: Option<Fingerprint>,
    /// Model and endpoint; `None` without a model.
    model: Option<(String, String)>,
    /// The memory is not asked, but what comes may go into it.
    fresh: bool,
    /// The user takes what is alike.
    reuse: bool,
    /// A question that goes on means something by what was said before.
    goes_on: bool,
    begun: SystemTime,
}

impl Lookup {
    fn new(agent: &Agent, ask: &Ask, choice: &Choice) -> Self {
        let request = &ask.request;
        let model = match choice {
            Choice::Online(provider) if request.model.is_empty() => {
                Some((provider.default_model().to_owned(), provider.endpoint()))
            }
            Choice::Online(provider) => Some((request.model.clone(), provider.endpoint())),
            Choice::Offline { .. } => None,
        };
        Self {
            memory: Arc::clone(&agent.memory),
            config: Arc::clone(&ask.config),
            config_dir: agent.config_dir.clone(),
            state_dir: agent.state_dir.clone(),
            toolsets: Arc::clone(&agent.toolsets),
            redactors: Arc::clone(&ask.redactors),
            uid: ask.uid,
            cwd: PathBuf::from(&request.cwd),
            prompt: request.prompt.clone(),
            attachments: request.attachments.clone(),
            attached: ask.attached,
            model,
            fresh: request.fresh,
            reuse: request.reuse,
            goes_on: request.continue_conversation,
            begun: agent.clock.now(),
        }
    }

    fn run(self) -> Result<Arc<Look>, Failure> {
        let place = place::survey(&self.cwd, &self.config, self.config_dir.as_deref(), &self.state_dir)?;
        self.toolsets.pool().note_project(&place.mcp);
        let config = &place.config;
        let online = config.provider.kind != ProviderKind::Offline;
        let off = config.answers.similarity == Similarity::Off || config.memory.cache_size == 0;
        if off || self.goes_on {
            let outcome = Outcome::Miss(Miss::default());
            return Ok(Arc::new(Look { place: Arc::new(place), asked: None, outcome, begun: self.begun }));
        }
        let Some((model, endpoint)) = self.model.as_ref().filter(|_| online) else {
            return Ok(self.without_model(place));
        };
        let asked = self.asked(&place, model, endpoint);
        let outcome = if self.fresh { Outcome::Miss(Miss::default()) } else { self.choose(&place, &asked) };
        Ok(Arc::new(Look { place: Arc::new(place), asked: Some(asked), outcome, begun: self.begun }))
    }

    fn asked(&self, place: &Place, model: &str, endpoint: &str) -> Asked {
        let redactor = self.redactors.kept(place.config.redact.personal);
        let text = redactor.text(&self.prompt);
        let attached: Vec<Redacted> =
            self.attachments.iter().flat_map(|it| [redactor.text(&it.name), redactor.text(&it.text)]).collect();
        let instructions = place.instructions.files.iter().flat_map(|(path, text)| [path.as_str(), text.as_str()]);
        let scope = Scope::new(&Conditions {
            uid: self.uid,
            project: place.home(),
            has_project: place.project.is_some(),
            cwd: &place.cwd,
            model,
            endpoint,
            thinking: place.config.provider.thinking,
            prefix: self.toolsets.current(&place.mcp).fingerprint(),
            redact: &place.config.redact,
            cuts: (place.config.limits.result_cap, place.config.exec.output_cap),
        });
        Asked {
            question: Question::new(text.as_str()),
            attachments: self.attached.unwrap_or_else(|| fingerprint(attached.iter().map(Redacted::as_str))),
            instructions: fingerprint(instructions),
            preferences: self.memory.preferences_fingerprint(self.uid, place.home()),
            scope,
            text,
        }
    }

    /// The tiers in order; every answer is verified before it is named.
    fn choose(&self, place: &Place, asked: &Asked) -> Outcome {
        let similarity = place.config.answers.similarity;
        let verifier = Verifier::new(self, place, asked);
        let mut changed = None;
        if let Some(entry) = self.memory.answers.exact(asked, similarity) {
            match verifier.verify(&entry) {
                Ok(()) => return Outcome::Hit(Hit { entry, source: Source::Exact, lenient: false }),
                Err(what) => changed = Some((entry, what)),
            }
        }
        let Found { near, candidates, refused, .. } = self.memory.answers.find(asked, similarity);
        for entry in near {
            match verifier.verify(&entry) {
                Ok(()) => return Outcome::Hit(Hit { entry, source: Source::Near, lenient: false }),
                Err(what) => drop(changed.get_or_insert((entry, what))),
            }
        }
        let mut left = Vec::new();
        for candidate in candidates {
            if verifier.verify(&candidate.entry).is_err() {
                continue;
            }
            let entry = Arc::clone(&candidate.entry);
            if candidate.confirmed && similarity != Similarity::Strict {
                return Outcome::Hit(Hit { entry, source: Source::Verdict, lenient: false });
            }
            if self.reuse || (candidate.covered && similarity == Similarity::Lenient) {
                return Outcome::Hit(Hit { entry, source: Source::Near, lenient: true });
            }
            left.push(candidate);
        }
        Outcome::Miss(Miss { changed, candidates: left, refused })
    }

    /// Without a model nothing is equal by a model's word: what another one has answered is offered, and taken when the
    /// user says so.
    fn without_model(&self, place: Place) -> Arc<Look> {
        let asked = self.asked(&place, "", "");
        let verifier = Verifier::new(self, &place, &asked);
        let known = self.memory.answers.any_scope(self.uid, place.home(), &asked.question);
        let found = known
            .into_iter()
            .find(|entry| entry.record().attachments == asked.attachments && verifier.verify(entry).is_ok());
        let outcome = match found {
            Some(entry) if self.reuse => Outcome::Hit(Hit { entry, source: Source::Exact, lenient: true }),
            Some(entry) => {
                let candidate = Candidate { entry, score: 1.0, confirmed: false, covered: true };
                Outcome::Miss(Miss { candidates: vec![candidate], ..Miss::default() })
            }
            None => Outcome::Miss(Miss::default()),
        };
        Arc::new(Look { place: Arc::new(place), asked: None, outcome, begun: self.begun })
    }
}

/// Verifies answers at one place, in one request.
struct Verifier<'a> {
    memory: &'a Memory,
    asked: &'a Asked,
    redactor: &'a Redactor,
    context: ToolContext,
}

impl<'a> Verifier<'a> {
    fn new(lookup: &'a Lookup, place: &Place, asked: &'a Asked) -> Self {
        let redact = &place.config.redact;
        let outbound = lookup.redactors.outbound(redact.outbound, redact.personal);
        Self {
            memory: &lookup.memory,
            asked,
            redactor: lookup.redactors.kept(redact.personal),
            // As the run had it, but with numbers of its own: they are no part of what is compared. A lookup may serve
            // several askers, so none of them ends it; it has a bound of its own.
            context: place.tool_context(
                CancellationToken::new(),
                Arc::default(),
                ModelView::new(outbound.clone(), Arc::default()),
            ),
        }
    }

    /// True to what is on the disk now, or what is not.
    fn verify(&self, entry: &Entry) -> Result<(), Redacted> {
        let outcome = self.look_at(entry);
        let told = outcome.as_ref().err().map(|what| self.redactor.text(what));
        entry.verified(outcome);
        match told {
            Some(what) => {
                self.memory.answers.stats.count("dependency_changed");
                Err(what)
            }
            None => Ok(()),
        }
    }

    fn look_at(&self, entry: &Entry) -> Result<Option<Vec<Observed>>, String> {
        let record = entry.record();
        if record.instructions != self.asked.instructions {
            return Err("AGENTS.md has changed".to_owned());
        }
        if record.preferences != self.asked.preferences {
            return Err("the preferences have changed".to_owned());
        }
        let rests = entry.rests();
        let refreshed =
            observed::check(&self.context, &rests, &self.memory.digests).map_err(|changed| changed.to_string())?;
        if refreshed.is_empty() {
            return Ok(None);
        }
        let mut newer = rests.to_vec();
        refreshed.apply(&mut newer);
        Ok(Some(newer))
    }
}
