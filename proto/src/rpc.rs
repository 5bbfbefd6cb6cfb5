//! JSON-RPC 2.0, one object a line: the codec of editors, scripts and unequal builds.
//!
//! A line from a client is a request (with `id`) or a notification (without: carried out, not answered). The daemon
//! answers with `result` or `error` under the same id; events of a running request are notifications of the method
//! `event` whose params hold the id and the event. Batches are refused. Unknown fields are ignored.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Body, ClientMessage, ErrorKind, Event, Failure, Request, Response, ServerMessage};

/// Longest text of a request id in bytes. An id is echoed in every event; a long one would multiply.
pub const ID_MAX: usize = 256;

/// Id of a request, chosen by the client: a whole number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// A whole number.
    Number(i64),
    /// A text of at most [`ID_MAX`] bytes.
    Text(String),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PlainId {
    Number(i64),
    Text(String),
}

#[derive(Serialize, Deserialize)]
enum TaggedId {
    Number(i64),
    Text(String),
}

impl Serialize for RequestId {
    /// A bare number or text in JSON; with a tag where the format cannot tell them apart.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            match self {
                Self::Number(n) => to.serialize_i64(*n),
                Self::Text(s) => to.serialize_str(s),
            }
        } else {
            match self {
                Self::Number(n) => TaggedId::Number(*n).serialize(to),
                Self::Text(s) => TaggedId::Text(s.clone()).serialize(to),
            }
        }
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let id = if from.is_human_readable() {
            match PlainId::deserialize(from)? {
                PlainId::Number(n) => Self::Number(n),
                PlainId::Text(s) => Self::Text(s),
            }
        } else {
            match TaggedId::deserialize(from)? {
                TaggedId::Number(n) => Self::Number(n),
                TaggedId::Text(s) => Self::Text(s),
            }
        };
        match &id {
            Self::Text(s) if s.len() > ID_MAX => {
                Err(serde::de::Error::custom(format_args!("an id has at most {ID_MAX} bytes")))
            }
            _ => Ok(id),
        }
    }
}

#[cfg(any(test, feature = "schema"))]
impl schemars::JsonSchema for RequestId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RequestId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["integer", "string"], "maxLength": ID_MAX })
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    jsonrpc: String,
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReplyLine<'a> {
    #[serde(default)]
    id: Option<RequestId>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
    #[serde(default, borrow)]
    params: Option<EventLine<'a>>,
}

#[derive(Deserialize)]
struct EventLine<'a> {
    id: RequestId,
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct RpcError {
    code: i32,
    message: String,
    #[serde(default)]
    data: Option<RpcErrorData>,
}

#[derive(Serialize, Deserialize)]
struct RpcErrorData {
    /// As text: a newer daemon may know kinds that this build does not.
    kind: String,
    #[serde(default)]
    hint: String,
}

/// A line of a client, read.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// A request; answer under its id.
    Request(ClientMessage),
    /// A notification: carry out, do not answer.
    Notification(Request),
    /// Not a request: answer with this failure, under the id if there was one.
    Bad(Option<RequestId>, Failure),
}

/// Reads one line of a client. Never fails: what is wrong comes back as [`Incoming::Bad`].
pub fn read_request(line: &[u8]) -> Incoming {
    let parsed: Line<'_> = match serde_json::from_slice(line) {
        Ok(parsed) => parsed,
        Err(e) => {
            let failure = Failure::new(ErrorKind::Protocol, format!("not a JSON-RPC 2.0 request: {e}"))
                .hint(r#"one object a line, like {"jsonrpc":"2.0","id":1,"method":"status"}"#);
            return Incoming::Bad(None, failure);
        }
    };
    let id = match parsed.id.map(|raw| serde_json::from_str::<RequestId>(raw.get())) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(e)) => {
            return Incoming::Bad(None, Failure::new(ErrorKind::Protocol, format!("unusable id: {e}")));
        }
    };
    if parsed.jsonrpc != "2.0" {
        return Incoming::Bad(id, Failure::new(ErrorKind::Protocol, "\"jsonrpc\" must be \"2.0\""));
    }
    let params = match parsed.params.map(RawValue::get) {
        None | Some("null") => "{}",
        Some(text) => text,
    };
    let request = match Request::from_json(&parsed.method, params) {
        Some(Ok(request)) => request,
        Some(Err(e)) => {
            let message = format!("bad params for {}: {e}", parsed.method);
            return Incoming::Bad(id, Failure::new(ErrorKind::Usage, message).hint("agentctl schema shows the shapes"));
        }
        None => {
            let method = parsed.method.chars().take(64).collect::<String>();
            let failure = Failure::new(ErrorKind::UnknownMethod, format!("unknown method {method:?}"))
                .hint(format!("known: {}", Request::METHODS.join(", ")));
            return Incoming::Bad(id, failure);
        }
    };
    match id {
        Some(id) => Incoming::Request(ClientMessage { id, request }),
        None => Incoming::Notification(request),
    }
}

