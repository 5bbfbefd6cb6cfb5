//! The arguments. Unknown ones are refused: a misspelt one would be a server that behaves.

use std::{
    env,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use super::{FOREVER, wire};

/// Set once TERM is ignored, which a program inherits.
const DEAF_TO_TERM: &str = "MCP_CHAOS_IGNORES_TERM";

/// Which protocol is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Era {
    #[default]
    Both,
    Legacy,
    Modern,
}

impl Era {
    pub(super) fn legacy(self) -> bool {
        self != Self::Modern
    }

    pub(super) fn modern(self) -> bool {
        self != Self::Legacy
    }
}

/// What a server of the legacy era does with `server/discover`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Discover {
    #[default]
    Refused,
    Empty,
    Ignored,
    Fatal,
}

/// Which plain tools it plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Plays {
    #[default]
    Nothing,
    Filesystem,
    Command,
}

/// How it is to behave.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) era: Era,
    pub(super) discover: Discover,
    pub(super) plays: Plays,
    pub(super) state: Option<PathBuf>,
    pub(super) tag: String,
    pub(super) die_at_start: Option<u8>,
    pub(super) die_on_unknown: bool,
    pub(super) hang_initialize: bool,
    pub(super) noise: bool,
    pub(super) endless: bool,
    pub(super) tools: usize,
    pub(super) odd_names: bool,
    pub(super) ignore_eof: bool,
    pub(super) ignore_term: bool,
    pub(super) deaf: bool,
    pub(super) crash_after: Option<Duration>,
    pub(super) start_delay: Duration,
    pub(super) stderr: Vec<String>,
    pub(super) die_in: Vec<String>,
    pub(super) hang_in: Vec<String>,
    /// Is no server but what one has left behind: sleeps.
    pub(super) sleeper: bool,
    /// Starts a sleeper in a session of its own, and ends.
    pub(super) forker: bool,
}

pub(super) const USAGE: &str = "mcp-chaos: [--era both|legacy|modern] [--discover refused|empty|ignored|fatal] \
    [--plays filesystem|command] [--state DIR] [--tag TEXT] [--die-at-start CODE] [--die-on-unknown] \
    [--hang-initialize] [--noise] [--endless] [--tools N] [--odd-names] [--ignore-eof] [--ignore-term] [--deaf] \
    [--crash-after MS] [--start-delay MS] [--stderr TEXT]... [--die-in TOOL]... [--hang-in TOOL]...";

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            if !parsed.flag(name) {
                let value = rest.next().ok_or_else(|| format!("{name} is not known, or lacks its value\n{USAGE}"))?;
                parsed.value(name, value).ok_or_else(|| format!("{name} {value} is not known\n{USAGE}"))?;
            }
        }
        Ok(parsed)
    }

    fn flag(&mut self, name: &str) -> bool {
        let flag = match name {
            "--die-on-unknown" => &mut self.die_on_unknown,
            "--hang-initialize" => &mut self.hang_initialize,
            "--noise" => &mut self.noise,
            "--endless" => &mut self.endless,
            "--odd-names" => &mut self.odd_names,
            "--ignore-eof" => &mut self.ignore_eof,
            "--ignore-term" => &mut self.ignore_term,
            "--deaf" => &mut self.deaf,
            "--sleeper" => &mut self.sleeper,
            "--forker" => &mut self.forker,
            _ => return false,
        };
        *flag = true;
        true
    }

    fn value(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "--era" => {
                self.era = one_of(value, &[("both", Era::Both), ("legacy", Era::Legacy), ("modern", Era::Modern)])?;
            }
            "--discover" => {
                let known = [
                    ("refused", Discover::Refused),
                    ("empty", Discover::Empty),
                    ("ignored", Discover::Ignored),
                    ("fatal", Discover::Fatal),
                ];
                self.discover = one_of(value, &known)?;
            }
            "--plays" => {
                self.plays = one_of(value, &[("filesystem", Plays::Filesystem), ("command", Plays::Command)])?;
            }
            "--state" => self.state = Some(value.into()),
            "--tag" => value.clone_into(&mut self.tag),
            "--die-at-start" => self.die_at_start = Some(value.parse().ok()?),
            "--tools" => self.tools = value.parse().ok()?,
            "--crash-after" => self.crash_after = Some(Duration::from_millis(value.parse().ok()?)),
            "--start-delay" => self.start_delay = Duration::from_millis(value.parse().ok()?),
            "--stderr" => self.stderr.push(value.to_owned()),
            "--die-in" => self.die_in.push(value.to_owned()),
            "--hang-in" => self.hang_in.push(value.to_owned()),
            _ => return None,
        }
        Some(())
    }

    /// What is done in place of serving, or before it. Some exit code: that was all.
    pub(super) fn before_start(&self, arguments: &[String]) -> Option<ExitCode> {
        if self.sleeper {
            std::thread::sleep(FOREVER);
            return Some(ExitCode::SUCCESS);
        }
        if self.forker {
            let _ = rustix::process::setsid();
            return Some(match wire::myself(&["--sleeper", "--tag", &self.tag], false) {
                Some(_) => ExitCode::SUCCESS,
                None => ExitCode::FAILURE,
            });
        }
        if self.ignore_term && env::var_os(DEAF_TO_TERM).is_none() {
            return Some(ignore_term(arguments));
        }
        None
    }
}

fn one_of<T: Copy>(value: &str, known: &[(&str, T)]) -> Option<T> {
    known.iter().find(|(name, _)| *name == value).map(|(_, known)| *known)
}

/// Runs this program again with TERM ignored: the shell can say so, a program without unsafe code cannot.
fn ignore_term(arguments: &[String]) -> ExitCode {
    let this = env::current_exe().unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "this is a server under test, not the product")]
    let mut shell = Command::new("/bin/sh");
    let error = shell
        .args(["-c", "trap '' TERM INT HUP; exec \"$0\" \"$@\""])
        .arg(this)
        .args(arguments)
        .env(DEAF_TO_TERM, "1")
        .exec();
    wire::complain(&format!("cannot run itself again: {error}"))
}
