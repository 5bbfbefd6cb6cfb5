//! Walks a directory tree of the project, `.gitignore` honoured.
//!
//! The walker opens directories by name, under the canonical root, and never follows a symlink. A directory that is
//! swapped for a symlink during the walk could still lead it astray, so every hit is looked up again through the jail
//! before it is shown, and content is only read through the jail.

use std::path::PathBuf;

use ignore::WalkBuilder;

use super::{Call, Fault};
use crate::tools::secret;

/// Entries looked at in one walk; the rest is reported as not searched.
pub(super) const MAX_VISITED: usize = 200_000;

/// Deepest directory that is entered.
const MAX_DEPTH: usize = 64;

/// One entry below the start.
pub(super) struct Entry {
    /// Relative to the project root.
    pub(super) path: PathBuf,
    /// Relative to the start.
    pub(super) below: PathBuf,
    pub(super) directory: bool,
    pub(super) file: bool,
    pub(super) depth: usize,
}

/// What a walk left out.
#[derive(Default)]
pub(super) struct Left {
    pub(super) secret: usize,
    pub(super) truncated: bool,
}

impl Left {
    /// One line per reason; empty when nothing was left out.
    pub(super) fn note(&self) -> String {
        let mut note = String::new();
        if self.secret > 0 {
            note += &format!("\n({} secret files skipped)", self.secret);
        }
        if self.truncated {
            note += &format!("\n(stopped after {MAX_VISITED} entries: search a smaller directory)");
        }
        note
    }
}

/// Visits what lies below `path`, in order of names, until `visit` says false. Secret files are skipped and counted.
pub(super) fn walk(
    call: &Call,
    path: &str,
    mut visit: impl FnMut(Entry) -> Result<bool, Fault>,
) -> Result<Left, Fault> {
    let (_, real) = call.jail().open_dir(path)?;
    let (root, start) = (&call.project.root, call.project.root.join(&real));
    let mut left = Left::default();
    for (count, entry) in builder(call, &start).build().enumerate() {
        call.check_cancel()?;
        if count > MAX_VISITED {
            left.truncated = true;
            break;
        }
        // Unreadable directories and entries that went away are not there, for this purpose.
        let Ok(entry) = entry else { continue };
        let (Ok(inside), Ok(below)) = (entry.path().strip_prefix(root), entry.path().strip_prefix(&start)) else {
            continue;
        };
        if below.as_os_str().is_empty() {
            continue;
        }
        if secret::is_secret(inside) {
            left.secret += 1;
            continue;
        }
        let kind = entry.file_type();
        let entry = Entry {
            path: inside.to_path_buf(),
            below: below.to_path_buf(),
            directory: kind.is_some_and(|kind| kind.is_dir()),
            file: kind.is_some_and(|kind| kind.is_file()),
            depth: entry.depth(),
        };
        if !visit(entry)? {
            break;
        }
    }
    Ok(left)
}

fn builder(call: &Call, start: &std::path::Path) -> WalkBuilder {
    let mut builder = WalkBuilder::new(start);
    builder
        .hidden(false)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH))
        .require_git(false)
        // In a repository the walker stops looking for ignore files at its root; elsewhere it would read all parents.
        .parents(call.jail().holds(std::path::Path::new(".git")))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(|entry| entry.file_name() != ".git");
    builder
}
