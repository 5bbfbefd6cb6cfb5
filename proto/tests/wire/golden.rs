//! Golden bytes: what every wire value looks like, in binary frames and as a line of JSON.
//!
//! A table that differs is a change of the wire. Old blocks of `frozen.txt` never change, for any reason; a changed
//! block elsewhere means that older peers must still read its JSON. `UPDATE_GOLDEN=1 cargo test -p proto` rewrites all
//! tables but an existing `frozen.txt`.

use std::{collections::BTreeSet, env, fmt::Write as _, fs, path::PathBuf};

use proto::{
    AccessClass, Body, ClientMessage, Decision, ErrorKind, Event, Failure, Request, RequestId, Response, ServerMessage,
    Source, Verdict, codec, frame,
    hello::Hello,
    rpc::{self, Incoming},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::samples;

struct Block {
    name: String,
    hex: String,
    json: String,
}

impl Block {
    fn new(name: impl Into<String>, bytes: &[u8], json: &str) -> Self {
        Self { name: name.into(), hex: hex(bytes), json: json.trim_end().to_owned() }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Holds the blocks against the table of that name, and returns the table's own blocks to be read back.
fn hold(table: &str, head: &str, blocks: &[Block]) -> Vec<Block> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(table);
    let mut text =
        format!("# {head}\n# Written by tests/wire/golden.rs: a name, the bincode payload, the line of JSON.\n");
    for Block { name, hex, json } in blocks {
        write!(text, "\n== {name}\nhex  {hex}\njson {json}\n").unwrap();
    }
    if env::var_os("UPDATE_GOLDEN").is_some() && (table != "frozen.txt" || !path.exists()) {
        fs::write(&path, &text).unwrap();
    }
    let pinned = fs::read_to_string(&path).unwrap();
    for (pinned, now) in pinned.lines().zip(text.lines()) {
        assert_eq!(pinned, now, "{table} differs: see the head of tests/wire/golden.rs before you change it");
    }
    assert_eq!(pinned.lines().count(), text.lines().count(), "{table} has a different number of lines");
    parse(&pinned)
}

fn parse(table: &str) -> Vec<Block> {
    let block = |part: &str| {
        let mut lines = part.lines();
        let name = lines.next().unwrap().to_owned();
        let hex = lines.next().unwrap().strip_prefix("hex  ").unwrap().to_owned();
        let json = lines.next().unwrap().strip_prefix("json ").unwrap().to_owned();
        Block { name, hex, json }
    };
    table.split("\n== ").skip(1).map(block).collect()
}

fn request_block(name: &str, request: &Request) -> Block {
    let message = ClientMessage { id: RequestId::Number(1), request: request.clone() };
    Block::new(name, &codec::encode(&message).unwrap(), &rpc::write_request(&message).unwrap())
}

fn reply_block(name: &str, body: Body) -> Block {
    let message = ServerMessage { id: RequestId::Number(1), body };
    Block::new(name, &codec::encode(&message).unwrap(), &rpc::write_reply(&message).unwrap())
}

fn assert_request(block: &Block, request: &Request) {
    let message = ClientMessage { id: RequestId::Number(1), request: request.clone() };
    assert_eq!(codec::decode::<ClientMessage>(&unhex(&block.hex)).unwrap(), message);
    assert_eq!(rpc::read_request(block.json.as_bytes()), Incoming::Request(message));
}

fn assert_reply(block: &Block, method: &str, body: &Body) {
    let message = ServerMessage { id: RequestId::Number(1), body: body.clone() };
    assert_eq!(codec::decode::<ServerMessage>(&unhex(&block.hex)).unwrap(), message);
    let (id, read) = rpc::read_reply(method, block.json.as_bytes()).unwrap().unwrap();
    assert_eq!((id, &read), (Some(message.id), body));
}

/// Every block holds one method per line, so the line tells the method even where the name says more.
fn method(block: &Block) -> &str {
    block.name.split([' ', ',']).next().unwrap()
}

#[test]
fn requests_have_their_golden_bytes() {
    let samples = samples::requests();
    let blocks: Vec<_> = samples.iter().map(|(name, request)| request_block(name, request)).collect();
    let pinned = hold("request.txt", "Every request, as a client sends it under id 1.", &blocks);
    for (block, (_, request)) in pinned.iter().zip(&samples) {
        assert_request(block, request);
    }
    let methods: BTreeSet<_> = samples.iter().map(|(_, request)| request.method()).collect();
    assert_eq!(methods, Request::METHODS.iter().copied().collect(), "a request has no sample");
}

#[test]
fn responses_have_their_golden_bytes() {
    let samples = samples::responses();
    let blocks: Vec<_> = samples.iter().map(|(name, it)| reply_block(name, Body::Done(it.clone()))).collect();
    let pinned = hold("response.txt", "The result of every request, under id 1.", &blocks);
    for (block, (_, response)) in pinned.iter().zip(&samples) {
        assert_reply(block, method(block), &Body::Done(response.clone()));
    }
    let methods: BTreeSet<_> = pinned.iter().map(method).collect();
    assert_eq!(methods, Request::METHODS.iter().copied().collect(), "a response has no sample");
}

#[test]
fn events_have_their_golden_bytes() {
    let samples = samples::events();
    let blocks: Vec<_> = samples.iter().map(|(name, it)| reply_block(name, Body::Event(it.clone()))).collect();
    let pinned = hold("event.txt", "Every event, under id 1.", &blocks);
    for (block, (_, event)) in pinned.iter().zip(&samples) {
        assert_reply(block, "ask", &Body::Event(event.clone()));
    }
    let variants: BTreeSet<_> = samples.iter().map(|(_, event)| event_name(event)).collect();
    assert_eq!(variants.len(), EVENTS, "an event has no sample");
}

/// A new event does not compile here; give it a sample too.
fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Started(_) => "started",
        Event::Text(_) => "text",
        Event::Reasoning(_) => "reasoning",
        Event::TextEnd(_) => "text_end",
        Event::ToolStarted(_) => "tool_started",
        Event::ToolFinished(_) => "tool_finished",
        Event::Approval(_) => "approval",
        Event::Retry(_) => "retry",
        Event::Notice(_) => "notice",
    }
}
const EVENTS: usize = 9;

