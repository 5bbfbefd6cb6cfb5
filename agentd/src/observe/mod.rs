//! What the daemon says about itself: today its log.
//!
//! Owns the log files and their life. Refuses to be in anybody's way: no call here blocks on a disk or a terminal,
//! and none can fail a request. Never holds user text, keys or file contents: every line passes the redactor in the
//! writer itself, so that no call site can forget.

pub mod file;
pub mod log;
pub mod retention;
mod writer;

pub use log::{LogError, LogGuard, LogHandle, init};
