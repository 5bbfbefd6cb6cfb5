//! Servers come into the configuration by a command, from other programs' files, and leave it again.

use std::fs;

use serde_json::json;
use tests::bins;

use crate::rig::{Rig, Server};

fn config(rig: &Rig) -> String {
    fs::read_to_string(rig.desk.home.root().join("c/agentd/config.toml")).unwrap()
}

#[test]
fn a_server_is_added_used_and_removed_and_the_rest_of_the_file_stays() {
    let rig = Rig::with(&[Server::chaos("old", &[])], "# my settings\n[limits]\nmax_turns = 9 # enough\n", |_| {});
    let before = config(&rig);
    let chaos = bins!().mcp_chaos;
    let command = ["mcp", "add", "new", "--env", "GIVEN=yes", "--", chaos.to_str().unwrap(), "--tag", rig.tag.as_str()];
    let output = rig.desk.ctl(command).run().expect_ok();
    assert!(format!("{}{}", output.stdout, output.stderr).contains("new"), "{output:?}");
    assert!(config(&rig).contains("max_turns = 9 # enough"));
    assert!(rig.text("new", "env", &json!({})).contains("GIVEN="));
    assert!(rig.desk.ctl(command).run().code != Some(0), "a name is taken once");
    rig.desk.ctl(["mcp", "remove", "new"]).run().expect_ok();
    assert_eq!(config(&rig), before);
    let output = rig.call("new", "echo", &json!({}));
    assert!(output.code != Some(0) && output.stderr.contains("new"), "{output:?}");
    assert!(rig.desk.ctl(["mcp", "remove", "new"]).run().code != Some(0));
    rig.close();
}

/// A file of another program, by its format.
fn foreign(rig: &Rig, format: &str) -> String {
    let (command, tag) = (bins!().mcp_chaos.to_str().unwrap().to_owned(), rig.tag.as_str());
    match format {
        "claude" => json!({"mcpServers": {"there": {"command": command, "args": ["--tag", tag],
            "env": {"LITERAL": "$HOME", "DEFAULTED": "${NOT_SET_HERE:-by default}", "TOKEN_X": "${TOKEN_X}"}}}})
        .to_string(),
        "vscode" => format!(
            "{{\n  // comments are allowed\n  \"servers\": {{\"there\": {{\"type\": \"stdio\", \"command\": {command:?}, \
             \"args\": [\"--tag\", {tag:?},],}},}},\n}}\n"
        ),
        _ => format!("[mcp_servers.there]\ncommand = {command:?}\nargs = [\"--tag\", {tag:?}]\n"),
    }
}

#[test]
fn each_of_three_formats_is_imported_after_a_dry_run_that_changes_nothing() {
    for (format, name) in [("claude", ".mcp.json"), ("vscode", "mcp.json"), ("codex", "config.toml")] {
        let rig = Rig::with(&[], "# mine\n", |home| home.set_env("TOKEN_X", "a-token-of-somebody-4711"));
        let path = rig.desk.home.root().join(name);
        fs::write(&path, foreign(&rig, format)).unwrap();
        let path = path.to_str().unwrap();
        let before = config(&rig);
        let output = rig.desk.ctl(["mcp", "import", path, "--dry-run"]).run().expect_ok();
        assert!(output.stdout.contains("[mcp_servers.there]"), "{format}: {output:?}");
        assert!(!output.stdout.contains("a-token-of-somebody"), "{format}: {output:?}");
        assert_eq!(config(&rig), before, "{format}");
        rig.desk.ctl(["mcp", "import", path]).run().expect_ok();
        assert!(!config(&rig).contains("a-token-of-somebody"), "a secret is named, not written down");
        let environment = rig.text("there", "env", &json!({}));
        if format == "claude" {
            for line in ["LITERAL=$HOME", "DEFAULTED=by default", "TOKEN_X="] {
                assert!(environment.contains(line), "{line}: {environment}");
            }
        }
        rig.close();
    }
}

#[test]
fn what_cannot_be_resolved_is_refused_by_its_name() {
    let rig = Rig::new(&[]);
    let path = rig.desk.home.root().join("mcp.json");
    let server = json!({"type": "stdio", "command": "x", "env": {"K": "${input:api-key}"}});
    fs::write(
        &path,
        json!({"servers": {"there": server}, "inputs": [{"id": "api-key", "type": "promptString"}]}).to_string(),
    )
    .unwrap();
    let output = rig.desk.ctl(["mcp", "import", path.to_str().unwrap()]).run();
    assert!(output.code != Some(0) && format!("{}{}", output.stdout, output.stderr).contains("api-key"), "{output:?}");
    assert!(!config(&rig).contains("there"));
    rig.close();
}
