//! What the agent is doing now: a spinner and lines on standard error, on a terminal or with `-v` only.
//!
//! No thread turns the spinner; the client's wait for the daemon does, by calling [`Activity::tick`].

use std::{
    io::{self, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{sanitize, screen::Screen};

/// Between two pictures of the spinner.
const PACE: Duration = Duration::from_millis(100);
/// The spinner's line stays on one line of a narrow terminal.
const MESSAGE_MAX: usize = 70;
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// Progress on standard error.
#[derive(Debug)]
pub struct Activity {
    bar: Option<ProgressBar>,
    /// A spinner may turn.
    spins: bool,
    /// Lines may be written.
    talks: bool,
    quiet: bool,
    color: bool,
}

impl Activity {
    /// As the screen allows.
    pub fn new(screen: &Screen) -> Self {
        let talks = screen.talks();
        Self {
            bar: None,
            spins: talks && screen.stderr_terminal,
            talks,
            quiet: screen.quiet,
            color: screen.stderr_color,
        }
    }

    /// How often [`Activity::tick`] is worth calling.
    pub fn pace(&self) -> Option<Duration> {
        self.bar.as_ref().map(|_| PACE)
    }

    /// The agent now does this.
    pub fn doing(&mut self, what: &str) {
        if !self.spins {
            return;
        }
        let bar = self.bar.get_or_insert_with(spinner);
        bar.set_message(sanitize::one_line(what, MESSAGE_MAX));
        bar.tick();
    }

    /// Turns the spinner.
    pub fn tick(&self) {
        if let Some(bar) = &self.bar {
            bar.tick();
        }
    }

    /// Takes the spinner away, so that something else can be written.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Takes the spinner away for good: the output has begun and may share its screen.
    pub fn stop(&mut self) {
        self.clear();
        self.spins = false;
    }

    /// A line that stays.
    pub fn line(&mut self, text: &str) {
        if self.talks {
            self.write(text);
        }
    }

    /// A line that the user must see wherever standard error goes, unless `-q`.
    pub fn warn(&mut self, text: &str) {
        if !self.quiet {
            self.write(text);
        }
    }

    fn write(&mut self, text: &str) {
        self.clear();
        let text = sanitize::one_line(text, sanitize::LINE_MAX);
        let line = if self.color { format!("{DIM}{text}{PLAIN}\n") } else { format!("{text}\n") };
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

fn spinner() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}
