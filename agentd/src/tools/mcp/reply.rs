//! Whether a server with a role has served a call, and what to do when it has not.
//!
//! Closed: each way that a call can end is named before it is decided whether the built-in tool stands in.

use super::super::builtin;
use crate::mcp::{
    client::{CallResult, ClientError, Part},
    pool::PoolError,
};

/// Characters of a reason that people read.
const REASON_MAX: usize = 160;
/// JSON-RPC codes of a server that does not know the tool or takes other arguments: nothing was done.
const NOT_TAKEN: [i64; 2] = [-32601, -32602];
/// What a server says of a file that it was not set up for.
const ELSEWHERE: &str = "outside allowed directories";
/// How servers begin that do not know the tool or take other arguments.
const UNKNOWN: [&str; 4] = ["MCP error -32602", "MCP error -32601", "Unknown tool", "Input validation error"];

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It was served, with these pieces of text.
    Served(Vec<String>),
    /// The server did it, and it failed: this is the answer.
    Refused(String),
    /// Nothing was done, for this reason: the built-in tool serves.
    StandIn(String),
    /// It was sent, and what became of it is not known.
    Lost {
        /// Why.
        why: String,
        /// The server is gone, not just silent.
        died: bool,
    },
    /// It was cancelled.
    Cancelled,
}

impl Reply {
    /// `tool` is what was called of `server`.
    pub(super) fn of(server: &str, tool: &str, answer: Result<CallResult, PoolError>) -> Self {
        match answer {
            Ok(result) if result.is_error => Self::refusal(server, tool, texts(&result).join("\n")),
            Ok(result) => Self::Served(texts(&result)),
            Err(PoolError::Failed { error: ClientError::Cancelled, .. }) => Self::Cancelled,
            Err(PoolError::Failed { error: ClientError::Rpc { code, .. }, .. }) if NOT_TAKEN.contains(&code) => {
                Self::StandIn(format!("{server} does not take the call of {tool}"))
            }
            Err(PoolError::Failed { error, .. }) => {
                let died = matches!(error, ClientError::Closed | ClientError::Transport(_));
                Self::Lost { why: reason(server, &error.to_string()), died }
            }
            Err(PoolError::NotReady { state, why, .. }) if why.is_empty() => {
                Self::StandIn(reason(server, &format!("is {}", state.name())))
            }
            Err(PoolError::NotReady { state, why, .. }) => {
                Self::StandIn(reason(server, &format!("is {}: {why}", state.name())))
            }
            Err(PoolError::Unknown(_)) => Self::StandIn(format!("{server} is not there any more")),
        }
    }

    fn refusal(server: &str, tool: &str, words: String) -> Self {
        if words.contains(ELSEWHERE) {
            return Self::StandIn(format!("{server} is set up for other directories"));
        }
        if UNKNOWN.iter().any(|beginning| words.starts_with(beginning)) {
            return Self::StandIn(format!("{server} does not take the call of {tool}"));
        }
        Self::Refused(words)
    }
}

/// Why a built-in tool stands in. Begins with the server's name, so that it can be told once for each.
fn reason(server: &str, why: &str) -> String {
    let why = why.strip_prefix("is ").map_or_else(|| format!(": {why}"), |how| format!(" is {how}"));
    builtin::line(&format!("{server}{why}"), REASON_MAX)
}

/// The pieces of text in a result.
fn texts(result: &CallResult) -> Vec<String> {
    let text = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Other(_) => None,
    };
    let texts: Vec<String> = result.content.iter().filter_map(text).collect();
    // Servers that answer with a structure alone put their text into its field `content`.
    let structured = || Some(result.structured.as_ref()?.get("content")?.as_str()?.to_owned());
    if texts.is_empty() { structured().into_iter().collect() } else { texts }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mcp::server::State;

    fn failed(error: ClientError) -> Result<CallResult, PoolError> {
        Err(PoolError::Failed { server: "files".to_owned(), error })
    }

    fn said(text: &str, is_error: bool) -> Result<CallResult, PoolError> {
        Ok(CallResult { content: vec![Part::Text(text.to_owned())], structured: None, is_error })
    }

    #[test]
    fn a_server_that_did_nothing_is_stood_in_for_and_its_own_failures_are_answers() {
        let of = |answer| Reply::of("files", "read_text_file", answer);
        assert_eq!(of(said("", false)), Reply::Served(vec![String::new()]));
        let missing = "ENOENT: no such file or directory, open '/p/x'";
        assert_eq!(of(said(missing, true)), Reply::Refused(missing.to_owned()));
        let elsewhere = "Access denied - path outside allowed directories: /p/x not in /q";
        assert_eq!(of(said(elsewhere, true)), Reply::StandIn("files is set up for other directories".to_owned()));
        let unknown = of(said("MCP error -32602: Tool read_text_file not found", true));
        assert_eq!(unknown, Reply::StandIn("files does not take the call of read_text_file".to_owned()));
        let rpc = ClientError::Rpc { code: -32602, message: "no".to_owned() };
        assert_eq!(of(failed(rpc)), Reply::StandIn("files does not take the call of read_text_file".to_owned()));
        let starting = PoolError::NotReady { server: "files".to_owned(), state: State::Starting, why: String::new() };
        assert_eq!(of(Err(starting)), Reply::StandIn("files is starting".to_owned()));
    }

    #[test]
    fn a_call_that_was_sent_and_not_answered_is_lost() {
        let of = |error| Reply::of("files", "edit_file", failed(error));
        let lost = |why: &str, died| Reply::Lost { why: why.to_owned(), died };
        assert_eq!(of(ClientError::Closed), lost("files: the server ended before it answered", true));
        assert_eq!(of(ClientError::Timeout(Duration::from_secs(5))), lost("files: no answer within 5 s", false));
        assert!(matches!(of(ClientError::Rpc { code: -32603, message: "x".to_owned() }), Reply::Lost { .. }));
        assert_eq!(of(ClientError::Cancelled), Reply::Cancelled);
    }
}
