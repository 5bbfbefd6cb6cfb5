//! Session memory: the last conversations, the last files and the current task of each session, in RAM only.
//!
//! A session belongs to one user id, one project root and one name; every shell that names the three sees the same
//! one. Nothing here is visible to another uid. Everything is bounded: conversations and files by the
//! configuration, a conversation by [`CONVERSATION_MAX`], sessions by [`SESSIONS_MAX`] (the longest unused goes).
//!
//! A conversation's history only grows, and only by messages that are valid for replay: each tool call in it is
//! answered. A turn works on a copy and commits what is whole. A conversation that came back from the store, or was
//! answered from memory, has exchanges and no messages yet: the next turn that calls a model builds them.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use proto::{ConversationView, SessionDetail, SessionSummary};

use super::kept::{ConversationRecord, Fingerprint};

use crate::{
    clock::{Clock, seconds_since},
    llm::Message,
    redact::{Redacted, Vault},
    sync::lock,
    tools::{
        Rests, ToolSet,
        observed::{Observed, Resting},
        results::Shelf,
    },
};

/// Most bytes of one conversation's history: about a million tokens, more than any model reads.
pub const CONVERSATION_MAX: usize = 4 * 1024 * 1024;
/// Most sessions in memory. Names are free to choose; a script that invents one per run must not fill the memory.
pub const SESSIONS_MAX: usize = 256;
/// Name of the session when none is given.
pub const DEFAULT_SESSION: &str = "default";
/// Longest session name in bytes.
pub const SESSION_NAME_MAX: usize = 64;
/// Exchanges of one conversation that are shown to people; older ones live on in the history only.
const EXCHANGES_MAX: usize = 256;
/// Characters of the last question shown in a list.
const QUESTION_SHOWN: usize = 80;

/// Whose session, where, which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Owner.
    pub uid: u32,
    /// Project root; the asker's directory when there is no project.
    pub project: PathBuf,
    /// Name.
    pub name: String,
}

/// Bounds of one session, from `[memory]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Conversations kept.
    pub conversations: usize,
    /// Files kept.
    pub files: usize,
}

/// One conversation. Shared by the session and by the turn that runs in it.
#[derive(Debug)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// Held by the one turn that runs in it; a second turn waits.
    pub turn: tokio::sync::Mutex<()>,
    /// Files the model has read in it; an edit needs a read before it.
    pub seen: Arc<Mutex<HashSet<PathBuf>>>,
    /// What its model knows by numbers only. Ends with the conversation.
    pub vault: Arc<Vault>,
    /// Results of which it was shown a part. Ends with the conversation.
    pub results: Arc<Shelf>,
    state: Mutex<ConversationState>,
}

/// A question and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The question.
    pub question: Redacted,
    /// The answer; empty when the turn broke off.
    pub answer: Redacted,
    /// A model gave the answer, now or earlier: a history may be built from it. What was found by words is no answer
    /// of a model's.
    pub replay: bool,
}

/// What a turn adds to a conversation.
#[derive(Debug)]
pub struct Commit {
    /// The history, longer than before and beginning with it; as it was when no model was called.
    pub messages: Vec<Message>,
    /// What people see of the turn.
    pub exchange: Exchange,
    /// Of the preferences that the history tells of now; `None` leaves that as it was.
    pub preferences: Option<Fingerprint>,
    /// The tools that the history was made with; `None` when no model was called.
    pub tools: Option<Arc<ToolSet>>,
    /// What the turn rests on; `None` when that cannot be verified.
    pub rests: Option<Arc<[Observed]>>,
    /// When it ended.
    pub now: SystemTime,
}

#[derive(Debug)]
struct ConversationState {
    messages: Vec<Message>,
    exchanges: VecDeque<Exchange>,
    preferences: Option<Fingerprint>,
    tools: Option<Arc<ToolSet>>,
    rests: Option<Arc<[Observed]>>,
    used: SystemTime,
}

