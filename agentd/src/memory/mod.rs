//! Memory: what the daemon knows beyond one question.
//!
//! The [`session`] memory lives in RAM and is never written to disk. What outlives the daemon has the shapes of
//! [`kept`]: [`answers`] to questions that are asked again, [`conversations`], of which [`recollections`] reach the
//! model, and [`preferences`]; [`lasting`] holds the last two for the running daemon. All of it is in RAM; [`store`] is
//! the durable copy. [`worth`] says what may be kept at all.

pub mod answers;
pub mod backup;
pub mod conversations;
pub mod export;
pub mod folder;
pub mod forget;
mod hex;
pub mod kept;
pub mod lasting;
pub mod places;
pub mod portable;
pub mod preferences;
pub mod question;
pub mod recollections;
pub mod retention;
pub mod row;
pub mod rows;
#[cfg(test)]
mod sample;
pub mod session;
pub mod store;
pub mod tally;
pub mod upkeep;
pub mod worth;

use std::path::Path;

use self::{answers::Answers, kept::Fingerprint};
use crate::tools::observed::Digests;

/// What outlives the sessions, for the running daemon.
#[derive(Default)]
pub struct Memory {
    /// Cached answers.
    pub answers: Answers,
    /// What is known of files that did not change: verifying is quick by it.
    pub digests: Digests,
}

impl Memory {
    /// Of the preferences that apply in a project.
    pub fn preferences_fingerprint(&self, _uid: u32, _project: &Path) -> Fingerprint {
        Fingerprint::default()
    }
}
