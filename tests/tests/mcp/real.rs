//! Real servers of both eras side by side, and the protocol's own suite for clients.

use std::{env, fs, thread, time::Duration};

use serde_json::json;
use tests::{Home, bins, mcp::RealServers};

use crate::rig::{Rig, Server, UP};

/// The scenarios that are not about authorisation, of one revision of the protocol, run against `agentctl mcp probe`.
const SCENARIO_DEADLINE: Duration = Duration::from_secs(60);

fn five(real: &RealServers, home: &Home) -> Vec<Server> {
    let root = home.root().to_str().unwrap();
    vec![
        Server::command("everything", real.path("everything"), &[]),
        Server::command("fetch", real.path("fetch"), &[]),
        Server::command("files", real.path("filesystem"), &[root]),
        Server::command("git", real.path("git"), &[]),
        Server::command("time", real.path("time"), &[]),
    ]
}

#[test]
fn five_real_servers_of_both_eras_serve_side_by_side() {
    let Some((rig, _real)) = Rig::real(five) else { return };
    for (name, era) in
        [("everything", "legacy"), ("files", "legacy"), ("fetch", "modern"), ("git", "modern"), ("time", "modern")]
    {
        let server = rig.wait(name, "ready");
        assert!(server["era"] == era && server["tools"].as_u64() > Some(0), "{server}");
        assert!(server["server"] != "", "{server}");
    }
    let notes = rig.desk.project.join("notes.txt");
    assert!(rig.text("files", "read_text_file", &json!({ "path": notes })).contains("The answer is 42."));
    assert!(rig.text("everything", "echo", &json!({"message": "hi"})).contains("hi"));
    assert!(rig.text("time", "get_current_time", &json!({"timezone": "UTC"})).contains("UTC"));
    drop(rig.desk.home.command("git").args(["init", "-q"]).cwd(&rig.desk.project).run().expect_ok());
    let status = rig.text("git", "git_status", &json!({ "repo_path": rig.desk.project }));
    assert!(status.contains("notes.txt"), "{status}");
    let image = rig.text("everything", "get-tiny-image", &json!({}));
    assert!(image.contains("image/png") && image.len() < 2_000, "{image}");
    let fetched = rig.call("fetch", "fetch", &json!({"url": "http://127.0.0.1:9/"}));
    assert_eq!(fetched.code, Some(1), "{fetched:?}");
    stay_up(&rig);
    rig.close();
}

/// They stay up without a restart: for seconds here, for as many as `AGENTD_MCP_STAY_SECONDS` says by hand.
fn stay_up(rig: &Rig) {
    let seconds = env::var("AGENTD_MCP_STAY_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    thread::sleep(Duration::from_secs(seconds));
    for server in rig.list()["servers"].as_array().unwrap() {
        assert!(server["state"] == "ready" && server["restarts"] == 0, "{server}");
        assert!(server["uptime_ms"].as_u64() >= Some(seconds * 1000), "{server}");
    }
}

#[test]
fn five_real_servers_leave_no_process_when_the_daemon_is_killed() {
    let Some((mut rig, _real)) = Rig::real(five) else { return };
    let pids: Vec<u32> = ["everything", "fetch", "files", "git", "time"].map(|name| rig.pid(name)).into();
    rig.desk.kill_daemon();
    let left = || pids.iter().filter(|pid| tests::runs(**pid)).collect::<Vec<_>>();
    assert!(tests::holds_within(crate::rig::GONE, || left().is_empty()), "{:?}", left());
    assert!(tests::holds_within(crate::rig::GONE, || rig.desk.home.leftovers().is_empty()));
}

#[test]
fn progress_of_a_real_server_keeps_its_call_alive() {
    let Some((rig, _real)) =
        Rig::real(|real, _| vec![Server::command("e", real.path("everything"), &[]).keys("tool_timeout_sec = 2")])
    else {
        return;
    };
    rig.wait("e", "ready");
    let text = rig.text("e", "trigger-long-running-operation", &json!({"duration": 5, "steps": 5}));
    assert!(text.contains('5'), "{text}");
    rig.close();
}

#[track_caller]
fn conformance(revision: &str, wanted: usize) {
    let home = Home::with(bins!());
    let Some(real) = RealServers::find(&home) else { return };
    let suite = real.path("conformance");
    let list = home.command(suite).args(["list", "--client", "--requirements", revision]).run().expect_ok();
    let ours = list.stdout.split("Client scenarios").nth(1).unwrap().split("Run and reported").next().unwrap();
    let names = ours.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split(' ').next());
    let names: Vec<&str> = names.filter(|name| !name.starts_with("auth/")).collect();
    assert_eq!(names.len(), wanted, "{names:?}");
    let command = format!("{} mcp probe", bins!().agentctl.display());
    let mut failed = Vec::new();
    for name in names {
        let output = home
            .command(suite)
            .args(["client", "--command", &command, "--scenario", name, "--spec-version", revision])
            .cwd(home.root())
            .timeout(SCENARIO_DEADLINE)
            .run();
        if output.code != Some(0) {
            failed.push(format!("{name}:\n{}{}", output.stdout, output.stderr));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_client_passes_the_conformance_suite_of_the_older_protocol() {
    conformance("2025-11-25", 4);
}

#[test]
fn the_client_passes_the_conformance_suite_of_the_newer_protocol() {
    conformance("2026-07-28", 7);
}

#[test]
fn the_doctor_knows_what_is_there_and_what_is_not() {
    let Some((rig, _real)) = Rig::real(|real, _| {
        vec![
            Server::command("time", real.path("time"), &[]),
            Server::command("gone", "no-such-program-here", &[]),
            Server::chaos("dead", &["--die-at-start", "4", "--stderr", "needs a licence"]),
        ]
    }) else {
        return;
    };
    rig.wait("time", "ready");
    rig.wait_for("dead", "restarted", |server| server["error"] != "");
    let output = rig.desk.ctl(["mcp", "doctor"]).timeout(UP).run();
    for words in ["Node", "Python", "time", "modern", "no-such-program-here", "needs a licence"] {
        assert!(output.stdout.contains(words), "{words}: {output:?}");
    }
    assert!(output.code != Some(0), "a server has failed");
    let json = rig.desk.ctl(["mcp", "doctor", "--json"]).timeout(UP).run().json();
    assert!(json.is_object(), "{json}");
    let metrics = rig.list();
    assert!(metrics["servers"].as_array().unwrap().len() == 3, "{metrics}");
    assert!(fs::metadata(rig.desk.home.state_dir()).is_ok());
    rig.close();
}
