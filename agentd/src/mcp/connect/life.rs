//! The ends of connections.

use std::time::Duration;

use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Life;
use crate::{process::service::ServiceHandle, tools::BoxFuture};

/// After the end of a process, what it wrote last is still read for this long. Its pipes are at their end by then, so
/// this is for the bytes in them.
const LAST_WORDS: Duration = Duration::from_millis(20);
/// So long is waited for the end of its standard error, which a stray may hold open.
const STDERR_END: Duration = Duration::from_millis(500);

/// A process of ours and what listens to it. Dropped, it ends both.
pub(super) struct ProcessLife {
    pub(super) handle: ServiceHandle,
    /// Ends the connection, and closes the process's standard input with it.
    pub(super) end: CancellationToken,
    pub(super) guard: DropGuard,
    /// Keeps its standard error.
    pub(super) keeping: JoinHandle<()>,
}

impl ProcessLife {
    /// How it ended, if it does so within `limit`.
    pub(super) async fn ended_within(&mut self, limit: Duration) -> Option<String> {
        timeout(limit, self.handle.ended()).await.ok()
    }

    /// Ends it.
    pub(super) async fn end(self) {
        self.end.cancel();
        self.handle.stop().await;
        let mut keeping = self.keeping;
        if timeout(STDERR_END, &mut keeping).await.is_err() {
            keeping.abort();
        }
        drop(self.guard);
    }
}

impl Life for ProcessLife {
    fn ended(&mut self) -> BoxFuture<'_, String> {
        Box::pin(async {
            let how = self.handle.ended().await;
            tokio::time::sleep(LAST_WORDS).await;
            self.end.cancel();
            how
        })
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin((*self).end())
    }
}

/// A connection to somebody else's server.
pub(super) struct RemoteLife {
    /// Cancelled when the connection is over.
    pub(super) over: CancellationToken,
    /// Ends it.
    pub(super) end: DropGuard,
}

impl Life for RemoteLife {
    fn ended(&mut self) -> BoxFuture<'_, String> {
        Box::pin(async {
            self.over.cancelled().await;
            "the connection was closed".to_owned()
        })
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self.end);
        Box::pin(std::future::ready(()))
    }
}
