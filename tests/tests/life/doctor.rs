//! `agentctl doctor`: each bad day has a finding with its cure, and the exit code tells whether agentd can serve.

use std::os::unix::fs::symlink;

use serde_json::Value;
use tests::{Signal, provider::Scenario, signal};

use crate::*;

/// Runs doctor in both forms; returns the finding of that name that is not in order, else the first of that name.
#[track_caller]
fn finding(home: &Home, name: &str, code: i32) -> Value {
    let report = home.agentctl(["doctor", "--json"]).run().expect_code(code).json();
    assert_eq!(report["ok"], code == 0, "{report}");
    let all: Vec<&Value> = report["findings"].as_array().unwrap().iter().filter(|one| one["name"] == name).collect();
    for one in report["findings"].as_array().unwrap() {
        assert!(one["level"] == "ok" || one["cure"] != "", "no cure: {one}");
    }
    let found = all.iter().find(|one| one["level"] != "ok").or(all.first());
    let found = (*found.unwrap_or_else(|| panic!("no finding {name}: {report}"))).clone();
    let text = home.agentctl(["doctor"]).run().expect_code(code).stdout;
    assert_says(&text, &[found["message"].as_str().unwrap(), found["cure"].as_str().unwrap()]);
    found
}

#[track_caller]
fn assert_finding(home: &Home, name: &str, level: &str, needles: &[&str]) {
    let found = finding(home, name, i32::from(level == "fail"));
    assert_eq!(found["level"], level, "{found}");
    assert_says(&found.to_string(), needles);
}

/// A stop takes hold when the thread that got the signal runs next; until then the others go on.
fn threads_stand_still(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut stats = threads.map(|one| fs::read_to_string(one.unwrap().path().join("stat")).unwrap_or_default());
    stats.all(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')))
}

#[test]
fn a_fresh_home_is_in_order_and_nothing_is_started() {
    let home = home();
    for name in ["state", "log", "lock", "socket", "agentd", "config"] {
        assert_finding(&home, name, "ok", &[]);
    }
    assert!(!home.state_dir().exists(), "it looks and makes nothing");
    home.assert_no_leftovers();
}

#[test]
fn a_running_daemon_is_found_with_its_pid() {
    let (home, _provider) = with(Scenario::new());
    ask_echo(&home, "hello");
    let pid = format!("pid {}", home.daemon_pid());
    assert_finding(&home, "daemon", "ok", &[&pid]);
    assert_finding(&home, "lock", "ok", &[&pid]);
    stop(&home);
}

#[test]
fn a_stale_socket_is_a_warning_and_no_failure() {
    let home = home();
    home.agentctl(["daemon", "start"]).run().expect_ok();
    let pid = home.daemon_pid();
    signal(pid, Signal::KILL);
    wait_gone(&home, pid);
    assert_finding(&home, "socket", "warn", &["stale", "the next start of the daemon replaces it"]);
    assert_finding(&home, "lock", "ok", &["free; "]);
    home.assert_no_leftovers();
}

#[test]
fn a_daemon_that_holds_the_lock_but_does_not_answer_is_a_failure() {
    let home = home();
    home.agentctl(["daemon", "start"]).run().expect_ok();
    let pid = home.daemon_pid();
    signal(pid, Signal::STOP);
    wait_until(DEADLINE, "every thread to stand still", || threads_stand_still(pid));
    assert_finding(&home, "lock", "fail", &["holds the lock but does not answer", &format!("kill {pid}")]);
    signal(pid, Signal::CONT);
    stop(&home);
}

#[test]
fn a_missing_key_is_a_warning_and_a_present_one_is_never_shown() {
    let home = home();
    assert_finding(&home, "key", "warn", &["DEEPSEEK_API_KEY is not set", "offline"]);
    home.set_env("DEEPSEEK_API_KEY", "sk-very-secret");
    assert_finding(&home, "key", "ok", &["DEEPSEEK_API_KEY is set"]);
    let text = home.agentctl(["doctor"]).run().expect_ok().stdout;
    assert!(!text.contains("very-secret"), "{text}");
}

#[test]
fn what_the_daemon_would_refuse_is_a_failure_with_the_same_cure() {
    let home = home();
    let state = home.state_dir();
    private_dir(&state);
    chmod(&state, 0o750);
    assert_finding(&home, "state", "warn", &["mode 0750", "chmod 700"]);
    home.agentctl(["daemon", "start"]).run().expect_ok();
    stop(&home);
    chmod(&state, 0o770);
    assert_finding(&home, "state", "fail", &["mode 0770", "chmod 700"]);
    home.agentctl(["daemon", "start"]).run().expect_code(3);
    chmod(&state, 0o700);
    home.assert_no_leftovers();
}

#[test]
fn a_runtime_directory_that_the_daemon_would_refuse_is_a_failure() {
    let home = home();
    let dir = home.root().join("r/agentd");
    private_dir(&dir);
    chmod(&dir, 0o770);
    assert_finding(&home, "socket", "fail", &["mode 0770", "chmod 700", &dir.display().to_string()]);
    fs::remove_dir(&dir).unwrap();
    symlink(home.root().join("h"), &dir).unwrap();
    assert_finding(&home, "socket", "fail", &["symbolic link", &dir.display().to_string()]);
    fs::remove_file(&dir).unwrap();
    home.write(&home.root().join("r/agentd/agentd.sock"), b"");
    assert_finding(&home, "socket", "fail", &["not a socket"]);
}

#[test]
fn faults_of_the_configuration_are_a_failure_with_their_lines() {
    let home = home();
    let path = home.config("[log]\nlevel = \"loud\"\n[limits]\nmax_turns = 0\n").display().to_string();
    assert_finding(&home, "config", "fail", &[&format!("{path}:2: log.level"), &format!("{path}:4: limits.max_turns")]);
}

#[test]
fn a_missing_program_and_missing_places_are_failures() {
    let home = home();
    home.set_env("AGENTD_BIN", "/nonexistent/agentd");
    assert_finding(&home, "agentd", "fail", &["/nonexistent/agentd", "AGENTD_BIN"]);
    home.set_env("AGENTD_BIN", bins!().agentd);
    for name in ["HOME", "XDG_STATE_HOME"] {
        home.remove_env(name);
    }
    assert_finding(&home, "places", "fail", &["HOME is not set", "AGENTD_STATE_DIR"]);
}
