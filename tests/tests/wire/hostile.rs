//! Bytes that are not this protocol: refused in words where words are possible, closed, and never expensive.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use proto::{
    HELLO_DEADLINE,
    frame::FRAME_MAX,
    hello::{HELLO_LEN, Hello},
};
use tests::{FrameClient, Home, RpcClient};

use crate::{DEADLINE, end, log, memory, offline, orphan};

/// How much later than its deadline the daemon may act on a loaded machine.
const SLACK: Duration = Duration::from_secs(5);
/// What a message at the cap may cost, in KiB: the message and a copy of it, with the reserve of a growing buffer.
const GROWTH_KIB: u64 = 40 * 1024;

/// Sends bytes to a fresh connection and expects the refusal and the end.
#[track_caller]
fn refused(home: &Home, bytes: &[u8], cause: &str) {
    let mut rpc = home.rpc();
    rpc.send_bytes(bytes);
    let failure = orphan(&mut rpc);
    assert_eq!((failure.code, failure.kind.as_str()), (-32600, "protocol"), "{failure:?}");
    assert!(failure.message.contains(cause), "{cause:?} is not in {failure:?}");
    assert!(rpc.is_closed_within(DEADLINE));
}

/// Writes until all is written or the other side is gone.
fn pour(mut stream: &UnixStream, bytes: &[u8]) {
    match stream.write_all(bytes) {
        Ok(()) => {}
        Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
        Err(e) => panic!("the daemon neither reads nor closes: {e}"),
    }
}

#[test]
fn a_garbage_first_byte_is_named_and_the_connection_closed() {
    let (daemon, home) = offline();
    for (bytes, cause) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "0x47"),
        (b"\0\0\0\0", "0x00"),
        (b"\xff", "0xff"),
        (b"\x16\x03\x01", "0x16"),
        (b"\"status\"\n", "0x22"),
        (b"hello\n", "0x68"),
        // The length of another line protocol: nothing is reserved for it.
        (b"Content-Length: 1099511627776\r\n\r\n{}", "0x43"),
    ] {
        refused(&home, bytes, cause);
    }
    end(daemon, &home);
}

#[test]
fn half_a_hello_is_refused_after_two_seconds() {
    let (daemon, home) = offline();
    let begun = Instant::now();
    let hello = Hello::ours("half").encode();
    refused(&home, &hello[..HELLO_LEN / 2], "the hello did not come within 2 seconds");
    let took = begun.elapsed();
    assert!(took >= HELLO_DEADLINE && took < HELLO_DEADLINE + SLACK, "{took:?}");
    end(daemon, &home);
}

#[test]
fn half_a_first_line_is_refused_after_two_seconds_even_when_it_drips() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    let writer = rpc.stream().try_clone().unwrap();
    let begun = Instant::now();
    rpc.send_bytes(b"{\"jsonrpc\":");
    // A byte after every look that found nothing: a drip with the pace of the deadline of the read.
    let failure = loop {
        match rpc.try_read_line(Duration::from_millis(100)) {
            Ok(line) => break line,
            Err(e) if e.kind() == ErrorKind::TimedOut => pour(&writer, b" "),
            Err(e) => panic!("closed without a word: {e}"),
        }
        assert!(begun.elapsed() < HELLO_DEADLINE + SLACK, "the line still drips");
    };
    assert!(failure.contains("the message did not end within 2 seconds"), "{failure}");
    assert!(begun.elapsed() >= HELLO_DEADLINE);
    assert!(rpc.is_closed_within(DEADLINE));
    end(daemon, &home);
}

