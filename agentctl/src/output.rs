//! Where answers go: standard output without a buffer, and the file of `-o`, which appears whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use proto::{ErrorKind, Failure};

/// Standard output without a buffer: each write is one system call, so a reader sees each piece at once and whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout().as_fd(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file of `-o`: made before the question is asked, so that an unwritable place costs nothing; it takes its name
/// only when the answer is complete.
#[derive(Debug)]
pub struct OutputFile {
    target: PathBuf,
    /// The file under its passing name; none when the target is not a regular file (a pipe, a device).
    staged: Option<PathBuf>,
    file: File,
}

impl OutputFile {
    /// Prepares to write `target`.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub fn create(target: &Path) -> Result<Self, Failure> {
        Self::open(target).map_err(|e| {
            Failure::new(ErrorKind::Failure, format!("cannot write {}: {e}", target.display()))
                .hint("choose another file for -o; nothing was asked")
        })
    }

    fn open(target: &Path) -> io::Result<Self> {
        // A link stays a link: what it points to is replaced.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        match fs::metadata(&target) {
            Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(meta) if !meta.is_file() => {
                let file = OpenOptions::new().write(true).open(&target)?;
                return Ok(Self { target, staged: None, file });
            }
            Ok(meta) if meta.permissions().readonly() => return Err(io::ErrorKind::PermissionDenied.into()),
            _ => {}
        }
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let staged = target.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&staged)?;
        Ok(Self { target, staged: Some(staged), file })
    }

    /// Writes the answer and gives the file its name.
    ///
    /// # Errors
    /// When the disk refuses; then the old file is as it was.
    pub fn commit(mut self, answer: &str) -> Result<(), Failure> {
        self.write(answer).map_err(|e| {
            let message = format!("cannot write {}: {e}", self.target.display());
            Failure::new(ErrorKind::Failure, message).hint("the answer was not saved; the old file is unchanged")
        })
    }

    fn write(&mut self, answer: &str) -> io::Result<()> {
        self.file.write_all(answer.as_bytes())?;
        if !answer.ends_with('\n') {
            self.file.write_all(b"\n")?;
        }
        if let Some(staged) = &self.staged {
            if let Ok(old) = fs::metadata(&self.target) {
                self.file.set_permissions(old.permissions())?;
            }
            self.file.sync_all()?;
            fs::rename(staged, &self.target)?;
            self.staged = None;
        }
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(staged) = &self.staged {
            let _ = fs::remove_file(staged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_appears_whole_and_an_abandoned_one_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("answer.md");
        fs::write(&target, "old").unwrap();
        drop(OutputFile::create(&target).unwrap());
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        OutputFile::create(&target).unwrap().commit("new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no passing file is left");
    }

    #[test]
    fn an_impossible_place_is_refused_before_anything_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        assert!(OutputFile::create(dir.path()).unwrap_err().message.contains("directory"));
        assert!(OutputFile::create(&dir.path().join("no/such/file")).is_err());
    }

    #[test]
    fn a_link_is_written_through_and_a_device_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        let link = dir.path().join("link");
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        OutputFile::create(&link).unwrap().commit("new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new\n");
        OutputFile::create(Path::new("/dev/null")).unwrap().commit("gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
