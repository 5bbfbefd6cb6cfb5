//! The jail: how tools reach files, and the only way.
//!
//! A [`Project`] is a root directory; its [`Jail`] holds that directory open, and every open goes through the handle
//! (`openat2` with `RESOLVE_BENEATH` where the kernel has it). `..`, absolute paths, symlinks and whatever is swapped
//! during the call end in the same refusal, because the kernel resolves each path inside the root or not at all.
//!
//! Invariants:
//! - A path is taken literally: nothing is decoded, expanded or searched for.
//! - What is opened for reading is a regular file: a FIFO, socket or device is refused and never waited for.
//! - Secret files ([`super::secret`]) are refused under their real name, so a symlink does not rename them. A hard link
//!   does: it has no real name.
//! - Nothing is written in place: a new file takes the old one's name at once, or not.

use std::{
    ffi::OsStr,
    io::{self, Write as _},
    os::fd::AsRawFd as _,
    path::{Component, Path, PathBuf},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, File, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _},
};

use super::secret;

/// Names that mark a project's root.
const MARKERS: [&str; 2] = [".git", ".agentd.toml"];

/// Parents looked at for a marker.
const MAX_PARENTS: usize = 256;

/// Longest path that is looked at; the kernel's own limit.
const MAX_PATH: usize = 4096;

/// Attempts at a free name for a temporary file.
const TEMPORARY_ATTEMPTS: usize = 16;

/// Symlink follows of the kernel's limit (ELOOP) are the kernel's; this bounds retries when a path changes under us.
const WRITE_ATTEMPTS: usize = 3;

