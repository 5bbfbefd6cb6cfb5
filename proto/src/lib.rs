//! The wire between `agentctl` and `agentd`.
//!
//! This page is the specification; `PROTOCOL.md` beside it is the five-minute version for authors of editor plugins.
//!
//! # Transport and trust
//! A Unix stream socket of mode 0600 in a directory of mode 0700. The daemon reads the peer's uid from the kernel
//! when it accepts and refuses every uid but its own and those in `server.allow_uids`; it also refuses peers that
//! descend from itself, so that a tool or MCP child cannot drive it. Nothing a client sends is trusted beyond that
//! uid: paths pass the project jail, calls pass policy. The daemon's replies are trusted by the client as its own
//! user's program; their text is not: a client must not let it control the terminal.
//!
//! # Choice of codec
//! The first byte decides. `{` (after optional blanks) is a JSON-RPC 2.0 line, see [`rpc`]. `A` is the magic of a
//! binary [`hello`]; both sides send theirs. Equal fingerprints: binary [`frame`]s with [`codec`] payloads follow.
//! Different ones: the same connection goes on with JSON lines. Any other byte is answered with an error line and
//! the end of the connection.
//!
//! # Message order
//! 1. The client sends requests; ids are its own, unique among its running requests, and echoed in every reply.
//! 2. The daemon sends any number of events under the id, then exactly one result or error. Requests run side by
//!    side: replies to different ids interleave.
//! 3. A client may close its writing side (as `nc -N` does): the daemon finishes the running requests, answers them
//!    and then closes. A client that closes altogether is gone, see 4.
//! 4. `cancel` ends a running `ask` with an error of kind `cancelled`. Closing the connection cancels its turns
//!    unless they were asked with `detach`.
//!
//! # Limits
//! | what | limit | then |
//! |---|---|---|
//! | payload of a frame, length of a line | [`frame::FRAME_MAX`], 8 MiB | error, connection closed |
//! | first byte, then the whole hello | [`HELLO_DEADLINE`], 2 s (a connection that sent nothing may idle) | closed |
//! | one write to a slow reader | [`WRITE_DEADLINE`], 30 s | connection dropped, its turns cancelled |
//! | connections | [`MAX_CONNECTIONS`], 1,024 | error of kind `limit`, closed |
//! | running requests of one connection | [`MAX_IN_FLIGHT`], 64 | error of kind `limit` |
//! | length of a request id | [`rpc::ID_MAX`], 256 bytes | error of kind `protocol` |
//! | attachments of a question | [`ATTACHMENTS_MAX`], 1,024 | error of kind `usage` |
//! | elements of a list in a reply | [`LIST_MAX`], 10,000 | the reader refuses the reply |
//!
//! # Errors
//! A [`Failure`] has a kind, a message and a hint; [`ErrorKind`] gives the exit code of a client and the JSON-RPC
//! code. An unknown method is an error reply, not a hang-up.
//!
//! # Evolution
//! Enums and structs are append-only. `status`, `stop` and the hello are frozen. `schema.json` is generated from the
//! types and pinned by a test; its SHA-256 begins with [`FINGERPRINT`]. Any change of a type changes the fingerprint,
//! so two builds of different shape never exchange binary payloads. In JSON a reader ignores fields and events that it
//! does not know and fills missing fields with their defaults; the enums inside structs ([`Source`], [`Verdict`],
//! [`Decision`]) are closed, since a reader cannot guess: what is new goes into a new field.
//!
//! This crate does no I/O beyond `Read` and `Write`, and knows nothing of the store, the model or the tools.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub mod codec;
pub mod endpoint;
mod error;
mod event;
pub mod frame;
pub mod hello;
mod list;
mod request;
pub mod rpc;
#[cfg(any(test, feature = "schema"))]
pub mod schema;

pub use error::{ErrorKind, Failure};
pub use event::{Approval, Delta, Event, Notice, Retry, Started, TextEnd, ToolFinished, ToolStarted};
pub use list::{ATTACHMENTS_MAX, LIST_MAX};
pub use request::*;
pub use rpc::RequestId;

/// Version of this build, the same for both programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Protocol major version: a client of another one is served in JSON, as far as its requests still exist.
pub const PROTOCOL_MAJOR: u16 = 1;
/// Protocol minor version.
pub const PROTOCOL_MINOR: u16 = 2;
/// The generated JSON Schema of all methods and events, as `agentctl schema` prints it.
pub const SCHEMA: &str = include_str!("../schema.json");
/// First 16 bytes of the SHA-256 of [`SCHEMA`]; a test holds the two together.
pub const FINGERPRINT: [u8; 16] =
    [0x80, 0xdf, 0xe4, 0x3f, 0xfe, 0x51, 0x73, 0x6e, 0x6b, 0x7e, 0x14, 0xfe, 0x2e, 0x87, 0x89, 0x1e];

/// How long a client may take over its first bytes: a local peer needs microseconds; a stuck one holds a slot.
pub const HELLO_DEADLINE: Duration = Duration::from_secs(2);
/// How long one write to a client may take before it is dropped: a stopped reader must not hold a turn's memory.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// Most connections at once: far above any desk, far below the descriptors a daemon may have.
pub const MAX_CONNECTIONS: usize = 1024;
/// Most running requests of one connection.
pub const MAX_IN_FLIGHT: usize = 64;

/// A request under its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ClientMessage {
    /// Chosen by the client.
    pub id: RequestId,
    /// What it wants.
    pub request: Request,
}

/// An event, result or error under the id of its request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ServerMessage {
    /// The id of the request.
    pub id: RequestId,
    /// What the daemon says.
    pub body: Body,
}

/// What a reply holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[expect(clippy::large_enum_variant, reason = "one lives at a time and is written or taken apart at once")]
pub enum Body {
    /// Something happened; the request goes on.
    Event(Event),
    /// The request is done.
    Done(Response),
    /// The request failed.
    Failed(Failure),
}

/// The longest beginning of `text` of at most `max` bytes that ends between two characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
