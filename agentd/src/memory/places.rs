//! The directories that backups were written to, so that what is forgotten can be erased there too.
//!
//! Owns `backup-places.json` in the state directory: `{"version":1,"places":["/absolute/path", …]}`. A directory is
//! noted before the first file is written to it, so no crash leaves a backup that nobody knows of. A list that cannot be
//! read is an error, not an empty list: it would have backups overlooked.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::folder::{Folder, FolderError};

/// Name of the list.
const FILE: &str = "backup-places.json";
/// Most directories. Each is looked through when something is forgotten.
pub const PLACES_MAX: usize = 20;
/// Most bytes of the list: as many of the longest paths.
const BYTES_MAX: u64 = 128 << 10;
/// Version of the list.
const VERSION: u32 = 1;

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// The state directory or the file in it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Not what was written.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// No place is left.
    #[error("backups were written to {PLACES_MAX} directories already")]
    Full,
    /// JSON has no bytes.
    #[error("{} is no UTF-8", .0.display())]
    Path(PathBuf),
}

impl PlacesError {
    /// What to do about it.
    pub fn cure(&self) -> String {
        match self {
            Self::Folder(error) => error.cure(),
            Self::Damaged(path) => format!("delete the backups you wrote with --to, then type: rm {}", path.display()),
            Self::Full => "remove the old backups from one of them, or use one of them again".to_owned(),
            Self::Path(_) => "name another directory".to_owned(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    places: Vec<PathBuf>,
}

/// The directories that are noted.
///
/// # Errors
/// The list is there and cannot be read.
pub fn noted(state: &Path) -> Result<Vec<PathBuf>, PlacesError> {
    let Some(folder) = Folder::open(state)? else { return Ok(Vec::new()) };
    if !folder.files()?.iter().any(|(name, _)| name == FILE) {
        return Ok(Vec::new());
    }
    let damaged = || PlacesError::Damaged(state.join(FILE));
    let mut text = Vec::new();
    let read = folder.read(FILE)?.take(BYTES_MAX + 1);
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    { read }.read_to_end(&mut text).map_err(|_| damaged())?;
    let list: List = serde_json::from_slice(&text).map_err(|_| damaged())?;
    let is_good = list.version == VERSION && list.places.iter().all(|place| place.is_absolute());
    if is_good { Ok(list.places) } else { Err(damaged()) }
}

/// Notes a directory. When the list is full, those go first of which `is_used` is false.
///
/// # Errors
/// The list cannot be read or written, or is full.
pub fn note(state: &Path, place: &Path, is_used: impl Fn(&Path) -> bool) -> Result<(), PlacesError> {
    let mut places = noted(state)?;
    if places.iter().any(|noted| noted == place) {
        return Ok(());
    }
    if place.to_str().is_none() {
        return Err(PlacesError::Path(place.to_owned()));
    }
    if places.len() >= PLACES_MAX {
        places.retain(|noted| is_used(noted));
    }
    if places.len() >= PLACES_MAX {
        return Err(PlacesError::Full);
    }
    places.push(place.to_owned());
    let list = List { version: VERSION, places };
    let written = Folder::make(state)?.replace(FILE, |out| {
        let text = serde_json::to_vec(&list)?;
        out.write_all(&text)
    });
    Ok(written?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;

    #[test]
    fn a_place_is_noted_once_and_for_us_alone() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(noted(state.path()).unwrap(), Vec::<PathBuf>::new());
        for place in ["/a", "/b", "/a"] {
            note(state.path(), Path::new(place), |_| true).unwrap();
        }
        assert_eq!(noted(state.path()).unwrap(), [PathBuf::from("/a"), "/b".into()]);
        assert_eq!(fs::metadata(state.path().join(FILE)).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_to_string(state.path().join(FILE)).unwrap(), r#"{"version":1,"places":["/a","/b"]}"#);
    }

    #[test]
    fn a_full_list_loses_what_holds_no_backup_and_never_what_does() {
        let state = tempfile::tempdir().unwrap();
        for number in 0..PLACES_MAX {
            note(state.path(), Path::new(&format!("/{number}")), |_| true).unwrap();
        }
        assert!(matches!(note(state.path(), Path::new("/more"), |_| true), Err(PlacesError::Full)));
        note(state.path(), Path::new("/more"), |place| place != Path::new("/7")).unwrap();
        let places = noted(state.path()).unwrap();
        assert!(places.len() == PLACES_MAX && !places.contains(&"/7".into()) && places.contains(&"/more".into()));
    }

    #[test]
    fn a_damaged_list_is_never_an_empty_one() {
        let state = tempfile::tempdir().unwrap();
        for text in ["", "{}", r#"{"version":2,"places":[]}"#, r#"{"version":1,"places":["a"]}"#] {
            fs::write(state.path().join(FILE), text).unwrap();
            assert!(matches!(noted(state.path()), Err(PlacesError::Damaged(_))), "{text}");
            assert!(note(state.path(), Path::new("/a"), |_| true).is_err());
        }
    }
}
