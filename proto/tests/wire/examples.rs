//! `PROTOCOL.md` tells the truth: its examples are the files and the files run, here against a scripted daemon.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::mpsc,
    thread,
    time::Duration,
};

use proto::{
    Answer, AskRequest, Body, Delta, ErrorKind, Event, Failure, Request, RequestId, Response, ServerMessage, TextEnd,
    endpoint::LockInfo,
    rpc::{self, Incoming},
};

/// How long an example may take: it needs milliseconds, a loaded machine some more.
const DEADLINE: Duration = Duration::from_secs(20);
/// What JSON must escape, what it may escape, and what only looks like an escape.
const TRICKY: &str = "\"quoted\" back\\slash \\n \\u0041 \\abcd\ttab\u{1b}[0m ü → \u{1f600} \"}}}}";

const PYTHON: (&str, &str) = ("python3", "ask.py");
const LUA: (&str, &str) = ("lua5.4", "ask.lua");

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A daemon that takes one question, answers with `bodies` and closes.
fn daemon(socket: &Path, bodies: Vec<Body>) -> mpsc::Receiver<AskRequest> {
    let listener = UnixListener::bind(socket).unwrap();
    let (asked, question) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let Incoming::Request(message) = rpc::read_request(line.as_bytes()) else { panic!("{line}") };
        let Request::Ask(ask) = message.request else { panic!("{line}") };
        asked.send(ask).unwrap();
        for body in bodies {
            let reply = ServerMessage { id: message.id.clone(), body };
            stream.write_all(rpc::write_reply(&reply).unwrap().as_bytes()).unwrap();
        }
    });
    question
}

/// The example under `timeout`, with nothing in its environment but the path to the programs.
#[allow(clippy::disallowed_methods, reason = "the test runs the examples as a user would")]
fn example((program, file): (&str, &str), arguments: &[&str], variables: &[(&str, &Path)]) -> Output {
    let mut command = Command::new("timeout");
    command.arg(DEADLINE.as_secs().to_string()).arg(program).arg(here("examples").join(file)).args(arguments);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("PWD", "/tmp").current_dir("/tmp");
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert_ne!(output.status.code(), Some(127), "{program} is missing: install lua5.4, lua-socket and python3");
    output
}

fn text(delta: &str) -> Body {
    Body::Event(Event::Text(Delta { delta: delta.into() }))
}

fn done(answer: &str) -> Body {
    Body::Done(Response::Ask(Answer { answer: answer.into(), ..Answer::default() }))
}

/// Runs both examples against the bodies: exit code, standard output, standard error.
fn both(question: &str, bodies: &[Body], check: impl Fn(i32, &str, &str)) {
    for example_of in [PYTHON, LUA] {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("s");
        let asked = daemon(&socket, bodies.to_vec());
        let output = example(example_of, &[socket.to_str().unwrap(), question], &[]);
        let error = String::from_utf8_lossy(&output.stderr);
        let ask = asked.try_recv().unwrap_or_else(|_| panic!("{example_of:?} did not ask: {error}"));
        assert_eq!((ask.prompt.as_str(), ask.cwd.as_str()), (question, "/tmp"), "{example_of:?}");
        check(output.status.code().unwrap(), &String::from_utf8_lossy(&output.stdout), &error);
    }
}

#[test]
fn the_examples_print_the_text_as_it_streams() {
    let bodies = [text("one "), text(TRICKY), done(&format!("one {TRICKY}"))];
    both(&format!("why?\n{TRICKY}"), &bodies, |code, out, error| {
        assert_eq!((code, out, error), (0, format!("one {TRICKY}\n").as_str(), ""));
    });
}

#[test]
fn the_examples_begin_a_new_line_after_a_step_with_tool_calls() {
    let ended = Body::Event(Event::TextEnd(TextEnd { void: false }));
    let notice =
        Body::Event(Event::Notice(proto::Notice { message: "\"event\":{\"text\":{\"delta\":\"no\"}}}}".into() }));
    both("q", &[text("let me look"), notice, ended, text("found"), done("found")], |code, out, error| {
        assert_eq!((code, out, error), (0, "let me look\nfound\n", ""));
    });
}

