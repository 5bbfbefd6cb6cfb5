//! What outlives the daemon, while it runs: conversations and preferences in RAM, with the way to the store.
//!
//! Owns the locks round them and the order of what the store is told: a change is handed over under the lock under
//! which it was made, so that the store never ends with the older of two. Knows no store; until one is
//! [wired](Lasting::wire) everything is in RAM only. No lock is held while somebody waits.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::SystemTime,
};

use super::{
    conversations::{Conversations, Forget, QuestionKey, Useful},
    kept::{Change, ConversationRecord, Fingerprint, Kept, PreferenceRecord},
    preferences::{self, Preferences, Unset, Wanted},
    recollections::{self, About, Candidate},
    session::SessionKey,
};
use crate::{
    redact::{Redacted, Redactor},
    sync::lock,
    tools::BoxFuture,
};

/// Conversations kept until a configuration says how many.
const CONVERSATIONS_DEFAULT: usize = 20;

/// The store as it is seen from here.
pub trait Sink: Send + Sync {
    /// Takes changes in the order of the calls, before it returns; the future ends when they are durable, or says why
    /// they are not.
    fn write(&self, changes: Vec<Change>) -> BoxFuture<'static, Result<(), String>>;
}

/// Whether something that is in RAM by now is also on disk.
pub type Written = Result<(), String>;

/// What outlives the daemon.
pub struct Lasting {
    conversations: Mutex<Conversations>,
    preferences: Mutex<Preferences>,
    sink: OnceLock<Arc<dyn Sink>>,
}

impl Default for Lasting {
    fn default() -> Self {
        let conversations = Mutex::new(Conversations::new(CONVERSATIONS_DEFAULT));
        Self { conversations, preferences: Mutex::default(), sink: OnceLock::new() }
    }
}

impl Lasting {
    /// Hands over everything that changes from now on. Only the first sink counts.
    pub fn wire(&self, sink: Arc<dyn Sink>) {
        let _ = self.sink.set(sink);
    }

    /// Takes what the store holds of its kinds and leaves the rest.
    pub async fn load(&self, records: impl IntoIterator<Item = Kept>) -> Written {
        let (conversations, preferences) = split(records);
        lock(&self.preferences).load(preferences);
        self.change_conversations(|kept| kept.load(conversations)).await
    }

    /// A copy of everything, for backup and rewriting.
    pub fn snapshot(&self) -> Vec<Kept> {
        let conversations: Vec<Kept> =
            lock(&self.conversations).records().iter().cloned().map(Kept::Conversation).collect();
        let preferences = lock(&self.preferences);
        conversations.into_iter().chain(preferences.records().cloned().map(Kept::Preference)).collect()
    }

    /// Keeps an exchange, within the cap that holds now.
    pub async fn note(&self, useful: Useful<'_>, cap: usize, redactor: &Redactor, key: QuestionKey<'_>) -> Written {
        let written = {
            let mut kept = lock(&self.conversations);
            let mut changes = kept.set_cap(cap);
            changes.extend(kept.note(useful, redactor, key));
            self.write(changes)
        };
        written.await
    }

    /// The last conversation of a session.
    pub fn last_of(&self, key: &SessionKey) -> Option<ConversationRecord> {
        lock(&self.conversations).last_of(key).cloned()
    }

    /// True when the session's last kept conversation ends with this question.
    pub fn is_last(&self, key: &SessionKey, question: &Redacted) -> bool {
        let kept = lock(&self.conversations);
        kept.last_of(key).and_then(|record| record.exchanges.last()).is_some_and(|(asked, _)| asked == question)
    }

    /// The conversations that concern a question, best first, unverified.
    pub fn shortlist(&self, about: &About<'_>) -> Vec<Candidate> {
        recollections::shortlist(lock(&self.conversations).records(), about)
    }

    /// Changes the cap of conversations.
    pub async fn set_cap(&self, cap: usize) -> Written {
        self.change_conversations(|kept| kept.set_cap(cap)).await
    }

    /// Removes conversations that were not used since.
    pub async fn expire(&self, since: SystemTime) -> Written {
        self.change_conversations(|kept| kept.expire(since)).await
    }

