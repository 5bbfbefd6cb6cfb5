//! Who may speak: the daemon's own user, those listed, nobody else, and not its own children. The second user is real.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use serde_json::{Value, json};
use tests::{
    Home, bins,
    provider::{FakeProvider, Scenario, Step},
    wait_until,
};

use crate::{DEADLINE, Stage, end, examples::skipped, log, offline, orphan, status};

/// The second user: `nobody`.
const STRANGER: u32 = 65534;

/// False, with a word, when no second user can be had here.
fn have_second_user(home: &Home) -> bool {
    if !rustix::process::getuid().is_root() {
        skipped("a second user (these tests need root)", "nothing: run tests/run as root");
        return false;
    }
    let probe =
        format!("setpriv --reuid={STRANGER} --regid={STRANGER} --clear-groups true && nc -h 2>&1 | grep -q OpenBSD");
    let have = home.command("/bin/sh").args(["-c", &probe]).run().code == Some(0);
    if !have {
        skipped("setpriv or nc of OpenBSD", "util-linux netcat-openbsd");
    }
    have
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Takes the file system's protection away, so that only the daemon's own remains.
fn open_the_doors(home: &Home) {
    let socket = home.socket();
    mode(&socket, 0o666);
    let inside = socket.ancestors().skip(1).take_while(|dir| dir.starts_with(home.root()));
    inside.for_each(|dir| mode(dir, 0o711));
}

/// Sends lines as the second user and returns what came back.
fn as_stranger(home: &Home, lines: &[Value]) -> Vec<Value> {
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let ids = [format!("--reuid={STRANGER}"), format!("--regid={STRANGER}"), "--clear-groups".to_owned()];
    let run = home.command("setpriv").args(ids).args(["nc", "-N", "-U"]).arg(home.socket()).cwd("/");
    let output = run.stdin(lines).timeout(DEADLINE).run();
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn request(id: i64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// The last message under that id.
#[track_caller]
fn reply(messages: &[Value], id: i64) -> Value {
    match messages.iter().find(|message| message["id"] == id) {
        Some(message) => message.clone(),
        None => panic!("no reply to {id} in {messages:#?}"),
    }
}

#[test]
fn another_user_is_refused_in_clear_words() {
    let (daemon, home) = offline();
    if have_second_user(&home) {
        open_the_doors(&home);
        let messages = as_stranger(&home, &[request(1, "status", &json!({}))]);
        assert_eq!(messages.len(), 1, "a refusal and nothing else: {messages:?}");
        let error = &messages[0]["error"];
        assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32004), &json!("refused")));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("serves user 0, not user 65534"), "{message}");
        assert!(error["data"]["hint"].as_str().unwrap().contains("server.allow_uids"), "{error}");
        wait_until(DEADLINE, "the refusal in the log", || log(&home).contains("not user 65534"));
    }
    end(daemon, &home);
}

