//! A JSON-RPC client that sees lines: for protocol tests and as the editor plugin of a test.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Deadline of every wait for a reply.
const REPLY_DEADLINE: Duration = Duration::from_secs(20);
/// Deadline of a probe of readiness: it is repeated.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// A connection that speaks JSON lines.
#[derive(Debug)]
pub struct RpcClient {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// Lines that were read while another request's were waited for.
    waiting: VecDeque<Value>,
    next_id: i64,
}

/// An error reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcFailure {
    /// JSON-RPC code.
    pub code: i64,
    /// `data.kind`.
    pub kind: String,
    /// What failed.
    pub message: String,
    /// `data.hint`.
    pub hint: String,
}

impl RpcClient {
    /// Connects. Panics when nobody listens.
    #[track_caller]
    pub fn connect(socket: &Path) -> Self {
        match Self::try_connect(socket) {
            Ok(client) => client,
            Err(e) => panic!("cannot connect to {}: {e}", socket.display()),
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn try_connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_write_timeout(Some(REPLY_DEADLINE))?;
        Ok(Self { stream, buffer: Vec::new(), waiting: VecDeque::new(), next_id: 1 })
    }

    /// The socket itself, to shut it down or to fill it.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Sends bytes as they are. Panics when the daemon is gone.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        if let Err(e) = self.stream.write_all(bytes) {
            panic!("cannot send {} bytes: {e}", bytes.len());
        }
    }

    /// Sends one line; the newline is added. Panics when the daemon is gone.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// Sends a request under a fresh id, which is returned.
    #[track_caller]
    pub fn send(&mut self, method: &str, params: &Value) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send_line(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        id
    }

    /// Reads one line.
    ///
    /// # Errors
    /// `TimedOut` at the deadline, `UnexpectedEof` at the end of the connection.
    pub fn try_read_line(&mut self, deadline: Duration) -> io::Result<String> {
        let until = Instant::now() + deadline;
        let mut seen = 0;
        loop {
            if let Some(at) = self.buffer[seen..].iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(seen + at + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            seen = self.buffer.len();
            self.fill(until)?;
        }
    }

    fn fill(&mut self, until: Instant) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(ErrorKind::TimedOut.into())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Reads one line. Panics at the deadline and at the end of the connection.
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        match self.try_read_line(REPLY_DEADLINE) {
            Ok(line) => line,
            Err(e) => panic!("no line from the daemon: {e}; unfinished: {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }

    /// True when the daemon closes the connection within the deadline; what it sends before is dropped.
    pub fn is_closed_within(&mut self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        loop {
            match self.fill(until) {
                Ok(()) => self.buffer.clear(),
                Err(e) => return e.kind() != ErrorKind::TimedOut,
            }
        }
    }

    /// The next message that `fits`; others are kept for later waits. Panics at the deadline.
    #[track_caller]
    fn wait_message(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(message) = self.waiting.iter().position(&fits).and_then(|at| self.waiting.remove(at)) {
            return message;
        }
        let until = Instant::now() + REPLY_DEADLINE;
        loop {
            let line = match self.try_read_line(until.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(e) => panic!("waited for {what}: {e}; other messages: {:?}", self.waiting),
            };
            match serde_json::from_str::<Value>(&line) {
                Ok(message) if fits(&message) => return message,
                Ok(message) => self.waiting.push_back(message),
                Err(e) => panic!("waited for {what}, got a line that is not JSON ({e}): {line}"),
            }
        }
    }

    /// The next event of that name under the id, like `started` or `text`; returns its content. Panics at the deadline.
    #[track_caller]
    pub fn wait_event(&mut self, id: i64, name: &str) -> Value {
        let message = self.wait_message(&format!("event {name} of request {id}"), |message| {
            message["method"] == "event"
                && message["params"]["id"] == id
                && message["params"]["event"].get(name).is_some()
        });
        message["params"]["event"][name].clone()
    }

    /// The result or error of a request. Panics at the deadline.
    ///
    /// # Errors
    /// The daemon's error.
    #[track_caller]
    pub fn wait_result(&mut self, id: i64) -> Result<Value, RpcFailure> {
        let message = self.wait_message(&format!("the result of request {id}"), |message| message["id"] == id);
        let Some(error) = message.get("error") else {
            return Ok(message["result"].clone());
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Err(RpcFailure {
            code: error["code"].as_i64().unwrap_or_default(),
            kind: text(&error["data"]["kind"]),
            message: text(&error["message"]),
            hint: text(&error["data"]["hint"]),
        })
    }

    /// Events of a request that came while other things were waited for, in order, each as `{name: content}`.
    pub fn take_events(&mut self, id: i64) -> Vec<Value> {
        let (mine, others): (Vec<Value>, Vec<Value>) =
            self.waiting.drain(..).partition(|message| message["params"]["id"] == id);
        self.waiting = others.into();
        mine.into_iter().map(|message| message["params"]["event"].clone()).collect()
    }

    /// Sends a request and waits for its end. Panics at the deadline.
    ///
    /// # Errors
    /// The daemon's error.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value, RpcFailure> {
        let id = self.send(method, params);
        self.wait_result(id)
    }

    /// The pid in the daemon's `status`, for probes of readiness; `None` when there is no good answer at once.
    pub(crate) fn try_status_pid(&mut self) -> Option<u32> {
        self.stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"status\"}\n").ok()?;
        let line = self.try_read_line(PROBE_DEADLINE).ok()?;
        let reply: Value = serde_json::from_str(&line).ok()?;
        reply["result"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }
}
