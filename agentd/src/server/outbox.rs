//! The writing half of a connection: one task, one bounded queue, one write for all that is waiting.

use std::{io, os::fd::AsFd, sync::Arc, time::Duration};

use interprocess::os::unix::uds_local_socket::tokio::Stream;
use proto::{Body, ErrorKind, Failure, ServerMessage, WRITE_DEADLINE, codec, frame, rpc};
use tokio::{io::AsyncWriteExt, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

/// Messages that may wait for the client. A turn that fills it waits; the write deadline bounds that.
pub(super) const QUEUE: usize = 64;
/// Bytes after which a batch is written even when more is waiting.
const BATCH: usize = 64 * 1024;

/// How long a refused client may take to read why and to leave.
const LINGER: Duration = Duration::from_secs(1);

/// How messages are spelled on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Json,
    Binary,
}

/// Writes until all senders are gone or the client does not read any more; then cancels the connection.
pub(super) async fn write_out(
    stream: Arc<Stream>,
    spelling: Spelling,
    mut messages: mpsc::Receiver<ServerMessage>,
    mut orphans: mpsc::Receiver<Failure>,
    connection: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            Some(failure) = orphans.recv() => spell_orphan(spelling, &failure, &mut batch),
            message = messages.recv() => match message {
                Some(message) => spell(spelling, &message, &mut batch),
                None => break,
            },
        }
        while batch.len() < BATCH {
            match messages.try_recv() {
                Ok(message) => spell(spelling, &message, &mut batch),
                Err(_) => break,
            }
        }
        if let Err(e) = write_all(&stream, &batch).await {
            tracing::debug!(error = %e, "client dropped");
            break;
        }
        batch.clear();
        batch.shrink_to(BATCH);
    }
    connection.cancel();
}

/// Writes bytes within the write deadline.
pub(super) async fn write_all(stream: &Stream, bytes: &[u8]) -> io::Result<()> {
    let mut to = stream;
    match timeout(WRITE_DEADLINE, to.write_all(bytes)).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")),
    }
}

/// Ends a connection on which the client may still be writing, after the last word to it.
///
/// Closing at once would fail the client's next write, and most clients give up there without reading why. So what it
/// writes is thrown away until it leaves, for a moment.
pub(super) async fn linger(stream: &Stream) {
    if rustix::net::shutdown(stream.as_fd(), rustix::net::Shutdown::Write).is_ok() {
        let (mut from, mut nowhere) = (stream, tokio::io::sink());
        let _ = timeout(LINGER, tokio::io::copy(&mut from, &mut nowhere)).await;
    }
}

fn spell(spelling: Spelling, message: &ServerMessage, out: &mut Vec<u8>) {
    let done = try_spell(spelling, message, out).or_else(|why| {
        let failure = Failure::new(ErrorKind::Limit, format!("the reply cannot be sent: {why}"));
        try_spell(spelling, &ServerMessage { id: message.id.clone(), body: Body::Failed(failure) }, out)
    });
    if let Err(why) = done {
        tracing::error!(why, "a reply was lost");
    }
}

fn try_spell(spelling: Spelling, message: &ServerMessage, out: &mut Vec<u8>) -> Result<(), String> {
    match spelling {
        Spelling::Json => {
            let line = rpc::write_reply(message).map_err(|e| e.to_string())?;
            if line.len() > frame::FRAME_MAX {
                return Err(format!("{} bytes are over the limit of {}", line.len(), frame::FRAME_MAX));
            }
            out.extend_from_slice(line.as_bytes());
        }
        Spelling::Binary => {
            let payload = codec::encode(message).map_err(|e| e.to_string())?;
            let header = frame::encode_header(frame::FrameKind::Reply, payload.len()).map_err(|e| e.to_string())?;
            out.extend_from_slice(&header);
            out.extend_from_slice(&payload);
        }
    }
    Ok(())
}

/// An error that belongs to no request. Binary clients have no such message: the connection just ends for them.
fn spell_orphan(spelling: Spelling, failure: &Failure, out: &mut Vec<u8>) {
    if spelling == Spelling::Json
        && let Ok(line) = rpc::write_orphan_error(failure)
    {
        out.extend_from_slice(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proto::{Event, Notice, RequestId};
    use tokio::{net::UnixStream, time::Instant};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_reads_is_dropped_at_the_write_deadline() {
        let (ours, _client) = UnixStream::pair().unwrap();
        let (replies, messages) = mpsc::channel(QUEUE);
        let (_orphan, orphans) = mpsc::channel(1);
        let connection = CancellationToken::new();
        let stream = Arc::new(Stream::from(ours));
        let writer = tokio::spawn(write_out(stream, Spelling::Json, messages, orphans, connection.clone()));
        let begun = Instant::now();
        let body = Body::Event(Event::Notice(Notice { message: "x".repeat(BATCH) }));
        let message = ServerMessage { id: RequestId::Number(1), body };
        while replies.send(message.clone()).await.is_ok() {}
        writer.await.unwrap();
        assert!(connection.is_cancelled(), "its turns end with it");
        assert!(begun.elapsed() >= WRITE_DEADLINE && begun.elapsed() < 2 * WRITE_DEADLINE, "{:?}", begun.elapsed());
    }
}
