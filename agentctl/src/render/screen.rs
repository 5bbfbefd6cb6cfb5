//! What the streams of this run can show: terminal or not, colour or not, how wide.

use std::io::{self, IsTerminal as _};

use crate::{
    cli::{ColorChoice, Global},
    env,
};

/// Width of a text when the terminal does not say its own.
const WIDTH_DEFAULT: usize = 80;
/// Widest text: longer lines are hard to read.
const WIDTH_MAX: usize = 120;
/// Narrowest text that is still laid out.
const WIDTH_MIN: usize = 20;

/// The streams of this run.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Standard output is a terminal that understands escapes.
    pub stdout_terminal: bool,
    /// Standard error is a terminal that understands escapes.
    pub stderr_terminal: bool,
    /// Standard output may be coloured.
    pub stdout_color: bool,
    /// Standard error may be coloured.
    pub stderr_color: bool,
    /// `-q`.
    pub quiet: bool,
    /// `-v`.
    pub verbose: bool,
}

impl Screen {
    /// Looks at the flags, the environment and the streams.
    pub fn detect(global: &Global) -> Self {
        let smart = env::text("TERM").as_deref() != Some("dumb");
        let color = Color {
            choice: global.color,
            no_color: env::text("NO_COLOR").is_some(),
            forced: env::text("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        };
        let (stdout_terminal, stderr_terminal) =
            (smart && io::stdout().is_terminal(), smart && io::stderr().is_terminal());
        Self {
            stdout_terminal,
            stderr_terminal,
            stdout_color: color.wanted(stdout_terminal),
            stderr_color: color.wanted(stderr_terminal),
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Markdown is laid out for people: on a terminal, or where colour was forced for a pager.
    pub fn renders_markdown(&self) -> bool {
        self.stdout_terminal || self.stdout_color
    }

    /// Progress and footer are shown: on a terminal, or with `-v`; never with `-q`.
    pub fn talks(&self) -> bool {
        !self.quiet && (self.stderr_terminal || self.verbose)
    }

    /// Columns for the text.
    pub fn width(&self) -> usize {
        let own = rustix::termios::tcgetwinsize(io::stdout()).map(|size| usize::from(size.ws_col));
        let given = || env::text("COLUMNS").and_then(|text| text.parse().ok());
        own.ok().filter(|width| *width > 0).or_else(given).unwrap_or(WIDTH_DEFAULT).clamp(WIDTH_MIN, WIDTH_MAX)
    }
}

struct Color {
    choice: ColorChoice,
    no_color: bool,
    forced: bool,
}

impl Color {
    /// The flag first, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the stream.
    fn wanted(&self, terminal: bool) -> bool {
        match self.choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !self.no_color && (self.forced || terminal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_no_color_beats_force_beats_the_stream() {
        let wanted = |choice, no_color, forced, terminal| Color { choice, no_color, forced }.wanted(terminal);
        assert!(wanted(ColorChoice::Always, true, false, false));
        assert!(!wanted(ColorChoice::Never, false, true, true));
        assert!(!wanted(ColorChoice::Auto, true, true, true));
        assert!(wanted(ColorChoice::Auto, false, true, false));
        assert!(wanted(ColorChoice::Auto, false, false, true));
        assert!(!wanted(ColorChoice::Auto, false, false, false));
    }
}
