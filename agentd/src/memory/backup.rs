//! Backups: where they lie, what they are called, how many stay.
//!
//! A backup is one file, `agentd-memory-<UTC yyyymmddThhmmssZ>.jsonl` (`-1`, `-2` … before the dot for more in the same
//! second), mode 0600, in the format of [`portable`]; it lies in `backups` in the state directory or where the user
//! said. Only regular files of ours with exactly such a name are ever counted, read as "the newest" or removed; their
//! age is that of the name, never a time stamp of the file system, which a copy changes.
//!
//! Invariants: a file of that name is complete; a backup that fails leaves the old ones as they were; the new one is
//! never what makes room, whatever the clock says.
//!
//! Everything here blocks, and is to be called by one thread at a time: [`Backups::exclusive`].

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    time::SystemTime,
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use proto::{ErrorKind, Failure};

use super::{
    folder::{Folder, FolderError},
    kept::Kept,
    places::{self, PlacesError},
    portable::{self, BODY_MAX, Contents, ReadError},
    rows::{self, RowError},
};
use crate::{paths, redact::Redactor, sync::lock};

/// The directory in the state directory.
const HOME: &str = "backups";
/// How a name begins and ends.
const NAME: (&str, &str) = ("agentd-memory-", ".jsonl");
/// The time in a name.
const STAMP: &str = "%Y%m%dT%H%M%SZ";
/// Most backups of one second. More is a loop that somebody should hear of.
const AGAIN_MAX: u32 = 99;
/// Bytes read at once.
const BUFFER: usize = 64 << 10;

/// Why there is no backup, or none that can be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The directory, or writing to it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The list of directories.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// Writing to a directory failed.
    #[error("no backup was written: {0}")]
    Written(FolderError),
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// It has another form, or is damaged.
    #[error("{} is not a good backup: {source}", .path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// Which line and why.
        source: ReadError,
    },
    /// Nothing to read.
    #[error("there is no backup in {}", .0.display())]
    None(PathBuf),
    /// Nothing good to read.
    #[error("none of the {count} backups in {} is good; the newest: {newest}", .directory.display())]
    NoneGood {
        /// Where.
        directory: PathBuf,
        /// How many.
        count: usize,
        /// What is the matter with the newest.
        newest: Box<BackupError>,
    },
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let (kind, hint) = match &error {
            BackupError::Folder(FolderError::NotAbsolute(_)) => (ErrorKind::Usage, String::new()),
            BackupError::Folder(it) | BackupError::Written(it) => (kind_of(it), it.cure()),
            BackupError::Places(it) => (ErrorKind::Failure, it.cure()),
            BackupError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                (ErrorKind::NotFound, "name the file by its absolute path".to_owned())
            }
            BackupError::None(_) => (ErrorKind::NotFound, "type: agentctl memory backup".to_owned()),
            BackupError::Bad { .. } => (ErrorKind::Failure, "name an older backup; nothing was changed".to_owned()),
            BackupError::Open { .. } | BackupError::NoneGood { .. } => (ErrorKind::Failure, String::new()),
        };
        Self::new(kind, error.to_string()).hint(hint)
    }
}

fn kind_of(error: &FolderError) -> ErrorKind {
    match error {
        FolderError::NotAbsolute(_) => ErrorKind::Usage,
        FolderError::NotADirectory(_)
        | FolderError::WrongOwner { .. }
        | FolderError::WritableByOthers { .. }
        | FolderError::NotPrivate { .. } => ErrorKind::Refused,
        _ => ErrorKind::Failure,
    }
}

/// What a backup is called, in the order of their age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    made: DateTime,
    again: u32,
}

impl Name {
    /// The name of a backup; `None` for every text that is not exactly one.
    pub fn of(text: &str) -> Option<Self> {
        let inner = text.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?;
        let (stamp, again) = match inner.split_once('-') {
            Some((stamp, again)) => (stamp, again.parse().ok().filter(|again| (1..=AGAIN_MAX).contains(again))?),
            None => (inner, 0),
        };
        let name = Self { made: DateTime::strptime(STAMP, stamp).ok()?, again };
        // The parser knows more spellings than we write.
        (name.to_string() == text).then_some(name)
    }

    /// The names that a backup of this time may have, the wanted one first.
    fn at(now: SystemTime) -> impl Iterator<Item = Self> {
        let made = stamp(now).to_zoned(TimeZone::UTC).datetime();
        let made = made.with().subsec_nanosecond(0).build().unwrap_or(made);
        (0..=AGAIN_MAX).map(move |again| Self { made, again })
    }

    /// When it was made.
    pub fn time(self) -> SystemTime {
        self.made.to_zoned(TimeZone::UTC).map_or(SystemTime::UNIX_EPOCH, |zoned| zoned.timestamp().into())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let again = if self.again == 0 { String::new() } else { format!("-{}", self.again) };
        write!(f, "{}{}{again}{}", NAME.0, self.made.strftime(STAMP), NAME.1)
    }
}

fn stamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A backup that lies somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Records in it.
    pub records: usize,
    /// Of the whole file, in hex.
    pub sha256: String,
    /// Older ones that made room.
    pub removed: Vec<PathBuf>,
    /// Records that no file holds: too long, or of a path that is no text.
    pub skipped: usize,
}

/// How many stay.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// This many, the new one included.
    pub keep: usize,
    /// This one in any case.
    pub spare: Option<&'a Path>,
}

/// The backups of one state directory.
#[derive(Debug)]
pub struct Backups {
    state: PathBuf,
    work: Mutex<()>,
}

impl Backups {
    /// Of this state directory. Touches nothing.
    pub fn new(state: PathBuf) -> Self {
        Self { state, work: Mutex::new(()) }
    }

