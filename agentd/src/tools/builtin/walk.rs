//! Walks a directory tree of the project, `.gitignore` honoured.
//!
//! The walker opens directories by name, under the canonical root, and never follows a symlink. A directory that is
//! swapped for a symlink during the walk could still lead it astray, so every hit is looked up again through the jail
//! before it is shown, and content is only read through the jail.

use std::path::PathBuf;

use ignore::WalkBuilder;

use super::{Fault, Stop};
use crate::tools::{Project, Rests, observed::Digest, secret};

/// Entries looked at in one walk; the rest is reported as not searched.
pub(in crate::tools) const MAX_VISITED: usize = 200_000;

/// Deepest directory that is entered.
const MAX_DEPTH: usize = 64;

/// One entry below the start.
pub(in crate::tools) struct Entry {
    /// Relative to the project root.
    pub(in crate::tools) path: PathBuf,
    /// Relative to the start.
    pub(in crate::tools) below: PathBuf,
    pub(in crate::tools) directory: bool,
    pub(in crate::tools) file: bool,
    pub(in crate::tools) depth: usize,
}

/// What a walk left out.
#[derive(Default)]
pub(in crate::tools) struct Left {
    pub(in crate::tools) secret: usize,
    pub(in crate::tools) truncated: bool,
}

impl Left {
    /// What a result rests on that came from the walk. Where one stops that has a bound in time or number, another
    /// need not.
    pub(in crate::tools) fn rests(&self, sweep: Option<Digest>) -> Rests {
        if self.truncated { Rests::Unknown } else { Rests::Again { sweep } }
    }

    /// One line per reason; empty when nothing was left out.
    pub(in crate::tools) fn note(&self) -> String {
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
pub(in crate::tools) fn walk(
    project: &Project,
    stop: &Stop,
    path: &str,
    mut visit: impl FnMut(Entry) -> Result<bool, Fault>,
) -> Result<Left, Fault> {
    let (_, real) = project.jail.open_dir(path)?;
    let (root, start) = (&project.root, project.root.join(&real));
    let mut left = Left::default();
    for (count, entry) in builder(project, &start).build().enumerate() {
        stop.check()?;
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

fn builder(project: &Project, start: &std::path::Path) -> WalkBuilder {
    let mut builder = WalkBuilder::new(start);
    builder
        .hidden(false)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH))
        .require_git(false)
        // In a repository the walker stops looking for ignore files at its root; elsewhere it would read all parents.
        .parents(project.jail.holds(std::path::Path::new(".git")))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(|entry| entry.file_name() != ".git");
    builder
}