impl Conversation {
    fn new(id: String, now: SystemTime) -> Self {
        let (messages, exchanges) = (Vec::new(), VecDeque::new());
        let rests = Some(Arc::default());
        let state = ConversationState { messages, exchanges, preferences: None, tools: None, rests, used: now };
        Self::with(id, state)
    }

    fn with(id: String, state: ConversationState) -> Self {
        let (turn, seen, vault) = (tokio::sync::Mutex::default(), Arc::default(), Arc::default());
        Self { id, turn, seen, vault, results: Arc::default(), state: Mutex::new(state) }
    }

    /// One that outlived its daemon. What it rests on is known only if its record says so.
    pub fn restored(record: &ConversationRecord) -> Self {
        let exchange = |(question, answer): &(Redacted, Redacted)| Exchange {
            question: question.clone(),
            answer: answer.clone(),
            replay: true,
        };
        let state = ConversationState {
            messages: Vec::new(),
            exchanges: record.exchanges.iter().map(exchange).collect(),
            preferences: None,
            tools: None,
            rests: Some(record.files.as_slice().into()).filter(|files: &Arc<[Observed]>| !files.is_empty()),
            used: record.used,
        };
        Self::with(record.id.clone(), state)
    }

    /// A copy of the history; messages are cheap to clone.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.state).messages.clone()
    }

    /// The exchanges a history can be built from, oldest first.
    pub fn replayable(&self) -> Vec<Exchange> {
        lock(&self.state).exchanges.iter().filter(|exchange| exchange.replay).cloned().collect()
    }

    /// Every question in it.
    fn questions(&self) -> Vec<Redacted> {
        lock(&self.state).exchanges.iter().map(|exchange| exchange.question.clone()).collect()
    }

    /// Of the preferences that the history tells of; `None` when it tells of none yet.
    pub fn preferences(&self) -> Option<Fingerprint> {
        lock(&self.state).preferences
    }

    /// The tools that it began with; `None` when it has no history yet that a model was shown.
    pub fn tools(&self) -> Option<Arc<ToolSet>> {
        lock(&self.state).tools.clone()
    }

    /// What all of it rests on; `None` when that is not known or cannot be verified.
    pub fn rests(&self) -> Option<Vec<Observed>> {
        lock(&self.state).rests.as_deref().map(<[Observed]>::to_vec)
    }

    /// Replaces the history by a longer one that begins with it, and notes the exchange.
    pub fn commit(&self, commit: Commit) {
        let mut state = lock(&self.state);
        debug_assert!(commit.messages.starts_with(&state.messages), "a history only grows");
        state.messages = commit.messages;
        state.exchanges.push_back(commit.exchange);
        if state.exchanges.len() > EXCHANGES_MAX {
            state.exchanges.pop_front();
        }
        state.preferences = commit.preferences.or(state.preferences);
        state.tools = state.tools.take().or(commit.tools);
        state.rests = state.rests.take().zip(commit.rests).and_then(|(before, new)| joined(before, new));
        state.used = commit.now;
    }

    /// Bytes of text in the history.
    pub fn size(&self) -> usize {
        lock(&self.state).messages.iter().map(Message::size).sum()
    }

    fn view(&self, clock: &dyn Clock) -> ConversationView {
        let state = lock(&self.state);
        let exchanges = state
            .exchanges
            .iter()
            .map(|it| proto::Exchange { question: it.question.to_string(), answer: it.answer.to_string() })
            .collect();
        ConversationView { id: self.id.clone(), age_s: seconds_since(clock, state.used), exchanges }
    }
}

/// Both; `None` when that cannot be verified as a whole.
fn joined(before: Arc<[Observed]>, new: Arc<[Observed]>) -> Option<Arc<[Observed]>> {
    if before.is_empty() {
        return Some(new);
    }
    let mut resting = Resting::default();
    [before, new].into_iter().for_each(|observed| resting.add(Rests::On(observed.to_vec())));
    resting.finish().map(Into::into)
}

