//! Daemon and client of different builds, and the client's commands around a running daemon.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use proto::hello::{HELLO_LEN, Hello};
use serde_json::{Value, json};
use tests::{FrameClient, Signal, provider::Scenario};

use crate::*;

/// A daemon of another version: greets with another fingerprint, answers `status` and counts `stop`.
struct OtherVersion {
    stops: Arc<AtomicUsize>,
    pid: u32,
}

impl OtherVersion {
    fn serve(home: &Home, version: &'static str) -> Self {
        let socket = home.socket();
        private_dir(socket.parent().unwrap());
        let listener = UnixListener::bind(&socket).unwrap();
        let (stops, pid) = (Arc::new(AtomicUsize::new(0)), std::process::id());
        let counted = Arc::clone(&stops);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                Self::talk(stream, version, pid, &counted);
            }
        });
        Self { stops, pid }
    }

    /// Serves one client until it leaves.
    fn talk(mut stream: UnixStream, version: &str, pid: u32, stops: &AtomicUsize) -> Option<()> {
        let mut hello = [0; HELLO_LEN];
        stream.read_exact(&mut hello).ok()?;
        let ours = Hello { fingerprint: [7; 16], build: format!("agentd {version}"), ..Hello::ours("") };
        stream.write_all(&ours.encode()).ok()?;
        let mut writer = stream.try_clone().ok()?;
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let request: Value = serde_json::from_str(&line).ok()?; // JSON, because the fingerprints differ
            if request["method"] == "stop" {
                stops.fetch_add(1, Ordering::SeqCst);
            }
            let result = json!({ "pid": pid, "version": version, "turns": 0, "new_in_99": [1] });
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            writer.write_all(format!("{reply}\n").as_bytes()).ok()?;
        }
        Some(())
    }

    fn stops(&self) -> usize {
        self.stops.load(Ordering::SeqCst)
    }
}

#[test]
fn a_client_with_another_fingerprint_is_served_in_json() {
    let home = home();
    let daemon = home.daemon();
    let theirs = Hello { fingerprint: [9; 16], build: "agentctl 0.0.1".into(), ..Hello::ours("") };
    let mut client = FrameClient::connect_as(&home.socket(), &theirs);
    assert_eq!(*client.server(), Hello::ours("agentd"));
    client.stream().write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(client.stream()).read_line(&mut line).unwrap();
    let reply: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&reply["id"], &reply["result"]["pid"]), (&json!(1), &json!(daemon.pid())));
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn an_older_client_does_not_stop_or_replace_a_newer_daemon() {
    let home = home();
    let daemon = OtherVersion::serve(&home, "99.0.0");
    for command in ["stop", "restart"] {
        let output = home.agentctl(["daemon", command]).run().expect_code(4);
        assert_says(&output.stderr, &["agentd 99.0.0 is newer than this agentctl", "hint: ", "--force"]);
    }
    assert_eq!(daemon.stops(), 0);
    let status = home.agentctl(["status"]).run().expect_ok();
    assert_says(&status.stdout, &["agentd 99.0.0 is ready", &daemon.pid.to_string()]);
    assert_says(&status.stderr, &["newer", "speaking JSON"]);
    home.agentctl(["daemon", "stop", "--force"]).run().expect_ok();
    assert_eq!(daemon.stops(), 1, "unless it is forced to");
    home.assert_no_leftovers();
}

#[test]
fn a_newer_client_works_with_an_older_daemon_and_says_how_to_replace_it() {
    let home = home();
    let daemon = OtherVersion::serve(&home, "0.0.1");
    let status = home.agentctl(["status"]).run().expect_ok();
    assert_says(&status.stdout, &["agentd 0.0.1 is ready"]);
    assert_says(&status.stderr, &["older", "speaking JSON", "agentctl daemon restart"]);
    home.agentctl(["daemon", "stop"]).run().expect_ok();
    assert_eq!(daemon.stops(), 1);
    home.assert_no_leftovers();
}

