//! Calls that wait for a user's word.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use proto::Decision;
use tokio::sync::oneshot;

use crate::sync::lock;

/// How long a question to the user may stand: long enough for a meeting, short enough that a forgotten terminal does
/// not hold a turn and its conversation for ever.
pub(super) const APPROVAL_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Open questions, by number.
#[derive(Debug, Default)]
pub struct Approvals {
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, (u32, oneshot::Sender<Decision>)>>,
}

impl Approvals {
    /// Opens a question for a user; it closes when the returned guard is dropped.
    pub fn open(&self, uid: u32) -> Pending<'_> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, word) = oneshot::channel();
        self.lock().insert(number, (uid, answer));
        Pending { number, word, approvals: self }
    }

    /// Gives the word on a question; false when it is not open, or another user's.
    pub fn decide(&self, uid: u32, number: u64, decision: Decision) -> bool {
        let mut waiting = self.lock();
        match waiting.get(&number) {
            Some((owner, _)) if *owner == uid => {}
            _ => return false,
        }
        waiting.remove(&number).is_some_and(|(_, answer)| answer.send(decision).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (u32, oneshot::Sender<Decision>)>> {
        lock(&self.waiting)
    }
}

/// An open question.
pub struct Pending<'a> {
    /// Its number.
    pub number: u64,
    word: oneshot::Receiver<Decision>,
    approvals: &'a Approvals,
}

impl Pending<'_> {
    /// The word; `None` when the deadline passed.
    pub async fn word(&mut self) -> Option<Decision> {
        tokio::time::timeout(APPROVAL_DEADLINE, &mut self.word).await.ok()?.ok()
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.approvals.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_word_reaches_the_question_once_and_only_from_its_owner() {
        let approvals = Approvals::default();
        let mut pending = approvals.open(7);
        let number = pending.number;
        assert!(!approvals.decide(8, number, Decision::Once), "another user");
        assert!(approvals.decide(7, number, Decision::Session));
        assert!(!approvals.decide(7, number, Decision::Once), "a second time");
        assert_eq!(pending.word().await, Some(Decision::Session));
    }

    #[tokio::test]
    async fn a_closed_question_takes_no_word() {
        let approvals = Approvals::default();
        let number = approvals.open(7).number;
        assert!(!approvals.decide(7, number, Decision::Once));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forgotten_question_ends_by_its_deadline() {
        let approvals = Approvals::default();
        assert_eq!(approvals.open(7).word().await, None);
    }
}
