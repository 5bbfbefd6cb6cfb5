//! Whether what an answer rested on still holds.
//!
//! Blocking work, for a blocking thread; a panic in it is a miss. An unchanged file costs one stat and no allocation.
//!
//! Invariants:
//! - Whatever is not proven to be as it was has changed: what cannot be read, is no longer there, is not understood or
//!   takes longer than [`CHECK_TIME`].
//! - What stat does not decide, content decides, and content comes through the jail: a `touch` is no change.

use std::{fmt, time::Duration};

use rustix::io::Errno;
use serde_json::json;

use super::{Digest, Digests, Observed, Rests, Stat, digests, git, project};
use crate::tools::{
    Project, ToolContext,
    builtin::{self, Stop},
};

/// Longest time that the dependencies of one answer are looked at. Longer searches are as slow as asking the model.
pub const CHECK_TIME: Duration = Duration::from_secs(2);

/// Why a dependency no longer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A file's content is another, or is changing right now.
    Edited,
    /// A file or directory is no longer there.
    Gone,
    /// A file or directory cannot be read (any more).
    Unreadable,
    /// A directory holds other names.
    Listing,
    /// A search finds something else.
    Search,
    /// A call says something else.
    Result,
    /// The repository's history has moved.
    Git,
    /// Some file of the project has changed.
    Project,
    /// There is more to look at than is worth it.
    TooLarge,
    /// Looking took too long, or was cancelled.
    Late,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Edited => "was edited",
            Self::Gone => "is gone",
            Self::Unreadable => "cannot be read",
            Self::Listing => "lists other names",
            Self::Search => "finds something else",
            Self::Result => "says something else",
            Self::Git => "has moved",
            Self::Project => "has changed",
            Self::TooLarge => "is too large to verify",
            Self::Late => "took too long to verify",
        })
    }
}

/// The first dependency that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// A path, or a call with its pattern. Not redacted.
    pub what: String,
    /// What is the matter with it.
    pub why: Why,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.why)
    }
}

/// Dependencies that hold, but not by stat: with their present state, so that the next check is quick again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refreshed(Vec<(usize, Observed)>);

impl Refreshed {
    /// True when nothing is to be stored.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the present states in place of those that were checked.
    pub fn apply(self, observed: &mut [Observed]) {
        for (at, newer) in self.0 {
            if let Some(one) = observed.get_mut(at).filter(|one| one.is_about_the_same(&newer)) {
                *one = newer;
            }
        }
    }
}

/// Looks at every dependency, the cheap ones first. The context is as for a call of a new conversation: the same limits
/// and redactor as in the run, a view with a vault of its own.
///
/// # Errors
/// The first dependency that does not hold.
pub fn check(context: &ToolContext, observed: &[Observed], digests: &Digests) -> Result<Refreshed, Changed> {
    let check = Check { context, digests, stop: Stop::within(context.cancel.clone(), CHECK_TIME) };
    let mut refreshed = Refreshed::default();
    let is_quick = |one: &Observed| matches!(one, Observed::File { .. } | Observed::Listing { .. });
    for quick in [true, false] {
        for (at, one) in observed.iter().enumerate().filter(|(_, one)| is_quick(one) == quick) {
            match check.one(one) {
                Ok(None) => {}
                Ok(Some(newer)) => refreshed.0.push((at, newer)),
                Err(why) => return Err(Changed { what: what(one), why }),
            }
        }
    }
    Ok(refreshed)
}

/// How a dependency is called towards people.
fn what(observed: &Observed) -> String {
    match observed {
        Observed::File { path, .. } | Observed::Listing { path, .. } => path.clone(),
        Observed::Call { tool, arguments, .. } => format!("{tool} {}", builtin::summary(tool, arguments)),
        Observed::Project { .. } => "the project".to_owned(),
        Observed::Git { .. } => "git history".to_owned(),
    }
}

struct Check<'a> {
    context: &'a ToolContext,
    digests: &'a Digests,
    stop: Stop,
}

