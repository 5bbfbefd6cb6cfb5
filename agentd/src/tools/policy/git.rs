//! git commands that only read.
//!
//! git runs programs that the repository's own configuration names: filters, diff drivers, a file-system monitor. A
//! repository that came as an archive brings that configuration with it. So a git command is allowed only where the
//! configuration is a plain directory's and every entry in it is known to run nothing. The user's own configuration is
//! trusted. Not seen: a submodule that the index names and `.gitmodules` does not.

use std::{io::Read as _, path::Path};

use super::command::{Flags, Place, Reason};
use crate::tools::jail::JailError;

/// Largest configuration that is read.
const MAX_CONFIG: u64 = 256 << 10;

/// Flags of everything that shows differences. Not: `--output`, `--ext-diff`, `--textconv`, `--no-index`, `-O`.
const DIFF: &str = "patch no-patch stat numstat shortstat summary name-only name-status cached staged raw minimal patience \
                    histogram ignore-all-space ignore-space-change ignore-blank-lines ignore-cr-at-eol no-color no-ext-diff \
                    no-textconv no-renames full-index check exit-code quiet merge-base no-prefix text oneline graph all \
                    branches tags remotes no-merges merges first-parent reverse abbrev-commit no-decorate follow \
                    topo-order date-order parents boundary left-right cherry-pick cherry-mark regexp-ignore-case \
                    extended-regexp fixed-strings name-status root cc";
const DIFF_VALUED: &str = "since until after before author committer grep format date max-count skip diff-filter unified \
                           inter-hunk-context diff-algorithm";
const DIFF_JOINED: &str = "pretty decorate word-diff color find-renames find-copies abbrev ignore-submodules stat-width \
                           submodule relative dirstat";

/// What shows commits.
const HISTORY: Flags = Flags {
    short: "pusiEFwbMCz",
    short_valued: "nSGU",
    long: DIFF,
    long_valued: DIFF_VALUED,
    joined: DIFF_JOINED,
    digits: true,
};

/// A subcommand and its flags.
const COMMANDS: [(&str, Flags); 9] = [
    ("log", HISTORY),
    ("show", HISTORY),
    (
        "diff",
        Flags {
            short: "puswbMCRaz",
            short_valued: "SGU",
            long: DIFF,
            long_valued: DIFF_VALUED,
            joined: DIFF_JOINED,
            digits: false,
        },
    ),
    (
        "status",
        Flags {
            short: "sbvz",
            short_valued: "",
            long: "short branch long verbose show-stash ahead-behind no-ahead-behind null no-renames",
            long_valued: "",
            joined: "porcelain untracked-files ignored ignore-submodules column find-renames",
            digits: false,
        },
    ),
    (
        "rev-parse",
        Flags {
            short: "q",
            short_valued: "",
            long: "show-toplevel git-dir git-common-dir is-inside-work-tree is-bare-repository show-prefix show-cdup \
                   verify quiet symbolic-full-name absolute-git-dir",
            long_valued: "",
            joined: "abbrev-ref short",
            digits: false,
        },
    ),
    (
        "branch",
        Flags {
            short: "arvl",
            short_valued: "",
            long: "all remotes verbose list show-current no-color ignore-case",
            long_valued: "",
            joined: "sort format merged no-merged contains no-contains points-at color column abbrev",
            digits: false,
        },
    ),
    (
        "ls-files",
        Flags {
            short: "comdstz",
            short_valued: "",
            long: "cached others modified deleted stage exclude-standard directory full-name",
            long_valued: "",
            joined: "",
            digits: false,
        },
    ),
    (
        "blame",
        Flags {
            short: "wlstefn",
            short_valued: "L",
            long: "root show-name show-number porcelain",
            long_valued: "",
            joined: "date",
            digits: false,
        },
    ),
    (
        "describe",
        Flags {
            short: "",
            short_valued: "",
            long: "tags all long always",
            long_valued: "",
            joined: "abbrev dirty match",
            digits: false,
        },
    ),
];

/// Sections of a repository's configuration whose every entry is harmless for commands that only read.
const PLAIN_SECTIONS: [&str; 11] =
    ["branch", "user", "init", "color", "pull", "push", "fetch", "advice", "rerere", "log", "gc"];

/// Entries of the other sections that are.
const PLAIN_ENTRIES: [&str; 26] = [
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.logallrefupdates",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.quotepath",
    "core.abbrev",
    "core.longpaths",
    "core.sharedrepository",
    "core.compression",
    "core.preloadindex",
    "core.untrackedcache",
    "core.checkstat",
    "core.trustctime",
    "core.excludesfile",
    "extensions.objectformat",
    "extensions.worktreeconfig",
    "remote.url",
    "remote.pushurl",
    "remote.fetch",
    "remote.gh-resolved",
];

