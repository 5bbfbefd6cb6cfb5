//! The hermetic harness, and a fake provider that is as strict as the real one.
//!
//! [`corpus`] makes texts with and without secrets, [`files`] looks for them. [`provider`] answers as the model's endpoint, [`mcp`] as a server of
//! tools. [`Home`] gives a test a home of its own with the real programs in
//! it, and leaves no process behind. [`RpcClient`] and [`FrameClient`] speak the two codecs of the socket.
//!
//! Harness functions panic with what was expected and what was seen: they run in tests only. Every wait has a
//! deadline.

pub mod corpus;
pub mod files;
pub mod mcp;
pub mod provider;

mod bins;
mod daemon;
mod frames;
mod home;
mod process;
mod rpc;
mod run;
mod stored;
mod wait;

pub use bins::Bins;
pub use daemon::{DaemonBuilder, DaemonGuard};
pub use frames::FrameClient;
pub use home::Home;
pub use process::{Leftover, belongs, leftovers, runs, signal};
pub use rpc::{RpcClient, RpcFailure};
pub use run::{Invocation, Output, Running};
pub use rustix::process::Signal;
pub use stored::{left_in, seq_of, stored};
pub use wait::{holds_within, wait_some, wait_until};
