//! A binary reply that is read is written back so that it reads the same, and can be a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::{ServerMessage, codec, rpc};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = codec::decode::<ServerMessage>(bytes) {
        // By bytes, not by value: a price may be NaN, which equals nothing.
        let again = codec::encode(&message).unwrap();
        let twice = codec::encode(&codec::decode::<ServerMessage>(&again).unwrap()).unwrap();
        assert_eq!(again, twice);
        let line = rpc::write_reply(&message).unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
    }
});
