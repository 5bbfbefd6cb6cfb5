//! The turns that run now: who may cancel them, how many there are, when the last one ends.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use proto::{CancelRequest, ErrorKind, Failure, RequestId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::sync::lock;

#[derive(Debug)]
struct Turn {
    uid: u32,
    connection: u64,
    id: RequestId,
    cancel: CancellationToken,
}

/// Running turns by turn id.
#[derive(Debug)]
pub struct Turns {
    running: Mutex<HashMap<String, Turn>>,
    count: watch::Sender<usize>,
    /// Set when all were cancelled because the daemon stops.
    stopped: AtomicBool,
}

impl Default for Turns {
    fn default() -> Self {
        Self { running: Mutex::default(), count: watch::Sender::new(0), stopped: AtomicBool::new(false) }
    }
}

impl Turns {
    /// Notes a turn until the guard is dropped; the guard holds its new id.
    pub(super) fn begin(
        self: &Arc<Self>,
        uid: u32,
        connection: u64,
        id: RequestId,
        cancel: CancellationToken,
    ) -> TurnGuard {
        let turn = crate::id::fresh().to_string();
        let mut running = self.lock();
        running.insert(turn.clone(), Turn { uid, connection, id, cancel });
        self.count.send_replace(running.len());
        TurnGuard { turns: Arc::clone(self), turn }
    }

    /// How many run.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Waits until none runs.
    pub async fn idle(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as self: waiting cannot fail.
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// Cancels all: the daemon stops and waits no longer.
    pub fn cancel_all(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        for turn in self.lock().values() {
            turn.cancel.cancel();
        }
    }

    /// The failure of a turn as its asker should hear it: one that the daemon's stop has cancelled says so. The user
    /// interrupted nothing.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        if failure.kind != ErrorKind::Cancelled || !self.stopped.load(Ordering::Relaxed) {
            return failure;
        }
        Failure::new(ErrorKind::Draining, "agentd was stopped before the answer was complete")
            .hint("ask again; server.drain_timeout is how long a stop waits for running turns")
    }

    /// Cancels the turn that is meant; 0 when it is not running (any more).
    pub(super) fn cancel(&self, uid: u32, connection: u64, what: &CancelRequest) -> Result<u32, Failure> {
        let running = self.lock();
        let mine = || running.iter().filter(|(_, turn)| turn.uid == uid);
        let found: Vec<&Turn> = match (&what.turn, &what.id) {
            (Some(wanted), _) => mine().filter(|(turn, _)| *turn == wanted).map(|(_, turn)| turn).collect(),
            (None, Some(id)) => {
                let same_id: Vec<_> = mine().map(|(_, turn)| turn).filter(|turn| turn.id == *id).collect();
                match same_id.iter().find(|turn| turn.connection == connection) {
                    Some(own) => vec![*own],
                    None => same_id,
                }
            }
            (None, None) => return Err(Failure::new(ErrorKind::Usage, "cancel needs an id or a turn")),
        };
        match found.as_slice() {
            [] => Ok(0),
            [turn] => {
                turn.cancel.cancel();
                Ok(1)
            }
            several => {
                let message =
                    format!("{} connections use this id; name the turn from the started event", several.len());
                Err(Failure::new(ErrorKind::Usage, message))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Turn>> {
        lock(&self.running)
    }
}

/// Takes the turn off the list when dropped.
pub(super) struct TurnGuard {
    turns: Arc<Turns>,
    /// Its id.
    pub(super) turn: String,
}

impl Drop for TurnGuard {
    fn drop(&mut self) {
        let mut running = self.turns.lock();
        running.remove(&self.turn);
        self.turns.count.send_replace(running.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(turns: &Arc<Turns>, uid: u32, connection: u64, id: i64) -> (TurnGuard, CancellationToken) {
        let token = CancellationToken::new();
        (turns.begin(uid, connection, RequestId::Number(id), token.clone()), token)
    }

    fn by_id(id: i64) -> CancelRequest {
        CancelRequest { id: Some(RequestId::Number(id)), turn: None }
    }

    #[test]
    fn an_id_means_the_own_connection_first_then_any_other_of_the_user() {
        let turns = Arc::new(Turns::default());
        let (_a, first) = begin(&turns, 1, 10, 5);
        let (_b, second) = begin(&turns, 1, 11, 5);
        assert_eq!(turns.cancel(1, 11, &by_id(5)), Ok(1));
        assert!(second.is_cancelled() && !first.is_cancelled());
        assert_eq!(turns.cancel(1, 12, &by_id(5)).unwrap_err().kind, ErrorKind::Usage, "ambiguous");
    }

    #[test]
    fn a_turn_id_is_never_ambiguous_and_never_another_users() {
        let turns = Arc::new(Turns::default());
        let (guard, token) = begin(&turns, 1, 10, 5);
        let by_turn = CancelRequest { id: None, turn: Some(guard.turn.clone()) };
        assert_eq!(turns.cancel(2, 10, &by_turn), Ok(0));
        assert!(!token.is_cancelled());
        assert_eq!(turns.cancel(1, 99, &by_turn), Ok(1));
        assert!(token.is_cancelled());
    }

    #[test]
    fn only_the_stop_of_the_daemon_explains_a_cancelled_turn() {
        let turns = Arc::new(Turns::default());
        let cancelled = || Failure::new(ErrorKind::Cancelled, "cancelled");
        assert_eq!(turns.explain(cancelled()).kind, ErrorKind::Cancelled);
        turns.cancel_all();
        assert_eq!(turns.explain(cancelled()).kind, ErrorKind::Draining);
        let other = Failure::new(ErrorKind::Provider, "x");
        assert_eq!(turns.explain(other.clone()), other);
    }

    #[tokio::test]
    async fn idle_comes_when_the_last_turn_ends() {
        let turns = Arc::new(Turns::default());
        turns.idle().await;
        let (guard, _token) = begin(&turns, 1, 10, 5);
        assert_eq!(turns.count(), 1);
        drop(guard);
        turns.idle().await;
        assert_eq!(turns.cancel(1, 10, &by_id(5)), Ok(0));
    }
}
