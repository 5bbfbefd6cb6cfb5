//! The backup file: one text file that any machine can read and any byte of which is checked.
//!
//! # Format
//! UTF-8, JSON lines, each line ended by one line feed. Schema 1:
//!
//! | line | content |
//! |---|---|
//! | first | `{"format":"agentd-memory","schema":1,"made":TIME,"agentd":VERSION,"records":N}` |
//! | N lines | `{"sha256":HEX,"record":RECORD}`: the SHA-256 is that of the bytes of `RECORD` as they stand in the line |
//! | last | `{"records":N,"sha256":HEX}`: the SHA-256 of every byte before this line |
//!
//! `TIME` is RFC 3339 in UTC, `VERSION` that of the daemon which wrote the file, `HEX` lower-case hexadecimal digits.
//! `RECORD` is `{"shelf":KIND,"id":HEX,"version":V,"body":{…}}`: the kinds are [`Shelf`], the bodies of each version
//! are those of `rows`. No two records have the same kind and id. A line has at most [`LINE_MAX`] bytes, a file at
//! most [`RECORDS_MAX`] records and [`FILE_MAX`] bytes.
//!
//! # What is refused
//! Everything that is not exactly this, with the number of the line: a newer schema, a cut or changed byte anywhere, a
//! record that its reader does not understand, anything after the last line. Nothing is handed out before the last line
//! has been checked.
//!
//! Owns bytes only: where files lie and what they are called is `backup`'s matter, what a body means that of `rows`.

use std::{
    collections::HashSet,
    io::{self, BufRead, Read as _, Write},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{
    hex::Hex,
    row::{Row, Shelf},
};

/// First word of every file.
const FORMAT: &str = "agentd-memory";
/// The schema that is written, and the newest that is read.
pub const SCHEMA: u32 = 1;
/// Longest line. An answer has some kilobytes; a file without line ends must not fill the RAM.
pub const LINE_MAX: usize = 4 << 20;
/// Longest body that is written, so that its line, with ids and checksum, stays below [`LINE_MAX`].
pub const BODY_MAX: usize = LINE_MAX - 1024;
/// Most records, several times what the highest caps of the configuration allow.
pub const RECORDS_MAX: usize = 20_000;
/// Largest file: who restores something larger by mistake hears so at once.
pub const FILE_MAX: u64 = 1 << 30;
/// Longest time stamp or version in the first line.
const WORD_MAX: usize = 64;

#[derive(Deserialize)]
struct Kind {
    format: String,
    schema: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    schema: u32,
    made: String,
    agentd: String,
    records: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine<'a> {
    sha256: Hex<32>,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    shelf: &'a str,
    id: Hex<16>,
    version: u16,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Serialize)]
struct Trailer {
    records: usize,
    sha256: Hex<32>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// Of all of them, in hex.
    pub sha256: String,
}

/// Writes a whole file. `made` is RFC 3339. Blocking.
///
/// # Errors
/// The output's, or [`io::ErrorKind::InvalidInput`] for rows that no file holds: too many, too long, or not one line of
/// JSON.
pub fn write(out: &mut dyn Write, made: &str, rows: &[Row]) -> io::Result<Written> {
    if rows.len() > RECORDS_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more records than a backup holds"));
    }
    let mut out = Hashing { out, sha: Sha256::new(), bytes: 0 };
    let (format, agentd) = (FORMAT.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    out.line(&Header { format, schema: SCHEMA, made: made.to_owned(), agentd, records: rows.len() })?;
    for row in rows {
        out.record(row)?;
    }
    let sha256 = Hex(out.sha.clone().finalize().into());
    out.line(&Trailer { records: rows.len(), sha256 })?;
    Ok(Written { bytes: out.bytes, sha256: Hex::<32>(out.sha.finalize().into()).to_string() })
}

struct Hashing<'a> {
    out: &'a mut dyn Write,
    sha: Sha256,
    bytes: u64,
}

impl Hashing<'_> {
    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.out.write_all(&bytes)?;
        self.sha.update(&bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn record(&mut self, row: &Row) -> io::Result<()> {
        if row.body.len() > BODY_MAX || row.body.contains(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record that fits no line"));
        }
        let body = serde_json::from_slice(&row.body)?;
        let record = Record { shelf: row.shelf.name(), id: Hex(row.id), version: row.version, body };
        let record = serde_json::value::to_raw_value(&record)?;
        let sha256 = Hex(Sha256::digest(record.get()).into());
        self.line(&RecordLine { sha256, record: &record })
    }
}

/// A file that has been checked to its last byte.
#[derive(Debug)]
pub struct Contents<T> {
    /// When it was written, RFC 3339.
    pub made: String,
    /// Version of the daemon that wrote it.
    pub agentd: String,
    /// What the rows were decoded to, in the file's order.
    pub records: Vec<T>,
}

/// Why a file is no backup.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ReadError {
    /// Counted from 1.
    pub line: usize,
    /// What is the matter with it.
    pub fault: Fault,
}