#[test]
fn a_restart_replaces_an_idle_daemon_and_starts_an_absent_one() {
    let (home, _provider) = with(Scenario::new());
    let output = home.agentctl(["daemon", "restart"]).run().expect_ok();
    let first = home.daemon_pid();
    assert_says(&output.stdout, &["is ready", &first.to_string()]);
    let output = home.agentctl(["daemon", "restart"]).run().expect_ok();
    let second = home.daemon_pid();
    assert_says(&output.stdout, &["is ready", &second.to_string()]);
    assert_ne!(first, second);
    wait_until(DEADLINE, "the end of the first", || !tests::runs(first));
    ask_echo(&home, "hello");
    assert_eq!(home.daemon_pid(), second);
    stop(&home);
}

#[test]
fn a_forced_restart_does_not_wait_for_an_idle_moment() {
    let (home, provider) = with(Scenario::new().step(stalled()));
    home.set_env("AGENTD_SERVER_DRAIN_TIMEOUT", "0.2");
    let daemon = home.daemon();
    let ask = begin_ask(&home, &provider, 1);
    home.agentctl(["daemon", "restart", "--force"]).run().expect_ok();
    assert_ne!(home.daemon_pid(), daemon.pid());
    daemon.wait(DEADLINE).expect_ok();
    assert_eq!(ask.finish().code, Some(3));
    stop(&home);
}

#[test]
fn status_tells_what_runs_where() {
    let (home, _provider) = with(Scenario::new());
    let daemon = home.daemon();
    ask_echo(&home, "hello");
    let (socket, state) = (home.socket().display().to_string(), home.state_dir().display().to_string());
    for words in [&["status"][..], &["daemon", "status"]] {
        let text = home.agentctl(words).run().expect_ok().stdout;
        assert_says(
            &text,
            &["agentd ", " is ready", &daemon.pid().to_string(), &socket, &state, "provider", "sandbox"],
        );
    }
    let json = home.agentctl(["daemon", "status", "--json"]).run().expect_ok().json();
    assert_eq!(json["pid"], daemon.pid());
    assert_eq!((&json["socket"], &json["state_dir"]), (&json!(socket), &json!(state)));
    assert_eq!((&json["draining"], &json["turns"], &json["warnings"]), (&json!(false), &json!(0), &json!([])));
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn logs_print_the_end_of_the_newest_file_also_of_a_dead_daemon() {
    let (home, _provider) = with(Scenario::new());
    let none = home.agentctl(["daemon", "logs"]).run().expect_code(1);
    assert_says(&none.stderr, &["there is no log in", "hint: agentctl daemon start"]);
    ask_echo(&home, "a private question");
    wait_log(&home, "answered");
    let text = home.agentctl(["daemon", "logs"]).run().expect_ok().stdout;
    assert_says(&text, &[" ready ", " answered "]);
    assert!(!text.contains("private"), "user text is never logged: {text}");
    stop(&home);
    let last = home.agentctl(["daemon", "logs", "-n", "1"]).run().expect_ok().stdout;
    assert!(last.trim_end().ends_with("stopped") && last.lines().count() == 1, "{last}");
}

#[test]
fn followed_logs_go_on_until_interrupted() {
    let (home, _provider) = with(Scenario::new());
    ask_echo(&home, "first");
    wait_log(&home, "answered");
    let mut follow = home.agentctl(["daemon", "logs", "-f", "-n", "1"]).start();
    wait_until(DEADLINE, "the last line", || follow.stdout_so_far().contains("answered"));
    ask_echo(&home, "second");
    wait_until(DEADLINE, "the new line", || follow.stdout_so_far().matches("answered").count() == 2);
    follow.signal(Signal::INT);
    let output = follow.finish();
    assert!(output.code == Some(130) || output.signal == Some(2), "{output:?}");
    stop(&home);
}