    /// Held by whoever writes, restores or erases, from before it looks at the memory: a backup of what was there before
    /// a forget must not be written after it.
    pub fn exclusive(&self) -> MutexGuard<'_, ()> {
        lock(&self.work)
    }

    /// The state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Where backups lie when nobody says otherwise.
    pub fn home(&self) -> PathBuf {
        self.state.join(HOME)
    }

    /// Every directory that may hold one: home, and where the user had them written.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn places(&self) -> Result<Vec<PathBuf>, PlacesError> {
        let mut places = vec![self.home()];
        places.extend(places::noted(&self.state)?);
        Ok(places)
    }

    /// Writes a backup, to home or to `to`, and makes room.
    ///
    /// # Errors
    /// Then there is no new file, and the old ones are as they were.
    pub fn write(
        &self,
        to: Option<&Path>,
        kept: &[Kept],
        now: SystemTime,
        rotation: Rotation<'_>,
    ) -> Result<Written, BackupError> {
        let folder = Folder::make(to.unwrap_or(&self.home()))?;
        if to.is_some() {
            let holds_some = |place: &Path| !matches!(self.list(place), Ok(found) if found.is_empty());
            places::note(&self.state, &folder.real_path()?, holds_some)?;
        }
        folder.sweep()?;
        let (rows, skipped) = rows_of(kept);
        let made = stamp(now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let names: Vec<Name> = Name::at(now).collect();
        let written = folder.write_new(names.iter().map(Name::to_string), |out| portable::write(out, &made, &rows));
        let (name, file) = written.map_err(BackupError::Written)?;
        let path = folder.path().join(&name);
        let removed = rotate(&folder, &name, rotation);
        Ok(Written { path, bytes: file.bytes, records: rows.len(), sha256: file.sha256, removed, skipped })
    }

    /// The backups in a directory, the newest first. None when there is no such directory.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn list(&self, directory: &Path) -> Result<Vec<Found>, FolderError> {
        Folder::open(directory)?.map_or(Ok(Vec::new()), |folder| found(&folder))
    }

    /// The newest by name, wherever it lies. Directories that cannot be read have none.
    pub fn newest(&self) -> Option<Found> {
        let places = self.places().unwrap_or_else(|_| vec![self.home()]);
        places.iter().filter_map(|place| self.list(place).ok()?.into_iter().next()).max_by_key(|found| found.name)
    }

    /// The newest at home that is good, read whole. Damaged ones are passed over and logged.
    ///
    /// # Errors
    /// There is none.
    pub fn newest_good(&self, redactor: &Redactor) -> Result<(PathBuf, Contents<Kept>), BackupError> {
        let found = self.list(&self.home())?;
        let (count, mut newest) = (found.len(), None);
        for Found { path, .. } in found {
            match read(&path, redactor) {
                Ok(contents) => return Ok((path, contents)),
                Err(error) => {
                    tracing::warn!("passed over: {error}");
                    newest.get_or_insert(error);
                }
            }
        }
        let directory = self.home();
        Err(match newest {
            None => BackupError::None(directory),
            Some(newest) => BackupError::NoneGood { directory, count, newest: Box::new(newest) },
        })
    }
}

/// Reads a backup that the user named and checks all of it.
///
/// # Errors
/// It cannot be opened, or anything in it is wrong.
pub fn read(path: &Path, redactor: &Redactor) -> Result<Contents<Kept>, BackupError> {
    if !path.is_absolute() {
        return Err(FolderError::NotAbsolute(path.to_owned()).into());
    }
    let opened = paths::open_named(path, true).and_then(|(file, meta)| {
        if meta.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
    });
    let file = opened.map_err(|source| BackupError::Open { path: path.to_owned(), source })?;
    let decode = |row| rows::decode(&row, redactor);
    portable::read(BufReader::with_capacity(BUFFER, file), decode)
        .map_err(|source| BackupError::Bad { path: path.to_owned(), source })
}

/// Reads a backup for sorting out: `None` for a record that this daemon cannot read.
pub(super) fn read_leniently(file: File, redactor: &Redactor) -> Result<Contents<Option<Kept>>, ReadError> {
    let decode = |row| Ok::<_, RowError>(rows::decode(&row, redactor).ok());
    portable::read(BufReader::with_capacity(BUFFER, file), decode)
}

/// The backups of a directory, the newest first.
pub(super) fn found(folder: &Folder) -> Result<Vec<Found>, FolderError> {
    let files = folder.files()?.into_iter();
    let found = files
        .filter_map(|(text, bytes)| Some(Found { name: Name::of(&text)?, path: folder.path().join(&text), bytes }));
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.name));
    Ok(found)
}

/// The rows of the records, and how many have none.
pub(super) fn rows_of(kept: &[Kept]) -> (Vec<super::row::Row>, usize) {
    let rows: Vec<_> =
        kept.iter().filter_map(|kept| rows::encode(kept).ok().filter(|row| row.body.len() <= BODY_MAX)).collect();
    let skipped = kept.len() - rows.len();
    (rows, skipped)
}

/// Removes the oldest until `keep` are left. What cannot be removed stays: the new backup is good all the same.
fn rotate(folder: &Folder, new: &str, rotation: Rotation<'_>) -> Vec<PathBuf> {
    let mut removed = Vec::new();
    let is_new = |found: &Found| found.path.ends_with(new);
    let others = found(folder).unwrap_or_default().into_iter().filter(|found| !is_new(found));
    for old in others.skip(rotation.keep.saturating_sub(1)) {
        if rotation.spare.is_some_and(|spare| spare == old.path) {
            continue;
        }
        match folder.remove(&old.name.to_string()) {
            Ok(()) => removed.push(old.path),
            Err(error) => tracing::warn!("an old backup stays: {error}"),
        }
    }
    removed
}

#[cfg(test)]
mod tests;
