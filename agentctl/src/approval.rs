//! Asks the user about a tool call, or whether to erase or to approve something: on the terminal, never anywhere else.
//!
//! Refuses to guess: no terminal, no answer, an end of input or a time-out all mean no.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use proto::{Approval, Decision, ErrorKind, Failure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{exit::usage, render::sanitize, signals::Interrupts};

/// How long an unanswered question stands: someone who has left the desk has not agreed.
const PATIENCE: Duration = Duration::from_secs(600);
/// An answer is one word.
const LINE_MAX: usize = 256;

/// Asks whether `what` is meant, and fails with `nothing` unless the answer is a clear yes.
///
/// # Errors
/// Kind `usage` when there is nobody to ask, `cancelled` and `refused` by the answer.
pub fn confirm(question: &str, what: &str, nothing: &str) -> Result<(), Failure> {
    let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    let Some(mut approver) = terminal.then(Approver::open).flatten() else {
        return Err(usage(format!("{what} must be confirmed, and there is no terminal to ask on")).hint("add --yes"));
    };
    let interrupts = Interrupts::install()?;
    if approver.confirm(question, &interrupts) {
        Ok(())
    } else if interrupts.seen() {
        Err(Failure::new(ErrorKind::Cancelled, format!("cancelled; {nothing}")))
    } else {
        Err(Failure::new(ErrorKind::Refused, nothing))
    }
}

/// The terminal on which approvals are asked.
#[derive(Debug)]
pub struct Approver {
    terminal: File,
}

impl Approver {
    /// The controlling terminal; `None` when there is none. Standard input may be a pipe, so it is not used.
    pub fn open() -> Option<Self> {
        File::open("/dev/tty").ok().map(|terminal| Self { terminal })
    }

    /// Asks until the user gives one of the three answers. A signal or the end of input means no.
    pub fn decide(&mut self, approval: &Approval, interrupts: &Interrupts) -> Decision {
        self.ask(&question(approval), "Please answer y, s or n: ", parse, interrupts).unwrap_or(Decision::No)
    }

    /// Asks a question until it is answered with yes or no. A signal or the end of input means no.
    pub fn confirm(&mut self, question: &str, interrupts: &Interrupts) -> bool {
        // Of the words that answer an approval, the one for a session means nothing here.
        let parse = |line: &str| parse(line).filter(|decision| *decision != Decision::Session);
        let decision = self.ask(&sanitize::neutralise(question), "Please answer y or n: ", parse, interrupts);
        decision == Some(Decision::Once)
    }

    /// Asks until `parse` understands the answer; `None` when none comes.
    fn ask(
        &mut self,
        question: &str,
        again: &str,
        parse: impl Fn(&str) -> Option<Decision>,
        interrupts: &Interrupts,
    ) -> Option<Decision> {
        let mut text = question;
        let deadline = Instant::now() + PATIENCE;
        loop {
            io::stderr().lock().write_all(text.as_bytes()).ok()?;
            if let Some(decision) = parse(&self.read_line(interrupts, deadline)?) {
                return Some(decision);
            }
            text = again;
        }
    }

    fn read_line(&mut self, interrupts: &Interrupts, deadline: Instant) -> Option<String> {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok()?;
        let (terminal, wake) = (self.terminal.as_fd(), interrupts.fd());
        let mut fds = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(&wake, PollFlags::IN)];
        while poll(&mut fds, Some(&left)) == Err(rustix::io::Errno::INTR) {}
        if interrupts.seen() || fds[0].revents().is_empty() {
            return None;
        }
        // A terminal gives whole lines.
        let mut line = [0; LINE_MAX];
        match self.terminal.read(&mut line) {
            Ok(n @ 1..) => Some(String::from_utf8_lossy(&line[..n]).into_owned()),
            _ => None,
        }
    }
}

/// The question in full: what would be done, and why it is asked.
fn question(approval: &Approval) -> String {
    let summary = sanitize::neutralise(&approval.summary);
    let reason = match approval.reason.as_str() {
        "" => String::new(),
        reason => format!("  why asked: {}\n", sanitize::one_line(reason, sanitize::LINE_MAX)),
    };
    let name = sanitize::one_line(&approval.name, sanitize::LINE_MAX);
    let indented = summary.lines().fold(String::new(), |text, line| text + "    " + line + "\n");
    format!("\nThe agent wants to run {name}:\n{indented}{reason}Allow? [y]es once, [s]ession, [n]o: ")
}

/// The decision in a line; `None` when it is none of the three. An empty line is a no, as the safe default.
fn parse(line: &str) -> Option<Decision> {
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "once" => Some(Decision::Once),
        "s" | "session" => Some(Decision::Session),
        "" | "n" | "no" => Some(Decision::No),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_allows() {
        assert_eq!(parse("y\n"), Some(Decision::Once));
        assert_eq!(parse("Yes"), Some(Decision::Once));
        assert_eq!(parse("s\n"), Some(Decision::Session));
        assert_eq!(parse("n"), Some(Decision::No));
        assert_eq!(parse("\n"), Some(Decision::No));
        assert_eq!(parse("yse"), None);
        assert_eq!(parse("\u{1b}[Ay"), None);
    }

    #[test]
    fn the_question_shows_every_line_of_the_command_and_no_control_character() {
        let approval = Approval {
            approval: 1,
            name: "shell_execute".into(),
            summary: "rm -rf x\n\u{1b}[2Kls".into(),
            reason: "not on the allow list".into(),
        };
        let text = question(&approval);
        assert!(text.contains("    rm -rf x\n    \u{241b}[2Kls\n"), "{text}");
        assert!(text.contains("why asked: not on the allow list"));
        assert!(!text.contains('\u{1b}'));
    }
}
