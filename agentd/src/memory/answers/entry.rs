//! One cached answer in RAM.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use crate::{
    memory::{
        kept::{AnswerRecord, Fingerprint},
        question::Question,
    },
    sync::lock,
    tools::observed::Observed,
};

/// An answer, its question as it is compared, and what changes while it is kept.
#[derive(Debug)]
pub struct Entry {
    record: AnswerRecord,
    /// The question in canonical form.
    pub question: Question,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    used: SystemTime,
    hits: u32,
    rests: Arc<[Observed]>,
    /// What had changed when it was verified last. It may change back: another branch is checked out and left again.
    changed: Option<String>,
    /// The durable copy is behind.
    dirty: bool,
}

impl Entry {
    pub(super) fn new(mut record: AnswerRecord) -> Self {
        let rests = std::mem::take(&mut record.rests).into();
        let state = State { used: record.used, hits: record.hits, rests, changed: None, dirty: false };
        Self { question: Question::new(record.question.as_str()), record, state: Mutex::new(state) }
    }

    /// The record as it was made: `used`, `hits` and `rests` are in [`Entry::current`].
    pub fn record(&self) -> &AnswerRecord {
        &self.record
    }

    /// The record as it is now.
    pub fn current(&self) -> AnswerRecord {
        let state = lock(&self.state);
        let (used, hits, rests) = (state.used, state.hits, state.rests.to_vec());
        AnswerRecord { used, hits, rests, ..self.record.clone() }
    }

    /// The record as it is now, but for what it rests on.
    pub(super) fn without_rests(&self) -> AnswerRecord {
        let (used, hits) = self.usage();
        AnswerRecord { used, hits, ..self.record.clone() }
    }

    /// What it rests on.
    pub fn rests(&self) -> Arc<[Observed]> {
        Arc::clone(&lock(&self.state).rests)
    }

    /// When it was used last, and how often.
    pub fn usage(&self) -> (SystemTime, u32) {
        let state = lock(&self.state);
        (state.used, state.hits)
    }

    /// What had changed when it was verified last.
    pub fn changed(&self) -> Option<String> {
        lock(&self.state).changed.clone()
    }

    /// Notes that it was served.
    pub fn served(&self, now: SystemTime) {
        let mut state = lock(&self.state);
        state.used = now;
        state.hits = state.hits.saturating_add(1);
        state.dirty = true;
    }

    /// Notes what verifying it came to: newer states of what it rests on, or what has changed.
    pub fn verified(&self, outcome: Result<Option<Vec<Observed>>, String>) {
        let mut state = lock(&self.state);
        match outcome {
            Ok(newer) => {
                state.changed = None;
                if let Some(newer) = newer {
                    state.rests = newer.into();
                    state.dirty = true;
                }
            }
            Err(changed) => state.changed = Some(changed),
        }
    }

    /// The record if the durable copy is behind; from then on it is not.
    pub(super) fn take_dirty(&self) -> Option<AnswerRecord> {
        // The lock is given back before the record is made, which takes it again.
        let dirty = std::mem::take(&mut lock(&self.state).dirty);
        dirty.then(|| self.current())
    }

    /// What names it within a scope: the same words and the same attached texts.
    pub(super) fn key(&self) -> Key {
        (self.record.scope, *self.question.exact_key(), self.record.attachments)
    }
}

/// Scope, exact key, attachments.
pub(super) type Key = (Fingerprint, Fingerprint, Fingerprint);
