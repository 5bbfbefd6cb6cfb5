//! Plain tool names served by servers: the reference filesystem server and mcp-shell-server, with the answers that the
//! built-in tools give, and the built-in tools wherever a server does not serve.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    Signal,
    provider::{Scenario, Step},
    runs, signal,
};

use crate::{
    desk::Desk,
    rig::{Rig, Server, UP},
    work::{Asker, result},
};

/// The answer of an ask on whose way every question is answered with yes.
#[track_caller]
fn approved(desk: &Desk) -> Value {
    let Asker { mut rpc, id } = Asker::ask(desk, "look");
    loop {
        // Each line has a deadline of its own.
        let message: Value = serde_json::from_str(&rpc.read_line()).unwrap();
        if message["id"] == id {
            assert!(message["result"].is_object(), "{message}");
            return message["result"].clone();
        }
        if let Some(question) = message.pointer("/params/event/approval/approval") {
            rpc.send("approve", &json!({ "approval": question, "decision": "once" }));
        }
    }
}

/// What the model saw of each of these calls, each in an ask of its own, approved; and how the call is reported.
fn seen(desk: &Desk, calls: &[(&str, Value)]) -> Vec<(String, Value)> {
    let one = |(tool, arguments): &(&str, Value)| {
        desk.provider.play(Scenario::new().step(Step::call(*tool, arguments.clone())).text("seen"));
        let answer = approved(desk);
        // A search answers with whole paths, and each home has its own.
        (result(desk).replace(desk.project.to_str().unwrap(), "ROOT"), answer["tool_calls"][0].clone())
    };
    calls.iter().map(one).collect()
}

/// The same calls on a project with the same files, served by built-in tools alone.
fn built_in(calls: &[(&str, Value)]) -> Vec<(String, Value)> {
    let rig = Rig::new(&[]);
    prepare(&rig.desk);
    let seen = seen(&rig.desk, calls);
    rig.close();
    seen
}

fn prepare(desk: &Desk) {
    desk.home.write(&desk.project.join("docs/deep/a.md"), b"# A\n\nfirst\nsecond\nthird\n");
    desk.home.write(&desk.project.join("docs/b.md"), b"no newline at the end");
    desk.home.write(&desk.project.join("docs/empty.md"), b"");
}

fn file_calls() -> Vec<(&'static str, Value)> {
    vec![
        ("read_text_file", json!({"path": "notes.txt"})),
        ("read_text_file", json!({"path": "docs/deep/a.md", "head": 2})),
        ("read_text_file", json!({"path": "docs/deep/a.md", "tail": 2})),
        ("read_text_file", json!({"path": "docs/deep/a.md", "offset": 2, "limit": 2})),
        ("read_text_file", json!({"path": "docs/empty.md"})),
        ("read_text_file", json!({"path": "none.txt"})),
        ("read_text_file", json!({"path": "docs"})),
        ("read_multiple_files", json!({"paths": ["notes.txt", "none.txt", "docs/b.md"]})),
        ("list_directory", json!({"path": "."})),
        ("list_directory", json!({"path": "docs"})),
        ("list_directory", json!({"path": "none"})),
        ("directory_tree", json!({"path": "docs"})),
        ("search_files", json!({"path": ".", "pattern": "**/*.md"})),
        ("search_files", json!({"path": "docs", "pattern": "nothing-like-this"})),
        ("get_file_info", json!({"path": "notes.txt"})),
        ("create_directory", json!({"path": "made/deeper"})),
        ("write_file", json!({"path": "made/new.txt", "content": "one\ntwo\n"})),
        ("read_text_file", json!({"path": "made/new.txt"})),
        ("move_file", json!({"source": "made/new.txt", "destination": "made/moved.txt"})),
        ("move_file", json!({"source": "none.txt", "destination": "made/x.txt"})),
    ]
}

/// Without what differs from run to run: times.
fn timeless(text: &str) -> String {
    let dated = ["created", "modified", "accessed"];
    text.lines().filter(|line| !dated.iter().any(|word| line.starts_with(word))).collect::<Vec<_>>().join("\n")
}

fn filesystem(command: &str) -> Server {
    Server::command("files", command, &["${workspaceFolder}"]).keys("scope = \"project\"\nrole = \"filesystem\"")
}

/// Starts a lazy server of the project.
#[track_caller]
fn wake(rig: &Rig, name: &str) {
    drop(rig.desk.ctl(["mcp", "restart", name]).timeout(UP * 2).run().expect_ok());
    rig.wait(name, "ready");
}

