//! Backup, restore, export and forget: what users ask of the memory as a whole.
//!
//! Owns the order of things, so that each ends in one of two ways: done, or as it was before (forget excepted, which
//! erases all it can and says what is left). Knows the memory only as [`Records`] and the disk only through [`Backups`].
//!
//! Everything here blocks: callers run it on a blocking thread. One at a time: each holds [`Backups::exclusive`].

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use proto::{
    BackupReport, BackupRequest, ErrorKind, ExportPage, Fact, Failure, ForgetReport, RestoreReport, RestoreRequest,
};

use super::{
    backup::{self, Backups, Rotation, Written},
    export,
    forget::{self, Erased, Target},
    kept::Kept,
    tally,
};
use crate::redact::{Redacted, Redactor};

/// The records in RAM and their durable copy, as seen from here.
pub trait Records: Send + Sync {
    /// All there are.
    fn snapshot(&self) -> Vec<Kept>;

    /// Puts these in place of all there are, at once, and returns what was there.
    fn replace_all(&self, records: Vec<Kept>) -> Vec<Kept>;

    /// Removes those that are selected, at once, and returns them.
    fn remove(&self, is_selected: &dyn Fn(&Kept) -> bool) -> Vec<Kept>;

    /// Writes the store anew with what is in RAM now, so that nothing else is left in it. Blocks until that is durable.
    /// `erase` also takes what was ever set aside as damaged.
    ///
    /// # Errors
    /// Why not; the store then holds what it held before.
    fn rewrite_store(&self, erase: bool) -> Result<(), String>;
}

/// What is to be forgotten, as the request says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Everything of the user.
    All,
    /// Everything of the user in the project with this root.
    Project(PathBuf),
    /// The conversation with this id, or this beginning of one.
    Conversation {
        /// What was typed.
        prefix: String,
        /// Those of the user's sessions: id, project and questions. Not every conversation is kept.
        live: Vec<(String, PathBuf, Vec<Redacted>)>,
    },
}

/// The pieces that the work needs.
pub struct Upkeep<'a> {
    /// The memory.
    pub records: &'a dyn Records,
    /// Its backups.
    pub backups: &'a Backups,
    /// For what is read.
    pub redactor: &'a Redactor,
    /// The time.
    pub now: SystemTime,
    /// `memory.backups`.
    pub keep: usize,
}