#[test]
fn failures_of_every_kind_have_their_golden_bytes() {
    let failure = |kind: ErrorKind| Failure::new(kind, "what failed").hint("what to type");
    let blocks: Vec<_> =
        ErrorKind::ALL.into_iter().map(|kind| reply_block(kind.name(), Body::Failed(failure(kind)))).collect();
    let pinned = hold("error_kind.txt", "A failure of every kind, under id 1.", &blocks);
    for (block, kind) in pinned.iter().zip(ErrorKind::ALL) {
        assert_reply(block, "ask", &Body::Failed(failure(kind)));
    }
}

fn plain<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(values: &[T]) -> Vec<Block> {
    let block = |value: &T| {
        let (bytes, json) = (codec::encode(value).unwrap(), serde_json::to_string(value).unwrap());
        assert_eq!(&codec::decode::<T>(&bytes).unwrap(), value);
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
        Block::new(format!("{value:?}"), &bytes, &json)
    };
    values.iter().map(block).collect()
}

#[test]
fn the_enums_inside_have_their_golden_bytes() {
    let sources = [Source::Model, Source::Exact, Source::Near, Source::Verdict, Source::Offline];
    hold("source.txt", "Source.", &plain(&sources));
    hold("verdict.txt", "Verdict.", &plain(&[Verdict::Allow, Verdict::Approved, Verdict::Declined, Verdict::Denied]));
    hold("decision.txt", "Decision.", &plain(&[Decision::No, Decision::Once, Decision::Session]));
    hold("access_class.txt", "AccessClass.", &plain(&[AccessClass::Read, AccessClass::Ask, AccessClass::Admin]));
    let ids = [
        RequestId::Number(0),
        RequestId::Number(-1),
        RequestId::Number(i64::MIN),
        RequestId::Number(i64::MAX),
        RequestId::Text(String::new()),
        RequestId::Text("tab 4 → ü".into()),
    ];
    hold("request_id.txt", "RequestId.", &plain(&ids));
}

#[test]
fn the_frozen_messages_never_change() {
    let hello = Hello {
        major: 1,
        minor: 258,
        fingerprint: *b"0123456789abcdef",
        capabilities: 0x0102_0304_0506_0708,
        build: "agentctl 0.1.0".into(),
    };
    let mut blocks = vec![Block::new("hello", &hello.encode(), "-")];
    let header = frame::encode_header(frame::FrameKind::Request, 0x01_0203).unwrap();
    blocks.push(Block::new("frame header, request of 0x010203 bytes", &header, "-"));
    let header = frame::encode_header(frame::FrameKind::Reply, 5).unwrap();
    blocks.push(Block::new("frame header, reply of 5 bytes", &header, "-"));
    let frozen = |method: &str| matches!(method, "status" | "stop");
    let requests: Vec<_> = samples::requests().into_iter().filter(|(_, it)| frozen(it.method())).collect();
    blocks.extend(requests.iter().map(|(name, it)| request_block(&format!("{name}: request"), it)));
    let responses: Vec<_> = samples::responses()
        .into_iter()
        .filter(|(_, it)| matches!(it, Response::Status(_) | Response::Stop(_)))
        .collect();
    blocks.extend(responses.iter().map(|(name, it)| reply_block(&format!("{name}: response"), Body::Done(it.clone()))));

    let pinned =
        hold("frozen.txt", "FROZEN: these bytes never change, so that any client can talk to any daemon.", &blocks);
    assert_eq!(Hello::decode(&unhex(&pinned[0].hex).try_into().unwrap()).unwrap(), hello);
    for (block, (_, request)) in pinned[3..].iter().zip(&requests) {
        assert_request(block, request);
    }
    for (block, (name, response)) in pinned[3 + requests.len()..].iter().zip(&responses) {
        assert_reply(block, name, &Body::Done(response.clone()));
    }
}
