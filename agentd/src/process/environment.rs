//! What a child sees of ours: the environment, and with it the way from a program's name to its file.
//!
//! A child's environment is made anew: nothing of the daemon's is in it that is not named here, above all no key.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::ProcessError;

/// Variables that a child inherits. Everything else, above all keys and tokens, stays with the daemon.
pub(super) const PASSED: [&str; 9] = ["HOME", "LOGNAME", "SHELL", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"];

/// Variables that every child gets: nothing asks, pages or paints, and reading a repository takes no lock in it and
/// does not start the monitor program that its configuration may name. Services get all of them, too: one may run the
/// commands in our place, and `git status` needs no approval there either, so it must be as harmless there.
pub(super) const FIXED: [(&str, &str); 9] = [
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
    ("GIT_CONFIG_VALUE_0", "false"),
];

/// Search path when ours is unset or holds no absolute directory.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment of a child; what is `own` to it wins.
pub(super) fn of_child(own: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let fixed = FIXED.iter().map(|(name, value)| (name.into(), value.into()));
    let passed = PASSED.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let path = std::iter::once(("PATH".into(), search_path()));
    path.chain(fixed).chain(passed).chain(own.iter().cloned()).collect()
}

/// Refuses what cannot be started; gives the program's name for messages. `own` is the child's own part of its
/// environment, which may name another search path.
pub(super) fn check(argv: &[OsString], own: &[(OsString, OsString)]) -> Result<String, ProcessError> {
    let program = argv.first().filter(|program| !program.is_empty()).ok_or(ProcessError::Empty)?;
    if argv.iter().any(|argument| argument.as_encoded_bytes().contains(&0)) {
        return Err(ProcessError::Nul);
    }
    let name = program.to_string_lossy().into_owned();
    let path = own.iter().rev().find(|(name, _)| name == "PATH").map_or_else(search_path, |(_, path)| path.clone());
    if !name.contains('/') && find_in(&path, program).is_none() {
        return Err(ProcessError::NotFound(name));
    }
    Ok(name)
}

/// The search path of children: ours, without its relative directories (a project must not shadow `ls`).
fn search_path() -> OsString {
    let ours = std::env::var_os("PATH").unwrap_or_default();
    let kept: Vec<PathBuf> = std::env::split_paths(&ours).filter(|directory| directory.is_absolute()).collect();
    match std::env::join_paths(&kept) {
        Ok(path) if !kept.is_empty() => path,
        _ => DEFAULT_PATH.into(),
    }
}

/// The file that a bare program name stands for in the search path of commands.
pub fn find_program(name: &OsStr) -> Option<PathBuf> {
    find_in(&search_path(), name)
}

fn find_in(path: &OsStr, name: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    if name.is_empty() || Path::new(name).components().count() != 1 {
        return None;
    }
    std::env::split_paths(path).map(|directory| directory.join(name)).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}
