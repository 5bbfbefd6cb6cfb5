//! Holds the life of a connection until it ends, and ends it when nobody holds the keeper any more.
//!
//! A task of its own: how a life is waited for and ended is somebody else's code, and the supervisor's loop must
//! neither drop its wait half way nor stand still for its end.

use tokio::task::JoinHandle;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::mcp::connect::Life;

/// The life of one connection.
pub(super) struct Keeper {
    stop: DropGuard,
    task: JoinHandle<String>,
}

impl Keeper {
    /// Takes it over. `tasks` is awaited when the pool stops, so that a life whose keeper was dropped is ended, too.
    pub(super) fn new(life: Box<dyn Life>, tasks: &TaskTracker) -> Self {
        let stop = CancellationToken::new();
        let task = tasks.spawn(keep(life, stop.clone()));
        Self { stop: stop.drop_guard(), task }
    }

    /// Has it ended. [`Self::ended`] says when that is done.
    pub(super) fn stop(&self) {
        self.stop.token().cancel();
    }

    /// Resolves when nothing of it is left, with how it ended; empty when it was stopped. May be dropped and called
    /// again, but not after it has resolved.
    pub(super) async fn ended(&mut self) -> String {
        match (&mut self.task).await {
            Ok(how) => how,
            Err(_) => "its end could not be watched".to_owned(),
        }
    }
}

async fn keep(mut life: Box<dyn Life>, stop: CancellationToken) -> String {
    let ended = tokio::select! {
        // A life that has ended by itself says how, even when it is to be stopped at the same moment.
        biased;
        how = life.ended() => Some(how),
        () = stop.cancelled() => None,
    };
    match ended {
        Some(how) if how.is_empty() => "it ended".to_owned(),
        Some(how) => how,
        None => {
            life.stop().await;
            String::new()
        }
    }
}
