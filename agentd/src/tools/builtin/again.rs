//! Runs a call a second time: does it still say the same?
//!
//! Owns the way from a stored call, tool and arguments as JSON, back to a running one. Only file tools that only read
//! run again, in the caller's thread, with the same checks, jail and redaction as the first time. Refuses everything
//! else, and arguments that the tool no longer takes.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Call, Effect, FileTool, Stop, finished, reading, search};
use crate::tools::{Tool as _, ToolContext, ToolOutput, observed::Digest};

/// The tools that may run again.
static READING: LazyLock<Vec<FileTool>> = LazyLock::new(|| reading().collect());

/// A call that is about to run again.
pub(in crate::tools) struct Again {
    tool: &'static FileTool,
    call: Call,
}

/// The call of `tool` with `arguments`; `None` when it cannot run again.
pub(in crate::tools) fn again(context: &ToolContext, tool: &str, arguments: &str, stop: Stop) -> Option<Again> {
    let tool = find(tool)?;
    let call = tool.prepare(context, serde_json::from_str(arguments).ok()?, stop).ok()?;
    Some(Again { tool, call })
}

/// What a call is about, for people: a path, a pattern.
pub(in crate::tools) fn summary(tool: &str, arguments: &str) -> String {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    find(tool).map(|tool| tool.summary(&arguments)).unwrap_or_default()
}

fn find(name: &str) -> Option<&'static FileTool> {
    READING.iter().find(|tool| tool.spec.name == name && tool.effect == Effect::Read)
}

impl Again {
    /// What the call says now. Blocking.
    pub(in crate::tools) fn run(&self) -> ToolOutput {
        finished((self.tool.run)(&self.call), self.tool.effect)
    }

    /// The sweep of a search by content, which is much cheaper than the search.
    pub(in crate::tools) fn sweep(&self) -> Option<Digest> {
        (self.tool.spec.name == search::SEARCH_CONTENT).then(|| search::swept(&self.call)).flatten()
    }
}
