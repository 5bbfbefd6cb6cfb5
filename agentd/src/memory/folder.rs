//! A directory of ours that private files are put into whole.
//!
//! Owns how a file comes to be: a temporary one of mode 0600 that nothing had the name of, filled, synced, renamed, the
//! directory synced. So a file of a final name is always complete, and what fails leaves nothing behind. A crash in the
//! middle leaves a temporary file, which [`Folder::sweep`] removes.
//!
//! Refuses a directory that is not ours, that others can write to, or whose last component is a symlink, and a file
//! system that would show the file to others. Works through the directory's handle: what is checked is what is used,
//! whatever happens to the path meanwhile. Never follows a symlink under a file's name.
//!
//! Everything here blocks.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, BufWriter, Write},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat},
    io::Errno,
};

/// Mode of directories that are made here.
const DIR_MODE: u32 = 0o700;
/// Mode of every file.
const FILE_MODE: u32 = 0o600;
/// Permission bits that let others put files into a directory.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Permission bits that let others at a file.
const OPEN_TO_OTHERS: u32 = 0o077;
/// How a temporary file begins and ends. Nobody else's files are called so.
const TEMP: (&str, &str) = (".agentd-memory-", ".tmp");
/// Most names read of one directory: a directory that collects something else is no place for backups.
const ENTRIES_MAX: usize = 100_000;

/// Tells temporary files of one process apart.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Why a directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A path that means something else in the daemon than in the shell.
    #[error("{} is not an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// It could be turned elsewhere at any time.
    #[error("{} is a symbolic link, or not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Somebody else's.
    #[error("{} belongs to uid {owner}, not to you (uid {uid})", .path.display())]
    WrongOwner {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        uid: u32,
    },
    /// Others could replace what is in it.
    #[error("others can write to {} (mode {mode:04o})", .path.display())]
    WritableByOthers {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file system without permissions.
    #[error("a file in {} cannot be kept from others (it gets mode {mode:04o})", .path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What the file's mode became.
        mode: u32,
    },
    /// No space or no quota.
    #[error("the disk of {} is full: {source}", .path.display())]
    Full {
        /// The file or directory.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// No right to.
    #[error("cannot write to {}: {source}", .path.display())]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Every name that could be given is taken.
    #[error("too many files of the same second in {}", .0.display())]
    NoName(PathBuf),
    /// More entries than [`ENTRIES_MAX`].
    #[error("{} holds too many files", .0.display())]
    TooMany(PathBuf),
    /// Anything else.
    #[error("cannot use {}: {source}", .path.display())]
    Other {
        /// The file or directory.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl FolderError {
    /// What to do about it; may be empty.
    pub fn cure(&self) -> String {
        match self {
            Self::NotAbsolute(_) | Self::NotADirectory(_) => "name the directory by its real, absolute path".to_owned(),
            Self::WrongOwner { .. } => "name a directory of your own".to_owned(),
            Self::WritableByOthers { path, .. } => {
                format!("type: chmod go-w {}; or name another directory", path.display())
            }
            Self::NotPrivate { .. } => "name a directory on a file system that keeps permissions".to_owned(),
            Self::Full { .. } => "free some space there and try again; what was there before is untouched".to_owned(),
            Self::NotWritable { path, .. } => {
                format!("type: chmod u+rwx {}; or name another directory", path.display())
            }
            Self::TooMany(_) => "name a directory of its own".to_owned(),
            Self::NoName(_) => "try again in a second".to_owned(),
            Self::Other { .. } => String::new(),
        }
    }

    fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::Full { path, source },
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::NotWritable { path, source },
            Some(Errno::NOTDIR | Errno::LOOP) => Self::NotADirectory(path),
            _ => Self::Other { path, source },
        }
    }
}