/// Why a line could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RpcLineError {
    /// The line is not JSON of the expected shape.
    #[error("not a line of this protocol: {0}")]
    Json(#[from] serde_json::Error),
    /// The line has neither result nor error nor event.
    #[error("a reply without result, error or event")]
    Empty,
}

/// One request as a line, with its newline.
///
/// # Errors
/// Only when a value cannot be JSON, which wire types always can.
pub fn write_request(message: &ClientMessage) -> Result<String, RpcLineError> {
    let id = serde_json::to_string(&message.id)?;
    let params = message.request.params_json()?;
    Ok(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{}","params":{params}}}{}"#, message.request.method(), '\n'))
}

/// One reply or event as a line, with its newline.
///
/// # Errors
/// Only when a value cannot be JSON, which wire types always can.
pub fn write_reply(message: &ServerMessage) -> Result<String, RpcLineError> {
    let id = serde_json::to_string(&message.id)?;
    Ok(match &message.body {
        Body::Event(event) => {
            let event = serde_json::to_string(event)?;
            format!(r#"{{"jsonrpc":"2.0","method":"event","params":{{"id":{id},"event":{event}}}}}{}"#, '\n')
        }
        Body::Done(response) => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}{}"#, response.result_json()?, '\n')
        }
        Body::Failed(failure) => write_error(&id, failure)?,
    })
}

/// An error under no id: the line could not be attributed to a request.
///
/// # Errors
/// Only when a value cannot be JSON, which wire types always can.
pub fn write_orphan_error(failure: &Failure) -> Result<String, RpcLineError> {
    write_error("null", failure)
}

fn write_error(id: &str, failure: &Failure) -> Result<String, RpcLineError> {
    let error = RpcError {
        code: failure.kind.rpc_code(),
        message: failure.message.clone(),
        data: Some(RpcErrorData { kind: failure.kind.name().to_owned(), hint: failure.hint.clone() }),
    };
    Ok(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}{}"#, serde_json::to_string(&error)?, '\n'))
}

/// Reads one reply line; `method` is what was asked, since a result does not name it.
///
/// `None` is an event of a newer daemon that this build does not know: skip it. The id is `None` when the daemon
/// could not attribute an error to a request.
///
/// # Errors
/// See [`RpcLineError`].
pub fn read_reply(method: &str, line: &[u8]) -> Result<Option<(Option<RequestId>, Body)>, RpcLineError> {
    let reply: ReplyLine<'_> = serde_json::from_slice(line)?;
    if let Some(params) = reply.params {
        let event = serde_json::from_str::<Event>(params.event.get());
        return Ok(event.ok().map(|event| (Some(params.id), Body::Event(event))));
    }
    if let Some(error) = reply.error {
        let (kind, hint) = match error.data {
            Some(data) => (ErrorKind::from_name(&data.kind), data.hint),
            None => (ErrorKind::Failure, String::new()),
        };
        return Ok(Some((reply.id, Body::Failed(Failure::new(kind, error.message).hint(hint)))));
    }
    let result = reply.result.ok_or(RpcLineError::Empty)?;
    let response = Response::from_json(method, result.get()).ok_or(RpcLineError::Empty)??;
    Ok(Some((reply.id, Body::Done(response))))
}
