//! The answers in memory: the same question about unchanged code is answered at once and for nothing.
//!
//! Owns which answer a question may get and why. Knows nothing of the disk that the dependencies are verified on, nor
//! of the model that gives verdicts: the agent brings both. What changes is handed to the store under the lock under
//! which it changed, so that the durable copy never ends with the older of two.
//!
//! Invariants:
//! - Nothing is matched across a [`Scope`].
//! - What is found is a proposal. Whoever serves it has verified its dependencies in the same request.
//! - A pair of questions that a user has told apart is never matched again; after [`REJECTIONS`] of them a project gets
//!   exact hits only.
//! - Keys are computed from redacted text.

mod entry;
mod find;
pub mod flight;
mod pairs;
mod scope;
mod stats;
mod table;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, SystemTime},
};

use uuid::Uuid;

pub use entry::Entry;
pub use find::{Asked, Candidate, Found, Refusal};
pub use pairs::REJECTIONS;
pub use scope::{Conditions, Scope, fingerprint};
pub use stats::Stats;

use self::{pairs::Pairs, table::Table};
use super::{
    kept::{AnswerRecord, Change, Kept, RejectionRecord, VerdictRecord},
    lasting::{Sink, Written},
    retention::{self, Caps},
};
use crate::{redact::Redacted, sync::lock, tools::BoxFuture};

/// Most bytes of one answer that is kept: more than any model writes in one reply.
pub const ANSWER_MAX: usize = 256 * 1024;
/// Projects whose last question is remembered for `cache why`.
const LAST_MAX: usize = 256;

/// All answers of the daemon.
#[derive(Default)]
pub struct Answers {
    state: Mutex<State>,
    /// Counts since the start.
    pub stats: Stats,
    last: Mutex<HashMap<(u32, PathBuf), Last>>,
    sink: OnceLock<Arc<dyn Sink>>,
}

#[derive(Default)]
struct State {
    table: Table,
    pairs: Pairs,
}

/// The last question of a user in a project, and what became of it.
#[derive(Debug, Clone)]
pub struct Last {
    /// The question.
    pub question: Redacted,
    /// Of its attached texts.
    pub attachments: super::kept::Fingerprint,
    /// The answer that was served; `None` after a miss.
    pub served: Option<Uuid>,
    /// What it came to, in one sentence.
    pub outcome: Redacted,
}

impl Answers {
    /// Hands over everything that changes from now on. Only the first sink counts.
    pub fn wire(&self, sink: Arc<dyn Sink>) {
        let _ = self.sink.set(sink);
    }

    /// To be called under the lock. Nobody waits for an answer to be durable: lost, it is asked once more.
    fn write(&self, changes: Vec<Change>) {
        if let Some(sink) = self.sink.get().filter(|_| !changes.is_empty()) {
            drop(sink.write(changes));
        }
    }

