//! One process for all projects, one for each, and the servers that a project brings itself.

use std::fs;

use serde_json::{Value, json};
use tests::{bins, holds_within, provider::Scenario, provider::Step};

use crate::{
    rig::{Rig, Server, UP},
    work::result,
};

#[test]
fn a_server_of_scope_user_is_one_process_and_one_of_scope_project_is_one_for_each() {
    let rig = Rig::new(&[
        Server::chaos("shared", &[]),
        Server::chaos("own", &["--stderr", "root is ${workspaceFolder}"]).keys("scope = \"project\""),
    ]);
    let other = rig.desk.home.project(&[("other.txt", "of the other project\n")]);
    let ask = |server: &str, project: &std::path::Path| {
        let output = rig.desk.ctl(["mcp", "call", server, "where", "{}"]).cwd(project).timeout(UP).run().expect_ok();
        let text = output.stdout.trim().to_owned();
        text.split_once(' ').map(|(pid, dir)| (pid.to_owned(), dir.to_owned())).unwrap()
    };
    let (here, there) = (ask("own", &rig.desk.project), ask("own", &other));
    assert_ne!(here.0, there.0);
    // Paths of the home are shown as they are, or hidden; the server's own log tells which root it was given.
    assert_ne!(here.1, there.1);
    assert_eq!(ask("own", &rig.desk.project).0, here.0, "the same process again");
    assert_eq!(ask("shared", &rig.desk.project).0, ask("shared", &other).0);
    let logs = || rig.desk.ctl(["mcp", "logs", "own"]).cwd(&other).run().expect_ok().stdout;
    assert!(holds_within(UP, || logs().contains(other.to_str().unwrap())), "{}", logs());
    assert!(!logs().contains(rig.desk.project.to_str().unwrap()), "{}", logs());
    rig.close();
}

/// A project's file with a server of ours.
fn project_file(rig: &Rig, extra: &str) -> String {
    let notes = rig.desk.home.root().join("notes/own");
    fs::create_dir_all(&notes).unwrap();
    let arguments = ["--tag", rig.tag.as_str(), "--state", notes.to_str().unwrap()];
    let file = json!({"mcpServers": {"own": {"command": bins!().mcp_chaos, "args": arguments, "env": {"X": extra}}}});
    fs::write(rig.desk.project.join(".mcp.json"), file.to_string()).unwrap();
    file.to_string()
}

fn offers(rig: &Rig, prompt: &str) -> bool {
    rig.desk.provider.play(Scenario::new().text("seen"));
    rig.desk.answer([prompt]);
    rig.desk.chats().last().unwrap().tool_names().iter().any(|name| name.starts_with("mcp__own__"))
}

#[test]
fn a_project_file_is_used_only_after_its_very_bytes_were_approved() {
    let rig = Rig::new(&[]);
    project_file(&rig, "1");
    let output = rig.desk.ask(["hello"]).run().expect_ok();
    assert!(output.stderr.is_empty() || output.stderr.contains("mcp approve"), "{}", output.stderr);
    let list = rig.list();
    assert_eq!(list["project"]["approved"], false, "{list}");
    assert!(rig.call("own", "echo", &json!({})).code != Some(0));
    assert_eq!(rig.notes("own", "starts").len(), 0);
    // Nobody is asked where nobody can answer.
    assert!(rig.desk.ctl(["mcp", "approve"]).run().code != Some(0));
    rig.desk.ctl(["mcp", "approve", "--yes"]).run().expect_ok();
    assert_eq!(rig.list()["project"]["approved"], true);
    assert_eq!(rig.text("own", "echo", &json!({"text": "approved"})), "approved");
    assert!(holds_within(UP, || offers(&rig, "and now?")));
    // Another project does not see it.
    let other = rig.desk.home.project(&[]);
    let output = rig.desk.ctl(["mcp", "call", "own", "echo", "{}"]).cwd(&other).run();
    assert!(output.code != Some(0), "{output:?}");
    // One byte changes: it is asked again, and its servers end.
    project_file(&rig, "2");
    assert!(!offers(&rig, "and after the change?"));
    assert!(rig.call("own", "echo", &json!({})).code != Some(0));
    assert_eq!(rig.list()["project"]["approved"], false);
    rig.desk.ctl(["mcp", "approve", "--yes"]).run().expect_ok();
    assert!(rig.text("own", "env", &json!({})).contains("X=2"));
    rig.desk.ctl(["mcp", "approve", "--revoke"]).run().expect_ok();
    assert!(rig.call("own", "echo", &json!({})).code != Some(0));
    rig.close();
}

