//! Lines of JSON as people and plugins write them: what is taken, what is refused, and with which words.

use proto::{
    Body, ClientMessage, ErrorKind, Event, Failure, Request, RequestId, StatusRequest,
    rpc::{self, Incoming},
};

fn read(line: &str) -> Incoming {
    rpc::read_request(line.as_bytes())
}

fn bad(line: &[u8]) -> (Option<RequestId>, Failure) {
    match rpc::read_request(line) {
        Incoming::Bad(id, failure) => (id, failure),
        other => panic!("taken: {other:?}"),
    }
}

fn status_under(id: RequestId) -> Incoming {
    Incoming::Request(ClientMessage { id, request: Request::Status(StatusRequest {}) })
}

#[test]
fn params_may_be_missing_null_or_empty() {
    for params in ["", r#","params":null"#, r#","params":{}"#, r#", "params" : { } "#] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"status"{params}}}"#);
        assert_eq!(read(&line), status_under(RequestId::Number(1)), "{line}");
    }
}

#[test]
fn blanks_and_a_carriage_return_around_a_line_are_ignored() {
    assert_eq!(read("  {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"} \r\n"), status_under(RequestId::Number(1)));
}

#[test]
fn unknown_fields_are_ignored_at_every_depth() {
    let line = r#"{"jsonrpc":"2.0","id":1,"later":[1],"method":"ask","params":{"prompt":"p","later":{"a":1},
        "attachments":[{"name":"n","text":"t","later":null}]}}"#;
    let Incoming::Request(ClientMessage { request: Request::Ask(ask), .. }) = read(line) else { panic!("{line}") };
    assert_eq!((ask.prompt.as_str(), ask.attachments.len()), ("p", 1));
}

