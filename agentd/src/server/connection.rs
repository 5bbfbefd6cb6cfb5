//! One connection: opening, requests in, replies out, end.
//!
//! Two tasks share the stream: this one reads and starts requests, [`outbox`] writes. Each request runs in a task of
//! its own, so a slow one holds up nobody. When the client closes its writing side only (`nc`, a shell pipe), the
//! running requests still finish and answer; when it is gone, they are cancelled unless they were asked to detach.

use std::{
    collections::HashSet,
    os::fd::AsFd,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use interprocess::os::unix::uds_local_socket::tokio::Stream;
use proto::{
    Body, ClientMessage, ErrorKind, Failure, MAX_IN_FLIGHT, Request, RequestId, ServerMessage, codec,
    hello::Hello,
    rpc::{self, Incoming},
};
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    dispatch::{self, Origin},
    inbox::{Inbox, Opening, ReadError},
    outbox::{self, Spelling},
    peer::Peer,
};
use crate::{agent::Events, daemon::Daemon, sync::lock};

/// How often a half-closed connection is looked at: it sends nothing more, so only the kernel can say that it left.
const HALF_CLOSED_CHECK: Duration = Duration::from_millis(250);
/// How long the last replies may take to leave when a connection ends.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

/// Serves one client until it leaves, misbehaves or the daemon closes.
pub(super) async fn serve(daemon: Arc<Daemon>, stream: Stream, peer: Peer, number: u64) {
    let stream = Arc::new(stream);
    let mut inbox = Inbox::new(Arc::clone(&stream));
    let opening = tokio::select! {
        opening = inbox.opening() => opening,
        () = daemon.closing().cancelled() => return,
    };
    let spelling = match opening {
        Ok(Opening::Json) => Spelling::Json,
        Ok(Opening::Hello(hello)) => match greet(&stream, &hello).await {
            Some(spelling) => spelling,
            None => return,
        },
        Ok(Opening::Gone) => return,
        Err(error) => return reject(&stream, error).await,
    };
    let token = CancellationToken::new();
    let (replies, messages) = mpsc::channel(outbox::QUEUE);
    let (orphan, orphans) = mpsc::channel(1);
    let writer = tokio::spawn(outbox::write_out(Arc::clone(&stream), spelling, messages, orphans, token.clone()));
    let connection = Connection {
        daemon,
        peer,
        number,
        replies,
        token: token.clone(),
        running: Arc::default(),
        slots: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
        tasks: TaskTracker::new(),
    };
    let ended = connection.read(&mut inbox, spelling, &orphan).await;
    connection.finish(&stream).await;
    drop((connection, orphan));
    let _ = tokio::time::timeout(FLUSH_DEADLINE, writer).await;
    if ended == Ended::Refused {
        outbox::linger(&stream).await;
    }
}

/// Answers a hello with ours; `None` when the versions cannot speak at all or the client left.
async fn greet(stream: &Stream, theirs: &Hello) -> Option<Spelling> {
    let ours = Hello::ours("agentd");
    outbox::write_all(stream, &ours.encode()).await.ok()?;
    if theirs.major != ours.major {
        tracing::warn!(major = theirs.major, "client of another protocol major");
    }
    Some(if ours.same_wire(theirs) { Spelling::Binary } else { Spelling::Json })
}

/// Tells a client that is not understood what is wrong. JSON is readable to everybody.
async fn reject(stream: &Stream, error: ReadError) {
    if let ReadError::Bad(failure) = error
        && let Ok(line) = rpc::write_orphan_error(&failure)
    {
        let _ = outbox::write_all(stream, line.as_bytes()).await;
        outbox::linger(stream).await;
    }
}

/// Why nothing more is read from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It closed its side, or the connection or the daemon ends.
    Left,
    /// It is not understood, and may still be writing.
    Refused,
}

