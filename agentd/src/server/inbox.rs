//! The reading half of a connection: bytes in, whole lines and frames out, never more than the cap in memory.

use std::{io, sync::Arc, time::Duration};

use interprocess::os::unix::uds_local_socket::tokio::Stream;
use proto::{
    ErrorKind, Failure,
    frame::{FRAME_MAX, FrameKind, HEADER_LEN, decode_header},
    hello::{HELLO_LEN, Hello},
};
use tokio::{
    io::AsyncReadExt,
    time::{Instant, timeout, timeout_at},
};

/// Bytes read at once. Grows with the message only as its bytes really come, so an announced length costs nothing.
const CHUNK: usize = 16 * 1024;
/// Room for one read: an ordinary request comes in one system call, and a thousand idle connections hold 1 MB.
const READ_AT_ONCE: usize = 1024;
/// How long one message may take from its first byte to its last: a local client writes it in one go; one that drips
/// must not hold its buffer for ever. The first line of a connection has [`proto::HELLO_DEADLINE`] instead, like a hello.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(30);

/// What a connection opened with.
pub(super) enum Opening {
    /// JSON lines.
    Json,
    /// A binary hello.
    Hello(Hello),
    /// It left before saying anything.
    Gone,
}

/// Why reading ended.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The client closed its side between two messages.
    End,
    /// The connection broke, or closed inside a message.
    Broken(io::Error),
    /// What came is not this protocol; tell the client, then close.
    Bad(Failure),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Buffered bytes of one client.
pub(super) struct Inbox {
    stream: Arc<Stream>,
    buffer: Vec<u8>,
    /// Bytes at the front that were handed out.
    used: usize,
    /// Bytes after `used` that were searched for a newline without finding one.
    searched: usize,
    /// How long the message that comes next may take.
    patience: Duration,
}