#[test]
fn an_id_is_a_whole_number_or_a_text() {
    let under = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"status"}}"#);
    assert_eq!(read(&under("-9223372036854775808")), status_under(RequestId::Number(i64::MIN)));
    assert_eq!(read(&under("9223372036854775807")), status_under(RequestId::Number(i64::MAX)));
    assert_eq!(read(&under(r#""tab\n4""#)), status_under(RequestId::Text("tab\n4".into())));
    for id in ["null", "1.0", "1e3", "9223372036854775808", "1e400", "true", "[]", "{}", "[1]"] {
        let (echoed, failure) = bad(under(id).as_bytes());
        assert_eq!((echoed, failure.kind), (None, ErrorKind::Protocol), "{id}");
        assert!(failure.message.contains("unusable id"), "{id}: {failure}");
    }
    let (_, failure) = bad(under(&format!("{:?}", "x".repeat(257))).as_bytes());
    assert_eq!(failure.message, "unusable id: an id has at most 256 bytes, this one has 257");
}

#[test]
fn without_an_id_it_is_a_notification() {
    assert_eq!(
        read(r#"{"jsonrpc":"2.0","method":"status"}"#),
        Incoming::Notification(Request::Status(StatusRequest {}))
    );
}

#[test]
fn a_batch_is_refused_in_words() {
    for line in [r#"[{"jsonrpc":"2.0","id":1,"method":"status"}]"#, "  []", r#"["2.0",1,"status",{}]"#, "["] {
        let (id, failure) = bad(line.as_bytes());
        assert_eq!((id, failure.kind), (None, ErrorKind::Protocol), "{line}");
        assert_eq!(failure.message, "a JSON-RPC batch: batches are not served");
        assert!(failure.hint.starts_with("one object a line"), "{}", failure.hint);
    }
}

#[test]
fn a_line_that_is_not_utf8_is_refused_even_in_a_field_nobody_reads() {
    let (id, failure) = bad(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"later\":\"\xff\"}");
    assert_eq!((id, failure.kind), (None, ErrorKind::Protocol));
    assert_eq!(failure.message, "the line is not UTF-8 from byte 51 on");
}

#[test]
fn whatever_can_be_read_as_far_as_its_id_is_answered_under_it() {
    let cases = [
        (r#"{"id":7}"#, ErrorKind::Protocol, "\"jsonrpc\" must be \"2.0\""),
        (r#"{"jsonrpc":"1.0","id":7,"method":"status"}"#, ErrorKind::Protocol, "\"jsonrpc\" must be \"2.0\""),
        (r#"{"jsonrpc":2.0,"id":7,"method":"status"}"#, ErrorKind::Protocol, "\"jsonrpc\" must be \"2.0\""),
        (r#"{"jsonrpc":"2.0","id":7}"#, ErrorKind::Protocol, "\"method\" must be a text"),
        (r#"{"jsonrpc":"2.0","id":7,"method":["status"]}"#, ErrorKind::Protocol, "\"method\" must be a text"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"Status"}"#, ErrorKind::UnknownMethod, "unknown method \"Status\""),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ask","params":["q"]}"#, ErrorKind::Usage, "they must be an object"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ask","params":"q"}"#, ErrorKind::Usage, "they must be an object"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ask","params":{"prompt":1}}"#, ErrorKind::Usage, "expected a string"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ask","params":{"max_turns":-1}}"#, ErrorKind::Usage, "expected u32"),
    ];
    for (line, kind, words) in cases {
        let (id, failure) = bad(line.as_bytes());
        assert_eq!((id, failure.kind), (Some(RequestId::Number(7)), kind), "{line}");
        assert!(failure.message.contains(words), "{line}: {failure}");
    }
}

#[test]
fn a_notification_that_cannot_be_carried_out_is_not_answered() {
    for line in [r#"{"jsonrpc":"2.0","method":"nope"}"#, r#"{"jsonrpc":"2.0","method":"ask","params":[1]}"#] {
        assert!(matches!(rpc::read_request(line.as_bytes()), Incoming::Ignored(_)), "{line}");
    }
    assert!(matches!(rpc::read_request(br#"{"jsonrpc":"1.0","method":"nope"}"#), Incoming::Bad(None, _)));
}

#[test]
fn an_unknown_method_is_answered_with_the_known_ones() {
    let (_, failure) = bad(br#"{"jsonrpc":"2.0","id":7,"method":"tell"}"#);
    assert_eq!(failure.hint, format!("known: {}", Request::METHODS.join(", ")));
}

#[test]
fn an_error_does_not_repeat_a_long_value() {
    let long = "x".repeat(1_000_000);
    for line in [
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{long}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ask","params":{{"max_turns":"{long}"}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"approve","params":{{"decision":"{long}"}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"status"}}"#),
    ] {
        let (_, failure) = bad(line.as_bytes());
        assert!(failure.message.len() < 400, "{} bytes", failure.message.len());
    }
}

#[test]
fn what_is_no_json_object_is_refused_with_an_example() {
    for line in ["", "\n", "status", "42", "null", "\"status\"", "{", "{}{}", "GET / HTTP/1.1"] {
        let (id, failure) = bad(line.as_bytes());
        assert_eq!((id, failure.kind), (None, ErrorKind::Protocol), "{line:?}");
        assert!(failure.hint.contains(r#""method":"status""#));
    }
}

#[test]
fn a_field_given_twice_is_refused() {
    let (_, failure) = bad(br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"status"}"#);
    assert!(failure.message.contains("duplicate field"), "{failure}");
}

#[test]
fn an_event_of_a_newer_daemon_is_skipped() {
    let line = br#"{"jsonrpc":"2.0","method":"event","params":{"id":1,"event":{"weather":{"sun":true}}}}"#;
    assert!(rpc::read_reply("ask", line).unwrap().is_none());
}

#[test]
fn a_result_of_an_older_or_newer_daemon_is_read_as_far_as_it_is_known() {
    let line = br#"{"jsonrpc":"2.0","id":1,"result":{"pid":3,"later":[{}]}}"#;
    let (_, body) = rpc::read_reply("status", line).unwrap().unwrap();
    let Body::Done(proto::Response::Status(status)) = body else { panic!("{body:?}") };
    assert_eq!((status.pid, status.version.as_str()), (3, ""));
}

#[test]
fn an_error_of_unknown_kind_is_still_a_failure() {
    let line = br#"{"id":1,"error":{"code":-1,"message":"m","data":{"kind":"later","hint":"h"}}}"#;
    let expected = Failure::new(ErrorKind::Failure, "m").hint("h");
    assert_eq!(rpc::read_reply("ask", line).unwrap(), Some((Some(RequestId::Number(1)), Body::Failed(expected))));
    let bare = br#"{"id":null,"error":{"code":-32700,"message":"m"}}"#;
    let expected = Failure::new(ErrorKind::Failure, "m");
    assert_eq!(rpc::read_reply("ask", bare).unwrap(), Some((None, Body::Failed(expected))));
}

#[test]
fn an_orphan_error_has_a_null_id() {
    let line = rpc::write_orphan_error(&Failure::new(ErrorKind::Limit, "full")).unwrap();
    assert_eq!(
        line,
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32005,\"message\":\"full\",\"data\":{\"kind\":\"limit\",\"hint\":\"\"}}}\n"
    );
}

#[test]
fn a_reply_without_result_error_or_event_or_by_position_is_refused() {
    for line in [r#"{"id":1}"#, r#"[1,{},null,null]"#, "", r#"{"id":1,"result":[]}{}"#] {
        assert!(rpc::read_reply("status", line.as_bytes()).is_err(), "{line}");
    }
    assert!(rpc::read_reply("no such method", br#"{"id":1,"result":{}}"#).is_err());
}

#[test]
fn a_line_written_by_the_daemon_holds_a_text_where_a_pattern_finds_it() {
    let event = Event::Text(proto::Delta { delta: "a\"\\/\n\t\u{1}\u{7f}ü\u{1f600}".into() });
    let message = proto::ServerMessage { id: RequestId::Number(1), body: Body::Event(event) };
    assert_eq!(
        rpc::write_reply(&message).unwrap(),
        "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"id\":1,\"event\":{\"text\":{\"delta\":\
         \"a\\\"\\\\/\\n\\t\\u0001\u{7f}ü\u{1f600}\"}}}}\n"
    );
}

#[test]
fn every_error_kind_has_its_name_and_its_codes() {
    for kind in ErrorKind::ALL {
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.name()));
        assert_eq!(ErrorKind::from_name(kind.name()), kind);
        assert!(matches!(kind.exit_code(), 1..=7 | 130), "{kind:?}");
        assert!((-32200..=-32000).contains(&kind.rpc_code()) || (-32603..=-32600).contains(&kind.rpc_code()));
    }
    assert_eq!(ErrorKind::from_name("of a later daemon"), ErrorKind::Failure);
}

/// `ALL` holds its kinds in wire order, without a gap: the number after the last is no kind.
#[test]
fn all_error_kinds_are_in_all() {
    for (number, kind) in ErrorKind::ALL.into_iter().enumerate() {
        assert_eq!(proto::codec::encode(&kind).unwrap(), [number as u8]);
    }
    assert!(proto::codec::decode::<ErrorKind>(&[ErrorKind::ALL.len() as u8]).is_err());
}
