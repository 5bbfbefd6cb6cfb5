//! The tools of MCP servers, as the model calls them.
//!
//! Owns the way of a call into the pool and of a result back. Refuses to send a server what the model does not see
//! itself, and to show the model what redaction has not seen. Knows no process and no protocol: [`crate::mcp`] does.
//!
//! - [`server`]: a tool under a name of its own, `mcp__server__tool`. [`outcome`]: what came of its call.
//! - [`routed`]: a plain name over files that a server with the role serves while it is up, and the built-in tool
//!   otherwise. [`command`]: the same for commands. [`reply`]: whether a server has served such a call.
//!
//! Invariants:
//! - The built-in tool checks a call of a plain name first: no server sees what the built-in tool refuses.
//! - What may have had an effect is never done twice, unless doing it twice is doing it once.
//! - What a server said is kept as a remembered answer's ground only if the built-in tool says the same.

mod command;
#[cfg(test)]
pub(crate) mod fake;
mod outcome;
mod reply;
mod routed;
mod server;

use std::sync::Arc;

pub(crate) use outcome::text_of;

use super::{Tool, builtin};
use crate::mcp::{catalog::Catalog, pool::Serve};

/// The tools with plain names, as the built-in ones describe themselves.
pub fn plain_tools(pool: &Arc<dyn Serve>) -> Vec<Arc<dyn Tool>> {
    let mut tools: Vec<Arc<dyn Tool>> = vec![builtin::preferences(), Arc::new(command::RoutedShell::new(pool))];
    for tool in builtin::file_tools() {
        tools.push(Arc::new(routed::Routed::new(tool, pool)));
    }
    tools
}

/// The tools of the servers in a catalog.
pub fn server_tools(pool: &Arc<dyn Serve>, catalog: &Catalog) -> Vec<Arc<dyn Tool>> {
    let tool = |tool: &_| -> Arc<dyn Tool> { Arc::new(server::ServerTool::new(pool, tool)) };
    catalog.tools.iter().map(tool).collect()
}

#[cfg(test)]
mod tests;