/// An open, checked directory.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens the directory; makes it and its parents, for us alone, when it is missing.
    ///
    /// # Errors
    /// It cannot be made, or must not be used.
    pub fn make(path: &Path) -> Result<Self, FolderError> {
        if !path.is_absolute() {
            return Err(FolderError::NotAbsolute(path.to_owned()));
        }
        if let Some(folder) = Self::open(path)? {
            return Ok(folder);
        }
        let made = DirBuilder::new().recursive(true).mode(DIR_MODE).create(path);
        made.map_err(|error| FolderError::of(path, error))?;
        Self::open(path)?.ok_or_else(|| FolderError::of(path, Errno::NOENT.into()))
    }

    /// Opens the directory; `None` when there is none.
    ///
    /// # Errors
    /// It must not be used.
    pub fn open(path: &Path) -> Result<Option<Self>, FolderError> {
        if !path.is_absolute() {
            return Err(FolderError::NotAbsolute(path.to_owned()));
        }
        // A slash at the end would have the system follow a link.
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(FolderError::of(&path, error.into())),
        };
        let folder = Self { handle, path };
        folder.check()?;
        Ok(Some(folder))
    }

    fn check(&self) -> Result<(), FolderError> {
        let stat = rustix::fs::fstat(&self.handle).map_err(|error| self.failed(error))?;
        let (uid, mode) = (rustix::process::getuid().as_raw(), stat.st_mode & 0o7777);
        if stat.st_uid != uid {
            return Err(FolderError::WrongOwner { path: self.path.clone(), owner: stat.st_uid, uid });
        }
        if mode & WRITABLE_BY_OTHERS != 0 {
            return Err(FolderError::WritableByOthers { path: self.path.clone(), mode });
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its real path, without symlinks on the way.
    ///
    /// # Errors
    /// It is no longer there.
    pub fn real_path(&self) -> Result<PathBuf, FolderError> {
        fs::canonicalize(&self.path).map_err(|error| FolderError::of(&self.path, error))
    }

    /// Names of the regular files in it that are ours, with their sizes, in no order. Names that are no text are not
    /// ours.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn files(&self) -> Result<Vec<(String, u64)>, FolderError> {
        let mut files = Vec::new();
        let entries = rustix::fs::Dir::read_from(&self.handle).map_err(|error| self.failed(error))?;
        for (count, entry) in entries.enumerate() {
            if count > ENTRIES_MAX {
                return Err(FolderError::TooMany(self.path.clone()));
            }
            let entry = entry.map_err(|error| self.failed(error))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            match self.stat(name) {
                Ok(stat) if is_ours(&stat) => files.push((name.to_owned(), stat.st_size.cast_unsigned())),
                // A name that has just gone is not there.
                _ => {}
            }
        }
        Ok(files)
    }

    fn stat(&self, name: &str) -> rustix::io::Result<Stat> {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Opens a regular file of ours for reading.
    ///
    /// # Errors
    /// It is something else, or cannot be opened.
    pub fn read(&self, name: &str) -> Result<File, FolderError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let opened = rustix::fs::openat(&self.handle, name, flags, Mode::empty());
        let handle = opened.map_err(|error| FolderError::of(&path, error.into()))?;
        let stat = rustix::fs::fstat(&handle).map_err(|error| FolderError::of(&path, error.into()))?;
        if !is_ours(&stat) {
            return Err(FolderError::Other { path, source: io::Error::other("not a file of yours") });
        }
        Ok(File::from(handle))
    }

    /// Writes a new file under the first of `names` that is free.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub fn write_new<T>(
        &self,
        names: impl IntoIterator<Item = String>,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<T>,
    ) -> Result<(String, T), FolderError> {
        let (temp, filled) = self.temp(fill)?;
        for name in names {
            match self.rename_new(&temp.name, &name) {
                Ok(()) => {
                    temp.renamed();
                    self.sync()?;
                    return Ok((name, filled));
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Err(FolderError::NoName(self.path.clone()))
    }

    /// Writes a file in place of what has the name, or new.
    ///
    /// # Errors
    /// What was there is still there.
    pub fn replace<T>(&self, name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<T, FolderError> {
        let (temp, filled) = self.temp(fill)?;
        rustix::fs::renameat(&self.handle, &temp.name, &self.handle, name).map_err(|error| self.failed(error))?;
        temp.renamed();
        self.sync()?;
        Ok(filled)
    }

    /// Removes a file; that there is none is fine.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(FolderError::of(&self.path.join(name), error.into())),
        }
    }

    /// Removes what an earlier crash has left half written. The caller makes sure that nobody is writing here.
    ///
    /// # Errors
    /// The directory cannot be read, or one of them not be removed.
    pub fn sweep(&self) -> Result<usize, FolderError> {
        let is_temp = |name: &str| name.starts_with(TEMP.0) && name.ends_with(TEMP.1);
        let left: Vec<_> = self.files()?.into_iter().filter(|(name, _)| is_temp(name)).collect();
        left.iter().try_for_each(|(name, _)| self.remove(name))?;
        if !left.is_empty() {
            self.sync()?;
        }
        Ok(left.len())
    }

    /// Makes names durable.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> Result<(), FolderError> {
        match rustix::fs::fsync(&self.handle) {
            // Some file systems know no such thing for directories; they have nothing to lose by it.
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn temp<T>(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<(Temp<'_>, T), FolderError> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{}-{number}{}", TEMP.0, std::process::id(), TEMP.1);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Only one that a killed process with our number left: everything of ours is written under one lock.
        self.remove(&name)?;
        let opened = rustix::fs::openat(&self.handle, &name, flags, Mode::from_raw_mode(FILE_MODE));
        let handle = opened.map_err(|error| self.failed(error))?;
        let temp = Temp { folder: self, name, is_left: true };
        let stat = rustix::fs::fstat(&handle).map_err(|error| self.failed(error))?;
        if stat.st_mode & OPEN_TO_OTHERS != 0 {
            return Err(FolderError::NotPrivate { path: self.path.clone(), mode: stat.st_mode & 0o7777 });
        }
        let mut out = BufWriter::new(File::from(handle));
        let filled = fill(&mut out)
            .and_then(|filled| out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all().map(|()| filled));
        Ok((temp, filled.map_err(|error| FolderError::of(&self.path, error))?))
    }

    fn rename_new(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        match rustix::fs::renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE) {
            // The file system does not know the flag. Others cannot write here, and we write under one lock.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match self.stat(to) {
                Err(Errno::NOENT) => rustix::fs::renameat(&self.handle, from, &self.handle, to),
                Ok(_) => Err(Errno::EXIST),
                Err(error) => Err(error),
            },
            done => done,
        }
    }

    fn failed(&self, error: Errno) -> FolderError {
        FolderError::of(&self.path, error.into())
    }
}

fn is_ours(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_uid == rustix::process::getuid().as_raw()
}

/// A temporary file that goes unless it was renamed.
struct Temp<'a> {
    folder: &'a Folder,
    name: String,
    is_left: bool,
}

