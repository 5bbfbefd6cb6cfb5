//! Commands that only read: programs, flags and arguments that are allowed without asking.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use serde_json::json;

use super::{Alone, Judgement, git};
use crate::{
    process,
    tools::{Project, jail::JailError, secret},
};

/// Entries looked at for secret files before a recursive search is allowed; more is a question for the user.
const MAX_WALKED: usize = 20_000;

/// A command as the model asks for it.
#[derive(Debug, Clone, Copy)]
pub struct CommandRequest<'a> {
    /// Program and arguments.
    pub argv: &'a [&'a str],
    /// Working directory, as given.
    pub directory: &'a str,
    /// Standard input.
    pub stdin: Option<&'a str>,
}

/// Why a command asks, one sentence.
pub(super) type Reason = String;

/// Where a command runs.
pub(super) struct Place<'a> {
    pub(super) project: &'a Project,
    /// Real working directory, relative to the root.
    pub(super) directory: PathBuf,
}

/// Judges a command.
pub fn judge_command(project: Option<&Project>, request: &CommandRequest<'_>) -> Judgement {
    let deny = |reason: &str| Judgement::Deny { reason: reason.to_owned() };
    let Some((program, arguments)) = request.argv.split_first().filter(|(program, _)| !program.is_empty()) else {
        return deny("the command is empty");
    };
    if request.argv.iter().any(|argument| argument.contains('\0')) {
        return deny("an argument holds a NUL byte");
    }
    let Some(project) = project else { return deny("there is no project here to run commands in") };
    match only_reads(project, request.directory, program, arguments) {
        Ok(()) => Judgement::Allow,
        Err(reason) => Judgement::Ask { reason, key: key(request), alone: Alone::EndTurn },
    }
}

/// An approval covers exactly this: argv, directory, input.
fn key(request: &CommandRequest<'_>) -> String {
    json!(["shell_execute", request.argv, request.directory, request.stdin]).to_string()
}

fn only_reads(project: &Project, directory: &str, program: &str, arguments: &[&str]) -> Result<(), Reason> {
    if program.contains('/') {
        return Err("the program is named by a path".to_owned());
    }
    if program.contains('=') {
        return Err("the command sets a variable".to_owned());
    }
    let (_, directory) = project.jail.open_dir(directory).map_err(|error| error.to_string())?;
    let place = Place { project, directory };
    if process::find_program(program.as_ref()).is_some_and(|file| file.starts_with(&project.root)) {
        return Err(format!("{program} is a program of the project itself"));
    }
    match program {
        "git" => git::only_reads(&place, arguments),
        "find" => find(&place, arguments),
        "grep" | "rg" => search(&place, program, arguments),
        "cargo" | "rustc" | "rustup" | "node" | "npm" | "python3" | "go" | "gcc" | "make" => {
            version(program, arguments)
        }
        _ => match PROGRAMS.iter().find(|known| known.name == program) {
            Some(known) => known.only_reads(&place, arguments),
            None => Err(format!("{program} is not on the list of commands that only read")),
        },
    }
}

fn version(program: &str, arguments: &[&str]) -> Result<(), Reason> {
    match arguments {
        ["--version"] => Ok(()),
        ["version"] if program == "go" => Ok(()),
        _ => Err(format!("{program} may run other programs or change files")),
    }
}

/// What operands are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    Paths,
    Texts,
    None,
}

/// A program and the flags of it that only read.
struct Program {
    name: &'static str,
    flags: Flags,
    operands: Operands,
}

/// Flags, each named in full: an abbreviation of a long flag is unknown and asks.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    /// Letters without a value.
    pub(super) short: &'static str,
    /// Letters with a value, in the same word or the next.
    pub(super) short_valued: &'static str,
    /// Long flags without a value, separated by spaces.
    pub(super) long: &'static str,
    /// Long flags with a value after `=` or, but for [`Flags::joined`], in the next word.
    pub(super) long_valued: &'static str,
    /// Long flags whose value, if any, follows `=` only.
    pub(super) joined: &'static str,
    /// `-5` is a count.
    pub(super) digits: bool,
}

