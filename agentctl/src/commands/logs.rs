//! `agentctl daemon logs`: the end of the daemon's newest daily log, and what follows.
//!
//! Reads the files itself, so that it works when the daemon does not. Only names `agentd.YYYY-MM-DD.log` count.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use proto::{ErrorKind, Failure};

use crate::{
    app::App,
    cli::LogsArgs,
    exit::{Outcome, Stop},
    render::sanitize,
};

/// Most bytes looked at for the last lines.
const TAIL_MAX: u64 = 8 * 1024 * 1024;
/// Between two looks at a followed file.
const LOOK: Duration = Duration::from_millis(250);
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

pub(super) fn run(app: &App, args: LogsArgs) -> Outcome {
    let dir = app.endpoint.log_dir();
    let Some(mut path) = newest(&dir) else {
        return Err(Failure::new(ErrorKind::NotFound, format!("there is no log in {} yet", dir.display()))
            .hint("agentctl daemon start")
            .into());
    };
    let (mut file, text) = tail(&path, args.lines).map_err(|e| failed(&path, &e))?;
    print(&text)?;
    if !args.follow {
        return Ok(0);
    }
    loop {
        pass_on(&mut file).map_err(|e| failed(&path, &e))??;
        if let Some(next) = newest(&dir).filter(|next| *next != path) {
            // Midnight: what was still written to the old file comes first.
            pass_on(&mut file).map_err(|e| failed(&path, &e))??;
            file = File::open(&next).map_err(|e| failed(&next, &e))?;
            path = next;
        }
        thread::sleep(LOOK);
    }
}

fn print(bytes: &[u8]) -> Result<(), Stop> {
    super::print(&sanitize::neutralise(&String::from_utf8_lossy(bytes))).map(drop)
}

fn failed(path: &Path, error: &io::Error) -> Stop {
    Failure::new(ErrorKind::Failure, format!("cannot read {}: {error}", path.display())).into()
}

/// Prints whole lines that were added; a begun line waits for its end.
fn pass_on(file: &mut File) -> io::Result<Result<(), Stop>> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let got = file.read(&mut chunk)?;
        let whole = match chunk[..got].iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            // A line longer than the chunk goes on in pieces.
            None if got == CHUNK => got,
            None => 0,
        };
        file.seek(SeekFrom::Current(whole as i64 - got as i64))?;
        if whole == 0 {
            return Ok(Ok(()));
        }
        if let Err(stop) = print(&chunk[..whole]) {
            return Ok(Err(stop));
        }
    }
}

/// The newest daily file.
fn newest(dir: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_daily(name)).max().map(|name| dir.join(name))
}

fn is_daily(name: &str) -> bool {
    let Some(date) = name.strip_prefix("agentd.").and_then(|rest| rest.strip_suffix(".log")) else { return false };
    date.len() == 10
        && date
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

/// The last lines of a file, and the file set behind them.
fn tail(path: &Path, lines: usize) -> io::Result<(File, Vec<u8>)> {
    let mut file = File::open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    let mut start = end;
    let mut text = Vec::new();
    while start > 0 && end - start < TAIL_MAX && newlines(&text) <= lines {
        let step = (CHUNK as u64).min(start);
        start -= step;
        file.seek(SeekFrom::Start(start))?;
        let mut chunk = vec![0; step as usize];
        file.read_exact(&mut chunk)?;
        chunk.extend_from_slice(&text);
        text = chunk;
    }
    file.seek(SeekFrom::Start(end))?;
    let skip = newlines(&text).saturating_sub(lines);
    let from = match skip {
        0 => 0,
        skip => text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(skip - 1).map_or(0, |(at, _)| at + 1),
    };
    text.drain(..from);
    Ok((file, text))
}

fn newlines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_daily_files_count_and_the_newest_wins() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "agentd.2026-11-21.log",
            "agentd.2026-11-22.log",
            "agentd.zzz.log",
            "other.2026-12-01.log",
            "agentd.2026-11-23.log.gz",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(newest(dir.path()).unwrap().file_name().unwrap(), "agentd.2026-11-22.log");
        assert_eq!(newest(Path::new("/no/such/dir")), None);
    }

    #[test]
    fn the_last_lines_are_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        fs::write(&path, &text).unwrap();
        let last = |lines| String::from_utf8(tail(&path, lines).unwrap().1).unwrap();
        assert_eq!(last(2), "line 19998\nline 19999\n");
        assert_eq!(last(0), "");
        assert_eq!(last(15_000).lines().count(), 15_000);
        assert_eq!(last(100_000), text);
    }
}
