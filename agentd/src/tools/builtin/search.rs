//! Searching by name (globs) and by content (regular expressions).

use std::{
    fs::File,
    io::{self, Read, Seek as _},
    ops::Range,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use serde_json::json;

use super::{Call, Effect, Fault, FileTool, Outcome, Stop, ToolOutput, cut, read, walk};
use crate::tools::{
    jail::{JailError, Opened},
    observed::{Digest, sweep::Sweep},
};

/// The name of the tool that searches by name.
pub(in crate::tools) const SEARCH_FILES: &str = "search_files";

/// The name of the tool that searches by content.
pub(super) const SEARCH_CONTENT: &str = "search_content";

/// What a search says that finds nothing.
pub(in crate::tools) const NO_MATCHES: &str = "No matches found";

/// Paths that a search by name shows.
const MAX_PATHS: usize = 500;

/// Lines that a search by content shows unless told, and at most.
const DEFAULT_LINES: usize = 100;
const MAX_LINES: usize = 1_000;

/// Characters shown of a line: minified files have lines of megabytes.
const LINE_LENGTH: usize = 300;

/// Bytes kept of a matched line until it is shown. Far more than is shown: what is cut off must not be the half of a
/// secret that makes it one.
const LINE_KEPT: usize = 4 << 10;

/// Longest line that is searched; a file with a longer one is reported.
const MAX_LINE_BYTES: usize = 8 << 20;

/// Bytes that a compiled pattern may take: `(a{1000}){1000}` must be an error, not the daemon's end.
const MAX_PATTERN_BYTES: usize = 4 << 20;

pub(super) fn tools() -> Vec<FileTool> {
    let text = json!({"type": "string"});
    vec![
        FileTool::new(
            SEARCH_FILES,
            "Find files by glob relative to path: *.txt in it, **/*.txt at any depth. Ignored files are skipped.",
            Effect::Read,
            json!({"path": text, "pattern": text}),
            "path pattern",
            by_name,
        ),
        FileTool::new(
            SEARCH_CONTENT,
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
    let left = walk::walk(&call.project, &call.stop, call.arguments.text("path"), |entry| {
        if pattern.is_match(&entry.below) {
            if found.len() >= MAX_PATHS {
                more += 1;
            } else if call.jail().holds(&entry.path) {
                found.push(cut::line(&call.project.root.join(&entry.path).to_string_lossy(), usize::MAX));
            }
        }
        Ok(true)
    })?;
    let mut text = if found.is_empty() { NO_MATCHES.to_owned() } else { found.join("\n") };
    if more > 0 {
        text += &format!("\n[... {more} more matches: use a narrower pattern ...]");
    }
    let rests = left.rests(None);
    Ok(ToolOutput::ok(call.cut(&(text + &left.note()), "use a narrower pattern")).rests(rests))
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
    let (left, sweep) = if call.jail().metadata(path)?.is_dir() {
        let mut sweep = Sweep::new(call.jail());
        let left = content_walk(call, |entry| {
            sweep.add(&entry.path);
            search.file(&entry.path)?;
            Ok(!search.hits.more)
        })?;
        let sweep = sweep.finish(left.secret).filter(|_| !search.hits.more);
        (left, sweep)
    } else {
        let mut opened = call.jail().open_file(path)?;
        search.opened(&opened.path.clone(), &mut opened)?;
        (walk::Left::default(), None)
    };
    let text = search.text() + &left.note();
    let text = cut::cut(&text, call.limits.result_cap, "use a narrower pattern or glob");
    Ok(ToolOutput::ok(text).files(search.files).rests(left.rests(sweep)))
}

/// The files that a search by content reads.
fn content_walk(call: &Call, mut visit: impl FnMut(walk::Entry) -> Result<bool, Fault>) -> Result<walk::Left, Fault> {
    let only = call.arguments.optional_text("glob").map(content_glob).transpose()?;
    walk::walk(&call.project, &call.stop, call.arguments.text("path"), |entry| {
        let wanted = entry.file && only.as_ref().is_none_or(|glob| glob.is_match(&entry.below));
        if wanted { visit(entry) } else { Ok(true) }
    })
}

/// The sweep of a search by content as it would be now, without reading a file. `None` when there is none, or when the
/// search is of one file.
pub(super) fn swept(call: &Call) -> Option<Digest> {
    let mut sweep = Sweep::new(call.jail());
    let left = content_walk(call, |entry| {
        sweep.add(&entry.path);
        Ok(sweep.is_steady())
    });
    left.ok().filter(|left| !left.truncated).and_then(|left| sweep.finish(left.secret))
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
            Ok(mut opened) => self.opened(path, &mut opened),
            Err(JailError::Missing(_)) => Ok(()),
            Err(_) => {
                self.unread += 1;
                Ok(())
            }
        }
    }

    fn opened(&mut self, path: &Path, opened: &mut Opened) -> Result<(), Fault> {
        let reader = Watched { file: &opened.file, stop: &self.call.stop };
        let mut sink = FileHits { hits: &mut self.hits, found: Vec::new() };
        let searched = self.searcher.search_reader(&self.matcher, reader, &mut sink);
        let found = sink.found;
        if searched.is_err() {
            self.call.check_cancel()?;
            self.unread += 1;
        }
        if !found.is_empty() {
            let shown = cut::line(self.call.view.text(&path.to_string_lossy()).as_str(), LINE_LENGTH);
            for (hit, text) in found.iter().zip(self.shown(path, opened, &found)) {
                self.hits.lines.push(format!("{shown}:{}: {}", hit.number, cut::line(&text, LINE_LENGTH)));
            }
            self.files.push(path.to_path_buf());
        }
        Ok(())
    }

    /// The lines as the model sees them, each as it reads within its file: a line of a key's body tells nothing by
    /// itself. Of a file too large or too odd for that, the line is seen alone.
    fn shown(&self, path: &Path, opened: &mut Opened, found: &[Hit]) -> Vec<String> {
        let view = &self.call.view;
        let whole = match opened.file.rewind() {
            Ok(()) if opened.size <= read::MAX_WHOLE => {
                read::whole(self.call, &path.to_string_lossy(), opened).unwrap_or_default()
            }
            _ => String::new(),
        };
        let ranges: Vec<Range<usize>> = found.iter().map(|hit| hit.range.clone()).collect();
        let parts = view.parts(&whole, &ranges).into_iter().zip(found);
        parts
            .map(|(part, hit)| match part {
                Some((text, _)) if hit.stands_in(&whole) => text,
                _ => view.text(&hit.text).as_str().to_owned(),
            })
            .collect()
    }

    fn text(&self) -> String {
        let mut text = if self.hits.lines.is_empty() { NO_MATCHES.to_owned() } else { self.hits.lines.join("\n") };
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

/// A line that matched.
struct Hit {
    number: u64,
    /// Where it stands in the file.
    range: Range<usize>,
    /// Its first bytes.
    text: String,
}

impl Hit {
    /// False when the file has changed, or was decoded for the search.
    fn stands_in(&self, whole: &str) -> bool {
        whole.get(self.range.clone()).is_some_and(|line| line.starts_with(&self.text))
    }
}

/// Takes the matches of one file.
struct FileHits<'a> {
    hits: &'a mut Hits,
    found: Vec<Hit>,
}

impl Sink for FileHits<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if self.hits.lines.len() + self.found.len() >= self.hits.limit {
            self.hits.more = true;
            return Ok(false);
        }
        let text = String::from_utf8_lossy(found.bytes());
        let line = text.trim_end_matches(['\r', '\n']);
        let start = usize::try_from(found.absolute_byte_offset()).unwrap_or(usize::MAX);
        self.found.push(Hit {
            number: found.line_number().unwrap_or_default(),
            range: start..start.saturating_add(line.len()),
            text: line.get(..line.floor_char_boundary(LINE_KEPT)).unwrap_or_default().to_owned(),
        });
        Ok(true)
    }

    /// What was found before the NUL is taken back: a binary file has no lines.
    fn binary_data(&mut self, _searcher: &Searcher, _offset: u64) -> io::Result<bool> {
        self.found.clear();
        Ok(false)
    }
}

/// Ends the read when the call is cancelled: a large file without a match gives no other occasion.
struct Watched<'a> {
    file: &'a File,
    stop: &'a Stop,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.check().is_err() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}
