//! Finding, starting, stopping and looking after the daemon: the real program against a fake one.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail, and starts the program it tests")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixListener,
    process::Stdio,
    thread,
};

use proto::{
    Answer, Body, ErrorKind, ReloadReport, Request, ServerMessage, StatusReport, StopReport,
    hello::{HELLO_LEN, Hello},
    rpc::{self, Incoming},
};
use support::{
    Home, Run, answer, exists, failed,
    testing::{self, Fake},
};

/// A script that "starts" the fake daemon by giving its socket the right name, and counts its runs.
fn starter(home: &Home) -> String {
    let (hidden, socket) = (home.path("hidden.sock"), home.endpoint.socket.clone());
    Fake::start(&hidden, |mut connection| {
        while let Some(message) = connection.next() {
            let body = match message.request {
                Request::Ask(_) => answer("warm"),
                _ => Body::Done(StatusReport { version: proto::VERSION.into(), pid: 7, ..Default::default() }.into()),
            };
            connection.send(&message.id, body);
        }
    });
    let script = format!(
        "echo run >> {}\nsleep 0.2\nmv {} {}\necho ready pid=7",
        home.path("runs").display(),
        hidden.display(),
        socket.display()
    );
    home.script(&script).display().to_string()
}

fn runs(home: &Home) -> usize {
    fs::read_to_string(home.path("runs")).map_or(0, |text| text.lines().count())
}

#[test]
fn an_absent_daemon_is_started_and_the_question_answered() {
    let home = Home::new();
    let program = starter(&home);
    let run = Run::of(home.command(&["ask", "x"]).env("AGENTD_BIN", &program).output().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "warm\n"), "{run:?}");
    let run = Run::of(home.command(&["ask", "x"]).env("AGENTD_BIN", &program).output().unwrap());
    assert_eq!((run.code, runs(&home)), (Some(0), 1), "the second finds it warm: {run:?}");
    assert!(exists(&home.endpoint.start_lock_file()), "the lock stays");
}

#[test]
fn ten_shells_at_once_start_one_daemon() {
    let home = Home::new();
    let program = starter(&home);
    let children: Vec<_> =
        (0..10).map(|_| home.command(&["ask", "x"]).env("AGENTD_BIN", &program).spawn().unwrap()).collect();
    for child in children {
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), "warm\n"), "{run:?}");
    }
    assert_eq!(runs(&home), 1);
}

#[test]
fn the_cause_of_a_failed_start_reaches_the_terminal() {
    let home = Home::new();
    let program = home.script("echo 'error: config.toml line 3: unknown key' >&2\nexit 78");
    let mut command = home.command(&["ask", "x"]);
    let run = Run::of(command.env("AGENTD_BIN", &program).output().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{run:?}");
    assert!(run.stderr.contains("config.toml line 3: unknown key"), "{run:?}");
    assert!(run.stderr.contains("agentctl config check"), "{run:?}");
    let run = home.run(&["ask", "x"]);
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("AGENTD_BIN is not a program"), "{run:?}");
}

#[test]
fn a_daemon_that_keeps_the_pipes_does_not_hold_the_caller() {
    let home = Home::new();
    let program = starter(&home);
    // A careless daemon: a child of the starter holds both pipes for long after the start.
    let careless = home.path("careless");
    fs::write(&careless, format!("#!/bin/sh\nsleep 300 &\necho $! > {}\nexec {program}\n", home.path("pid").display()))
        .unwrap();
    fs::set_permissions(&careless, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let begun = std::time::Instant::now();
    let mut command = home.command(&["ask", "x"]);
    let run = Run::of(command.env("AGENTD_BIN", &careless).output().unwrap());
    let sleeper = fs::read_to_string(home.path("pid")).unwrap();
    assert!(std::process::Command::new("kill").arg(sleeper.trim()).status().unwrap().success());
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "warm\n"), "{run:?}");
    assert!(begun.elapsed() < support::DEADLINE);
}

