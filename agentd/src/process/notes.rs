//! Notes about services that run: one small file each in the state directory, for the day on which the daemon and the
//! supervisors are killed in one blow and nobody is left who knows what they had started.
//!
//! A note says how a service's processes can be told from all others, and nothing else: no name, no command, no text of
//! a user. It is written as soon as the service runs and removed when nothing of it is left. That it cannot be written
//! is no reason not to run the service: it warns. Refuses to believe a note of another boot or another pid namespace:
//! the same numbers mean other processes there.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tree::Stat;
use crate::paths::open_named;

/// The directory of notes, below the state directory.
const DIRECTORY: &str = "children";

/// Version of the notes.
const VERSION: u32 = 1;

/// Bytes of a note; ours have 250.
const NOTE_MAX: u64 = 4096;

/// Notes that are read at one start. More services than that do not run; who fills the directory must not fill memory.
const NOTES_MAX: usize = 1000;

/// How the processes of one service are recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    version: u32,
    /// The process table that the numbers are of.
    table: String,
    /// The supervisor's pid, which is the session's number, too.
    pub(super) pid: u32,
    /// When the supervisor started.
    pub(super) start: u64,
    /// What the service's processes carry in their environment.
    pub(super) cookie: String,
    /// The kernel's numbers of its standard streams.
    pub(super) pipes: Vec<u64>,
}

impl Mark {
    pub(super) fn new(supervisor: &Stat, cookie: Uuid, pipes: Vec<u64>) -> Self {
        Self {
            version: VERSION,
            table: table(),
            pid: supervisor.pid,
            start: supervisor.start,
            cookie: cookie.to_string(),
            pipes,
        }
    }

    /// True when it can mean a service's processes and no others: pid 1 never was a supervisor, and without a cookie
    /// anybody would carry it.
    fn is_believable(&self, table: &str) -> bool {
        self.version == VERSION
            && self.table == table
            && self.pid > 1
            && Uuid::try_parse(&self.cookie).is_ok_and(|cookie| !cookie.is_nil())
    }
}

/// Names the process table that we see: this boot's, in this pid namespace.
fn table() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

/// A note on disk.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) mark: Mark,
    file: PathBuf,
}

static STATE_DIR: OnceLock<PathBuf> = OnceLock::new();

/// Has notes kept below this state directory from now on. The first call counts; without one there are none.
pub fn keep_notes(state_dir: PathBuf) {
    let _first = STATE_DIR.set(state_dir);
}

/// Where notes are kept.
pub(super) fn state_dir() -> Option<&'static Path> {
    STATE_DIR.get().map(PathBuf::as_path)
}

impl Note {
    /// Writes a note. Not synced: after a crash of the machine there is nothing left that it could tell of.
    pub(super) fn write(state_dir: &Path, mark: Mark) -> io::Result<Self> {
        let directory = state_dir.join(DIRECTORY);
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let file = directory.join(format!("{}-{}", mark.pid, mark.start));
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = File::options();
        // One of another boot may stand there under the same name.
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags.bits().cast_signed());
        options.open(&file)?.write_all(&serde_json::to_vec(&mark)?)?;
        Ok(Self { mark, file })
    }

    /// Removes it: nothing of the service is left.
    pub(super) fn remove(&self) {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the note about a service cannot be removed");
            }
            _ => {}
        }
    }
}

/// The notes that earlier daemons left and that can be believed; the others are removed.
pub(super) fn left(state_dir: &Path) -> Vec<Note> {
    let entries = match fs::read_dir(state_dir.join(DIRECTORY)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "notes about services cannot be read: some of an earlier agentd may still run");
            return Vec::new();
        }
    };
    let table = table();
    let mut notes = Vec::new();
    for file in entries.flatten().take(NOTES_MAX).map(|entry| entry.path()) {
        match read(&file) {
            Ok(mark) if mark.is_believable(&table) => notes.push(Note { mark, file }),
            Ok(_) => drop(fs::remove_file(&file)),
            Err(error) => {
                tracing::warn!(%error, "a note about a service cannot be read; it is removed");
                drop(fs::remove_file(&file));
            }
        }
    }
    notes
}

fn read(file: &Path) -> io::Result<Mark> {
    let (handle, meta) = open_named(file, false)?;
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    handle.take(NOTE_MAX).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mark() -> Mark {
        let stat = Stat { pid: 4242, parent: 1, session: 4242, zombie: false, start: 77 };
        Mark::new(&stat, crate::id::fresh(), vec![1, 2, 3])
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_is_gone_when_removed() {
        let state = tempfile::tempdir().unwrap();
        let note = Note::write(state.path(), mark()).unwrap();
        let file = state.path().join("children/4242-77");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(file.metadata().unwrap().len() < NOTE_MAX / 2);
        let found = left(state.path());
        assert_eq!(found.iter().map(|note| &note.mark).collect::<Vec<_>>(), [&note.mark]);
        note.remove();
        note.remove();
        assert!(left(state.path()).is_empty());
    }

    #[test]
    fn a_note_of_another_boot_or_version_is_removed_and_not_believed() {
        let state = tempfile::tempdir().unwrap();
        let marks = [
            Mark { table: "another boot".into(), ..mark() },
            Mark { version: VERSION + 1, ..mark() },
            Mark { pid: 1, ..mark() },
            Mark { cookie: String::new(), ..mark() },
        ];
        for mark in marks {
            Note::write(state.path(), mark).unwrap();
            assert!(left(state.path()).is_empty());
            assert_eq!(fs::read_dir(state.path().join(DIRECTORY)).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_is_no_note_does_not_hold_the_others_up() {
        let state = tempfile::tempdir().unwrap();
        let good = Note::write(state.path(), mark()).unwrap();
        let directory = state.path().join(DIRECTORY);
        fs::write(directory.join("torn"), "{\"version\":1,").unwrap();
        fs::write(directory.join("huge"), vec![b' '; 1 << 20]).unwrap();
        std::os::unix::fs::symlink(&good.file, directory.join("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, directory.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
        fs::create_dir(directory.join("directory")).unwrap();
        assert_eq!(left(state.path()).len(), 1);
        assert!(good.file.exists() && !directory.join("torn").exists());
    }

    #[test]
    fn without_a_directory_there_are_no_notes_and_none_can_be_written() {
        let state = tempfile::tempdir().unwrap();
        assert!(left(state.path()).is_empty());
        assert!(left(&state.path().join("no")).is_empty());
        assert!(Note::write(&state.path().join("no"), mark()).is_err());
    }
}
