//! What a tool call may do without asking.
//!
//! Reading files is allowed, writing asks. A command is allowed when its program, every flag and every argument are on a
//! short list of things that only read, inside the project; everything else asks. Lists name what is allowed, never what
//! is forbidden: programs grow flags, and long flags can be abbreviated.
//!
//! Judged on the argv that will run: there is no shell in between. What this cannot see: a program that the user's own
//! configuration (global git configuration, PATH) replaces; that is the user's.

mod command;
mod git;

use serde_json::json;

pub use command::{CommandRequest, judge_command};

/// What becomes of a turn whose call nobody can approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// It ends: what was asked cannot be done.
    EndTurn,
    /// It goes on: the call was an offer beside the question, and the model is told that it was refused.
    GoOn,
}

/// What policy says of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Run it.
    Allow,
    /// Ask the user; refuse when nobody is there.
    Ask {
        /// Why, one sentence.
        reason: String,
        /// What an approval for the session covers: calls with an equal key are not asked again.
        key: String,
        /// What happens when nobody is there.
        alone: Alone,
    },
    /// Refuse; the reason goes to the model.
    Deny {
        /// Why, one sentence.
        reason: String,
    },
}

/// Names whose change makes other programs run something: approved one file at a time.
const STEERING: [&str; 6] = [".git", ".agentd.toml", ".githooks", ".husky", ".envrc", ".vscode"];

/// Judges a call of a tool that changes files.
pub fn judge_write(tool: &str, paths: &[&str]) -> Judgement {
    let steers = |path: &str| path.split('/').any(|name| STEERING.contains(&name.to_lowercase().as_str()));
    if paths.iter().any(|path| steers(path)) {
        let reason = format!("{tool} changes a file that makes other programs run commands");
        return Judgement::Ask { reason, key: json!([tool, paths]).to_string(), alone: Alone::EndTurn };
    }
    let reason = format!("{tool} changes files of the project");
    Judgement::Ask { reason, key: tool.to_owned(), alone: Alone::EndTurn }
}
