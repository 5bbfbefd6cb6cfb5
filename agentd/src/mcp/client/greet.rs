//! The first exchange on a connection: which protocol is spoken.
//!
//! Ours and not rmcp's: its automatic mode gives up on servers that answer oddly, and waits ten seconds for those that
//! do not answer. A server that is slow to start is not taken for one that does not know the question: it gets the older
//! question behind the newer one, and whatever it answers is taken.

use std::time::Duration;

use rmcp::{
    RoleClient,
    model::{
        ClientConfig, ClientNotification, ClientRequest, ClientResult, DiscoverRequest, DiscoverRequestParams,
        ErrorCode, ErrorData, InitializeRequest, InitializedNotification, JsonRpcMessage, ProtocolVersion, RequestId,
        RequestMetaObject, ServerPeerInfo, ServerRequest, ServerResult,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage, select_protocol_version},
    transport::Transport,
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{Era, answers::word, flight::SPOILT};

/// A server that knows `server/discover` answers within this; after it, it is asked in the older way, too. Long enough
/// for a Python server to start.
pub(super) const PROBE: Duration = Duration::from_secs(3);
/// The ids of the first requests: not among those that rmcp gives, so that a late answer is nobody else's.
const DISCOVER_ID: i64 = 1_000_001;
const INITIALIZE_ID: i64 = 1_000_002;
const AGAIN_ID: i64 = 1_000_003;
/// Versions without `initialize` that we speak, the newest first.
const MODERN: [ProtocolVersion; 1] = [ProtocolVersion::V_2026_07_28];

/// What is said first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// `initialize`.
    Legacy,
    /// `server/discover`.
    Modern,
    /// `server/discover`, and after [`PROBE`] without an answer `initialize`, too.
    Either,
}

/// What was agreed on.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) era: Era,
    pub(super) server: ServerPeerInfo,
}

/// Agrees on a protocol until `deadline`. `Err` says why not, in one sentence.
pub(super) async fn greet<T: Transport<RoleClient>>(
    transport: &mut T,
    greeting: Greeting,
    config: &ClientConfig,
    deadline: Instant,
) -> Result<Agreed, String> {
    let mut talk = Talk { transport, config, discovered: None };
    let agreed = timeout_at(deadline, talk.agree(greeting)).await;
    agreed.unwrap_or_else(|_| Err("it did not answer the first request in time".to_owned()))
}

struct Talk<'a, T> {
    transport: &'a mut T,
    config: &'a ClientConfig,
    /// What came of `server/discover`, when it came late.
    discovered: Option<Result<ServerPeerInfo, String>>,
}

