//! Bytes from somebody who means no good: nothing panics, and what is wrong is said. Memory is `allocation.rs`'s.

use proptest::{collection::vec, prelude::*};
use proto::{
    AskRequest, Attachment, ClientMessage, ErrorKind, Request, RequestId, ServerMessage,
    codec::{self, CodecError},
    frame,
    hello::{HELLO_LEN, Hello, HelloError},
    rpc::{self, Incoming},
};

use crate::{
    arbitrary::{body, request},
    samples,
};

fn everything(bytes: &[u8]) {
    if let Some(hello) = bytes.first_chunk::<HELLO_LEN>() {
        let _ = Hello::decode(hello);
    }
    if let Some(header) = bytes.first_chunk::<{ frame::HEADER_LEN }>() {
        let _ = frame::decode_header(*header);
    }
    let _ = frame::read(&mut &*bytes, &mut Vec::new());
    let _ = codec::decode::<ClientMessage>(bytes);
    let _ = codec::decode::<ServerMessage>(bytes);
    let _ = rpc::read_request(bytes);
    for method in Request::METHODS {
        let _ = rpc::read_reply(method, bytes);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        everything(&bytes);
    }

    #[test]
    fn arbitrary_text_after_a_brace_never_panics(text in r#"\{["a-z:,0-9\[\]{}.\\ ]{0,80}"#) {
        everything(text.as_bytes());
    }

    #[test]
    fn a_damaged_request_never_panics(request in request(), at: prop::sample::Index, byte: u8) {
        let message = ClientMessage { id: RequestId::Number(1), request };
        for mut bytes in [codec::encode(&message).unwrap(), rpc::write_request(&message).unwrap().into_bytes()] {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            everything(&bytes);
        }
    }

    #[test]
    fn a_damaged_reply_never_panics((_, body) in body(), at: prop::sample::Index, byte: u8) {
        let message = ServerMessage { id: RequestId::Number(1), body };
        for mut bytes in [codec::encode(&message).unwrap(), rpc::write_reply(&message).unwrap().into_bytes()] {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            everything(&bytes);
        }
    }

    #[test]
    fn a_hello_of_arbitrary_bytes_is_read_or_refused_for_a_reason(bytes: [u8; HELLO_LEN]) {
        if Hello::decode(&bytes).is_ok() {
            prop_assert!(bytes.starts_with(b"AGD\x01"));
        }
    }
}

#[test]
fn a_message_cut_at_any_byte_is_refused_by_both_codecs() {
    for (name, request) in samples::requests() {
        let message = ClientMessage { id: RequestId::Number(1), request };
        let payload = codec::encode(&message).unwrap();
        for cut in 0..payload.len() {
            assert!(codec::decode::<ClientMessage>(&payload[..cut]).is_err(), "{name}, payload cut at {cut}");
        }
        let line = rpc::write_request(&message).unwrap();
        for cut in 0..line.len() - 1 {
            let read = rpc::read_request(&line.as_bytes()[..cut]);
            assert!(matches!(read, Incoming::Bad(None, _)), "{name}, line cut at {cut}: {read:?}");
        }
    }
}

#[test]
fn bytes_left_over_are_refused_since_they_are_the_only_sign_of_another_schema() {
    let message = ClientMessage { id: RequestId::Number(1), request: Request::Status(proto::StatusRequest {}) };
    let mut payload = codec::encode(&message).unwrap();
    payload.push(0);
    assert!(matches!(codec::decode::<ClientMessage>(&payload), Err(CodecError::Trailing(1))));
}

/// A payload of `ask` whose prompt announces `len` bytes. A leading 0xfd is a length of 64 bits, 0xfc one of 32.
fn announced(len: &[u8]) -> Vec<u8> {
    let ask = ClientMessage { id: RequestId::Number(0), request: Request::Ask(AskRequest::default()) };
    let mut payload = codec::encode(&ask).unwrap()[..3].to_vec();
    payload.extend_from_slice(len);
    payload.extend_from_slice(b"short");
    payload
}