impl Temp<'_> {
    fn renamed(mut self) {
        self.is_left = false;
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if self.is_left {
            let _ = self.folder.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn put(text: &'static str) -> impl FnOnce(&mut dyn Write) -> io::Result<()> {
        move |out| out.write_all(text.as_bytes())
    }

    fn both() -> [String; 2] {
        ["a".to_owned(), "b".to_owned()]
    }

    #[test]
    fn directories_and_files_are_for_us_alone() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::make(&base.path().join("x/y")).unwrap();
        folder.write_new(both(), put("1")).unwrap();
        let mode = |path: &str| fs::metadata(base.path().join(path)).unwrap().mode() & 0o7777;
        assert_eq!((mode("x"), mode("x/y"), mode("x/y/a")), (0o700, 0o700, 0o600));
    }

    #[test]
    fn a_new_file_never_takes_the_place_of_another_nor_follows_a_link() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::make(base.path()).unwrap();
        fs::write(base.path().join("victim"), "old").unwrap();
        symlink("victim", base.path().join("a")).unwrap();
        assert_eq!(folder.write_new(both(), put("new")).unwrap().0, "b");
        assert!(matches!(folder.write_new(both(), put("more")), Err(FolderError::NoName(_))));
        assert_eq!(fs::read_to_string(base.path().join("victim")).unwrap(), "old");
        assert_eq!(fs::read_to_string(base.path().join("b")).unwrap(), "new");
        assert_eq!(names(base.path()), ["a", "b", "victim"]);
        // Replacing replaces the link, not what it points to.
        folder.replace("a", put("whole")).unwrap();
        assert_eq!(fs::read_to_string(base.path().join("victim")).unwrap(), "old");
        assert!(!base.path().join("a").is_symlink());
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_behind_and_says_why() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::make(base.path()).unwrap();
        folder.replace("a", put("old")).unwrap();
        let full = |out: &mut dyn Write| {
            out.write_all(b"half")?;
            out.flush()?;
            Err::<(), _>(io::Error::from(Errno::NOSPC))
        };
        let error = folder.replace("a", full).unwrap_err();
        assert!(matches!(error, FolderError::Full { .. }) && error.cure().contains("free some space"), "{error}");
        assert!(matches!(folder.write_new(both(), full), Err(FolderError::Full { .. })));
        assert_eq!(names(base.path()), ["a"]);
        assert_eq!(fs::read_to_string(base.path().join("a")).unwrap(), "old");
    }

    #[test]
    fn what_a_crash_left_is_swept_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::make(base.path()).unwrap();
        for name in [".agentd-memory-77-3.tmp", ".agentd-memory", "x.tmp", "agentd-memory-1.tmp"] {
            fs::write(base.path().join(name), "").unwrap();
        }
        symlink("x.tmp", base.path().join(".agentd-memory-1-1.tmp")).unwrap();
        assert_eq!(folder.sweep().unwrap(), 1);
        assert_eq!(names(base.path()), [".agentd-memory", ".agentd-memory-1-1.tmp", "agentd-memory-1.tmp", "x.tmp"]);
    }

    #[test]
    fn a_directory_that_others_may_turn_or_fill_is_refused_with_a_cure() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("open");
        fs::create_dir(&dir).unwrap();
        for mode in [0o777, 0o1777, 0o770, 0o702] {
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
            let error = Folder::make(&dir).unwrap_err();
            assert!(matches!(error, FolderError::WritableByOthers { .. }), "{error}");
            assert!(error.cure().contains("chmod go-w"));
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Folder::make(&dir).is_ok());

        symlink(&dir, base.path().join("link")).unwrap();
        for link in ["link", "link/", "link/."] {
            let error = Folder::make(&base.path().join(link)).unwrap_err();
            assert!(matches!(error, FolderError::NotADirectory(_)), "{link}: {error}");
        }
        fs::write(base.path().join("file"), "").unwrap();
        assert!(matches!(Folder::make(&base.path().join("file")), Err(FolderError::NotADirectory(_))));
        assert!(matches!(Folder::make(&base.path().join("file/below")), Err(FolderError::NotADirectory(_))));
        assert!(matches!(Folder::make(Path::new("relative")), Err(FolderError::NotAbsolute(_))));
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        let uid = rustix::process::getuid().as_raw();
        let base = tempfile::tempdir().unwrap();
        let dir = if uid == 0 { base.path().to_owned() } else { PathBuf::from("/") };
        if uid == 0 {
            std::os::unix::fs::chown(&dir, Some(65534), None).unwrap();
        }
        assert!(matches!(Folder::make(&dir), Err(FolderError::WrongOwner { .. })));
    }

    #[test]
    fn a_missing_directory_is_none_and_only_our_regular_files_are_listed_and_read() {
        let base = tempfile::tempdir().unwrap();
        assert!(Folder::open(&base.path().join("none")).unwrap().is_none());
        let folder = Folder::make(base.path()).unwrap();
        fs::write(base.path().join("file"), "1234").unwrap();
        fs::create_dir(base.path().join("dir")).unwrap();
        symlink("file", base.path().join("link")).unwrap();
        let fifo = base.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(folder.files().unwrap(), [("file".to_owned(), 4)]);
        assert!(folder.read("file").is_ok());
        for other in ["dir", "link", "fifo", "none"] {
            assert!(folder.read(other).is_err(), "{other}");
        }
    }
}
