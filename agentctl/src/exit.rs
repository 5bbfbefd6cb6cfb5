//! How a run ends: one failure, one exit code, one way to say it.
//!
//! Codes: 0 ok, 1 failure, 2 usage, 3 daemon unreachable, 4 refused, 5 limit, 6 provider, 7 time-out, 130 interrupted.
//! Never 0 after an error. A reader that closed the pipe is not an error: the run ends without a word.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use proto::{ErrorKind, Failure};
use serde::Serialize;

use crate::{output::Out, render::sanitize};

/// Why a command ended before its natural end.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Failed(Box<Failure>),
    /// The reader of standard output has gone.
    OutputClosed,
}

/// The exit code of a command that ran to its end, or why it did not.
pub type Outcome = Result<u8, Stop>;

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<io::Error> for Stop {
    /// For errors of writing to standard output, the only I/O whose errors are passed up bare.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Failure::new(ErrorKind::Failure, format!("cannot write the output: {error}"))
            .hint("is the disk or the pipe behind standard output full or gone?")
            .into()
    }
}

/// How failures are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStyle {
    /// `error:` and `hint:` lines on standard error.
    Text,
    /// One JSON object on standard output.
    Json,
    /// One line `{"type":"error",...}` on standard output.
    StreamJson,
}

/// Ends the run: tells the failure, gives the exit code.
pub fn finish(outcome: Outcome, style: ErrorStyle) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(Stop::OutputClosed) => ExitCode::SUCCESS,
        Err(Stop::Failed(failure)) => {
            report(&failure, style);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

/// Tells one failure. A stream that cannot be written leaves the exit code alone to tell it.
pub fn report(failure: &Failure, style: ErrorStyle) {
    let line = match style {
        ErrorStyle::Text => {
            let _ = io::stderr().lock().write_all(text(failure).as_bytes());
            return;
        }
        ErrorStyle::Json => serde_json::to_string(&Nested { error: Fields::of(failure, None) }),
        ErrorStyle::StreamJson => serde_json::to_string(&Fields::of(failure, Some("error"))),
    };
    if let Ok(line) = line {
        let _ = Out.write_all(format!("{line}\n").as_bytes());
    }
}

#[derive(Serialize)]
struct Nested<'a> {
    error: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind_of_line: Option<&'a str>,
    code: u8,
    kind: &'a str,
    message: &'a str,
    hint: &'a str,
}

impl<'a> Fields<'a> {
    fn of(failure: &'a Failure, kind_of_line: Option<&'a str>) -> Self {
        let (code, kind) = (failure.kind.exit_code(), failure.kind.name());
        Self { kind_of_line, code, kind, message: &failure.message, hint: &failure.hint }
    }
}

fn text(failure: &Failure) -> String {
    let mut text = format!("error: {}\n", sanitize::neutralise(&failure.message));
    if !failure.hint.is_empty() {
        text.push_str(&format!("  hint: {}\n", sanitize::neutralise(&failure.hint)));
    }
    text
}

/// Ends a run whose command line was not understood, or that only asked for help: prints what clap has to say.
pub fn clap(stop: &clap::Error) -> ExitCode {
    let _ = stop.print();
    ExitCode::from(u8::try_from(stop.exit_code()).unwrap_or(2))
}

/// A failure of the command line or of the input.
pub fn usage(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_documented_exit_code() {
        let table = [
            (ErrorKind::Failure, 1),
            (ErrorKind::Internal, 1),
            (ErrorKind::NotFound, 1),
            (ErrorKind::Usage, 2),
            (ErrorKind::Unreachable, 3),
            (ErrorKind::Draining, 3),
            (ErrorKind::Refused, 4),
            (ErrorKind::Limit, 5),
            (ErrorKind::Auth, 6),
            (ErrorKind::Balance, 6),
            (ErrorKind::Overloaded, 6),
            (ErrorKind::Timeout, 7),
            (ErrorKind::Cancelled, 130),
        ];
        for (kind, code) in table {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }

    #[test]
    fn a_failure_is_told_with_its_hint_and_without_control_characters() {
        let failure = Failure::new(ErrorKind::Failure, "bad \u{1b}[2J thing").hint("type this");
        assert_eq!(text(&failure), "error: bad \u{241b}[2J thing\n  hint: type this\n");
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_end_and_a_full_disk_is_not() {
        assert!(matches!(Stop::from(io::Error::from(io::ErrorKind::BrokenPipe)), Stop::OutputClosed));
        assert!(matches!(Stop::from(io::Error::from(io::ErrorKind::StorageFull)), Stop::Failed(_)));
    }
}
