//! How the daemon ends: drained, out of patience, in a hurry.

use std::time::Instant;

use serde_json::json;
use tests::{
    Signal,
    provider::{Outcome, Scenario},
    signal,
};

use crate::*;

/// A daemon whose drain is short, and one turn that never ends in it.
fn stuck(drain_s: &str) -> (Home, FakeProvider, tests::DaemonGuard, Running) {
    let (home, provider) = with(Scenario::new().step(stalled()));
    home.set_env("AGENTD_SERVER_DRAIN_TIMEOUT", drain_s);
    let daemon = home.daemon();
    let ask = begin_ask(&home, &provider, 1);
    (home, provider, daemon, ask)
}

#[test]
fn a_stop_waits_for_the_running_turn_and_then_tidies_up() {
    let (home, provider) = with(Scenario::new().step(Step::text("the whole answer").chunks(2, 100)));
    let daemon = home.daemon();
    let (socket, pid) = (home.socket(), daemon.pid());
    let ask = begin_ask(&home, &provider, 1);
    let stop = home.agentctl(["daemon", "stop"]).run().expect_ok();
    assert_says(&stop.stdout, &[&format!("pid {pid}"), "has stopped"]);
    assert_says(&stop.stderr, &["waiting for 1 running turn"]);
    assert_eq!(ask.finish().expect_ok().stdout.trim(), "the whole answer");
    assert_eq!(daemon.wait(DEADLINE).code, Some(0));
    assert!(!socket.exists(), "the socket is unlinked");
    assert!(home.state_dir().join("agentd.lock").is_file(), "the lock file stays");
    assert!(log(&home).trim_end().ends_with("stopped"), "the log is flushed to its last line:\n{}", log(&home));
    home.assert_no_leftovers();
}

#[test]
fn while_it_drains_status_answers_and_new_questions_wait_for_the_next_daemon() {
    let (home, provider) = with(Scenario::new().step(Step::text("slow").delay(1500)));
    let daemon = home.daemon();
    let (old, mut rpc) = (daemon.pid(), home.rpc());
    let ask = begin_ask(&home, &provider, 1);
    daemon.signal(Signal::TERM);
    wait_until(DEADLINE, "the drain", || rpc.call("status", &json!({})).unwrap()["draining"] == true);
    let refused = rpc.call("ask", &json!({ "prompt": "x", "cwd": home.root() })).unwrap_err();
    assert_eq!((refused.kind.as_str(), refused.hint.is_empty()), ("draining", false), "{refused:?}");
    ask_echo(&home, "asked while it drains");
    assert_ne!(home.daemon_pid(), old);
    assert_eq!(ask.finish().expect_ok().stdout.trim(), "slow");
    daemon.wait(DEADLINE).expect_ok();
    stop(&home);
}

#[test]
fn when_the_drain_time_is_over_the_turn_is_cancelled() {
    let (home, provider, daemon, ask) = stuck("0.3");
    let output = daemon.terminate(DEADLINE).expect_ok();
    assert!(output.elapsed < Duration::from_secs(10), "{:?}", output.elapsed);
    let ask = ask.finish();
    assert_eq!(ask.code, Some(3), "the daemon ended it, not the user: {ask:?}");
    assert_says(&ask.stderr, &["agentd", "stop", "hint: "]);
    provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    assert_says(&log(&home), &["drain time is over", "stopped"]);
    assert!(!home.socket().exists());
    home.assert_no_leftovers();
}

#[test]
fn a_second_signal_leaves_at_once() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::INT)] {
        let (home, _provider, daemon, ask) = stuck("60");
        let mut rpc = home.rpc();
        daemon.signal(first);
        wait_until(DEADLINE, "the drain", || rpc.call("status", &json!({})).unwrap()["draining"] == true);
        let before = Instant::now();
        daemon.signal(second);
        daemon.wait(DEADLINE).expect_ok();
        assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
        assert_eq!(ask.finish().code, Some(3));
        assert!(!home.socket().exists());
        assert_says(&log(&home), &["second signal"]);
        home.assert_no_leftovers();
    }
}

#[test]
fn an_idle_daemon_stops_within_a_second() {
    let home = home();
    let daemon = home.daemon();
    // Connections that say nothing do not hold it up.
    let _idle: Vec<_> = (0..10).map(|_| home.rpc()).collect();
    let before = Instant::now();
    daemon.terminate(DEADLINE).expect_ok();
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    home.assert_no_leftovers();
}

#[test]
fn stopping_what_does_not_run_is_fine_and_says_so() {
    let home = home();
    let output = home.agentctl(["daemon", "stop"]).run().expect_ok();
    assert_says(&output.stdout, &["agentd does not run"]);
    // Nor after a daemon that was killed.
    home.agentctl(["daemon", "start"]).run().expect_ok();
    let pid = home.daemon_pid();
    signal(pid, Signal::KILL);
    wait_gone(&home, pid);
    assert_says(&home.agentctl(["daemon", "stop"]).run().expect_ok().stdout, &["agentd does not run"]);
    home.assert_no_leftovers();
}

#[test]
fn a_stop_that_is_only_for_an_idle_daemon_is_refused_while_a_turn_runs() {
    let (home, provider) = with(Scenario::new().step(Step::text("done").delay(1500)));
    let daemon = home.daemon();
    let ask = begin_ask(&home, &provider, 1);
    let mut rpc = home.rpc();
    let refused = rpc.call("stop", &json!({ "if_idle": true })).unwrap_err();
    assert_eq!((refused.kind.as_str(), refused.code), ("refused", -32004), "{refused:?}");
    assert_says(&refused.message, &["1 turn"]);
    let restart = home.agentctl(["daemon", "restart"]).run().expect_code(4);
    assert_says(&restart.stderr, &["1 turn", "--force"]);
    assert_eq!(ask.finish().expect_ok().stdout.trim(), "done", "the turn was not disturbed");
    let stopped = rpc.call("stop", &json!({ "if_idle": true })).unwrap();
    assert_eq!(stopped["pid"], daemon.pid());
    daemon.wait(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}
