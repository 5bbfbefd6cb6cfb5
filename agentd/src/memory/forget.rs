//! What a user asks to be forgotten, and its erasing from files.
//!
//! Owns which records are meant, and what becomes of backups and of stores that were set aside. RAM and the store itself
//! are their owners' matter, see `upkeep`. A backup is rewritten without what is meant; when nothing else is in it, or it
//! is damaged and nobody can tell, it goes whole. A store that was set aside goes whole, always: it cannot be read, so
//! nobody can tell. Log files hold no text of a user.
//!
//! Invariants: nothing of another uid is erased by its content; whatever could not be erased is said; one failure does
//! not keep the rest from being erased.
//!
//! Not erased, because nobody knows of them: copies that were made by hand.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    backup::{self, Backups},
    folder::{Folder, FolderError},
    kept::Kept,
    portable,
    row::Shelf,
    rows::shelf_of,
};
use crate::redact::{Redacted, Redactor};

/// How the directory of a store that was set aside begins.
const SET_ASIDE: &str = "memory.corrupt-";
/// Where the store puts single records that were damaged.
const DAMAGED_RECORDS: [&str; 2] = ["memory", "quarantine"];

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Everything of a user.
    All {
        /// Whose.
        uid: u32,
    },
    /// Everything of a user in one project.
    Project {
        /// Whose.
        uid: u32,
        /// The root.
        project: PathBuf,
    },
    /// One conversation, and the answers to its questions.
    Conversation {
        /// Whose.
        uid: u32,
        /// Its whole id.
        id: String,
        /// What was asked in it, and where. The answer to a question is a record of its own.
        questions: HashSet<(PathBuf, Redacted)>,
    },
}

impl Target {
    /// Whether a record is meant.
    pub fn selects(&self, kept: &Kept) -> bool {
        match (self, kept) {
            (Self::All { uid }, _) => kept.uid() == *uid,
            (Self::Project { uid, project }, _) => kept.uid() == *uid && kept.project() == Some(project),
            (Self::Conversation { uid, id, .. }, Kept::Conversation(it)) => it.uid == *uid && it.id == *id,
            (Self::Conversation { uid, questions, .. }, Kept::Answer(it)) => {
                it.uid == *uid && questions.iter().any(|(project, text)| *project == it.project && *text == it.question)
            }
            (Self::Conversation { .. }, _) => false,
        }
    }

    /// Takes from these records what was asked in the conversation that is to be forgotten.
    pub fn learn(&mut self, records: &[Kept]) {
        let Self::Conversation { uid, id, questions } = self else { return };
        for kept in records {
            if let Kept::Conversation(it) = kept
                && it.uid == *uid
                && it.id == *id
            {
                questions.extend(it.exchanges.iter().map(|(question, _)| (it.project.clone(), question.clone())));
            }
        }
    }
}

/// What was erased from files, and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Backups without what is forgotten now.
    pub rewritten: Vec<PathBuf>,
    /// Backups that held nothing else.
    pub deleted: Vec<PathBuf>,
    /// Backups that were damaged.
    pub damaged: Vec<PathBuf>,
    /// Stores and records that were set aside.
    pub set_aside: Vec<PathBuf>,
    /// Directories of backups that are not there: a disk that is not mounted may hold some.
    pub missing: Vec<PathBuf>,
    /// What is left, and why.
    pub left: Vec<String>,
}

/// Every record in every backup that can be read, for looking up what is meant.
pub(super) fn in_backups(backups: &Backups, redactor: &Redactor) -> Vec<Kept> {
    let places = backups.places().unwrap_or_else(|_| vec![backups.home()]);
    let found = places.iter().filter_map(|place| backups.list(place).ok()).flatten();
    let read = found.filter_map(|found| backup::read(&found.path, redactor).ok());
    read.flat_map(|contents| contents.records).collect()
}

/// Erases from every backup what is meant. Blocking; the caller holds [`Backups::exclusive`].
pub fn erase_backups(backups: &Backups, target: &Target, redactor: &Redactor) -> Erased {
    let mut erased = Erased::default();
    let places = backups.places().unwrap_or_else(|error| {
        erased.left.push(format!("backups written with --to: {error} ({})", error.cure()));
        vec![backups.home()]
    });
    for place in places {
        match Folder::open(&place) {
            Ok(Some(folder)) => erase_in(&folder, target, redactor, &mut erased),
            Ok(None) if place == backups.home() => {}
            Ok(None) => erased.missing.push(place),
            Err(error) => erased.left.push(format!("the backups in {}: {error}", place.display())),
        }
    }
    erased
}