#[test]
fn an_approval_outlives_the_daemon() {
    let mut rig = Rig::new(&[]);
    project_file(&rig, "1");
    rig.desk.ctl(["mcp", "approve", "--yes"]).run().expect_ok();
    rig.desk.end_daemon();
    let daemon = rig.desk.home.daemon();
    assert_eq!(rig.text("own", "echo", &json!({"text": "still"})), "still");
    drop(daemon.terminate(UP));
    rig.tag.assert_gone_within(UP);
}

#[test]
fn a_project_may_not_bring_servers_in_its_settings() {
    let rig = Rig::new(&[]);
    fs::write(rig.desk.project.join(".agentd.toml"), "[mcp_servers.x]\ncommand = \"x\"\n").unwrap();
    let output = rig.desk.ask(["hello"]).run();
    assert!(output.code != Some(0) && output.stderr.contains(".mcp.json"), "{output:?}");
    rig.close();
}

#[test]
fn the_real_server_of_a_project_sees_only_its_files() {
    let Some((rig, _real)) = Rig::real(|real, _| {
        let keys = "scope = \"project\"\nrole = \"filesystem\"";
        vec![Server::command("files", real.path("filesystem"), &["${workspaceFolder}"]).keys(keys)]
    }) else {
        return;
    };
    let other = rig.desk.home.project(&[("secret-plan.txt", "of the other project\n")]);
    let path = other.join("secret-plan.txt");
    let arguments = json!({ "path": path }).to_string();
    let call = |project: &std::path::Path| {
        rig.desk.ctl(["mcp", "call", "files", "read_text_file", &arguments]).cwd(project).timeout(UP).run()
    };
    let output = call(&rig.desk.project).expect_code(1);
    assert!(!output.stdout.contains("of the other"), "{output:?}");
    assert!(call(&other).expect_ok().stdout.contains("of the other project"));
    let step = Step::call("read_text_file", json!({ "path": path }));
    rig.desk.provider.play(Scenario::new().step(step).text("seen"));
    let answer: Value = rig.desk.json(["look"]);
    assert_eq!((&answer["answer"], &answer["tool_calls"][0]["ok"]), (&json!("seen"), &json!(false)));
    assert!(!result(&rig.desk).contains("of the other"), "{}", result(&rig.desk));
    rig.close();
}

#[test]
fn what_an_approved_file_gives_to_its_servers_is_hidden_wherever_they_say_it() {
    let rig = Rig::new(&[]);
    let secret = "tell-nobody-of-this-1";
    let mut file: Value = serde_json::from_str(&project_file(&rig, "1")).unwrap();
    file["mcpServers"]["own"]["env"] = json!({"ACME_TOKEN": secret});
    fs::write(rig.desk.project.join(".mcp.json"), file.to_string()).unwrap();
    rig.desk.ctl(["mcp", "approve", "--yes"]).run().expect_ok();
    assert_eq!(rig.text("own", "echo", &json!({"text": format!("it is {secret}")})), "it is [REDACTED]");
    rig.text("own", "stderr", &json!({"text": format!("using {secret}")}));
    let logged = || rig.desk.ctl(["mcp", "logs", "own"]).run().expect_ok().stdout;
    assert!(holds_within(UP, || logged().contains("using [REDACTED]")), "{}", logged());
    rig.close();
}
