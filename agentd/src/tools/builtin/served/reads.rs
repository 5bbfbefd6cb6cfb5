//! Reads that a server serves.

use std::{ops::Range, path::PathBuf};

use serde_json::json;

use super::{
    super::{
        Call, Fault, ToolOutput,
        cut::cut,
        info::stamp,
        list::Listing,
        read::{self, Part},
    },
    Plan, Planned, absolute,
};

/// Largest file of which a part is read through a server: it is asked for the whole, because only there is every
/// secret recognised.
const PART_MAX: u64 = 1 << 20;

pub(super) fn one(call: &Call) -> Planned {
    let part = read::part(call)?;
    let ranged = ["offset", "limit"].into_iter().any(|name| call.arguments.number(name).is_some());
    let opened = call.jail().open_file(call.arguments.text("path"))?;
    let bound = if matches!(part, Part::Whole) { read::MAX_WHOLE } else { PART_MAX };
    if ranged || opened.size > bound {
        return Ok(None);
    }
    let Some(path) = absolute(call, &opened.path) else { return Ok(None) };
    let real = opened.path;
    Ok(Plan::new(json!({"path": path}), move |call, text| {
        check_text(call, call.arguments.text("path"), text)?;
        let (shown, hidden) = match part {
            Part::Whole => read::seen(call, text),
            _ => {
                let range = range_of(text, &part);
                let alone = || read::seen(call, text.get(range.clone()).unwrap_or_default());
                call.view.parts(text, std::slice::from_ref(&range)).pop().flatten().unwrap_or_else(alone)
            }
        };
        call.saw(&real);
        let text = cut(&shown, call.limits.result_cap, read::ADVICE) + &read::note(hidden);
        Ok(Some(ToolOutput::ok(text).files([real])))
    }))
}

/// Servers show bytes that are no text as if they were; the built-in tool refuses such a file.
fn check_text(call: &Call, path: &str, text: &str) -> Result<(), Fault> {
    read::check_binary(path, text.as_bytes())?;
    if text.contains(char::REPLACEMENT_CHARACTER) {
        read::whole(call, path, &mut call.jail().open_file(path)?)?;
    }
    Ok(())
}

/// Where a part lies in the whole, without its last line end.
fn range_of(text: &str, part: &Part) -> Range<usize> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    match *part {
        Part::Whole => 0..text.len(),
        Part::Range(_, lines) => {
            let end = lines.checked_sub(1).and_then(|last| body.match_indices('\n').nth(last));
            0..end.map_or(body.len(), |(at, _)| at)
        }
        Part::Tail(lines) => read::line_start_from_end(text.as_bytes(), lines).unwrap_or_default()..body.len(),
    }
}

/// A file of a call that reads several.
struct Wanted {
    /// As the model named it.
    given: String,
    /// Where it is, also as the server is asked for it; else why it is not read.
    place: Result<(PathBuf, String), String>,
}

pub(super) fn many(call: &Call) -> Planned {
    let paths = call.arguments.texts("paths");
    if paths.len() > read::MAX_FILES {
        return Ok(None);
    }
    let mut size = 0;
    let mut wanted = Vec::with_capacity(paths.len());
    for path in paths {
        let place = match call.jail().open_file(path) {
            Ok(opened) => {
                size += opened.size;
                let Some(absolute) = absolute(call, &opened.path) else { return Ok(None) };
                Ok((opened.path, absolute))
            }
            Err(why) => Err(why.to_string()),
        };
        wanted.push(Wanted { given: path.to_owned(), place });
    }
    let names: Vec<String> =
        wanted.iter().filter_map(|one| one.place.as_ref().ok()).map(|(_, name)| name.clone()).collect();
    if names.is_empty() || size > read::MAX_WHOLE {
        return Ok(None);
    }
    Ok(Plan::new(json!({"paths": names}), move |call, text| {
        let Some(pieces) = split(text, &names) else { return Ok(None) };
        joined(call, wanted, &pieces)
    }))
}

/// What a server says of each file, in order: `name:`, a line end, the text, a line end; or `name: Error - why`.
fn split<'t>(text: &'t str, names: &[String]) -> Option<Vec<&'t str>> {
    let (first, others) = names.split_first()?;
    let mut rest = text.strip_prefix(first)?.strip_prefix(':')?;
    let mut pieces = Vec::with_capacity(names.len());
    for name in others {
        let (piece, more) = rest.split_once(&format!("\n---\n{name}:"))?;
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    Some(pieces)
}

