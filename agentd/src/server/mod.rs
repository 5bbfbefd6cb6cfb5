//! The socket side: accept, peer identity, one connection, dispatch to handlers by request family.
//!
//! Invariants: no request can end the process (a panic fails that request); no wait is without a deadline except
//! that of a silent connection; no queue, line, frame or list is without a bound; a slow reader is dropped, not
//! waited for.

pub mod accept;
mod connection;
mod dispatch;
mod inbox;
mod kept;
pub mod listen;
mod mcp;
mod outbox;
mod peer;
mod preferences;
mod turns;
mod upkeep;

pub use turns::Turns;