/// Why a path was refused, in the words that the model reads.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// The path leads out of the root, however it does.
    #[error("Access denied - path outside allowed directories: {path} not in {root}")]
    Outside {
        /// As it was given.
        path: String,
        /// The project root.
        root: String,
    },
    /// The file holds credentials by its name.
    #[error("Access denied - {0} is a secret file (credentials by its name); ask the user for what you need from it")]
    Secret(String),
    /// Not a path at all.
    #[error("Invalid path: {0}")]
    Invalid(&'static str),
    /// Nothing there.
    #[error("ENOENT: no such file or directory: {0}")]
    Missing(String),
    /// A FIFO, a socket, a device.
    #[error("{path} is a {kind}, not a regular file: it is not read or written")]
    Special {
        /// As it was given.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A directory where a file was meant.
    #[error("EISDIR: {0} is a directory")]
    Directory(String),
    /// A file where a directory was meant.
    #[error("ENOTDIR: {0} is not a directory")]
    NotDirectory(String),
    /// Something is there already.
    #[error("EEXIST: {0} already exists; it is not overwritten")]
    Exists(String),
    /// The file's mode forbids writing.
    #[error("EACCES: {0} is read-only")]
    ReadOnly(String),
    /// Any other answer of the system.
    #[error("{path}: {source}")]
    System {
        /// As it was given.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

/// A directory tree that tools may work in.
#[derive(Debug)]
pub struct Project {
    /// Canonical path of the root.
    pub root: PathBuf,
    /// The way in.
    pub jail: Jail,
}

impl Project {
    /// The project that `cwd` stands in: the nearest directory with `.git` or `.agentd.toml`, else `cwd` itself; `None`
    /// when that is `/` or the home directory, which hold more than a project.
    pub fn find(cwd: &Path) -> Result<Option<Self>, JailError> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Self::find_with_home(cwd, home.as_deref())
    }

    /// The same with the home directory given.
    pub fn find_with_home(cwd: &Path, home: Option<&Path>) -> Result<Option<Self>, JailError> {
        let real = cwd.canonicalize().map_err(|error| system(&cwd.to_string_lossy(), error))?;
        let home = home.and_then(|home| home.canonicalize().ok());
        let forbidden = |path: &Path| path.parent().is_none() || home.as_deref() == Some(path);
        let marked = |path: &&Path| MARKERS.iter().any(|name| path.join(name).exists());
        let mut candidates = real.ancestors().take(MAX_PARENTS).take_while(|path| !forbidden(path));
        let root = candidates.find(marked).unwrap_or(&real).to_path_buf();
        if forbidden(&root) {
            return Ok(None);
        }
        let above = real.components().count() - root.components().count();
        let alias = cwd.ancestors().nth(above).filter(|alias| alias.is_absolute()).map(Path::to_path_buf);
        let jail = Jail::open(&root, alias)?;
        Ok(Some(Self { root, jail }))
    }
}

/// A regular file that was opened for reading.
#[derive(Debug)]
pub struct Opened {
    /// The open file.
    pub file: std::fs::File,
    /// Its real path relative to the root, symlinks resolved.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

/// The open root directory.
#[derive(Debug)]
pub struct Jail {
    dir: Dir,
    root: PathBuf,
    alias: Option<PathBuf>,
}

impl Jail {
    /// Opens the root. `alias` is another absolute name of it, through a symlink, that clients may use.
    fn open(root: &Path, alias: Option<PathBuf>) -> Result<Self, JailError> {
        let dir =
            Dir::open_ambient_dir(root, ambient_authority()).map_err(|error| system(&root.to_string_lossy(), error))?;
        Ok(Self { dir, root: root.to_path_buf(), alias: alias.filter(|alias| alias != root) })
    }

    /// The path relative to the root, by its letters alone: `.` and `..` are resolved, a way out is refused. Empty for
    /// the root itself.
    pub fn relative(&self, path: &str) -> Result<PathBuf, JailError> {
        if path.is_empty() {
            return Err(JailError::Invalid("it is empty"));
        }
        if path.contains('\0') {
            return Err(JailError::Invalid("it holds a NUL byte"));
        }
        if path.len() > MAX_PATH {
            return Err(JailError::Invalid("it is longer than 4096 bytes"));
        }
        let given = Path::new(path);
        let inside = if given.is_absolute() {
            let bases = [Some(self.root.as_path()), self.alias.as_deref()];
            let stripped = bases.into_iter().flatten().find_map(|base| given.strip_prefix(base).ok());
            stripped.ok_or_else(|| self.outside(path))?
        } else {
            given
        };
        let mut relative = PathBuf::new();
        for component in inside.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => relative.push(name),
                Component::ParentDir if relative.pop() => {}
                _ => return Err(self.outside(path)),
            }
        }
        Ok(relative)
    }

    /// Opens a regular file for reading; never blocks.
    pub fn open_file(&self, path: &str) -> Result<Opened, JailError> {
        let relative = self.relative(path)?;
        self.open_relative(path, &relative)
    }

    fn open_relative(&self, path: &str, relative: &Path) -> Result<Opened, JailError> {
        refuse_secret(relative)?;
        if relative.as_os_str().is_empty() {
            return Err(JailError::Directory(path.to_owned()));
        }
        // Before the open, because opening a device can do something; after it again, because only that counts.
        regular(path, &self.dir.metadata(relative).map_err(|error| self.error(path, error))?)?;
        let mut options = OpenOptions::new();
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
        let file = self.dir.open_with(relative, &options).map_err(|error| self.error(path, error))?;
        let metadata = file.metadata().map_err(|error| self.error(path, error))?;
        regular(path, &metadata)?;
        let real = self.real_path(path, &file)?;
        refuse_secret(&real)?;
        Ok(Opened { path: real, size: metadata.len(), mode: metadata.mode() & 0o7777, file: file.into_std() })
    }

    /// Opens a directory, with its real path relative to the root.
    pub fn open_dir(&self, path: &str) -> Result<(Dir, PathBuf), JailError> {
        let relative = self.relative(path)?;
        self.open_dir_relative(path, &relative)
    }

    fn open_dir_relative(&self, path: &str, relative: &Path) -> Result<(Dir, PathBuf), JailError> {
        refuse_secret(relative)?;
        let name = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        let dir = self.dir.open_dir(name).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => JailError::NotDirectory(path.to_owned()),
            _ => self.error(path, error),
        })?;
        let real = self.real_path(path, &dir)?;
        refuse_secret(&real)?;
        Ok((dir, real))
    }

    /// What is there, symlinks followed inside the root; nothing is opened.
    pub fn metadata(&self, path: &str) -> Result<Metadata, JailError> {
        let relative = self.relative(path)?;
        let name = if relative.as_os_str().is_empty() { Path::new(".") } else { &relative };
        self.dir.metadata(name).map_err(|error| self.error(path, error))
    }

    /// Where a path leads that need not exist, relative to the root: symlinks are followed as far as there is something.
    pub(super) fn reach(&self, path: &str) -> Result<PathBuf, JailError> {
        let relative = self.relative(path)?;
        refuse_secret(&relative)?;
        for known in relative.ancestors() {
            let name = if known.as_os_str().is_empty() { Path::new(".") } else { known };
            match self.dir.canonicalize(name) {
                Ok(real) => {
                    let rest = relative.strip_prefix(known).unwrap_or(Path::new(""));
                    let whole: PathBuf =
                        real.join(rest).components().filter(|part| *part != Component::CurDir).collect();
                    refuse_secret(&whole)?;
                    return Ok(whole);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.holds(known) => {}
                // Also a symlink that leads to nothing.
                Err(error) => return Err(self.error(path, error)),
            }
        }
        Err(JailError::Missing(path.to_owned()))
    }

    /// Where something would be made or moved, relative to the root: its directory exists, and a symlink in its place
    /// is not followed.
    pub(super) fn reach_new(&self, path: &str) -> Result<PathBuf, JailError> {
        let relative = self.relative(path)?;
        refuse_secret(&relative)?;
        self.open_parent(path, &relative).map(|(_, real, _)| real)
    }

    /// What stat says of a relative path. With `follow`, symlinks lead wherever they lead, also out of the root: good for
    /// comparing with what a file said that the jail had opened, and for no more. No allocation.
    pub(super) fn stat(&self, relative: &Path, follow: bool) -> rustix::io::Result<rustix::fs::Stat> {
        use rustix::fs::AtFlags;
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        rustix::fs::statat(&self.dir, relative, flags)
    }

    /// True when the name (not what a symlink there points to) exists and lies inside the root.
    pub fn holds(&self, relative: &Path) -> bool {
        self.dir.symlink_metadata(relative).is_ok()
    }

    /// Creates a directory and its missing parents. One that exists is fine.
    pub fn create_dir_all(&self, path: &str) -> Result<(), JailError> {
        let relative = self.relative(path)?;
        refuse_secret(&relative)?;
        if relative.as_os_str().is_empty() {
            return Ok(());
        }
        self.dir.create_dir_all(&relative).map_err(|error| self.error(path, error))?;
        self.open_dir_relative(path, &relative).map(drop)
    }

    /// Writes a file at once: a temporary file in the same directory takes its name. Mode bits of an existing file stay.
    /// `check` sees the file that is about to be replaced (`None`: there is none) and may refuse. Gives the real path.
    pub fn write<E: From<JailError>>(
        &self,
        path: &str,
        bytes: &[u8],
        check: impl Fn(Option<&Opened>) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let mut relative = self.relative(path)?;
        let mut mode = None;
        for attempt in 1.. {
            match self.open_relative(path, &relative) {
                Ok(existing) => {
                    if existing.mode & 0o222 == 0 {
                        return Err(JailError::ReadOnly(path.to_owned()).into());
                    }
                    check(Some(&existing))?;
                    mode = Some(existing.mode);
                    relative = existing.path;
                    break;
                }
                Err(JailError::Missing(_)) if !self.holds(&relative) => {
                    check(None)?;
                    break;
                }
                // A dangling symlink, or a file that came and went.
                Err(JailError::Missing(_)) if attempt < WRITE_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.replace(path, &relative, bytes, mode)?)
    }

    fn replace(&self, path: &str, relative: &Path, bytes: &[u8], mode: Option<u32>) -> Result<PathBuf, JailError> {
        let (parent, real, name) = self.open_parent(path, relative)?;
        let (temporary, mut file) = temporary_file(&parent).map_err(|error| self.error(path, error))?;
        let written = (|| {
            file.write_all(bytes)?;
            if let Some(mode) = mode {
                file.set_permissions(Permissions::from_mode(mode))?;
            }
            // The new name must never stand for an empty file after a crash.
            file.sync_all()?;
            parent.rename(&temporary, &parent, &name)
        })();
        if let Err(error) = written {
            let _left = parent.remove_file(&temporary);
            return Err(self.error(path, error));
        }
        Ok(real)
    }

    /// Moves a file or directory; never overwrites, not even in a race. Symlinks are moved, not followed.
    pub fn rename(&self, from: &str, to: &str) -> Result<(PathBuf, PathBuf), JailError> {
        let (source, target) = (self.relative(from)?, self.relative(to)?);
        for path in [&source, &target] {
            refuse_secret(path)?;
        }
        let (source_dir, source, source_name) = self.open_parent(from, &source)?;
        let metadata = source_dir.symlink_metadata(&source_name).map_err(|error| self.error(from, error))?;
        if !metadata.is_symlink() && !metadata.is_dir() {
            regular(from, &metadata)?;
        }
        let (target_dir, target, target_name) = self.open_parent(to, &target)?;
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(&source_dir, &source_name, &target_dir, &target_name, flags).map_err(|error| {
            match error {
                rustix::io::Errno::EXIST => JailError::Exists(to.to_owned()),
                error => self.error(to, error.into()),
            }
        })?;
        Ok((source, target))
    }

    /// The directory that a path lies in, the real path, and its last name.
    fn open_parent(&self, path: &str, relative: &Path) -> Result<(Dir, PathBuf, PathBuf), JailError> {
        let (Some(parent), Some(name)) = (relative.parent(), relative.file_name()) else {
            return Err(JailError::Invalid("it is the project root"));
        };
        let (dir, real) = self.open_dir_relative(path, parent)?;
        let real = real.join(name);
        refuse_secret(&real)?;
        Ok((dir, real, PathBuf::from(name)))
    }

    /// Where an open handle really is, relative to the root.
    fn real_path(&self, path: &str, handle: &impl std::os::fd::AsFd) -> Result<PathBuf, JailError> {
        let place = |fd: i32| std::fs::read_link(format!("/proc/self/fd/{fd}"));
        let root = place(self.dir.as_raw_fd()).map_err(|error| self.error(path, error))?;
        let real = place(handle.as_fd().as_raw_fd()).map_err(|error| self.error(path, error))?;
        real.strip_prefix(&root).map(Path::to_path_buf).map_err(|_| self.outside(path))
    }

    fn outside(&self, path: &str) -> JailError {
        JailError::Outside { path: path.to_owned(), root: self.root.display().to_string() }
    }

    /// The system's answer in our words. cap-std reports a way out as "permission denied" without a system error number.
    fn error(&self, path: &str, error: io::Error) -> JailError {
        match error.kind() {
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => self.outside(path),
            io::ErrorKind::NotFound => JailError::Missing(path.to_owned()),
            io::ErrorKind::AlreadyExists => JailError::Exists(path.to_owned()),
            _ => system(path, error),
        }
    }
}

fn system(path: &str, source: io::Error) -> JailError {
    JailError::System { path: path.to_owned(), source }
}

fn refuse_secret(path: &Path) -> Result<(), JailError> {
    if secret::is_secret(path) { Err(JailError::Secret(path.display().to_string())) } else { Ok(()) }
}

/// Refuses everything but a regular file.
fn regular(path: &str, metadata: &Metadata) -> Result<(), JailError> {
    use cap_std::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(JailError::Directory(path.to_owned()));
    }
    let kind = match () {
        () if kind.is_fifo() => "FIFO",
        () if kind.is_socket() => "socket",
        () if kind.is_block_device() || kind.is_char_device() => "device",
        () => "special file",
    };
    Err(JailError::Special { path: path.to_owned(), kind })
}

/// A new file with a free name in `directory`. It is never left behind: the caller renames or removes it.
fn temporary_file(directory: &Dir) -> io::Result<(String, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    for _ in 0..TEMPORARY_ATTEMPTS {
        let name = format!(".agentd-{:016x}.tmp", fastrand::u64(..));
        match directory.open_with(&name, &options) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (name, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The last name of a path, for listings.
pub(super) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests;
