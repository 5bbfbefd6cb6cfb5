//! Frames over a stream: ends, cuts, caps, slow senders.

use std::io::{self, Read};

use proto::frame::{self, FRAME_MAX, FrameError, FrameKind};

/// Gives one byte a read, with an interruption before each.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = to.len().min(1);
        self.0.read(&mut to[..len])
    }
}

#[test]
fn frames_follow_one_another_and_the_stream_ends_cleanly_between_them() {
    let mut wire = Vec::new();
    frame::write(&mut wire, FrameKind::Request, b"one").unwrap();
    frame::write(&mut wire, FrameKind::Reply, b"").unwrap();
    let (mut from, mut payload) = (wire.as_slice(), b"what was there before".to_vec());
    assert_eq!(frame::read(&mut from, &mut payload).unwrap(), Some(FrameKind::Request));
    assert_eq!(payload, b"one");
    assert_eq!(frame::read(&mut from, &mut payload).unwrap(), Some(FrameKind::Reply));
    assert_eq!(payload, b"");
    assert_eq!(frame::read(&mut from, &mut payload).unwrap(), None);
}

#[test]
fn a_sender_of_single_bytes_and_interruptions_are_waited_for() {
    let wire = frame::encode(FrameKind::Reply, b"slowly").unwrap();
    let mut payload = Vec::new();
    assert_eq!(frame::read(&mut Slow(&wire, false), &mut payload).unwrap(), Some(FrameKind::Reply));
    assert_eq!(payload, b"slowly");
}

#[test]
fn a_payload_larger_than_one_step_arrives_whole() {
    let sent: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let wire = frame::encode(FrameKind::Request, &sent).unwrap();
    let mut payload = Vec::new();
    frame::read(&mut wire.as_slice(), &mut payload).unwrap();
    assert!(payload == sent);
}

#[test]
fn a_frame_cut_at_any_byte_is_an_error_and_not_an_end() {
    let wire = frame::encode(FrameKind::Request, b"payload").unwrap();
    for cut in 1..wire.len() {
        let error = frame::read(&mut &wire[..cut], &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
    }
}

#[test]
fn the_cap_is_exact_on_both_sides() {
    let header = frame::encode_header(FrameKind::Request, FRAME_MAX).unwrap();
    assert_eq!(frame::decode_header(header), Ok((FrameKind::Request, FRAME_MAX)));
    let over = FRAME_MAX as u64 + 1;
    assert_eq!(frame::encode_header(FrameKind::Request, FRAME_MAX + 1), Err(FrameError::TooLarge(over)));
    let [a, b, c, d] = (over as u32).to_le_bytes();
    assert_eq!(frame::decode_header([1, a, b, c, d]), Err(FrameError::TooLarge(over)));
}

#[test]
fn a_length_beyond_32_bits_is_refused_and_not_cut() {
    assert_eq!(frame::encode_header(FrameKind::Reply, 1 << 40), Err(FrameError::TooLarge(1 << 40)));
    assert_eq!(frame::decode_header([1, 255, 255, 255, 255]), Err(FrameError::TooLarge(u64::from(u32::MAX))));
}

#[test]
fn a_bad_header_is_invalid_data_and_the_message_names_it() {
    let error = frame::read(&mut [9_u8, 0, 0, 0, 0].as_slice(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(error.to_string(), "unknown frame kind 0x09");
    let error = frame::read(&mut [1_u8, 255, 255, 255, 255].as_slice(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "a frame of 4294967295 bytes is over the limit of 8388608");
}
