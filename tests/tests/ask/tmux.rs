//! A real terminal, by tmux.

use std::{cell::Cell, path::Path, time::Duration};

use tests::{Invocation, bins, holds_within};

use crate::desk::{DEADLINE, Desk};

/// One terminal window in the project of a desk, with a shell in it. `$CTL` is the client.
pub(crate) struct Terminal<'a> {
    desk: &'a Desk,
    name: &'static str,
    /// Lines run so far: each end is told from those still on the screen.
    lines: Cell<u32>,
}

fn tmux(desk: &Desk, arguments: &[&str]) -> Invocation {
    let socket = desk.home.root().join("tmux.sock");
    desk.home.command("/usr/bin/tmux").arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments)
}

impl<'a> Terminal<'a> {
    /// Opens one; `None`, said loudly, on a machine without tmux.
    pub(crate) fn open(desk: &'a Desk, name: &'static str) -> Option<Self> {
        Self::open_with(desk, name, &[])
    }

    /// The same with more variables.
    pub(crate) fn open_with(desk: &'a Desk, name: &'static str, variables: &[(&str, &str)]) -> Option<Self> {
        if !Path::new("/usr/bin/tmux").exists() {
            eprintln!("SKIPPED: tmux is not installed, so nothing was tested on a terminal (apt-get install tmux)");
            return None;
        }
        let project = desk.project.to_str().unwrap();
        let size = ["-x", "100", "-y", "50", "-c", project];
        let mut open = tmux(desk, &["new-session", "-d", "-s", name]).args(size);
        let shell = [("PS1", "$ "), ("LC_ALL", "C.UTF-8"), ("HISTFILE", "/dev/null")];
        for (name, value) in shell.iter().chain(variables) {
            open = open.arg("-e").arg(format!("{name}={value}"));
        }
        open.arg("-e")
            .arg(format!("CTL={}", bins!().agentctl.display()))
            .args(["/bin/bash", "--norc", "--noprofile"])
            .run()
            .expect_ok();
        let terminal = Self { desk, name, lines: Cell::new(0) };
        terminal.wait("$");
        Some(terminal)
    }

    /// Types a line and Enter.
    pub(crate) fn line(&self, text: &str) {
        tmux(self.desk, &["send-keys", "-t", self.name, "-l", text]).run().expect_ok();
        self.key("Enter");
    }

    /// Presses a key by tmux's name for it.
    pub(crate) fn key(&self, key: &str) {
        tmux(self.desk, &["send-keys", "-t", self.name, key]).run().expect_ok();
    }

    /// What stands on the screen.
    pub(crate) fn screen(&self) -> String {
        tmux(self.desk, &["capture-pane", "-p", "-t", self.name]).run().expect_ok().stdout
    }

    /// The same with the escapes of its styles.
    pub(crate) fn styled(&self) -> String {
        tmux(self.desk, &["capture-pane", "-p", "-e", "-t", self.name]).run().expect_ok().stdout
    }

    /// Waits until the text stands on the screen; returns the screen.
    #[track_caller]
    pub(crate) fn wait(&self, text: &str) -> String {
        self.wait_count(text, 1)
    }

    /// Waits until the text stands on the screen this often; returns the screen.
    #[track_caller]
    pub(crate) fn wait_count(&self, text: &str, count: usize) -> String {
        let mut screen = String::new();
        let seen = holds_within(DEADLINE, || {
            screen = self.screen();
            screen.matches(text).count() >= count
        });
        assert!(seen, "waited for {count} times {text:?} and saw:\n{screen}");
        screen
    }

    /// Types a line, waits for its end; returns the screen. Panics unless it ends with this code.
    #[track_caller]
    pub(crate) fn run(&self, line: &str, code: u8) -> String {
        let number = self.lines.get() + 1;
        self.lines.set(number);
        self.line(&format!("{line}; echo end-{number}=$?."));
        self.wait(&format!("end-{number}={code}."))
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let killed = tmux(self.desk, &["kill-session", "-t", self.name]).timeout(Duration::from_secs(5)).run();
        drop(killed);
    }
}
