//! For the tests of this module: a scripted HTTP server, raw bytes on a socket, so that it can misbehave; and a process
//! of its own for tests that need one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends these bytes; the connection stays open for the next request.
    Send(Vec<u8>),
    /// Sends these bytes one by one, each in a write of its own, and closes.
    Trickle(Vec<u8>),
    /// Sends these bytes and closes.
    Last(Vec<u8>),
    /// Sends these bytes and then nothing, until the client leaves.
    Hang(Vec<u8>),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Request line and headers, in lower case.
    pub(super) head: String,
    /// Body.
    pub(super) body: String,
}

/// The server; it ends when dropped.
pub(super) struct TestServer {
    pub(super) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<u32>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestServer {
    /// Serves the steps, one a request, in order; the last one again and again.
    pub(super) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { steps: Mutex::new(steps.into_iter().collect()), ..Shared::default() });
        let task = tokio::spawn({
            let shared = shared.clone();
            async move {
                let mut connections = tokio::task::JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    *shared.connections.lock().unwrap() += 1;
                    connections.spawn(serve(stream, shared.clone()));
                }
            }
        });
        Self { url, shared, task }
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> u32 {
        *self.shared.connections.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(seen) = request(&mut stream).await {
        shared.seen.lock().unwrap().push(seen);
        let step = {
            let mut steps = shared.steps.lock().unwrap();
            if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() }.unwrap()
        };
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.unwrap(),
            Step::Last(bytes) => return drop(stream.write_all(&bytes).await),
            Step::Trickle(bytes) => {
                stream.set_nodelay(true).unwrap();
                for byte in bytes {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
                return;
            }
            Step::Hang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let len =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if body.len() >= len {
                return Some(Seen { head, body: body.to_owned() });
            }
        }
        let mut block = [0; 4096];
        match stream.read(&mut block).await {
            Ok(len) if len > 0 => bytes.extend_from_slice(&block[..len]),
            _ => return None,
        }
    }
}

/// A whole response with a length.
pub(super) fn response(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The head of a stream that ends with the connection.
pub(super) fn stream_head() -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n".to_owned()
}

/// A stream in HTTP chunks of `size` bytes, after which the connection can serve again.
pub(super) fn chunked(body: &str, size: usize) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for piece in body.as_bytes().chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// The events of a short answer.
pub(super) fn answer(text: &str) -> String {
    let piece = serde_json::json!({"model": "m", "choices": [{"index": 0, "delta": {"content": text}}]});
    let end = serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "prompt_cache_hit_tokens": 6}});
    format!("data: {piece}\n\n: keep-alive\n\ndata: {end}\n\ndata: [DONE]\n\n")
}

/// Runs the calling test, of this full name, again in a process of its own with these variables: for what belongs to a
/// whole process, its environment or its log filters. True in that process, false in the one that has seen it pass.
pub(super) fn alone(name: &str, variables: &[(&str, &std::ffi::OsStr)]) -> bool {
    const MARK: &str = "AGENTD_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    #[expect(clippy::disallowed_methods, reason = "the test itself, started again")]
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let command = command.args(["--exact", name]).env(MARK, "1").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}
