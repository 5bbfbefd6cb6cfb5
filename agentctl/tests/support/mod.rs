//! The real program in a hermetic home, against the fake daemon of the library's tests.

#![allow(dead_code, reason = "each test file uses a part")]

#[path = "../../src/testing.rs"]
pub(crate) mod testing;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use proto::{Answer, AskRequest, Body, Delta, Event, Failure, Request, RequestId, Started, endpoint::Endpoint};
use testing::{Connection, Fake};

/// Longest time for anything to happen in a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A home with an endpoint; nothing of the real environment is seen.
pub(crate) struct Home {
    pub dir: tempfile::TempDir,
    pub endpoint: Endpoint,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        Self { dir, endpoint }
    }

    /// With a fake daemon.
    pub(crate) fn with(serve: impl Fn(Connection) + Send + Sync + 'static) -> Self {
        let home = Self::new();
        Fake::start(&home.endpoint.socket, serve);
        home
    }

    /// With a fake daemon that answers every `ask` by `turn`.
    pub(crate) fn answering(turn: fn(&mut Connection, &RequestId, AskRequest)) -> Self {
        Self::with(move |mut connection| {
            while let Some(message) = connection.next() {
                if let Request::Ask(ask) = message.request {
                    turn(&mut connection, &message.id, ask);
                }
            }
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentctl"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.dir.path());
        command.env("AGENTD_STATE_DIR", &self.endpoint.state_dir);
        // Not AGENTD_SOCKET: the default rules must find it.
        command.env("XDG_RUNTIME_DIR", self.dir.path().join("xdg")).env("AGENTD_BIN", "/no/such/agentd");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    pub(crate) fn run_with_stdin(&self, args: &[&str], input: &[u8]) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input);
        Run::of(child.wait_with_output().unwrap())
    }

    /// An executable script as `agentd`.
    pub(crate) fn script(&self, text: &str) -> PathBuf {
        let path = self.path("agentd-script");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

pub(crate) fn started() -> Body {
    Body::Event(Event::Started(Started {
        turn: "t1".into(),
        session: "default".into(),
        conversation: "c1".into(),
        model: "m".into(),
        project: "/p".into(),
    }))
}

pub(crate) fn text(piece: &str) -> Body {
    Body::Event(Event::Text(Delta { delta: piece.into() }))
}

pub(crate) fn answer(text: &str) -> Body {
    Body::Done(Answer { answer: text.into(), session: "default".into(), model: "m".into(), ..Answer::default() }.into())
}

pub(crate) fn failed(kind: proto::ErrorKind, message: &str, hint: &str) -> Body {
    Body::Failed(Failure::new(kind, message).hint(hint))
}

/// Waits until `done` is true.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}

/// Sends a signal by name.
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
}

pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

pub(crate) fn event(event: Event) -> Body {
    Body::Event(event)
}
