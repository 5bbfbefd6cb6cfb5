//! Servers that do not start, or not as they should: said with the cause and the cure, and nobody waits for them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::rig::{Rig, Server, UP};

#[test]
fn a_server_that_dies_at_start_is_reported_with_its_last_words() {
    let rig = Rig::new(&[Server::chaos("dead", &["--die-at-start", "5", "--stderr", "no licence found"])]);
    let server = rig.wait_for("dead", "restarted", |server| server["restarts"].as_u64() >= Some(1));
    let error = server["error"].as_str().unwrap();
    assert!(error.contains('5') && error.contains("no licence found"), "{server}");
    let logs = rig.desk.ctl(["mcp", "logs", "dead"]).run().expect_ok().stdout;
    assert!(logs.contains("no licence found"), "{logs}");
    let output = rig.call("dead", "echo", &json!({}));
    assert!(output.code != Some(0) && output.stderr.contains("dead"), "{output:?}");
    assert!(rig.desk.answer(["hello"]).trim().ends_with("hello"));
    rig.close();
}

#[test]
fn a_command_that_does_not_exist_is_named_with_the_cure_and_not_tried_again() {
    let rig = Rig::new(&[Server::command("gone", "no-such-program-here", &[])]);
    let server = rig.wait("gone", "failed");
    let error = server["error"].as_str().unwrap();
    assert!(error.contains("no-such-program-here"), "{server}");
    let list = rig.desk.ctl(["mcp", "list"]).run().expect_ok();
    let said = format!("{}{}", list.stdout, list.stderr);
    assert!(said.contains("no-such-program-here") && said.contains("mcp_servers.gone.command"), "{said}");
    let doctor = rig.desk.ctl(["mcp", "doctor"]).run();
    assert!(doctor.stdout.contains("no-such-program-here"), "{doctor:?}");
    assert_eq!(rig.server("gone")["restarts"], 0);
    rig.close();
}

#[test]
fn a_server_that_hangs_in_initialize_ends_with_its_start_time() {
    let server = Server::chaos("mute", &["--era", "legacy", "--hang-initialize"]).keys("startup_timeout_sec = 1");
    let rig = Rig::new(&[server]);
    let server = rig.wait_for("mute", "tried twice", |server| server["restarts"].as_u64() >= Some(1));
    assert!(server["error"].as_str().unwrap().contains("1 s"), "{server}");
    rig.close();
}

/// The eras as they turn out, with what each of these servers does when it is asked for the newer one.
#[test]
fn every_way_to_refuse_the_newer_protocol_ends_in_the_older_one() {
    let rig = Rig::new(&[
        Server::chaos("refuses", &["--era", "legacy"]),
        Server::chaos("empty", &["--era", "legacy", "--discover", "empty"]),
        Server::chaos("ignores", &["--era", "legacy", "--discover", "ignored"]),
        Server::chaos("dies", &["--era", "legacy", "--die-on-unknown"]),
        Server::chaos("modern", &["--era", "modern"]),
    ]);
    for name in ["refuses", "empty", "ignores", "dies"] {
        assert_eq!(rig.wait(name, "ready")["era"], "legacy", "{name}");
        assert_eq!(rig.text(name, "echo", &json!({"text": name})), name);
    }
    assert_eq!(rig.wait("modern", "ready")["era"], "modern");
    assert_eq!(rig.text("modern", "echo", &json!({"text": "now"})), "now");
    rig.close();
}

#[test]
fn an_era_is_remembered_and_not_probed_again() {
    let mut rig = Rig::new(&[Server::chaos("ignores", &["--era", "legacy", "--discover", "ignored"])]);
    rig.wait("ignores", "ready");
    rig.desk.end_daemon();
    let probes = |rig: &Rig| rig.notes("ignores", "methods").iter().filter(|one| *one == "server/discover").count();
    assert_eq!(probes(&rig), 1);
    let daemon = rig.desk.home.daemon();
    let server = rig.wait("ignores", "ready");
    assert_eq!(probes(&rig), 1, "{server}");
    assert!(server["start_ms"].as_u64() < Some(2_500), "{server}");
    drop(daemon.terminate(UP));
    rig.tag.assert_gone_within(UP);
}

