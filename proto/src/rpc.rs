//! JSON-RPC 2.0, one object a line: the codec of editors, scripts and unequal builds.
//!
//! A line from a client is a request (with `id`) or a notification (without: carried out, not answered). The daemon
//! answers with `result` or `error` under the same id; events of a running request are notifications of the method
//! `event` whose params hold the id and the event.
//!
//! Refused: batches, parameters by position, an id of `null`, a line that is not UTF-8. Unknown fields are ignored at
//! every depth. A line that could be read as far as its id is answered under it, whatever else is wrong.
//!
//! Lines that the daemon writes hold no blanks between tokens, keep the order of the keys shown in `PROTOCOL.md`, and
//! escape only what JSON demands (`"`, `\` and control characters), so that a client without a JSON library can take
//! a text out of a line with a pattern.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Unexpected, Visitor},
};
use serde_json::value::RawValue;

use crate::{Body, ClientMessage, ErrorKind, Event, Failure, Request, Response, ServerMessage, cut};

/// Longest text of a request id in bytes. An id is echoed in every event; a long one would multiply.
pub const ID_MAX: usize = 256;
/// Characters of an unknown method's name that are repeated in the error: enough to see the typing mistake.
const METHOD_SHOWN: usize = 64;
/// Bytes of a parser's message that are repeated in the error: a message may quote 8 MiB of the user's text.
const FAULT_SHOWN: usize = 300;
const SHAPES_HINT: &str = "agentctl schema shows the shapes";

/// Id of a request, chosen by the client: a whole number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestId {
    /// A whole number.
    Number(i64),
    /// A text of at most [`ID_MAX`] bytes.
    Text(String),
}

/// The id in formats that cannot tell a number from a text.
#[derive(Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub(crate) enum TaggedId {
    /// A whole number.
    Number(i64),
    /// A text.
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
        if from.is_human_readable() {
            return from.deserialize_any(IdVisitor);
        }
        match TaggedId::deserialize(from)? {
            TaggedId::Number(number) => Ok(Self::Number(number)),
            TaggedId::Text(text) => IdVisitor.visit_str(&text),
        }
    }
}

/// A bare number or text. Its errors never repeat the value: an id may be as long as a line.
struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = RequestId;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a whole number of 64 bits or a text of at most {ID_MAX} bytes")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<RequestId, E> {
        Ok(RequestId::Number(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<RequestId, E> {
        i64::try_from(number).map(RequestId::Number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RequestId, E> {
        if text.len() > ID_MAX {
            return Err(E::custom(format_args!("an id has at most {ID_MAX} bytes, this one has {}", text.len())));
        }
        Ok(RequestId::Text(text.to_owned()))
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

/// A line as it came. Every field is taken raw, so that a fault in one of them is still answered under the id.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// Keeps `null` apart from a missing field.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
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
    /// A notification that cannot be carried out: nobody wants to hear why, so do not answer.
    Ignored(Failure),
    /// Not a request: answer with this failure, under the id if there was one.
    Bad(Option<RequestId>, Failure),
}

/// Reads one line of a client. Never fails: what is wrong comes back as [`Incoming::Bad`].
///
/// The caller bounds the line to [`crate::frame::FRAME_MAX`]; at most four times its length is allocated.
pub fn read_request(line: &[u8]) -> Incoming {
    let line = match parse_line(line) {
        Ok(line) => line,
        Err(failure) => return Incoming::Bad(None, failure),
    };
    let id = match line.id.map(|raw| serde_json::from_str::<RequestId>(raw.get())).transpose() {
        Ok(id) => id,
        Err(e) => return Incoming::Bad(None, protocol(format_args!("unusable id: {}", value_fault(&e)))),
    };
    match read_call(&line) {
        Err(failure) if id.is_none() && failure.kind != ErrorKind::Protocol => Incoming::Ignored(failure),
        Err(failure) => Incoming::Bad(id, failure),
        Ok(request) => match id {
            Some(id) => Incoming::Request(ClientMessage { id, request }),
            None => Incoming::Notification(request),
        },
    }
}

fn parse_line(line: &[u8]) -> Result<Line<'_>, Failure> {
    let text = std::str::from_utf8(line)
        .map_err(|e| protocol(format_args!("the line is not UTF-8 from byte {} on", e.valid_up_to())))?;
    // A struct can be read from an array by position; a batch must not pass for a request.
    if text.trim_ascii_start().starts_with('[') {
        return Err(protocol(format_args!("a JSON-RPC batch: batches are not served")));
    }
    serde_json::from_str(text).map_err(|e| protocol(format_args!("not a JSON-RPC 2.0 request: {}", fault(&e))))
}

fn read_call(line: &Line<'_>) -> Result<Request, Failure> {
    if text_of(line.jsonrpc).as_deref() != Some("2.0") {
        return Err(protocol(format_args!("\"jsonrpc\" must be \"2.0\"")));
    }
    let Some(method) = text_of(line.method) else {
        return Err(protocol(format_args!("\"method\" must be a text")));
    };
    let params = match line.params.map(RawValue::get) {
        None | Some("null") => "{}",
        Some(text) => text,
    };
    // Parameters by position would freeze the order of the fields for JSON too.
    if !params.starts_with('{') && Request::METHODS.contains(&method.as_str()) {
        let failure = Failure::new(ErrorKind::Usage, format!("bad params for {method}: they must be an object"));
        return Err(failure.hint(SHAPES_HINT));
    }
    match Request::from_json(&method, params) {
        Some(Ok(request)) => Ok(request),
        Some(Err(e)) => {
            let message = format!("bad params for {method}: {}", value_fault(&e));
            Err(Failure::new(ErrorKind::Usage, message).hint(SHAPES_HINT))
        }
        None => {
            let method = method.chars().take(METHOD_SHOWN).collect::<String>();
            let failure = Failure::new(ErrorKind::UnknownMethod, format!("unknown method {method:?}"));
            Err(failure.hint(format!("known: {}", Request::METHODS.join(", "))))
        }
    }
}

fn text_of(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

fn protocol(message: fmt::Arguments<'_>) -> Failure {
    Failure::new(ErrorKind::Protocol, message.to_string())
        .hint(r#"one object a line, like {"jsonrpc":"2.0","id":1,"method":"status"}"#)
}

/// The parser's message about a whole line, with the column. Cut: it may quote a value as long as the line.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let shown = cut(&text, FAULT_SHOWN);
    if shown.len() == text.len() { text } else { format!("{shown}…") }
}

/// The same about a value inside a line, without the column, which would count from the value's first byte.
fn value_fault(error: &serde_json::Error) -> String {
    let text = fault(error);
    text.rsplit_once(" at line ").map_or(text.clone(), |(text, _)| text.to_owned())
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
    if line.trim_ascii_start().starts_with(b"[") {
        return Err(
            <serde_json::Error as serde::de::Error>::custom("a batch, which this protocol does not know").into()
        );
    }
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