#[test]
fn the_reference_server_answers_as_the_built_in_tools_do() {
    let Some((rig, _real)) = Rig::real(|real, _| vec![filesystem(real.path("filesystem"))]) else { return };
    prepare(&rig.desk);
    wake(&rig, "files");
    let calls = file_calls();
    let (theirs, ours) = (seen(&rig.desk, &calls), built_in(&calls));
    let mut differ = Vec::new();
    let mut served = 0;
    for (at, (their, our)) in theirs.iter().zip(&ours).enumerate() {
        served += usize::from(their.1["server"] == "files");
        if timeless(&their.0) != timeless(&our.0) || their.1["ok"] != our.1["ok"] {
            differ.push(format!("{:?}\n  server:   {:?}\n  built in: {:?}", calls[at], their, our));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(served >= calls.len() / 2, "{served} of {} calls were served by the server: {theirs:#?}", calls.len());
    let through =
        |tool: &str| calls.iter().zip(&theirs).any(|(call, their)| call.0 == tool && their.1["server"] == "files");
    for tool in [
        "read_text_file",
        "read_multiple_files",
        "list_directory",
        "get_file_info",
        "create_directory",
        "write_file",
        "move_file",
    ] {
        assert!(through(tool), "{tool} is served by the server where it can");
    }
    assert!(ours.iter().all(|(_, call)| call["server"] == ""), "{ours:?}");
    assert_eq!(fs::read_to_string(rig.desk.project.join("made/moved.txt")).unwrap(), "one\ntwo\n");
    rig.close();
}

/// Reads a file and then edits it, in one ask.
fn reads_and_edits(old: &str, new: &str) -> Scenario {
    let edits = json!([{"oldText": old, "newText": new}]);
    Scenario::new()
        .step(Step::call("read_text_file", json!({"path": "notes.txt"})))
        .step(Step::call("edit_file", json!({"path": "notes.txt", "edits": edits})))
        .text("edited")
}

#[test]
fn an_ask_edits_a_file_through_the_reference_server() {
    let Some((rig, _real)) = Rig::real(|real, _| vec![filesystem(real.path("filesystem"))]) else { return };
    wake(&rig, "files");
    rig.desk.provider.play(reads_and_edits("42", "43"));
    let answer = approved(&rig.desk);
    assert_eq!(answer["answer"], "edited");
    for call in answer["tool_calls"].as_array().unwrap() {
        assert_eq!((&call["ok"], &call["server"]), (&json!(true), &json!("files")), "{answer}");
    }
    assert_eq!(fs::read_to_string(rig.desk.project.join("notes.txt")).unwrap(), "The answer is 43.\n");
    let through = result(&rig.desk);
    let plain = Rig::new(&[]);
    plain.desk.provider.play(reads_and_edits("42", "43"));
    approved(&plain.desk);
    assert_eq!(through, result(&plain.desk));
    assert_eq!(rig.server("files")["failures"], 0);
    plain.close();
    rig.close();
}

#[test]
fn the_answer_comes_although_the_reference_server_is_killed_in_the_middle() {
    let Some((rig, _real)) = Rig::real(|real, _| vec![filesystem(real.path("filesystem"))]) else { return };
    wake(&rig, "files");
    let pid = rig.pid("files");
    let read = || Step::call("read_text_file", json!({"path": "notes.txt"}));
    let again = Step { delay_ms: 1_000, ..Step::call("read_text_file", json!({"path": "src/main.rs"})) };
    rig.desk.provider.play(Scenario::new().step(read()).step(again).text("the answer"));
    let ask = rig.desk.ask(["--json", "look"]).start();
    rig.desk.provider.wait_for(2, UP);
    signal(pid, Signal::KILL);
    let answer = ask.finish_within(UP).expect_ok().json();
    assert_eq!(answer["answer"], "the answer");
    assert!(answer["tool_calls"].as_array().unwrap().iter().all(|call| call["ok"] == true), "{answer}");
    assert_eq!(answer["tool_calls"][0]["server"], "files", "{answer}");
    assert_ne!(rig.pid("files"), pid);
    assert!(!runs(pid));
    rig.close();
}

#[test]
fn the_built_in_tool_serves_while_the_server_is_missing_starting_or_failing() {
    for (arguments, keys) in [
        (&["--die-at-start", "3"] as &[&str], ""),
        (&["--start-delay", "20000"], ""),
        (&["--hang-initialize", "--era", "legacy"], "startup_timeout_sec = 1"),
    ] {
        let arguments = [arguments, &["--plays", "filesystem"]].concat();
        let rig = Rig::new(&[Server::chaos("files", &arguments).keys("role = \"filesystem\"").keys(keys)]);
        let begin = Instant::now();
        let (text, call) = seen(&rig.desk, &[("read_text_file", json!({"path": "notes.txt"}))]).remove(0);
        assert!(text.contains("The answer is 42.") && call["ok"] == true, "{arguments:?}: {text}");
        assert!(call["fallback"] != "" && call["server"] == "", "{arguments:?}: {call}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{arguments:?}: {:?}", begin.elapsed());
        assert!(rig.server("files")["fallbacks"].as_u64() >= Some(1), "{}", rig.server("files"));
        let status = rig.desk.ctl(["status"]).run().expect_ok().stdout;
        assert!(status.contains("mcp"), "{status}");
        rig.close();
    }
}

#[test]
fn a_read_that_hangs_or_dies_falls_back_and_an_edit_that_dies_is_not_done_twice() {
    let arguments =
        ["--plays", "filesystem", "--hang-in", "read_text_file", "--die-in", "list_directory", "--die-in", "edit_file"];
    let rig = Rig::new(&[Server::chaos("files", &arguments).keys("role = \"filesystem\"")]);
    rig.wait("files", "ready");
    let begin = Instant::now();
    let (text, call) = seen(&rig.desk, &[("read_text_file", json!({"path": "notes.txt"}))]).remove(0);
    assert!(text.contains("The answer is 42.") && call["fallback"] != "", "{text}: {call}");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    rig.wait("files", "ready");
    let (text, call) = seen(&rig.desk, &[("list_directory", json!({"path": "."}))]).remove(0);
    assert!(text.contains("[FILE] notes.txt") && call["fallback"] != "", "{text}: {call}");
    rig.wait("files", "ready");
    rig.desk.provider.play(reads_and_edits("42", "43"));
    let answer = approved(&rig.desk);
    assert_eq!(answer["tool_calls"][1]["ok"], false, "{answer}");
    assert_eq!(rig.calls("files", "edit_file"), 1);
    assert_eq!(fs::read_to_string(rig.desk.project.join("notes.txt")).unwrap(), "The answer is 42.\n");
    rig.close();
}

#[test]
fn the_jail_and_the_secret_files_hold_in_front_of_a_server() {
    let rig = Rig::new(&[Server::chaos("files", &["--plays", "filesystem"]).keys("role = \"filesystem\"")]);
    rig.wait("files", "ready");
    fs::write(rig.desk.project.join(".env"), "HIDDEN=value\n").unwrap();
    for path in ["/etc/passwd", "../outside.txt", ".env", "src/../.env"] {
        let (text, call) = seen(&rig.desk, &[("read_text_file", json!({ "path": path }))]).remove(0);
        assert!(call["ok"] == false && !text.contains("root:") && !text.contains("HIDDEN"), "{path}: {text}");
    }
    assert_eq!(rig.calls("files", "read_text_file"), 0);
    let (_, call) = seen(&rig.desk, &[("read_text_file", json!({"path": "notes.txt"}))]).remove(0);
    assert_eq!((&call["server"], rig.calls("files", "read_text_file")), (&json!("files"), 1));
    rig.close();
}

#[test]
fn the_prefix_is_the_same_with_a_role_server_and_without() {
    let rig = Rig::new(&[Server::chaos("files", &["--plays", "filesystem"]).keys("role = \"filesystem\"")]);
    rig.wait("files", "ready");
    rig.desk.answer(["x"]);
    let plain = Rig::new(&[]);
    plain.desk.answer(["x"]);
    rig.desk.chats()[0].assert_same_frozen_part(&plain.desk.chats()[0]);
    plain.close();
    rig.close();
}

fn shell_calls() -> Vec<(&'static str, Value)> {
    let run = |words: &[&str]| ("shell_execute", json!({ "command": words }));
    vec![
        run(&["echo", "hello"]),
        run(&["cat", "notes.txt"]),
        run(&["ls"]),
        run(&["cat", "none.txt"]),
        ("shell_execute", json!({"command": ["ls"], "directory": "docs"})),
    ]
}

#[test]
fn the_shell_server_answers_as_the_built_in_command_tool_does() {
    let keys = "role = \"command\"\nenv = { ALLOW_COMMANDS = \"echo,cat,ls,sleep\" }";
    let Some((rig, _real)) = Rig::real(|real, _| vec![Server::command("sh", real.path("shell"), &[]).keys(keys)])
    else {
        return;
    };
    prepare(&rig.desk);
    rig.wait("sh", "ready");
    let calls = shell_calls();
    let (theirs, ours) = (seen(&rig.desk, &calls), built_in(&calls));
    for (at, (their, our)) in theirs.iter().zip(&ours).enumerate() {
        assert_eq!((&their.0, &their.1["ok"]), (&our.0, &our.1["ok"]), "{:?}", calls[at]);
        assert_eq!(their.1["server"], "sh", "{:?}: {}", calls[at], their.1);
    }
    // What the server refuses is refused, not run by somebody else.
    let refused = [("shell_execute", json!({"command": ["touch", "made-by-shell"]}))];
    let (text, call) = seen(&rig.desk, &refused).remove(0);
    assert!(text.contains("not allowed") && call["ok"] == false, "{text}: {call}");
    assert!(!rig.desk.project.join("made-by-shell").exists());
    rig.close();
}

#[test]
fn a_command_is_not_run_twice_when_its_server_dies() {
    let arguments = ["--plays", "command", "--die-in", "shell_execute"];
    let rig = Rig::new(&[Server::chaos("sh", &arguments).keys("role = \"command\"")]);
    rig.wait("sh", "ready");
    let touch = [("shell_execute", json!({"command": ["touch", "made.txt"]}))];
    let (text, call) = seen(&rig.desk, &touch).remove(0);
    assert!(call["ok"] == false && text.contains("not known"), "{text}: {call}");
    assert!(!rig.desk.project.join("made.txt").exists());
    assert_eq!(rig.calls("sh", "shell_execute"), 1);
    rig.close();
}
