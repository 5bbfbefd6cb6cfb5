//! What a tool call saw, and whether it still holds.

use serde::{Deserialize, Serialize};

/// One thing an answer rested on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed {
    /// The content of every file of the project.
    Project {
        /// SHA-256.
        digest: [u8; 32],
    },
}

impl Observed {
    /// The texts in it that the redactor must leave as they are, or it is not stored.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