#[test]
fn without_autostart_and_for_status_nothing_is_started() {
    let home = Home::new();
    let program = starter(&home);
    for args in [&["ask", "--no-autostart", "x"][..], &["status"], &["daemon", "status"], &["daemon", "reload"]] {
        let run = Run::of(home.command(args).env("AGENTD_BIN", &program).output().unwrap());
        assert_eq!(run.code, Some(3), "{args:?} {run:?}");
        assert!(run.stderr.contains("agentd is not running"), "{run:?}");
    }
    let run = home.run(&["daemon", "stop"]);
    assert_eq!((run.code, run.stdout.as_str(), runs(&home)), (Some(0), "agentd does not run\n", 0));
    let run = home.run(&["status", "--json"]);
    assert_eq!((run.code, run.json()["error"]["code"].as_i64()), (Some(3), Some(3)));
}

#[test]
fn start_is_idempotent_and_says_the_pid() {
    let home = Home::new();
    let program = starter(&home);
    let start = || Run::of(home.command(&["daemon", "start"]).env("AGENTD_BIN", &program).output().unwrap());
    let (first, second) = (start(), start());
    assert_eq!((first.code, second.code, runs(&home)), (Some(0), Some(0), 1), "{first:?} {second:?}");
    assert!(first.stdout.contains("is ready, pid 7") && second.stdout.contains("already runs, pid 7"));
}

#[test]
fn an_unwritable_state_directory_is_named() {
    let home = Home::new();
    let blocked = home.path("file");
    fs::write(&blocked, "").unwrap();
    let run = Run::of(home.command(&["ask", "x"]).env("AGENTD_STATE_DIR", blocked.join("state")).output().unwrap());
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("state directory") && run.stderr.contains("AGENTD_STATE_DIR"), "{run:?}");
}

#[test]
fn no_home_and_a_path_over_the_limit_are_told() {
    let home = Home::new();
    let mut command = home.command(&["status"]);
    let run = Run::of(command.env_remove("AGENTD_STATE_DIR").env_remove("HOME").output().unwrap());
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("HOME is not set"), "{run:?}");
    let long = format!("/tmp/{}", "x".repeat(120));
    let run = Run::of(home.command(&["status"]).env("AGENTD_SOCKET", &long).output().unwrap());
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains(&long), "{run:?}");
}

#[test]
fn stop_waits_until_the_lock_is_free() {
    let home = Home::new();
    testing::write_lock(&home.endpoint, std::process::id(), &home.endpoint.socket);
    let lock_file = home.endpoint.lock_file();
    Fake::start(&home.endpoint.socket, move |mut connection| {
        while let Some(message) = connection.next() {
            let body = match message.request {
                Request::Stop(_) => {
                    let lock = fs::File::open(&lock_file).unwrap();
                    lock.lock().unwrap();
                    let order = lock_file.with_extension("order");
                    // The lock is given back only after the client has been seen to wait.
                    thread::spawn(move || {
                        thread::sleep(std::time::Duration::from_millis(300));
                        fs::write(order, "free").unwrap();
                        drop(lock);
                    });
                    Body::Done(StopReport { pid: 7, turns: 0 }.into())
                }
                _ => Body::Done(StatusReport { version: proto::VERSION.into(), pid: 7, ..Default::default() }.into()),
            };
            connection.send(&message.id, body);
        }
    });
    let run = home.run(&["daemon", "stop"]);
    assert!(exists(&home.endpoint.lock_file().with_extension("order")), "it waited: {run:?}");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "agentd, pid 7, has stopped\n"), "{run:?}");
}

