//! The examples of `PROTOCOL.md` against the real daemon.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use tests::{
    Home, Invocation,
    provider::{Fault, Scenario, Step},
};

use crate::{DEADLINE, Stage};

/// An answer with everything that a hand-made JSON reader gets wrong.
const TRICKY: &str = "\"quoted\" back\\slash \\n \\u0041\n\ttab ü → \u{1f600} \"}}}}";

/// Says that a test did not run, past the capture of the test runner, and what to install.
pub(crate) fn skipped(what: &str, packages: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "\n*** NOT RUN: {what} is missing; install it: apt-get install {packages} ***\n");
}

struct Language {
    program: &'static str,
    file: &'static str,
    /// Succeeds when all that the example needs is there.
    probe: [&'static str; 2],
    packages: &'static str,
}

const PYTHON: Language =
    Language { program: "python3", file: "ask.py", probe: ["-c", "import json, socket"], packages: "python3" };
const LUA: Language = Language {
    program: "lua5.4",
    file: "ask.lua",
    probe: ["-e", "require('socket.unix')"],
    packages: "lua5.4 lua-socket",
};

impl Language {
    fn is_here(&self, home: &Home) -> bool {
        let script = format!("exec {} \"$@\"", self.program);
        let here = home.command("/bin/sh").args(["-c", &script, "sh"]).args(self.probe).run().code == Some(0);
        if !here {
            skipped(self.program, self.packages);
        }
        here
    }

    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/examples").join(self.file)
    }

    /// The example, asked from the stage's project.
    fn example(&self, stage: &Stage) -> Invocation {
        let run = stage.home.command(self.program).arg(self.path()).cwd(&stage.project);
        run.env("PWD", &stage.project).timeout(DEADLINE)
    }
}

fn answers_and_fails_in_words(language: &Language) {
    let after_tools = Step::call("no_such_tool", serde_json::json!({}));
    let stage = Stage::new(
        Scenario::new()
            .step(Step::text(TRICKY).chunks(7, 0).when_contains("tricky \"question\" \\ ü"))
            .step(Step { text: "Let me look.".into(), ..after_tools })
            .text("Found it."),
    );
    if language.is_here(&stage.home) {
        let socket = stage.home.socket();
        let output = language.example(&stage).arg(&socket).arg("tricky \"question\" \\ ü").run().expect_ok();
        assert_eq!(output.stdout, format!("{TRICKY}\n"));
        let output = language.example(&stage).arg("without a socket's path").run().expect_ok();
        assert_eq!(output.stdout, "Let me look.\nFound it.\n", "the lock file says where; the last text is the answer");
        stage.provider.push(Step::status(401));
        let output = language.example(&stage).arg(&socket).arg("with a bad key").run().expect_code(1);
        assert!(output.stderr.contains("key"), "{}", output.stderr);
        let cwd = stage.project.join("gone");
        let output = language.example(&stage).env("PWD", &cwd).arg(&socket).arg("why?").run();
        assert!(output.code == Some(0) || output.stderr.contains("gone"), "{output:?}");
    }
    stage.end();
}

fn says_when_the_daemon_goes(language: &Language) {
    let step = Step::text("The beginning of an answer").chunks(4, 0).fault(Fault::Stall(3));
    let stage = Stage::new(Scenario::new().step(step));
    if !language.is_here(&stage.home) {
        return stage.end();
    }
    let running = language.example(&stage).arg(stage.home.socket()).arg("why?").start();
    stage.provider.wait_for(1, DEADLINE);
    stage.daemon.kill();
    let output = running.finish().expect_code(1);
    assert!(output.stderr.contains("the daemon closed the connection"), "{}", output.stderr);
    stage.home.assert_no_leftovers();
}

#[test]
fn the_python_example_answers_and_fails_in_words() {
    answers_and_fails_in_words(&PYTHON);
}

#[test]
fn the_lua_example_answers_and_fails_in_words() {
    answers_and_fails_in_words(&LUA);
}

#[test]
fn the_python_example_says_when_the_daemon_goes() {
    says_when_the_daemon_goes(&PYTHON);
}

#[test]
fn the_lua_example_says_when_the_daemon_goes() {
    says_when_the_daemon_goes(&LUA);
}
