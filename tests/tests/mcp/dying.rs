//! Servers that die, hang or are stopped while they work: the call ends, the server comes back, nothing is done twice.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{Signal, mcp::cpu_time, provider::Scenario, provider::Step, runs, signal, wait_until};

use crate::{
    rig::{Rig, Server, UP},
    work::result,
};

/// A call in flight has to end this soon after its server's death, with the time that the client itself takes on a
/// busy machine.
const SOON: Duration = Duration::from_secs(1);

/// How long the call took inside the daemon.
fn elapsed(begin: Instant) -> Duration {
    begin.elapsed()
}

#[test]
fn a_call_ends_when_its_server_dies_and_the_next_one_is_served_again() {
    let rig = Rig::new(&[Server::chaos("mortal", &[])]);
    for tool in ["die", "crash", "die_held"] {
        let pid = rig.pid("mortal");
        let begin = Instant::now();
        let output = rig.call("mortal", tool, &json!({}));
        assert!(output.code != Some(0) && output.stderr.contains("mortal"), "{tool}: {output:?}");
        assert!(elapsed(begin) < SOON, "{tool}: {:?}", elapsed(begin));
        rig.wait_for("mortal", "another process", |server| {
            server["state"] == "ready" && server["pid"].as_u64() != Some(u64::from(pid))
        });
        assert_eq!(rig.calls("mortal", tool), 1, "{tool} was not said to be harmless: it is not called twice");
        assert_eq!(rig.text("mortal", "echo", &json!({"text": "back"})), "back");
        let sleepers = || rig.tag.found().into_iter().any(|one| one.command.contains("--sleeper"));
        wait_until(SOON, "the end of what held its output", || !sleepers());
    }
    rig.close();
}

#[test]
fn a_call_that_only_reads_is_tried_once_more_and_one_that_changes_something_never() {
    let rig = Rig::new(&[Server::chaos("mortal", &[])]);
    rig.wait("mortal", "ready");
    assert_eq!(rig.text("mortal", "die_once", &json!({})), "answered the second time");
    rig.wait("mortal", "ready");
    let output = rig.call("mortal", "die_read", &json!({}));
    assert!(output.code != Some(0), "{output:?}");
    assert_eq!(rig.calls("mortal", "die_read"), 2);
    rig.wait("mortal", "ready");
    let output = rig.call("mortal", "effect_die", &json!({}));
    assert!(output.code != Some(0), "{output:?}");
    rig.wait("mortal", "ready");
    assert_eq!(rig.notes("mortal", "effects"), ["effect_die"]);
    rig.close();
}

#[test]
fn the_model_is_told_that_the_outcome_is_not_known_and_the_answer_still_comes() {
    let server = Server::chaos("mortal", &[]).keys("default_tools_approval_mode = \"approve\"");
    let rig = Rig::new(&[server]);
    rig.wait("mortal", "ready");
    rig.desk.provider.play(Scenario::new().step(Step::call("mcp__mortal__effect_die", json!({}))).text("I told you"));
    let answer = rig.desk.json(["do it"]);
    assert_eq!(answer["answer"], "I told you");
    let text = result(&rig.desk);
    assert!(text.contains("mortal") && text.contains("not known"), "{text}");
    assert_eq!(rig.notes("mortal", "effects").len(), 1);
    rig.close();
}

/// Kills a server while an ask waits for it; returns what the model saw of the call.
#[track_caller]
fn killed_in_an_ask(rig: &Rig, server: &str, step: Step, call: &str) -> (String, Value) {
    let pid = rig.pid(server);
    rig.desk.provider.play(Scenario::new().step(step).text("the answer"));
    let ask = rig.desk.ask(["--json", "look"]).start();
    rig.wait_note(server, "calls", call);
    signal(pid, Signal::KILL);
    let killed = Instant::now();
    rig.desk.provider.wait_for(2, UP);
    assert!(killed.elapsed() < SOON * 10, "{:?}", killed.elapsed());
    let answer = ask.finish_within(UP).expect_ok().json();
    assert_eq!(answer["answer"], "the answer");
    (result(&rig.desk), answer)
}

