//! Where the store lies: `<state>/memory`, its sentinel, its replacement, what was set aside.
//!
//! ```text
//! <state>/memory/store/            the store in use
//! <state>/memory/store.new/        its replacement while it is written; after the switch the old one, until deleted
//! <state>/memory/sentinel.json     generation and count, from outside the store
//! <state>/memory/quarantine/       raw bytes of single damaged records
//! <state>/memory.corrupt-<time>/   a whole memory that could not be opened
//! ```
//!
//! Owns the names, modes, renames and their order. Refuses to follow a symlink put in the place of a directory.
//! Invariants: a switch is one `renameat2` with exchange, or two renames of which the half is completed at the next
//! open; everything is forced to the disk before the name that leads to it; directories 0700, files 0600.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags};

use super::{
    backend::{Backend, Fault, FaultKind, Medium, Sentinel},
    disk::Disk,
};

/// Whole memories that are kept aside: the newest damage, and the one before it in case the newest is its consequence.
const SET_ASIDE_MAX: usize = 2;
/// Damaged records that are kept to look at, and their bytes together. They hold user text: few, and erased on forget.
const DAMAGED_FILES_MAX: usize = 20;
const DAMAGED_BYTES_MAX: u64 = 1024 * 1024;
/// Longest sentinel that is read: it has some 60 bytes.
const SENTINEL_MAX: u64 = 4096;
/// Room that a store needs to open: a segment of sled (512 KiB), its snapshot, and the same again for a replacement.
const ROOM_BYTES: u64 = 4 * 1024 * 1024;
const ASIDE: &str = "memory.corrupt-";

/// The store's place on a real disk.
pub(super) struct Place {
    /// `<state>/memory`.
    dir: PathBuf,
}

impl Place {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    fn next(&self) -> PathBuf {
        self.dir.join("store.new")
    }

    fn old(&self) -> PathBuf {
        self.dir.join("store.old")
    }

    fn quarantine(&self) -> PathBuf {
        self.dir.join("quarantine")
    }

    fn state(&self) -> &Path {
        self.dir.parent().unwrap_or(Path::new("/"))
    }

    /// Completes a switch that was cut between its two renames, and removes what a cut replacement left.
    fn settle(&self) -> io::Result<()> {
        let (store, next, old) = (self.store(), self.next(), self.old());
        if !store.exists() && old.exists() {
            // The replacement was whole before the first rename; without it the old one comes back.
            fs::rename(if next.exists() { &next } else { &old }, &store)?;
            sync_dir(&self.dir)?;
        }
        remove_dir(&next)?;
        remove_dir(&old)
    }

    fn switch(&self) -> io::Result<()> {
        let (store, next, old) = (self.store(), self.next(), self.old());
        match rustix::fs::renameat_with(CWD, &next, CWD, &store, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            // Not every file system can exchange.
            Err(_) if store.exists() => {
                fs::rename(&store, &old)?;
                fs::rename(&next, &store)?;
            }
            Err(_) => fs::rename(&next, &store)?,
        }
        sync_dir(&self.dir)?;
        remove_dir(&next)?;
        remove_dir(&old)?;
        sync_dir(&self.dir)
    }

    /// What was set aside, oldest first: the names hold the time.
    fn set_aside_before(&self) -> io::Result<Vec<PathBuf>> {
        let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(ASIDE);
        let mut found: Vec<PathBuf> =
            fs::read_dir(self.state())?.flatten().filter(named).map(|entry| entry.path()).collect();
        found.sort();
        Ok(found)
    }

    fn aside_name(&self) -> PathBuf {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let free = (0..u32::MAX).map(|n| match n {
            0 => self.state().join(format!("{ASIDE}{time}")),
            n => self.state().join(format!("{ASIDE}{time}-{n}")),
        });
        free.into_iter().find(|path| !path.exists()).unwrap_or_else(|| self.state().join(ASIDE))
    }

    fn move_aside(&self) -> io::Result<Option<PathBuf>> {
        if !self.dir.exists() {
            return Ok(None);
        }
        let to = self.aside_name();
        fs::rename(&self.dir, &to)?;
        let all = self.set_aside_before()?;
        for old in all.iter().take(all.len().saturating_sub(SET_ASIDE_MAX)) {
            remove_dir(old)?;
        }
        sync_dir(self.state())?;
        Ok(Some(to))
    }

