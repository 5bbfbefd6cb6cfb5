//! Writes a changed configuration file: whole or not at all, and only one that has no faults.
//!
//! Owns the lock, the check before and after, and how the file is replaced: a temporary one in the same directory,
//! synced and renamed. A symlink stays one; its target is replaced. Mode and place stay as they were; a new file has
//! mode 0600, its directory 0700.
//!
//! Refuses to touch a file that has faults: what it means is not known. Two edits at once wait for each other; a file
//! that somebody else changes meanwhile (an editor) is left alone.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{
    Config, Env, Faults,
    edit::EditError,
    file::{self, Rules},
    file_path,
};

/// How long another edit is waited for: it takes some disk writes, and nobody is asked meanwhile.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);
/// Between two looks at the lock.
const LOOK: Duration = Duration::from_millis(10);
/// Mode of a new file: it may hold secrets.
const FILE_MODE: u32 = 0o600;
/// Mode of a directory that is made for it.
const DIR_MODE: u32 = 0o700;

/// Why the file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// Neither HOME nor a variable says where it is.
    #[error("there is no place for a configuration file: HOME is not set")]
    Nowhere,
    /// It had faults before.
    #[error("{0}\nthe file has faults already and was not changed; correct it first")]
    Faulty(Faults),
    /// It would have faults.
    #[error("{0}\nthe file was not changed")]
    WouldBeFaulty(Faults),
    /// The change itself.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Another edit goes on and on.
    #[error("another program holds the lock of {}", .0.display())]
    Busy(PathBuf),
    /// Somebody wrote to it in the meantime.
    #[error("{} was changed by somebody else just now; try again", .0.display())]
    Changed(PathBuf),
    /// The system.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// Changes the configuration file: `path`, else that of [`file_path`]. Gives back where it is. An equal text is not
/// written.
///
/// # Errors
/// The file is as it was.
pub fn rewrite(
    path: Option<&Path>,
    env: Env<'_>,
    change: impl FnOnce(&str) -> Result<String, EditError>,
) -> Result<PathBuf, RewriteError> {
    let named = match path {
        Some(path) => path.to_owned(),
        None => {
            file_path(env).map_err(|fault| RewriteError::Faulty(Faults::one(fault)))?.ok_or(RewriteError::Nowhere)?
        }
    };
    let target = Target::of(&named)?;
    let _lock = target.lock()?;
    let old = target.read()?;
    let text = old.as_deref().unwrap_or_default();
    Config::load_text(text, &named, env).map_err(RewriteError::Faulty)?;
    let new = change(text)?;
    Config::load_text(&new, &named, env).map_err(RewriteError::WouldBeFaulty)?;
    if new != text {
        target.replace(&new, old.as_deref())?;
    }
    Ok(named)
}

/// The file itself, behind every symlink.
struct Target {
    path: PathBuf,
    directory: PathBuf,
}

