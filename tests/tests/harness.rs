//! The harness itself: what it promises to the suites that stand on it.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use proto::{
    Body, ClientMessage, Request, Response, ServerMessage, StatusReport, StatusRequest, codec,
    frame::{self, FrameKind},
    hello::{HELLO_LEN, Hello},
};
use serde_json::{Value, json};
use tests::{FrameClient, Home, RpcClient, Signal, belongs, bins, runs, wait_until};

const DEADLINE: Duration = Duration::from_secs(10);

fn home() -> Home {
    Home::with(bins!())
}

fn shell(home: &Home, script: &str) -> tests::Invocation {
    home.command("/bin/sh").args(["-c", script])
}

#[test]
fn nothing_of_the_developers_environment_gets_in() {
    let home = home();
    home.set_env("MINE", "1");
    let output = home.command("/usr/bin/env").run().expect_ok();
    let mut names: Vec<&str> = output.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    names.retain(|name| !["PATH", "LANG", "TERM"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["AGENTD_BIN", "HOME", "MINE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"]);
    home.remove_env("MINE");
    assert!(!home.command("/usr/bin/env").run().stdout.contains("MINE"));
    assert_eq!(home.command("/usr/bin/env").env("A", "b").env_remove("HOME").run().stdout.matches("A=b").count(), 1);
}

#[test]
fn the_socket_fits_and_the_directories_are_private() {
    let home = home();
    let socket = home.socket();
    assert!(socket.as_os_str().len() <= proto::endpoint::SOCKET_PATH_MAX, "{}", socket.display());
    assert!(socket.starts_with(home.root()));
    let mode = std::fs::metadata(home.root().join("r")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn projects_and_configurations_are_written_where_the_programs_look() {
    let home = home();
    let config = home.config("[provider]\nkind = \"offline\"\n");
    assert_eq!(config, home.root().join("c/agentd/config.toml"));
    let project = home.project(&[("src/lib.rs", "fn a() {}")]);
    assert!(project.join(".agentd.toml").is_file());
    assert_eq!(std::fs::read_to_string(project.join("src/lib.rs")).unwrap(), "fn a() {}");
    assert_ne!(project, home.project(&[]), "each project has a directory of its own");
}

#[test]
fn a_run_returns_output_code_and_signal() {
    let home = home();
    let output = shell(&home, "cat; echo err >&2; pwd; exit 7").stdin("in\n").cwd(home.root()).run().expect_code(7);
    assert_eq!(output.stdout, format!("in\n{}\n", home.root().display()));
    assert_eq!(output.stderr, "err\n");
    let killed = shell(&home, "kill -9 $$").run();
    assert_eq!((killed.code, killed.signal), (None, Some(9)));
    assert_eq!(shell(&home, "echo '{\"a\":1}'").run().json(), json!({ "a": 1 }));
}

#[test]
fn an_unexpected_exit_code_panics_with_the_output() {
    let home = home();
    let output = shell(&home, "echo the cause >&2; exit 3").run();
    let panic = catch_unwind(AssertUnwindSafe(|| output.expect_ok())).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("the cause"));
}

#[test]
fn a_program_that_overruns_is_killed_with_its_group() {
    let home = home();
    let overrun = || shell(&home, "sleep 600 & sleep 600").timeout(Duration::from_millis(100)).run();
    let panic = catch_unwind(AssertUnwindSafe(overrun)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("did not end"));
    home.assert_no_leftovers();
}

#[test]
fn output_that_a_child_holds_open_is_an_overrun() {
    let home = home();
    let held = || shell(&home, "sleep 600 & exit 0").timeout(Duration::from_millis(300)).run();
    let panic = catch_unwind(AssertUnwindSafe(held)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("held open"));
    home.assert_no_leftovers();
}

#[test]
fn a_running_program_can_be_watched_and_signalled() {
    let home = home();
    let mut running = shell(&home, "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done").start();
    wait_until(DEADLINE, "the program to be up", || running.stdout_so_far() == "up\n");
    assert!(running.is_running());
    running.signal(Signal::TERM);
    assert_eq!(running.finish().expect_code(5).stdout, "up\nbye\n");
}

#[test]
fn leftovers_are_found_by_environment_and_by_directory() {
    let home = home();
    let by_environment = home.command("/bin/sleep").arg("600").cwd("/").start();
    let scrubbed = home.command("/usr/bin/env").args(["-i", "sleep", "600"]).cwd(home.root()).start();
    for running in [&by_environment, &scrubbed] {
        let pid = running.pid();
        wait_until(DEADLINE, "both to be found", || home.leftovers().iter().any(|one| one.pid == pid));
        assert!(belongs(pid, home.root()) && runs(pid));
    }
    assert_eq!(home.leftovers().len(), 2);
    let other = Home::with(bins!());
    assert!(other.leftovers().is_empty(), "homes are told apart");
    drop((by_environment, scrubbed));
    home.assert_no_leftovers();
}

#[test]
fn a_dropped_home_ends_what_left_its_group_and_ignores_term() {
    let home = home();
    let script =
        "setsid sh -c 'trap \"\" TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 1; done' >/dev/null 2>&1 &";
    shell(&home, script).cwd(home.root()).run().expect_ok();
    let file = home.root().join("pid");
    wait_until(DEADLINE, "the pid file", || file.exists());
    let pid: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    assert!(runs(pid));
    let root = home.root().to_owned();
    drop(home);
    assert!(!runs(pid) && !root.exists());
}

#[test]
fn a_daemon_that_does_not_start_is_reported_with_its_end() {
    let mut bins = bins!();
    bins.agentd = "/bin/false".into();
    let home = Home::with(bins);
    let output = home.daemon_builder().try_start().unwrap_err();
    assert_eq!(output.code, Some(1));
}

/// Accepts one connection and serves it.
fn serve(socket: &Path, serve: impl FnOnce(std::os::unix::net::UnixStream) + Send + 'static) -> JoinHandle<()> {
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || serve(listener.accept().unwrap().0))
}

fn event(id: i64, text: &str) -> String {
    json!({ "jsonrpc": "2.0", "method": "event", "params": { "id": id, "event": { "text": { "delta": text } } } })
        .to_string()
}

#[test]
fn the_rpc_client_sorts_interleaved_replies() {
    let home = home();
    let server = serve(&home.socket(), |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let ids: Vec<i64> = (0..2)
            .map(|_| serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["id"].as_i64().unwrap())
            .collect();
        let error = json!({ "id": ids[1], "error": { "code": -32004, "message": "no", "data": { "kind": "refused", "hint": "h" } } });
        let result = json!({ "id": ids[0], "result": { "a": 1 } });
        let all = [event(ids[1], "x"), event(ids[0], "a"), error.to_string(), event(ids[0], "b"), result.to_string()];
        stream.write_all((all.join("\n") + "\n").as_bytes()).unwrap();
    });
    let mut rpc = home.rpc();
    let (first, second) = (rpc.send("ask", &json!({})), rpc.send("status", &json!({})));
    assert_eq!(rpc.wait_event(first, "text"), json!({ "delta": "a" }));
    assert_eq!(rpc.wait_result(first), Ok(json!({ "a": 1 })));
    let failure = rpc.wait_result(second).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str(), failure.hint.as_str()), (-32004, "refused", "h"));
    assert_eq!(rpc.take_events(first), [json!({ "text": { "delta": "b" } })]);
    assert_eq!(rpc.take_events(second), [json!({ "text": { "delta": "x" } })]);
    assert!(rpc.is_closed_within(DEADLINE));
    server.join().unwrap();
}

