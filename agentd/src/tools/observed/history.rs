//! The git commands whose answer depends on the repository's history alone.
//!
//! Owns the list of words that keep it so, and the record of such a call. The list is short and positive: what is not
//! on it (times, the index, the work tree, reflogs, colours of the moment) is not verified and so never served again.
//! Policy has allowed the command before; this decides nothing about safety. Output that tells a time relative to now,
//! by the user's own configuration, is refused by its looks.

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Digest, Digests, Observed, Rests, check::CHECK_TIME, git};
use crate::tools::{
    Project, ToolContext,
    builtin::{self, Stop},
    jail::JailError,
};

/// Flags that stand alone, for all subcommands: git refuses those that a subcommand does not have.
const FLAGS: &str = "--oneline --graph --all --branches --tags --remotes --no-merges --merges --first-parent --reverse \
                     --no-color --no-decorate --decorate --abbrev-commit --topo-order --full-index --no-patch --verify \
                     --quiet --short --abbrev-ref --symbolic-full-name --show-toplevel --git-dir --is-inside-work-tree \
                     --show-prefix --show-current --list --ignore-case --always --long -s -q -i -a -r -l";

/// Flags that show changes of files, which attributes shape.
const CHANGES: &str = "-p -u --patch --stat --shortstat --numstat --summary --name-only --name-status --no-renames \
                       --follow";

/// Flags with a value after `=`.
const VALUED: &str = "--max-count --skip --author --grep --abbrev --decorate --match --short --abbrev-ref --contains \
                      --points-at --merged --no-merged";

/// Names of formats that git itself has.
const FORMATS: [&str; 7] = ["oneline", "short", "medium", "full", "fuller", "reference", "raw"];

/// Forms of dates that stay the same tomorrow.
const DATES: [&str; 9] = ["short", "iso", "iso8601", "iso-strict", "iso8601-strict", "rfc", "rfc2822", "raw", "unix"];

/// Placeholders of a format after `%a` and `%c` that follow the clock or the user's configuration.
const DATED_PLACEHOLDERS: [char; 3] = ['r', 'd', 'h'];

/// A git command that shows history.
#[derive(Debug, PartialEq, Eq, Default)]
struct Asked<'a> {
    /// Revisions that git would take for files if there were such files.
    names: Vec<&'a str>,
    /// Shows changes of files.
    changes: bool,
    /// The command says itself how commits are shown.
    formatted: bool,
    /// Lists branches.
    branches: bool,
}

/// The command taken apart; `None` when any word of it is not known to keep to the history.
fn asked<'a>(argv: &[&'a str]) -> Option<Asked<'a>> {
    let ["git", command, words @ ..] = argv else { return None };
    let mut asked = Asked { branches: *command == "branch", ..Asked::default() };
    if !["log", "show", "rev-parse", "branch", "describe"].contains(command) {
        return None;
    }
    let mut rest = words.iter().copied();
    let (mut revisions, mut paths) = (Vec::new(), false);
    while let Some(word) = rest.next() {
        match word {
            "--" => {
                paths = true;
                // `:(attr:…)` and its kin look at more than names.
                rest.by_ref().all(|path| !path.starts_with(':')).then_some(())?;
            }
            "-n" => rest.next()?.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?,
            flag if flag.starts_with('-') => asked.flag(flag)?,
            revision => {
                // Not the index (`:path`), not a reflog (`main@{1}`), not a search, not an exclusion.
                let plain = !revision.starts_with([':', '^']) && !revision.contains("@{") && !revision.contains(":/");
                revisions.push(plain.then_some(revision)?);
            }
        }
    }
    // `show` shows changes unless it is asked for files only.
    let files_only = !revisions.is_empty() && revisions.iter().all(|name| name.contains(':'));
    asked.changes |= *command == "show" && !files_only;
    asked.names = if paths { Vec::new() } else { revisions };
    Some(asked)
}

impl Asked<'_> {
    fn flag(&mut self, flag: &str) -> Option<()> {
        let lists = |names: &str, name: &str| names.split_ascii_whitespace().any(|known| known == name);
        let count = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match flag.split_once('=') {
            Some(("--format" | "--pretty", format)) => {
                self.formatted = true;
                is_timeless_format(format).then_some(())
            }
            Some(("--date", date)) => DATES.contains(&date).then_some(()),
            Some((name, _)) => lists(VALUED, name).then_some(()),
            None if lists(CHANGES, flag) => {
                self.changes = true;
                Some(())
            }
            None if flag == "--oneline" => {
                self.formatted = true;
                Some(())
            }
            None if lists(FLAGS, flag) => Some(()),
            None => count(flag.trim_start_matches("-n").trim_start_matches('-')).then_some(()),
        }
    }

    /// False when the output tells a time relative to now, or an operation that is going on.
    fn is_timeless(&self, output: &str) -> bool {
        if self.branches && output.contains("* (") {
            return false;
        }
        let drawing: &[char] = &['*', '|', '/', '\\', '_', ' '];
        self.formatted
            || !output.contains(" ago") && output.lines().all(|line| is_dated(line.trim_start_matches(drawing)))
    }
}

