//! Memory that input can claim: measured with an allocator that counts, because a limit that is only believed is none.
//!
//! Requests come from whoever may connect: at most [`CLAIM_MAX`] for a binary one and four times its length for a line,
//! whatever they announce. Replies come from the user's own daemon and hold longer lists: at most forty times their
//! length.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use proptest::{collection::vec, prelude::*};
use proto::{
    Answer, AskRequest, Attachment, Body, ClientMessage, ConversationView, Exchange, Request, RequestId, ServerMessage,
    SessionDetail, SessionsListRequest, StatusRequest, codec,
    frame::{self, FRAME_MAX, FrameKind},
    hello::{HELLO_LEN, Hello},
    rpc::{self, Incoming},
};

/// The cap of a frame and the quarter that the codec adds for short texts.
const CLAIM_MAX: usize = FRAME_MAX + FRAME_MAX / 4;
/// For messages, errors and the small change of the parsers.
const SLACK: usize = 64 * 1024;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn grown(by: usize) {
    HELD.set(HELD.get() + by);
    PEAK.set(PEAK.get().max(HELD.get()));
}

fn shrunk(by: usize) {
    // Memory that another thread had allocated was never counted here.
    HELD.set(HELD.get().saturating_sub(by));
}

// The standard library offers no safe way to count. Every call goes to the system's allocator with the arguments it
// came with; the counters are plain cells of the thread, which need no allocation and no destructor.
#[allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait; see above")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        shrunk(layout.size());
        unsafe { System.dealloc(at, layout) }
    }

    /// Counts the old and the new block together, as they may both exist for a moment.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grown(size);
        shrunk(layout.size());
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most memory that `work` held at once, above what was held before.
fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    (PEAK.get() - before, result)
}

fn peak_of_requests(bytes: &[u8]) {
    let (held, _) = peak(|| bytes.first_chunk::<HELLO_LEN>().map(Hello::decode));
    assert!(held <= 63, "hello: {held}");
    let (held, _) = peak(|| codec::decode::<ClientMessage>(bytes));
    assert!(held <= CLAIM_MAX + SLACK, "binary request of {}: {held}", bytes.len());
    let (held, _) = peak(|| rpc::read_request(bytes));
    assert!(held <= 4 * bytes.len() + SLACK, "line of {}: {held}", bytes.len());
    let (held, _) = peak(|| frame::read(&mut &*bytes, &mut Vec::new()));
    assert!(held <= 3 * bytes.len() + 2 * SLACK, "frame of {}: {held}", bytes.len());
}

fn peak_of_replies(bytes: &[u8]) {
    let (held, _) = peak(|| codec::decode::<ServerMessage>(bytes));
    assert!(held <= CLAIM_MAX.max(40 * bytes.len()) + SLACK, "binary reply of {}: {held}", bytes.len());
    for method in Request::METHODS {
        let (held, _) = peak(|| rpc::read_reply(method, bytes));
        assert!(held <= 40 * bytes.len() + SLACK, "reply to {method} of {}: {held}", bytes.len());
    }
}

#[test]
fn the_counter_counts() {
    let (held, kept) = peak(|| {
        drop(vec![0_u8; 1_000_000]);
        vec![0_u8; 1_000]
    });
    assert_eq!(held, 1_000_000);
    drop(kept);
}

proptest! {
    #[test]
    fn arbitrary_bytes_claim_no_memory(bytes in vec(any::<u8>(), 0..400)) {
        peak_of_requests(&bytes);
        peak_of_replies(&bytes);
    }

    /// Small numbers are what lengths, tags and counts look like: far more of these decode a good way in.
    #[test]
    fn small_bytes_claim_no_memory(bytes in vec(0_u8..12, 0..2_000)) {
        peak_of_requests(&bytes);
        peak_of_replies(&bytes);
    }

    #[test]
    fn a_message_with_a_hostile_length_anywhere_claims_no_memory(at: prop::sample::Index, length in hostile_length()) {
        for bytes in [codec::encode(&ask(3, "name")).unwrap(), codec::encode(&sessions(3, 3)).unwrap()] {
            let at = at.index(bytes.len());
            let bytes = [&bytes[..at], &length, &bytes[at..]].concat();
            peak_of_requests(&bytes);
            peak_of_replies(&bytes);
        }
    }
}

/// 2^40, 2^32-1, the largest of 64 bits, just below the cap, and the cap itself, as the codec writes them.
fn hostile_length() -> impl Strategy<Value = Vec<u8>> {
    let lengths = [1 << 40, u64::from(u32::MAX), u64::MAX, FRAME_MAX as u64 - 100, FRAME_MAX as u64];
    prop::sample::select(lengths.map(|length| [&[0xfd], &length.to_le_bytes()[..]].concat()).to_vec())
}

fn ask(attachments: usize, text: &str) -> ClientMessage {
    let attachment = Attachment { name: text.into(), text: text.into() };
    let ask = AskRequest { attachments: vec![attachment; attachments], ..AskRequest::default() };
    ClientMessage { id: RequestId::Number(1), request: Request::Ask(ask) }
}

fn sessions(conversations: usize, exchanges: usize) -> ServerMessage {
    let conversation = ConversationView { exchanges: vec![Exchange::default(); exchanges], ..Default::default() };
    let detail = SessionDetail { conversations: vec![conversation; conversations], ..Default::default() };
    ServerMessage { id: RequestId::Number(1), body: Body::Done(detail.into()) }
}

