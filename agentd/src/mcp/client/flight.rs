//! The requests that are under way on one connection, by id, and whose answer a line is.
//!
//! Owns the decision what a line of a server means: a message, an answer that is spoilt, or noise. rmcp hears messages
//! only: noise would make it write an error to the server, and of a spoilt answer it would say nothing, so that the call
//! would wait out its time.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Mutex,
};

use rmcp::{
    RoleClient,
    model::{ClientRequest, CustomResult, ErrorCode, ErrorData, JsonRpcMessage, RequestId, ServerResult},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::ids::{self, Owner};
use crate::sync::lock;

/// The code of the errors that are made here in place of a spoilt answer. Outside of what JSON-RPC and MCP use, so that
/// it is told from a server's own.
pub(super) const SPOILT: ErrorCode = ErrorCode(i32::MIN);
/// What an error without a code of its own gets: JSON-RPC's "internal error".
const INTERNAL: i64 = -32603;

/// Longest message of an error. A longer one is not cut, for half a secret would not be recognised, and who redacts it
/// does so on the threads that serve everybody.
const MESSAGE_MAX: usize = 64 << 10;

/// How the answer to a request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As JSON, by us: a result that is not quite as it should be still serves, and nothing of a schema is lost.
    Json,
    /// As rmcp's type.
    Typed,
    /// The same; it stays open for as long as the connection does.
    Lasting,
}

/// What a line means.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message for rmcp.
    Message(Box<RxJsonRpcMessage<RoleClient>>),
    /// Nothing that anybody waits for: the answer to a request that was given up.
    Late,
    /// No message at all.
    Noise,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    requests: Mutex<HashMap<i64, Kind>>,
}

