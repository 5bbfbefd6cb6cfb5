//! The daemon's places on disk: found in the real environment, then checked and prepared.
//!
//! Owns the rules for the state, log and socket directories: created with mode 0700, ours, real directories that
//! nobody else can write. Refuses everything else with the command that cures it. Never repairs: a directory with
//! another owner or mode may be somebody's trap, and its owner should hear of it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use proto::endpoint::{Endpoint, Environment};
use rustix::{fs::OFlags, io::Errno};

/// Mode of every directory that we make.
const DIR_MODE: u32 = 0o700;
/// Permission bits that let others put files into a directory.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Bytes of the write probe: one block, so that a full disk shows before the lock and the socket are made.
const PROBE_BYTES: usize = 4096;

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealEnvironment;

impl Environment for RealEnvironment {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn uid(&self) -> u32 {
        rustix::process::getuid().as_raw()
    }

    fn owns_dir(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == self.uid())
    }
}

/// Opens a file that the user named, for reading, and says what it is. Never blocks: a FIFO under that name must not
/// stop the daemon. With `follow` false a symlink is refused. Files of a project go through the jail instead.
///
/// # Errors
/// As the system says; that it is no regular file is for the caller to judge.
pub fn open_named(path: &Path, follow: bool) -> io::Result<(File, fs::Metadata)> {
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let meta = file.metadata()?;
    Ok((file, meta))
}

/// Directory of the global AGENTS.md: that of the configuration file.
pub fn config_dir() -> Option<PathBuf> {
    let file = crate::config::file_path(&|name| std::env::var_os(name)).ok()??;
    file.parent().map(Path::to_owned)
}

/// Why the daemon cannot use a place. The text says what to type.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// A link could be turned to another place between check and use.
    #[error("{path} is a symbolic link; remove it, or name the real directory in {variable}")]
    Symlink {
        /// The place.
        path: PathBuf,
        /// The variable that chooses it.
        variable: &'static str,
    },
    /// Something else has the name.
    #[error("{path} is not a directory; move it away, or set {variable}")]
    NotADirectory {
        /// The place.
        path: PathBuf,
        /// The variable that chooses it.
        variable: &'static str,
    },
    /// It is somebody else's.
    #[error(
        "{path} belongs to uid {owner}, not to you (uid {uid}); if it is yours: sudo chown -R {uid} {}; else set {variable}",
        quoted(path)
    )]
    WrongOwner {
        /// The place.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        uid: u32,
        /// The variable that chooses it.
        variable: &'static str,
    },
    /// Others could replace the socket or the lock.
    #[error(
        "others can write to {path} (mode {mode:04o}); type: chmod 700 {}; or set {variable} to a directory of its own",
        quoted(path)
    )]
    WritableByOthers {
        /// The place.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The variable that chooses it.
        variable: &'static str,
    },
    /// We may not write.
    #[error("cannot write to {path}: {source}; type: chmod u+rwx {}; or set {variable}", quoted(path))]
    NotWritable {
        /// The place.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// The variable that chooses it.
        variable: &'static str,
    },
    /// No space, or no quota.
    #[error("the disk of {path} is full: {source}; free some space (df -h {}), or set {variable}", quoted(path))]
    Full {
        /// The place.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// The variable that chooses it.
        variable: &'static str,
    },
    /// Any other failure.
    #[error("cannot use {path}: {source}; check the path, or set {variable}")]
    Other {
        /// The place.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// The variable that chooses it.
        variable: &'static str,
    },
}

/// Makes and checks the state directory, its log directory and the socket's directory, and proves that the state
/// directory takes a block of data.
///
/// # Errors
/// The first place that cannot be used.
pub fn prepare(endpoint: &Endpoint) -> Result<(), PathError> {
    let state = Place { path: &endpoint.state_dir, variable: proto::endpoint::STATE_DIR_VAR };
    state.prepare()?;
    state.probe()?;
    Place { path: &endpoint.log_dir(), ..state }.prepare()?;
    let socket_dir = endpoint.socket.parent().unwrap_or(Path::new("/"));
    Place { path: socket_dir, variable: proto::endpoint::SOCKET_VAR }.prepare()
}

/// Checks a directory without making it: for `doctor`. A missing one is fine.
///
/// # Errors
/// What is wrong with it.
pub fn check_dir(path: &Path, variable: &'static str) -> Result<(), PathError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Place { path, variable }.check(),
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    variable: &'static str,
}

