//! Accepts connections, and only that: work is done per connection, in a task of its own.

use std::{io, sync::Arc, time::Duration};

use interprocess::{
    local_socket::traits::tokio::Listener as _,
    os::unix::uds_local_socket::tokio::{Listener, Stream},
};
use proto::{ErrorKind, Failure, MAX_CONNECTIONS, rpc};
use rustix::{io::Errno, net::SendFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::{connection, outbox, peer};
use crate::daemon::Daemon;

/// Wait after descriptors or memory ran out: the kernel keeps the client in its queue, and a busy loop would take the
/// processor from the requests whose end frees descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Refused clients that are kept for a moment, so that they can read why before their own write fails.
const REFUSALS: usize = 64;

/// What to do about an error of accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcceptError {
    /// The client left, or a signal came: go on.
    Retry,
    /// No descriptors or memory: wait, go on.
    Pause,
    /// The listener is unusable.
    Fatal,
}

fn classify(error: &io::Error) -> AcceptError {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => AcceptError::Pause,
        Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP | Errno::FAULT) => AcceptError::Fatal,
        _ => AcceptError::Retry,
    }
}

/// Accepts until the daemon closes; then waits for the connections to end.
///
/// # Errors
/// When the listener is unusable.
pub async fn run(daemon: Arc<Daemon>, listener: Listener) -> io::Result<()> {
    let mut door = Door::new(daemon);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.daemon.closing().cancelled() => break,
        };
        match accepted {
            Ok(stream) => door.welcome(stream),
            Err(error) => match classify(&error) {
                AcceptError::Retry => {}
                AcceptError::Pause => {
                    tracing::warn!(%error, "cannot accept for now");
                    tokio::time::sleep(PAUSE).await;
                }
                AcceptError::Fatal => return Err(error),
            },
        }
    }
    door.connections.close();
    door.connections.wait().await;
    Ok(())
}

/// Who comes in, and how many.
struct Door {
    daemon: Arc<Daemon>,
    /// As at start: who may enter does not change under a running daemon.
    allow_uids: Vec<u32>,
    /// Number of the last connection.
    number: u64,
    slots: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    connections: TaskTracker,
}

impl Door {
    fn new(daemon: Arc<Daemon>) -> Self {
        Self {
            allow_uids: daemon.config().server.allow_uids.clone(),
            daemon,
            number: 0,
            slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            connections: TaskTracker::new(),
        }
    }

    fn welcome(&mut self, stream: Stream) {
        self.number += 1;
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            let failure = Failure::new(ErrorKind::Limit, format!("{MAX_CONNECTIONS} connections are open"));
            return self.refuse(stream, &failure.hint("close some editors or shells"));
        };
        match peer::admit(&stream, &self.allow_uids) {
            Ok(peer) => {
                let (daemon, number) = (Arc::clone(&self.daemon), self.number);
                self.connections.spawn(async move {
                    let _open = Open::new(Arc::clone(&daemon), slot);
                    connection::serve(daemon, stream, peer, number).await;
                });
            }
            Err(failure) => {
                tracing::warn!(why = %failure, "peer refused");
                self.refuse(stream, &failure);
            }
        }
    }

    /// Says why and closes. The line goes out at once: a new connection's buffer has room for it. Some of the refused
    /// are then read for a moment, so that their first write does not fail before they have read why; a flood is not.
    fn refuse(&self, stream: Stream, failure: &Failure) {
        if let Ok(line) = rpc::write_orphan_error(failure) {
            // Not through the runtime, which does not know yet that a new connection can be written.
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let _ = rustix::net::send(&stream, line.as_bytes(), flags);
        }
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        self.connections.spawn(async move {
            let _permit = permit;
            outbox::linger(&stream).await;
        });
    }
}

/// Counts an open connection and gives its slot back when dropped.
struct Open {
    daemon: Arc<Daemon>,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    fn new(daemon: Arc<Daemon>, slot: OwnedSemaphorePermit) -> Self {
        daemon.count_connection(1);
        Self { daemon, _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.daemon.count_connection(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_pauses_and_a_lost_client_does_not_stop_the_loop() {
        let of = |errno: Errno| classify(&errno.into());
        assert_eq!(of(Errno::MFILE), AcceptError::Pause);
        assert_eq!(of(Errno::NFILE), AcceptError::Pause);
        assert_eq!(of(Errno::CONNABORTED), AcceptError::Retry);
        assert_eq!(of(Errno::INTR), AcceptError::Retry);
        assert_eq!(of(Errno::BADF), AcceptError::Fatal);
    }
}
