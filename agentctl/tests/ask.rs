//! `agentctl ask` as a user meets it: the real program against a fake daemon.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail, and starts the program it tests")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    sync::mpsc,
    time::Instant,
};

use proto::{Approval, AskRequest, ErrorKind, Event, Request, TextEnd, ToolFinished, ToolStarted};
use support::{Home, Run, answer, failed, signal, started, text};

#[test]
fn the_answer_alone_goes_to_standard_output_and_a_pipe_hears_nothing_else() {
    let home = Home::answering(|to, id, _| {
        to.send(id, started());
        to.send(
            id,
            support::event(Event::ToolStarted(ToolStarted { call: 1, name: "read".into(), summary: "x".into() })),
        );
        to.send(
            id,
            support::event(Event::ToolFinished(ToolFinished {
                call: 1,
                name: "read".into(),
                ok: true,
                elapsed_ms: 1,
                message: String::new(),
            })),
        );
        to.send(id, text("It is **four**"));
        to.send(id, text("."));
        to.send(id, answer("It is **four**."));
    });
    let run = home.run(&["ask", "what", "is", "2+2?"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "It is **four**.\n", ""));
    let run = home.run(&["ask", "-v", "what is 2+2?"]);
    assert_eq!(run.stdout, "It is **four**.\n");
    assert!(run.stderr.contains("read x (1 ms)") && run.stderr.contains("m · price unknown"), "{run:?}");
}

#[test]
fn words_stdin_files_and_flags_become_one_request() {
    let (seen, asked) = mpsc::channel::<AskRequest>();
    let home = Home::with(move |mut connection| {
        while let Some(message) = connection.next() {
            let Request::Ask(ask) = message.request else { continue };
            seen.send(ask).unwrap();
            connection.send(&message.id, answer("ok"));
        }
    });
    fs::write(home.path("a.txt"), "file text").unwrap();
    fs::create_dir(home.path("work")).unwrap();
    let args = [
        "ask",
        "-c",
        "-s",
        "s1",
        "-m",
        "big",
        "-C",
        "work",
        "-f",
        "a.txt",
        "--timeout",
        "7",
        "--max-turns",
        "3",
        "--ephemeral",
        "why",
        "so?",
    ];
    let run = home.run_with_stdin(&args, b"piped\n");
    assert_eq!(run.code, Some(0), "{run:?}");
    let ask = asked.recv_timeout(support::DEADLINE).unwrap();
    assert_eq!(ask.prompt, "why so?");
    let attached: Vec<_> = ask.attachments.iter().map(|a| (a.name.as_str(), a.text.as_str())).collect();
    assert_eq!(attached, [("stdin", "piped\n"), ("a.txt", "file text")]);
    assert_eq!(ask.cwd, fs::canonicalize(home.path("work")).unwrap().to_str().unwrap());
    assert_eq!((ask.session.as_str(), ask.model.as_str(), ask.max_turns, ask.timeout_ms), ("s1", "big", 3, 7000));
    assert!(ask.continue_conversation && ask.ephemeral && !ask.interactive && !ask.detach);

    for args in [&["ask", "-"][..], &["ask"]] {
        assert_eq!(home.run_with_stdin(args, b"the question").code, Some(0));
        let ask = asked.recv_timeout(support::DEADLINE).unwrap();
        assert_eq!((ask.prompt.as_str(), ask.attachments.len()), ("the question", 0));
    }
}

#[test]
fn nothing_asked_and_wrong_usage_end_with_2() {
    let home = Home::new();
    for args in [&["ask"][..], &["ask", "-C", "/no/such", "x"], &["ask", "--nonsense"], &["nonsense"], &["ask", "  "]] {
        let run = home.run(args);
        assert_eq!(run.code, Some(2), "{args:?} {run:?}");
        assert!(run.stderr.contains("error:"), "{run:?}");
    }
    assert_eq!(home.run(&["ask", "-f", "none", "x"]).code, Some(1));
}

