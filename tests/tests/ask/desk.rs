//! What every test of this suite sits at: a home, a provider, a project, a warm daemon.

use std::{ffi::OsStr, io::Write as _, path::PathBuf, time::Duration};

use serde_json::Value;
use tests::{
    DaemonGuard, Home, Invocation, Output, bins,
    provider::{FakeProvider, Options, Recorded, Scenario},
};

/// For everything that is expected to happen; far above what it takes, far below what a suite may hang.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// How long the daemon may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// A home with a provider, a project and, once something is asked, a daemon.
pub(crate) struct Desk {
    // Dropped in this order: the daemon before the home that would end it, the provider last.
    daemon: Option<DaemonGuard>,
    pub(crate) home: Home,
    pub(crate) project: PathBuf,
    pub(crate) provider: FakeProvider,
}

/// A desk whose provider plays this script.
pub(crate) fn desk(scenario: Scenario) -> Desk {
    Desk::with(Options { scenario, ..Options::default() }, |_| {})
}

impl Desk {
    /// A desk with these settings of the provider, whose home is prepared before the daemon starts.
    #[track_caller]
    pub(crate) fn with(options: Options, prepare: impl FnOnce(&Home)) -> Self {
        let home = Home::with(bins!());
        let provider = FakeProvider::start_with(options);
        home.provider(&provider);
        let project = home.project(&[("src/main.rs", "fn main() {}\n"), ("notes.txt", "The answer is 42.\n")]);
        prepare(&home);
        let daemon = Some(home.daemon());
        Self { daemon, home, project, provider }
    }

    /// A desk without a running daemon.
    pub(crate) fn cold(scenario: Scenario) -> Self {
        let home = Home::with(bins!());
        let provider = FakeProvider::start(scenario);
        home.provider(&provider);
        let project = home.project(&[("notes.txt", "The answer is 42.\n")]);
        Self { daemon: None, home, project, provider }
    }

    /// The client in the project.
    pub(crate) fn ctl(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation {
        self.home.agentctl(arguments).cwd(&self.project)
    }

    /// `agentctl ask` in the project.
    pub(crate) fn ask(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation {
        self.home.agentctl(["ask"]).args(arguments).cwd(&self.project)
    }

    /// The answer, which must come.
    #[track_caller]
    pub(crate) fn answer(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        self.ask(arguments).run().expect_ok().stdout
    }

    /// The object of `ask --json`, which must come with exit code 0.
    #[track_caller]
    pub(crate) fn json(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Value {
        self.ask(["--json"]).args(arguments).run().expect_ok().json()
    }

    /// A failing ask: this exit code, nothing claimed as an answer, an `error:` with a `hint:`, all of these words.
    #[track_caller]
    pub(crate) fn fails(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        code: i32,
        words: &[&str],
    ) -> Output {
        let output = self.ask(arguments).run().expect_code(code);
        says(&output.stderr, words);
        output
    }

    /// The chat requests so far.
    pub(crate) fn chats(&self) -> Vec<Recorded> {
        self.provider.chats()
    }

    /// The daemon's process id.
    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map_or_else(|| self.home.daemon_pid(), DaemonGuard::pid)
    }

    /// Kills the daemon without a chance to tidy up.
    pub(crate) fn kill_daemon(&mut self) {
        self.daemon.take().unwrap().kill();
    }

    /// Ends the daemon in good order: it writes what it has.
    pub(crate) fn end_daemon(&mut self) {
        drop(self.daemon.take().unwrap().terminate(STOP_DEADLINE));
    }

    /// Ends the daemon in good order; nothing of this home runs any more.
    #[track_caller]
    pub(crate) fn close(mut self) {
        match self.daemon.take() {
            Some(daemon) => drop(daemon.terminate(STOP_DEADLINE)),
            None => drop(self.ctl(["daemon", "stop"]).run()),
        }
        self.home.assert_no_leftovers();
    }
}

/// Panics unless standard error tells an error with a hint and all of these words.
#[track_caller]
pub(crate) fn says(stderr: &str, words: &[&str]) {
    let error = stderr.lines().any(|line| line.starts_with("error: "));
    let hint = stderr.lines().any(|line| line.starts_with("  hint: "));
    assert!(error && hint, "an error and what to type next, not: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in: {stderr}");
    }
}

/// Says that a test could not be made here, past the capture of test output.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// The text of a recorded message.
pub(crate) fn text_of(message: &Value) -> &str {
    message["content"].as_str().unwrap_or_default()
}

/// The roles of a request's messages.
pub(crate) fn roles(request: &Recorded) -> Vec<&str> {
    request.messages().iter().filter_map(|message| message["role"].as_str()).collect()
}
