//! Reading text files: whole, head, tail, a range of lines, several at once.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use serde_json::json;

use super::{Call, Effect, Fault, FileTool, Outcome, Rests, ToolOutput};
use crate::tools::{
    jail::Opened,
    observed::{Observed, record::Before},
    results,
};

/// Largest file that is read whole. Far above what fits a prompt; head, tail and ranges have no such bound.
pub(in crate::tools) const MAX_WHOLE: u64 = 8 << 20;

/// Most bytes that head, tail or a range gather: lines have no bound of their own. The result is cut further.
const MAX_PART: usize = 4 << 20;

/// Bytes looked at for NUL before a file is taken for text.
const SNIFF: usize = 8 << 10;

/// Bytes read at a time, between two looks at the cancellation.
const BLOCK: usize = 64 << 10;

/// Files of one read_multiple_files call.
pub(super) const MAX_FILES: usize = 50;

/// Told where a result is cut.
pub(super) const ADVICE: &str = "read the rest with offset and limit (lines)";

pub(super) fn tools() -> Vec<FileTool> {
    let lines = json!({"type": "integer", "minimum": 1});
    vec![
        FileTool::new(
            "read_text_file",
            "Read a text file: whole, the first (head) or last (tail) N lines, or `limit` lines from line `offset` (1-based).",
            Effect::Read,
            json!({"path": {"type": "string"}, "head": lines, "tail": lines, "offset": lines, "limit": lines}),
            "path",
            read_one,
        ),
        FileTool::new(
            "read_multiple_files",
            "Read several text files. A failure is reported in its place.",
            Effect::Read,
            json!({"paths": {"type": "array", "items": {"type": "string"}, "minItems": 1}}),
            "paths",
            read_many,
        ),
    ]
}

/// Which lines are wanted.
pub(super) enum Part {
    Whole,
    Tail(usize),
    /// Lines to skip, lines to take.
    Range(usize, usize),
}

pub(super) fn part(call: &Call) -> Result<Part, Fault> {
    let count = |name| call.arguments.count(name);
    match (count("head"), count("tail"), count("offset"), count("limit")) {
        (None, None, None, None) => Ok(Part::Whole),
        (Some(head), None, None, None) => Ok(Part::Range(0, head)),
        (None, Some(tail), None, None) => Ok(Part::Tail(tail)),
        (None, None, offset, limit) => Ok(Part::Range(offset.unwrap_or(1) - 1, limit.unwrap_or(usize::MAX))),
        _ => Err(Fault::Text("Use only one of head, tail, or offset with limit".to_owned())),
    }
}

fn read_one(call: &Call) -> Outcome {
    let part = part(call)?;
    let path = call.arguments.text("path");
    if let Some(kept) = call.results.get(path) {
        return read_kept(call, path, kept.map_err(Fault::Text)?.as_str(), &part);
    }
    let mut opened = call.jail().open_file(path)?;
    let before = Before::reading(call.jail(), path, &opened.file);
    let ((shown, hidden), observed) = match part {
        Part::Whole => {
            let text = whole(call, path, &mut opened)?;
            (seen(call, &text), before.and_then(|before| before.whole(&opened.file, text.as_bytes())))
        }
        Part::Tail(lines) => {
            let text = tail(call, path, &mut opened, lines)?;
            in_place(call, path, &mut opened, before, &text, |whole| trimmed(whole).len().checked_sub(text.len()))
        }
        Part::Range(skip, take) => {
            let text = range(call, path, &opened, skip, take)?;
            in_place(call, path, &mut opened, before, &text, |whole| start_of_line(whole, skip))
        }
    };
    call.saw(&opened.path);
    let text = super::cut::cut(&shown, call.limits.result_cap, ADVICE) + &note(hidden);
    Ok(ToolOutput::ok(text).files([opened.path]).rests(Rests::of_read(observed)))
}