#[test]
fn a_busy_daemon_is_not_restarted_without_force() {
    let home = Home::with(|mut connection| {
        while let Some(message) = connection.next() {
            let body = match message.request {
                Request::Stop(stop) if stop.if_idle => failed(ErrorKind::Refused, "2 turns run", ""),
                _ => Body::Done(StatusReport { version: proto::VERSION.into(), pid: 7, ..Default::default() }.into()),
            };
            connection.send(&message.id, body);
        }
    });
    let run = home.run(&["daemon", "restart"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(run.stderr.contains("2 turns run") && run.stderr.contains("--force"), "{run:?}");
}

/// A daemon of another build: its hello, then JSON lines.
fn foreign(home: &Home, build: &'static str, version: &'static str) {
    let listener = UnixListener::bind(&home.endpoint.socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || serve_json(&mut stream, build, version));
        }
    });
}

fn serve_json(stream: &mut std::os::unix::net::UnixStream, build: &str, version: &str) {
    if stream.read_exact(&mut [0; HELLO_LEN]).is_err() {
        return;
    }
    let hello = Hello { fingerprint: [9; 16], build: build.into(), ..Hello::ours("agentd") };
    stream.write_all(&hello.encode()).unwrap();
    let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
    let mut line = Vec::new();
    while std::io::BufRead::read_until(&mut reader, b'\n', &mut line).unwrap_or(0) > 0 {
        let Incoming::Request(message) = rpc::read_request(&line) else { panic!("not a request") };
        let body = match message.request {
            Request::Ask(_) => {
                let unknown = r#"{"jsonrpc":"2.0","method":"event","params":{"id":1,"event":{"of_tomorrow":{}}}}"#;
                let _ = stream.write_all(format!("{unknown}\n").as_bytes());
                let event = ServerMessage { id: message.id.clone(), body: support::text("in ") };
                let _ = stream.write_all(rpc::write_reply(&event).unwrap().as_bytes());
                Body::Done(Answer { answer: "in JSON".into(), ..Answer::default() }.into())
            }
            Request::Stop(_) => Body::Done(StopReport { pid: 7, turns: 0 }.into()),
            _ => Body::Done(StatusReport { version: version.into(), pid: 7, ..Default::default() }.into()),
        };
        let reply = ServerMessage { id: message.id, body };
        let _ = stream.write_all(rpc::write_reply(&reply).unwrap().as_bytes());
        line.clear();
    }
}

#[test]
fn a_daemon_of_another_build_is_spoken_to_in_json_with_a_note() {
    let home = Home::new();
    foreign(&home, "agentd 99.0.0", "99.0.0");
    let run = home.run(&["ask", "x"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "in \n"), "{run:?}");
    let note = format!("note: agentd 99.0.0 is newer than this agentctl {}: speaking JSON\n", proto::VERSION);
    assert_eq!(run.stderr, note);
    assert_eq!(home.run(&["ask", "-q", "x"]).stderr, "");
}

#[test]
fn an_older_client_never_stops_a_newer_daemon_unless_forced() {
    let home = Home::new();
    foreign(&home, "agentd 99.0.0", "99.0.0");
    for args in [&["daemon", "stop"][..], &["daemon", "restart"]] {
        let run = home.run(args);
        assert_eq!(run.code, Some(4), "{args:?} {run:?}");
        assert!(run.stderr.contains("99.0.0 is newer") && run.stderr.contains("--force"), "{run:?}");
    }
    let run = home.run(&["daemon", "stop", "--force"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn reload_says_what_changed() {
    let home = Home::with(|mut connection| {
        while let Some(message) = connection.next() {
            let report =
                ReloadReport { changed: vec!["log.level".into()], restart_needed: vec!["server.backlog".into()] };
            connection.send(&message.id, Body::Done(report.into()));
        }
    });
    let run = home.run(&["daemon", "reload"]);
    assert_eq!(run.stdout, "changed: log.level\nonly after agentctl daemon restart: server.backlog\n");
}

#[test]
fn config_passes_through_what_agentd_says_and_its_exit_code() {
    let home = Home::new();
    let program = home.script("echo \"args: $*\"; echo fault >&2; exit 78");
    let run = Run::of(home.command(&["config", "check", "x.toml"]).env("AGENTD_BIN", &program).output().unwrap());
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (Some(78), "args: config check x.toml\n", "fault\n")
    );
}

#[test]
fn logs_show_the_end_of_the_newest_file_and_follow_it_over_midnight() {
    let home = Home::new();
    let dir = home.endpoint.log_dir();
    assert_eq!(home.run(&["daemon", "logs"]).code, Some(1));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("agentd.2026-11-21.log"), "old\n").unwrap();
    let today = dir.join("agentd.2026-11-22.log");
    fs::write(&today, "one\ntwo\nthree \u{1b}[2J\n").unwrap();
    assert_eq!(home.run(&["daemon", "logs", "-n", "2"]).stdout, "two\nthree \u{241b}[2J\n");

    let mut child = home.command(&["daemon", "logs", "-f", "-n", "1"]).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "three \u{241b}[2J\n", "it follows from here");
    line.clear();
    fs::write(dir.join("agentd.2026-11-23.log"), "next day\n").unwrap();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "next day\n");
    drop(out);
    fs::write(dir.join("agentd.2026-11-24.log"), "nobody reads\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "a closed pipe ends it quietly");
}