    /// Ends when everything that was handed over before is durable, or says why it is not. For what a user has decided:
    /// a cached answer that is lost is asked once more, a rejected one that came back would be served again.
    pub fn written(&self) -> BoxFuture<'static, Written> {
        match self.sink.get() {
            Some(sink) => sink.write(Vec::new()),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    /// Fills the memory with what was stored, in place of what was there.
    pub fn load(&self, kept: impl IntoIterator<Item = Kept>) {
        // Made before the lock is taken: each question is brought into its canonical form.
        let (mut entries, mut pairs) = (Vec::new(), Vec::new());
        for one in kept {
            match one {
                Kept::Answer(record) => entries.push(Entry::new(record)),
                other => pairs.push(other),
            }
        }
        let mut state = lock(&self.state);
        *state = State::default();
        entries.into_iter().for_each(|entry| drop(state.table.insert(entry)));
        for one in pairs {
            match one {
                Kept::Rejection(record) => drop(state.pairs.reject(record)),
                Kept::Verdict(record) => drop(state.pairs.judge(record)),
                _ => {}
            }
        }
    }

    /// Takes what a store held that could only be opened late, where it is not known.
    pub fn add(&self, kept: impl IntoIterator<Item = Kept>) {
        let mut state = lock(&self.state);
        for one in kept {
            match one {
                Kept::Answer(record) if !state.table.knows(&record) => drop(state.table.insert(Entry::new(record))),
                Kept::Rejection(record) => drop(state.pairs.reject(record)),
                Kept::Verdict(record) => drop(state.pairs.judge(record)),
                _ => {}
            }
        }
    }

    /// The same question in the same words: one look into a map, while the rest of [`Answers::find`] compares the question
    /// with every other of its scope.
    pub fn exact(&self, asked: &Asked, similarity: crate::config::Similarity) -> Option<Arc<Entry>> {
        let state = lock(&self.state);
        find::exact(&state.table, asked, similarity)
    }

    /// What a question may be answered with.
    pub fn find(&self, asked: &Asked, similarity: crate::config::Similarity) -> Found {
        let state = lock(&self.state);
        find::find(&state.table, &state.pairs, asked, similarity)
    }

    /// The answer of this question in any scope of the project, with the same attached texts: for when there is no model
    /// to be asked, and the user says which to take.
    pub fn any_scope(&self, uid: u32, project: &Path, question: &super::question::Question) -> Vec<Arc<Entry>> {
        let state = lock(&self.state);
        let same = |entry: &&Arc<Entry>| entry.question.exact_key() == question.exact_key();
        let mut found: Vec<_> = state.table.of(uid, Some(project)).filter(same).map(Arc::clone).collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.record().made));
        found
    }

    /// Keeps an answer, and what must go for it.
    pub fn keep(&self, record: AnswerRecord, cap: usize, now: SystemTime) {
        if cap == 0 {
            return;
        }
        let mut state = lock(&self.state);
        let mut changes = Vec::new();
        if let Some(replaced) = state.table.insert(Entry::new(record.clone())) {
            changes.push(Change::Remove(Kept::Answer(replaced.current())));
        }
        changes.push(Change::Keep(Kept::Answer(record)));
        changes.extend(self.evict(&mut state.table, cap, now));
        self.write(changes);
    }

    /// Holds the caps: what is over them, or was not used for too long, goes.
    pub fn clean_up(&self, cap: usize, keep: Duration, now: SystemTime) {
        let mut state = lock(&self.state);
        let too_old = |entry: &&Arc<Entry>| now.duration_since(entry.usage().0).is_ok_and(|unused| unused > keep);
        let old: Vec<Uuid> = state.table.all().filter(too_old).map(|entry| entry.record().id).collect();
        let mut changes = self.remove(&mut state.table, &old, "evicted_age");
        changes.extend(self.evict(&mut state.table, cap, now));
        changes.extend(state.pairs.clean_up(keep, now));
        self.write(changes);
    }

    fn evict(&self, table: &mut Table, cap: usize, now: SystemTime) -> Vec<Change> {
        if table.len() <= cap {
            return Vec::new();
        }
        let entries: Vec<&Arc<Entry>> = table.all().collect();
        let records: Vec<Kept> = entries.iter().map(|entry| Kept::Answer(entry.without_rests())).collect();
        let changed: HashSet<Uuid> =
            entries.iter().filter(|entry| entry.changed().is_some()).map(|entry| entry.record().id).collect();
        let caps = Caps { answers: cap, conversations: usize::MAX, keep_days: u32::MAX };
        let leaving = retention::leaving(&records, &|record| changed.contains(&record.id), caps, now);
        let gone: Vec<Uuid> =
            leaving.iter().filter_map(|(place, _)| entries.get(*place)).map(|entry| entry.record().id).collect();
        self.remove(table, &gone, "evicted_cap")
    }

    fn remove(&self, table: &mut Table, ids: &[Uuid], why: &str) -> Vec<Change> {
        ids.iter()
            .filter_map(|id| table.remove(id))
            .map(|entry| {
                self.stats.count(why);
                Change::Remove(Kept::Answer(entry.current()))
            })
            .collect()
    }

    /// Writes the answers whose durable copy is behind: how often they were used, what they rest on now.
    pub fn write_usage(&self) {
        let state = lock(&self.state);
        let behind = state.table.all().filter_map(|entry| entry.take_dirty());
        self.write(behind.map(|record| Change::Keep(Kept::Answer(record))).collect());
    }

    /// Everything, for a backup or a rewrite.
    pub fn snapshot(&self) -> Vec<Kept> {
        let state = lock(&self.state);
        let answers = state.table.all().map(|entry| Kept::Answer(entry.current()));
        answers.chain(state.pairs.snapshot()).collect()
    }

    /// Takes out what `is_meant`, and returns it.
    pub fn forget(&self, is_meant: &dyn Fn(&Kept) -> bool) -> Vec<Kept> {
        let mut state = lock(&self.state);
        let meant = |entry: &&Arc<Entry>| is_meant(&Kept::Answer(entry.record().clone()));
        let ids: Vec<Uuid> = state.table.all().filter(meant).map(|entry| entry.record().id).collect();
        let gone = ids.iter().filter_map(|id| state.table.remove(id));
        let mut gone: Vec<Kept> = gone.map(|entry| Kept::Answer(entry.current())).collect();
        gone.extend(state.pairs.forget(is_meant));
        self.write(gone.iter().cloned().map(Change::Remove).collect());
        lock(&self.last).clear();
        gone
    }

    /// Those of a user, in one project or all, last used first.
    pub fn list(&self, uid: u32, project: Option<&Path>) -> Vec<Arc<Entry>> {
        let state = lock(&self.state);
        let mut found: Vec<_> = state.table.of(uid, project).map(Arc::clone).collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.usage().0));
        found
    }

    /// The answer of a user whose id begins so; `Err` with the number of them when there is not exactly one.
    ///
    /// # Errors
    /// How many there are.
    pub fn by_id(&self, uid: u32, prefix: &str) -> Result<Arc<Entry>, usize> {
        let state = lock(&self.state);
        let is_meant = |entry: &&Arc<Entry>| entry.record().id.to_string().starts_with(prefix);
        let mut found: Vec<_> = state.table.of(uid, None).filter(is_meant).map(Arc::clone).collect();
        match (found.pop(), found.len()) {
            (Some(entry), 0) => Ok(entry),
            (Some(_), more) => Err(more + 1),
            (None, _) => Err(0),
        }
    }

    /// Takes an answer out because a user says it is wrong, and never matches the two questions again. True when the
    /// project gets exact hits only from now on.
    pub fn reject(&self, entry: &Entry, asked: &super::question::Question, now: SystemTime) -> bool {
        let record = entry.record();
        let mut state = lock(&self.state);
        let mut changes = Vec::new();
        if let Some(gone) = state.table.remove(&record.id) {
            changes.push(Change::Remove(Kept::Answer(gone.current())));
        }
        let pair = (*asked.exact_key(), *entry.question.exact_key());
        let rejection = RejectionRecord { uid: record.uid, project: record.project.clone(), pair, at: now };
        changes.extend(state.pairs.reject(rejection));
        self.write(changes);
        self.stats.count("rejected");
        state.pairs.exact_only(record.uid, &record.project)
    }

    /// Remembers what a model said of two questions.
    pub fn judge(&self, verdict: VerdictRecord) {
        let mut state = lock(&self.state);
        let changes = state.pairs.judge(verdict);
        self.write(changes);
    }

    /// Notes the last question of a project.
    pub fn note(&self, uid: u32, project: &Path, last: Last) {
        let mut all = lock(&self.last);
        if let Some(known) = all.get_mut(&(uid, project.to_path_buf())) {
            *known = last;
            return;
        }
        if all.len() >= LAST_MAX {
            all.clear();
        }
        all.insert((uid, project.to_path_buf()), last);
    }

    /// The last question of a project.
    pub fn last(&self, uid: u32, project: &Path) -> Option<Last> {
        lock(&self.last).get(&(uid, project.to_path_buf())).cloned()
    }
}

#[cfg(test)]
mod tests;
