//! The daemon ends, and with it every process of every server: by TERM, by KILL, with its supervisors or without.

use serde_json::json;
use tests::{Home, Leftover, Signal, holds_within, provider::Scenario, signal, wait_until};

use crate::rig::{GONE, Rig, Server, UP};

/// Servers that do what they can to stay.
fn stubborn() -> Vec<Server> {
    vec![
        Server::chaos("plain", &[]),
        Server::chaos("deaf", &["--ignore-eof", "--ignore-term"]),
        Server::chaos("parent", &[]),
        Server::chaos("forker", &["--ignore-eof"]),
        Server::chaos("frozen", &[]).keys("tool_timeout_sec = 1"),
    ]
}

/// A daemon with those, each having done what it does.
fn rig() -> Rig {
    let rig = Rig::new(&stubborn());
    for name in ["plain", "deaf", "parent", "forker", "frozen"] {
        rig.wait(name, "ready");
    }
    rig.text("parent", "child", &json!({}));
    rig.text("forker", "daemon", &json!({}));
    rig.call("frozen", "stop", &json!({}));
    let sleepers = || rig.tag.found().iter().filter(|one| one.command.contains("--sleeper")).count();
    wait_until(UP, "the children of the servers", || sleepers() == 2);
    assert!(rig.tag.found().len() >= 7, "{:?}", rig.tag.found());
    rig
}

#[test]
fn term_leaves_no_process_of_any_server() {
    rig().close();
}

#[test]
fn a_killed_daemon_leaves_no_process_of_any_server() {
    let mut rig = rig();
    rig.desk.kill_daemon();
    rig.tag.assert_gone_within(GONE);
}

#[test]
fn the_next_daemon_ends_what_daemon_and_supervisors_killed_together_left() {
    let mut rig = rig();
    let daemon = rig.desk.daemon_pid();
    // Whatever runs the daemon's program: it, and those that watch over its children. Nobody is left who could tidy up.
    let ours = |home: &Home| -> Vec<Leftover> {
        home.leftovers().into_iter().filter(|one| one.command.contains("agentd")).collect()
    };
    let watchers: Vec<Leftover> = ours(&rig.desk.home).into_iter().filter(|one| one.pid != daemon).collect();
    // All stopped first, so that none sees another one's end.
    signal(daemon, Signal::STOP);
    watchers.iter().for_each(|one| signal(one.pid, Signal::STOP));
    watchers.iter().for_each(|one| signal(one.pid, Signal::KILL));
    rig.desk.kill_daemon();
    let left = rig.tag.found();
    let old: Vec<u32> = left.iter().map(|one| one.pid).collect();
    assert!(!watchers.is_empty() && !left.is_empty(), "{watchers:?}, {left:?}");
    let daemon = rig.desk.home.daemon();
    let old_left = || rig.tag.found().into_iter().filter(|one| old.contains(&one.pid)).collect::<Vec<_>>();
    assert!(holds_within(GONE, || old_left().is_empty()), "{:#?}", old_left());
    for name in ["plain", "deaf", "parent", "forker", "frozen"] {
        rig.wait(name, "ready");
    }
    drop(daemon.terminate(UP));
    rig.tag.assert_gone_within(GONE);
}

#[test]
fn a_server_that_starts_while_the_daemon_ends_is_gone_too() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut rig = Rig::new(&[
            Server::chaos("slow", &["--start-delay", "20000", "--ignore-term"]),
            Server::chaos("mute", &["--hang-initialize", "--era", "legacy", "--ignore-eof"]),
        ]);
        rig.wait_note("slow", "starts", "");
        rig.wait_note("mute", "starts", "");
        match signal {
            Signal::TERM => rig.desk.end_daemon(),
            _ => rig.desk.kill_daemon(),
        }
        rig.tag.assert_gone_within(GONE);
    }
}

#[test]
fn a_killed_daemon_in_the_middle_of_a_call_leaves_nothing() {
    let mut rig = Rig::new(&[Server::chaos("s", &[])]);
    rig.wait("s", "ready");
    rig.desk.provider.play(Scenario::new().step(tests::provider::Step::call("mcp__s__slow", json!({"seconds": 60}))));
    let ask = rig.desk.ask(["look"]).start();
    rig.wait_note("s", "calls", "slow");
    rig.desk.kill_daemon();
    rig.tag.assert_gone_within(GONE);
    assert!(ask.finish_within(UP).code != Some(0));
}
