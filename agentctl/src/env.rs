//! The process's environment, as the endpoint rules want to see it.

use std::{ffi::OsString, os::unix::fs::MetadataExt, path::Path};

use proto::endpoint::Environment;

/// The real environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl Environment for Real {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn uid(&self) -> u32 {
        rustix::process::getuid().as_raw()
    }

    fn owns_dir(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == self.uid())
    }
}

/// A variable that holds text; `None` when unset, empty or not UTF-8.
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