const fn program(name: &'static str, short: &'static str, short_valued: &'static str, long: &'static str) -> Program {
    let flags = Flags { short, short_valued, long, long_valued: "", joined: "", digits: false };
    Program { name, flags, operands: Operands::Paths }
}

const PROGRAMS: [Program; 20] = [
    program("ls", "1aAbBcdfFgGhiklmnopqQrRsStuUvxXZ", "", "all almost-all human-readable recursive reverse size inode"),
    program("cat", "AbeEnstTuv", "", "number number-nonblank show-all show-ends show-tabs squeeze-blank"),
    Program { flags: COUNTED, ..program("head", "", "", "") },
    Program { flags: COUNTED, ..program("tail", "", "", "") },
    program("wc", "clmLw", "", "bytes chars lines words max-line-length"),
    program("stat", "tf", "c", "terse file-system"),
    program("file", "bhik", "", "brief mime mime-type mime-encoding"),
    program("du", "abchkmsx", "d", "summarize human-readable total all bytes apparent-size"),
    program("realpath", "emsz", "", "canonicalize-existing canonicalize-missing"),
    program("readlink", "efm", "", "canonicalize"),
    program("basename", "a", "s", ""),
    program("dirname", "", "", ""),
    program("cmp", "bls", "", "silent quiet verbose"),
    program("sha256sum", "bt", "", "binary text"),
    Program { operands: Operands::None, ..program("pwd", "LP", "", "") },
    Program { operands: Operands::None, ..program("uname", "asnrvmpio", "", "all") },
    Program { operands: Operands::None, ..program("nproc", "", "", "all") },
    Program { operands: Operands::None, ..program("whoami", "", "", "") },
    Program { operands: Operands::Texts, ..program("echo", "neE", "", "") },
    // A bare operand of date sets the clock; `+FORMAT` does not, and is looked at below.
    Program { operands: Operands::None, ..program("date", "uR", "", "utc universal rfc-email iso-8601") },
];

/// `head` and `tail`; not `-f`, which never ends.
const COUNTED: Flags = Flags {
    short: "qvz",
    short_valued: "nc",
    long: "quiet silent verbose",
    long_valued: "lines bytes",
    joined: "",
    digits: true,
};

impl Program {
    fn only_reads(&self, place: &Place<'_>, arguments: &[&str]) -> Result<(), Reason> {
        if self.name == "echo" {
            // echo has no operand or flag that does anything but print.
            return Ok(());
        }
        let arguments: Vec<&str> = match self.name {
            "date" => arguments.iter().copied().filter(|argument| !argument.starts_with('+')).collect(),
            _ => arguments.to_vec(),
        };
        let parsed = self.flags.parse(self.name, &arguments)?;
        match self.operands {
            Operands::Texts => Ok(()),
            Operands::None if parsed.operands.is_empty() => Ok(()),
            Operands::None => Err(format!("{} with an operand is not known to only read", self.name)),
            Operands::Paths => parsed.operands.iter().try_for_each(|path| place.check(path)),
        }
    }
}

/// Arguments taken apart.
#[derive(Default)]
pub(super) struct Parsed<'a> {
    /// Flags with their values, by name without dashes.
    pub(super) flags: Vec<(&'a str, Option<&'a str>)>,
    pub(super) operands: Vec<&'a str>,
    /// Operands after `--`.
    pub(super) after_dashes: usize,
}

impl<'a> Parsed<'a> {
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|(name, _)| names.contains(name))
    }
}

