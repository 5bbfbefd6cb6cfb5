//! Messages over the standard streams of a process, or any two streams like them.
//!
//! Owns one task that reads and one that writes. What is read passes [`Flight::hear`]; noise is counted and noted once in
//! the server's standard error. A message is written whole, whoever stops waiting for it, or the connection ends: half a
//! line would spoil the next. A server that does not take what is written to it for [`WRITE_STALL`] is given up.

use std::{io, sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    LINE_MAX,
    flight::{Flight, Heard},
    line::{Cut, Lines},
};
use crate::mcp::stderr::Stderr;

/// Most bytes of one line that are read away before the connection is given up: eight times what is allowed leaves room
/// for a server that dumps a whole table, and a stream without newlines does not keep us busy for ever.
const DRAINED_MAX: usize = 8 * LINE_MAX;
/// A pipe holds this much.
const READ: usize = 64 << 10;
/// Messages read ahead of rmcp. Few: each may be as long as [`LINE_MAX`].
const AHEAD: usize = 4;
/// Messages that wait to be written; who sends more waits in turn.
const BEHIND: usize = 64;
/// Without a byte taken for this long, the server does not read. As long as three missed health checks would take to
/// find a hung one, so that a busy server that reads late is not ended for it.
const WRITE_STALL: Duration = Duration::from_secs(30);
/// Longer lines are read on the threads that may block: a megabyte of JSON takes some milliseconds.
const LONG_LINE: usize = 1 << 20;
/// The first line of noise is quoted when it is not longer; cut, half a secret might be left in it.
const QUOTED_MAX: usize = 2 << 10;

/// A line to write, and who waits for it.
type Written = (Vec<u8>, oneshot::Sender<io::Result<()>>);

/// A connection over two streams.
pub(super) struct Pipe {
    inbox: mpsc::Receiver<RxJsonRpcMessage<RoleClient>>,
    outbox: mpsc::Sender<Written>,
    flight: Arc<Flight>,
    /// Ends both when it is dropped.
    _tasks: JoinSet<()>,
}

impl Pipe {
    /// Begins to read and to write. Both end with `end`, and `writer` is closed by it.
    pub(super) fn open<R, W>(reader: R, writer: W, stderr: Arc<Stderr>, end: &CancellationToken) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let flight = Arc::new(Flight::default());
        let (heard, inbox) = mpsc::channel(AHEAD);
        let (outbox, to_write) = mpsc::channel(BEHIND);
        let mut tasks = JoinSet::new();
        let ear = Ear { flight: Arc::clone(&flight), heard, stderr, noise: 0, long: None };
        // When nothing can be written any more, nothing more is read, and the other way round.
        let end = end.child_token();
        let guard = end.clone().drop_guard();
        let ended = end.clone();
        tasks.spawn(async move {
            let _guard = guard;
            tokio::select! { () = ended.cancelled() => {}, () = listen(reader, ear) => {} }
        });
        tasks.spawn(async move {
            let _guard = end.clone().drop_guard();
            tokio::select! { () = end.cancelled() => {}, () = write_all(writer, to_write) => {} }
        });
        Self { inbox, outbox, flight, _tasks: tasks }
    }
}

impl Transport<RoleClient> for Pipe {
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleClient>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.flight.sends(&message);
        let outbox = self.outbox.clone();
        async move {
            let mut line = serde_json::to_vec(&message).map_err(io::Error::other)?;
            line.push(b'\n');
            let (written, done) = oneshot::channel();
            outbox.send((line, written)).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            done.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.inbox.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.inbox.close();
        Ok(())
    }
}

async fn write_all<W: AsyncWrite + Unpin>(mut writer: W, mut to_write: mpsc::Receiver<Written>) {
    while let Some((line, done)) = to_write.recv().await {
        let result = write_line(&mut writer, &line).await;
        let failed = result.is_err();
        let _ = done.send(result);
        if failed {
            return;
        }
    }
}

/// Writes a line, however slowly, as long as something of it is taken now and then.
async fn write_line<W: AsyncWrite + Unpin>(writer: &mut W, mut rest: &[u8]) -> io::Result<()> {
    let stalled = |_| io::Error::new(io::ErrorKind::TimedOut, "the server does not read its standard input");
    while !rest.is_empty() {
        let taken = tokio::time::timeout(WRITE_STALL, writer.write(rest)).await.map_err(stalled)??;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    tokio::time::timeout(WRITE_STALL, writer.flush()).await.map_err(stalled)?
}

async fn listen<R: AsyncRead + Unpin>(mut reader: R, mut ear: Ear) {
    let mut lines = Lines::new(LINE_MAX, DRAINED_MAX);
    let mut buffer = vec![0; READ];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            if let Some(cut) = lines.next(&mut rest)
                && ear.take(cut).await.is_none()
            {
                return;
            }
        }
    }
    if let Some(cut) = lines.finish() {
        ear.take(cut).await;
    }
}

/// Hands on what is read.
struct Ear {
    flight: Arc<Flight>,
    heard: mpsc::Sender<RxJsonRpcMessage<RoleClient>>,
    stderr: Arc<Stderr>,
    noise: u64,
    /// The first bytes of the long line under way, when nobody has been told of it yet.
    long: Option<Vec<u8>>,
}

impl Ear {
    /// `None` when it makes no sense to go on.
    async fn take(&mut self, cut: Cut) -> Option<()> {
        match cut {
            Cut::Line(line) => self.line(line).await,
            Cut::Outgrown(head) => {
                match self.flight.outgrown(&head, None) {
                    Some(ids) => self.fail(ids).await?,
                    None => self.long = Some(head),
                }
                Some(())
            }
            Cut::Drained(tail) => {
                let Some(head) = self.long.take() else { return Some(()) };
                let ids = self.flight.outgrown(&head, Some(&tail)).unwrap_or_default();
                self.fail(ids).await
            }
            Cut::Endless => {
                self.stderr.push("agentd: standard output is one line without an end; the connection is closed");
                None
            }
        }
    }

    async fn line(&mut self, line: Vec<u8>) -> Option<()> {
        let (line, heard) = if line.len() > LONG_LINE {
            let flight = Arc::clone(&self.flight);
            let read = tokio::task::spawn_blocking(move || (Vec::new(), flight.hear(&line)));
            read.await.ok()?
        } else {
            let heard = self.flight.hear(&line);
            (line, heard)
        };
        match heard {
            Heard::Message(message) => self.heard.send(*message).await.ok(),
            Heard::Late => Some(()),
            Heard::Noise => {
                self.note_noise(&line);
                Some(())
            }
        }
    }

    async fn fail(&self, ids: Vec<i64>) -> Option<()> {
        self.stderr.push("agentd: a line on standard output is longer than 32 MiB and was dropped");
        for id in ids {
            let why = format!("the answer is longer than {} MiB", LINE_MAX >> 20);
            if let Heard::Message(message) = Flight::spoilt(id, why) {
                self.heard.send(*message).await.ok()?;
            }
        }
        Some(())
    }

    /// Says once that there is noise: some servers log on standard output all day.
    fn note_noise(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        self.noise += 1;
        if self.noise == 1 {
            let mut note = "agentd: lines on standard output that are no MCP messages are dropped".to_owned();
            if (1..=QUOTED_MAX).contains(&line.len()) {
                note = format!("{note}; the first: {}", String::from_utf8_lossy(line).trim());
            }
            self.stderr.push(&note);
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if self.noise > 1 {
            self.stderr.push(&format!("agentd: {} lines on standard output were no MCP messages", self.noise));
        }
    }
}
