//! Writing down what is read, while it is read.
//!
//! Invariant: what is written down is the state before the first byte was read, and only if it was still the state
//! after the last one. Else nothing is: the call's text must then be compared instead.

use std::{os::fd::AsFd, path::Path};

use super::{Digest, Observed, Stat, stat::now_ns};
use crate::tools::jail::Jail;

/// An open file or directory of which nothing was read yet.
#[derive(Debug)]
pub(crate) struct Before {
    path: String,
    stat: Stat,
    seen_at_ns: i64,
}

impl Before {
    /// `path` is as it was asked for, `handle` what it led to. `None` when the path is not UTF-8.
    pub(crate) fn reading(jail: &Jail, path: &str, handle: &impl AsFd) -> Option<Self> {
        let relative = jail.relative(path).ok()?;
        let name = if relative.as_os_str().is_empty() { Path::new(".") } else { &relative };
        let path = name.to_str()?.to_owned();
        // The time first: it must not be later than the state.
        let seen_at_ns = now_ns();
        Some(Self { path, stat: stat(handle)?, seen_at_ns })
    }

    /// The file was read to its end: `bytes` are all of it.
    pub(crate) fn whole(self, handle: &impl AsFd, bytes: &[u8]) -> Option<Observed> {
        let Self { path, stat, seen_at_ns } = self.unchanged(handle)?;
        Some(Observed::File { path, stat, seen_at_ns, digest: Digest::of(bytes) })
    }

    /// The directory was read to its end: the result said `text`.
    pub(crate) fn listed(self, handle: &impl AsFd, text: &str) -> Option<Observed> {
        let Self { path, stat, seen_at_ns } = self.unchanged(handle)?;
        Some(Observed::Listing { path, stat, seen_at_ns, digest: Digest::of_text(text) })
    }

    fn unchanged(self, handle: &impl AsFd) -> Option<Self> {
        (stat(handle)? == self.stat).then_some(self)
    }
}

/// What the open handle says of itself.
pub(super) fn stat(handle: &impl AsFd) -> Option<Stat> {
    rustix::fs::fstat(handle).ok().map(Stat::from)
}
