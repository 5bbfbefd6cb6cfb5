//! What is written can be read, on both codecs, for every wire type.

use proptest::prelude::*;
use proto::{
    ClientMessage, RequestId, ServerMessage, codec,
    frame::{self, FrameKind},
    hello::Hello,
    rpc::{self, Incoming},
};

use crate::arbitrary::{body, id, request, text};

/// The longest id still travels; `text()` makes at most 12 characters, so ids of the strategy always fit.
fn client_message() -> impl Strategy<Value = ClientMessage> {
    (id(), request()).prop_map(|(id, request)| ClientMessage { id, request })
}

proptest! {
    #[test]
    fn a_request_survives_a_binary_frame(message in client_message()) {
        let mut wire = Vec::new();
        frame::write(&mut wire, FrameKind::Request, &codec::encode(&message).unwrap()).unwrap();
        let mut payload = Vec::new();
        let kind = frame::read(&mut wire.as_slice(), &mut payload).unwrap();
        prop_assert_eq!(kind, Some(FrameKind::Request));
        prop_assert_eq!(codec::decode::<ClientMessage>(&payload).unwrap(), message);
    }

    #[test]
    fn a_request_survives_a_line(message in client_message()) {
        let line = rpc::write_request(&message).unwrap();
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1), "one line, ended by its only newline");
        prop_assert_eq!(rpc::read_request(line.as_bytes()), Incoming::Request(message));
    }

    #[test]
    fn a_reply_survives_a_binary_payload(id in id(), (_, body) in body()) {
        let message = ServerMessage { id, body };
        let payload = codec::encode(&message).unwrap();
        prop_assert_eq!(codec::decode::<ServerMessage>(&payload).unwrap(), message);
    }

    #[test]
    fn a_reply_survives_a_line(id in id(), (method, body) in body()) {
        let message = ServerMessage { id, body };
        let line = rpc::write_reply(&message).unwrap();
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1), "one line, ended by its only newline");
        let (id, body) = rpc::read_reply(method, line.as_bytes()).unwrap().unwrap();
        prop_assert_eq!((id, body), (Some(message.id), message.body));
    }

    #[test]
    fn a_hello_survives(major: u16, minor: u16, fingerprint: [u8; 16], capabilities: u64, build in text()) {
        let hello = Hello { major, minor, fingerprint, capabilities, build };
        prop_assume!(hello.build.len() <= 63);
        prop_assert_eq!(Hello::decode(&hello.encode()).unwrap(), hello);
    }
}

#[test]
fn the_longest_id_survives_and_one_byte_more_is_refused_by_both_codecs() {
    let message = |len: usize| ClientMessage {
        id: RequestId::Text("x".repeat(len)),
        request: proto::Request::Status(proto::StatusRequest {}),
    };
    let fits = message(rpc::ID_MAX);
    assert_eq!(codec::decode::<ClientMessage>(&codec::encode(&fits).unwrap()).unwrap(), fits);
    assert_eq!(rpc::read_request(rpc::write_request(&fits).unwrap().as_bytes()), Incoming::Request(fits));

    let long = message(rpc::ID_MAX + 1);
    let error = codec::decode::<ClientMessage>(&codec::encode(&long).unwrap()).unwrap_err();
    assert!(error.to_string().contains("at most 256 bytes"), "{error}");
    assert!(matches!(rpc::read_request(rpc::write_request(&long).unwrap().as_bytes()), Incoming::Bad(None, _)));
}

#[test]
fn a_long_build_text_is_cut_between_two_characters() {
    let hello = Hello { build: "ü".repeat(40), ..Hello::ours("agentctl") };
    assert_eq!(Hello::decode(&hello.encode()).unwrap().build, "ü".repeat(31), "62 of the 63 bytes");
}
