//! `agentctl chat`: questions and answers at one prompt.
//!
//! The line editor's history lives in memory; only `chat.history_file` of the configuration puts it on disk, 0600.
//! Without a terminal the questions are read plainly, one a line.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use proto::{ErrorKind, Failure};
use rustyline::{DefaultEditor, error::ReadlineError};

use super::ask;
use crate::{
    app::App,
    autostart,
    cli::TurnArgs,
    exit::{self, ErrorStyle, Outcome, Stop},
    input::{self, Question},
    render::{sanitize, text::TextView},
    signals::Interrupts,
    turn,
};

const HELP: &str = "\
/help             this text
/clear            begin a new conversation
/model [NAME]     show or choose the model; - chooses the configured one
/session [NAME]   show or choose the session
/quit             leave, as Ctrl-D does
";
/// Most lines of history that are kept.
const HISTORY_MAX: usize = 1000;
/// Most bytes read of a history file and of one line without a terminal.
const TEXT_MAX: u64 = 1024 * 1024;

pub(super) fn run(app: &App, args: TurnArgs) -> Outcome {
    let cwd = input::directory(args.directory.as_deref())?;
    let interrupts = Interrupts::install()?;
    let mut chat = Chat { app, args, cwd, interrupts, worst: 0 };
    if io::stdin().is_terminal() && io::stdout().is_terminal() { chat.edit() } else { chat.read() }
}

struct Chat<'a> {
    app: &'a App,
    args: TurnArgs,
    cwd: String,
    interrupts: Interrupts,
    /// Exit code without a terminal: that of the last question that failed.
    worst: u8,
}