#[test]
fn a_hostile_length_of_a_text_is_refused() {
    let two_to_the_40 = [&[0xfd][..], &(1_u64 << 40).to_le_bytes()].concat();
    let four_gigabytes = [&[0xfc][..], &u32::MAX.to_le_bytes()].concat();
    let everything = [&[0xfd][..], &u64::MAX.to_le_bytes()].concat();
    for len in [two_to_the_40, four_gigabytes, everything] {
        let error = codec::decode::<ClientMessage>(&announced(&len)).unwrap_err();
        assert!(matches!(error, CodecError::Decode(_)), "{error}");
    }
}

#[test]
fn a_list_beyond_its_bound_is_refused_by_both_codecs() {
    let ask = |count: usize| ClientMessage {
        id: RequestId::Number(7),
        request: Request::Ask(AskRequest { attachments: vec![Attachment::default(); count], ..AskRequest::default() }),
    };
    let fits = ask(proto::ATTACHMENTS_MAX);
    assert_eq!(codec::decode::<ClientMessage>(&codec::encode(&fits).unwrap()).unwrap(), fits);
    assert_eq!(rpc::read_request(rpc::write_request(&fits).unwrap().as_bytes()), Incoming::Request(fits));

    let over = ask(proto::ATTACHMENTS_MAX + 1);
    let error = codec::decode::<ClientMessage>(&codec::encode(&over).unwrap()).unwrap_err();
    assert!(error.to_string().contains("at most 1024 elements"), "{error}");
    let Incoming::Bad(Some(RequestId::Number(7)), failure) =
        rpc::read_request(rpc::write_request(&over).unwrap().as_bytes())
    else {
        panic!("1,025 attachments were taken");
    };
    assert_eq!(failure.kind, ErrorKind::Usage);
    assert!(failure.message.contains("at most 1024 elements"), "{failure}");
}

#[test]
fn a_message_over_the_cap_is_not_encoded() {
    let prompt = "x".repeat(frame::FRAME_MAX);
    let ask = Request::Ask(AskRequest { prompt, ..AskRequest::default() });
    let error = codec::encode(&ClientMessage { id: RequestId::Number(1), request: ask }).unwrap_err();
    assert!(matches!(error, CodecError::Encode(_)), "{error}");
}

#[test]
fn deep_nesting_is_skipped_or_refused_without_a_deep_stack() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    let unknown = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"status","later":{deep}}}"#);
    assert!(matches!(rpc::read_request(unknown.as_bytes()), Incoming::Request(_)));
    let fields = [("jsonrpc", "\"2.0\""), ("id", "1"), ("method", "\"status\""), ("params", "{}")];
    for (deep_one, _) in fields {
        let value = |(name, usual): (&str, &str)| format!("{name:?}:{}", if name == deep_one { &deep } else { usual });
        let line = format!("{{{}}}", fields.map(value).join(","));
        assert!(matches!(rpc::read_request(line.as_bytes()), Incoming::Bad(..)), "{deep_one}");
    }
    let params = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ask","params":{{"prompt":{deep}}}}}"#);
    assert!(matches!(rpc::read_request(params.as_bytes()), Incoming::Bad(Some(_), _)));
    let open = r#"{"a":"#.repeat(1_000_000);
    assert!(matches!(rpc::read_request(open.as_bytes()), Incoming::Bad(None, _)));
    assert!(rpc::read_reply("ask", format!(r#"{{"id":1,"result":{deep}}}"#).as_bytes()).is_err());
}

#[test]
fn a_foreign_hello_is_refused_by_name() {
    let ours = Hello::ours("agentctl").encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = ours;
        bytes[at] = byte;
        Hello::decode(&bytes)
    };
    assert_eq!(with(0, b'B'), Err(HelloError::Magic));
    assert_eq!(with(3, 2), Err(HelloError::Layout(2)));
    assert_eq!(with(32, 64), Err(HelloError::Build));
    assert_eq!(with(33, 0xff), Err(HelloError::Build));
}

#[test]
fn another_fingerprint_or_major_is_another_wire_and_a_minor_is_not() {
    let ours = Hello::ours("agentctl");
    assert!(ours.same_wire(&Hello::ours("agentd")));
    assert!(ours.same_wire(&Hello { minor: 9, ..ours.clone() }));
    assert!(!ours.same_wire(&Hello { major: 9, ..ours.clone() }));
    assert!(!ours.same_wire(&Hello { fingerprint: [0; 16], ..ours.clone() }));
}