impl Flags {
    pub(super) fn parse<'a>(&self, program: &str, arguments: &[&'a str]) -> Result<Parsed<'a>, Reason> {
        let mut parsed = Parsed::default();
        let mut rest = arguments.iter().copied();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                let before = parsed.operands.len();
                parsed.operands.extend(rest);
                parsed.after_dashes = parsed.operands.len() - before;
                break;
            }
            let known = match argument.strip_prefix("--") {
                Some(long) => self.long(long, &mut rest, &mut parsed),
                None if argument.len() > 1 && argument.starts_with('-') => self.short(argument, &mut rest, &mut parsed),
                None => {
                    parsed.operands.push(argument);
                    true
                }
            };
            if !known {
                return Err(format!("{program} {argument} is not known to only read"));
            }
        }
        Ok(parsed)
    }

    fn long<'a>(&self, long: &'a str, rest: &mut impl Iterator<Item = &'a str>, parsed: &mut Parsed<'a>) -> bool {
        let lists = |names: &str, name: &str| names.split_ascii_whitespace().any(|known| known == name);
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let value = match value {
            Some(_) if lists(self.long_valued, name) || lists(self.joined, name) => value,
            None if lists(self.long_valued, name) => match rest.next() {
                Some(value) => Some(value),
                None => return false,
            },
            None if lists(self.long, name) || lists(self.joined, name) => None,
            _ => return false,
        };
        parsed.flags.push((name, value));
        true
    }

    fn short<'a>(&self, word: &'a str, rest: &mut impl Iterator<Item = &'a str>, parsed: &mut Parsed<'a>) -> bool {
        let letters = word.get(1..).unwrap_or_default();
        if self.digits && letters.bytes().all(|byte| byte.is_ascii_digit()) {
            return true;
        }
        for (at, letter) in letters.char_indices() {
            let after = at + letter.len_utf8();
            let name = letters.get(at..after).unwrap_or_default();
            if self.short_valued.contains(letter) {
                let joined = letters.get(after..).filter(|value| !value.is_empty());
                let Some(value) = joined.or_else(|| rest.next()) else { return false };
                parsed.flags.push((name, Some(value)));
                return true;
            }
            if !self.short.contains(letter) {
                return false;
            }
            parsed.flags.push((name, None));
        }
        true
    }
}

impl Place<'_> {
    /// A path argument stays in the project and names no secret file, symlinks followed. One that does not exist is
    /// left to the command to report.
    pub(super) fn check(&self, path: &str) -> Result<(), Reason> {
        self.real(path).map(drop)
    }

    /// The real path of an existing argument, relative to the root.
    fn real(&self, path: &str) -> Result<Option<PathBuf>, Reason> {
        if path == "-" {
            return Ok(None);
        }
        let given = Path::new(path);
        let climbs = given.components().skip_while(|part| *part == std::path::Component::ParentDir);
        if climbs.into_iter().any(|part| part == std::path::Component::ParentDir) {
            return Err(format!("{path} climbs out of a directory that may be a symlink"));
        }
        let whole =
            if given.is_absolute() { given.to_path_buf() } else { self.project.root.join(&self.directory).join(given) };
        let Some(whole) = whole.to_str() else { return Err(format!("{path} is not UTF-8")) };
        let jail = &self.project.jail;
        let reason = |error: JailError| error.to_string();
        if secret::is_secret(&jail.relative(whole).map_err(reason)?) {
            return Err(format!("{path} is a secret file"));
        }
        match jail.metadata(whole) {
            Ok(metadata) if metadata.is_dir() => jail.open_dir(whole).map(|(_, real)| Some(real)).map_err(reason),
            Ok(_) => jail.open_file(whole).map(|opened| Some(opened.path)).map_err(reason),
            Err(JailError::Missing(_)) => Ok(None),
            Err(error) => Err(reason(error)),
        }
    }

    /// No secret file lies below `real`, among the files that a search there would read.
    fn check_below(&self, real: &Path, program: &str, as_ripgrep: bool) -> Result<(), Reason> {
        let start = self.project.root.join(real);
        let mut builder = WalkBuilder::new(&start);
        builder.standard_filters(as_ripgrep).follow_links(false);
        for (count, entry) in builder.build().enumerate() {
            if count > MAX_WALKED {
                return Err(format!(
                    "{program} would search more than {MAX_WALKED} files; search_content does not ask"
                ));
            }
            let Ok(entry) = entry else { continue };
            let secret = entry.path().strip_prefix(&self.project.root).is_ok_and(secret::is_secret);
            if secret && !entry.file_type().is_some_and(|kind| kind.is_dir()) {
                return Err(format!("{program} would read secret files; search_content skips them and does not ask"));
            }
        }
        Ok(())
    }
}