/// What a line at the prompt means.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Blank,
    Quit,
    Help,
    Clear,
    Model(Option<&'a str>),
    Session(Option<&'a str>),
    Unknown(&'a str),
    Question(&'a str),
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Blank;
        }
        // A path such as /etc/hosts may begin a question.
        let Some(command) = line.strip_prefix('/').filter(|rest| !rest.split(' ').next().unwrap_or("").contains('/'))
        else {
            return Self::Question(line);
        };
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = Some(rest.trim()).filter(|rest| !rest.is_empty());
        match name {
            "quit" | "exit" | "q" => Self::Quit,
            "help" | "?" => Self::Help,
            "clear" => Self::Clear,
            "model" => Self::Model(rest),
            "session" => Self::Session(rest),
            other => Self::Unknown(other),
        }
    }
}

impl Chat<'_> {
    fn edit(&mut self) -> Outcome {
        let history = History::configured();
        let mut editor = editor(&history).map_err(|e| broken(&e))?;
        if !self.app.screen.quiet {
            self.say("Ask, or /help. Ctrl-C cancels an answer, Ctrl-D quits.\n");
        }
        loop {
            self.interrupts.rest();
            match editor.readline("> ") {
                Ok(line) => {
                    if !line.trim().is_empty() && !line.starts_with(' ') {
                        let _ = editor.add_history_entry(line.as_str());
                        history.append(&line);
                    }
                    if !self.obey(&line)? {
                        return Ok(0);
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(0),
                Err(e) => return Err(broken(&e).into()),
            }
        }
    }

    fn read(&mut self) -> Outcome {
        let mut stdin = io::stdin().lock();
        loop {
            self.interrupts.rest();
            let mut line = String::new();
            let got = stdin.by_ref().take(TEXT_MAX).read_line(&mut line);
            match got.map_err(|e| Failure::new(ErrorKind::Failure, format!("cannot read standard input: {e}")))? {
                0 => return Ok(self.worst),
                _ if !self.obey(&line)? => return Ok(self.worst),
                _ => {}
            }
        }
    }

    /// Carries out one line; false means to leave.
    fn obey(&mut self, line: &str) -> Result<bool, Stop> {
        match Line::parse(line) {
            Line::Blank => {}
            Line::Quit => return Ok(false),
            Line::Help => self.say(HELP),
            Line::Clear => {
                self.args.continue_conversation = false;
                self.say("a new conversation begins with the next question\n");
            }
            Line::Model(None) => {
                self.say(&format!("model: {}\n", self.args.model.as_deref().unwrap_or("as configured")));
            }
            Line::Model(Some(name)) => self.args.model = Some(name.to_owned()).filter(|name| name != "-"),
            Line::Session(None) => {
                self.say(&format!("session: {}\n", self.args.session.as_deref().unwrap_or("default")));
            }
            Line::Session(Some(name)) => {
                self.args.session = Some(name.to_owned());
                self.args.continue_conversation = true;
            }
            Line::Unknown(name) => self.say(&format!("unknown command /{}; /help lists them\n", name)),
            Line::Question(text) => self.ask(text)?,
        }
        Ok(true)
    }

    /// Asks one question. Only a closed output ends the chat.
    ///
    /// There may be nothing to go on with: a session just chosen, one that another shell cleared, a daemon that was
    /// started anew. Then a new conversation begins, and that is said.
    fn ask(&mut self, text: &str) -> Result<(), Stop> {
        let mut failure = self.attempt(text)?;
        if self.args.continue_conversation && failure.as_ref().is_some_and(|f| f.kind == ErrorKind::NotFound) {
            self.say("a new conversation begins: there is none to go on with\n");
            self.args.continue_conversation = false;
            failure = self.attempt(text)?;
        }
        if let Some(failure) = failure {
            exit::report(&failure, ErrorStyle::Text);
            self.worst = failure.kind.exit_code();
        }
        Ok(())
    }

    /// Asks once; what the daemon has against it.
    fn attempt(&mut self, text: &str) -> Result<Option<Failure>, Stop> {
        let approver = ask::approver();
        let question = Question { prompt: text.to_owned(), attachments: Vec::new() };
        let request = ask::request(&self.args, question, self.cwd.clone(), approver.is_some());
        let mut view = TextView::new(&self.app.screen, approver).with_reasoning(self.args.reasoning);
        match turn::run(self.app, &request, &mut view, &self.interrupts) {
            Ok(answer) => {
                view.finish(&answer)?;
                self.args.continue_conversation = true;
                Ok(None)
            }
            Err(Stop::OutputClosed) => Err(Stop::OutputClosed),
            Err(Stop::Failed(failure)) => {
                view.abandon();
                Ok(Some(*failure))
            }
        }
    }

    /// The chat's own words go to standard error: standard output has answers only.
    fn say(&self, text: &str) {
        let _ = io::stderr().lock().write_all(sanitize::neutralise(text).as_bytes());
    }
}

fn broken(error: &ReadlineError) -> Failure {
    Failure::new(ErrorKind::Failure, format!("the line editor failed: {error}"))
}

fn editor(history: &History) -> Result<DefaultEditor, ReadlineError> {
    let config = rustyline::Config::builder().max_history_size(HISTORY_MAX)?.auto_add_history(false).build();
    let mut editor = DefaultEditor::with_config(config)?;
    for line in history.lines() {
        editor.add_history_entry(line)?;
    }
    Ok(editor)
}

/// The history file, if one is configured.
struct History(Option<PathBuf>);

impl History {
    /// Asks the daemon's program: the configuration is its.
    fn configured() -> Self {
        let captured = autostart::capture(&["config".into(), "get".into(), "chat.history_file".into()]);
        let path = captured.ok().filter(|captured| captured.code == 0).map(|captured| captured.stdout);
        Self(path.map(|text| PathBuf::from(text.trim())).filter(|path| path.is_absolute()))
    }

    fn lines(&self) -> Vec<String> {
        let mut text = Vec::new();
        let Some(mut file) = self.0.as_ref().and_then(|path| fs::File::open(path).ok()) else { return Vec::new() };
        // The newest lines are at the end.
        let end = file.metadata().map_or(0, |meta| meta.len());
        let _ = io::Seek::seek(&mut file, io::SeekFrom::Start(end.saturating_sub(TEXT_MAX)));
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        let _ = io::Read::read_to_end(&mut file.take(TEXT_MAX), &mut text);
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    fn append(&self, line: &str) {
        let Some(path) = &self.0 else { return };
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let written = opened.and_then(|mut file| file.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes()));
        if let Err(e) = written {
            let _ = writeln!(io::stderr().lock(), "note: cannot write {}: {e}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn slash_commands_are_told_from_questions_and_paths() {
        assert_eq!(Line::parse("  "), Line::Blank);
        assert_eq!(Line::parse("/quit"), Line::Quit);
        assert_eq!(Line::parse("/model  deepseek-chat "), Line::Model(Some("deepseek-chat")));
        assert_eq!(Line::parse("/session"), Line::Session(None));
        assert_eq!(Line::parse("/etc/hosts says what?"), Line::Question("/etc/hosts says what?"));
        assert_eq!(Line::parse("/nonsense x"), Line::Unknown("nonsense"));
        assert_eq!(Line::parse("why?"), Line::Question("why?"));
    }

    #[test]
    fn the_history_file_is_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history");
        let history = History(Some(path.clone()));
        assert!(history.lines().is_empty());
        history.append("first");
        history.append("second\nline");
        assert_eq!(history.lines(), ["first", "second line"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        History(None).append("nowhere");
    }
}
