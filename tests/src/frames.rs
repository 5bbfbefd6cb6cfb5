//! A client of the binary protocol: hello, then frames.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use proto::{
    Body, ClientMessage, Event, Request, RequestId, ServerMessage, codec,
    frame::{self, FrameKind},
    hello::{HELLO_LEN, Hello},
};

/// Deadline of every read and write.
const REPLY_DEADLINE: Duration = Duration::from_secs(20);

/// A binary connection whose hellos are exchanged.
#[derive(Debug)]
pub struct FrameClient {
    stream: UnixStream,
    server: Hello,
    payload: Vec<u8>,
    next_id: i64,
}

impl FrameClient {
    /// Connects with this build's hello. Panics when nobody listens or the answer is no hello.
    #[track_caller]
    pub fn connect(socket: &Path) -> Self {
        Self::connect_as(socket, &Hello::ours("tests"))
    }

    /// Connects with another hello. Panics when nobody listens or the answer is no hello.
    #[track_caller]
    pub fn connect_as(socket: &Path, hello: &Hello) -> Self {
        match Self::try_connect(socket, hello) {
            Ok(client) => client,
            Err(e) => panic!("no binary connection to {}: {e}", socket.display()),
        }
    }

    /// Connects and exchanges hellos.
    ///
    /// # Errors
    /// When nobody listens, the daemon closes, or its answer is no hello.
    pub fn try_connect(socket: &Path, hello: &Hello) -> io::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(REPLY_DEADLINE))?;
        stream.set_write_timeout(Some(REPLY_DEADLINE))?;
        stream.write_all(&hello.encode())?;
        let mut answer = [0; HELLO_LEN];
        stream.read_exact(&mut answer)?;
        let server = Hello::decode(&answer).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        Ok(Self { stream, server, payload: Vec::new(), next_id: 1 })
    }

    /// The daemon's hello.
    pub fn server(&self) -> &Hello {
        &self.server
    }

    /// The socket itself, for bytes that are no frames, and for the JSON lines of unequal builds.
    pub fn stream(&mut self) -> &mut UnixStream {
        &mut self.stream
    }

    /// Sends a request under a fresh id, which is returned. Panics when the daemon is gone.
    #[track_caller]
    pub fn send(&mut self, request: Request) -> RequestId {
        let id = RequestId::Number(self.next_id);
        self.next_id += 1;
        let message = ClientMessage { id: id.clone(), request };
        let payload = match codec::encode(&message) {
            Ok(payload) => payload,
            Err(e) => panic!("cannot encode {message:?}: {e}"),
        };
        if let Err(e) = frame::write(&mut self.stream, FrameKind::Request, &payload) {
            panic!("cannot send a frame: {e}");
        }
        id
    }

    /// The next reply; `None` at a clean end.
    ///
    /// # Errors
    /// I/O errors, the deadline among them, and `InvalidData` for a frame that is no reply.
    pub fn try_read(&mut self) -> io::Result<Option<ServerMessage>> {
        match frame::read(&mut self.stream, &mut self.payload)? {
            None => Ok(None),
            Some(FrameKind::Reply) => {
                let message = codec::decode(&self.payload);
                message.map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
            }
            Some(FrameKind::Request) => Err(io::Error::new(io::ErrorKind::InvalidData, "a request from the daemon")),
        }
    }

    /// The next reply. Panics at the deadline and at the end.
    #[track_caller]
    pub fn read(&mut self) -> ServerMessage {
        match self.try_read() {
            Ok(Some(message)) => message,
            Ok(None) => panic!("the daemon closed the connection"),
            Err(e) => panic!("no frame from the daemon: {e}"),
        }
    }

    /// Sends a request and reads to its end: the events under way and the final body. Panics at the deadline.
    #[track_caller]
    pub fn call(&mut self, request: Request) -> (Vec<Event>, Body) {
        let id = self.send(request);
        let mut events = Vec::new();
        loop {
            let message = self.read();
            match message.body {
                _ if message.id != id => {}
                Body::Event(event) => events.push(event),
                end => return (events, end),
            }
        }
    }
}
