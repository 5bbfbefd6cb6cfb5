//! A hello that is read is written back to the same bytes, up to the padding of the build text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::hello::{HELLO_LEN, Hello};

fuzz_target!(|bytes: [u8; HELLO_LEN]| {
    if let Ok(hello) = Hello::decode(&bytes) {
        let used = 33 + hello.build.len();
        assert_eq!(hello.encode()[..used], bytes[..used]);
    }
});