#[test]
fn clients_that_leave_within_a_message_leave_nothing_behind() {
    let (daemon, home) = offline();
    let hello = Hello::ours("gone").encode();
    let mut frame = hello.to_vec();
    frame.extend_from_slice(&[1, 100, 0, 0, 0, 1, 2, 3]);
    for bytes in [&b""[..], b"A", &hello[..50], b"{\"jsonrpc\":", &hello, &frame[..HELLO_LEN + 3], &frame] {
        let mut stream = UnixStream::connect(home.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        stream.take(100_000).read_to_end(&mut rest).unwrap();
        // A line that ends with the stream is a line: it is answered. The rest is closed without a word.
        assert_eq!(rest.starts_with(b"{"), bytes.starts_with(b"{"), "{:?}", String::from_utf8_lossy(&rest));
    }
    tests::wait_until(DEADLINE, "the connections to be gone", || crate::status(&mut home.rpc())["connections"] == 1);
    end(daemon, &home);
}

#[test]
fn a_hello_that_is_none_is_told_what_is_wrong() {
    let (daemon, home) = offline();
    let good = Hello::ours("tests").encode();
    let with = |at: usize, byte: u8| {
        let mut hello = good;
        hello[at] = byte;
        hello
    };
    refused(&home, &with(2, b'X'), "the magic bytes are missing");
    refused(&home, &with(3, 9), "unknown hello layout 9");
    refused(&home, &with(32, 64), "build text");
    refused(&home, &with(33, 0xff), "build text");
    end(daemon, &home);
}

/// The connection ends without a reply; a client of frames has no message that belongs to no request.
#[track_caller]
fn assert_dropped(mut client: FrameClient) {
    match client.try_read() {
        Ok(None) => {}
        Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        other => panic!("expected the end of the connection, got {other:?}"),
    }
}

#[test]
fn frames_that_are_none_end_the_connection_and_the_log_says_why() {
    let (daemon, home) = offline();
    // A length of 2^40 in eight bytes: its first four are zero, and no request is empty.
    let wide = [[1].as_slice(), &(1_u64 << 40).to_le_bytes()].concat();
    for (bytes, cause) in [
        (&b"\x01\xff\xff\xff\xff"[..], "a frame of 4294967295 bytes is over the limit of 8388608"),
        (b"\x01\x01\x00\x80\x00", "a frame of 8388609 bytes is over the limit"),
        (&wide, "cannot decode the message"),
        (b"\x07\x00\x00\x00\x00", "unknown frame kind 0x07"),
        (b"\x02\x01\x00\x00\x00\x00", "a reply frame from a client"),
        (b"\x01\x04\x00\x00\x00\xff\xff\xff\xff", "cannot decode the message"),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n", "unknown frame kind 0x7b"),
    ] {
        let before = memory(daemon.pid(), "VmHWM");
        let mut client = home.frames();
        pour(client.stream(), bytes);
        assert_dropped(client);
        let grown = memory(daemon.pid(), "VmHWM") - before;
        assert!(grown < GROWTH_KIB, "{grown} KiB for {bytes:?}");
        tests::wait_until(DEADLINE, &format!("{cause:?} in the log"), || log(&home).contains(cause));
    }
    end(daemon, &home);
}

#[test]
fn a_line_over_eight_mebibytes_is_refused_and_the_memory_does_not_jump() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    let before = memory(daemon.pid(), "VmHWM");
    let writer = rpc.stream().try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        pour(&writer, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ask\",\"params\":{\"prompt\":\"");
        // Four times the cap, if anybody took it.
        let piece = vec![b'x'; 1024 * 1024];
        (0..4 * FRAME_MAX / piece.len()).for_each(|_| pour(&writer, &piece));
    });
    let failure = orphan(&mut rpc);
    assert_eq!(failure.kind, "protocol");
    assert!(failure.message.contains("a line of more than 8388608 bytes"), "{failure:?}");
    assert!(rpc.is_closed_within(DEADLINE));
    sending.join().unwrap();
    let grown = memory(daemon.pid(), "VmHWM") - before;
    assert!(grown < GROWTH_KIB, "{grown} KiB for a line of at most {FRAME_MAX} bytes");
    end(daemon, &home);
}

#[test]
fn numbers_out_of_all_proportion_inside_a_line_are_plain_errors() {
    let (daemon, home) = offline();
    let mut rpc: RpcClient = home.rpc();
    let before = memory(daemon.pid(), "VmHWM");
    for params in [
        r#"{"prompt":"x","cwd":"/","max_turns":1099511627776}"#,
        r#"{"prompt":"x","cwd":"/","timeout_ms":-1}"#,
        r#"{"prompt":"x","cwd":"/","timeout_ms":1e300}"#,
        r#"{"prompt":"x","cwd":"/","attachments":1099511627776}"#,
    ] {
        rpc.send_line(&format!(r#"{{"jsonrpc":"2.0","id":4,"method":"ask","params":{params}}}"#));
        let failure = rpc.wait_result(4).unwrap_err();
        assert_eq!(failure.kind, "usage", "{params}: {failure:?}");
    }
    let deep = format!(r#"{{"jsonrpc":"2.0","id":5,"method":"status","params":{}}}"#, "[".repeat(1_000_000));
    rpc.send_line(&deep);
    assert_eq!(orphan(&mut rpc).kind, "protocol", "no stack is lost over a million brackets");
    let grown = memory(daemon.pid(), "VmHWM") - before;
    assert!(grown < GROWTH_KIB, "{grown} KiB");
    drop(rpc);
    end(daemon, &home);
}
