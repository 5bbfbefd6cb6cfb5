//! From a record to what is written of it, and back.
//!
//! Owns the versions of every kind and the ids: the same thing has the same id, so that a newer row replaces the older.
//! Each version is a type of its own that is never changed again; a new field is a new version. A row of a version that
//! this build does not know is told apart from a broken one, because a newer daemon will read it.
//!
//! Trust boundary: what is read may be damaged, made up, or older than a secret learnt since. So
//! - every text goes through the redactor again, and a row whose paths or names the redactor would change is refused;
//! - an id must be that of its content;
//! - an error says where a body is wrong and never quotes it.

mod v1;

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{
    kept::Kept,
    row::{Row, Shelf},
};
use crate::redact::Redactor;

/// The version that is written.
pub const VERSION: u16 = 1;

/// Why a row is no record, or a record no row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Written by a newer agentd.
    #[error("this {} has version {version}, this agentd reads up to {VERSION}", .shelf.name())]
    Newer {
        /// Its kind.
        shelf: Shelf,
        /// Its version.
        version: u16,
    },
    /// Not the JSON of that kind and version.
    #[error("this is no {} of version {version}: wrong at column {column}", .shelf.name())]
    Shape {
        /// Its kind.
        shelf: Shelf,
        /// Its version.
        version: u16,
        /// Where in the body.
        column: usize,
    },
    /// The id is that of something else.
    #[error("the id of this {} is not that of its content", .0.name())]
    Id(Shelf),
    /// A time that no clock shows.
    #[error("a time in it is beyond the year 9999")]
    Time,
    /// A path, name or dependency that the redactor would change: hidden, it would point elsewhere.
    #[error("a path or name in it holds a secret")]
    Secret,
    /// JSON has no bytes.
    #[error("its project's path is not UTF-8")]
    Path,
}

/// The row of a record.
///
/// # Errors
/// [`RowError::Path`]: the record cannot be kept.
pub fn encode(kept: &Kept) -> Result<Row, RowError> {
    let shelf = shelf_of(kept);
    let body = match kept {
        Kept::Answer(it) => json(&v1::Answer::of(it)?, shelf),
        Kept::Conversation(it) => json(&v1::Conversation::of(it)?, shelf),
        Kept::Preference(it) => json(&v1::Preference::of(it)?, shelf),
        Kept::Rejection(it) => json(&v1::Rejection::of(it)?, shelf),
        Kept::Verdict(it) => json(&v1::Verdict::of(it)?, shelf),
    }?;
    Ok(Row { shelf, id: id_of(kept), version: VERSION, body })
}

/// The record of a row, redacted anew.
///
/// # Errors
/// See [`RowError`].
pub fn decode(row: &Row, redactor: &Redactor) -> Result<Kept, RowError> {
    let kept = match (row.version, row.shelf) {
        (1, Shelf::Answer) => Kept::Answer(parse::<v1::Answer>(row)?.record(row.id, redactor)?),
        (1, Shelf::Conversation) => Kept::Conversation(parse::<v1::Conversation>(row)?.record(redactor)?),
        (1, Shelf::Preference) => Kept::Preference(parse::<v1::Preference>(row)?.record(redactor)?),
        (1, Shelf::Rejection) => Kept::Rejection(parse::<v1::Rejection>(row)?.record(redactor)?),
        (1, Shelf::Verdict) => Kept::Verdict(parse::<v1::Verdict>(row)?.record(redactor)?),
        (0, shelf) => return Err(RowError::Shape { shelf, version: 0, column: 0 }),
        (version, shelf) => return Err(RowError::Newer { shelf, version }),
    };
    if id_of(&kept) == row.id { Ok(kept) } else { Err(RowError::Id(row.shelf)) }
}

/// The kind of a record.
pub fn shelf_of(kept: &Kept) -> Shelf {
    match kept {
        Kept::Answer(_) => Shelf::Answer,
        Kept::Conversation(_) => Shelf::Conversation,
        Kept::Preference(_) => Shelf::Preference,
        Kept::Rejection(_) => Shelf::Rejection,
        Kept::Verdict(_) => Shelf::Verdict,
    }
}

/// What a record is replaced and removed by. Part of the form on disk.
pub fn id_of(kept: &Kept) -> [u8; 16] {
    let uid = kept.uid().to_le_bytes();
    let project = kept.project().map(|path| path.as_os_str().as_encoded_bytes());
    // "Everywhere" and the root directory are two places.
    let (place, project): (&[u8], &[u8]) = project.map_or((b"everywhere", b""), |path| (b"project", path));
    match kept {
        Kept::Answer(it) => *it.id.as_bytes(),
        Kept::Conversation(it) => digest(&[&uid, it.id.as_bytes()]),
        Kept::Preference(it) => digest(&[&uid, place, project, it.name.as_bytes()]),
        Kept::Rejection(it) => digest(&[&uid, project, &it.pair.0, &it.pair.1]),
        Kept::Verdict(it) => digest(&[&uid, project, &it.pair.0, &it.pair.1]),
    }
}

/// The first half of the SHA-256 of the parts, each with its length: `ab`, `c` is not `a`, `bc`.
fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    let mut id = [0; 16];
    id.iter_mut().zip(sha.finalize()).for_each(|(to, from)| *to = from);
    id
}

fn json<T: Serialize>(body: &T, shelf: Shelf) -> Result<Vec<u8>, RowError> {
    // Strings, numbers and lists always have a JSON; an error here is a new type that has none.
    serde_json::to_vec(body).map_err(|_| RowError::Shape { shelf, version: VERSION, column: 0 })
}

fn parse<T: DeserializeOwned>(row: &Row) -> Result<T, RowError> {
    let Row { shelf, version, .. } = *row;
    // The parser's own message quotes what it found.
    serde_json::from_slice(&row.body).map_err(|error| RowError::Shape { shelf, version, column: error.column() })
}

#[cfg(test)]
mod tests;