impl Inbox {
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { stream, buffer: Vec::new(), used: 0, searched: 0, patience: proto::HELLO_DEADLINE }
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// Reads what is there; false at the end of the stream. Waits without a deadline.
    async fn fill(&mut self) -> io::Result<bool> {
        if self.used > 0 {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
        if self.buffer.is_empty() {
            // An idle connection keeps no buffer: a thousand of them are cheap.
            self.buffer = Vec::new();
        }
        self.buffer.reserve(READ_AT_ONCE);
        let mut chunk = tokio::io::AsyncReadExt::take(&*self.stream, CHUNK as u64);
        Ok(chunk.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads on inside a message that began at `begun`.
    async fn fill_more(&mut self, begun: Instant) -> Result<(), ReadError> {
        match timeout_at(begun + self.patience, self.fill()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(ReadError::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(Err(e)) => Err(e.into()),
            Err(_) => Err(bad(format!("the message did not end within {} seconds", self.patience.as_secs()))),
        }
    }

    /// Waits for the first byte, then reads what it announces within the hello deadline.
    pub(super) async fn opening(&mut self) -> Result<Opening, ReadError> {
        loop {
            let blanks = self.pending().iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.used += blanks;
            if let Some(&first) = self.pending().first() {
                return match first {
                    b'{' | b'[' => Ok(Opening::Json),
                    b'A' => self.hello().await.map(Opening::Hello),
                    other => {
                        Err(bad(format!("neither a JSON-RPC line nor an agentd hello: the first byte is {other:#04x}")))
                    }
                };
            }
            if !self.fill().await? {
                return Ok(Opening::Gone);
            }
        }
    }

    async fn hello(&mut self) -> Result<Hello, ReadError> {
        let read = async {
            while self.pending().len() < HELLO_LEN {
                if !self.fill().await? {
                    return Err(ReadError::Broken(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            Ok(())
        };
        match timeout(proto::HELLO_DEADLINE, read).await {
            Ok(done) => done?,
            Err(_) => return Err(bad("the hello did not come within 2 seconds")),
        }
        let mut bytes = [0; HELLO_LEN];
        bytes.copy_from_slice(&self.pending()[..HELLO_LEN]);
        self.used += HELLO_LEN;
        self.patience = MESSAGE_DEADLINE;
        Hello::decode(&bytes).map_err(|e| bad(e.to_string()))
    }

    /// The next JSON line that is not blank, without its newline. The last line needs none.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut begun = None;
        loop {
            let pending = &self.buffer[self.used..];
            let end = pending[self.searched..].iter().position(|&b| b == b'\n').map(|at| self.searched + at);
            if end.unwrap_or(pending.len()) > FRAME_MAX {
                return Err(bad(format!("a line of more than {FRAME_MAX} bytes")));
            }
            if let Some(end) = end {
                let line = pending[..end].to_vec();
                self.used += end + 1;
                self.searched = 0;
                begun = None;
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                self.patience = MESSAGE_DEADLINE;
                return Ok(line);
            }
            self.searched = pending.len();
            if self.searched > 0 {
                match self.fill_more(*begun.get_or_insert_with(Instant::now)).await {
                    Err(ReadError::Broken(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return self.last_line(),
                    other => other?,
                }
            } else if !self.fill().await? {
                return Err(ReadError::End);
            }
        }
    }

    fn last_line(&mut self) -> Result<Vec<u8>, ReadError> {
        let line = self.buffer.split_off(self.used);
        self.buffer.clear();
        (self.used, self.searched) = (0, 0);
        if line.iter().all(u8::is_ascii_whitespace) { Err(ReadError::End) } else { Ok(line) }
    }

    /// The payload of the next request frame.
    pub(super) async fn frame(&mut self) -> Result<Vec<u8>, ReadError> {
        while self.pending().is_empty() {
            if !self.fill().await? {
                return Err(ReadError::End);
            }
        }
        let begun = Instant::now();
        while self.pending().len() < HEADER_LEN {
            self.fill_more(begun).await?;
        }
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&self.pending()[..HEADER_LEN]);
        let (kind, len) = decode_header(header).map_err(|e| bad(e.to_string()))?;
        if kind != FrameKind::Request {
            return Err(bad("a reply frame from a client"));
        }
        while self.pending().len() < HEADER_LEN + len {
            self.fill_more(begun).await?;
        }
        let payload = self.pending()[HEADER_LEN..HEADER_LEN + len].to_vec();
        self.used += HEADER_LEN + len;
        Ok(payload)
    }
}

fn bad(message: impl Into<String>) -> ReadError {
    ReadError::Bad(Failure::new(ErrorKind::Protocol, message))
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::UnixStream};

    use super::*;

    /// An inbox and the client's end of its connection.
    fn pair() -> (Inbox, UnixStream) {
        let (ours, client) = UnixStream::pair().unwrap();
        (Inbox::new(Arc::new(Stream::from(ours))), client)
    }

    /// Writes a byte a second; ends when the other side is gone.
    fn drip(mut client: UnixStream, byte: u8) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            while client.write_all(&[byte]).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    }

    fn refusal<T>(result: Result<T, ReadError>) -> String {
        match result {
            Err(ReadError::Bad(failure)) => failure.message,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("nothing was refused"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_drips_is_refused_at_its_deadline_however_often_a_byte_comes() {
        let (mut inbox, mut client) = pair();
        client.write_all(b"{\"first\":1}\n").await.unwrap();
        assert!(matches!(inbox.opening().await, Ok(Opening::Json)));
        assert_eq!(inbox.line().await.unwrap(), b"{\"first\":1}");
        let (begun, writer) = (Instant::now(), drip(client, b' '));
        assert!(refusal(inbox.line().await).contains("30 seconds"));
        assert!(begun.elapsed() < MESSAGE_DEADLINE + Duration::from_secs(2), "{:?}", begun.elapsed());
        writer.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_line_has_as_long_as_a_hello() {
        let (mut inbox, client) = pair();
        let (begun, writer) = (Instant::now(), drip(client, b'{'));
        assert!(matches!(inbox.opening().await, Ok(Opening::Json)));
        assert!(refusal(inbox.line().await).contains("2 seconds"));
        assert!(begun.elapsed() < proto::HELLO_DEADLINE + Duration::from_secs(2), "{:?}", begun.elapsed());
        writer.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_drips_is_refused_at_its_deadline() {
        let (mut inbox, mut client) = pair();
        client.write_all(&Hello::ours("test").encode()).await.unwrap();
        assert!(matches!(inbox.opening().await, Ok(Opening::Hello(_))));
        client.write_all(&[1, 0xff, 0xff, 0, 0]).await.unwrap();
        let (begun, writer) = (Instant::now(), drip(client, 0));
        assert!(refusal(inbox.frame().await).contains("30 seconds"));
        assert!(begun.elapsed() < MESSAGE_DEADLINE + Duration::from_secs(2), "{:?}", begun.elapsed());
        writer.abort();
    }

    #[tokio::test]
    async fn a_line_of_the_cap_is_read_and_one_byte_more_is_refused() {
        for (length, good) in [(FRAME_MAX, true), (FRAME_MAX + 1, false)] {
            let (mut inbox, mut client) = pair();
            let writer = tokio::spawn(async move {
                let mut line = vec![b'{'; length];
                line.push(b'\n');
                client.write_all(&line).await
            });
            assert!(matches!(inbox.opening().await, Ok(Opening::Json)));
            let line = inbox.line().await;
            assert_eq!(line.as_ref().is_ok_and(|line| line.len() == length), good, "{length}");
            if !good {
                assert!(refusal(line).contains("8388608"));
            }
            drop(inbox);
            let _ = writer.await.unwrap();
        }
    }
}
