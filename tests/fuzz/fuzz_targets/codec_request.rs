//! A binary request that is read survives both codecs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::{
    ClientMessage, codec,
    rpc::{self, Incoming},
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = codec::decode::<ClientMessage>(bytes) {
        let again = codec::encode(&message).unwrap();
        assert_eq!(codec::decode::<ClientMessage>(&again).unwrap(), message);
        let line = rpc::write_request(&message).unwrap();
        assert_eq!(rpc::read_request(line.as_bytes()), Incoming::Request(message));
    }
});