struct Connection {
    daemon: Arc<Daemon>,
    peer: Peer,
    number: u64,
    replies: mpsc::Sender<ServerMessage>,
    token: CancellationToken,
    running: Arc<Mutex<HashSet<RequestId>>>,
    /// One for each running request and notification.
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Connection {
    /// Reads requests until the end of the stream, an error, or the daemon's closing.
    ///
    /// A client that does not take its replies is not read either: else each of its requests would leave a task that
    /// waits to reply. Waiting for room in the queue is waiting behind those tasks.
    async fn read(&self, inbox: &mut Inbox, spelling: Spelling, orphan: &mpsc::Sender<Failure>) -> Ended {
        loop {
            let next = async {
                let room = self.replies.reserve().await;
                drop(room);
                next_request(inbox, spelling).await
            };
            let next = tokio::select! {
                next = next => next,
                () = self.token.cancelled() => return Ended::Left,
                () = self.daemon.closing().cancelled() => return Ended::Left,
            };
            match next {
                Ok(Incoming::Request(message)) => self.start(message).await,
                Ok(Incoming::Notification(request)) => self.start_silent(request),
                // Its message may quote the user's text.
                Ok(Incoming::Ignored(failure)) => tracing::info!(kind = failure.kind.name(), "notification ignored"),
                Ok(Incoming::Bad(Some(id), failure)) => self.reply(id, Body::Failed(failure)).await,
                Ok(Incoming::Bad(None, failure)) => {
                    let _ = orphan.send(failure).await;
                }
                Err(ReadError::End) => return Ended::Left,
                Err(ReadError::Broken(e)) => {
                    tracing::debug!(error = %e, "connection broke");
                    self.token.cancel();
                    return Ended::Left;
                }
                Err(ReadError::Bad(failure)) => {
                    tracing::info!(pid = self.peer.pid, why = %failure, "client is not understood");
                    let _ = orphan.send(failure).await;
                    return Ended::Refused;
                }
            }
        }
    }

    async fn reply(&self, id: RequestId, body: Body) {
        let _ = self.replies.send(ServerMessage { id, body }).await;
    }

    /// Starts a request in its own task, or refuses it.
    async fn start(&self, message: ClientMessage) {
        let ClientMessage { id, request } = message;
        let slot = match self.accept(&id, &request) {
            Ok(slot) => slot,
            Err(failure) => return self.reply(id, Body::Failed(failure)).await,
        };
        let origin = self.origin(&id, Events::new(id.clone(), self.replies.clone()));
        let (daemon, replies, running) = (Arc::clone(&self.daemon), self.replies.clone(), Arc::clone(&self.running));
        self.tasks.spawn(async move {
            let body = isolated(dispatch::handle(&daemon, &origin, request)).await;
            lock(&running).remove(&id);
            drop(slot);
            let _ = replies.send(ServerMessage { id, body }).await;
        });
    }

    /// A notification: carried out, not answered, and without events.
    fn start_silent(&self, request: Request) {
        let slot = match self.permit(&request).and_then(|()| self.slot()) {
            Ok(slot) => slot,
            Err(failure) => return tracing::info!(kind = failure.kind.name(), "notification refused"),
        };
        let origin = self.origin(&RequestId::Text(String::new()), Events::unheard());
        let daemon = Arc::clone(&self.daemon);
        self.tasks.spawn(async move {
            isolated(dispatch::handle(&daemon, &origin, request)).await;
            drop(slot);
        });
    }

    fn origin(&self, id: &RequestId, events: Events) -> Origin {
        Origin { uid: self.peer.uid, connection: self.number, id: id.clone(), events, token: self.token.clone() }
    }

    fn permit(&self, request: &Request) -> Result<(), Failure> {
        if request.access() > self.peer.access {
            let message = format!("user {} may not send {}", self.peer.uid, request.method());
            return Err(Failure::new(ErrorKind::Refused, message).hint("only the daemon's own user may"));
        }
        Ok(())
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.slots).try_acquire_owned().map_err(|_| {
            let message = format!("{MAX_IN_FLIGHT} requests are running on this connection");
            Failure::new(ErrorKind::Limit, message).hint("wait for one to end")
        })
    }

    fn accept(&self, id: &RequestId, request: &Request) -> Result<OwnedSemaphorePermit, Failure> {
        self.permit(request)?;
        let slot = self.slot()?;
        if !lock(&self.running).insert(id.clone()) {
            return Err(Failure::new(ErrorKind::Usage, "this id is in use by a running request of this connection")
                .hint("give each request an id of its own"));
        }
        Ok(slot)
    }

    /// After the last request was read: waits for the running ones while the client is there.
    async fn finish(&self, stream: &Stream) {
        self.tasks.close();
        while !self.token.is_cancelled() && !self.tasks.is_empty() {
            if hung_up(stream) {
                self.token.cancel();
                break;
            }
            tokio::select! {
                () = self.tasks.wait() => {}
                () = self.token.cancelled() => {}
                () = tokio::time::sleep(HALF_CLOSED_CHECK) => {}
            }
        }
        self.token.cancel();
    }
}

async fn next_request(inbox: &mut Inbox, spelling: Spelling) -> Result<Incoming, ReadError> {
    match spelling {
        Spelling::Json => Ok(rpc::read_request(&inbox.line().await?)),
        Spelling::Binary => {
            let payload = inbox.frame().await?;
            let message = codec::decode(&payload)
                .map_err(|e| ReadError::Bad(Failure::new(ErrorKind::Protocol, e.to_string())))?;
            Ok(Incoming::Request(message))
        }
    }
}

/// Runs a handler; a panic in it becomes a failure of this request only.
async fn isolated(handler: impl Future<Output = Result<proto::Response, Failure>>) -> Body {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(Ok(response)) => Body::Done(response),
        Ok(Err(failure)) => {
            tracing::info!(kind = failure.kind.name(), "request failed");
            Body::Failed(failure)
        }
        Err(_) => {
            tracing::error!("a request handler panicked");
            Body::Failed(
                Failure::new(ErrorKind::Internal, "the request failed inside the daemon; other requests go on")
                    .hint("agentctl daemon logs shows where"),
            )
        }
    }
}

/// True when the peer has closed both sides.
fn hung_up(stream: &Stream) -> bool {
    let fd = stream.as_fd();
    let mut polled = [PollFd::new(&fd, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut polled, Some(&now)).is_ok_and(|n| n > 0)
        && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_fails_that_request_only() {
        let body = isolated(async { panic!("boom") }).await;
        assert!(matches!(body, Body::Failed(failure) if failure.kind == ErrorKind::Internal));
    }
}
