//! The daemon's life, from the first question to the last signal, with the real programs.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod doctor;
mod hygiene;
mod places;
mod pressure;
mod refused;
mod reload;
mod skew;
mod start;
mod stop;
mod systemd;

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tests::{
    Home, Invocation, Running, bins, holds_within,
    provider::{FakeProvider, Fault, Scenario, Step},
    wait_until,
};

/// For everything that is waited for; far above what it takes.
const DEADLINE: Duration = Duration::from_secs(20);
/// The user of tests that need one without root's rights.
const NOBODY: u32 = 65534;

fn home() -> Home {
    Home::with(bins!())
}

/// A home whose programs ask a fake provider with this script; the echo answers what it leaves open.
fn with(scenario: Scenario) -> (Home, FakeProvider) {
    let (home, provider) = (home(), FakeProvider::start(scenario));
    home.provider(&provider);
    (home, provider)
}

/// An answer that never comes.
fn stalled() -> Step {
    Step::text("never to its end").fault(Fault::Stall(0))
}

/// Asks, and requires the echo's answer.
#[track_caller]
fn ask_echo(home: &Home, question: &str) {
    let output = home.agentctl(["ask", question]).run().expect_ok();
    assert!(output.stdout.contains("echo: ") && output.stdout.contains(question), "{}", output.stdout);
}

/// Starts an ask and returns once its question has reached the provider, which has then seen `n` of them.
#[track_caller]
fn begin_ask(home: &Home, provider: &FakeProvider, n: usize) -> Running {
    let running = home.agentctl(["ask", "a long question"]).start();
    provider.wait_for(n, DEADLINE);
    running
}

/// Stops the daemon with the client and requires that nothing is left.
#[track_caller]
fn stop(home: &Home) {
    home.agentctl(["daemon", "stop"]).run().expect_ok();
    home.assert_no_leftovers();
}

#[track_caller]
fn assert_says(text: &str, needles: &[&str]) {
    for needle in needles {
        assert!(text.contains(needle), "{needle:?} is missing in:\n{text}");
    }
}

/// All log lines of the daemon so far.
fn log(home: &Home) -> String {
    let Ok(entries) = fs::read_dir(home.state_dir().join("log")) else { return String::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
}

/// Waits for a line of the log: it is written by a thread of its own.
#[track_caller]
fn wait_log(home: &Home, needle: &str) {
    if !holds_within(DEADLINE, || log(home).contains(needle)) {
        panic!("{needle:?} did not come into the log:\n{}", log(home));
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes a directory of mode 0700.
fn private_dir(path: &Path) {
    fs::create_dir_all(path).unwrap();
    chmod(path, 0o700);
}

/// A script of the shell in this home's environment; `$AGENTD_BIN` and `$AGENTCTL` are the programs.
fn shell(home: &Home, script: &str) -> Invocation {
    home.command("/bin/sh").env("AGENTCTL", bins!().agentctl).args(["-c", script])
}

/// A daemon started by a script that ends in `exec`, once it answers.
#[track_caller]
fn daemon_by(home: &Home, invocation: Invocation) -> Running {
    let mut running = invocation.timeout(Duration::from_secs(600)).start();
    let pid = running.pid();
    let ready = || home.lock_info().is_some_and(|info| info.pid == pid) && status_pid(home) == Some(pid);
    if !holds_within(DEADLINE, ready) {
        panic!("the daemon does not answer: {}{}", running.stdout_so_far(), running.stderr_so_far());
    }
    running
}

/// The pid in `status`, asked as a client that starts nothing.
fn status_pid(home: &Home) -> Option<u32> {
    let output = home.agentctl(["status", "--json"]).run();
    serde_json::from_str::<serde_json::Value>(&output.stdout).ok()?["pid"].as_u64()?.try_into().ok()
}

/// One field of `/proc/PID/status`.
fn proc_status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// Programs run by a user without root's rights: the tester, or nobody when the tester is root.
struct PlainUser<'a> {
    home: &'a Home,
    agentd: PathBuf,
    agentctl: PathBuf,
}

impl<'a> PlainUser<'a> {
    /// Gives the home to that user, with copies of the programs: the originals may lie where only root gets to.
    fn of(home: &'a Home) -> Self {
        let bins = bins!();
        let (agentd, agentctl) = (home.root().join("agentd"), home.root().join("agentctl"));
        fs::copy(bins.agentd, &agentd).unwrap();
        fs::copy(bins.agentctl, &agentctl).unwrap();
        home.set_env("AGENTD_BIN", &agentd);
        let user = Self { home, agentd, agentctl };
        user.own();
        user
    }

    /// Gives everything in the home to the user, again.
    fn own(&self) {
        if is_root() {
            let owner = format!("{NOBODY}:{NOBODY}");
            self.home.command("/bin/chown").args(["-R", &owner]).arg(self.home.root()).run().expect_ok();
        }
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Invocation {
        if !is_root() {
            return self.home.command(program).args(arguments);
        }
        let drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"].map(OsStr::new);
        self.home.command("/usr/bin/setpriv").args(drop).arg(program).args(arguments)
    }

    fn agentd(&self, arguments: &[&str]) -> Invocation {
        self.run(&self.agentd, arguments)
    }

    fn agentctl(&self, arguments: &[&str]) -> Invocation {
        self.run(&self.agentctl, arguments)
    }
}

/// Says on stderr that a test did not run, and why.
fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Waits for the end of a daemon that is not our child. Its first thread may end before the others, which keep lock
/// and socket for a moment: gone is who holds no lock.
#[track_caller]
fn wait_gone(home: &Home, pid: u32) {
    let lock = fs::File::open(home.state_dir().join("agentd.lock")).unwrap();
    wait_until(DEADLINE, "the end of the daemon", || !tests::runs(pid) && lock.try_lock_shared().is_ok());
}