#[derive(Debug)]
struct Session {
    conversations: VecDeque<Arc<Conversation>>,
    files: VecDeque<PathBuf>,
    tasks: BTreeMap<String, String>,
    approved: HashSet<String>,
    used: SystemTime,
    last_question: String,
}

impl Session {
    fn is_empty(&self) -> bool {
        self.conversations.is_empty() && self.files.is_empty() && self.tasks.is_empty() && self.approved.is_empty()
    }

    fn new(now: SystemTime) -> Self {
        Self {
            conversations: VecDeque::new(),
            files: VecDeque::new(),
            tasks: BTreeMap::new(),
            approved: HashSet::new(),
            used: now,
            last_question: String::new(),
        }
    }
}

/// All sessions of the daemon.
pub struct Sessions {
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<SessionKey, Session>>,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sessions: Mutex::default() }
    }

    /// A new conversation. No session knows it until [`Sessions::keep`].
    pub fn new_conversation(&self) -> Arc<Conversation> {
        Arc::new(Conversation::new(crate::id::fresh().to_string(), self.clock.now()))
    }

    /// Makes the conversation of a running turn the session's last one; the oldest goes when there are too many. Only
    /// conversations that hold something come here, so that failed questions push none out. A session that was
    /// cleared while the turn ran stays cleared.
    pub fn keep(&self, key: &SessionKey, turn: &str, limits: SessionLimits, conversation: &Arc<Conversation>) {
        let now = self.clock.now();
        let mut sessions = lock(&self.sessions);
        let Some(session) = sessions.get_mut(key).filter(|session| session.tasks.contains_key(turn)) else { return };
        session.used = now;
        session.conversations.retain(|known| known.id != conversation.id);
        session.conversations.push_back(Arc::clone(conversation));
        while session.conversations.len() > limits.conversations.max(1) {
            session.conversations.pop_front();
        }
    }

    /// The session's last conversation; `None` when there is none.
    pub fn last_conversation(&self, key: &SessionKey) -> Option<Arc<Conversation>> {
        lock(&self.sessions).get(key)?.conversations.back().map(Arc::clone)
    }

    /// Makes a conversation that came back from the store the session's last one, unless another shell was quicker:
    /// both then go on in the same one.
    pub fn adopt(&self, key: &SessionKey, restored: Conversation) -> Arc<Conversation> {
        self.with(key, |session| match session.conversations.back() {
            Some(last) => Arc::clone(last),
            None => {
                let restored = Arc::new(restored);
                session.conversations.push_back(Arc::clone(&restored));
                restored
            }
        })
    }

    /// True while the session knows the conversation: it is not cleared, and the conversation not pushed out.
    pub fn knows(&self, key: &SessionKey, conversation: &str) -> bool {
        let sessions = lock(&self.sessions);
        sessions.get(key).is_some_and(|session| session.conversations.iter().any(|known| known.id == conversation))
    }

    /// The files the session touched, newest first.
    pub fn files(&self, key: &SessionKey) -> Vec<PathBuf> {
        lock(&self.sessions).get(key).map(|session| session.files.iter().cloned().collect()).unwrap_or_default()
    }

    /// Notes files the session touched, newest first, each once.
    pub fn touch_files(&self, key: &SessionKey, limits: SessionLimits, files: &[PathBuf]) {
        if files.is_empty() {
            return;
        }
        self.with(key, |session| {
            for file in files {
                session.files.retain(|known| known != file);
                session.files.push_front(file.clone());
            }
            session.files.truncate(limits.files);
        });
    }

    /// Shows `task` as the session's current task until the guard is dropped.
    pub fn begin_task(self: &Arc<Self>, key: &SessionKey, turn: &str, question: &Redacted) -> TaskGuard {
        let shown: String = question.as_str().chars().take(QUESTION_SHOWN).collect();
        self.with(key, |session| {
            session.last_question.clone_from(&shown);
            session.tasks.insert(turn.to_owned(), shown);
        });
        TaskGuard { sessions: Arc::clone(self), key: key.clone(), turn: turn.to_owned() }
    }

    /// True when the user has allowed calls of this key for the session.
    pub fn is_approved(&self, key: &SessionKey, call: &str) -> bool {
        lock(&self.sessions).get(key).is_some_and(|session| session.approved.contains(call))
    }

    /// Remembers that the user allows calls of this key until the daemon ends.
    pub fn approve(&self, key: &SessionKey, call: &str) {
        self.with(key, |session| {
            session.approved.insert(call.to_owned());
        });
    }

    /// The sessions of a user, of one project or of all, newest first.
    pub fn list(&self, uid: u32, project: Option<&Path>) -> Vec<SessionSummary> {
        let sessions = lock(&self.sessions);
        let mut found: Vec<_> = sessions
            .iter()
            .filter(|(key, _)| key.uid == uid && project.is_none_or(|project| key.project == project))
            .map(|(key, session)| self.summary(key, session))
            .collect();
        found.sort_by(|a, b| a.idle_s.cmp(&b.idle_s).then_with(|| (&a.project, &a.name).cmp(&(&b.project, &b.name))));
        found
    }

    /// One session in full; `None` when it is not in memory.
    pub fn show(&self, key: &SessionKey) -> Option<SessionDetail> {
        let sessions = lock(&self.sessions);
        let session = sessions.get(key)?;
        Some(SessionDetail {
            summary: self.summary(key, session),
            files: session.files.iter().map(|file| file.display().to_string()).collect(),
            task: session.tasks.values().cloned().collect::<Vec<_>>().join("; "),
            conversations: session.conversations.iter().map(|c| c.view(&*self.clock)).collect(),
        })
    }

    /// Forgets the sessions of a user's project: the named one, or all. Says how many.
    pub fn clear(&self, uid: u32, project: &Path, name: Option<&str>) -> usize {
        let mut sessions = lock(&self.sessions);
        let before = sessions.len();
        sessions.retain(|key, _| key.uid != uid || key.project != project || name.is_some_and(|name| key.name != name));
        before - sessions.len()
    }

    /// Forgets all sessions of a user. Says how many.
    pub fn clear_all(&self, uid: u32) -> usize {
        let mut sessions = lock(&self.sessions);
        let before = sessions.len();
        sessions.retain(|key, _| key.uid != uid);
        before - sessions.len()
    }

    /// The conversations of a user's sessions: id, project, questions.
    pub fn conversations(&self, uid: u32) -> Vec<(String, PathBuf, Vec<Redacted>)> {
        let sessions = lock(&self.sessions);
        let theirs = sessions.iter().filter(|(key, _)| key.uid == uid);
        let each = theirs.flat_map(|(key, session)| session.conversations.iter().map(move |it| (key, it)));
        each.map(|(key, it)| (it.id.clone(), key.project.clone(), it.questions())).collect()
    }

    /// Forgets the conversations of a user whose id begins so. Says how many.
    pub fn drop_conversation(&self, uid: u32, prefix: &str) -> usize {
        let mut sessions = lock(&self.sessions);
        let mut gone = 0;
        for (_, session) in sessions.iter_mut().filter(|(key, _)| key.uid == uid) {
            let before = session.conversations.len();
            session.conversations.retain(|conversation| !conversation.id.starts_with(prefix));
            if session.conversations.len() != before {
                gone += before - session.conversations.len();
                session.last_question.clear();
            }
        }
        gone
    }

    fn summary(&self, key: &SessionKey, session: &Session) -> SessionSummary {
        SessionSummary {
            project: key.project.display().to_string(),
            name: key.name.clone(),
            conversations: u32::try_from(session.conversations.len()).unwrap_or(u32::MAX),
            files: u32::try_from(session.files.len()).unwrap_or(u32::MAX),
            idle_s: seconds_since(&*self.clock, session.used),
            last_question: session.last_question.clone(),
        }
    }

    fn with<R>(&self, key: &SessionKey, change: impl FnOnce(&mut Session) -> R) -> R {
        let now = self.clock.now();
        let mut sessions = lock(&self.sessions);
        if !sessions.contains_key(key) && sessions.len() >= SESSIONS_MAX {
            let idle = sessions.iter().filter(|(_, s)| s.tasks.is_empty()).min_by_key(|(_, s)| s.used);
            if let Some(oldest) = idle.map(|(key, _)| key.clone()) {
                sessions.remove(&oldest);
            }
        }
        let session = sessions.entry(key.clone()).or_insert_with(|| Session::new(now));
        session.used = now;
        change(session)
    }
}

