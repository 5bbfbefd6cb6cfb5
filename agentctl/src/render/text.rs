//! The answer as text: laid out on a terminal, as it is in a pipe, held back with `-q`.
//!
//! In a pipe the text passes at once, and so do the model's words before a tool call, on lines of their own; with `-q`
//! only the final answer is written, once it is known.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use proto::{Answer, Approval, ApproveRequest, Event, TextEnd, ToolFinished, ToolStarted};

use super::{activity::Activity, figures, footer, markdown::Markdown, sanitize, screen::Screen};
use crate::{approval::Approver, client::Observer, exit::Stop, output::Out, signals::Interrupts};

/// Shows one turn.
pub struct TextView {
    out: Out,
    markdown: Option<Markdown>,
    activity: Activity,
    approver: Option<Approver>,
    /// `-q`: only the final answer.
    hold: bool,
    /// Standard output and the spinner may share a screen without our knowing where the cursor is.
    foreign_screen: bool,
    /// The footer is wanted.
    footer: bool,
    /// Text was written since the last end of a text.
    written: bool,
    /// The last character written was not a line feed.
    open_line: bool,
    /// Calls that run: number and what they do.
    running: Vec<(u32, String)>,
    /// `--reasoning`: what the model thinks goes to standard error.
    reasoning: bool,
    /// A line of it is open there.
    open_thought: bool,
    /// The notices so far, a line each: what one has said is not said again under the answer.
    noticed: String,
}

impl TextView {
    /// For this screen; `approver` when the user can be asked.
    pub fn new(screen: &Screen, approver: Option<Approver>) -> Self {
        let markdown = screen.renders_markdown().then(|| Markdown::new(screen.width(), screen.stdout_color));
        Self {
            out: Out,
            markdown,
            activity: Activity::new(screen),
            approver,
            hold: screen.quiet,
            foreign_screen: !screen.stdout_terminal,
            footer: screen.talks(),
            written: false,
            open_line: false,
            running: Vec::new(),
            reasoning: false,
            open_thought: false,
            noticed: String::new(),
        }
    }

    /// Shows the model's reasoning on standard error, unless `-q`.
    #[must_use]
    pub fn with_reasoning(mut self, wanted: bool) -> Self {
        self.reasoning = wanted && !self.hold;
        self
    }

    /// The end of the turn: what is still missing of the answer, and the footer.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn finish(&mut self, answer: &Answer) -> Result<(), Stop> {
        if !self.written {
            self.hold = false;
            let end = if answer.answer.is_empty() || answer.answer.ends_with('\n') { "" } else { "\n" };
            self.text(&format!("{}{end}", answer.answer))?;
        }
        self.end_text()?;
        self.activity.clear();
        if self.footer {
            footer::notes(answer, &self.noticed).iter().for_each(|note| self.activity.line(note));
            self.activity.line(&footer::footer(answer));
        }
        Ok(())
    }

    /// The turn failed: what was held back is shown, the spinner goes.
    pub fn abandon(&mut self) {
        let _ = self.end_text();
        self.activity.clear();
    }

    fn text(&mut self, piece: &str) -> Result<(), Stop> {
        if self.hold || piece.is_empty() {
            return Ok(());
        }
        self.written = true;
        match &mut self.markdown {
            Some(markdown) => {
                let shown = markdown.push(piece);
                self.write(&shown)
            }
            None => self.write(&sanitize::neutralise(piece)),
        }
    }

    fn end_text(&mut self) -> Result<(), Stop> {
        if let Some(markdown) = &mut self.markdown {
            let rest = markdown.finish();
            self.write(&rest)?;
        }
        if self.open_line {
            self.write("\n")?;
        }
        self.written = false;
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        if self.foreign_screen {
            self.activity.stop();
        } else {
            self.activity.clear();
        }
        self.open_line = !text.ends_with('\n');
        Ok(self.out.write_all(text.as_bytes())?)
    }

    fn thought(&mut self, piece: &str) {
        if self.reasoning {
            self.activity.clear();
            let piece = sanitize::neutralise(piece);
            self.open_thought = !piece.ends_with('\n');
            let _ = io::stderr().lock().write_all(piece.as_bytes());
        }
    }

    fn end_thought(&mut self) {
        if std::mem::take(&mut self.open_thought) {
            let _ = io::stderr().lock().write_all(b"\n\n");
        }
    }

    fn text_ended(&mut self, end: &TextEnd) -> Result<(), Stop> {
        let written = self.written;
        self.end_text()?;
        if end.void {
            self.activity.warn("the provider broke off; the text so far is void, it begins anew");
        } else if written {
            self.write("\n")?;
        }
        Ok(())
    }

    fn tool_started(&mut self, call: &ToolStarted) {
        let what = format!("{} {}", call.name, call.summary);
        self.activity.doing(&what);
        self.running.push((call.call, what));
    }

    fn tool_finished(&mut self, call: &ToolFinished) {
        let at = self.running.iter().position(|(number, _)| *number == call.call);
        let what = at.map_or_else(|| call.name.clone(), |at| self.running.remove(at).1);
        let line =
            if call.ok { format!("· {what} ({} ms)", call.elapsed_ms) } else { format!("x {what}: {}", call.message) };
        self.activity.line(&line);
        let next = self.running.last().map_or("thinking", |(_, what)| what.as_str()).to_owned();
        self.activity.doing(&next);
    }

    fn approve(&mut self, approval: &Approval, interrupts: &Interrupts) -> Option<ApproveRequest> {
        let approver = self.approver.as_mut()?;
        self.activity.clear();
        let decision = approver.decide(approval, interrupts);
        Some(ApproveRequest { approval: approval.approval, decision })
    }
}

impl Observer for TextView {
    fn event(&mut self, event: Event, interrupts: &Interrupts) -> Result<Option<ApproveRequest>, Stop> {
        if !matches!(event, Event::Reasoning(_)) {
            self.end_thought();
        }
        match event {
            Event::Started(started) if started.model.is_empty() => self.activity.doing("searching the project"),
            Event::Started(started) => self.activity.doing(&format!("asking {}", started.model)),
            Event::Text(delta) => self.text(&delta.delta)?,
            Event::Reasoning(delta) => self.thought(&delta.delta),
            Event::TextEnd(end) => self.text_ended(&end)?,
            Event::ToolStarted(call) => self.tool_started(&call),
            Event::ToolFinished(call) => self.tool_finished(&call),
            Event::Approval(approval) => return Ok(self.approve(&approval, interrupts)),
            Event::Retry(retry) => {
                let wait = figures::elapsed(retry.wait_ms);
                self.activity.line(&format!("{}; attempt {} in {wait}", retry.reason, retry.attempt));
                self.activity.doing("waiting for the provider");
            }
            Event::Notice(notice) => {
                self.activity.line(&notice.message);
                self.noticed.push_str(&notice.message);
                self.noticed.push('\n');
            }
        }
        Ok(None)
    }

    fn tick(&mut self) {
        self.activity.tick();
    }

    fn pace(&self) -> Option<Duration> {
        self.activity.pace()
    }
}