fn joined(call: &Call, wanted: Vec<Wanted>, pieces: &[&str]) -> Result<Option<ToolOutput>, Fault> {
    let share = call.limits.result_cap / wanted.len().max(1);
    let (mut parts, mut files, mut pieces) = (Vec::new(), Vec::new(), pieces.iter());
    for Wanted { given, place } in wanted {
        let read = place.and_then(|(real, _)| {
            let piece = pieces.next().copied().unwrap_or_default();
            let Some(text) = piece.strip_prefix('\n') else { return Err(error_of(call, piece)) };
            let text = text.strip_suffix('\n').unwrap_or(text);
            check_text(call, &given, text).map_err(|fault| fault.to_string())?;
            Ok((text, real))
        });
        match read {
            Ok((text, real)) => {
                let (shown, hidden) = read::seen(call, text);
                let shown = cut(&shown, share, read::ADVICE) + &read::note(hidden);
                parts.push(format!("{given}:\n{shown}\n"));
                call.saw(&real);
                files.push(real);
            }
            Err(why) => parts.push(format!("{given}: Error - {why}")),
        }
    }
    Ok(Some(ToolOutput::ok(cut(&parts.join("\n---\n"), call.limits.result_cap, read::ADVICE)).files(files)))
}

/// Why the server could not read one of the files, as the model may see it.
fn error_of(call: &Call, piece: &str) -> String {
    let words = piece.trim().trim_start_matches("Error - ");
    let root = format!("{}/", call.project.root.display());
    call.view.text(&words.replace(&root, "")).as_str().to_owned()
}

pub(super) fn list(call: &Call) -> Planned {
    let (_, real) = call.jail().open_dir(call.arguments.text("path"))?;
    let Some(path) = absolute(call, &real) else { return Ok(None) };
    Ok(Plan::new(json!({"path": path}), |call, text| {
        let mut listing = Listing::default();
        for line in text.lines() {
            let entry = line.strip_prefix("[DIR] ").map(|name| (name, true));
            let Some((name, directory)) = entry.or_else(|| Some((line.strip_prefix("[FILE] ")?, false))) else {
                return Ok(None);
            };
            listing.add(name.as_ref(), directory);
        }
        Ok(Some(ToolOutput::ok(listing.text(call))))
    }))
}

/// The facts that the built-in tool tells, in its order.
const FACTS: [&str; 7] = ["size", "created", "modified", "accessed", "isDirectory", "isFile", "permissions"];

pub(super) fn info(call: &Call) -> Planned {
    let path = call.arguments.text("path");
    call.jail().metadata(path)?;
    let Some(path) = absolute(call, &call.jail().reach(path)?) else { return Ok(None) };
    Ok(Plan::new(json!({"path": path}), |call, text| {
        let mut lines = Vec::with_capacity(FACTS.len());
        for fact in FACTS {
            let Some(value) = text.lines().find_map(|line| line.strip_prefix(fact)?.strip_prefix(": ")) else {
                return Ok(None);
            };
            lines.push(format!("{fact}: {}", in_utc(value)));
        }
        Ok(Some(ToolOutput::ok(call.cut(&lines.join("\n"), ""))))
    }))
}

/// A time as JavaScript tells it, in ISO 8601; every other value as it is.
fn in_utc(value: &str) -> String {
    let time = value.split(" (").next().unwrap_or(value);
    let time = jiff::Timestamp::strptime("%a %b %d %Y %H:%M:%S GMT%z", time);
    time.map_or_else(|_| value.to_owned(), |time| stamp(time.into()))
}

/// The facts with times in whole seconds.
pub(super) fn in_seconds(facts: &str) -> String {
    let whole = |line: &str| match line.strip_suffix('Z').and_then(|line| line.rsplit_once('.')) {
        Some((seconds, _)) => format!("{seconds}Z\n"),
        None => format!("{line}\n"),
    };
    facts.lines().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_server_are_told_as_the_built_in_tool_tells_them() {
        let time = "Sun Nov 22 2026 23:38:25 GMT+0100 (Central European Standard Time)";
        assert_eq!(in_utc(time), "2026-11-22T22:38:25.000Z");
        assert_eq!(in_utc("644"), "644");
        assert_eq!(
            in_seconds("size: 1\ncreated: 2026-11-22T22:38:25.123Z"),
            "size: 1\ncreated: 2026-11-22T22:38:25Z\n"
        );
    }

    #[test]
    fn the_texts_of_several_files_are_told_apart_by_their_names() {
        let names = ["/p/a".to_owned(), "/p/b".to_owned(), "/p/c".to_owned()];
        let text = "/p/a:\none\n---\ntwo\n\n---\n/p/b: Error - EACCES\n---\n/p/c:\n\n";
        assert_eq!(split(text, &names).unwrap(), ["\none\n---\ntwo\n", " Error - EACCES", "\n\n"]);
        assert_eq!(split("/p/a:\none\n", &names), None);
        assert_eq!(split("something else", &names), None);
    }

    #[test]
    fn a_part_of_a_text_ends_before_its_last_line_end() {
        let part = |text: &'static str, part| text.get(range_of(text, &part)).unwrap();
        assert_eq!(part("a\nb\nc\n", Part::Range(0, 2)), "a\nb");
        assert_eq!(part("a\nb\nc\n", Part::Range(0, 9)), "a\nb\nc");
        assert_eq!(part("a\nb\nc\n", Part::Tail(2)), "b\nc");
        assert_eq!(part("a\nb\nc", Part::Tail(9)), "a\nb\nc");
        assert_eq!(part("", Part::Tail(1)), "");
    }
}
