//! MCP servers for the suites: the real ones that `tests/setup-mcp.sh` installs, and one of ours that misbehaves on
//! request.

pub mod chaos;

mod real;
mod tagged;

pub use real::RealServers;
pub use tagged::{Tag, children, cpu_time};
