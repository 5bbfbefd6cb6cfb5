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

/// Why an approval was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// There is nothing to approve.
    #[error("{} does not exist", .0.display())]
    Absent(PathBuf),
}

/// The project's file as it stands; `None` when it has none. Blocking.
pub fn read(root: &Path, state: &Path) -> Option<ProjectFile> {
    let _ = (root, state);
    None
}

/// Approves the bytes with this hash, if they are those of the file. Blocking.
///
/// # Errors
/// They are not, or the list of approvals cannot be written.
pub fn approve(state: &Path, root: &Path, sha256: &str) -> Result<ProjectFile, ApprovalError> {
    let _ = (state, sha256);
    Err(ApprovalError::Absent(root.join(PROJECT_FILE)))
}

/// Takes the approval of a project's file back. Blocking.
///
/// # Errors
/// The list of approvals cannot be written.
pub fn revoke(state: &Path, root: &Path) -> Result<(), ApprovalError> {
    let _ = (state, root);
    Ok(())
}