impl Upkeep<'_> {
    /// `memory.backup`.
    ///
    /// # Errors
    /// No backup was written; the older ones are as they were.
    pub fn backup(&self, request: &BackupRequest) -> Result<BackupReport, Failure> {
        let to = Some(request.directory.as_str()).filter(|directory| !directory.is_empty());
        if to.is_some_and(|directory| self.redactor.text_counted(directory).1 > 0) {
            // It is noted on disk, for forgetting.
            let message = "the directory's path holds what looks like a secret";
            return Err(Failure::new(ErrorKind::Refused, message).hint("name another directory"));
        }
        let _one_at_a_time = self.backups.exclusive();
        let written = self.write(to.map(Path::new), &self.records.snapshot(), None)?;
        let text = |path: &PathBuf| path.display().to_string();
        Ok(BackupReport {
            path: text(&written.path),
            bytes: written.bytes,
            records: written.records as u64,
            sha256: written.sha256,
            removed: written.removed.iter().map(text).collect(),
        })
    }

    fn write(&self, to: Option<&Path>, records: &[Kept], spare: Option<&Path>) -> Result<Written, Failure> {
        let rotation = Rotation { keep: self.keep, spare };
        let written = self.backups.write(to, records, self.now, rotation)?;
        if written.skipped > 0 {
            tracing::warn!("{} records are in no backup: too long, or of a path that is no text", written.skipped);
        }
        Ok(written)
    }

    /// `memory.restore`: checks the whole file, writes a backup of what is there, then replaces it.
    ///
    /// # Errors
    /// The memory is as it was.
    pub fn restore(&self, request: &RestoreRequest) -> Result<RestoreReport, Failure> {
        let _one_at_a_time = self.backups.exclusive();
        let (path, contents) = match request.path.as_str() {
            "" => self.backups.newest_good(self.redactor)?,
            path => (PathBuf::from(path), backup::read(Path::new(path), self.redactor)?),
        };
        let mut report = RestoreReport {
            path: path.display().to_string(),
            kinds: tally::kinds(&contents.records, &|_| 0, self.now),
            replaced: String::new(),
        };
        if request.check_only {
            return Ok(report);
        }
        let present = self.records.snapshot();
        if !present.is_empty() {
            report.replaced = self.write(None, &present, Some(&path))?.path.display().to_string();
        }
        let before = self.records.replace_all(contents.records);
        self.records.rewrite_store(false).map_err(|why| {
            self.records.replace_all(before);
            let message = format!("nothing was restored: the store could not be written: {why}");
            Failure::new(ErrorKind::Failure, message).hint("type: agentctl memory status; then restore again")
        })?;
        Ok(report)
    }

    /// `memory.export`: one page of what is kept of a user, of one project when one is named.
    ///
    /// # Errors
    /// `after` is no page's `next`.
    pub fn export(&self, uid: u32, project: Option<&Path>, after: &str) -> Result<ExportPage, Failure> {
        export::page(&self.records.snapshot(), uid, project, after)
    }

    /// `memory.forget`, for all but the session memory, which the caller clears first: what goes on there would be kept
    /// again.
    ///
    /// # Errors
    /// The conversation is not known; or something is left, and is named. The rest is erased all the same.
    pub fn forget(&self, uid: u32, wanted: Wanted) -> Result<ForgetReport, Failure> {
        let _one_at_a_time = self.backups.exclusive();
        let target = self.target(uid, wanted)?;
        let removed = self.records.remove(&|kept| target.selects(kept));
        let mut erased = forget::erase_backups(self.backups, &target, self.redactor);
        // Before the store does it itself: what was erased is to be told.
        forget::erase_set_aside(self.backups.state(), &mut erased);
        // Also when nothing was removed: the store's free space may hold what was removed before.
        if let Err(why) = self.records.rewrite_store(true) {
            erased.left.push(format!("the store could not be written anew: {why}"));
        }
        report(&removed, &erased)
    }

    fn target(&self, uid: u32, wanted: Wanted) -> Result<Target, Failure> {
        let (prefix, live) = match wanted {
            Wanted::All => return Ok(Target::All { uid }),
            Wanted::Project(project) => return Ok(Target::Project { uid, project }),
            Wanted::Conversation { prefix, live } => (prefix, live),
        };
        let mut kept = self.records.snapshot();
        kept.extend(forget::in_backups(self.backups, self.redactor));
        let theirs = kept.iter().filter_map(|kept| match kept {
            Kept::Conversation(it) if it.uid == uid => Some(it.id.clone()),
            _ => None,
        });
        let known = theirs.chain(live.iter().map(|(id, ..)| id.clone()));
        let id = forget::conversation_id(&prefix, known).map_err(|unclear| {
            let kind = match unclear {
                forget::Unclear::Unknown(_) => ErrorKind::NotFound,
                forget::Unclear::Ambiguous { .. } => ErrorKind::Usage,
            };
            Failure::new(kind, unclear.to_string()).hint("type: agentctl memory export; it shows the ids")
        })?;
        let of_it = live.into_iter().filter(|(live, ..)| *live == id);
        let questions = of_it
            .flat_map(|(_, project, questions)| questions.into_iter().map(move |question| (project.clone(), question)));
        let mut target = Target::Conversation { uid, questions: questions.collect(), id };
        target.learn(&kept);
        Ok(target)
    }
}

/// What was erased, in words; a failure when something is left.
fn report(removed: &[Kept], erased: &Erased) -> Result<ForgetReport, Failure> {
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
    let mut facts: Vec<Fact> =
        forget::counts(removed).into_iter().map(|(shelf, count)| fact(shelf.plural(), count.to_string())).collect();
    let files = [
        ("backups_rewritten", &erased.rewritten, ""),
        ("backups_deleted", &erased.deleted, ""),
        ("damaged_backups_deleted", &erased.damaged, "; nobody could tell what was in them"),
        ("set_aside_deleted", &erased.set_aside, "; nobody could tell what was in them"),
        ("backups_not_there", &erased.missing, "; if it is a disk that is not mounted: mount it and forget again"),
    ];
    for (name, paths, remark) in files.into_iter().filter(|(_, paths, _)| !paths.is_empty()) {
        facts.push(fact(name, listed(paths, remark)));
    }
    facts.push(fact("log", "nothing to erase: it holds no text of yours".to_owned()));
    if erased.left.is_empty() {
        return Ok(ForgetReport { erased: facts });
    }
    let done: Vec<_> = facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
    let message = format!("not everything could be erased: {}; erased: {}", erased.left.join("; "), done.join(", "));
    Err(Failure::new(ErrorKind::Failure, message).hint("cure that and forget again: what is erased stays erased"))
}

/// Most paths named in a report.
const SHOWN: usize = 20;

fn listed(paths: &[PathBuf], remark: &str) -> String {
    let shown: Vec<_> = paths.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    let more = match paths.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}: {}{more}{remark}", paths.len(), shown.join(", "))
}

#[cfg(test)]
mod tests;
