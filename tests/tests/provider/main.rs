//! The fake provider, seen by a raw client: every rule it holds clients to, and every fault it can play.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]
#![allow(clippy::needless_pass_by_value, reason = "json!() is handed over where it is written")]

mod faults;
mod raw;
mod record;
mod rules;
mod shape;
mod tour;
mod verdict;
