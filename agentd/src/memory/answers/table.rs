//! The answers in RAM, by what they are looked up with.
//!
//! Bounded by the cap it is given; one answer for a question in a scope. Which one goes when there are too many is the
//! rule of [`retention`](crate::memory::retention).

use std::{collections::HashMap, path::Path, sync::Arc};

use uuid::Uuid;

use super::entry::{Entry, Key};
use crate::memory::kept::{AnswerRecord, Fingerprint};

/// All answers. Not shared: [`super::Answers`] holds it behind a lock.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: HashMap<Uuid, Arc<Entry>>,
    by_key: HashMap<Key, Uuid>,
    by_scope: HashMap<Fingerprint, Vec<Arc<Entry>>>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// Those of a user, in one project or all.
    pub(super) fn of<'a>(&'a self, uid: u32, project: Option<&'a Path>) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.all().filter(move |entry| {
            let record = entry.record();
            record.uid == uid && project.is_none_or(|project| record.project == project)
        })
    }

    pub(super) fn exact(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.entries.get(self.by_key.get(key)?)
    }

    /// True when this answer or a newer one to the same question is here.
    pub(super) fn knows(&self, record: &AnswerRecord) -> bool {
        self.entries.contains_key(&record.id)
            || self.exact(&Entry::new(record.clone()).key()).is_some_and(|known| known.record().made >= record.made)
    }

    pub(super) fn in_scope(&self, scope: &Fingerprint) -> &[Arc<Entry>] {
        self.by_scope.get(scope).map(Vec::as_slice).unwrap_or_default()
    }

    /// Puts an answer in; says which one it took the place of.
    pub(super) fn insert(&mut self, entry: Entry) -> Option<Arc<Entry>> {
        let entry = Arc::new(entry);
        let replaced = self.by_key.get(&entry.key()).copied().and_then(|id| self.remove(&id));
        self.by_key.insert(entry.key(), entry.record().id);
        self.by_scope.entry(entry.record().scope).or_default().push(Arc::clone(&entry));
        self.entries.insert(entry.record().id, entry);
        replaced
    }

    pub(super) fn remove(&mut self, id: &Uuid) -> Option<Arc<Entry>> {
        let entry = self.entries.remove(id)?;
        if self.by_key.get(&entry.key()) == Some(id) {
            self.by_key.remove(&entry.key());
        }
        let scope = entry.record().scope;
        if let Some(peers) = self.by_scope.get_mut(&scope) {
            peers.retain(|peer| peer.record().id != *id);
            if peers.is_empty() {
                self.by_scope.remove(&scope);
            }
        }
        Some(entry)
    }
}
