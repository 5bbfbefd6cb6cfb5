//! A line: a request that is read survives both codecs; a refusal is short; a reply never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::{
    ClientMessage, Request, codec,
    rpc::{self, Incoming},
};

fuzz_target!(|line: &[u8]| {
    match rpc::read_request(line) {
        Incoming::Request(message) => {
            let payload = codec::encode(&message).unwrap();
            assert_eq!(codec::decode::<ClientMessage>(&payload).unwrap(), message);
            let again = rpc::write_request(&message).unwrap();
            assert_eq!(rpc::read_request(again.as_bytes()), Incoming::Request(message));
        }
        Incoming::Notification(_) => {}
        Incoming::Ignored(failure) | Incoming::Bad(_, failure) => assert!(failure.message.len() < 1_000),
    }
    for method in Request::METHODS {
        let _ = rpc::read_reply(method, line);
    }
});