impl Place<'_> {
    /// Makes the directory when nothing has its name, then checks what is there: losing a race changes nothing.
    fn prepare(self) -> Result<(), PathError> {
        if let Err(error) = fs::symlink_metadata(self.path) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(self.failed(error));
            }
            DirBuilder::new().recursive(true).mode(DIR_MODE).create(self.path).map_err(|error| self.failed(error))?;
        }
        self.check()
    }

    fn check(self) -> Result<(), PathError> {
        let Self { path, variable } = self;
        let path = || path.to_owned();
        let meta = fs::symlink_metadata(self.path).map_err(|error| self.failed(error))?;
        let (uid, mode) = (rustix::process::getuid().as_raw(), meta.mode() & 0o7777);
        if meta.is_symlink() {
            return Err(PathError::Symlink { path: path(), variable });
        }
        if !meta.is_dir() {
            return Err(PathError::NotADirectory { path: path(), variable });
        }
        if meta.uid() != uid {
            return Err(PathError::WrongOwner { path: path(), owner: meta.uid(), uid, variable });
        }
        if mode & WRITABLE_BY_OTHERS != 0 {
            return Err(PathError::WritableByOthers { path: path(), mode, variable });
        }
        Ok(())
    }

    fn probe(self) -> Result<(), PathError> {
        let probe = self.path.join(format!(".probe.{}", std::process::id()));
        // One that a killed start with our pid left behind.
        let _ = fs::remove_file(&probe);
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&probe)
            .and_then(|mut file| file.write_all(&[0; PROBE_BYTES]));
        let _ = fs::remove_file(&probe);
        written.map_err(|error| self.failed(error))
    }

    fn failed(self, source: io::Error) -> PathError {
        let Self { path, variable } = self;
        let path = path.to_owned();
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => PathError::NotWritable { path, source, variable },
            Some(Errno::NOSPC | Errno::DQUOT) => PathError::Full { path, source, variable },
            // An ancestor, or what won the race for the name, is a file.
            Some(Errno::NOTDIR | Errno::EXIST) => PathError::NotADirectory { path, variable },
            _ => PathError::Other { path, source, variable },
        }
    }
}

/// A path as it can be pasted into a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+:@,".contains(&b));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn endpoint(base: &Path) -> Endpoint {
        Endpoint {
            state_dir: base.join("state/agentd"),
            socket: base.join("run/agentd/agentd.sock"),
            socket_pinned: false,
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn missing_places_are_made_for_us_alone_and_no_probe_stays_behind() {
        let base = tempfile::tempdir().unwrap();
        let endpoint = endpoint(base.path());
        prepare(&endpoint).unwrap();
        prepare(&endpoint).unwrap();
        for dir in [&endpoint.state_dir, &endpoint.log_dir(), &base.path().join("run/agentd"), &base.path().join("run")]
        {
            assert_eq!(mode(dir), 0o700, "{}", dir.display());
        }
        let names: Vec<_> =
            fs::read_dir(&endpoint.state_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["log"]);
    }

    #[test]
    fn a_symlinked_or_group_writable_directory_is_refused_and_left_as_it_is() {
        for place in ["state/agentd", "run/agentd"] {
            let base = tempfile::tempdir().unwrap();
            let dir = base.path().join(place);
            fs::create_dir_all(&dir).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o770)).unwrap();
            let error = prepare(&endpoint(base.path())).unwrap_err();
            assert!(matches!(error, PathError::WritableByOthers { mode: 0o770, .. }), "{error}");
            assert!(error.to_string().contains(&format!("chmod 700 {}", dir.display())), "{error}");
            assert_eq!(mode(&dir), 0o770);

            fs::remove_dir(&dir).unwrap();
            symlink(base.path(), &dir).unwrap();
            let error = prepare(&endpoint(base.path())).unwrap_err();
            assert!(matches!(error, PathError::Symlink { .. }), "{error}");
            assert!(dir.is_symlink());
        }
    }

    #[test]
    fn a_file_in_place_of_a_directory_or_of_its_parent_is_named() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("state"), "").unwrap();
        let error = prepare(&endpoint(base.path())).unwrap_err();
        assert!(matches!(error, PathError::NotADirectory { .. }), "{error}");
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused_with_both_uids() {
        let uid = rustix::process::getuid().as_raw();
        // Owned by root everywhere; as root, a directory is given away first.
        let base = tempfile::tempdir().unwrap();
        let (dir, owner) = if uid == 0 { (base.path().to_owned(), 65534) } else { (PathBuf::from("/"), 0) };
        if uid == 0 {
            std::os::unix::fs::chown(&dir, Some(owner), None).unwrap();
        }
        let error = check_dir(&dir, "AGENTD_STATE_DIR").unwrap_err().to_string();
        assert!(error.contains(&format!("belongs to uid {owner}, not to you (uid {uid})")), "{error}");
    }

    #[test]
    fn a_place_where_the_system_lets_nobody_write_is_a_clear_error() {
        let endpoint = Endpoint { state_dir: "/proc/self/agentd".into(), ..endpoint(Path::new("/nonexistent")) };
        let error = prepare(&endpoint).unwrap_err().to_string();
        assert!(error.contains("/proc/self/agentd") && error.contains("AGENTD_STATE_DIR"), "{error}");
    }

    #[test]
    fn a_full_disk_and_a_forbidden_write_have_their_own_words() {
        let place = Place { path: Path::new("/s t"), variable: "AGENTD_STATE_DIR" };
        let text = |errno: Errno| place.failed(errno.into()).to_string();
        assert!(text(Errno::NOSPC).starts_with("the disk of /s t is full"), "{}", text(Errno::NOSPC));
        assert!(text(Errno::DQUOT).starts_with("the disk of /s t is full"));
        assert!(text(Errno::ACCESS).contains("chmod u+rwx '/s t'"), "{}", text(Errno::ACCESS));
        assert!(text(Errno::ROFS).starts_with("cannot write to /s t"));
    }

    #[test]
    fn the_real_environment_knows_our_directories_and_treats_empty_as_unset() {
        let base = tempfile::tempdir().unwrap();
        symlink(base.path(), base.path().join("link")).unwrap();
        assert!(RealEnvironment.owns_dir(base.path()));
        assert!(!RealEnvironment.owns_dir(&base.path().join("link")));
        assert!(!RealEnvironment.owns_dir(&base.path().join("missing")));
        assert_eq!(RealEnvironment.var("AGENTD_NO_SUCH_VARIABLE"), None);
    }
}
