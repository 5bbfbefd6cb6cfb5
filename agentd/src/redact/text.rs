//! The type of text that may leave.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// Text in which every secret is replaced. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Redacted(Arc<str>);

impl Redacted {
    /// Only the engine's doors call this.
    pub(super) fn made(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that the daemon itself wrote at compile time: it holds no user's secret.
    pub fn from_static(text: &'static str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}