/// A part of a result that was kept, which is redacted already. It stands in no file, so nothing can verify it.
fn read_kept(call: &Call, path: &str, text: &str, part: &Part) -> Outcome {
    let lines = results::lines(text);
    let shown: Vec<&str> = match *part {
        Part::Whole => lines.collect(),
        Part::Range(skip, take) => lines.skip(skip).take(take).collect(),
        Part::Tail(count) => {
            let mut last: Vec<&str> = lines.rev().take(count).collect();
            last.reverse();
            last
        }
    };
    if shown.is_empty() {
        return Err(Fault::Text(format!("{path} has {} lines", results::lines(text).count())));
    }
    Ok(ToolOutput::ok(super::cut::cut(&shown.join("\n"), call.limits.result_cap, ADVICE)))
}

/// A text as the model sees it, and how many values are hidden in it.
pub(super) fn seen(call: &Call, text: &str) -> (String, u32) {
    let (shown, hidden) = call.view.counted(text);
    (shown.as_str().to_owned(), hidden)
}

/// The same for a part of a file, which reads as it does within the whole: a key's body is recognised by its first
/// line. Of a file too large to read whole, and of one that changes under the reading, the part is seen alone, and
/// nothing is written down of the file.
fn in_place(
    call: &Call,
    path: &str,
    opened: &mut Opened,
    before: Option<Before>,
    text: &str,
    start: impl Fn(&str) -> Option<usize>,
) -> ((String, u32), Option<Observed>) {
    let whole = match opened.file.rewind() {
        Ok(()) if opened.size <= MAX_WHOLE => whole(call, path, opened).ok(),
        _ => None,
    };
    let part = whole.and_then(|whole| {
        let start = start(&whole)?;
        let range = start..start + text.len();
        if whole.get(range.clone()) != Some(text) {
            return None;
        }
        let part = call.view.parts(&whole, &[range]).pop().flatten()?;
        Some((part, before.and_then(|before| before.whole(&opened.file, whole.as_bytes()))))
    });
    part.unwrap_or_else(|| (seen(call, text), None))
}

fn trimmed(whole: &str) -> &str {
    whole.strip_suffix('\n').unwrap_or(whole)
}

fn start_of_line(whole: &str, skip: usize) -> Option<usize> {
    match skip.checked_sub(1) {
        None => Some(0),
        Some(before) => whole.match_indices('\n').nth(before).map(|(at, _)| at + 1),
    }
}

/// The line that tells the model that what it sees is not what stands in the file. The same for the same text.
pub(super) fn note(hidden: u32) -> String {
    match hidden {
        0 => String::new(),
        1 => "\n[1 value is hidden in this view, not in the file; keep its [REDACTED:n] as it is when you edit]"
            .to_owned(),
        n => format!(
            "\n[{n} values are hidden in this view, not in the file; keep each [REDACTED:n] as it is when you edit]"
        ),
    }
}

fn read_many(call: &Call) -> Outcome {
    let paths = call.arguments.texts("paths");
    if paths.len() > MAX_FILES {
        return Err(Fault::Text(format!("{} paths given, at most {MAX_FILES} at a time", paths.len())));
    }
    let share = call.limits.result_cap / paths.len().max(1);
    let (mut parts, mut files, mut observed) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        call.check_cancel()?;
        let read = call.jail().open_file(path).map_err(Fault::from).and_then(|mut opened| {
            let before = Before::reading(call.jail(), path, &opened.file);
            let text = whole(call, path, &mut opened)?;
            observed.extend(before.and_then(|before| before.whole(&opened.file, text.as_bytes())));
            Ok((text, opened.path))
        });
        match read {
            Ok((text, real)) => {
                let (shown, hidden) = seen(call, &text);
                let shown = super::cut::cut(&shown, share, ADVICE) + &note(hidden);
                parts.push(format!("{path}:\n{shown}\n"));
                call.saw(&real);
                files.push(real);
            }
            Err(fault) => parts.push(format!("{path}: Error - {fault}")),
        }
    }
    let text = super::cut::cut(&parts.join("\n---\n"), call.limits.result_cap, ADVICE);
    // One of them that could not be read may be readable the next time.
    let all = observed.len() == parts.len();
    let rests = if all { Rests::On(observed) } else { Rests::Again { sweep: None } };
    Ok(ToolOutput::ok(text).files(files).rests(rests))
}