/// Takes the task out of its session when dropped.
pub struct TaskGuard {
    sessions: Arc<Sessions>,
    key: SessionKey,
    turn: String,
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let mut sessions = lock(&self.sessions.sessions);
        let Some(session) = sessions.get_mut(&self.key) else { return };
        session.tasks.remove(&self.turn);
        // A failed first question leaves nothing to remember.
        if session.is_empty() {
            sessions.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::SystemClock,
        redact::Redactor,
        tools::observed::{Digest, Stat},
    };

    const LIMITS: SessionLimits = SessionLimits { conversations: 3, files: 2 };

    fn sessions() -> Arc<Sessions> {
        Arc::new(Sessions::new(Arc::new(SystemClock)))
    }

    fn key(uid: u32, name: &str) -> SessionKey {
        SessionKey { uid, project: "/p".into(), name: name.into() }
    }

    fn text(text: &str) -> Redacted {
        Redactor::default().text(text)
    }

    fn exchange(sessions: &Arc<Sessions>, key: &SessionKey, question: &str) -> Arc<Conversation> {
        let conversation = sessions.new_conversation();
        let _task = sessions.begin_task(key, "t", &text(question));
        sessions.keep(key, "t", LIMITS, &conversation);
        conversation.commit(commit(vec![Message::User(text(question).into())], question, Some(Vec::new())));
        conversation
    }

