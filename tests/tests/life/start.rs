//! How the daemon comes to life: by the first question, by ten at once, by hand.

use tests::{Running, provider::Scenario, runs};

use crate::*;

#[test]
fn a_cold_ask_starts_the_daemon_and_the_next_ask_finds_it_warm() {
    let (home, _provider) = with(Scenario::new());
    assert!(home.lock_info().is_none());
    ask_echo(&home, "first");
    let pid = home.daemon_pid();
    ask_echo(&home, "second");
    assert_eq!((home.daemon_pid(), status_pid(&home)), (pid, Some(pid)));
    assert!(runs(pid));
    stop(&home);
    wait_gone(&home, pid);
}

#[test]
fn ten_asks_at_once_start_one_daemon() {
    let (home, _provider) = with(Scenario::new());
    let asks: Vec<Running> = (0..10).map(|_| home.agentctl(["ask", "all", "together"]).start()).collect();
    for ask in asks {
        let output = ask.finish().expect_ok();
        assert!(output.stdout.contains("echo: "), "{}", output.stdout);
    }
    let left = home.leftovers();
    assert!(matches!(left.as_slice(), [only] if only.pid == home.daemon_pid()), "{left:?}");
    stop(&home);
    assert_eq!(log(&home).matches(" ready ").count(), 1, "a second daemon got ready:\n{}", log(&home));
}

#[test]
fn without_autostart_an_absent_daemon_is_exit_code_three() {
    let home = home();
    let output = home.agentctl(["--no-autostart", "ask", "hello"]).run().expect_code(3);
    assert_says(&output.stderr, &["agentd is not running", "agentctl daemon start"]);
    let output = home.agentctl(["status"]).run().expect_code(3);
    assert_says(&output.stderr, &["agentd is not running"]);
    let output = home.agentctl(["--no-autostart", "ask", "--json", "hello"]).run().expect_code(3);
    assert_eq!(output.json()["error"]["kind"], "unreachable");
    assert!(home.lock_info().is_none(), "nothing was started");
    home.assert_no_leftovers();
}

#[test]
fn a_detached_start_returns_with_ready_and_closes_the_callers_pipes() {
    let home = home();
    // The harness fails when a pipe is still open after the end: that is what would hang `$(agentd --daemonize)`.
    let output = home.agentd(["--daemonize"]).timeout(DEADLINE).run().expect_ok();
    let pid = home.daemon_pid();
    assert!(output.stdout.starts_with("ready: agentd "), "{}", output.stdout);
    assert_says(&output.stdout, &[&format!("(pid {pid})"), &home.socket().display().to_string()]);
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
    let captured = shell(&home, r#"said=$("$AGENTD_BIN" --daemonize 2>&1); echo "code $? $said""#).run().expect_ok();
    assert_says(&captured.stdout, &["code 1", &format!("already running (pid {pid}")]);
    stop(&home);
}

#[test]
fn the_client_starts_the_daemon_by_hand_and_again_is_no_error() {
    let home = home();
    let first = home.agentctl(["daemon", "start"]).run().expect_ok();
    let pid = home.daemon_pid();
    assert_says(&first.stdout, &["is ready", &pid.to_string()]);
    let again = home.agentctl(["daemon", "start"]).run().expect_ok();
    assert_says(&again.stdout, &["already runs", &pid.to_string()]);
    stop(&home);
}

#[test]
fn in_the_foreground_the_daemon_says_ready_and_where() {
    let home = home();
    let mut daemon = home.daemon();
    wait_until(DEADLINE, "the ready line", || daemon.stderr().ends_with('\n'));
    let said = daemon.stderr();
    assert_says(&said, &["ready: agentd ", &format!("pid {}", daemon.pid()), &home.socket().display().to_string()]);
    assert_eq!(daemon.terminate(DEADLINE).code, Some(0));
    home.assert_no_leftovers();
}

#[test]
fn a_program_that_is_missing_or_says_nothing_is_named() {
    let home = home();
    home.set_env("AGENTD_BIN", "/nonexistent/agentd");
    let output = home.agentctl(["ask", "hello"]).run().expect_code(3);
    assert_says(&output.stderr, &["AGENTD_BIN is not a program: /nonexistent/agentd", "hint: "]);
    home.set_env("AGENTD_BIN", "/bin/false");
    let output = home.agentctl(["ask", "hello"]).run().expect_code(3);
    assert_says(&output.stderr, &["agentd did not start", "said nothing", "agentctl doctor"]);
    home.assert_no_leftovers();
}
