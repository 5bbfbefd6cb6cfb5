//! What is known of pairs of questions: told apart by a user, or compared by a model.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::memory::{
    kept::{Change, Fingerprint, Kept, RejectionRecord, VerdictRecord},
    retention::{REJECTIONS_MAX, VERDICTS_MAX},
};

/// Rejections of similar hits after which a project gets exact hits only: once is an accident.
pub const REJECTIONS: usize = 2;

/// A pair within a user's project, the smaller key first.
type Pair = (u32, PathBuf, Fingerprint, Fingerprint);

fn pair(uid: u32, project: &Path, (a, b): (Fingerprint, Fingerprint)) -> Pair {
    (uid, project.to_path_buf(), a.min(b), a.max(b))
}

/// All pairs.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    rejected: HashMap<Pair, SystemTime>,
    judged: HashMap<Pair, (bool, SystemTime)>,
}

impl Pairs {
    pub(super) fn is_rejected(&self, uid: u32, project: &Path, of: (Fingerprint, Fingerprint)) -> bool {
        !self.rejected.is_empty() && self.rejected.contains_key(&pair(uid, project, of))
    }

    pub(super) fn verdict(&self, uid: u32, project: &Path, of: (Fingerprint, Fingerprint)) -> Option<bool> {
        self.judged.get(&pair(uid, project, of)).map(|(same, _)| *same)
    }

    /// True after [`REJECTIONS`] of similar hits; a rejected exact hit says nothing about likeness.
    pub(super) fn exact_only(&self, uid: u32, project: &Path) -> bool {
        let similar = |(whose, place, a, b): &&Pair| *whose == uid && place == project && a != b;
        self.rejected.keys().filter(similar).count() >= REJECTIONS
    }

    pub(super) fn reject(&mut self, record: RejectionRecord) -> Vec<Change> {
        let key = pair(record.uid, &record.project, record.pair);
        let mut changes = Vec::new();
        if self.rejected.len() >= REJECTIONS_MAX
            && !self.rejected.contains_key(&key)
            && let Some(oldest) = self.rejected.iter().min_by_key(|(_, at)| **at).map(|(pair, _)| pair.clone())
        {
            changes.extend(self.rejected.remove(&oldest).map(|at| Change::Remove(rejection(oldest, at))));
        }
        self.rejected.insert(key, record.at);
        changes.push(Change::Keep(Kept::Rejection(record)));
        changes
    }

    pub(super) fn judge(&mut self, record: VerdictRecord) -> Vec<Change> {
        let key = pair(record.uid, &record.project, record.pair);
        let mut changes = Vec::new();
        if self.judged.len() >= VERDICTS_MAX
            && !self.judged.contains_key(&key)
            && let Some(oldest) = self.judged.iter().min_by_key(|(_, (_, at))| *at).map(|(pair, _)| pair.clone())
        {
            changes.extend(self.judged.remove(&oldest).map(|judged| Change::Remove(verdict(oldest, judged))));
        }
        self.judged.insert(key, (record.same, record.at));
        changes.push(Change::Keep(Kept::Verdict(record)));
        changes
    }

    pub(super) fn snapshot(&self) -> impl Iterator<Item = Kept> {
        let rejected = self.rejected.iter().map(|(pair, at)| rejection(pair.clone(), *at));
        rejected.chain(self.judged.iter().map(|(pair, judged)| verdict(pair.clone(), *judged)))
    }

    /// Verdicts go with age like answers. Rejections stay: a user's word does not age.
    pub(super) fn clean_up(&mut self, keep: Duration, now: SystemTime) -> Vec<Change> {
        let too_old = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age > keep);
        self.judged
            .extract_if(|_, (_, at)| too_old(at))
            .map(|(pair, judged)| Change::Remove(verdict(pair, judged)))
            .collect()
    }

    pub(super) fn forget(&mut self, is_meant: &dyn Fn(&Kept) -> bool) -> Vec<Kept> {
        let gone = self.rejected.extract_if(|pair, at| is_meant(&rejection(pair.clone(), *at)));
        let mut all: Vec<Kept> = gone.map(|(pair, at)| rejection(pair, at)).collect();
        let gone = self.judged.extract_if(|pair, judged| is_meant(&verdict(pair.clone(), *judged)));
        all.extend(gone.map(|(pair, judged)| verdict(pair, judged)));
        all
    }
}

fn rejection((uid, project, a, b): Pair, at: SystemTime) -> Kept {
    Kept::Rejection(RejectionRecord { uid, project, pair: (a, b), at })
}

fn verdict((uid, project, a, b): Pair, (same, at): (bool, SystemTime)) -> Kept {
    Kept::Verdict(VerdictRecord { uid, project, pair: (a, b), same, at })
}
