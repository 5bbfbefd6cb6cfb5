//! What stands in the files below a directory, for suites that look for what must not be there.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// Files below `dir`, sockets and other special ones left out, with what they hold. Panics when one cannot be read.
#[track_caller]
pub fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    for entry in entries.filter_map(Result::ok) {
        let Ok(meta) = fs::symlink_metadata(entry.path()) else { continue };
        if meta.is_dir() {
            found.extend(files(&entry.path()));
        } else if meta.is_file() {
            let mut bytes = Vec::new();
            #[expect(clippy::disallowed_methods, reason = "bounded by take")]
            let read = fs::File::open(entry.path()).and_then(|file| file.take(64 << 20).read_to_end(&mut bytes));
            read.unwrap_or_else(|e| panic!("{}: {e}", entry.path().display()));
            found.push((entry.path(), bytes));
        }
    }
    found
}

/// True when the text stands in the bytes as it is.
pub fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
