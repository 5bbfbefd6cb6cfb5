//! `agentd redact …`: the engine for people and hooks.
//!
//! Owns reading files and pipes of any size in pieces, and what is printed about a finding: where it stands and what
//! kind it is, never the value or any part of it. Exit codes of `check` as of grep's: 0 nothing found, 1 found, 2 a
//! file could not be read.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::EXIT_CONFIG;
use crate::{
    config::Config,
    redact::{Located, Redactor, Stream, kinds},
};

/// Bytes read at once. Larger pieces are no faster.
const PIECE: usize = 64 * 1024;
/// Findings listed of one file. A file with more is a list of secrets, and the list is long enough.
const LISTED_MAX: usize = 10_000;
/// What a kind is that is not in the table.
const OWN: &str = "A rule of yours";
/// Something was found.
const EXIT_FOUND: u8 = 1;
/// A file could not be read.
const EXIT_UNREADABLE: u8 = 2;

/// `agentd redact`.
#[derive(Debug, Args)]
pub struct RedactArgs {
    /// Which of them.
    #[command(subcommand)]
    pub command: RedactCommand,
}

/// `agentd redact …`.
#[derive(Debug, Subcommand)]
pub enum RedactCommand {
    /// Say where secrets stand.
    Check {
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
        /// Files; - is standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print a copy without its secrets.
    Text {
        /// A file; - is standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// List every kind that is recognised.
    Rules {
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

/// Runs `agentd redact …` in this process's environment. `config` is the value of `--config`.
pub fn run_redact(command: &RedactCommand, config: Option<&Path>) -> ExitCode {
    let env = |name: &str| std::env::var_os(name);
    let loaded = match Config::load(config, &env) {
        Ok(loaded) => loaded,
        Err(faults) => {
            // A fault quotes what stands in the file.
            let faults = Redactor::new(Redactor::environment_secrets()).text(&faults.to_string());
            let _ = writeln!(io::stderr().lock(), "{faults}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let redactor = redactor(&loaded.config);
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let done = match command {
        RedactCommand::Check { json, files } => check(&redactor, files, *json, &mut out, &mut err),
        RedactCommand::Text { file } => copy(&redactor, file, &mut out, &mut err),
        RedactCommand::Rules { json } => rules(&loaded.config, *json, &mut out),
    };
    // A reader that left (`| head`) is no failure.
    ExitCode::from(done.unwrap_or_default())
}

fn redactor(config: &Config) -> Redactor {
    Redactor::with(&config.redact.settings(), Redactor::environment_secrets())
}

/// A finding with its place in a file.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    found: Located,
    line: u64,
    column: u64,
}

fn check(
    redactor: &Redactor,
    files: &[PathBuf],
    as_json: bool,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    let (mut code, mut listed, mut with) = (0, Vec::new(), 0);
    let mut total = 0;
    for file in files {
        let name = file.display();
        let places = match places(redactor, file) {
            Ok(places) => places,
            Err(error) => {
                writeln!(err, "{name}: {error}")?;
                code = EXIT_UNREADABLE;
                continue;
            }
        };
        total += places.len();
        with += usize::from(!places.is_empty());
        for place in &places {
            if as_json {
                listed.push(to_json(file, place));
            } else {
                let title = title(&place.found.kind);
                writeln!(out, "{name}:{}:{}: {} ({title})", place.line, place.column, place.found.kind)?;
            }
        }
    }
    if as_json {
        writeln!(out, "{:#}", json!({ "files": files.len(), "found": total, "findings": listed }))?;
    } else if total > 0 {
        writeln!(err, "{total} found in {with} of {} files", files.len())?;
    }
    Ok(if code == 0 && total > 0 { EXIT_FOUND } else { code })
}

fn to_json(file: &Path, place: &Place) -> Value {
    json!({
        "file": file.display().to_string(),
        "kind": place.found.kind,
        "title": title(&place.found.kind),
        "line": place.line,
        "column": place.column,
        "start": place.found.start,
        "end": place.found.end,
    })
}

fn title(kind: &str) -> &'static str {
    kinds::all().iter().find(|row| row.id == kind).map_or(OWN, |row| row.title)
}

/// What stands in a file.
fn places(redactor: &Redactor, file: &Path) -> io::Result<Vec<Place>> {
    let mut stream = redactor.stream().locating();
    let mut lines = Lines::default();
    let mut places = Vec::new();
    read_pieces(file, |piece| {
        lines.add(piece);
        stream.push(piece);
        note(&mut stream, &mut lines, &mut places);
        Ok(())
    })?;
    stream.finish();
    note(&mut stream, &mut lines, &mut places);
    Ok(places)
}

fn note(stream: &mut Stream, lines: &mut Lines, places: &mut Vec<Place>) {
    let (found, settled) = stream.located();
    for found in found {
        let (line, column) = lines.place(found.start);
        if places.len() < LISTED_MAX {
            places.push(Place { found, line, column });
        }
    }
    lines.forget(settled);
}

/// Where lines begin, as far back as findings may still come.
#[derive(Default)]
struct Lines {
    /// Lines that begin before `starts`.
    before: u64,
    last_before: u64,
    starts: VecDeque<u64>,
    length: u64,
}

impl Lines {
    fn add(&mut self, piece: &str) {
        self.starts.extend(memchr::memchr_iter(b'\n', piece.as_bytes()).map(|at| self.length + at as u64 + 1));
        self.length += piece.len() as u64;
    }

    /// Line and column of a byte, from 1.
    fn place(&self, at: u64) -> (u64, u64) {
        let lines = self.starts.partition_point(|start| *start <= at);
        let start = lines.checked_sub(1).and_then(|index| self.starts.get(index)).unwrap_or(&self.last_before);
        (self.before + lines as u64 + 1, at - start + 1)
    }

    fn forget(&mut self, until: u64) {
        while let Some(start) = self.starts.front().filter(|start| **start <= until) {
            self.last_before = *start;
            self.before += 1;
            self.starts.pop_front();
        }
    }
}

fn copy(redactor: &Redactor, file: &Path, out: &mut impl Write, err: &mut impl Write) -> io::Result<u8> {
    let mut stream = redactor.stream();
    if let Err(error) = read_pieces(file, |piece| out.write_all(stream.push(piece).as_bytes())) {
        writeln!(err, "{}: {error}", file.display())?;
        return Ok(EXIT_UNREADABLE);
    }
    out.write_all(stream.finish().as_bytes())?;
    Ok(0)
}

/// Gives the text of a file in pieces. Bytes that are not UTF-8 become `?`, one for one, so that offsets stay.
fn read_pieces(file: &Path, mut piece: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut input: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut buffer = vec![0; PIECE];
    let mut held = 0;
    loop {
        let space = buffer.get_mut(held..).unwrap_or_default();
        let read = match input.read(space) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = held + read;
        let all = buffer.get(..filled).unwrap_or_default();
        let (text, used) = lossy(all, read == 0);
        piece(&text)?;
        buffer.copy_within(used..filled, 0);
        held = filled - used;
        if read == 0 {
            return Ok(());
        }
    }
}

/// The text of some bytes, and how many of them it stands for: a character that is cut off at the end waits.
fn lossy(bytes: &[u8], last: bool) -> (String, usize) {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return (text, bytes.len());
            }
            Err(error) => {
                let (valid, broken) = rest.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                let Some(length) = error.error_len().or(last.then_some(broken.len())) else {
                    return (text, bytes.len() - broken.len());
                };
                text.extend(std::iter::repeat_n('?', length));
                rest = broken.get(length..).unwrap_or_default();
            }
        }
    }
}

fn rules(config: &Config, as_json: bool, out: &mut impl Write) -> io::Result<u8> {
    let rows = kinds::all().iter().map(|row| (row.id, row.title));
    let own = config.redact.rules.iter().map(|(name, _)| (name.as_str(), OWN));
    let rows: Vec<_> = rows.chain(own).collect();
    if as_json {
        let rows: Vec<_> = rows.iter().map(|(id, title)| json!({ "id": id, "title": title })).collect();
        writeln!(out, "{:#}", json!({ "version": kinds::VERSION, "rules": rows }))?;
        return Ok(0);
    }
    writeln!(out, "# table {}, {} kinds", kinds::VERSION, rows.len())?;
    for (id, title) in rows {
        writeln!(out, "{id:<32} {title}")?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn checked(bytes: &[u8], json: bool) -> (u8, String, String) {
        let file = file(bytes);
        let redactor = Redactor::new(["k-1234567890".to_owned()]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(&redactor, &[file.path().to_owned()], json, &mut out, &mut err).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&file.path().display().to_string(), "F");
        (code, text(out), text(err))
    }

    #[test]
    fn a_finding_is_told_by_place_and_kind_never_by_value() {
        let (code, out, err) = checked(b"one\n\xff\xfe k-1234567890 x\n", false);
        assert_eq!((code, out.as_str()), (1, "F:2:4: known-value (Value that the daemon itself holds)\n"));
        assert_eq!(err, "1 found in 1 of 1 files\n");
        let (code, out, _) = checked(b"one\n\xff\xfe k-1234567890 x\n", true);
        let object: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &object["found"], &object["findings"][0]["start"]), (1, &json!(1), &json!(7)));
        assert_eq!(object["findings"][0]["end"], json!(19));
    }

    #[test]
    fn a_clean_file_is_silent_and_a_missing_one_is_an_error() {
        assert_eq!(checked(b"nothing here\n", false), (0, String::new(), String::new()));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(&Redactor::default(), &["/nonexistent".into()], false, &mut out, &mut err).unwrap();
        assert_eq!(code, 2);
        assert!(String::from_utf8(err).unwrap().starts_with("/nonexistent: "));
    }

    #[test]
    fn places_are_right_behind_many_pieces() {
        let mut text = "é line of text\n".repeat(20_000);
        text.push_str("  k-1234567890\n");
        let (_, out, _) = checked(text.as_bytes(), false);
        assert!(out.starts_with("F:20001:3: "), "{out}");
    }

    #[test]
    fn a_character_cut_by_a_piece_is_put_together_again() {
        assert_eq!(lossy("aé".as_bytes().split_at(2).0, false), ("a".to_owned(), 1));
        assert_eq!(lossy(b"a\xc3", true), ("a?".to_owned(), 2));
        assert_eq!(lossy(b"\xff\xfeb", false), ("??b".to_owned(), 3));
    }
}
