//! agentd: one warm coding agent per user.
//!
//! `README.md` beside this crate is the architecture page: the map, the invariants, the life of one question.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod daemon;
pub mod id;
pub mod llm;
pub mod mcp;
pub mod memory;
pub mod observe;
pub mod offline;
pub mod paths;
pub mod process;
pub mod redact;
pub mod server;
mod start;
mod sync;
pub mod tools;

pub use start::main;
