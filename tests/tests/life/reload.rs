//! A new configuration for a running daemon: taken whole, or not at all.

use serde_json::json;
use tests::{DaemonGuard, Signal, provider::Scenario};

use crate::*;

/// A question that needs two model calls.
fn two_calls(scenario: Scenario) -> Scenario {
    scenario.step(Step::call("list_directory", json!({ "path": "." }))).text("listed")
}

/// A daemon with this configuration, and a provider that answers three such questions.
fn started(config: &str) -> (Home, FakeProvider, DaemonGuard, PathBuf) {
    let (home, provider) = with(two_calls(two_calls(two_calls(Scenario::new()))));
    home.config(config);
    let daemon = home.daemon();
    let project = home.project(&[("a.txt", "a")]);
    (home, provider, daemon, project)
}

#[track_caller]
fn end(home: &Home, daemon: DaemonGuard) {
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn a_good_configuration_holds_from_the_next_ask_on() {
    let (home, _provider, daemon, project) = started("[limits]\nmax_turns = 5\n");
    assert_eq!(home.agentctl(["ask", "list"]).cwd(&project).run().expect_ok().stdout.trim(), "listed");
    home.config("[limits]\nmax_turns = 1\n[log]\nlevel = \"error\"\n");
    let output = home.agentctl(["daemon", "reload"]).run().expect_ok();
    assert_says(&output.stdout, &["changed: ", "limits.max_turns", "log.level"]);
    let refused = home.agentctl(["ask", "list"]).cwd(&project).run().expect_code(5);
    assert_says(&refused.stderr, &["max_turns", "hint: "]);
    let pid = daemon.pid();
    end(&home, daemon);
    // From the swap on only errors are logged: neither the second ask nor the end left a line.
    let log = log(&home);
    assert!(log.contains("ready") && log.contains("answered"), "{log}");
    assert!(!log.contains("not answered") && !log.contains("stopped"), "pid {pid}: {log}");
}

#[test]
fn reading_the_same_configuration_again_changes_nothing() {
    let (home, _provider, daemon, _project) = started("[limits]\nmax_turns = 5\n");
    let output = home.agentctl(["daemon", "reload"]).run().expect_ok();
    assert_says(&output.stdout, &["nothing has changed"]);
    end(&home, daemon);
}

#[test]
fn what_needs_a_restart_is_said() {
    let (home, _provider, daemon, _project) = started("");
    home.config("[server]\nallow_uids = [4711]\n");
    let output = home.agentctl(["daemon", "reload"]).run().expect_ok();
    assert_says(&output.stdout, &["server.allow_uids", "only after agentctl daemon restart"]);
    end(&home, daemon);
}

#[test]
fn a_bad_configuration_is_refused_with_all_faults_and_the_old_one_stays() {
    let (home, _provider, daemon, project) = started("[limits]\nmax_turns = 5\n");
    let path = home.config("[limits]\nmax_turns = 1\nmax_trns = 2\n[log]\nlevel = \"loud\"\n").display().to_string();
    let faults = [format!("{path}:3: limits.max_trns"), format!("{path}:5: log.level")];
    let output = home.agentctl(["daemon", "reload"]).run().expect_code(2);
    assert_says(&output.stderr, &[&faults[0], &faults[1], "the old configuration stays in force"]);
    assert_eq!(home.agentctl(["ask", "list"]).cwd(&project).run().expect_ok().stdout.trim(), "listed");
    end(&home, daemon);
}

#[test]
fn hup_takes_a_good_configuration_and_keeps_the_old_one_for_a_bad_one() {
    let (home, _provider, mut daemon, project) = started("[limits]\nmax_turns = 5\n");
    let path = home.config("[limits]\nmax_turns = 0\n[nonsense]\nx = 1\n").display().to_string();
    daemon.signal(Signal::HUP);
    wait_log(&home, "reload failed");
    let text = log(&home);
    let line = text.lines().find(|line| line.contains("reload failed")).unwrap();
    assert_says(line, &[&format!("{path}:2: limits.max_turns"), &format!("{path}:3: "), "nonsense"]);
    home.agentctl(["ask", "list"]).cwd(&project).run().expect_ok();

    home.config("[limits]\nmax_turns = 1\n");
    daemon.signal(Signal::HUP);
    wait_log(&home, "configuration reloaded");
    home.agentctl(["ask", "list"]).cwd(&project).run().expect_code(5);
    assert!(daemon.is_running());
    end(&home, daemon);
}

#[test]
fn a_configuration_file_that_is_gone_means_the_defaults() {
    let (home, _provider, daemon, project) = started("[limits]\nmax_turns = 1\n");
    fs::remove_file(home.root().join("c/agentd/config.toml")).unwrap();
    let output = home.agentctl(["daemon", "reload"]).run().expect_ok();
    assert_says(&output.stdout, &["changed: limits.max_turns"]);
    home.agentctl(["ask", "list"]).cwd(&project).run().expect_ok();
    end(&home, daemon);
}

#[test]
fn reload_without_a_daemon_is_exit_code_three() {
    let home = home();
    let output = home.agentctl(["daemon", "reload"]).run().expect_code(3);
    assert_says(&output.stderr, &["agentd is not running"]);
    home.assert_no_leftovers();
}
