//! A new configuration starts, stops and changes only what has changed.

use serde_json::json;
use tests::{runs, wait_until};

use crate::rig::{Rig, Server, UP};

#[test]
fn a_reload_touches_only_what_has_changed() {
    let (kept, gone) = (Server::chaos("kept", &[]), Server::chaos("gone", &[]));
    let changed = Server::chaos("changed", &[]);
    let rig = Rig::new(&[kept.clone(), gone, changed.clone()]);
    let (kept_pid, gone_pid, changed_pid) = (rig.pid("kept"), rig.pid("gone"), rig.pid("changed"));
    let output = rig.reload(&[kept.clone(), changed.keys("env = { NEW = \"1\" }"), Server::chaos("new", &[])]);
    assert!(output.stdout.contains("mcp_servers.changed") && output.stdout.contains("mcp_servers.new"), "{output:?}");
    assert!(!output.stdout.contains("mcp_servers.kept"), "{output:?}");
    rig.wait_for("changed", "another process", |server| {
        server["state"] == "ready" && server["pid"].as_u64() != Some(u64::from(changed_pid))
    });
    rig.wait("new", "ready");
    assert_eq!(rig.pid("kept"), kept_pid);
    wait_until(UP, "the end of the servers that are gone", || !runs(gone_pid) && !runs(changed_pid));
    let names: Vec<String> =
        rig.list()["servers"].as_array().unwrap().iter().map(|one| one["name"].to_string()).collect();
    assert_eq!(names, ["\"changed\"", "\"kept\"", "\"new\""]);
    assert!(rig.text("changed", "env", &json!({})).contains("NEW="));
    assert_eq!(rig.notes("kept", "starts").len(), 1);
    rig.close();
}

#[test]
fn what_needs_no_new_process_gets_none() {
    let server = Server::chaos("s", &[]);
    let rig = Rig::new(std::slice::from_ref(&server));
    let pid = rig.pid("s");
    rig.reload(&[server.clone().keys("enabled_tools = [\"echo\"]\ntool_timeout_sec = 7")]);
    rig.wait_for("s", "one tool", |server| server["tools"] == 1);
    assert_eq!(rig.pid("s"), pid);
    rig.reload(&[server.keys("enabled = false")]);
    rig.wait("s", "disabled");
    wait_until(UP, "its end", || !runs(pid));
    rig.close();
}

#[test]
fn a_configuration_with_faults_leaves_the_servers_alone() {
    let rig = Rig::new(&[Server::chaos("s", &[])]);
    let pid = rig.pid("s");
    let faulty = [
        Server::command("a", "x", &[]).keys("timeout = 3"),
        Server::command("b", "x", &[]).keys("url = \"http://127.0.0.1:1/\""),
        Server::command("c", "x", &[]).keys("role = \"filesystem\""),
        Server::command("d", "x", &[]).keys("role = \"filesystem\""),
    ];
    crate::rig::configure(&rig.desk.home, &rig.tag, &faulty, "");
    let output = rig.desk.ctl(["daemon", "reload"]).run().expect_code(2);
    for word in ["mcp_servers.a.timeout", "mcp_servers.b", "filesystem"] {
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }
    assert_eq!(rig.pid("s"), pid);
    rig.close();
}