/// The whole text of a file that is not too large for it.
pub(super) fn whole(call: &Call, path: &str, opened: &mut Opened) -> Result<String, Fault> {
    if opened.size > MAX_WHOLE {
        let size = opened.size;
        return Err(Fault::Text(format!(
            "{path} is {size} bytes, too large to read whole (limit {MAX_WHOLE}): use head, tail, or offset with limit"
        )));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(opened.size).unwrap_or_default());
    let mut block = vec![0; BLOCK];
    // A file may grow while it is read: the limit holds for what is read, not for what its size said.
    while bytes.len() as u64 <= MAX_WHOLE {
        call.check_cancel()?;
        let length = opened.file.read(&mut block)?;
        if length == 0 {
            return text(path, bytes);
        }
        bytes.extend_from_slice(block.get(..length).unwrap_or_default());
        check_binary(path, &bytes)?;
    }
    Err(Fault::Text(format!("{path} grew over {MAX_WHOLE} bytes while it was read")))
}

pub(super) fn check_binary(path: &str, bytes: &[u8]) -> Result<(), Fault> {
    let start = bytes.get(..SNIFF).unwrap_or(bytes);
    if start.contains(&0) { Err(Fault::Text(format!("{path} is a binary file (it holds NUL bytes)"))) } else { Ok(()) }
}

fn text(path: &str, bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::Text(format!("{path} is a binary file (it is not UTF-8 text)")))
}

/// `take` lines after the first `skip`, without the last line end. Never holds more than [`MAX_PART`] bytes.
fn range(call: &Call, path: &str, opened: &Opened, skip: usize, take: usize) -> Result<String, Fault> {
    let mut reader = BufReader::with_capacity(BLOCK, &opened.file);
    let (mut lines, mut kept, mut first) = (0usize, Vec::new(), true);
    loop {
        call.check_cancel()?;
        let block = reader.fill_buf()?;
        if std::mem::take(&mut first) {
            check_binary(path, block)?;
        }
        let mut used = 0;
        while used < block.len() && lines < skip.saturating_add(take) && kept.len() < MAX_PART {
            let rest = block.get(used..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = rest.get(..end.map_or(rest.len(), |end| end + 1)).unwrap_or_default();
            if lines >= skip {
                kept.extend_from_slice(line);
            }
            lines += usize::from(end.is_some());
            used += line.len();
        }
        let ended = used == 0 || used < block.len();
        reader.consume(used);
        if ended {
            break;
        }
    }
    if kept.is_empty() && skip > 0 {
        return Err(Fault::Text(format!(
            "{path} has {lines} lines; line {} is behind its end",
            skip.saturating_add(1)
        )));
    }
    if kept.len() >= MAX_PART {
        whole_characters(&mut kept);
    } else if kept.last() == Some(&b'\n') {
        kept.pop();
    }
    check_binary(path, &kept)?;
    text(path, kept)
}

/// Removes a character that the bound has cut in two.
fn whole_characters(bytes: &mut Vec<u8>) {
    if let Err(error) = std::str::from_utf8(bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
}

/// The last `lines` lines without the last line end, read from the end backwards.
fn tail(call: &Call, path: &str, opened: &mut Opened, lines: usize) -> Result<String, Fault> {
    let (mut start, mut kept) = (opened.size, Vec::new());
    let mut wanted = None;
    while start > 0 && wanted.is_none() && kept.len() < MAX_PART {
        call.check_cancel()?;
        let length = start.min(BLOCK as u64);
        start -= length;
        opened.file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        (&opened.file).take(length).read_to_end(&mut block)?;
        block.append(&mut kept);
        kept = block;
        wanted = line_start_from_end(&kept, lines);
    }
    let mut from = wanted.unwrap_or_default();
    if wanted.is_none() && start > 0 {
        // One line longer than the bound: its end, from a whole character on.
        from = kept.iter().position(|byte| byte & 0xC0 != 0x80).unwrap_or_default();
    }
    kept.drain(..from);
    if kept.last() == Some(&b'\n') {
        kept.pop();
    }
    if kept.contains(&0) {
        return Err(Fault::Text(format!("{path} is a binary file (it holds NUL bytes)")));
    }
    text(path, kept)
}

/// Where the last `lines` lines start; `None` when the bytes hold fewer line ends. A final line end closes a line.
pub(super) fn line_start_from_end(bytes: &[u8], lines: usize) -> Option<usize> {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1).nth(lines.checked_sub(1)?)
}
