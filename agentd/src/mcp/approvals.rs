//! Which bytes of a project's file of servers the user approved.
//!
//! Owns `mcp-approved.json` in the state directory: `{"version":1,"approved":[{"root":"/p","sha256":"…"}]}`, the oldest
//! first. A list that cannot be read approves nothing: the user is asked again, and nothing runs meanwhile.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::{Deserialize, Serialize};

use crate::{
    memory::folder::{Folder, FolderError},
    sync::lock,
};

/// Name of the list.
const FILE: &str = "mcp-approved.json";
/// Most projects; the oldest approval goes first.
const PROJECTS_MAX: usize = 500;
/// Most bytes of the list: as many of the longest paths.
const BYTES_MAX: u64 = 4 << 20;
/// Version of the list.
const VERSION: u32 = 1;

/// Held while the list is changed: of two approvals at once, both must stay. The daemon's lock keeps others out.
static CHANGING: Mutex<()> = Mutex::new(());

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    approved: Vec<Approval>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    root: PathBuf,
    sha256: String,
}

/// True when these bytes are approved for the project.
pub(super) fn holds(state: &Path, root: &Path, sha256: &str) -> bool {
    let list = read(state).unwrap_or_default();
    list.iter().any(|approval| approval.root == root && approval.sha256 == sha256)
}

/// Approves these bytes for the project, in place of what was approved for it; `None`: nothing.
///
/// # Errors
/// The list cannot be written; it is as it was.
pub(super) fn set(state: &Path, root: &Path, sha256: Option<&str>) -> Result<(), FolderError> {
    let _changing = lock(&CHANGING);
    let old = read(state).unwrap_or_default();
    let mut approved: Vec<Approval> = old.iter().filter(|approval| approval.root != root).cloned().collect();
    approved.extend(sha256.map(|sha256| Approval { root: root.to_owned(), sha256: sha256.to_owned() }));
    if sha256.is_none() && approved.len() == old.len() {
        return Ok(());
    }
    let superfluous = approved.len().saturating_sub(PROJECTS_MAX);
    approved.drain(..superfluous);
    let list = List { version: VERSION, approved };
    Folder::make(state)?.replace(FILE, |out| {
        let text = serde_json::to_vec(&list)?;
        out.write_all(&text)
    })
}

fn read(state: &Path) -> Option<Vec<Approval>> {
    let folder = Folder::open(state).ok()??;
    let mut text = Vec::new();
    let file = folder.read(FILE).ok()?.take(BYTES_MAX + 1);
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    { file }.read_to_end(&mut text).ok()?;
    let list: List = serde_json::from_slice(&text).ok()?;
    (list.version == VERSION).then_some(list.approved)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    #[test]
    fn one_approval_a_project_is_kept_for_us_alone() {
        let state = tempfile::tempdir().unwrap();
        let holds = |root: &str, sha256: &str| holds(state.path(), Path::new(root), sha256);
        assert!(!holds("/a", "1"));
        set(state.path(), Path::new("/a"), Some("1")).unwrap();
        set(state.path(), Path::new("/b"), Some("1")).unwrap();
        set(state.path(), Path::new("/a"), Some("2")).unwrap();
        assert!(!holds("/a", "1") && holds("/a", "2") && holds("/b", "1"));
        set(state.path(), Path::new("/a"), None).unwrap();
        set(state.path(), Path::new("/a"), None).unwrap();
        assert!(!holds("/a", "2") && holds("/b", "1"));
        assert_eq!(fs::metadata(state.path().join(FILE)).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_damaged_list_approves_nothing_and_is_written_anew() {
        let state = tempfile::tempdir().unwrap();
        set(state.path(), Path::new("/a"), Some("1")).unwrap();
        let good = fs::read_to_string(state.path().join(FILE)).unwrap();
        for text in ["", "{", &good.replace("\"version\":1", "\"version\":2"), &good.replace("root", "path")] {
            fs::write(state.path().join(FILE), text).unwrap();
            assert!(!holds(state.path(), Path::new("/a"), "1"), "{text}");
        }
        set(state.path(), Path::new("/b"), Some("1")).unwrap();
        assert!(holds(state.path(), Path::new("/b"), "1") && !holds(state.path(), Path::new("/a"), "1"));
    }

    #[test]
    fn the_oldest_approval_goes_when_there_are_too_many() {
        let state = tempfile::tempdir().unwrap();
        let approved = (0..PROJECTS_MAX).map(|n| Approval { root: format!("/{n}").into(), sha256: "1".to_owned() });
        let list = List { version: VERSION, approved: approved.collect() };
        fs::write(state.path().join(FILE), serde_json::to_vec(&list).unwrap()).unwrap();
        set(state.path(), Path::new("/more"), Some("1")).unwrap();
        let holds = |root: &str| holds(state.path(), Path::new(root), "1");
        assert!(!holds("/0") && holds("/1") && holds("/499") && holds("/more"));
    }

    #[test]
    fn two_approvals_at_once_both_stay() {
        let state = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let state = state.path();
                scope.spawn(move || set(state, Path::new(&format!("/{n}")), Some("1")).unwrap());
            }
        });
        assert!((0..8).all(|n| holds(state.path(), Path::new(&format!("/{n}")), "1")));
    }
}
