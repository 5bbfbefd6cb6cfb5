//! Searching by name (globs) and by content (regular expressions).

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Call, Effect, Fault, FileTool, Outcome, ToolOutput, cut, walk};
use crate::tools::jail::JailError;

/// Paths that a search by name shows.
const MAX_PATHS: usize = 500;

/// Lines that a search by content shows unless told, and at most.
const DEFAULT_LINES: usize = 100;
const MAX_LINES: usize = 1_000;

/// Characters shown of a line: minified files have lines of megabytes.
const LINE_LENGTH: usize = 300;

/// Longest line that is searched; a file with a longer one is reported.
const MAX_LINE_BYTES: usize = 8 << 20;

/// Bytes that a compiled pattern may take: `(a{1000}){1000}` must be an error, not the daemon's end.
const MAX_PATTERN_BYTES: usize = 4 << 20;

pub(super) fn tools() -> Vec<FileTool> {
    let text = json!({"type": "string"});
    vec![
        FileTool::new(
            "search_files",
            "Find files by glob relative to path: *.txt in it, **/*.txt at any depth. Ignored files are skipped.",
            Effect::Read,
            json!({"path": text, "pattern": text}),
            "path pattern",
            by_name,
        ),
        FileTool::new(
            "search_content",
            "Search file contents with a regular expression; answers path:line: text. glob limits the files.",
            Effect::Read,
            json!({
                "path": text,
                "pattern": text,
                "glob": text,
                "ignore_case": {"type": "boolean"},
                "max_results": {"type": "integer", "minimum": 1},
            }),
            "path pattern",
            by_content,
        ),
    ]
}

/// `*` stays within a directory, `**` does not.
fn glob(pattern: &str) -> Result<GlobMatcher, Fault> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| Fault::Text(format!("Invalid glob: {error}")))
}

fn by_name(call: &Call) -> Outcome {
    let pattern = glob(call.arguments.text("pattern"))?;
    let (mut found, mut more) = (Vec::new(), 0usize);
    let left = walk::walk(call, call.arguments.text("path"), |entry| {
        if pattern.is_match(&entry.below) {
            if found.len() >= MAX_PATHS {
                more += 1;
            } else if call.jail().holds(&entry.path) {
                found.push(cut::line(&call.project.root.join(&entry.path).to_string_lossy(), usize::MAX));
            }
        }
        Ok(true)
    })?;
    let mut text = if found.is_empty() { "No matches found".to_owned() } else { found.join("\n") };
    if more > 0 {
        text += &format!("\n[... {more} more matches: use a narrower pattern ...]");
    }
    Ok(ToolOutput::ok(call.cut(text + &left.note(), "use a narrower pattern")))
}

fn by_content(call: &Call) -> Outcome {
    let path = call.arguments.text("path");
    let limit = call.arguments.count("max_results").unwrap_or(DEFAULT_LINES).min(MAX_LINES);
    let mut search = Search {
        call,
        matcher: matcher(call.arguments.text("pattern"), call.arguments.flag("ignore_case"))?,
        searcher: searcher(),
        hits: Hits { lines: Vec::new(), limit, more: false },
        files: Vec::new(),
        unread: 0,
    };
    let only = call.arguments.optional_text("glob").map(content_glob).transpose()?;
    let left = if call.jail().metadata(path)?.is_dir() {
        walk::walk(call, path, |entry| {
            let wanted = entry.file && only.as_ref().is_none_or(|glob| glob.is_match(&entry.below));
            if wanted {
                search.file(&entry.path)?;
            }
            Ok(!search.hits.more)
        })?
    } else {
        let opened = call.jail().open_file(path)?;
        search.opened(&opened.path, &opened.file)?;
        walk::Left::default()
    };
    let text = search.text() + &left.note();
    Ok(ToolOutput::ok(call.cut(text, "use a narrower pattern or glob")).files(search.files))
}

/// As people write it for ripgrep: without a slash it is for the name, at any depth.
fn content_glob(pattern: &str) -> Result<GlobMatcher, Fault> {
    if pattern.contains('/') { glob(pattern) } else { glob(&format!("**/{pattern}")) }
}

fn matcher(pattern: &str, ignore_case: bool) -> Result<RegexMatcher, Fault> {
    if pattern.is_empty() {
        return Err(Fault::Text("pattern is empty".to_owned()));
    }
    let mut builder = RegexMatcherBuilder::new();
    builder.case_insensitive(ignore_case).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    let built = builder.line_terminator(Some(b'\n')).build(pattern);
    built.map_err(|error| Fault::Text(format!("Invalid pattern: {error}")))
}

fn searcher() -> Searcher {
    let mut builder = SearcherBuilder::new();
    builder.line_number(true).heap_limit(Some(MAX_LINE_BYTES)).binary_detection(BinaryDetection::quit(0));
    builder.build()
}

/// A search in progress.
struct Search<'a> {
    call: &'a Call,
    matcher: RegexMatcher,
    searcher: Searcher,
    hits: Hits,
    files: Vec<PathBuf>,
    unread: usize,
}

impl Search<'_> {
    /// Searches a file that the walk has found. One that went away or may not be read is counted, no more.
    fn file(&mut self, path: &Path) -> Result<(), Fault> {
        let Some(name) = path.to_str() else {
            self.unread += 1;
            return Ok(());
        };
        match self.call.jail().open_file(name) {
            Ok(opened) => self.opened(path, &opened.file),
            Err(JailError::Missing(_)) => Ok(()),
            Err(_) => {
                self.unread += 1;
                Ok(())
            }
        }
    }

    fn opened(&mut self, path: &Path, file: &File) -> Result<(), Fault> {
        let before = self.hits.lines.len();
        let reader = Watched { file, cancel: &self.call.cancel };
        let mut sink =
            FileHits { path: cut::line(&path.to_string_lossy(), LINE_LENGTH), hits: &mut self.hits, first: before };
        if self.searcher.search_reader(&self.matcher, reader, &mut sink).is_err() {
            self.call.check_cancel()?;
            self.unread += 1;
        }
        if self.hits.lines.len() > before {
            self.files.push(path.to_path_buf());
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut text =
            if self.hits.lines.is_empty() { "No matches found".to_owned() } else { self.hits.lines.join("\n") };
        if self.hits.more {
            text += &format!("\n[... more matches; stopped at {} ...]", self.hits.limit);
        }
        if self.unread > 0 {
            text += &format!("\n({} files could not be read)", self.unread);
        }
        text
    }
}

/// Lines found so far.
struct Hits {
    lines: Vec<String>,
    limit: usize,
    more: bool,
}

/// Takes the matches of one file.
struct FileHits<'a> {
    path: String,
    hits: &'a mut Hits,
    /// Lines found before this file.
    first: usize,
}

impl Sink for FileHits<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if self.hits.lines.len() >= self.hits.limit {
            self.hits.more = true;
            return Ok(false);
        }
        let text = String::from_utf8_lossy(found.bytes());
        let line = cut::line(text.trim_end_matches(['\r', '\n']), LINE_LENGTH);
        self.hits.lines.push(format!("{}:{}: {line}", self.path, found.line_number().unwrap_or_default()));
        Ok(true)
    }

    /// What was found before the NUL is taken back: a binary file has no lines.
    fn binary_data(&mut self, _searcher: &Searcher, _offset: u64) -> io::Result<bool> {
        self.hits.lines.truncate(self.first);
        Ok(false)
    }
}

/// Ends the read when the call is cancelled: a large file without a match gives no other occasion.
struct Watched<'a> {
    file: &'a File,
    cancel: &'a CancellationToken,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}
