//! A raw HTTP client: sees bytes, cuts and resets as they are.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};
use tests::provider::FakeProvider;

/// No answer in these tests takes longer; a stall must not hang the suite.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How the bytes of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    Eof,
    Reset,
    TimedOut,
}

/// An answer, its body without the chunk framing.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    pub end: End,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Data of all events, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let data =
            text.split("\n\n").filter_map(|event| event.trim_start_matches(['\n', '\u{feff}']).strip_prefix("data: "));
        data.map(str::to_owned).collect()
    }

    /// The events that are JSON.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        self.events().iter().filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    /// One kind of delta of all chunks, joined.
    pub(crate) fn joined(&self, field: &str) -> String {
        self.chunks()
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str().map(str::to_owned))
            .collect()
    }

    pub(crate) fn finish(&self) -> String {
        let last = self
            .chunks()
            .iter()
            .rev()
            .find_map(|chunk| chunk["choices"][0]["finish_reason"].as_str().map(str::to_owned));
        last.unwrap_or_default()
    }
}

/// A connection that may carry many requests.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn new(provider: &FakeProvider) -> Self {
        let stream = TcpStream::connect(provider.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn patience(self, time: Duration) -> Self {
        self.stream.set_read_timeout(Some(time)).unwrap();
        self
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, key: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn more(&mut self) -> Result<(), End> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(End::Eof),
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(_) => Err(End::TimedOut),
        }
    }

    fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, End> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let rest = self.buffer.split_off(at + end.len());
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, count: usize, into: &mut Vec<u8>) -> Result<(), End> {
        while self.buffer.len() < count {
            if let Err(end) = self.more() {
                into.append(&mut self.buffer);
                return Err(end);
            }
        }
        into.extend(self.buffer.drain(..count));
        Ok(())
    }

    pub(crate) fn read(&mut self) -> Answer {
        let head = match self.until(b"\r\n\r\n") {
            Ok(head) => String::from_utf8(head).unwrap(),
            Err(end) => return Answer { status: 0, head: String::new(), body: Vec::new(), end },
        };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = Vec::new();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        let ended = match length {
            Some(length) => self.exactly(length, &mut body),
            None => self.chunked(&mut body),
        };
        Answer { status, head, body, end: ended.err().unwrap_or(End::Whole) }
    }

    fn chunked(&mut self, body: &mut Vec<u8>) -> Result<(), End> {
        loop {
            let size = self.until(b"\r\n")?;
            let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim(), 16).unwrap();
            self.exactly(size, body)?;
            self.until(b"\r\n")?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

pub(crate) fn post(provider: &FakeProvider, body: &Value) -> Answer {
    let mut client = Client::new(provider);
    client.send("POST", "/chat/completions", provider.key(), body.to_string().as_bytes());
    client.read()
}

pub(crate) fn get(provider: &FakeProvider, path: &str) -> Answer {
    let mut client = Client::new(provider);
    client.send("GET", path, provider.key(), b"");
    client.read()
}

/// A good request, streamed, with `fields` put over it; a null field is removed.
pub(crate) fn request(fields: Value) -> Value {
    let mut body =
        json!({ "model": "deepseek-flash", "stream": true, "messages": [{ "role": "user", "content": "hi" }] });
    for (name, value) in fields.as_object().cloned().unwrap_or_default() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(&name),
            value => body.as_object_mut().unwrap().insert(name, value),
        };
    }
    body
}
