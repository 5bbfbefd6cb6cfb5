//! A server whose answers are a function.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::mcp::{
    client::{CallRequest, ClientError, Era, Greeting, Opening, Questions, SharedClient, Told, open::Opened},
    stderr::Stderr,
};

/// Longer than any test may take; paused clocks jump there.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// What the server does with a message: lines to write, after a pause each.
pub(super) type Lines = Vec<(Duration, String)>;

/// What a script says to a message; `None` ends the server.
pub(super) trait Script: FnMut(&Value) -> Option<Lines> + Send + 'static {}
impl<F: FnMut(&Value) -> Option<Lines> + Send + 'static> Script for F {}

/// What was opened, and what the server heard.
pub(super) struct Fake {
    pub(super) opened: Result<Opened, String>,
    pub(super) heard: mpsc::UnboundedReceiver<Value>,
    pub(super) stderr: Arc<Stderr>,
    pub(super) end: CancellationToken,
}

impl Fake {
    pub(super) fn client(&self) -> SharedClient {
        match &self.opened {
            Ok(opened) => Arc::clone(&opened.client),
            Err(why) => panic!("{why}"),
        }
    }

    pub(super) fn error(&self) -> &str {
        self.opened.as_ref().err().expect("it refuses")
    }

    /// The next message with this method.
    pub(super) async fn hears(&mut self, method: &str) -> Value {
        let heard = async {
            loop {
                let message = self.heard.recv().await.expect("the server lives");
                if message["method"] == method {
                    return message;
                }
            }
        };
        tokio::time::timeout(LONG, heard).await.expect("it comes")
    }

    pub(super) async fn told(&mut self) -> Option<Told> {
        let opened = self.opened.as_mut().ok()?;
        tokio::time::timeout(LONG, opened.told.recv()).await.expect("it is told")
    }
}

/// Starts a scripted server and greets it.
pub(super) async fn fake(greeting: Greeting, script: impl Script) -> Fake {
    let (ours, theirs) = duplex(1 << 20);
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(serve(theirs, script, tell));
    let (reader, writer) = tokio::io::split(ours);
    let (stderr, end) = (Arc::new(Stderr::default()), CancellationToken::new());
    let opening = Opening {
        greeting,
        deadline: Instant::now() + Duration::from_secs(30),
        questions: Questions::Declined,
        end: end.clone(),
    };
    let opened = opening.over_streams(reader, writer, Arc::clone(&stderr)).await;
    Fake { opened, heard, stderr, end }
}

async fn serve(stream: DuplexStream, mut script: impl Script, heard: mpsc::UnboundedSender<Value>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    let (say, mut to_say) = mpsc::unbounded_channel::<Lines>();
    let saying = tokio::spawn(async move {
        while let Some(said) = to_say.recv().await {
            for (pause, line) in said {
                tokio::time::sleep(pause).await;
                if writer.write_all(line.as_bytes()).await.is_err() || writer.write_all(b"\n").await.is_err() {
                    return;
                }
            }
        }
    });
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).expect("a message is one line of JSON");
        let answer = script(&message);
        let _ = heard.send(message);
        let Some(answer) = answer else { break };
        let _ = say.send(answer);
    }
    saying.abort();
}

/// One line at once.
pub(super) fn say(message: &Value) -> Lines {
    vec![(Duration::ZERO, message.to_string())]
}

/// The answer to a message.
#[expect(clippy::needless_pass_by_value, reason = "the scripts write it down in place")]
pub(super) fn result(message: &Value, result: Value) -> Lines {
    say(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
}

pub(super) fn error(message: &Value, code: i64) -> Lines {
    say(&json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": "no"}}))
}

/// What a server of either era says of itself.
pub(super) fn introduction(message: &Value) -> Option<Lines> {
    let capabilities = json!({"tools": {"listChanged": true}});
    match message["method"].as_str()? {
        "initialize" => Some(result(
            message,
            json!({
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": capabilities,
                "serverInfo": {"name": "fake", "version": "1"},
            }),
        )),
        "server/discover" => Some(result(
            message,
            json!({
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": capabilities,
                "ttlMs": 0,
                "cacheScope": "private",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "2"}},
            }),
        )),
        "notifications/initialized" => Some(Vec::new()),
        _ => None,
    }
}

/// A server that introduces itself and leaves the rest to `script`.
pub(super) async fn greeted(era: Era, mut script: impl Script) -> Fake {
    let greeting = if era == Era::Legacy { Greeting::Legacy } else { Greeting::Modern };
    fake(greeting, move |message: &Value| introduction(message).map_or_else(|| script(message), Some)).await
}

pub(super) fn call(timeout: Duration) -> CallRequest {
    CallRequest { tool: "t".to_owned(), arguments: serde_json::Map::new(), timeout, cancel: CancellationToken::new() }
}

/// What a call of `t` comes to.
pub(super) async fn called(client: &SharedClient, timeout: Duration) -> Result<String, ClientError> {
    let result = client.call(call(timeout)).await?;
    Ok(format!("{:?}", result.content))
}