impl Check<'_> {
    /// Nothing, or the present state where stat did not decide.
    fn one(&self, observed: &Observed) -> Result<Option<Observed>, Why> {
        let project = self.context.project.as_deref().ok_or(Why::Gone)?;
        match observed {
            Observed::File { path, stat, seen_at_ns, digest } => {
                if is_unchanged(project, path, stat, *seen_at_ns)? {
                    return Ok(None);
                }
                self.content(project, path, digest).map(Some)
            }
            Observed::Listing { path, stat, seen_at_ns, digest } => {
                if is_unchanged(project, path, stat, *seen_at_ns)? {
                    return Ok(None);
                }
                self.listing(path, digest)
            }
            Observed::Call { tool, arguments, digest, sweep } => self.call(tool, arguments, digest, sweep.as_ref()),
            Observed::Project { digest } => {
                same(project::of(project, self.digests, &self.stop)?, digest).ok_or(Why::Project)
            }
            Observed::Git { digest } => same(git::of(project, self.digests, &self.stop)?, digest).ok_or(Why::Git),
        }
    }

    fn content(&self, project: &Project, path: &str, digest: &Digest) -> Result<Observed, Why> {
        let known = digests::read(project, path, &self.stop)?;
        if known.digest != *digest {
            return Err(Why::Edited);
        }
        let (path, digest) = (path.to_owned(), known.digest);
        Ok(Observed::File { path, stat: known.stat, seen_at_ns: known.seen_at_ns, digest })
    }

    fn listing(&self, path: &str, digest: &Digest) -> Result<Option<Observed>, Why> {
        let arguments = json!({"path": path}).to_string();
        let again =
            builtin::again(self.context, builtin::LIST, &arguments, self.stop.clone()).ok_or(Why::Unreadable)?;
        let output = again.run();
        if Digest::of_text(&output.text) != *digest {
            return Err(self.late().unwrap_or(if output.ok { Why::Listing } else { Why::Unreadable }));
        }
        match output.rests {
            Rests::On(mut newer) => Ok(newer.pop()),
            _ => Ok(None),
        }
    }

    fn call(&self, tool: &str, args: &str, digest: &Digest, sweep: Option<&Digest>) -> Result<Option<Observed>, Why> {
        let again = builtin::again(self.context, tool, args, self.stop.clone()).ok_or(Why::Unreadable)?;
        if sweep.is_some() && again.sweep().as_ref() == sweep {
            return Ok(None);
        }
        let output = again.run();
        if Digest::of_text(&output.text) != *digest {
            let other = if tool.starts_with("search_") { Why::Search } else { Why::Result };
            return Err(self.late().unwrap_or(other));
        }
        let newer = match output.rests {
            Rests::Again { sweep: Some(newer) } if Some(&newer) != sweep => newer,
            _ => return Ok(None),
        };
        let (tool, arguments) = (tool.to_owned(), args.to_owned());
        Ok(Some(Observed::Call { tool, arguments, digest: *digest, sweep: Some(newer) }))
    }

    /// A call that was ended says so in its text, which is then another text.
    fn late(&self) -> Option<Why> {
        self.stop.check().is_err().then_some(Why::Late)
    }
}

/// Nothing to refresh when the digests are the same, nothing at all otherwise.
fn same(now: Digest, then: &Digest) -> Option<Option<Observed>> {
    (now == *then).then_some(None)
}

/// True when stat alone says that nothing has changed. Where symlinks lead is no matter here: what has the same number,
/// size and times as the file that the jail had opened is that file.
fn is_unchanged(project: &Project, path: &str, stat: &Stat, seen_at_ns: i64) -> Result<bool, Why> {
    match project.jail.stat(path.as_ref(), true) {
        Ok(now) => Ok(Stat::from(now) == *stat && !stat.is_racy(seen_at_ns)),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(Why::Gone),
        Err(_) => Err(Why::Unreadable),
    }
}
