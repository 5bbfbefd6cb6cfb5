//! The honest answer without a model: which files of the project hold the words of the question.
//!
//! Owns a word index per project, in RAM. Refuses to invent: it quotes lines with their place, says that no model was
//! asked, and when nothing matches it says that and what the project is made of. Reads only below the project's root,
//! never what is ignored, hidden or secret, and is done by its deadline whatever the project holds. Same project, same
//! question, same answer. Files and question are redacted whole, before a line or a word is taken out of them: half a
//! secret, or one in lower case, would not be recognised any more.
//!
//! Not async: call it from a blocking thread.

mod index;
mod render;
mod text;
mod walk;
mod words;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use crate::{
    redact::{MARKER, Redacted, Redactor},
    sync::lock,
};
use index::Index;
use words::Question;

/// Projects whose index stays in RAM, the last ones asked about; one of 150 files takes about a megabyte.
const PROJECTS_MAX: usize = 3;

/// Why no model answers. Decides what the answer says about getting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why<'a> {
    /// `provider.kind` is `offline`.
    Chosen,
    /// `provider.kind` is `auto` and nothing was found.
    NoModel {
        /// The variable that would hold the key.
        key_variable: &'a str,
    },
}

/// An answer from the project's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineAnswer {
    /// Markdown.
    pub text: Redacted,
    /// The files it quotes, best first, relative to the root.
    pub files: Vec<PathBuf>,
}

/// The indexes of the projects asked about lately.
#[derive(Default)]
pub struct Offline {
    /// The last one asked about is last.
    projects: Mutex<Vec<(PathBuf, Arc<Mutex<Index>>)>>,
}

/// Answers from the indexes of this process; see [`Offline::answer`].
pub fn answer(root: &Path, question: &str, why: Why<'_>, redactor: &Redactor, deadline: Duration) -> OfflineAnswer {
    static SHARED: LazyLock<Offline> = LazyLock::new(Offline::default);
    SHARED.answer(root, question, why, redactor, deadline)
}

impl Offline {
    /// Answers a question about the project at `root`. After `deadline` it answers from what was read so far, and
    /// says so.
    pub fn answer(
        &self,
        root: &Path,
        question: &str,
        why: Why<'_>,
        redactor: &Redactor,
        deadline: Duration,
    ) -> OfflineAnswer {
        let until = Instant::now() + deadline;
        let question = Question::parse(&redactor.text(question).as_str().replace(MARKER, " "));
        let dir = match walk::open_root(root) {
            Ok(dir) => dir,
            Err(error) => {
                let text = format!("{}\n\nThe project's directory cannot be read: {error}.\n", render::heading(why));
                return OfflineAnswer { text: redactor.text(&text), files: Vec::new() };
            }
        };
        let found = walk::walk(&dir, until);
        let index = self.project(root);
        let mut index = lock(&index);
        let whole = index.update(&dir, &found, until) && !found.cut;
        let (text, files) = render::render(&dir, &index, &question, why, whole, redactor);
        OfflineAnswer { text: redactor.text(&text), files }
    }

    fn project(&self, root: &Path) -> Arc<Mutex<Index>> {
        let mut projects = lock(&self.projects);
        let known = projects.iter().position(|(path, _)| path == root).map(|at| projects.remove(at));
        let project = known.unwrap_or_else(|| (root.to_owned(), Arc::default()));
        let index = project.1.clone();
        projects.push(project);
        if projects.len() > PROJECTS_MAX {
            projects.remove(0);
        }
        index
    }
}

#[cfg(test)]
mod tests;
