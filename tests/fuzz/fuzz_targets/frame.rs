//! A stream of frames: every frame that is read is written back to the same bytes, and nothing is read beyond the cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::frame;

fuzz_target!(|bytes: &[u8]| {
    let (mut from, mut payload) = (bytes, Vec::new());
    loop {
        let before = from;
        match frame::read(&mut from, &mut payload) {
            Ok(Some(kind)) => {
                let frame = frame::encode(kind, &payload).unwrap();
                assert_eq!(before[..frame.len()], frame);
                assert_eq!(before.len() - from.len(), frame.len());
            }
            Ok(None) => return assert!(before.is_empty()),
            Err(_) => return assert!(payload.len() <= frame::FRAME_MAX),
        }
    }
});