#[test]
fn a_configured_era_is_the_only_one_that_is_tried() {
    let legacy = Server::chaos("legacy", &["--era", "both"]).keys("protocol = \"legacy\"");
    let wrong = Server::chaos("wrong", &["--era", "legacy"]).keys("protocol = \"modern\"");
    let rig = Rig::new(&[legacy, wrong]);
    assert_eq!(rig.wait("legacy", "ready")["era"], "legacy");
    assert!(!rig.notes("legacy", "methods").contains(&"server/discover".to_owned()));
    let server = rig.wait_for("wrong", "refused", |server| server["error"] != "");
    assert!(server["error"].as_str().unwrap().contains("protocol"), "{server}");
    assert!(!rig.notes("wrong", "methods").contains(&"initialize".to_owned()));
    rig.close();
}

#[test]
fn an_ask_does_not_wait_for_a_server_that_starts() {
    let rig = Rig::new(&[Server::chaos("slow", &["--start-delay", "8000"])]);
    let begin = Instant::now();
    assert!(rig.desk.answer(["hello"]).trim().ends_with("hello"));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(rig.server("slow")["state"], "starting");
    rig.close();
}

#[test]
fn an_ask_waits_for_a_required_server_and_fails_without_it() {
    let slow = Server::chaos("slow", &["--start-delay", "1500"]).keys("required = true");
    let rig = Rig::new(&[slow]);
    assert!(rig.desk.answer(["hello"]).trim().ends_with("hello"));
    assert_eq!(rig.server("slow")["state"], "ready");
    assert!(rig.desk.chats()[0].tool_names().contains(&"mcp__slow__echo"));
    rig.close();
    let rig = Rig::new(&[Server::command("gone", "no-such-program-here", &[]).keys("required = true")]);
    let output = rig.desk.ask(["hello"]).run();
    assert!(output.code != Some(0) && output.stderr.contains("gone"), "{output:?}");
    assert_eq!(rig.desk.chats().len(), 0);
    rig.close();
}

#[test]
fn a_lazy_server_starts_with_its_first_call_once_for_two_callers() {
    let mut rig = Rig::new(&[Server::chaos("lazy", &["--start-delay", "300"]).keys("lazy = true")]);
    // Its tools are learned once; then it is known.
    tests::wait_until(UP, "its tools", || rig.server("lazy")["tools"].as_u64() > Some(0));
    rig.desk.end_daemon();
    let before = rig.notes("lazy", "starts").len();
    let daemon = rig.desk.home.daemon();
    assert_eq!(rig.server("lazy")["state"], "idle");
    assert!(rig.server("lazy")["tools"].as_u64() > Some(0), "known from before");
    let one = rig.desk.ctl(["mcp", "call", "lazy", "where", "{}"]).start();
    let two = rig.desk.ctl(["mcp", "call", "lazy", "where", "{}"]).start();
    assert_eq!(one.finish_within(UP).expect_ok().stdout, two.finish_within(UP).expect_ok().stdout);
    assert_eq!(rig.notes("lazy", "starts").len() - before, 1);
    drop(daemon.terminate(UP));
    rig.tag.assert_gone_within(UP);
}

#[test]
fn a_disabled_server_is_listed_and_never_started() {
    let rig = Rig::new(&[Server::chaos("off", &[]).keys("enabled = false"), Server::chaos("on", &[])]);
    rig.wait("on", "ready");
    assert_eq!(rig.server("off")["state"], "disabled");
    let output = rig.call("off", "echo", &json!({}));
    assert!(output.code != Some(0) && output.stderr.contains("off"), "{output:?}");
    assert_eq!(rig.notes("off", "starts").len(), 0);
    rig.close();
}

#[test]
fn npx_starts_without_a_network_once_it_has_been_run() {
    let dead_end = "http://127.0.0.1:9";
    let Some((rig, _real)) = Rig::real(|real, home| {
        let package = "@modelcontextprotocol/server-filesystem";
        let root = home.root().to_str().unwrap();
        let env = format!("env = {{ npm_config_proxy = {dead_end:?}, npm_config_https_proxy = {dead_end:?} }}");
        vec![Server::command("files", real.path("npx"), &["-y", "--prefer-offline", package, root]).keys(&env)]
    }) else {
        return;
    };
    let server = rig.wait("files", "ready");
    assert_eq!(server["tools"], 14, "{server}");
    rig.close();
}

#[test]
fn the_first_command_starts_the_daemon_and_reaches_its_servers() {
    let mut rig = Rig::new(&[Server::chaos("s", &[])]);
    rig.desk.end_daemon();
    assert_eq!(rig.text("s", "echo", &json!({"text": "at once"})), "at once");
    drop(rig.desk.ctl(["daemon", "stop"]).run().expect_ok());
    rig.tag.assert_gone_within(UP);
}