pub(super) fn only_reads(place: &Place<'_>, arguments: &[&str]) -> Result<(), Reason> {
    if arguments == ["--version"] {
        return Ok(());
    }
    let Some((command, rest)) = arguments.split_first() else { return Err("git without a command".to_owned()) };
    let Some((_, flags)) = COMMANDS.iter().find(|(name, _)| name == command) else {
        return Err(format!("git {command} is not known to only read"));
    };
    let parsed = flags.parse(&format!("git {command}"), rest)?;
    let lists = parsed.has(&["l", "list"]);
    if *command == "branch" && !parsed.operands.is_empty() && !lists {
        return Err("git branch with a name creates a branch".to_owned());
    }
    // %G verifies signatures, which starts a program.
    if parsed.flags.iter().any(|(_, value)| value.is_some_and(|value| value.contains("%G"))) {
        return Err("the format asks git to verify signatures".to_owned());
    }
    for operand in &parsed.operands {
        // A revision, a path, or revision:path.
        place.check(operand.rsplit_once(':').map_or(*operand, |(_, path)| path).trim_start_matches("./"))?;
        place.check(operand)?;
    }
    check_repository(place)
}

/// Finds the repository that git would use, within the project, and reads its configuration.
fn check_repository(place: &Place<'_>) -> Result<(), Reason> {
    let jail = &place.project.jail;
    for directory in place.directory.ancestors() {
        if ["HEAD", "objects", "refs"].iter().all(|name| jail.holds(&directory.join(name))) {
            return Err("the directory looks like a repository of its own".to_owned());
        }
        let git = directory.join(".git");
        if !jail.holds(&git) {
            continue;
        }
        if [git.join("commondir"), git.join("modules"), directory.join(".gitmodules")]
            .iter()
            .any(|path| jail.holds(path))
        {
            return Err("the repository has submodules or a shared configuration, which can name programs".to_owned());
        }
        check_file(place, &git.join("config"), true)?;
        return check_file(place, &git.join("config.worktree"), false);
    }
    Err("the project has no repository of its own".to_owned())
}

fn check_file(place: &Place<'_>, path: &Path, required: bool) -> Result<(), Reason> {
    let name = path.to_string_lossy();
    let opened = match place.project.jail.open_file(&name) {
        Ok(opened) => opened,
        Err(JailError::Missing(_)) if !required => return Ok(()),
        Err(_) => return Err("the repository's configuration is not in a .git directory of the project".to_owned()),
    };
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    let read = opened.file.take(MAX_CONFIG).read_to_string(&mut text);
    if read.is_err() || opened.size >= MAX_CONFIG {
        return Err("the repository's configuration cannot be read".to_owned());
    }
    match unknown_entry(&text) {
        Some(entry) => Err(format!("the repository's configuration has {entry}, which may name a program")),
        None => Ok(()),
    }
}

/// The first entry that is not known to be harmless. Read more strictly than git does: what is odd is unknown.
fn unknown_entry(config: &str) -> Option<String> {
    let mut section = String::new();
    for line in config.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.ends_with('\\') {
            return Some("a continued line".to_owned());
        }
        if let Some(header) = line.strip_prefix('[') {
            let Some(header) = header.strip_suffix(']') else { return Some(format!("[{header}")) };
            section = header.split([' ', '.', '"']).next().unwrap_or_default().to_lowercase();
            continue;
        }
        let key = line.split('=').next().unwrap_or_default().trim().to_lowercase();
        let entry = format!("{section}.{key}");
        if !PLAIN_SECTIONS.contains(&section.as_str()) && !PLAIN_ENTRIES.contains(&entry.as_str()) {
            return Some(entry);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_configuration_holds_nothing_unknown() {
        let config = "[core]\n\tbare = false\n\tfilemode = true\n# note\n[remote \"origin\"]\n\turl = https://example.org/a\n\
                      \tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n\tmerge = refs/heads/main\n";
        assert_eq!(unknown_entry(config), None);
    }

    #[test]
    fn whatever_may_name_a_program_is_unknown() {
        for (config, entry) in [
            ("[core]\nfsmonitor = evil", "core.fsmonitor"),
            ("[CORE]\n  FsMonitor=evil", "core.fsmonitor"),
            ("[core] fsmonitor = evil", "[core] fsmonitor = evil"),
            ("[filter \"x\"]\nclean = evil", "filter.clean"),
            ("[diff \"x\"]\ntextconv = evil", "diff.textconv"),
            ("[include]\npath = x", "include.path"),
            ("[core]\nbare = \\\n[x]", "a continued line"),
            ("[remote \"o\"]\nuploadpack = evil", "remote.uploadpack"),
            ("[extensions]\npartialclone = o", "extensions.partialclone"),
        ] {
            assert_eq!(unknown_entry(config).as_deref(), Some(entry), "{config}");
        }
    }
}
