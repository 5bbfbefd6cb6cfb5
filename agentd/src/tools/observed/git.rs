//! The digest of a repository's history: where every name points to.
//!
//! Commits never change under their names, so what `git log` shows follows from the names (`HEAD`, `refs`,
//! `packed-refs`), the configuration, grafts, and what says how it is shown (`.mailmap`, attributes). Refuses what
//! keeps names elsewhere: linked worktrees, a `.git` that is no directory. Not seen: by how many digits a commit's
//! number is abbreviated, which grows with the repository.

use rustix::io::Errno;

use super::{Digest, Digests, Stat, Why, digest::Digester};
use crate::tools::{
    Project,
    builtin::Stop,
    jail::{Jail, JailError},
};

/// Names of a repository that has a digest; more is the work of a robot.
const MAX_NAMES: usize = 10_000;

/// Deepest directory of names, `refs/heads/a/b/…`.
const MAX_DEPTH: usize = 16;

/// Files beside the names that shape what is shown.
const FILES: [&str; 8] = [
    ".git/packed-refs",
    ".git/config",
    ".git/config.worktree",
    ".git/shallow",
    ".git/info/grafts",
    ".git/info/attributes",
    ".gitattributes",
    ".mailmap",
];

/// Names of other worktrees and of shared repositories.
const ELSEWHERE: [&str; 3] = [".git/worktrees", ".git/commondir", ".git/reftable"];

pub(super) fn of(project: &Project, digests: &Digests, stop: &Stop) -> Result<Digest, Why> {
    if ELSEWHERE.iter().any(|path| project.jail.holds(path.as_ref())) {
        return Err(Why::Unreadable);
    }
    let mut sum = Sum { project, digests, stop, digester: Digester::default(), names: 0 };
    for path in FILES {
        sum.file(path)?;
    }
    for (name, directory) in sorted(&project.jail, ".git")? {
        if !directory && (name == "HEAD" || name.ends_with("_HEAD")) {
            sum.file(&format!(".git/{name}"))?;
        }
    }
    sum.directory(".git/refs", 0)?;
    Ok(sum.digester.finish())
}

struct Sum<'a> {
    project: &'a Project,
    digests: &'a Digests,
    stop: &'a Stop,
    digester: Digester,
    names: usize,
}

impl Sum<'_> {
    fn file(&mut self, path: &str) -> Result<(), Why> {
        self.names += 1;
        if self.names > MAX_NAMES {
            return Err(Why::TooLarge);
        }
        self.digester.part(path.as_bytes());
        let stat = match self.project.jail.stat(path.as_ref(), false) {
            Ok(stat) => Stat::from(stat),
            Err(Errno::NOENT | Errno::NOTDIR) => {
                self.digester.number(0);
                return Ok(());
            }
            Err(_) => return Err(Why::Unreadable),
        };
        if !stat.is_file() {
            return Err(Why::Unreadable);
        }
        let digest = self.digests.of_walked(self.project, path, &stat, self.stop)?;
        self.digester.number(1);
        self.digester.digest(&digest);
        Ok(())
    }

    fn directory(&mut self, path: &str, depth: usize) -> Result<(), Why> {
        if depth > MAX_DEPTH {
            return Err(Why::TooLarge);
        }
        for (name, directory) in sorted(&self.project.jail, path)? {
            let path = format!("{path}/{name}");
            if directory { self.directory(&path, depth + 1)? } else { self.file(&path)? }
        }
        Ok(())
    }
}

/// Names in a directory and whether each is one itself.
fn sorted(jail: &Jail, path: &str) -> Result<Vec<(String, bool)>, Why> {
    let directory = match jail.open_dir(path) {
        Ok((directory, _)) => directory,
        Err(JailError::Missing(_)) => return Err(Why::Gone),
        Err(_) => return Err(Why::Unreadable),
    };
    let mut names = Vec::new();
    for entry in directory.entries().map_err(|_| Why::Unreadable)? {
        let entry = entry.map_err(|_| Why::Unreadable)?;
        let name = entry.file_name().into_string().map_err(|_| Why::Unreadable)?;
        names.push((name, entry.file_type().is_ok_and(|kind| kind.is_dir())));
        if names.len() > MAX_NAMES {
            return Err(Why::TooLarge);
        }
    }
    names.sort_unstable();
    Ok(names)
}