#[test]
fn a_listed_user_may_ask_but_not_stop_and_sees_only_its_own_sessions() {
    let home = Home::with(bins!());
    if !have_second_user(&home) {
        return;
    }
    let provider = FakeProvider::start(Scenario::new().text("for nobody").text("for root"));
    home.provider(&provider);
    home.config(&format!("[server]\nallow_uids = [{STRANGER}]\n"));
    let project = home.project(&[]);
    let daemon = home.daemon();
    open_the_doors(&home);

    let ask = json!({ "prompt": "what am I?", "cwd": project });
    assert_eq!(reply(&as_stranger(&home, &[request(1, "ask", &ask)]), 1)["result"]["answer"], "for nobody");
    let mut rpc = home.rpc();
    assert_eq!(rpc.call("sessions.list", &json!({})).unwrap()["sessions"], json!([]), "root sees nothing of it");
    assert_eq!(rpc.call("ask", &json!({ "prompt": "and I?", "cwd": project })).unwrap()["answer"], "for root");

    let here = json!({ "cwd": project });
    let messages = as_stranger(
        &home,
        &[
            request(1, "status", &json!({})),
            request(2, "sessions.list", &json!({})),
            request(3, "sessions.show", &here),
            request(4, "stop", &json!({})),
            request(5, "reload", &json!({})),
        ],
    );
    assert_eq!(reply(&messages, 1)["result"]["pid"], daemon.pid());
    let sessions = reply(&messages, 2)["result"]["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    assert_eq!(sessions[0]["last_question"], "what am I?");
    let exchanges = reply(&messages, 3)["result"]["conversations"][0]["exchanges"].clone();
    assert_eq!(exchanges, json!([{ "question": "what am I?", "answer": "for nobody" }]));
    for (id, method) in [(4, "stop"), (5, "reload")] {
        let error = reply(&messages, id)["error"].clone();
        assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32004), &json!("refused")));
        assert_eq!(error["message"], format!("user {STRANGER} may not send {method}"));
        assert!(!error["data"]["hint"].as_str().unwrap().is_empty(), "{error}");
    }
    assert_eq!(reply(&as_stranger(&home, &[request(1, "sessions.clear", &here)]), 1)["result"]["cleared"], 1);
    let mine = rpc.call("sessions.show", &here).unwrap();
    assert_eq!(mine["conversations"][0]["exchanges"][0]["question"], "and I?", "root's own is still there");
    drop(rpc);
    end(daemon, &home);
}

#[test]
fn two_users_of_one_daemon_share_no_answer_and_see_and_erase_only_their_own() {
    let home = Home::with(bins!());
    if !have_second_user(&home) {
        return;
    }
    let answer = |whose: &str| format!("The manifest is parsed in manifest.rs, and this was said to {whose}.");
    let provider = FakeProvider::start(Scenario::new().text(answer("nobody")).text(answer("root")));
    home.provider(&provider);
    home.config(&format!("[server]\nallow_uids = [{STRANGER}]\n"));
    let project = home.project(&[]);
    let daemon = home.daemon();
    open_the_doors(&home);
    let mut rpc = home.rpc();
    let ask = json!({ "prompt": "which module parses the manifest?", "cwd": project });
    let mut sources = Vec::new();
    for _ in 0..2 {
        let theirs = reply(&as_stranger(&home, &[request(1, "ask", &ask)]), 1)["result"].clone();
        let mine = rpc.call("ask", &ask).unwrap();
        assert_eq!((&theirs["answer"], &mine["answer"]), (&json!(answer("nobody")), &json!(answer("root"))));
        sources.extend([theirs["source"].clone(), mine["source"].clone()]);
    }
    assert_eq!(sources, ["model", "model", "exact", "exact"]);
    let messages = as_stranger(
        &home,
        &[
            request(1, "cache.list", &json!({})),
            request(2, "memory.export", &json!({})),
            request(3, "memory.backup", &json!({})),
            request(4, "memory.restore", &json!({})),
        ],
    );
    assert_eq!(reply(&messages, 1)["result"]["answers"].as_array().unwrap().len(), 1);
    let export = reply(&messages, 2).to_string();
    assert!(export.contains("said to nobody") && !export.contains("said to root"), "{export}");
    for id in [3, 4] {
        assert_eq!(reply(&messages, id)["error"]["data"]["kind"], "refused");
    }
    // Not along with the others: requests of one connection run side by side.
    let forgotten = as_stranger(&home, &[request(1, "memory.forget", &json!({ "all": true }))]);
    assert!(reply(&forgotten, 1).get("result").is_some(), "{forgotten:?}");
    assert_eq!(rpc.call("ask", &ask).unwrap()["source"], "exact", "root's own is still there");
    let theirs = reply(&as_stranger(&home, &[request(1, "cache.list", &json!({}))]), 1).clone();
    assert_eq!(theirs["result"]["answers"], json!([]), "{theirs}");
    drop(rpc);
    end(daemon, &home);
}