#[test]
fn each_failure_has_its_exit_code_as_text_and_as_json() {
    let home = Home::answering(|to, id, ask| {
        let kind = ErrorKind::from_name(&ask.prompt);
        to.send(id, failed(kind, "it failed", "type this"));
    });
    let table = [
        ("failure", 1),
        ("usage", 2),
        ("refused", 4),
        ("limit", 5),
        ("auth", 6),
        ("balance", 6),
        ("overloaded", 6),
        ("provider", 6),
        ("timeout", 7),
        ("cancelled", 130),
    ];
    for (kind, code) in table {
        let run = home.run(&["ask", kind]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{kind}");
        assert_eq!(run.stderr, "error: it failed\n  hint: type this\n");
        let run = home.run(&["ask", "--json", kind]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{kind}");
        let error = &run.json()["error"];
        assert_eq!((error["code"].as_i64(), error["kind"].as_str()), (Some(i64::from(code)), Some(kind)));
        assert_eq!(error["hint"], "type this");
    }
}

#[test]
fn json_is_one_object_with_every_field() {
    let home = Home::answering(|to, id, _| {
        to.send(id, started());
        to.send(id, text("never shown"));
        to.send(id, answer("done \u{1b}[2J"));
    });
    let run = home.run(&["ask", "--json", "x"]);
    let value = run.json();
    assert_eq!(value["answer"], "done \u{1b}[2J");
    assert_eq!((value["source"].as_str(), value["usage"]["prompt_tokens"].as_i64()), (Some("model"), Some(0)));
    assert!(value["cost_usd"].is_null() && !run.stdout.contains('\u{1b}') && run.stderr.is_empty());
}

#[test]
fn stream_json_is_one_event_a_line_and_the_last_is_the_result_or_the_error() {
    let home = Home::answering(|to, id, ask| {
        to.send(id, started());
        to.send(id, text("a\nb"));
        to.send(id, if ask.prompt == "bad" { failed(ErrorKind::Limit, "too much", "") } else { answer("a\nb") });
    });
    let types = |run: &Run| -> Vec<String> {
        run.stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let good = home.run(&["ask", "--output-format", "stream-json", "x"]);
    assert_eq!((good.code, types(&good)), (Some(0), vec!["started".into(), "text".into(), "result".into()]));
    let bad = home.run(&["ask", "--output-format", "stream-json", "bad"]);
    assert_eq!((bad.code, types(&bad)), (Some(5), vec!["started".into(), "text".into(), "error".into()]));
}

#[test]
fn a_daemon_that_dies_in_the_middle_is_said_and_ends_with_3() {
    let home = Home::answering(|to, id, _| {
        to.send(id, started());
        to.send(id, text("half an ans"));
        to.0.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let run = home.run(&["ask", "x"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "half an ans\n"), "{run:?}");
    assert!(
        run.stderr.contains("agentd went away in the middle of the answer") && run.stderr.contains("hint:"),
        "{run:?}"
    );
    let run = home.run(&["ask", "--json", "x"]);
    assert_eq!((run.code, run.json()["error"]["kind"].as_str()), (Some(3), Some("unreachable")));
}

#[test]
fn a_draining_daemon_is_asked_again() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let home = Home::with(move |mut connection| {
        while let Some(message) = connection.next() {
            let draining = first.swap(false, std::sync::atomic::Ordering::SeqCst);
            connection.send(
                &message.id,
                if draining { failed(ErrorKind::Draining, "stopping", "") } else { answer("at last") },
            );
        }
    });
    let run = home.run(&["ask", "x"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "at last\n"), "{run:?}");
}

#[test]
fn ctrl_c_cancels_the_turn_in_the_daemon_and_ends_with_130() {
    for name in ["INT", "TERM"] {
        let (seen, cancelled) = mpsc::channel();
        let home = Home::with(move |mut connection| {
            let ask = connection.next().unwrap();
            connection.send(&ask.id, text("begun\n"));
            while let Some(message) = connection.next() {
                if let Request::Cancel(cancel) = message.request {
                    assert_eq!(cancel.id.as_ref(), Some(&ask.id));
                    seen.send(()).unwrap();
                    connection.send(&ask.id, failed(ErrorKind::Cancelled, "cancelled", ""));
                }
            }
        });
        let mut child = home.command(&["ask", "x"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "begun\n");
        signal(&child, name);
        cancelled.recv_timeout(support::DEADLINE).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (Some(130), "error: cancelled\n"), "{name}");
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_though_the_daemon_is_mute() {
    let (seen, cancelled) = mpsc::channel();
    let home = Home::with(move |mut connection| {
        let ask = connection.next().unwrap();
        connection.send(&ask.id, text("begun\n"));
        while connection.next().is_some() {
            seen.send(()).unwrap();
        }
    });
    let mut child = home.command(&["ask", "x"]).spawn().unwrap();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    signal(&child, "INT");
    cancelled.recv_timeout(support::DEADLINE).unwrap();
    let begun = Instant::now();
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed().as_millis() < 2_000, "{:?}", begun.elapsed());
}

#[test]
fn a_mute_daemon_does_not_hold_a_cancelled_client() {
    let home = Home::with(|mut connection| {
        let ask = connection.next().unwrap();
        connection.send(&ask.id, text("begun\n"));
        connection.next();
        connection.send(&ask.id, text("unwanted\n"));
        while connection.next().is_some() {}
    });
    let mut child = home.command(&["ask", "x"]).spawn().unwrap();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    signal(&child, "INT");
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (Some(130), ""), "nothing is shown after Ctrl-C: {run:?}");
}

#[test]
fn a_reader_that_leaves_is_a_quiet_end() {
    let home = Home::answering(|to, id, _| while to.send(id, text(&"x".repeat(5000))) {});
    let mut child = home.command(&["ask", "x"]).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
}

#[test]
fn text_reaches_a_pipe_at_once() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let home = Home::with(move |mut connection| {
        let ask = connection.next().unwrap();
        connection.send(&ask.id, text("first"));
        wait.lock().unwrap().recv_timeout(support::DEADLINE).unwrap();
        connection.send(&ask.id, answer("first"));
    });
    let mut child = home.command(&["ask", "x"]).spawn().unwrap();
    let mut piece = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"first", "before the answer is complete");
    go_on.send(()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn words_before_a_tool_call_are_apart_and_quiet_leaves_them_out() {
    let home = Home::answering(|to, id, _| {
        to.send(id, text("Let me look."));
        to.send(id, support::event(Event::TextEnd(TextEnd { void: false })));
        to.send(id, text("Four."));
        to.send(id, answer("Four."));
    });
    assert_eq!(home.run(&["ask", "x"]).stdout, "Let me look.\n\nFour.\n");
    let run = home.run(&["ask", "-q", "x"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("Four.\n", ""));
}

#[test]
fn an_answer_without_streamed_text_is_printed_and_the_file_holds_the_final_one() {
    let home = Home::answering(|to, id, _| {
        to.send(id, text("void"));
        to.send(id, support::event(Event::TextEnd(TextEnd { void: true })));
        to.send(id, answer("from memory"));
    });
    let run = home.run(&["ask", "-o", "out.md", "x"]);
    assert_eq!(run.stdout, "void\nfrom memory\n");
    assert!(run.stderr.contains("void"), "the void text is said to be void: {run:?}");
    assert_eq!(fs::read_to_string(home.path("out.md")).unwrap(), "from memory\n");
    let run = home.run(&["ask", "-o", "no/such/dir/out.md", "x"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "nothing was asked");
}

#[test]
fn no_escape_of_the_model_or_the_daemon_reaches_the_user() {
    let home = Home::answering(|to, id, ask| {
        to.send(id, text("a\u{1b}]0;t\u{7}b\u{9b}2J\u{202e}c"));
        let end = if ask.prompt == "bad" { failed(ErrorKind::Failure, "no\u{1b}[2J", "h\u{1b}c") } else { answer("") };
        to.send(id, end);
    });
    for args in [&["ask", "x"][..], &["ask", "bad"], &["ask", "--color", "never", "x"]] {
        let run = home.run(args);
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{run:?}");
        }
    }
}

#[test]
fn forced_colour_lays_out_markdown_and_no_color_wins_over_it() {
    let home = Home::answering(|to, id, _| {
        to.send(id, text("**bold** text\n"));
        to.send(id, answer("**bold** text\n"));
    });
    let run = home.run(&["ask", "--color", "always", "x"]);
    assert!(run.stdout.contains("\u{1b}[1mbold"), "{run:?}");
    let forced = |extra: &[(&str, &str)]| {
        let mut command = home.command(&["ask", "x"]);
        command.env("CLICOLOR_FORCE", "1").envs(extra.iter().copied());
        Run::of(command.output().unwrap()).stdout
    };
    assert!(forced(&[]).contains('\u{1b}'));
    assert_eq!(forced(&[("NO_COLOR", "1")]), "**bold** text\n");
}

#[test]
fn an_approval_without_a_terminal_is_left_to_the_daemon() {
    let home = Home::answering(|to, id, ask| {
        assert!(!ask.interactive);
        to.send(
            id,
            support::event(Event::Approval(Approval {
                approval: 1,
                name: "write_file".into(),
                summary: "x".into(),
                reason: "y".into(),
            })),
        );
        to.send(id, failed(ErrorKind::Refused, "nobody was there to ask", ""));
    });
    assert_eq!(home.run(&["ask", "x"]).code, Some(4));
}

#[test]
fn an_inherited_pipe_that_says_nothing_is_explained() {
    let home = Home::answering(|to, id, _| {
        to.send(id, answer("ok"));
    });
    let mut child = home.command(&["ask", "x"]).stdin(Stdio::piped()).spawn().unwrap();
    let held = child.stdin.take().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("reading standard input") && line.contains("/dev/null"), "{line}");
    drop(held);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn chat_without_a_terminal_reads_lines_and_keeps_the_conversation() {
    let home = Home::answering(|to, id, ask| {
        to.send(id, started());
        to.send(id, answer(&format!("{} {} {}", ask.prompt, ask.continue_conversation, ask.model)));
    });
    let run = home.run_with_stdin(&["chat"], b"one\n\n/model big\ntwo\n/clear\nthree\n/quit\nfour\n");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "one false \ntwo true big\nthree false big\n"), "{run:?}");
}