    /// Forgets conversations, and says how many.
    pub async fn forget_conversations(&self, uid: u32, what: Forget<'_>) -> (usize, Written) {
        let (count, written) = {
            let changes = lock(&self.conversations).forget(uid, what);
            (changes.len(), self.write(changes))
        };
        (count, written.await)
    }

    /// Puts these in place of all there are, without a word to the store: whoever restores writes it anew.
    pub fn replace(&self, records: impl IntoIterator<Item = Kept>) {
        let (new_conversations, new_preferences) = split(records);
        let (mut conversations, mut preferences) = (lock(&self.conversations), lock(&self.preferences));
        conversations.take(&|_| true);
        conversations.load(new_conversations);
        *preferences = Preferences::default();
        preferences.load(new_preferences);
    }

    /// Takes what a store held that could only be opened late, where it is not known.
    pub fn add(&self, records: impl IntoIterator<Item = Kept>) {
        let (conversations, preferences) = split(records);
        lock(&self.conversations).load(conversations);
        lock(&self.preferences).add(preferences);
    }

    /// Removes what is selected, and returns it.
    pub fn remove(&self, is_selected: &dyn Fn(&Kept) -> bool) -> Vec<Kept> {
        let mut gone = Vec::new();
        {
            let mut kept = lock(&self.conversations);
            gone.extend(kept.take(&|record| is_selected(&Kept::Conversation(record.clone()))));
            drop(self.write(gone.iter().cloned().map(Change::Remove).collect()));
        }
        let mut kept = lock(&self.preferences);
        let preferences = kept.remove(&|record| is_selected(&Kept::Preference(record.clone())));
        drop(self.write(preferences.iter().cloned().map(Change::Remove).collect()));
        gone.extend(preferences);
        gone
    }

    /// The preferences that apply in a project, or everywhere, by name.
    pub fn preferences(&self, uid: u32, project: Option<&Path>) -> Vec<PreferenceRecord> {
        lock(&self.preferences).effective(uid, project)
    }

    /// Of what applies: equal when the model was told the same.
    pub fn preferences_digest(&self, uid: u32, project: Option<&Path>) -> Fingerprint {
        lock(&self.preferences).digest(uid, project)
    }

    /// See [`Preferences::place_of`].
    pub fn place_of<'p>(&self, uid: u32, project: Option<&'p Path>, name: &str) -> Option<&'p Path> {
        lock(&self.preferences).place_of(uid, project, name)
    }

    /// Sets a preference: as it is kept now, whether it had another value, whether it is on disk.
    ///
    /// # Errors
    /// What is wrong with it; then nothing changed.
    pub async fn set_preference(
        &self,
        wanted: &Wanted<'_>,
        redactor: &Redactor,
        now: SystemTime,
    ) -> Result<(PreferenceRecord, bool, Written), Unset> {
        let (record, replaced, written) = {
            let mut kept = lock(&self.preferences);
            let preferences::Set { record, replaced, changes } = kept.set(wanted, redactor, now)?;
            (record, replaced, self.write(changes))
        };
        Ok((record, replaced, written.await))
    }

    /// Removes a preference: whether there was one, whether that is on disk.
    pub async fn unset_preference(&self, uid: u32, project: Option<&Path>, name: &str) -> (bool, Written) {
        let (removed, written) = {
            let changes = lock(&self.preferences).unset(uid, project, name);
            (!changes.is_empty(), self.write(changes))
        };
        (removed, written.await)
    }

    async fn change_conversations(&self, change: impl FnOnce(&mut Conversations) -> Vec<Change>) -> Written {
        let written = self.write(change(&mut lock(&self.conversations)));
        written.await
    }

    /// To be called under the lock; to be awaited without it.
    fn write(&self, changes: Vec<Change>) -> BoxFuture<'static, Written> {
        match self.sink.get() {
            Some(sink) if !changes.is_empty() => sink.write(changes),
            _ => Box::pin(std::future::ready(Ok(()))),
        }
    }
}

/// Those of its kinds.
fn split(records: impl IntoIterator<Item = Kept>) -> (Vec<ConversationRecord>, Vec<PreferenceRecord>) {
    let (mut conversations, mut preferences) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            Kept::Conversation(record) => conversations.push(record),
            Kept::Preference(record) => preferences.push(record),
            Kept::Answer(_) | Kept::Rejection(_) | Kept::Verdict(_) => {}
        }
    }
    (conversations, preferences)
}