#[test]
fn reading_a_line_ends_at_its_deadline() {
    let home = home();
    let server = serve(&home.socket(), |mut stream| {
        stream.write_all(b"half a line").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let mut rpc = RpcClient::connect(&home.socket());
    let before = Instant::now();
    let error = rpc.try_read_line(Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(before.elapsed() < DEADLINE && !rpc.is_closed_within(Duration::from_millis(10)));
    drop(rpc);
    server.join().unwrap();
}

#[test]
fn the_frame_client_exchanges_hellos_and_frames() {
    let home = home();
    let server = serve(&home.socket(), |mut stream| {
        let mut hello = [0; HELLO_LEN];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(Hello::decode(&hello).unwrap(), Hello::ours("tests"));
        stream.write_all(&Hello::ours("agentd").encode()).unwrap();
        let mut payload = Vec::new();
        assert_eq!(frame::read(&mut stream, &mut payload).unwrap(), Some(FrameKind::Request));
        let request: ClientMessage = codec::decode(&payload).unwrap();
        let body = Body::Done(Response::Status(StatusReport { pid: 7, ..StatusReport::default() }));
        let reply = codec::encode(&ServerMessage { id: request.id, body }).unwrap();
        frame::write(&mut stream, FrameKind::Reply, &reply).unwrap();
    });
    let mut client = FrameClient::connect(&home.socket());
    assert!(client.server().same_wire(&Hello::ours("tests")));
    let (events, end) = client.call(Request::Status(StatusRequest {}));
    assert!(events.is_empty());
    assert!(matches!(end, Body::Done(Response::Status(report)) if report.pid == 7));
    assert!(client.try_read().unwrap().is_none());
    server.join().unwrap();
}

#[test]
fn the_fake_provider_runs_as_a_program() {
    let home = home();
    let scenario = home.root().join("scenario.json");
    home.write(&scenario, br#"{"steps":[{"text":"from the file"}]}"#);
    let record = home.root().join("record.jsonl");
    let program = bins!().fake_provider;
    let mut running = home
        .command(&program)
        .args(["--key", "k", "--for", "60", "--scenario"])
        .arg(&scenario)
        .arg("--record")
        .arg(&record)
        .start();
    wait_until(DEADLINE, "the address line", || running.stdout_so_far().ends_with('\n'));
    let line = running.stdout_so_far();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let body = json!({ "model": "deepseek-flash", "messages": [{ "role": "user", "content": "hi" }] }).to_string();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = format!(
        "POST /chat/completions HTTP/1.1\r\nAuthorization: Bearer k\r\nConnection: close\r\nContent-Length: {}",
        body.len()
    );
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    let answer: Vec<String> = BufReader::new(stream.take(100_000)).lines().map_while(Result::ok).collect();
    let answer = answer.join("\n");
    assert!(answer.contains("from the file"), "{answer}");
    assert_eq!(std::fs::read_to_string(&record).unwrap().lines().count(), 1);
}

#[test]
fn the_fake_provider_names_a_bad_argument() {
    let home = home();
    let program = bins!().fake_provider;
    for (arguments, cause) in [
        (vec!["--port", "many"], "whole number"),
        (vec!["--scenario", "no-such"], "repo-tour"),
        (vec!["--nonsense"], "unknown argument"),
        (vec!["--key"], "needs a value"),
    ] {
        let output = home.command(&program).args(&arguments).run().expect_code(2);
        assert!(output.stderr.contains(cause), "{arguments:?}: {}", output.stderr);
    }
    assert!(home.command(&program).arg("--help").run().expect_ok().stdout.starts_with("usage:"));
}
