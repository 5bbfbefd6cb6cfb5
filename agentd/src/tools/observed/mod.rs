//! What a tool call saw, and whether it still holds.
//!
//! An answer may be served again only while everything that it rested on is as the model saw it. Tools say what a call
//! rests on ([`Rests`]), [`Resting`] gathers it over a run, and [`check`](check()) looks at each dependency when the
//! answer is asked for again.
//!
//! - [`stat`], [`digest`]: how a state is written down. [`record`]: while a tool reads.
//! - [`mod@check`]: afterwards. By stat where stat decides, else by content, else by running the same call again.
//! - [`sweep`]: all files of a search at once. [`digests`]: contents known in RAM, for states that span many files: [`project`], [`git`].
//! - [`history`]: the git commands whose answer depends on the repository's history alone.
//!
//! Invariants:
//! - Never is a state recorded that is newer than what the model saw: stat comes before the first byte is read, and
//!   must be the same after the last one.
//! - Equal stats say "unchanged" only when the file had rested for [`stat::RACY`] before it was read; else its content
//!   decides.
//! - Content is opened through the jail only, so what the model would be refused today does not hold.
//! - In doubt nothing holds: a miss costs a model call, a stale answer costs trust.
//!
//! Not seen: a write through a shared memory map before the kernel has dated it (as for git and make); changes of the
//! user's own git configuration; how the redactor is set, which belongs into the answer's key.

pub mod check;
pub mod digest;
pub mod digests;
pub mod git;
pub mod history;
pub mod project;
pub mod record;
pub mod resting;
pub mod stat;
pub mod sweep;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ToolOutput;

pub use check::{Changed, Refreshed, Why, check};
pub use digest::Digest;
pub use digests::Digests;
pub use project::project_digest;
pub use resting::Resting;
pub use stat::Stat;

/// Longest arguments of a call that are kept to run it again. A longer pattern is an oddity, and 300 answers hold many.
const MAX_ARGUMENTS: usize = 4 << 10;

/// One thing that an answer rested on. Stored on disk: variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Observed {
    /// A file's content.
    File {
        /// Relative to the project root, as it was asked for: symlinks are followed again.
        path: String,
        /// Before it was read.
        stat: Stat,
        /// When it was read, nanoseconds since 1970.
        seen_at_ns: i64,
        /// Of all its bytes.
        digest: Digest,
    },
    /// The names in a directory.
    Listing {
        /// Relative to the project root; `.` is the root.
        path: String,
        /// Before it was read.
        stat: Stat,
        /// When it was read, nanoseconds since 1970.
        seen_at_ns: i64,
        /// Of the result's text, see [`Digest::of_text`].
        digest: Digest,
    },
    /// What a call said: verified by running it again.
    Call {
        /// Name of a built-in tool that only reads.
        tool: String,
        /// Its arguments, a JSON object.
        arguments: String,
        /// Of the result's text, see [`Digest::of_text`].
        digest: Digest,
        /// Names and stats of all files that it read. While they are the same it need not run again.
        sweep: Option<Digest>,
    },
    /// The content of every file that a search would see: for answers that looked at nothing.
    Project {
        /// See [`project`].
        digest: Digest,
    },
    /// The repository's history: where every name points to.
    Git {
        /// See [`git`].
        digest: Digest,
    },
}

impl Observed {
    /// Every text in it that came from a user, a model or a file system. Who stores it asks the redactor first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::File { path, .. } | Self::Listing { path, .. } => [Some(path), None],
            Self::Call { tool, arguments, .. } => [Some(tool), Some(arguments)],
            Self::Project { .. } | Self::Git { .. } => [None, None],
        };
        texts.into_iter().flatten().map(String::as_str)
    }

    /// What it says about which thing.
    fn digest(&self) -> &Digest {
        match self {
            Self::File { digest, .. }
            | Self::Listing { digest, .. }
            | Self::Call { digest, .. }
            | Self::Project { digest }
            | Self::Git { digest } => digest,
        }
    }

    /// True when both are about the same thing, whatever they say about it.
    fn is_about_the_same(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.texts().eq(other.texts())
    }
}

/// What a tool's output rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rests {
    /// On something that cannot be verified: an answer that saw it is never served again.
    #[default]
    Unknown,
    /// On these, and nothing else.
    On(Vec<Observed>),
    /// On what the same call says: it is to be run again. A tool's own word; [`Rests::of_call`] makes it [`Rests::On`].
    Again {
        /// See [`Observed::Call`].
        sweep: Option<Digest>,
    },
    /// On nothing: the text is the same whatever the project holds.
    Nothing,
}

impl Rests {
    /// On what was written down while a tool read; if nothing was, the call is to be run again.
    pub(crate) fn of_read(observed: Option<Observed>) -> Self {
        observed.map_or(Self::Again { sweep: None }, |observed| Self::On(vec![observed]))
    }

    /// What a finished call rests on, for a tool that may be run again.
    pub fn of_call(tool: &str, arguments: &Value, output: &ToolOutput) -> Self {
        let Self::Again { sweep } = output.rests else { return output.rests.clone() };
        match Observed::of_call(tool, arguments, &output.text, sweep) {
            Some(observed) => Self::On(vec![observed]),
            None => Self::Unknown,
        }
    }
}

impl Observed {
    /// A call and what it said; `None` when its arguments are too long to keep.
    pub(crate) fn of_call(tool: &str, arguments: &Value, text: &str, sweep: Option<Digest>) -> Option<Self> {
        let arguments = arguments.to_string();
        let digest = Digest::of_text(text);
        (arguments.len() <= MAX_ARGUMENTS).then(|| Self::Call { tool: tool.to_owned(), arguments, digest, sweep })
    }
}

#[cfg(test)]
mod tests;
