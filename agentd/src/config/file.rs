//! Reads a configuration file: bounded, and only one that nobody else can write.

use std::{
    fs::Metadata,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::fault::{Fault, Place};
use crate::paths::open_named;

/// Largest file of the user: a hundred times what all keys with comments need.
const FILE_MAX: u64 = 1024 * 1024;
/// Permission bits that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What distinguishes the user's file from a project's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Largest size in bytes.
    pub(super) max: u64,
    /// Refuse a file that others own or can write. A project's file can only tighten, so its owner does not matter.
    pub(super) private: bool,
    /// Follow a symlink: people keep their configuration in a repository; a project's link could lead anywhere.
    pub(super) follow: bool,
}

impl Rules {
    pub(super) const USER: Self = Self { max: FILE_MAX, private: true, follow: true };
}

/// The text of the file; `None` when it does not exist.
pub(super) fn read(path: &Path, rules: Rules) -> Result<Option<String>, Fault> {
    let (file, meta) = match open_named(path, rules.follow) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_open(path, &error)),
    };
    check(path, &meta, rules)?;
    let mut bytes = Vec::new();
    io::copy(&mut file.take(rules.max + 1), &mut bytes)
        .map_err(|error| whole(path, format!("cannot be read: {error}"), "check the file and its disk"))?;
    if bytes.len() as u64 > rules.max {
        return Err(too_large(path, rules.max));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        fault(path, line, "not UTF-8".to_owned(), "save the file as UTF-8")
    })
}

fn check(path: &Path, meta: &Metadata, rules: Rules) -> Result<(), Fault> {
    if !meta.is_file() {
        let what = if meta.is_dir() { "a directory, not a file" } else { "not a regular file" };
        return Err(whole(path, what.to_owned(), "put a TOML file there or remove it"));
    }
    if meta.len() > rules.max {
        return Err(too_large(path, rules.max));
    }
    if !rules.private {
        return Ok(());
    }
    let uid = rustix::process::getuid().as_raw();
    if meta.uid() != uid && meta.uid() != 0 {
        let what = format!("belongs to uid {}, not to you (uid {uid})", meta.uid());
        return Err(whole(path, what, &format!("chown {uid} {}", path.display())));
    }
    if meta.mode() & WRITABLE_BY_OTHERS != 0 {
        let what = format!("others can write it (mode {:04o})", meta.mode() & 0o7777);
        return Err(whole(path, what, &format!("chmod go-w {}", path.display())));
    }
    Ok(())
}

fn too_large(path: &Path, max: u64) -> Fault {
    whole(path, format!("larger than {} KiB", max / 1024), "this is no configuration file")
}

fn cannot_open(path: &Path, error: &io::Error) -> Fault {
    let link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let what = if link { "a symbolic link".to_owned() } else { format!("cannot be opened: {error}") };
    whole(path, what, if link { "put the file itself there" } else { "check its permissions, or remove it" })
}

/// A fault of the file as a whole.
pub(super) fn whole(path: &Path, what: String, cure: &str) -> Fault {
    fault(path, 0, what, cure)
}

fn fault(path: &Path, line: usize, what: String, cure: &str) -> Fault {
    Fault { place: Place::File(path.to_owned(), line), key: String::new(), what, cure: cure.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn what(path: &Path, rules: Rules) -> String {
        read(path, rules).expect_err("a fault").what
    }

    #[test]
    fn a_missing_file_is_no_fault() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("config.toml"), Rules::USER), Ok(None));
    }

    #[test]
    fn a_directory_a_fifo_and_an_endless_device_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(what(dir.path(), Rules::USER).contains("directory"));
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(what(&fifo, Rules::USER).contains("regular"));
        assert!(what(Path::new("/dev/zero"), Rules::USER).contains("regular"));
    }

    #[test]
    fn a_file_that_the_group_can_write_is_refused_with_the_command_that_cures_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
        let fault = read(&path, Rules::USER).expect_err("a fault");
        assert_eq!(fault.cure, format!("chmod go-w {}", path.display()));
        assert_eq!(read(&path, Rules { private: false, ..Rules::USER }), Ok(Some(String::new())));
    }

    #[test]
    fn one_byte_over_the_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let rules = Rules { max: 16, private: false, follow: true };
        std::fs::write(&path, "#23456789012345\n").unwrap();
        assert!(read(&path, rules).is_ok());
        std::fs::write(&path, "#234567890123456\n").unwrap();
        assert!(what(&path, rules).contains("larger"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named_by_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, b"# one\n# two \xff\n").unwrap();
        let rules = Rules { private: false, ..Rules::USER };
        assert_eq!(read(&path, rules).expect_err("a fault").place, Place::File(path, 2));
    }

    #[test]
    fn a_symlink_is_followed_for_the_user_and_refused_in_a_project() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::write(&real, "").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(read(&link, Rules::USER), Ok(Some(String::new())));
        assert!(what(&link, Rules { follow: false, ..Rules::USER }).contains("symbolic link"));
    }
}