/// A format of git's own, or one without a placeholder for a date that the configuration or the clock shapes.
fn is_timeless_format(format: &str) -> bool {
    let written = format.strip_prefix("format:").or_else(|| format.strip_prefix("tformat:"));
    let Some(written) = written.or_else(|| format.contains('%').then_some(format)) else {
        return FORMATS.contains(&format);
    };
    written.replace("%%", "").split('%').skip(1).all(|rest| {
        let mut letters = rest.chars();
        match letters.next() {
            Some('a' | 'c') => !letters.next().is_some_and(|second| DATED_PLACEHOLDERS.contains(&second)),
            Some('g' | 'G' | '(' | '<' | '>' | 'w') | None => false,
            Some(_) => true,
        }
    })
}

/// A line that is no commit's date, or one that names a year.
fn is_dated(line: &str) -> bool {
    let date = ["Date:", "AuthorDate:", "CommitDate:"].iter().find_map(|head| line.strip_prefix(head));
    let year = |word: &str| word.get(..4).is_some_and(|start| start.bytes().all(|byte| byte.is_ascii_digit()));
    date.is_none_or(|date| date.split_ascii_whitespace().any(year))
}

/// A git call that is about to run. Blocking, as is [`Recording::rests`].
pub(crate) struct Recording {
    project: Arc<Project>,
    argv: Vec<String>,
    digest: Digest,
}

impl Recording {
    /// The state before the call; `None` when the call does not keep to the history of the project's own repository.
    pub(crate) fn begin(project: &Arc<Project>, argv: Vec<String>) -> Option<Self> {
        asked(&words(&argv))?;
        let digest = digest(project)?;
        Some(Self { project: Arc::clone(project), argv, digest })
    }

    /// What the call rested on, now that it has answered without a fault.
    pub(crate) fn rests(self, context: &ToolContext, output: &str) -> Rests {
        self.observed(context, output).map_or(Rests::Unknown, Rests::On)
    }

    fn observed(self, context: &ToolContext, output: &str) -> Option<Vec<Observed>> {
        let argv = words(&self.argv);
        let asked = asked(&argv).filter(|asked| asked.is_timeless(output))?;
        if digest(&self.project)? != self.digest {
            return None;
        }
        let mut observed = vec![Observed::Git { digest: self.digest }];
        for name in &asked.names {
            observed.push(absent(context, &self.project, name)?);
        }
        if asked.changes {
            observed.push(no_attributes(context)?);
        }
        Some(observed)
    }
}

fn words(argv: &[String]) -> Vec<&str> {
    argv.iter().map(String::as_str).collect()
}

fn digest(project: &Project) -> Option<Digest> {
    git::of(project, &Digests::default(), &Stop::within(CancellationToken::new(), CHECK_TIME)).ok()
}

/// That there is no file by a revision's name: git would ask which of both is meant.
fn absent(context: &ToolContext, project: &Project, name: &str) -> Option<Observed> {
    match project.jail.metadata(name) {
        Err(JailError::Missing(_)) => {
            said(context, builtin::INFO, &json!({"path": name})).map(|(observed, _)| observed)
        }
        _ => None,
    }
}

/// That no directory has attributes of its own: they shape how changes are shown. Those of the root are in the digest.
fn no_attributes(context: &ToolContext) -> Option<Observed> {
    let arguments = json!({"path": ".", "pattern": "*/**/.gitattributes"});
    said(context, builtin::SEARCH_FILES, &arguments)
        .filter(|(_, text)| text.starts_with(builtin::NO_MATCHES))
        .map(|(observed, _)| observed)
}

/// What another call says now.
fn said(context: &ToolContext, tool: &str, arguments: &serde_json::Value) -> Option<(Observed, String)> {
    let stop = Stop::within(context.cancel.clone(), CHECK_TIME);
    let output = builtin::again(context, tool, &arguments.to_string(), stop)?.run();
    let again = matches!(output.rests, Rests::Again { .. });
    let observed = Observed::of_call(tool, arguments, &output.text, None).filter(|_| again)?;
    Some((observed, output.text))
}