#[test]
fn another_users_turn_cannot_be_cancelled() {
    let home = Home::with(bins!());
    if !have_second_user(&home) {
        return;
    }
    let provider = FakeProvider::start(crate::stalled());
    home.provider(&provider);
    home.config(&format!("[server]\nallow_uids = [{STRANGER}]\n"));
    let daemon = home.daemon();
    open_the_doors(&home);
    let mut rpc = home.rpc();
    let id = rpc.send("ask", &json!({ "prompt": "why?", "cwd": home.project(&[]) }));
    let turn = rpc.wait_event(id, "started")["turn"].clone();
    let cancel = [request(1, "cancel", &json!({ "turn": turn })), request(2, "cancel", &json!({ "id": id }))];
    let messages = as_stranger(&home, &cancel);
    assert_eq!(reply(&messages, 1)["result"]["cancelled"], 0);
    assert_eq!(reply(&messages, 2)["result"]["cancelled"], 0);
    assert_eq!(status(&mut rpc)["turns"], 1);
    drop(rpc);
    end(daemon, &home);
}

#[test]
fn root_is_a_stranger_to_another_users_daemon() {
    let home = Home::with(bins!());
    if !have_second_user(&home) {
        return;
    }
    home.set_env("AGENTD_PROVIDER_KIND", "offline");
    for dir in ["h", "c", "s", "r"] {
        chown(home.root().join(dir), Some(STRANGER), Some(STRANGER)).unwrap();
    }
    mode(home.root(), 0o711);
    // A copy, because the build directory may be closed to other users.
    let program = home.root().join("agentd");
    fs::copy(bins!().agentd, &program).unwrap();
    mode(&program, 0o755);
    let ids = [format!("--reuid={STRANGER}"), format!("--regid={STRANGER}"), "--clear-groups".to_owned()];
    let mut daemon = home.command("setpriv").args(ids).arg(&program).cwd("/").start();
    wait_until(DEADLINE, "the daemon of the other user", || daemon.stderr_so_far().contains("ready: "));

    let failure = orphan(&mut home.rpc());
    assert_eq!((failure.code, failure.kind.as_str()), (-32004, "refused"));
    assert!(failure.message.contains("serves user 65534, not user 0"), "{failure:?}");
    let told = home.agentctl(["--no-autostart", "status"]).run().expect_code(3);
    assert!(told.stderr.contains("belongs to uid 65534, not to you"), "{}", told.stderr);
    assert!(told.stderr.contains("hint:"), "{}", told.stderr);
    let own = as_stranger(&home, &[request(1, "status", &json!({}))]);
    assert_eq!(reply(&own, 1)["result"]["pid"], daemon.pid(), "its own user is served");
    daemon.signal(tests::Signal::TERM);
    daemon.finish_within(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn a_tool_of_the_daemon_cannot_drive_the_daemon() {
    let stage = Stage::new(Scenario::new());
    if !crate::opening::have_nc(&stage.home) {
        return stage.end();
    }
    let socket = stage.home.socket().display().to_string();
    // Also from a process that has left its parent: the daemon's supervisor of the command is its parent then.
    let script = r#"ask() { printf '{"jsonrpc":"2.0","id":1,"method":"stop"}\n' | nc -N -U "$1"; }
        ask "$1"; setsid nc -N -U "$1" < stop.json & wait"#;
    stage.home.write(&stage.project.join("stop.json"), b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\"}\n");
    let call = json!({ "command": ["sh", "-c", script, "sh", socket] });
    stage.provider.play(Scenario::new().step(Step::call("shell_execute", call)).text("I could not."));
    let mut rpc = stage.rpc();
    let mut question = stage.question("stop yourself");
    question["interactive"] = json!(true);
    let id = rpc.send("ask", &question);
    let approval = rpc.wait_event(id, "approval")["approval"].clone();
    rpc.call("approve", &json!({ "approval": approval, "decision": "once" })).unwrap();
    assert_eq!(rpc.wait_result(id).unwrap()["answer"], "I could not.");
    let told = stage.provider.chats()[1].last_message()["content"].as_str().unwrap().to_owned();
    assert_eq!(told.matches("a tool of this daemon must not drive the daemon").count(), 2, "{told}");
    assert!(!told.contains("result"), "nothing was carried out: {told}");
    assert_eq!(status(&mut rpc)["draining"], false);
    drop(rpc);
    stage.end();
}
