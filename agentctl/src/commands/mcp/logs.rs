//! `agentctl mcp logs`: what a server wrote to its standard error, and what follows.

use std::{thread, time::Duration};

use proto::{McpLogsRequest, Request, Response};

use crate::{
    app::{self, App},
    client::{self, Client},
    exit::{Outcome, Stop},
    render::sanitize,
};

/// Between two looks at a followed server: soon enough for eyes, and next to nothing for the daemon.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn run(app: &App, request: &McpLogsRequest, follow: bool) -> Outcome {
    let mut client = app.open()?;
    let whole = McpLogsRequest { lines: 0, ..request.clone() };
    if !follow {
        let lines = fetch(&mut client, request.clone())?;
        if lines.is_empty() {
            app.note(&format!("{} has written nothing to its standard error", request.server));
        }
        return print(&lines);
    }
    let mut seen = fetch(&mut client, whole.clone())?;
    print(seen.get(seen.len().saturating_sub(request.lines as usize)..).unwrap_or_default())?;
    loop {
        thread::sleep(LOOK);
        let now = fetch(&mut client, whole.clone())?;
        print(added(&seen, &now))?;
        seen = now;
    }
}

fn fetch(client: &mut Client, request: McpLogsRequest) -> Result<Vec<String>, Stop> {
    match client.call(Request::McpLogs(request), client::QUICK)? {
        Response::McpLogs(report) => Ok(report.lines),
        _ => Err(app::unexpected().into()),
    }
}

fn print(lines: &[String]) -> Outcome {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if text.is_empty() { Ok(0) } else { super::super::print(&sanitize::neutralise(&text)) }
}

/// What was written since: the daemon keeps the end only, so lines may have gone from the front meanwhile.
fn added<'n>(seen: &[String], now: &'n [String]) -> &'n [String] {
    let still = (0..=seen.len()).filter_map(|gone| seen.get(gone..)).find(|rest| now.starts_with(rest));
    now.get(still.map_or(0, <[String]>::len)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn only_what_was_added_is_printed_also_when_old_lines_have_gone() {
        for (seen, now, new) in [
            ("abc", "abc", ""),
            ("abc", "abcd", "d"),
            ("abc", "bcde", "de"),
            ("abc", "xyz", "xyz"),
            ("", "ab", "ab"),
            ("aaa", "aaaa", "a"),
            ("abc", "", ""),
        ] {
            assert_eq!(added(&lines(seen), &lines(now)), lines(new), "{seen} {now}");
        }
    }
}
