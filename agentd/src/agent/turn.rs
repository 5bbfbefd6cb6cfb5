//! One ask from request to answer: checks, place, conversation; then the model or the offline search.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use proto::{Answer, ErrorKind, Failure};

use super::{Agent, Ask, offline, run::Run};
use crate::{
    config::{self, Config},
    context::{self, Instructions},
    llm::Choice,
    memory::session::{CONVERSATION_MAX, Conversation, DEFAULT_SESSION, SESSION_NAME_MAX, SessionKey, SessionLimits},
    tools::Project,
};

/// Where a question is asked.
pub(super) struct Place {
    /// The asker's directory, without symlinks.
    pub(super) cwd: PathBuf,
    /// The project around it; `None` in the home directory and in `/`.
    pub(super) project: Option<Arc<Project>>,
    /// The configuration, tightened by the project's own file.
    pub(super) config: Arc<Config>,
    /// AGENTS.md files that apply.
    pub(super) instructions: Instructions,
}

impl Place {
    /// What sessions and the offline search call the project.
    pub(super) fn home(&self) -> &Path {
        self.project.as_ref().map_or(&self.cwd, |project| &project.root)
    }

    /// Bounds of the session.
    pub(super) fn session_limits(&self) -> SessionLimits {
        SessionLimits {
            conversations: self.config.memory.max_conversation_history,
            files: self.config.memory.max_session_files,
        }
    }
}

/// Answers one question.
///
/// # Errors
/// Every failure of the turn, with the kind that decides the client's exit code.
pub async fn answer(agent: &Agent, ask: &Ask, choice: Choice) -> Result<Answer, Failure> {
    let start = Instant::now();
    check(ask)?;
    let place = survey(agent, ask).await?;
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
    let mut answer = match choice {
        Choice::Offline { reason } => {
            offline::answer(agent, ask, &place, &key, &conversation, question, &reason).await?
        }
        Choice::Online(provider) => {
            Run::new(agent, ask, &place, &key, &conversation, &provider).answer(question).await?
        }
    };
    answer.session = key.name;
    answer.conversation.clone_from(&conversation.id);
    answer.elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
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

/// Finds the project and what it says. File system work, away from the runtime's threads: a directory may be slow.
async fn survey(agent: &Agent, ask: &Ask) -> Result<Place, Failure> {
    let cwd = PathBuf::from(&ask.request.cwd);
    let config = Arc::clone(&ask.config);
    let config_dir = agent.config_dir.clone();
    let look = tokio::task::spawn_blocking(move || {
        let cwd = cwd.canonicalize().map_err(|e| {
            Failure::new(ErrorKind::Usage, format!("cannot enter the directory {}: {e}", cwd.display()))
        })?;
        let project = Project::find(&cwd).map_err(|e| Failure::new(ErrorKind::Failure, e.to_string()))?;
        let config = match &project {
            Some(project) => config::tighten(&config, &project.root).map(Arc::new).map_err(|faults| {
                Failure::new(ErrorKind::Usage, faults.to_string()).hint("a project file may only tighten")
            })?,
            None => config,
        };
        let instructions = context::read_instructions(config_dir.as_deref(), project.as_ref(), &cwd);
        Ok(Place { cwd, project: project.map(Arc::new), config, instructions })
    });
    look.await.map_err(|_| Failure::new(ErrorKind::Internal, "looking at the project failed inside the daemon"))?
}

fn choose_conversation(agent: &Agent, ask: &Ask, key: &SessionKey) -> Result<Arc<Conversation>, Failure> {
    if ask.request.continue_conversation {
        let last = agent.sessions.last_conversation(key).ok_or_else(|| {
            Failure::new(ErrorKind::NotFound, format!("session {:?} of this project has no conversation yet", key.name))
                .hint("ask without -c; sessions live in the daemon's memory and end with it")
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
