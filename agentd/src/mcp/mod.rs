//! MCP servers: one pool of them for all sessions.
//!
//! Owns the connections to MCP servers, their supervision, what is known of their tools, and the way of a call from a
//! tool's name to a server and back. Starts no process itself: [`crate::process`] does. Refuses to wait without a
//! deadline, to keep a list or a text without a bound, and to let one server's trouble reach another.
//!
//! - [`client`]: one connection, behind a trait; the only module that names rmcp.
//! - [`connect`]: from a configuration to a connection, behind a trait, so that supervision is tested without processes.
//! - [`server`]: one server's supervisor: start, health, restarts, end.
//! - [`pool`]: all of them, by name and project; what the rest of the daemon talks to.
//! - [`catalog`]: the tools of a moment under the names the model sees.
//! - [`project_file`]: the servers that a project brings itself; [`approvals`]: which of them the user approved.
//! - [`import`]: the files of other programs.
//! - [`shown`]: what of a server's words may be shown. [`known`]: what is remembered between starts.
//! - [`spelled`]: a command line as people type it.
//! - [`stderr`]: what a server wrote to its standard error, redacted, the end of it.

mod approvals;
pub mod catalog;
pub mod client;
mod common;
pub mod connect;
pub mod import;
mod known;
pub mod pool;
pub mod project_file;
pub mod server;
mod shown;
pub(crate) mod spelled;
pub mod stderr;
#[cfg(test)]
mod testing;