#[test]
fn doctor_reports_each_finding_and_fails_only_for_a_failure() {
    let home = Home::with(testing::status_only);
    let script = format!("case $1 in --version) echo agentd {};; *) exit 0;; esac", proto::VERSION);
    let good = home.script(&script);
    let doctor = |program: &std::path::Path| {
        let mut command = home.command(&["doctor", "--json"]);
        command.env("AGENTD_BIN", program).env("DEEPSEEK_API_KEY", "sk-secret-of-the-test");
        Run::of(command.output().unwrap())
    };
    let run = doctor(&good);
    let report = run.json();
    assert_eq!((run.code, report["ok"].as_bool()), (Some(0), Some(true)), "{run:?}");
    let names: Vec<&str> = report["findings"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    for name in [
        "state",
        "log",
        "disk",
        "lock",
        "socket",
        "daemon",
        "agentd",
        "config",
        "key",
        "certificates",
        "node",
        "python3",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!run.stdout.contains("sk-secret"), "a key is never shown");

    let run = doctor(std::path::Path::new("/no/such/agentd"));
    assert_eq!((run.code, run.json()["ok"].as_bool()), (Some(1), Some(false)));
    let text = home.run(&["doctor"]);
    assert!(text.stdout.contains("FAIL  agentd") && text.stdout.contains("cure:"), "{text:?}");
}

#[test]
fn schema_completions_manual_and_version_need_no_daemon_and_no_home() {
    let home = Home::new();
    let bare = |args: &[&str]| Run::of(home.command(args).env_clear().output().unwrap());
    let schema = bare(&["schema"]);
    assert_eq!(schema.stdout.trim_end(), proto::SCHEMA.trim_end());
    assert!(bare(&["completions", "bash"]).stdout.contains("_agentctl"));
    let man = bare(&["man"]).stdout;
    for part in [".SH \"EXIT STATUS\"", ".SH ENVIRONMENT", ".SH FILES", ".TH agentctl"] {
        assert!(man.contains(part), "{part}");
    }
    let commands = "ask chat daemon status doctor config models sessions schema completions man";
    for command in commands.split(' ') {
        let page = bare(&["man", command]);
        assert!(page.code == Some(0) && page.stdout.contains(".SH OPTIONS"), "{command}: {page:?}");
    }
    assert_eq!(bare(&["man", "nonsense"]).code, Some(2));
    assert_eq!(bare(&["-V"]).stdout, format!("agentctl {}\n", proto::VERSION));
    assert!(bare(&["--help"]).stdout.contains("Exit status:"));
}

#[test]
fn a_full_output_is_an_error_and_not_a_success() {
    let home = Home::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = Run::of(home.command(&["schema"]).stdout(Stdio::from(full)).output().unwrap());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("cannot write the output"), "{run:?}");
}