impl Flight {
    /// Notes what is about to be sent.
    pub(super) fn sends(&self, message: &TxJsonRpcMessage<RoleClient>) {
        match message {
            JsonRpcMessage::Request(request) => {
                let kind = match &request.request {
                    ClientRequest::ListToolsRequest(_) | ClientRequest::CallToolRequest(_) => Kind::Json,
                    ClientRequest::SubscriptionsListenRequest(_) => Kind::Lasting,
                    _ => Kind::Typed,
                };
                if let RequestId::Number(id) = request.id {
                    lock(&self.requests).insert(id, kind);
                }
            }
            JsonRpcMessage::Notification(notification) => {
                if let rmcp::model::ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(RequestId::Number(id)) = cancelled.params.request_id
                {
                    lock(&self.requests).remove(&id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    /// What a line means. An answer is taken off the list.
    pub(super) fn hear(&self, line: &[u8]) -> Heard {
        let line = line.trim_ascii();
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        match serde_json::from_slice::<Envelope<'_>>(line) {
            Ok(envelope) => self.open(line, &envelope),
            Err(error) if line.starts_with(b"{") => self.broken(line, &error),
            Err(_) => Heard::Noise,
        }
    }

    /// The requests that a line answers which was too long to be read: the one whose id stands in `head` or `tail`, else
    /// the only one under way, else all of them. Without a `tail` the line has not ended yet, and `None` says that its end
    /// must be waited for.
    pub(super) fn outgrown(&self, head: &[u8], tail: Option<&[u8]>) -> Option<Vec<i64>> {
        let owner = match (ids::in_head(head), tail) {
            (Owner::NoAnswer, _) => return Some(Vec::new()),
            (Owner::Answer(id), _) => Some(id),
            (Owner::Unknown, tail) => tail.and_then(ids::in_tail),
        };
        let mut requests = lock(&self.requests);
        let waiting = |kind: &Kind| *kind != Kind::Lasting;
        let ids = match owner {
            // Nobody waits for it any more.
            Some(id) if !requests.contains_key(&id) => Vec::new(),
            Some(id) => vec![id],
            None => requests.iter().filter(|(_, kind)| waiting(kind)).map(|(id, _)| *id).collect(),
        };
        if tail.is_none() && owner.is_none() && ids.len() > 1 {
            return None;
        }
        for id in &ids {
            requests.remove(id);
        }
        Some(ids)
    }

    /// The message that fails a request in place of its answer.
    pub(super) fn spoilt(id: i64, why: String) -> Heard {
        let error = ErrorData::new(SPOILT, why, None);
        Heard::Message(Box::new(JsonRpcMessage::error(error, Some(RequestId::Number(id)))))
    }

    fn take(&self, id: i64) -> Option<Kind> {
        match lock(&self.requests).entry(id) {
            Entry::Occupied(entry) => Some(entry.remove()),
            Entry::Vacant(_) => None,
        }
    }

    fn broken(&self, line: &[u8], error: &serde_json::Error) -> Heard {
        let id = match ids::in_head(line) {
            Owner::Answer(id) => Some(id),
            Owner::NoAnswer => None,
            Owner::Unknown => ids::in_tail(line),
        };
        match id.filter(|id| self.take(*id).is_some()) {
            Some(id) => Self::spoilt(id, format!("the answer is not valid JSON: {error}")),
            None => Heard::Noise,
        }
    }

    fn open(&self, line: &[u8], envelope: &Envelope<'_>) -> Heard {
        let ours = envelope.jsonrpc.as_ref().is_some_and(|version| version == "2.0");
        if envelope.method.is_some() {
            let message = if ours { serde_json::from_slice(line).ok() } else { None };
            return message.map_or(Heard::Noise, |message| Heard::Message(Box::new(message)));
        }
        let Some(id) = envelope.id.as_ref().and_then(number) else { return Heard::Noise };
        if !ours && envelope.result.is_none() && envelope.error.is_none() {
            return Heard::Noise;
        }
        let Some(kind) = self.take(id) else { return if ours { Heard::Late } else { Heard::Noise } };
        if !ours {
            return Self::spoilt(id, "the answer is no JSON-RPC message".to_owned());
        }
        match (envelope.error, envelope.result, kind) {
            (Some(error), _, _) => {
                Heard::Message(Box::new(JsonRpcMessage::error(refusal(error), Some(RequestId::Number(id)))))
            }
            (None, None, _) => Self::spoilt(id, "the answer has neither a result nor an error".to_owned()),
            (None, Some(result), Kind::Json) => json_result(id, result),
            (None, Some(_), Kind::Typed | Kind::Lasting) => match serde_json::from_slice(line) {
                Ok(message) => Heard::Message(Box::new(message)),
                Err(error) => Self::spoilt(id, format!("the answer is not understood: {error}")),
            },
        }
    }
}

/// The members of a message.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    jsonrpc: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<Value>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

fn number(id: &Value) -> Option<i64> {
    id.as_i64().or_else(|| id.as_str()?.parse().ok())
}

fn json_result(id: i64, result: &RawValue) -> Heard {
    match serde_json::from_str(result.get()) {
        Ok(value) => {
            let result = ServerResult::CustomResult(CustomResult(value));
            Heard::Message(Box::new(JsonRpcMessage::response(result, RequestId::Number(id))))
        }
        Err(error) => Flight::spoilt(id, format!("the answer is not valid JSON: {error}")),
    }
}

/// A server's error, also one that is not quite as it should be.
fn refusal(error: &RawValue) -> ErrorData {
    let value: Value = serde_json::from_str(error.get()).unwrap_or_default();
    let code = value.get("code").and_then(Value::as_i64).unwrap_or(INTERNAL);
    let code = i32::try_from(code).ok().map(ErrorCode).filter(|code| *code != SPOILT);
    let message = value.get("message").and_then(Value::as_str).unwrap_or_else(|| error.get());
    let message = match message.len() {
        0..=MESSAGE_MAX => message.to_owned(),
        bytes => format!("an error with a message of {bytes} bytes, which is too long to be shown"),
    };
    ErrorData::new(code.unwrap_or(ErrorCode::INTERNAL_ERROR), message, value.get("data").cloned())
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolRequest, CallToolRequestParams, PingRequest};

    use super::*;

    fn flight(calls: &[i64]) -> Flight {
        let flight = Flight::default();
        for id in calls {
            let call = CallToolRequest::new(CallToolRequestParams::new("x"));
            flight.sends(&JsonRpcMessage::request(ClientRequest::CallToolRequest(call), RequestId::Number(*id)));
        }
        flight
    }

    fn heard(flight: &Flight, line: &str) -> String {
        match flight.hear(line.as_bytes()) {
            Heard::Message(message) => match *message {
                JsonRpcMessage::Error(error) if error.error.code == SPOILT => {
                    format!("spoilt {}", error.id.unwrap())
                }
                message => serde_json::to_string(&message).unwrap(),
            },
            Heard::Late => "late".to_owned(),
            Heard::Noise => "noise".to_owned(),
        }
    }

    #[test]
    fn an_answer_is_heard_as_it_came_and_once() {
        let flight = flight(&[3]);
        let line = r#"{"jsonrpc":"2.0","id":3,"result":{"z":1,"content":"odd","a":{"$defs":{}}}}"#;
        assert_eq!(heard(&flight, line), line);
        assert_eq!(heard(&flight, line), "late");
    }

    #[test]
    fn a_line_may_have_a_byte_order_mark_and_a_carriage_return_and_its_id_in_quotes() {
        let flight = flight(&[3]);
        let line = "\u{feff} {\"result\":{},\"jsonrpc\":\"2.0\",\"id\":\"3\"}\r";
        assert_eq!(heard(&flight, line), r#"{"jsonrpc":"2.0","id":3,"result":{}}"#);
    }

    #[test]
    fn noise_is_noise() {
        let flight = flight(&[0, 3]);
        for line in [
            "",
            "\r",
            "Server listening on stdio",
            "3",
            "\"3\"",
            "null",
            "[]",
            r#"[{"jsonrpc":"2.0","id":3,"result":{}}]"#,
            r#"{"level":"info","id":3}"#,
            r#"{"id":3,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#,
            r#"{"level":"info","msg":"3"#,
            r#"{"method":"x","id":3,"#,
            "3}",
        ] {
            assert_eq!(heard(&flight, line), "noise", "{line}");
        }
        assert_eq!(lock(&flight.requests).len(), 2);
    }

    #[test]
    fn bytes_that_are_no_text_are_noise_and_spoil_an_answer() {
        let flight = flight(&[3]);
        assert!(matches!(flight.hear(b"\xff\xfe{"), Heard::Noise));
        let line = b"{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":\"\xff\"}}";
        assert!(matches!(flight.hear(line), Heard::Message(message) if matches!(*message, JsonRpcMessage::Error(_))));
    }

    #[test]
    fn a_spoilt_answer_fails_its_request() {
        for line in [
            r#"{"jsonrpc":"2.0","id":3,"result":{"content":["#,
            r#"{"result":{"a":"b},"jsonrpc":"2.0","id":3}"#,
            r#"{"jsonrpc":"2.0","id":3}"#,
            r#"{"jsonrpc":"2.0","id":3,"result":null}"#,
            r#"{"id":3,"result":{}}"#,
            r#"{"jsonrpc":"1.0","id":3,"result":{}}"#,
        ] {
            let flight = flight(&[2, 3]);
            assert_eq!(heard(&flight, line), "spoilt 3", "{line}");
            assert_eq!(lock(&flight.requests).len(), 1);
        }
    }

    #[test]
    fn a_servers_error_keeps_its_code_and_words_as_far_as_it_has_them() {
        for (error, expected) in [
            (r#"{"code":-32602,"message":"no","data":[1]}"#, r#"{"code":-32602,"message":"no","data":[1]}"#),
            (r#"{"message":"no"}"#, r#"{"code":-32603,"message":"no"}"#),
            (r#""no""#, r#"{"code":-32603,"message":"\"no\""}"#),
            (r#"{"code":-2147483648,"message":"no"}"#, r#"{"code":-32603,"message":"no"}"#),
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":3,"error":{error}}}"#);
            let expected = format!(r#"{{"jsonrpc":"2.0","id":3,"error":{expected}}}"#);
            assert_eq!(heard(&flight(&[3]), &line), expected);
        }
    }

    #[test]
    fn an_error_without_measure_is_told_by_its_size() {
        let line = format!(r#"{{"jsonrpc":"2.0","id":3,"error":{{"message":"{}"}}}}"#, "x".repeat(1 << 20));
        let heard = heard(&flight(&[3]), &line);
        assert!(heard.contains("a message of 1048576 bytes") && heard.len() < 200, "{}", heard.len());
    }

    #[test]
    fn messages_of_the_servers_pass() {
        let flight = flight(&[3]);
        for line in [
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
            r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":"a","method":"foreign/method","params":{"x":1}}"#,
        ] {
            assert_eq!(heard(&flight, line), line);
        }
        assert_eq!(lock(&flight.requests).len(), 1);
    }

    #[test]
    fn a_request_that_was_cancelled_is_waited_for_no_more() {
        let flight = flight(&[3]);
        let cancelled = serde_json::from_str(
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3,"reason":"x"}}"#,
        );
        flight.sends(&cancelled.unwrap());
        assert_eq!(heard(&flight, r#"{"jsonrpc":"2.0","id":3,"result":{}}"#), "late");
    }

    #[test]
    fn a_long_line_fails_the_request_that_it_names_else_the_only_one_else_all() {
        let named = br#"{"jsonrpc":"2.0","id":3,"result":{"#;
        let silent = br#"{"result":{"content":"xxx"#;
        assert_eq!(flight(&[2, 3]).outgrown(named, None), Some(vec![3]));
        assert_eq!(flight(&[2]).outgrown(named, None), Some(vec![]));
        assert_eq!(flight(&[2]).outgrown(silent, None), Some(vec![2]));
        let two = flight(&[2, 3]);
        assert_eq!(two.outgrown(silent, None), None);
        assert_eq!(two.outgrown(silent, Some(br#"xxx"},"jsonrpc":"2.0","id":3}"#)), Some(vec![3]));
        let two = flight(&[2, 3]);
        let mut all = two.outgrown(silent, Some(b"xxx")).unwrap();
        all.sort_unstable();
        assert_eq!(all, [2, 3]);
        assert!(lock(&two.requests).is_empty());
        assert_eq!(flight(&[2]).outgrown(br#"{"method":"x","params":"#, None), Some(vec![]));
    }

    #[test]
    fn a_subscription_is_no_request_that_a_long_line_could_answer() {
        let flight = flight(&[2]);
        let listen = r#"{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":{"notifications":{}}}"#;
        flight.sends(&serde_json::from_str(listen).unwrap());
        flight
            .sends(&JsonRpcMessage::request(ClientRequest::PingRequest(PingRequest::default()), RequestId::Number(4)));
        assert_eq!(flight.outgrown(b"{\"result\":", Some(b"")).map(|ids| ids.len()), Some(2));
    }
}
