//! Work that several askers want at once is done once.
//!
//! [`Sweeps`] is for short checks of the disk: a check serves everybody who came before it began, so nobody is answered
//! by one that is older than the request. [`Flights`] is for a model call: who comes while one runs waits for its end
//! and then looks at the memory again. A flight that was broken off has no end that would help anybody: the next one
//! leads.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use tokio::sync::{oneshot, watch};

use crate::sync::lock;

type Job<V> = Box<dyn FnOnce() -> V + Send>;

/// Those who wait for the next sweep of a key, and how to make it.
struct Waiting<V> {
    job: Job<V>,
    askers: Vec<oneshot::Sender<Arc<V>>>,
}

/// Short blocking jobs, at most one at a time of a key.
pub struct Sweeps<K, V> {
    /// A key is here while its sweep runs.
    running: Mutex<HashMap<K, Option<Waiting<V>>>>,
}

impl<K, V> Default for Sweeps<K, V> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone + Send + 'static, V: Send + Sync + 'static> Sweeps<K, V> {
    /// The result of a job that begins after this call; `None` when it panicked. The job is made only if nobody else has
    /// brought one.
    pub async fn join<J>(self: &Arc<Self>, key: K, make: impl FnOnce() -> J) -> Option<Arc<V>>
    where
        J: FnOnce() -> V + Send + 'static,
    {
        let (to, result) = oneshot::channel();
        let begin = {
            let mut running = lock(&self.running);
            match running.get_mut(&key) {
                Some(Some(waiting)) => {
                    waiting.askers.push(to);
                    None
                }
                Some(next @ None) => {
                    *next = Some(Waiting { job: Box::new(make()), askers: vec![to] });
                    None
                }
                None => {
                    running.insert(key.clone(), None);
                    Some(Waiting { job: Box::new(make()), askers: vec![to] })
                }
            }
        };
        if let Some(first) = begin {
            let sweeps = Arc::clone(self);
            tokio::spawn(async move { sweeps.sweep(key, first).await });
        }
        result.await.ok()
    }

    /// Makes sweeps of a key until nobody waits for one. The results are handed out here and not on the thread that
    /// made them: waking a task from outside the runtime costs a system call each.
    async fn sweep(&self, key: K, first: Waiting<V>) {
        let mut end = EndOfSweep { sweeps: self, key: key.clone(), orderly: false };
        let mut now = Some(first);
        while let Some(Waiting { job, askers }) = now {
            // A panic leaves those who wait without a result, and the key free.
            let Ok(value) = tokio::task::spawn_blocking(job).await else { return };
            let value = Arc::new(value);
            for asker in askers {
                // Who left needs no answer.
                let _ = asker.send(Arc::clone(&value));
            }
            now = self.next(&key);
        }
        end.orderly = true;
    }

    fn next(&self, key: &K) -> Option<Waiting<V>> {
        let mut running = lock(&self.running);
        let next = running.get_mut(key).and_then(Option::take);
        if next.is_none() {
            running.remove(key);
        }
        next
    }
}

/// Frees the key also when a job panics or the runtime ends; those who wait hear that there is no result.
struct EndOfSweep<'a, K: Hash + Eq, V> {
    sweeps: &'a Sweeps<K, V>,
    key: K,
    /// The key is free already, and may be somebody else's by now.
    orderly: bool,
}

impl<K: Hash + Eq, V> Drop for EndOfSweep<'_, K, V> {
    fn drop(&mut self) {
        if !self.orderly {
            lock(&self.sweeps.running).remove(&self.key);
        }
    }
}

/// Model calls in flight by key.
pub struct Flights<K> {
    running: Arc<Mutex<HashMap<K, watch::Receiver<bool>>>>,
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

/// What an asker does.
pub enum Boarding<K: Hash + Eq> {
    /// Calls the model. The guard ends the flight when it is dropped, however the call ends.
    Lead(Flight<K>),
    /// Waits for [`end_of`] this.
    Wait(watch::Receiver<bool>),
}

/// The one that calls the model.
pub struct Flight<K: Hash + Eq> {
    running: Arc<Mutex<HashMap<K, watch::Receiver<bool>>>>,
    key: K,
    landed: watch::Sender<bool>,
}

/// Waits for the end of somebody else's call. True when it has an outcome, false when it was broken off.
pub async fn end_of(mut flight: watch::Receiver<bool>) -> bool {
    // An error says that the leader is gone, with or without a word before.
    while flight.changed().await.is_ok() {}
    *flight.borrow()
}

impl<K: Hash + Eq + Clone> Flights<K> {
    /// Leads the flight of this key, or waits for the one that is under way.
    pub fn board(&self, key: K) -> Boarding<K> {
        let mut running = lock(&self.running);
        if let Some(flight) = running.get(&key) {
            return Boarding::Wait(flight.clone());
        }
        let (landed, waiting) = watch::channel(false);
        running.insert(key.clone(), waiting);
        Boarding::Lead(Flight { running: Arc::clone(&self.running), key, landed })
    }
}

impl<K: Hash + Eq> Flight<K> {
    /// The call has an outcome; whoever waited finds it in the memory, or asks alone.
    pub fn land(self) {
        self.landed.send_replace(true);
    }
}

impl<K: Hash + Eq> Drop for Flight<K> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn askers_share_sweeps_and_none_is_older_than_the_asking() {
        let sweeps: Arc<Sweeps<u8, u32>> = Arc::default();
        let (begun, count) = (Arc::new(AtomicU32::new(0)), 200);
        let mut asks = Vec::new();
        for _ in 0..count {
            let (sweeps, begun) = (Arc::clone(&sweeps), Arc::clone(&begun));
            asks.push(tokio::spawn(async move {
                let before = begun.load(Ordering::SeqCst);
                let job = move || begun.fetch_add(1, Ordering::SeqCst) + 1;
                let number = *sweeps.join(1, || job).await.unwrap();
                assert!(number > before, "a sweep that began before the asking has answered");
            }));
        }
        for ask in asks {
            ask.await.unwrap();
        }
        assert!(begun.load(Ordering::SeqCst) <= count);
        assert!(lock(&sweeps.running).is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sweep_that_panics_leaves_the_key_free() {
        let sweeps: Arc<Sweeps<u8, u32>> = Arc::default();
        assert!(sweeps.join(1, || || panic!("boom")).await.is_none());
        // The key is freed by the thread that unwinds, a moment after the asker heard.
        for _ in 0..1000 {
            if let Some(value) = sweeps.join(1, || || 7).await {
                assert_eq!(*value, 7);
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the key is never freed");
    }

    #[tokio::test]
    async fn who_comes_during_a_flight_waits_for_its_end() {
        let flights = Flights::default();
        let Boarding::Lead(flight) = flights.board(1) else { panic!("nobody flies yet") };
        let Boarding::Wait(waiting) = flights.board(1) else { panic!("one is under way") };
        assert!(matches!(flights.board(2), Boarding::Lead(_)));
        let waiter = tokio::spawn(end_of(waiting));
        flight.land();
        assert!(waiter.await.unwrap(), "it has an outcome");
        let Boarding::Lead(flight) = flights.board(1) else { panic!("it has landed") };
        let Boarding::Wait(waiting) = flights.board(1) else { panic!("one is under way") };
        drop(flight);
        assert!(!end_of(waiting).await, "it was broken off");
        assert!(matches!(flights.board(1), Boarding::Lead(_)));
    }
}