/// What is the matter with a line. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system's.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The first line is none of ours.
    #[error("this is not the first line of an agentd backup")]
    NotABackup,
    /// A newer daemon wrote it.
    #[error("the backup has schema {0}, this agentd reads up to {SCHEMA}; restore it with the agentd that wrote it")]
    NewerSchema(u32),
    /// More records than [`RECORDS_MAX`].
    #[error("{0} records are more than the {RECORDS_MAX} that a backup holds")]
    TooManyRecords(usize),
    /// Longer than [`LINE_MAX`].
    #[error("longer than {LINE_MAX} bytes")]
    LineTooLong,
    /// Larger than [`FILE_MAX`].
    #[error("the file is larger than {FILE_MAX} bytes")]
    FileTooLarge,
    /// The file ends here.
    #[error("the file is cut off here")]
    CutOff,
    /// No record.
    #[error("this is not a record")]
    NotARecord,
    /// Changed since it was written.
    #[error("the record's checksum does not match: it was changed or damaged")]
    Checksum,
    /// The same twice.
    #[error("this record is there twice")]
    Twice,
    /// A kind that this build does not know.
    #[error("a kind of record that this agentd does not know; a newer one wrote it")]
    UnknownKind,
    /// The decoder's word.
    #[error("{0}")]
    Record(String),
    /// The last line does not fit what is before it.
    #[error("the checksum of the file does not match: it was changed or damaged")]
    FileChecksum,
    /// More than one file.
    #[error("something follows the backup's last line")]
    AfterTheEnd,
}

/// Reads a whole file and checks everything in it, bodies by `decode`. Blocking.
///
/// # Errors
/// The first line that is wrong.
pub fn read<T, E: ToString>(
    input: impl BufRead,
    decode: impl FnMut(Row) -> Result<T, E>,
) -> Result<Contents<T>, ReadError> {
    let mut lines = Lines { input: input.take(FILE_MAX + 1), number: 0, bytes: 0, line: Vec::new() };
    contents(&mut lines, decode).map_err(|fault| ReadError { line: lines.number.max(1), fault })
}

fn contents<T, E: ToString>(
    lines: &mut Lines<impl BufRead>,
    mut decode: impl FnMut(Row) -> Result<T, E>,
) -> Result<Contents<T>, Fault> {
    let mut sha = Sha256::new();
    let header = header(lines.next()?)?;
    sha.update(&lines.line);
    let (mut records, mut seen) = (Vec::new(), HashSet::new());
    while records.len() < header.records {
        let row = row(lines.next()?)?;
        sha.update(&lines.line);
        if !seen.insert((row.shelf, row.id)) {
            return Err(Fault::Twice);
        }
        records.push(decode(row).map_err(|error| Fault::Record(error.to_string()))?);
    }
    // Compared, not parsed: the last line has one spelling.
    let trailer = Trailer { records: records.len(), sha256: Hex(sha.finalize().into()) };
    let expected = serde_json::to_vec(&trailer).map_err(|_| Fault::FileChecksum)?;
    if lines.next()?.strip_suffix(b"\n") != Some(&expected) {
        return Err(Fault::FileChecksum);
    }
    if !lines.is_at_end()? {
        return Err(Fault::AfterTheEnd);
    }
    Ok(Contents { made: header.made, agentd: header.agentd, records })
}

fn header(line: &[u8]) -> Result<Header, Fault> {
    let kind: Kind = serde_json::from_slice(line).map_err(|_| Fault::NotABackup)?;
    if kind.format != FORMAT || kind.schema == 0 {
        return Err(Fault::NotABackup);
    }
    // Before the other fields: a newer schema may have other ones.
    if kind.schema > SCHEMA {
        return Err(Fault::NewerSchema(kind.schema));
    }
    let header: Header = serde_json::from_slice(line).map_err(|_| Fault::NotABackup)?;
    let is_time = header.made.len() <= WORD_MAX && header.made.parse::<jiff::Timestamp>().is_ok();
    if !is_time || header.agentd.len() > WORD_MAX {
        return Err(Fault::NotABackup);
    }
    if header.records > RECORDS_MAX {
        return Err(Fault::TooManyRecords(header.records));
    }
    Ok(header)
}

fn row(line: &[u8]) -> Result<Row, Fault> {
    let RecordLine { sha256, record } = serde_json::from_slice(line).map_err(|_| Fault::NotARecord)?;
    if Sha256::digest(record.get()).as_slice() != sha256.0 {
        return Err(Fault::Checksum);
    }
    let record: Record<'_> = serde_json::from_str(record.get()).map_err(|_| Fault::NotARecord)?;
    let shelf = Shelf::of_name(record.shelf).ok_or(Fault::UnknownKind)?;
    Ok(Row { shelf, id: record.id.0, version: record.version, body: record.body.get().as_bytes().to_vec() })
}

/// Bounded lines, counted from 1.
struct Lines<R> {
    input: io::Take<R>,
    number: usize,
    bytes: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line with its end; it stays in `line`.
    fn next(&mut self) -> Result<&[u8], Fault> {
        self.number += 1;
        self.line.clear();
        let bound = LINE_MAX as u64 + 1;
        let read = self.input.by_ref().take(bound).read_until(b'\n', &mut self.line)?;
        self.bytes += read as u64;
        if self.bytes > FILE_MAX {
            return Err(Fault::FileTooLarge);
        }
        match self.line.last() {
            _ if read > LINE_MAX => Err(Fault::LineTooLong),
            Some(b'\n') => Ok(&self.line),
            _ => Err(Fault::CutOff),
        }
    }

    fn is_at_end(&mut self) -> Result<bool, Fault> {
        self.number += 1;
        Ok(self.input.fill_buf()?.is_empty())
    }
}

// The path is said because the fuzzer takes this file alone, from elsewhere.
#[cfg(test)]
#[path = "portable/tests.rs"]
mod tests;