    fn commit(messages: Vec<Message>, question: &str, rests: Option<Vec<Observed>>) -> Commit {
        let exchange = Exchange { question: text(question), answer: text("a"), replay: true };
        Commit {
            messages,
            exchange,
            preferences: None,
            tools: None,
            rests: rests.map(Into::into),
            now: SystemTime::now(),
        }
    }

    fn file(path: &str, content: u8) -> Vec<Observed> {
        let stat = Stat { dev: 0, ino: 0, size: 0, mtime_ns: 0, ctime_ns: 0, kind: 0 };
        let digest = Digest::of(&[content]);
        vec![Observed::File { path: path.into(), stat, seen_at_ns: 0, digest }]
    }

    fn seen(file_number: u8) -> Vec<Observed> {
        file(&file_number.to_string(), 0)
    }

    fn record(files: Vec<Observed>) -> ConversationRecord {
        let (id, project, session) = ("c".to_owned(), "/p".into(), "a".to_owned());
        let exchanges = vec![(text("q"), text("a"))];
        ConversationRecord { id, uid: 1, project, session, exchanges, files, used: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn a_conversation_that_outlived_its_daemon_is_told_and_can_go_on() {
        let sessions = sessions();
        let restored = sessions.adopt(&key(1, "a"), Conversation::restored(&record(seen(1))));
        assert!(restored.messages().is_empty() && restored.preferences().is_none());
        assert_eq!(restored.replayable().len(), 1);
        assert_eq!(restored.rests(), Some(seen(1)));
        let last = sessions.last_conversation(&key(1, "a")).unwrap();
        assert!(Arc::ptr_eq(&last, &restored) && sessions.knows(&key(1, "a"), "c"));
        let second = sessions.adopt(&key(1, "a"), Conversation::restored(&record(seen(1))));
        assert!(Arc::ptr_eq(&second, &restored), "two shells go on in the same one");
        assert!(!sessions.knows(&key(2, "a"), "c"));
    }

    #[test]
    fn what_a_conversation_rests_on_grows_until_something_is_not_known() {
        let sessions = sessions();
        let conversation = sessions.new_conversation();
        conversation.commit(commit(Vec::new(), "q", Some(seen(1))));
        conversation.commit(commit(Vec::new(), "q", Some([seen(1), seen(2)].concat())));
        assert_eq!(conversation.rests(), Some([seen(1), seen(2)].concat()));
        conversation.commit(commit(Vec::new(), "q", None));
        conversation.commit(commit(Vec::new(), "q", Some(seen(3))));
        assert_eq!(conversation.rests(), None, "it still rests on what is not known");
        assert_eq!(Conversation::restored(&record(Vec::new())).rests(), None, "nothing known is not nothing");
        conversation.commit(commit(Vec::new(), "q", Some(Vec::new())));
        assert_eq!(conversation.rests(), None);
        let edited = sessions.new_conversation();
        edited.commit(commit(Vec::new(), "q", Some(file("a", 1))));
        edited.commit(commit(Vec::new(), "q", Some(file("a", 2))));
        assert_eq!(edited.rests(), None, "it changed in between: either state may have been told of");
    }

    #[test]
    fn what_was_found_without_a_model_is_shown_and_not_replayed() {
        let conversation = sessions().new_conversation();
        let found = Commit {
            exchange: Exchange { replay: false, ..commit(vec![], "q", None).exchange },
            ..commit(vec![], "q", None)
        };
        conversation.commit(found);
        conversation.commit(Commit { preferences: Some([1; 32]), ..commit(vec![], "q2", None) });
        conversation.commit(commit(vec![], "q3", None));
        let asked: Vec<_> = conversation.replayable().iter().map(|exchange| exchange.question.to_string()).collect();
        assert_eq!(asked, ["q2", "q3"]);
        assert_eq!(conversation.preferences(), Some([1; 32]), "what was told stays told");
    }

    #[test]
    fn a_conversation_keeps_the_tools_that_its_history_began_with() {
        let set = || crate::tools::ToolSet::new(Vec::new(), |_| [0; 32]);
        let (first, second) = (set(), set());
        let conversation = sessions().new_conversation();
        conversation.commit(commit(vec![], "found in memory", None));
        assert!(conversation.tools().is_none());
        for tools in [&first, &second] {
            conversation.commit(Commit { tools: Some(Arc::clone(tools)), ..commit(vec![], "q", None) });
        }
        assert!(conversation.tools().is_some_and(|kept| Arc::ptr_eq(&kept, &first)));
    }

    #[test]
    fn only_the_last_conversations_are_kept() {
        let sessions = sessions();
        for n in 0..5 {
            exchange(&sessions, &key(1, "a"), &format!("q{n}"));
        }
        let detail = sessions.show(&key(1, "a")).unwrap();
        let questions: Vec<_> = detail.conversations.iter().map(|c| c.exchanges[0].question.as_str()).collect();
        assert_eq!(questions, ["q2", "q3", "q4"]);
    }

    #[test]
    fn a_long_conversation_shows_its_last_exchanges() {
        let sessions = sessions();
        let conversation = exchange(&sessions, &key(1, "a"), "q");
        for n in 0..EXCHANGES_MAX {
            let history = conversation.messages();
            conversation.commit(commit(history, &format!("q{n}"), None));
        }
        let shown = &sessions.show(&key(1, "a")).unwrap().conversations[0].exchanges;
        assert_eq!((shown.len(), shown[0].question.as_str()), (EXCHANGES_MAX, "q0"));
    }

    #[test]
    fn files_are_kept_once_newest_first_and_bounded() {
        let sessions = sessions();
        for file in ["a", "b", "a", "c"] {
            sessions.touch_files(&key(1, "a"), LIMITS, &[file.into()]);
        }
        assert_eq!(sessions.show(&key(1, "a")).unwrap().files, ["c", "a"]);
    }

    #[test]
    fn nothing_of_one_uid_is_visible_to_another() {
        let sessions = sessions();
        exchange(&sessions, &key(1, "a"), "q");
        assert!(sessions.list(2, None).is_empty());
        assert!(sessions.show(&key(2, "a")).is_none());
        assert!(sessions.last_conversation(&key(2, "a")).is_none());
        assert_eq!(sessions.clear(2, Path::new("/p"), None), 0);
        assert_eq!(sessions.list(1, None).len(), 1);
    }

    #[test]
    fn clearing_one_session_leaves_the_others() {
        let sessions = sessions();
        exchange(&sessions, &key(1, "a"), "q");
        exchange(&sessions, &key(1, "b"), "q");
        assert_eq!(sessions.clear(1, Path::new("/p"), Some("a")), 1);
        assert_eq!(sessions.list(1, Some(Path::new("/p"))).len(), 1);
        assert_eq!(sessions.clear(1, Path::new("/p"), None), 1);
    }

    #[test]
    fn a_conversation_that_never_got_an_answer_is_not_continued() {
        let sessions = sessions();
        let first = exchange(&sessions, &key(1, "a"), "q");
        sessions.new_conversation();
        assert_eq!(sessions.last_conversation(&key(1, "a")).unwrap().id, first.id);
    }

    #[test]
    fn a_session_that_was_cleared_while_a_turn_ran_stays_cleared() {
        let sessions = sessions();
        let conversation = exchange(&sessions, &key(1, "a"), "q");
        let _task = sessions.begin_task(&key(1, "a"), "t", &text("q2"));
        sessions.clear(1, Path::new("/p"), None);
        sessions.keep(&key(1, "a"), "t", LIMITS, &conversation);
        assert!(sessions.show(&key(1, "a")).is_none());
    }

    #[test]
    fn a_conversation_that_goes_on_is_the_last_one_again() {
        let sessions = sessions();
        let first = exchange(&sessions, &key(1, "a"), "q");
        exchange(&sessions, &key(1, "a"), "q2");
        let _task = sessions.begin_task(&key(1, "a"), "t", &text("q3"));
        sessions.keep(&key(1, "a"), "t", LIMITS, &first);
        assert_eq!(sessions.last_conversation(&key(1, "a")).unwrap().id, first.id);
        assert_eq!(sessions.show(&key(1, "a")).unwrap().conversations.len(), 2);
    }

    #[test]
    fn a_failed_first_question_leaves_no_session() {
        let sessions = sessions();
        drop(sessions.begin_task(&key(1, "a"), "t", &text("q")));
        assert!(sessions.list(1, None).is_empty());
    }

    #[test]
    fn the_task_shows_while_its_turn_runs_and_not_after() {
        let sessions = sessions();
        exchange(&sessions, &key(1, "a"), "q");
        let guard = sessions.begin_task(&key(1, "a"), "t", &text("fix the parser"));
        assert_eq!(sessions.show(&key(1, "a")).unwrap().task, "fix the parser");
        drop(guard);
        assert_eq!(sessions.show(&key(1, "a")).unwrap().task, "");
    }

    #[test]
    fn the_longest_unused_session_goes_when_there_are_too_many() {
        struct Ticking(Mutex<SystemTime>);
        impl Clock for Ticking {
            fn now(&self) -> SystemTime {
                let mut now = self.0.lock().unwrap();
                *now += Duration::from_secs(1);
                *now
            }
        }
        let sessions = Sessions::new(Arc::new(Ticking(Mutex::new(SystemTime::UNIX_EPOCH))));
        for n in 0..=SESSIONS_MAX {
            sessions.touch_files(&key(1, &format!("s{n}")), LIMITS, &["f".into()]);
        }
        assert_eq!(sessions.list(1, None).len(), SESSIONS_MAX);
        assert!(sessions.show(&key(1, "s0")).is_none());
        assert!(sessions.show(&key(1, &format!("s{SESSIONS_MAX}"))).is_some());
    }
}