    fn write_sentinel(&self, sentinel: &Sentinel) -> io::Result<()> {
        let (path, next) = (self.dir.join("sentinel.json"), self.dir.join("sentinel.json.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec(sentinel)?)?;
        file.sync_all()?;
        fs::rename(&next, &path)?;
        sync_dir(&self.dir)
    }

    fn read_sentinel(&self) -> Option<Sentinel> {
        let mut bytes = Vec::new();
        let file = File::open(self.dir.join("sentinel.json")).ok()?;
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        file.take(SENTINEL_MAX).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Oldest first.
    fn damaged_files(&self) -> Vec<(PathBuf, u64)> {
        let entries = fs::read_dir(self.quarantine()).into_iter().flatten().flatten();
        let mut found: Vec<_> =
            entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len()))).collect();
        found.sort();
        found
    }

    fn write_damaged(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        make_dir(&self.quarantine())?;
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ").to_string();
        let path = self.quarantine().join(format!("{time}-{name}.bin"));
        let bytes = bytes.get(..usize::try_from(DAMAGED_BYTES_MAX).unwrap_or(usize::MAX)).unwrap_or(bytes);
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)?;
        let (mut files, mut room) = (DAMAGED_FILES_MAX, DAMAGED_BYTES_MAX);
        for (path, length) in self.damaged_files().into_iter().rev() {
            if files == 0 || length > room {
                (files, room) = (0, 0);
                fs::remove_file(path)?;
            } else {
                (files, room) = (files - 1, room - length);
            }
        }
        Ok(())
    }
}

impl Medium for Place {
    fn open(&mut self) -> Result<Box<dyn Backend>, Fault> {
        make_dir(&self.dir)
            .and_then(|()| self.settle())
            .and_then(|()| make_dir(&self.store()))
            .map_err(|error| failed("preparing the store's directory", &error))?;
        Ok(Box::new(Disk::open(&self.store())?))
    }

    fn fresh(&mut self) -> Result<Box<dyn Backend>, Fault> {
        make_dir(&self.dir)
            .and_then(|()| remove_dir(&self.next()))
            .and_then(|()| make_dir(&self.next()))
            .map_err(|error| failed("making a new store", &error))?;
        Ok(Box::new(Disk::open(&self.next())?))
    }

    fn replace(&mut self) -> Result<(), Fault> {
        sync_all_below(&self.next())
            .and_then(|()| self.switch())
            .map_err(|error| failed("putting the new store in place", &error))
    }

    fn set_aside(&mut self) -> Result<Option<PathBuf>, Fault> {
        self.move_aside().map_err(|error| failed("moving the damaged memory aside", &error))
    }

    fn sentinel(&mut self) -> Option<Sentinel> {
        self.read_sentinel()
    }

    fn set_sentinel(&mut self, sentinel: &Sentinel) -> Result<(), Fault> {
        self.write_sentinel(sentinel).map_err(|error| failed("writing the sentinel", &error))
    }

    fn keep_damaged(&mut self, name: &str, bytes: &[u8]) {
        // A record that is lost already must not cost more than that.
        let _ = self.write_damaged(name, bytes);
    }

    fn erase_set_aside(&mut self) -> Result<(), Fault> {
        let erase = || -> io::Result<()> {
            for path in self.set_aside_before()? {
                remove_dir(&path)?;
            }
            remove_dir(&self.quarantine())?;
            sync_dir(self.state())
        };
        erase().map_err(|error| failed("erasing what was set aside", &error))
    }

    fn has_room(&self) -> bool {
        let stat = rustix::fs::statvfs(&self.dir).or_else(|_| rustix::fs::statvfs(self.state()));
        stat.is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) >= ROOM_BYTES)
    }
}

fn failed(doing: &str, error: &io::Error) -> Fault {
    // A file where a directory belongs is content that can be moved aside; the rest is the system's.
    let kind = if error.kind() == io::ErrorKind::NotADirectory { FaultKind::Damaged } else { FaultKind::Trouble };
    Fault::new(kind, format!("{doing}: {error}"))
}

/// Makes a directory that is ours. Something else under its name, a symlink above all, is moved aside like damage.
fn make_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let real = fs::symlink_metadata(dir)?.is_dir();
            if real { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
        }
        other => other,
    }
}

/// Removes a directory with all below, a link without what it leads to, and nothing where there is nothing.
fn remove_dir(dir: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(dir) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(dir),
        Ok(_) => fs::remove_file(dir),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn sync_all_below(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all_below(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(dir)
}