const GREP: Flags = Flags {
    short: "nivwxclLoqshHrEFGPaIzZby",
    short_valued: "emABC",
    long: "line-number ignore-case invert-match word-regexp line-regexp count files-with-matches files-without-match \
           only-matching quiet no-messages no-filename with-filename recursive extended-regexp fixed-strings \
           basic-regexp perl-regexp text null",
    long_valued: "regexp max-count after-context before-context context include exclude exclude-dir",
    joined: "color colour",
    digits: true,
};

/// Not: `--pre`, `--hostname-bin`, `-z` (they run programs), `-f`, `--ignore-file`, `-L`, `-u` and its kin.
const RIPGREP: Flags = Flags {
    short: "nNivwxclosSHIFPU0p",
    short_valued: "egtTmABCdM",
    long: "line-number no-line-number ignore-case case-sensitive smart-case invert-match word-regexp line-regexp count \
           count-matches files-with-matches files-without-match only-matching with-filename no-filename heading \
           no-heading fixed-strings pcre2 multiline multiline-dotall json files stats column trim no-config vimgrep null",
    long_valued: "regexp glob iglob type type-not max-count after-context before-context context max-depth max-columns sort \
                  color",
    joined: "",
    digits: false,
};

fn search(place: &Place<'_>, program: &str, arguments: &[&str]) -> Result<(), Reason> {
    let ripgrep = program == "rg";
    let parsed = if ripgrep { RIPGREP } else { GREP }.parse(program, arguments)?;
    let pattern_given = parsed.has(&["e", "regexp"]) || ripgrep && parsed.has(&["files"]);
    let paths = parsed.operands.get(usize::from(!pattern_given)..).unwrap_or_default();
    let recursive = ripgrep || parsed.has(&["r", "recursive"]);
    let here = [place.project.root.join(&place.directory).to_string_lossy().into_owned()];
    let paths: Vec<&str> = match paths {
        [] if recursive => here.iter().map(String::as_str).collect(),
        paths => paths.to_vec(),
    };
    // A glob given to ripgrep finds hidden and ignored files too.
    let filtered = ripgrep && !parsed.has(&["g", "glob", "iglob"]);
    for path in paths {
        if let Some(real) = place.real(path)?
            && recursive
        {
            place.check_below(&real, program, filtered)?;
        }
    }
    Ok(())
}

/// Tests and actions of find that only look, without and with a value.
const FIND: &str = "! ( ) -not -a -and -o -or -print -print0 -prune -quit -ls -empty -true -false -depth -xdev -mount -readable \
                    -writable -executable -daystart";
const FIND_VALUED: &str = "-name -iname -path -ipath -wholename -iwholename -type -maxdepth -mindepth -size -mtime -mmin -atime \
                           -amin -ctime -cmin -regex -iregex -regextype -perm -user -group -links -inum";

fn find(place: &Place<'_>, arguments: &[&str]) -> Result<(), Reason> {
    let lists = |names: &str, name: &str| names.split_ascii_whitespace().any(|known| known == name);
    let expression = arguments.iter().position(|word| word.starts_with(['-', '(', '!'])).unwrap_or(arguments.len());
    let (paths, expression) = arguments.split_at(expression);
    paths.iter().try_for_each(|path| place.check(path))?;
    let mut words = expression.iter();
    while let Some(word) = words.next() {
        if lists(FIND_VALUED, word) {
            words.next();
        } else if !lists(FIND, word) {
            return Err(format!("find {word} is not known to only read"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