#[test]
fn a_server_killed_during_an_ask_is_replaced_and_the_answer_comes() {
    let rig = Rig::new(&[Server::chaos("mortal", &[])]);
    let step = Step::call("mcp__mortal__slow", json!({"seconds": 2}));
    let (text, _) = killed_in_an_ask(&rig, "mortal", step, "slow");
    // It only reads: it was called again.
    assert!(text.contains("slow for 2 s"), "{text}");
    assert_eq!(rig.calls("mortal", "slow"), 2);
    rig.close();
}

#[test]
fn a_wedged_server_is_found_and_replaced() {
    let rig = Rig::new(&[Server::chaos("wedged", &["--ignore-term"]).keys("tool_timeout_sec = 1")]);
    let pid = rig.pid("wedged");
    for _ in 0..2 {
        let output = rig.call("wedged", "stop", &json!({}));
        assert!(output.code != Some(0) && output.stderr.contains("1"), "{output:?}");
    }
    // Found out by three questions that are not answered, each with a deadline of its own.
    let server = rig.wait_for("wedged", "another process", |server| {
        server["state"] == "ready" && server["pid"].as_u64() != Some(u64::from(pid))
    });
    assert!(server["timeouts"].as_u64() >= Some(2) && !runs(pid), "{server}");
    assert_eq!(rig.text("wedged", "echo", &json!({"text": "back"})), "back");
    rig.close();
}

#[test]
fn a_slow_call_with_progress_outlives_its_time_out() {
    let rig = Rig::new(&[Server::chaos("slow", &[]).keys("tool_timeout_sec = 5")]);
    rig.wait("slow", "ready");
    let begin = Instant::now();
    let long = rig.desk.ctl(["mcp", "call", "slow", "slow", "{\"seconds\": 20, \"progress\": true}"]).start();
    let output = rig.call("slow", "slow", &json!({"seconds": 20}));
    assert!(output.code != Some(0) && output.stderr.contains('5'), "{output:?}");
    assert!((5..12).contains(&output.elapsed.as_secs()), "{:?}", output.elapsed);
    assert_eq!(long.finish_within(UP).expect_ok().stdout.trim_end(), "slow for 20 s");
    assert!(begin.elapsed() >= Duration::from_secs(20));
    rig.wait_note("slow", "cancelled", "");
    rig.close();
}

#[test]
fn a_call_that_is_given_up_is_cancelled_at_the_server() {
    let rig = Rig::new(&[Server::chaos("slow", &[])]);
    rig.wait("slow", "ready");
    let call = rig.desk.ctl(["mcp", "call", "slow", "slow", "{\"seconds\": 60}"]).start();
    rig.wait_note("slow", "calls", "slow");
    call.signal(Signal::INT);
    assert!(call.finish_within(UP).code != Some(0));
    rig.wait_note("slow", "cancelled", "");
    rig.close();
}

#[test]
fn a_crash_loop_costs_little() {
    let rig = Rig::new(&[Server::chaos("looping", &["--crash-after", "20"])]);
    rig.wait_for("looping", "restarted", |server| server["restarts"].as_u64() >= Some(1));
    let daemon = rig.desk.daemon_pid();
    let (begin, before) = (Instant::now(), cpu_time(daemon));
    // A fixed while, because it is a share of time that is measured.
    thread::sleep(Duration::from_secs(20));
    let used = cpu_time(daemon).saturating_sub(before);
    let share = used.as_secs_f64() / begin.elapsed().as_secs_f64();
    assert!(share < 0.02, "{:.1} % of one core: {used:?}", share * 100.0);
    let server = rig.server("looping");
    assert!((2..20).contains(&server["restarts"].as_u64().unwrap()), "{server}");
    assert!(rig.desk.answer(["hello"]).trim().ends_with("hello"));
    rig.close();
}

#[test]
fn restart_brings_a_server_back_at_once() {
    let rig = Rig::new(&[Server::chaos("s", &[]), Server::chaos("dead", &["--die-at-start", "3"])]);
    let pid = rig.pid("s");
    let output = rig.desk.ctl(["mcp", "restart", "s"]).run().expect_ok();
    assert!(format!("{}{}", output.stdout, output.stderr).contains("ready"), "{output:?}");
    assert_ne!(rig.pid("s"), pid);
    assert!(!runs(pid));
    let output = rig.desk.ctl(["mcp", "restart", "dead"]).run();
    assert!(output.code != Some(0) && format!("{}{}", output.stdout, output.stderr).contains('3'), "{output:?}");
    rig.close();
}