#[test]
fn a_frame_that_announces_8_mib_and_sends_nothing_costs_one_step() {
    let header = frame::encode_header(FrameKind::Request, FRAME_MAX).unwrap();
    let (held, read) = peak(|| frame::read(&mut header.as_slice(), &mut Vec::new()));
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(held <= SLACK, "{held}");
}

#[test]
fn the_largest_frame_costs_at_most_three_times_its_length() {
    let wire = frame::encode(FrameKind::Request, &vec![7; FRAME_MAX]).unwrap();
    let mut payload = Vec::new();
    let (held, _) = peak(|| frame::read(&mut wire.as_slice(), &mut payload).unwrap());
    assert_eq!(payload.len(), FRAME_MAX);
    assert!(held <= 3 * FRAME_MAX, "{held}");
}

#[test]
fn a_binary_request_of_exactly_the_cap_is_read_and_costs_no_more() {
    let mut message = ask(proto::ATTACHMENTS_MAX, "x");
    let short = codec::encode(&message).unwrap().len();
    let Request::Ask(ask) = &mut message.request else { panic!("an ask") };
    // The length of a prompt this long takes four bytes more than that of an empty one.
    ask.prompt = "x".repeat(FRAME_MAX - short - 4);
    let payload = codec::encode(&message).unwrap();
    assert_eq!(payload.len(), FRAME_MAX);
    let (held, read) = peak(|| codec::decode::<ClientMessage>(&payload));
    assert_eq!(read.unwrap(), message);
    assert!(held <= FRAME_MAX + 4 * SLACK, "{held}");
}

#[test]
fn eight_mib_of_empty_attachments_cost_a_refusal() {
    let mut payload = codec::encode(&ask(0, "")).unwrap();
    payload.truncate(4);
    payload.extend([0xfc, 0xff, 0xff, 0x3f, 0]);
    payload.resize(FRAME_MAX, 0);
    let (held, message) = peak(|| codec::decode::<ClientMessage>(&payload));
    assert!(message.unwrap_err().to_string().contains("at most 1024 elements"));
    assert!(held <= SLACK, "{held}");

    let line = r#"{"jsonrpc":"2.0","id":1,"method":"ask","params":{"attachments":[{}"#.to_owned();
    let line = line + &",{}".repeat(FRAME_MAX / 3 - 40) + "]}}";
    assert!(line.len() <= FRAME_MAX);
    let (held, read) = peak(|| rpc::read_request(line.as_bytes()));
    assert!(matches!(read, Incoming::Bad(Some(_), _)));
    assert!(held <= 2 * SLACK, "{held}");
}

#[test]
fn the_worst_line_costs_at_most_four_times_its_length() {
    let fill = |head: &str, body: &str, tail: &str| {
        head.to_owned() + &body.repeat((FRAME_MAX - head.len() - tail.len()) / body.len()) + tail
    };
    for line in [
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"ask","params":{"prompt":""#, "\\n", r#""}}"#),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"ask","params":{"prompt":""#, "x", r#""}}"#),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"ask","params":{"prompt":[""#, "x", r#""]}}"#),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"ask","params":{"max_turns":""#, "\\n", r#""}}"#),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"approve","params":{"decision":""#, "\\n", r#""}}"#),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":""#, "\\n", r#""}"#),
        fill(r#"{"jsonrpc":"2.0","method":"status","id":""#, "\\n", r#""}"#),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"status","later":"#, "[", ""),
        fill(r#"{"jsonrpc":"2.0","id":1,"method":"status","later":"#, r#"{"a":"#, ""),
        fill("[", "[", ""),
        fill("", " ", ""),
    ] {
        let (held, _) = peak(|| rpc::read_request(line.as_bytes()));
        assert!(held <= 4 * line.len() + SLACK, "{held} for {} bytes of {}", line.len(), &line[..80]);
    }
}

#[test]
fn the_worst_replies_cost_at_most_forty_times_their_length() {
    let payload = codec::encode(&sessions(60, 10_000)).unwrap();
    let (held, read) = peak(|| codec::decode::<ServerMessage>(&payload));
    read.unwrap();
    assert!(held <= 40 * payload.len(), "{held} for {}", payload.len());

    let empty = format!("[{{}}{}]", ",{}".repeat(9_999));
    let line = format!(r#"{{"id":1,"result":{{"conversations":[{{"exchanges":{empty}}}"#);
    let line = line + &format!(r#",{{"exchanges":{empty}}}"#).repeat(250) + "]}}";
    let (held, read) = peak(|| rpc::read_reply("sessions.show", line.as_bytes()));
    read.unwrap();
    assert!(held <= 40 * line.len(), "{held} for {}", line.len());
}

#[test]
fn small_messages_cost_little() {
    let request = Request::SessionsList(SessionsListRequest::default());
    let payload = codec::encode(&ClientMessage { id: RequestId::Number(1), request }).unwrap();
    let (held, _) = peak(|| codec::decode::<ClientMessage>(&payload).unwrap());
    assert!(held < 1_024, "{held}");
    let status = ClientMessage { id: RequestId::Number(1), request: Request::Status(StatusRequest {}) };
    let line = rpc::write_request(&status).unwrap();
    let (held, _) = peak(|| rpc::read_request(line.as_bytes()));
    assert!(held < 1_024, "{held}");
    let answer = ServerMessage { id: RequestId::Number(1), body: Body::Done(Answer::default().into()) };
    let (held, _) = peak(|| rpc::write_reply(&answer).unwrap());
    assert!(held < 4_096, "{held}");
}
