//! The wire, seen from outside: golden bytes, round trips, hostile input, lines, and the examples of `PROTOCOL.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

mod arbitrary;
mod endpoint;
mod examples;
mod frames;
mod golden;
mod hostile;
mod lines;
mod round_trip;
mod samples;
