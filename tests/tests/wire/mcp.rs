//! Requests about MCP servers where there is none: each is answered in words that lead on, and nothing is started.

use serde_json::{Value, json};

use crate::{end, offline, status};

fn fact(status: &Value, name: &str) -> String {
    let facts = status["facts"].as_array().unwrap();
    let found = facts.iter().find(|fact| fact["name"] == name).unwrap_or_else(|| panic!("no fact {name}: {status}"));
    found["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_daemon_without_servers_lists_none_and_says_so_in_its_status() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    for cwd in [json!(""), json!(home.project(&[]))] {
        let report = rpc.call("mcp.list", &json!({ "cwd": cwd })).unwrap();
        assert_eq!(report, json!({ "servers": [], "project": null }));
        assert_eq!(rpc.call("mcp.tools", &json!({ "cwd": cwd })).unwrap(), json!({ "tools": [] }));
    }
    assert_eq!(fact(&status(&mut rpc), "mcp"), "no servers are configured");
    end(daemon, &home);
}

#[test]
fn a_server_that_is_not_there_is_not_found_whatever_is_asked_of_it() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    for (method, params) in [
        ("mcp.tools", json!({ "server": "git" })),
        ("mcp.call", json!({ "server": "git", "tool": "git_log" })),
        ("mcp.restart", json!({ "server": "git" })),
        ("mcp.logs", json!({ "server": "git" })),
    ] {
        let failure = rpc.call(method, &params).unwrap_err();
        assert_eq!(failure.kind, "not_found", "{method}: {failure:?}");
        assert!(failure.message.contains("\"git\"") && failure.hint.contains("agentctl mcp add"), "{failure:?}");
    }
    end(daemon, &home);
}

#[test]
fn what_cannot_be_meant_is_refused_before_a_server_is_looked_for() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    for (method, params, cause) in [
        ("mcp.call", json!({ "server": "git", "tool": "t", "arguments": "[1]" }), "no object"),
        ("mcp.call", json!({ "server": "git", "tool": "t", "arguments": "{" }), "no JSON"),
        ("mcp.list", json!({ "cwd": "src" }), "absolute"),
        ("mcp.list", json!({ "cwd": "/no/such/place" }), "/no/such/place"),
        ("mcp.approve", json!({}), "absolute"),
    ] {
        let failure = rpc.call(method, &params).unwrap_err();
        assert_eq!(failure.kind, "usage", "{method} {params}: {failure:?}");
        assert!(failure.message.contains(cause), "{method} {params}: {failure:?}");
    }
    let nothing = rpc.call("mcp.approve", &json!({ "cwd": home.project(&[]), "sha256": "00" })).unwrap_err();
    assert_eq!(nothing.kind, "not_found", "{nothing:?}");
    end(daemon, &home);
}

#[test]
fn agentctl_shows_the_way_to_a_first_server_and_its_doctor_is_content() {
    let (daemon, home) = offline();
    let listed = home.agentctl(["mcp", "list"]).run().expect_ok().stdout;
    assert!(listed.contains("agentctl mcp add"), "{listed}");
    let listed: Value =
        serde_json::from_str(&home.agentctl(["mcp", "list", "--json"]).run().expect_ok().stdout).unwrap();
    assert_eq!(listed["servers"], json!([]));
    let found = home.agentctl(["mcp", "doctor"]).run().expect_ok().stdout;
    assert!(found.contains("filesystem: built-in; command: built-in"), "{found}");
    let output = home.agentctl(["mcp", "call", "git", "git_log", "--json"]).run().expect_code(1);
    let failure: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(failure["error"]["kind"], "not_found", "{failure}");
    home.agentctl(["mcp", "logs", "git"]).run().expect_code(1);
    let row = home.agentctl(["doctor"]).run().stdout;
    assert!(row.lines().any(|line| line.starts_with("ok    mcp ")), "{row}");
    end(daemon, &home);
}

#[test]
fn arguments_that_are_no_object_start_no_daemon() {
    let home = tests::Home::with(tests::bins!());
    home.agentctl(["mcp", "call", "git", "git_log", "[]"]).run().expect_code(2);
    assert!(home.lock_info().is_none(), "nothing was started");
    let found = home.agentctl(["mcp", "doctor"]).run().expect_ok().stdout;
    assert!(found.contains("agentctl daemon start"), "{found}");
    assert!(home.lock_info().is_none(), "nothing was started");
    home.assert_no_leftovers();
}