impl Target {
    fn of(named: &Path) -> Result<Self, RewriteError> {
        let failed = |source| RewriteError::Io { path: named.to_owned(), source };
        let parent = named.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(DIR_MODE).create(parent).map_err(failed)?;
        let path = match fs::canonicalize(named) {
            // A link to what is not there yet: where it points to is not ours to make.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named.is_symlink() => {
                let name = named.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
                fs::canonicalize(parent).map_err(failed)?.join(name)
            }
            found => found.map_err(failed)?,
        };
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { path, directory })
    }

    fn failed(&self, source: io::Error) -> RewriteError {
        RewriteError::Io { path: self.path.clone(), source }
    }

    /// Held until it is dropped. The directory's, for the file itself is replaced.
    fn lock(&self) -> Result<File, RewriteError> {
        let directory = File::open(&self.directory).map_err(|error| self.failed(error))?;
        let deadline = Instant::now() + LOCK_DEADLINE;
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(directory),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => return Err(RewriteError::Busy(self.directory.clone())),
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
    }

    fn read(&self) -> Result<Option<String>, RewriteError> {
        file::read(&self.path, Rules::USER).map_err(|fault| RewriteError::Faulty(Faults::one(fault)))
    }

    fn replace(&self, text: &str, old: Option<&str>) -> Result<(), RewriteError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let temp = self.directory.join(format!(".{name}.{}.tmp", std::process::id()));
        // Only a dead process with our number can have left one: we hold the lock.
        let _ = fs::remove_file(&temp);
        let written = self.write(&temp, text).map_err(|error| self.failed(error)).and_then(|()| {
            if self.read()?.as_deref() != old {
                return Err(RewriteError::Changed(self.path.clone()));
            }
            fs::rename(&temp, &self.path).map_err(|error| self.failed(error))
        });
        if written.is_err() {
            let _ = fs::remove_file(&temp);
        }
        written?;
        // The name is durable as well, where the file system knows such a thing.
        let _ = File::open(&self.directory).and_then(|directory| directory.sync_all());
        Ok(())
    }

    fn write(&self, temp: &Path, text: &str) -> io::Result<()> {
        let mode = fs::metadata(&self.path).map_or(FILE_MODE, |meta| meta.permissions().mode() & 0o7777);
        let mut file = File::options().write(true).create_new(true).mode(FILE_MODE).open(temp)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::{McpServer, StdioServer, Transport, edit};

    fn add(path: &Path, name: &str) -> Result<PathBuf, RewriteError> {
        let stdio = StdioServer { command: "x".to_owned(), ..StdioServer::default() };
        let server = McpServer::new(Transport::Stdio(stdio));
        rewrite(Some(path), &|_| None, |text| edit::put(text, name, &server, false))
    }

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(dir: &Path) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn a_new_file_is_for_us_alone_and_its_directory_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentd/config.toml");
        assert_eq!(add(&path, "a").unwrap(), path);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_to_string(&path).unwrap(), "[mcp_servers.a]\ncommand = \"x\"\n");
        assert_eq!(names(path.parent().unwrap()), 1);
    }

    #[test]
    fn an_existing_file_keeps_its_mode_and_a_link_stays_a_link() {
        let (dir, path) = file("# mine\n", 0o640);
        let link = dir.path().join("link.toml");
        symlink("config.toml", &link).unwrap();
        add(&link, "a").unwrap();
        assert!(link.is_symlink() && mode(&path) == 0o640);
        assert!(fs::read_to_string(&path).unwrap().starts_with("# mine\n\n[mcp_servers.a]\n"));
        symlink("nowhere", dir.path().join("dangling.toml")).unwrap();
        assert!(matches!(add(&dir.path().join("dangling.toml"), "a"), Err(RewriteError::Io { .. })));
    }

    #[test]
    fn a_file_with_faults_is_not_touched_and_a_fault_is_not_written() {
        let (dir, path) = file("[log]\nlevel = \"loud\"\n", 0o600);
        assert!(matches!(add(&path, "a"), Err(RewriteError::Faulty(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "[log]\nlevel = \"loud\"\n");
        fs::write(&path, "").unwrap();
        let error = add(&path, "a b").unwrap_err().to_string();
        assert!(error.contains("config.toml:1: mcp_servers.a b: ") && error.contains("not changed"), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(add(&path, "a").unwrap_err().to_string().contains("others can write it"));
        assert_eq!((names(dir.path()), fs::read_to_string(&path).unwrap().as_str()), (1, ""));
    }

    #[test]
    fn what_changes_under_an_edit_is_left_alone() {
        let (dir, path) = file("", 0o600);
        let result = rewrite(Some(&path), &|_| None, |_| {
            fs::write(&path, "# by an editor\n").unwrap();
            Ok("# by us\n".to_owned())
        });
        assert!(matches!(result, Err(RewriteError::Changed(_))));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(dir.path())), ("# by an editor\n", 1));
    }

    #[test]
    fn no_edit_of_many_at_once_is_lost() {
        let (_dir, path) = file("# mine\n", 0o600);
        thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || add(path, &format!("s{n}")).unwrap());
            }
        });
        let loaded = Config::load(Some(&path), &|_| None).unwrap();
        assert_eq!(loaded.config.mcp_servers.len(), 8);
    }
}
