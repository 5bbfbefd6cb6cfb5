//! Where a question is asked: directory, project, and what the project says.
//!
//! File system work, away from the runtime's threads: a directory may be slow.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use proto::{ErrorKind, Failure};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Config, Similarity},
    context::{self, Instructions},
    mcp::{
        pool::View,
        project_file::{self, PROJECT_FILE, ProjectFile},
    },
    memory::session::SessionLimits,
    redact::ModelView,
    tools::{Keeper, Project, ToolContext, ToolLimits},
};

/// Where a question is asked.
pub(super) struct Place {
    /// The asker's directory, without symlinks.
    pub(super) cwd: PathBuf,
    /// The project around it; `None` in the home directory and in `/`.
    pub(super) project: Option<Arc<Project>>,
    /// The configuration, tightened by the project's own file.
    pub(super) config: Arc<Config>,
    /// AGENTS.md files that apply.
    pub(super) instructions: Instructions,
    /// The MCP servers that are seen from here.
    pub(super) mcp: View,
    /// What is to be said about servers of the project that are not used; empty: nothing.
    pub(super) unused_servers: String,
}

impl Place {
    /// What sessions and the offline search call the project.
    pub(super) fn home(&self) -> &Path {
        self.project.as_ref().map_or(&self.cwd, |project| &project.root)
    }

    /// True when a model may be asked whether two questions are the same.
    pub(super) fn wants_verdicts(&self) -> bool {
        let answers = &self.config.answers;
        answers.verdict && matches!(answers.similarity, Similarity::Verdict | Similarity::Lenient)
    }

    /// What a tool call here runs with.
    pub(super) fn tool_context(
        &self,
        cancel: CancellationToken,
        seen: Arc<Mutex<HashSet<PathBuf>>>,
        view: ModelView,
    ) -> ToolContext {
        let limits = ToolLimits {
            command_timeout: self.config.exec.command_timeout,
            output_cap: self.config.exec.output_cap,
            result_cap: self.config.limits.result_cap,
        };
        ToolContext {
            project: self.project.clone(),
            cancel,
            limits,
            seen,
            view,
            preferences: None,
            mcp: self.mcp.clone(),
            results: Keeper::default(),
        }
    }

    /// Bounds of the session.
    pub(super) fn session_limits(&self) -> SessionLimits {
        SessionLimits {
            conversations: self.config.memory.max_conversation_history,
            files: self.config.memory.max_session_files,
        }
    }
}

/// Finds the project and what it says. Blocking. `config_dir` has the global AGENTS.md, `state_dir` the approvals of
/// project files.
pub(super) fn survey(
    cwd: &Path,
    config: &Arc<Config>,
    config_dir: Option<&Path>,
    state_dir: &Path,
) -> Result<Place, Failure> {
    let (cwd, project) = locate(cwd)?;
    let config = match &project {
        Some(project) => config::tighten(config, &project.root).map(Arc::new).map_err(|faults| {
            Failure::new(ErrorKind::Usage, faults.to_string()).hint("a project file may only tighten")
        })?,
        None => Arc::clone(config),
    };
    let instructions = context::read_instructions(config_dir, project.as_ref(), &cwd);
    let key_env = &config.provider.api_key_env;
    let file = project.as_ref().and_then(|project| project_file::read(&project.root, state_dir, key_env));
    let unused_servers = file.as_ref().map(unused).unwrap_or_default();
    let mcp = View {
        user: Arc::clone(&config.mcp_servers),
        project: project.as_ref().map(|project| project.root.clone()),
        own: file.filter(|file| file.approved).map(|file| file.servers).unwrap_or_default(),
    };
    Ok(Place { cwd, project: project.map(Arc::new), config, instructions, mcp, unused_servers })
}

/// Why a project's servers are not used; empty when they are.
fn unused(file: &ProjectFile) -> String {
    match (file.faults.is_empty(), file.approved) {
        (true, true) => String::new(),
        (false, _) => format!("{PROJECT_FILE} of this project has faults: agentctl mcp list"),
        (true, false) => {
            let count = file.servers.len();
            let servers = if count == 1 { "server" } else { "servers" };
            format!(
                "{PROJECT_FILE} of this project names {count} {servers} that you have not approved: agentctl mcp approve"
            )
        }
    }
}

/// What sessions of a directory are filed under, see [`Place::home`].
///
/// # Errors
/// When the directory cannot be entered.
pub async fn home_of(cwd: &str) -> Result<PathBuf, Failure> {
    let cwd = PathBuf::from(cwd);
    on_disk(move || locate(&cwd).map(|(cwd, project)| project.map_or(cwd, |project| project.root))).await
}

/// The directory without symlinks, and the project around it.
fn locate(cwd: &Path) -> Result<(PathBuf, Option<Project>), Failure> {
    let real = cwd
        .canonicalize()
        .map_err(|e| Failure::new(ErrorKind::Usage, format!("cannot enter the directory {}: {e}", cwd.display())))?;
    let project = Project::find(&real).map_err(|e| Failure::new(ErrorKind::Failure, e.to_string()))?;
    Ok((real, project))
}

async fn on_disk<T: Send + 'static>(look: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|_| Failure::new(ErrorKind::Internal, "looking at the project failed inside the daemon"))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{McpServer, McpServers, StdioServer, Transport};

    #[test]
    fn a_project_s_servers_are_told_of_until_they_are_approved() {
        let one = || ("git".to_owned(), McpServer::new(Transport::Stdio(StdioServer::default())));
        let file = |approved, faults: &[&str]| ProjectFile {
            approved,
            servers: Arc::new(McpServers::from([one()])),
            faults: faults.iter().map(|&fault| fault.to_owned()).collect(),
            ..ProjectFile::default()
        };
        assert_eq!(unused(&file(true, &[])), "");
        assert_eq!(
            unused(&file(false, &[])),
            ".mcp.json of this project names 1 server that you have not approved: agentctl mcp approve"
        );
        assert!(unused(&file(true, &["x"])).contains("has faults"));
    }
}