impl<T: Transport<RoleClient>> Talk<'_, T> {
    async fn agree(&mut self, greeting: Greeting) -> Result<Agreed, String> {
        if greeting == Greeting::Legacy {
            return self.initialize().await;
        }
        self.send(self.discover_request(DISCOVER_ID)).await?;
        let mut answer = if greeting == Greeting::Either {
            match timeout_at(Instant::now() + PROBE, self.answer()).await {
                Ok(answer) => answer?.1,
                Err(_) => return self.initialize().await,
            }
        } else {
            self.answer().await?.1
        };
        if answer.as_ref().is_err_and(may_try_again) {
            self.send(self.discover_request(AGAIN_ID)).await?;
            answer = self.answer().await?.1;
        }
        Ok(Agreed { era: Era::Modern, server: discovered(answer)? })
    }

    /// Goes on when `server/discover` is answered late, for a server that answers both speaks both, and the last word
    /// was the older one.
    async fn initialize(&mut self) -> Result<Agreed, String> {
        let request = ClientRequest::InitializeRequest(InitializeRequest::new(self.config.clone()));
        self.send(JsonRpcMessage::request(request, RequestId::Number(INITIALIZE_ID))).await?;
        let answer = loop {
            match self.answer().await {
                Ok((INITIALIZE_ID, answer)) => break answer.map_err(|error| words(&error)),
                Ok((_, answer)) => self.discovered = Some(discovered(answer)),
                Err(why) => break Err(why),
            }
        };
        let why = match answer {
            Ok(ServerResult::InitializeResult(result)) => {
                let ready = ClientNotification::InitializedNotification(InitializedNotification::default());
                self.send(JsonRpcMessage::notification(ready)).await?;
                return Ok(Agreed { era: Era::Legacy, server: result.into() });
            }
            Ok(_) => "its answer to initialize is none".to_owned(),
            Err(why) => why,
        };
        match self.discovered.take() {
            Some(Ok(server)) => Ok(Agreed { era: Era::Modern, server }),
            _ => Err(why),
        }
    }

    fn discover_request(&self, id: i64) -> TxJsonRpcMessage<RoleClient> {
        let [version] = MODERN;
        let config = self.config;
        let mut request = DiscoverRequest::new(DiscoverRequestParams {});
        request.extensions.insert(RequestMetaObject::with_client_context(
            version,
            config.client_info.clone(),
            config.capabilities.clone(),
        ));
        JsonRpcMessage::request(ClientRequest::DiscoverRequest(request), RequestId::Number(id))
    }

    async fn send(&mut self, message: TxJsonRpcMessage<RoleClient>) -> Result<(), String> {
        self.transport.send(message).await.map_err(|error| super::http::why(&error))
    }

    /// The next answer to one of our requests, and to which. An error without an id answers the only one there may be.
    async fn answer(&mut self) -> Result<(i64, Result<ServerResult, ErrorData>), String> {
        loop {
            let Some(message) = self.transport.receive().await else {
                return Err("it ended before it answered the first request".to_owned());
            };
            match message {
                JsonRpcMessage::Response(response) => {
                    if let Some(id) = number(&response.id) {
                        return Ok((id, Ok(response.result)));
                    }
                }
                JsonRpcMessage::Error(error) => {
                    let id = error.id.as_ref().map_or(Some(INITIALIZE_ID), number);
                    if let Some(id) = id {
                        return Ok((id, Err(error.error)));
                    }
                }
                JsonRpcMessage::Request(_) => self.reply(message).await?,
                JsonRpcMessage::Notification(_) => {}
            }
        }
    }

    /// A server may ask whether we live before it has answered; everything else it may not ask yet.
    async fn reply(&mut self, message: RxJsonRpcMessage<RoleClient>) -> Result<(), String> {
        let Some((request, id)) = message.into_request() else { return Ok(()) };
        let reply = if matches!(request, ServerRequest::PingRequest(_)) {
            JsonRpcMessage::response(ClientResult::empty(()), id)
        } else {
            let error = ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "not before the first answer", None);
            JsonRpcMessage::error(error, Some(id))
        };
        self.send(reply).await
    }
}

fn number(id: &RequestId) -> Option<i64> {
    let id = match id {
        RequestId::Number(id) => *id,
        RequestId::String(id) => id.parse().ok()?,
    };
    [DISCOVER_ID, INITIALIZE_ID, AGAIN_ID].contains(&id).then_some(id)
}

/// True when a server refuses our version although it speaks it: once more, and it may have thought better of it.
fn may_try_again(error: &ErrorData) -> bool {
    let supported = error.data.as_ref().and_then(|data| data.get("supported")).and_then(Value::as_array);
    error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
        && supported.is_some_and(|versions| {
            MODERN.iter().any(|version| versions.iter().any(|one| one.as_str() == Some(version.as_str())))
        })
}

fn discovered(answer: Result<ServerResult, ErrorData>) -> Result<ServerPeerInfo, String> {
    let ServerResult::DiscoverResult(result) = answer.map_err(|error| words(&error))? else {
        return Err("its answer to server/discover is none".to_owned());
    };
    let version = select_protocol_version(&MODERN, &result.supported_versions);
    let version = version.ok_or_else(|| {
        let spoken: Vec<_> = result.supported_versions.iter().map(|version| word(version.as_str())).take(5).collect();
        format!("it speaks only {}", spoken.join(", "))
    })?;
    Ok(ServerPeerInfo::from_discover_result(version, result))
}

fn words(error: &ErrorData) -> String {
    if error.code == SPOILT {
        error.message.to_string()
    } else {
        format!("MCP error {}: {}", error.code.0, error.message)
    }
}

/// What lies at the root: the outer layers only say that sending failed.
pub(super) fn root(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
