//! Clients that do not read: they cost the daemon little, hold up nobody, and end with their connection.
//!
//! That such a client is dropped after 30 s is tested beside the code with a clock that does not wait.

use std::{
    io::{ErrorKind, Write},
    time::Duration,
};

use serde_json::json;
use tests::{
    provider::{Fault, Outcome, Scenario, Step},
    wait_until,
};

use crate::{DEADLINE, Stage, end, memory, offline, status};

/// Bytes of an answer that no socket buffer holds.
const ANSWER: usize = 1024 * 1024;
/// Bytes of it in one event.
const PIECE: usize = 4 * 1024;
/// Bytes in a client's socket that it has not read: the daemon waits for it then, or soon will.
const UNREAD: u64 = 64 * 1024;
/// What a client that does not read may cost, in KiB: the buffers of one connection, not its answer or its requests.
const GROWTH_KIB: u64 = 24 * 1024;

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_its_turn_ends_with_it() {
    let big = Step::text("x".repeat(ANSWER)).chunks(PIECE, 0).fault(Fault::Stall(ANSWER / PIECE));
    let scenario = Scenario::new().step(big.when_contains("much")).text("at once");
    let stage = Stage::with_config(scenario, "[provider]\nmax_tokens = 300000\n");
    let before = memory(stage.daemon.pid(), "VmRSS");
    let mut deaf = stage.rpc();
    deaf.send("ask", &stage.question("much?"));
    wait_until(DEADLINE, "the client's socket to fill", || {
        rustix::io::ioctl_fionread(deaf.stream()).unwrap() >= UNREAD
    });
    let mut rpc = stage.rpc();
    assert_eq!(rpc.call("ask", &stage.question("little?")).unwrap()["answer"], "at once");
    assert_eq!(status(&mut rpc)["turns"], 1, "the other one waits for its client");
    let grown = memory(stage.daemon.pid(), "VmHWM").saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB for a client that does not read");
    drop(deaf);
    stage.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    stage.wait_idle();
    drop(rpc);
    stage.end();
}

/// Bytes of requests that a client would like to send without reading a reply.
const REQUESTS: usize = 16 * 1024 * 1024;
/// A socket that took nothing for this long is full.
const FULL: Duration = Duration::from_millis(500);

#[test]
fn a_client_that_sends_without_reading_is_not_read_either_and_loses_no_reply() {
    let (daemon, home) = offline();
    let mut deaf = home.rpc();
    deaf.stream().set_write_timeout(Some(FULL)).unwrap();
    let before = memory(daemon.pid(), "VmRSS");
    let line = |id: usize| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"status\"}}\n");
    let (mut id, mut sent, mut rest) = (0, 0, String::new());
    let full = loop {
        if rest.is_empty() {
            id += 1;
            rest = line(id);
        }
        match deaf.stream().write(rest.as_bytes()) {
            Ok(n) => {
                sent += n;
                rest.drain(..n);
            }
            Err(e) => break matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
        if sent > REQUESTS {
            break false;
        }
    };
    assert!(full, "{sent} bytes of requests were taken from a client that does not read");
    let grown = memory(daemon.pid(), "VmHWM").saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB for {sent} bytes of requests");
    assert_eq!(status(&mut home.rpc())["pid"], daemon.pid(), "others are served");
    let whole = if rest.len() == line(id).len() { id - 1 } else { id };
    let mut writer = deaf.stream().try_clone().unwrap();
    let finish = std::thread::spawn(move || writer.write_all(rest.as_bytes()));
    let mut ids: Vec<i64> = Vec::new();
    for _ in 0..whole {
        let reply: serde_json::Value = serde_json::from_str(&deaf.read_line()).unwrap();
        // Requests come quicker than they are carried out: some are over the limit of those at once.
        let kind = &reply["error"]["data"]["kind"];
        assert!(reply["result"]["pid"] == daemon.pid() || kind == "limit", "{reply}");
        ids.push(reply["id"].as_i64().unwrap());
    }
    finish.join().unwrap().unwrap();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), whole, "each request has one reply");
    deaf.stream().set_write_timeout(Some(DEADLINE)).unwrap();
    drop(deaf);
    assert!(home.rpc().call("status", &json!({})).is_ok());
    end(daemon, &home);
}
