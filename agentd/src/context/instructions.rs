//! AGENTS.md: instructions from the user, global first, then from the project root down to the working directory.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{paths::open_named, tools::Project};

/// File name, as every agent of the field reads it.
const NAME: &str = "AGENTS.md";
/// Most bytes of all instruction files together, about 8,000 tokens. They are sent with every conversation.
const BUDGET: usize = 32 * 1024;

/// The instruction files that apply, outermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instructions {
    /// Shown path and text of each.
    pub files: Vec<(String, String)>,
    /// Paths that were cut or left out for the budget.
    pub cut: Vec<String>,
}

/// Reads the global file of the configuration directory and those between the project root and `cwd`.
///
/// A file that cannot be read, or is not text, is left out: instructions are a help, not a condition.
pub fn read_instructions(config_dir: Option<&Path>, project: Option<&Project>, cwd: &Path) -> Instructions {
    let mut found = Instructions::default();
    let mut left = BUDGET;
    let mut add = |shown: String, file: Option<File>| {
        let Some(file) = file else { return };
        let mut bytes = Vec::new();
        let limit = (left as u64).saturating_add(1);
        // Bounded by `take`, so a huge file costs no memory.
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        let read = file.take(limit).read_to_end(&mut bytes);
        if read.is_err() {
            return;
        }
        if bytes.len() > left {
            found.cut.push(shown.clone());
            // At a line's end: of a secret that is cut in two, neither half would be recognised.
            bytes.truncate(left);
            bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or_default());
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches('\u{fffd}').trim();
        left = if found.cut.contains(&shown) { 0 } else { left - bytes.len() };
        if !text.is_empty() {
            found.files.push((shown, text.to_owned()));
        }
    };
    if let Some(dir) = config_dir {
        add(format!("global {NAME}"), regular_file(&dir.join(NAME)));
    }
    let Some(project) = project else { return found };
    for dir in dirs_between(&project.root, cwd) {
        let shown = dir.join(NAME);
        add(
            shown.display().to_string(),
            shown.to_str().and_then(|path| project.jail.open_file(path).ok()).map(|opened| opened.file),
        );
    }
    found
}

fn regular_file(path: &Path) -> Option<File> {
    open_named(path, true).ok().filter(|(_, meta)| meta.is_file()).map(|(file, _)| file)
}

/// The directories from the root to `cwd`, relative to the root, outermost first.
fn dirs_between(root: &Path, cwd: &Path) -> Vec<PathBuf> {
    let below = cwd.strip_prefix(root).unwrap_or(Path::new(""));
    let mut dir = PathBuf::new();
    let mut dirs = vec![dir.clone()];
    for part in below.components() {
        dir.push(part);
        dirs.push(dir.clone());
    }
    dirs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_run_from_the_root_down_to_the_asker() {
        let dirs = dirs_between(Path::new("/p"), Path::new("/p/a/b"));
        assert_eq!(dirs, [Path::new(""), Path::new("a"), Path::new("a/b")]);
        assert_eq!(dirs_between(Path::new("/p"), Path::new("/elsewhere")), [Path::new("")]);
    }

    #[test]
    fn instruction_files_apply_outermost_first_and_within_the_budget() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("p");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(root.join(".agentd.toml"), "").unwrap();
        std::fs::write(dir.path().join(NAME), "global").unwrap();
        std::fs::write(root.join(NAME), "outer").unwrap();
        std::fs::write(root.join("sub").join(NAME), "xxxxxx\n".repeat(BUDGET)).unwrap();
        let project = Project::find(&root.join("sub")).unwrap().unwrap();
        let found = read_instructions(Some(dir.path()), Some(&project), &project.root.join("sub"));
        let texts: Vec<_> = found.files.iter().map(|(_, text)| text.chars().take(6).collect::<String>()).collect();
        assert_eq!(texts, ["global", "outer", "xxxxxx"]);
        let bytes = found.files.iter().map(|(_, text)| text.len()).sum::<usize>();
        assert!(bytes <= BUDGET && bytes > BUDGET - 16, "{bytes}");
        assert!(found.files[2].1.ends_with("\nxxxxxx"), "cut at a line's end");
        assert_eq!(found.cut, ["sub/AGENTS.md"]);
    }
}
