//! Which files a project has: bounded, without following links, without what is ignored, hidden or secret.
//!
//! Breadth first, so that a bound cuts off the deep and not the broad. Directories are read through a handle that
//! cannot leave the root. `.gitignore` and `.ignore` count with and without `.git`. One directory is never read to its
//! end when it is huge, which is why this is not the `ignore` crate's own walker: that one sorts whole directories.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Instant,
};

use cap_std::fs::{Dir, DirEntry, MetadataExt, OpenOptions, OpenOptionsExt};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use crate::tools::is_secret;

/// Files of one project. More is not a project that a word search can tell apart.
const FILES_MAX: usize = 8192;
/// Directories of one project.
const DIRS_MAX: usize = 2048;
/// Entries of one directory; a larger one holds data, and its listing alone would take the time of the whole answer.
const DIR_ENTRIES_MAX: usize = 2048;
/// Of such a directory this many are taken, so that it does not use up the files of all others.
const HUGE_DIR_KEPT: usize = 64;
/// Bytes of one ignore file.
const IGNORE_FILE_MAX: u64 = 256 * 1024;
/// Directories that hold other people's code even where nothing ignores them.
const FOREIGN_DIRS: [&str; 3] = ["node_modules", "__pycache__", "bower_components"];

/// What tells two versions of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Fingerprint {
    fn of(meta: &cap_std::fs::Metadata) -> Self {
        Self {
            inode: meta.ino(),
            size: meta.size(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            ctime: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Nanoseconds since the epoch of the last change of content or metadata.
    pub(super) fn changed_at(&self) -> i128 {
        let (seconds, nanos) = self.ctime.max(self.mtime);
        i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Relative paths; directories before what is in them, names in order.
    pub(super) files: Vec<(PathBuf, Fingerprint)>,
    /// A bound or the deadline cut something off.
    pub(super) cut: bool,
}

/// Opens a project root.
pub(super) fn open_root(root: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(root, cap_std::ambient_authority())
}

/// The first `max` bytes of a regular file; refuses everything else without blocking on it.
pub(super) fn read(root: &Dir, path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = root.open_with(path, OpenOptions::new().read(true).custom_flags(flags))?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    io::copy(&mut io::Read::take(file, max), &mut bytes)?;
    Ok(bytes)
}

/// Lists the project's files.
pub(super) fn walk(root: &Dir, until: Instant) -> Found {
    let mut walk = Walk { root, until, found: Found::default(), queue: VecDeque::new(), dirs: 0 };
    walk.queue.push_back((PathBuf::new(), None));
    while let Some((dir, rules)) = walk.queue.pop_front() {
        if walk.dirs == DIRS_MAX || walk.is_over() {
            walk.found.cut = true;
            break;
        }
        walk.dirs += 1;
        // A directory that cannot be read or vanished meanwhile has no files for us.
        let _ = walk.dir(&dir, rules);
    }
    walk.found
}

struct Walk<'a> {
    root: &'a Dir,
    until: Instant,
    found: Found,
    queue: VecDeque<(PathBuf, Option<Rc<Rules>>)>,
    dirs: usize,
}

impl Walk<'_> {
    fn is_over(&self) -> bool {
        self.found.files.len() >= FILES_MAX || Instant::now() >= self.until
    }

    fn dir(&mut self, path: &Path, rules: Option<Rc<Rules>>) -> io::Result<()> {
        let at = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let dir = self.root.open_dir(at)?;
        let mut entries = Vec::new();
        for entry in dir.entries()? {
            if entries.len() == DIR_ENTRIES_MAX || Instant::now() >= self.until {
                self.found.cut = true;
                entries.truncate(HUGE_DIR_KEPT);
                break;
            }
            let entry = entry?;
            entries.push((entry.file_name(), entry));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let has = |name: &str| entries.binary_search_by(|(other, _)| other.as_os_str().cmp(name.as_ref())).is_ok();
        if has("CACHEDIR.TAG") {
            return Ok(());
        }
        let rules = Rules::read(&dir, path, rules, &has);
        for (name, entry) in &entries {
            if self.is_over() {
                self.found.cut = true;
                break;
            }
            self.entry(path.join(name), entry, rules.as_ref());
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, entry: &DirEntry, rules: Option<&Rc<Rules>>) {
        let Ok(kind) = entry.file_type() else { return };
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let foreign = kind.is_dir() && name.to_str().is_some_and(|name| FOREIGN_DIRS.contains(&name));
        if hidden || foreign || rules.is_some_and(|rules| rules.ignore(&path, kind.is_dir())) {
            return;
        }
        if kind.is_dir() {
            self.queue.push_back((path, rules.cloned()));
        } else if kind.is_file()
            && !is_secret(&path)
            && let Ok(meta) = entry.metadata()
        {
            self.found.files.push((path, Fingerprint::of(&meta)));
        }
    }
}

/// The ignore files of one directory, and of those above it.
struct Rules {
    own: Gitignore,
    above: Option<Rc<Rules>>,
}

impl Rules {
    fn read(dir: &Dir, path: &Path, above: Option<Rc<Self>>, has: &dyn Fn(&str) -> bool) -> Option<Rc<Self>> {
        let mut builder = GitignoreBuilder::new(path);
        let mut lines = 0;
        // The later file wins.
        for name in [".git/info/exclude", ".gitignore", ".ignore"] {
            if !has(name.split('/').next().unwrap_or(name)) {
                continue;
            }
            let Ok(bytes) = read(dir, Path::new(name), IGNORE_FILE_MAX) else { continue };
            for line in String::from_utf8_lossy(&bytes).lines() {
                // A line that is no valid pattern ignores nothing, as in git.
                lines += usize::from(builder.add_line(None, line).is_ok());
            }
        }
        match builder.build() {
            Ok(own) if lines > 0 => Some(Rc::new(Self { own, above })),
            _ => above,
        }
    }

    /// The deepest file that says something decides.
    fn ignore(&self, path: &Path, is_dir: bool) -> bool {
        match self.own.matched(path, is_dir) {
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
            Match::None => self.above.as_ref().is_some_and(|above| above.ignore(path, is_dir)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn names(root: &Path) -> Vec<String> {
        let found = walk(&open_root(root).unwrap(), soon());
        found.files.iter().map(|(path, _)| path.display().to_string()).collect()
    }

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn ignore_files_count_without_git_and_the_deeper_one_wins() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), ".gitignore", "*.log\n/out/\nnested/b.txt\n");
        put(root.path(), "sub/.gitignore", "!keep.log\nlocal.txt\n");
        for name in
            ["a.rs", "a.log", "out/x.rs", "sub/keep.log", "sub/y.log", "sub/local.txt", "local.txt", "sub/out/z.rs"]
        {
            put(root.path(), name, "x");
        }
        put(root.path(), "nested/b.txt", "x");
        put(root.path(), "deep/nested/b.txt", "x");
        assert_eq!(names(root.path()), ["a.rs", "local.txt", "sub/keep.log", "deep/nested/b.txt", "sub/out/z.rs"]);
    }

    #[test]
    fn hidden_secret_linked_foreign_and_special_files_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        put(outside.path(), "o.rs", "x");
        for name in [
            "a.rs",
            ".hidden.rs",
            ".git/config",
            "key.pem",
            ".env",
            "id_rsa",
            "node_modules/m.js",
            "t/CACHEDIR.TAG",
            "t/x.rs",
        ] {
            put(root.path(), name, "x");
        }
        std::os::unix::fs::symlink(outside.path(), root.path().join("dir")).unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", root.path().join("link.rs")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.path().join("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        assert_eq!(names(root.path()), ["a.rs"]);
        let dir = open_root(root.path()).unwrap();
        read(&dir, Path::new("fifo"), 10).expect_err("a FIFO is not read");
        read(&dir, Path::new("link.rs"), 10).expect_err("a link out of the root is not followed");
        read(&dir, Path::new("../x"), 10).expect_err("the root is not left");
    }

    #[test]
    fn a_huge_directory_does_not_hide_its_neighbours() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("aaa");
        fs::create_dir(&data).unwrap();
        for n in 0..DIR_ENTRIES_MAX + 500 {
            fs::write(data.join(format!("{n}.dat")), "").unwrap();
        }
        put(root.path(), "src/main.rs", "fn main() {}");
        put(root.path(), "zzz.rs", "");
        let found = walk(&open_root(root.path()).unwrap(), soon());
        assert!(found.cut && found.files.len() <= FILES_MAX);
        assert_eq!(found.files.first().unwrap().0, Path::new("zzz.rs"));
        assert_eq!(found.files.last().unwrap().0, Path::new("src/main.rs"));
    }

    #[test]
    fn a_deadline_that_passed_ends_the_walk() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "a.rs", "x");
        let found = walk(&open_root(root.path()).unwrap(), Instant::now());
        assert!(found.cut && found.files.is_empty());
    }

    #[test]
    fn no_more_than_the_asked_bytes_are_read() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "a.rs", "0123456789");
        assert_eq!(read(&open_root(root.path()).unwrap(), Path::new("a.rs"), 4).unwrap(), b"0123");
    }
}
