//! A project's own servers: `.mcp.json` in its root, used only after the user approved its bytes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::config::McpServers;

/// Its name in the project root.
pub const PROJECT_FILE: &str = ".mcp.json";

/// A project's file as it stands.
#[derive(Debug, Clone, Default)]
pub struct ProjectFile {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// The user approved exactly these bytes.
    pub approved: bool,
    /// Its servers, all of scope `project`; empty when the file has faults.
    pub servers: Arc<McpServers>,
    /// What is wrong with it, one sentence each; no value is quoted.
    pub faults: Vec<String>,
}

/// The file in a project's root, as it stands; `None` when there is none. Blocking. `state` is where approvals are
/// remembered.
pub fn read(root: &Path, state: &Path) -> Option<ProjectFile> {
    let _ = (root, state);
    None
}