fn erase_in(folder: &Folder, target: &Target, redactor: &Redactor, erased: &mut Erased) {
    if let Err(error) = folder.sweep() {
        erased.left.push(error.to_string());
    }
    let found = backup::found(folder).unwrap_or_else(|error| {
        erased.left.push(error.to_string());
        Vec::new()
    });
    for found in found {
        match erase_one(folder, &found.name.to_string(), target, redactor) {
            Ok(Done::Untouched) => {}
            Ok(Done::Rewritten) => erased.rewritten.push(found.path),
            Ok(Done::Deleted) => erased.deleted.push(found.path),
            Ok(Done::Damaged) => erased.damaged.push(found.path),
            Err(error) => erased.left.push(format!("the backup {}: {error}", found.path.display())),
        }
    }
    if let Err(error) = folder.sync() {
        erased.left.push(error.to_string());
    }
}

enum Done {
    Untouched,
    Rewritten,
    Deleted,
    Damaged,
}

fn erase_one(folder: &Folder, name: &str, target: &Target, redactor: &Redactor) -> Result<Done, FolderError> {
    let Ok(contents) = backup::read_leniently(folder.read(name)?, redactor) else {
        folder.remove(name)?;
        return Ok(Done::Damaged);
    };
    let before = contents.records.len();
    // A record that this daemon cannot read may be one that is meant.
    let rest: Vec<_> = contents.records.into_iter().flatten().filter(|kept| !target.selects(kept)).collect();
    if rest.len() == before {
        return Ok(Done::Untouched);
    }
    if rest.is_empty() {
        folder.remove(name)?;
        return Ok(Done::Deleted);
    }
    let (rows, _) = backup::rows_of(&rest);
    folder.replace(name, |out| portable::write(out, &contents.made, &rows))?;
    Ok(Done::Rewritten)
}

/// Deletes stores and records that were set aside because they were damaged. Blocking.
pub fn erase_set_aside(state: &Path, erased: &mut Erased) {
    let mut delete = |path: PathBuf, result: io::Result<()>| match result {
        Ok(()) => erased.set_aside.push(path),
        Err(error) => erased.left.push(format!("{}: {error}", path.display())),
    };
    for (path, is_dir) in entries(state, |name| name.starts_with(SET_ASIDE)) {
        // Neither follows a link.
        let deleted = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        delete(path, deleted);
    }
    let [memory, damaged] = DAMAGED_RECORDS;
    for (path, is_dir) in entries(&state.join(memory).join(damaged), |_| true) {
        let deleted = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        delete(path, deleted);
    }
    if let Ok(Some(folder)) = Folder::open(state) {
        let _ = folder.sync();
    }
}

/// The entries of a directory by name; none when it is not a directory of ours.
fn entries(dir: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, bool)> {
    if !matches!(Folder::open(dir), Ok(Some(_))) {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let wanted = entries.flatten().filter(|entry| is_wanted(&entry.file_name().to_string_lossy()));
    wanted.map(|entry| (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()))).collect()
}

/// How many of each kind.
pub fn counts(records: &[Kept]) -> BTreeMap<Shelf, u64> {
    let mut counts = BTreeMap::new();
    records.iter().for_each(|kept| *counts.entry(shelf_of(kept)).or_default() += 1);
    counts
}

/// Why no conversation is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// None of that id.
    #[error("no conversation of yours has an id that begins with {0:?}")]
    Unknown(String),
    /// Several.
    #[error("{count} conversations have an id that begins with {prefix:?}: {some}")]
    Ambiguous {
        /// What was typed.
        prefix: String,
        /// How many.
        count: usize,
        /// The first of them.
        some: String,
    },
}

/// Most ids that an error names.
const SHOWN: usize = 3;

/// The whole id that is meant by its beginning; a whole id means itself, whatever begins with it.
///
/// # Errors
/// None or several are meant.
pub fn conversation_id(prefix: &str, known: impl IntoIterator<Item = String>) -> Result<String, Unclear> {
    let known: std::collections::BTreeSet<String> =
        known.into_iter().filter(|id| !prefix.is_empty() && id.starts_with(prefix)).collect();
    if known.contains(prefix) {
        return Ok(prefix.to_owned());
    }
    let count = known.len();
    let mut ids = known.into_iter();
    match (ids.next(), count) {
        (Some(id), 1) => Ok(id),
        (None, _) => Err(Unclear::Unknown(prefix.to_owned())),
        (Some(first), _) => {
            let some = std::iter::once(first).chain(ids).take(SHOWN).collect::<Vec<_>>().join(", ");
            Err(Unclear::Ambiguous { prefix: prefix.to_owned(), count, some })
        }
    }
}

#[cfg(test)]
mod tests;
