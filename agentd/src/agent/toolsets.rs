//! Which tools a conversation begins with.
//!
//! Owns the sets that are in use: the built-in tools, and with them the tools of the servers that a project sees. Sets
//! are made once for a catalog and shared; a lookup of a remembered answer asks for one, so it costs next to nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use crate::{
    context::SYSTEM_PROMPT,
    llm::ToolDefinition,
    mcp::{
        catalog::Catalog,
        pool::{Serve, View},
    },
    memory::{answers::fingerprint, kept::Fingerprint},
    sync::lock,
    tools::{Tool, ToolSet, mcp},
};

/// Sets that are kept: one for each project with servers of its own that is worked in at the same time, and some more.
/// One that is made again costs a millisecond.
const SETS_MAX: usize = 16;

/// The sets in use.
pub(super) struct ToolSets {
    pool: Arc<dyn Serve>,
    /// The plain names: built in, or routed to servers that have the role.
    plain: Vec<Arc<dyn Tool>>,
    bare: Arc<ToolSet>,
    /// The last used at the end.
    made: Mutex<VecDeque<(Catalog, Arc<ToolSet>)>>,
}

impl ToolSets {
    pub(super) fn new(pool: Arc<dyn Serve>) -> Self {
        let plain = mcp::plain_tools(&pool);
        let bare = ToolSet::new(plain.clone(), prefix_fingerprint);
        Self { pool, plain, bare, made: Mutex::default() }
    }

    /// The set for a conversation that begins now.
    pub(super) fn current(&self, view: &View) -> Arc<ToolSet> {
        let catalog = self.pool.catalog(view);
        if catalog.tools.is_empty() {
            return Arc::clone(&self.bare);
        }
        let mut made = lock(&self.made);
        let same = |known: &Catalog| Arc::ptr_eq(&known.tools, &catalog.tools) || known == &catalog;
        if let Some(at) = made.iter().rposition(|(known, _)| same(known))
            && let Some(found) = made.remove(at)
        {
            let set = Arc::clone(&found.1);
            made.push_back(found);
            return set;
        }
        let more = mcp::server_tools(&self.pool, &catalog);
        let set = ToolSet::new(self.plain.iter().cloned().chain(more).collect(), prefix_fingerprint);
        made.push_back((catalog, Arc::clone(&set)));
        if made.len() > SETS_MAX {
            made.pop_front();
        }
        set
    }

    /// The servers behind the sets.
    pub(super) fn pool(&self) -> &Arc<dyn Serve> {
        &self.pool
    }
}

/// Of system prompt and tool list: part of what makes two asks the same.
fn prefix_fingerprint(definitions: &[ToolDefinition]) -> Fingerprint {
    let tools = definitions.iter().flat_map(|it| [it.name.clone(), it.description.clone(), it.parameters.to_string()]);
    let parts: Vec<String> = std::iter::once(SYSTEM_PROMPT.to_owned()).chain(tools).collect();
    fingerprint(parts.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::ApprovalMode,
        mcp::catalog::McpTool,
        tools::mcp::fake::{Fake, said, shared, tool},
    };

    fn sets(tools: Vec<McpTool>) -> (Arc<Fake>, ToolSets) {
        let fake = Arc::new(Fake::new(|_| said("")).with_tools(tools));
        let sets = ToolSets::new(shared(&fake));
        (fake, sets)
    }

    fn offer(fake: &Fake, tools: Vec<McpTool>) {
        *lock(&fake.catalog) = Catalog { tools: tools.into() };
    }

    fn log() -> McpTool {
        tool("log", true, ApprovalMode::Auto)
    }

    #[test]
    fn without_servers_the_prefix_is_that_of_the_built_in_tools() {
        let (_, sets) = sets(Vec::new());
        let current = sets.current(&View::default());
        let built_in = ToolSet::new(crate::tools::builtin::toolbox(), prefix_fingerprint);
        assert_eq!(current.definitions(), built_in.definitions());
        assert_eq!(current.fingerprint(), built_in.fingerprint());
    }

    #[test]
    fn a_set_is_made_once_for_equal_catalogs_and_another_one_is_another_prefix() {
        let (fake, sets) = sets(vec![log()]);
        let view = View::default();
        let first = sets.current(&view);
        assert!(first.toolbox().get("mcp__git__log").is_some() && first.toolbox().get("read_text_file").is_some());
        assert!(Arc::ptr_eq(&first, &sets.current(&view)));
        offer(&fake, vec![log()]);
        assert!(Arc::ptr_eq(&first, &sets.current(&view)), "an equal list is the same list");
        offer(&fake, vec![log(), tool("show", true, ApprovalMode::Auto)]);
        let second = sets.current(&view);
        assert_ne!(first.fingerprint(), second.fingerprint());
        offer(&fake, Vec::new());
        assert!(sets.current(&view).toolbox().get("mcp__git__log").is_none());
        assert!(first.toolbox().get("mcp__git__log").is_some(), "who began with it keeps it");
        offer(&fake, vec![log()]);
        assert!(Arc::ptr_eq(&first, &sets.current(&view)), "a server that is back has its place in the prefix cache");
    }

    #[test]
    fn only_the_last_used_sets_are_kept() {
        let (fake, sets) = sets(Vec::new());
        for n in 0..2 * SETS_MAX {
            offer(&fake, vec![tool(&format!("t{n}"), true, ApprovalMode::Auto)]);
            sets.current(&View::default());
        }
        assert_eq!(lock(&sets.made).len(), SETS_MAX);
    }
}