#[test]
fn the_examples_print_an_answer_that_came_whole() {
    both("q", &[done(TRICKY)], |code, out, error| {
        assert_eq!((code, out, error), (0, format!("{TRICKY}\n").as_str(), ""));
    });
}

#[test]
fn the_examples_exit_1_with_the_message_of_an_error() {
    let failed = Body::Failed(Failure::new(ErrorKind::Auth, TRICKY).hint("set a key"));
    both("q", &[text("so "), failed], |code, out, error| {
        assert_eq!((code, out, error), (1, "so ", format!("{TRICKY}\n").as_str()));
    });
}

#[test]
fn the_examples_exit_1_when_the_daemon_goes_away() {
    both("q", &[text("so ")], |code, out, error| {
        assert_eq!((code, out), (1, "so "));
        assert!(error.contains("the daemon closed the connection"), "{error}");
    });
}

#[test]
fn the_examples_find_the_socket_by_the_lock_file_or_by_the_variable() {
    for example_of in [PYTHON, LUA] {
        for by_lock in [true, false] {
            let home = tempfile::tempdir().unwrap();
            let socket = home.path().join("s");
            let lock = LockInfo { pid: 1, version: "0".into(), socket: socket.clone() };
            fs::create_dir_all(home.path().join(".local/state/agentd")).unwrap();
            fs::write(home.path().join(".local/state/agentd/agentd.lock"), lock.to_text()).unwrap();
            let _asked = daemon(&socket, vec![done("found")]);
            let variable = if by_lock { ("HOME", home.path()) } else { ("AGENTD_SOCKET", socket.as_path()) };
            let home_too = ("HOME", home.path());
            let output = example(example_of, &["q"], &[home_too, variable]);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "found\n", "{example_of:?}, {output:?}");
        }
    }
}

#[test]
fn the_page_shows_the_examples_as_they_are_and_they_have_at_most_20_lines() {
    let page = fs::read_to_string(here("PROTOCOL.md")).unwrap();
    for (language, file) in [("python", "ask.py"), ("lua", "ask.lua")] {
        let code = fs::read_to_string(here("examples").join(file)).unwrap();
        assert!(page.contains(&format!("\n```{language}\n{code}```\n")), "{file} is not what PROTOCOL.md shows");
        assert!(code.lines().count() <= 20, "{file}");
    }
}

#[test]
fn the_page_names_every_method_event_and_error() {
    let page = fs::read_to_string(here("PROTOCOL.md")).unwrap();
    for method in Request::METHODS {
        assert!(page.contains(&format!("`{method}`")), "{method}");
    }
    for (_, event) in crate::samples::events() {
        let json = serde_json::to_value(&event).unwrap();
        let name = json.as_object().unwrap().keys().next().unwrap();
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    for kind in ErrorKind::ALL {
        let row = format!("| `{}` | {} | {} |", kind.name(), kind.rpc_code(), kind.exit_code());
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn the_lines_on_the_page_are_lines_of_the_protocol() {
    let page = fs::read_to_string(here("PROTOCOL.md")).unwrap();
    let mut requests = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("-> ")) {
        assert!(matches!(rpc::read_request(line.as_bytes()), Incoming::Request(_)), "{line}");
        requests += 1;
    }
    let cancel = r#"{"jsonrpc":"2.0","id":2,"method":"cancel","params":{"id":1}}"#;
    assert!(
        page.contains(&format!("`{cancel}`")) && matches!(rpc::read_request(cancel.as_bytes()), Incoming::Request(_))
    );
    assert_eq!(requests, 2);
    let delta = rpc::write_reply(&ServerMessage { id: RequestId::Number(1), body: text("It reads ") }).unwrap();
    assert!(page.contains(&format!("<- {delta}")), "{delta}");
}
