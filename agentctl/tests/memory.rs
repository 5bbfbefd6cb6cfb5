//! `agentctl cache` and `agentctl memory` as a user meets them: the real program against a fake daemon.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail, and starts the program it tests")]

mod support;

use std::{fs, sync::mpsc};

use proto::{
    Answer, AskRequest, BackupReport, Body, CacheClearReport, CacheReport, CacheStatsReport, Cached, CachedAnswer,
    ErrorKind, ExportPage, Fact, ForgetReport, MemoryReport, Preference, PrefsReport, PrefsSetReport, PrefsUnsetReport,
    RejectReport, Request, Response, RestoreReport, Similar, Source, WhyReport,
};
use serde_json::json;
use support::{DEADLINE, Home, Run, failed};

/// What would drive a terminal, in every text of the replies.
const EVIL: &str = "a\u{1b}[2Jb\u{9b}2J\u{202e}c";

/// A home whose daemon answers what is kept with `reply`, and the requests that it got.
fn home(reply: impl Fn(&Request) -> Body + Send + Sync + 'static) -> (Home, mpsc::Receiver<Request>) {
    let (seen, requests) = mpsc::channel();
    let home = Home::with(move |mut connection| {
        while let Some(message) = connection.next() {
            let body = reply(&message.request);
            seen.send(message.request).unwrap();
            connection.send(&message.id, body);
        }
    });
    (home, requests)
}

fn next(requests: &mpsc::Receiver<Request>) -> Request {
    requests.recv_timeout(DEADLINE).unwrap()
}

/// A good reply to every request about what is kept, each text of it evil.
fn evil(request: &Request) -> Body {
    let fact = || Fact { name: EVIL.into(), value: EVIL.into() };
    let answer =
        || CachedAnswer { id: EVIL.into(), project: EVIL.into(), question: EVIL.into(), ..CachedAnswer::default() };
    let preference = || Preference { name: EVIL.into(), value: EVIL.into(), ..Preference::default() };
    Body::Done(match request {
        Request::CacheList(_) => CacheReport { answers: vec![answer()] }.into(),
        Request::CacheWhy(_) => WhyReport {
            question: EVIL.into(),
            reason: EVIL.into(),
            answer: Some(answer()),
            guard: EVIL.into(),
            changed: EVIL.into(),
            facts: vec![fact()],
            ..WhyReport::default()
        }
        .into(),
        Request::CacheReject(_) => RejectReport { id: EVIL.into(), question: EVIL.into(), exact_only: true }.into(),
        Request::CacheClear(_) => CacheClearReport { cleared: 1 }.into(),
        Request::CacheStats(_) => CacheStatsReport { facts: vec![fact()] }.into(),
        Request::MemoryStatus(_) => MemoryReport {
            health: EVIL.into(),
            last_backup: EVIL.into(),
            last_backup_s: Some(1),
            facts: vec![fact()],
            ..MemoryReport::default()
        }
        .into(),
        Request::PrefsList(_) => {
            PrefsReport { preferences: vec![preference(), Preference { name: "x".into(), ..preference() }] }.into()
        }
        Request::PrefsSet(_) => PrefsSetReport { preference: preference(), replaced: true }.into(),
        Request::PrefsUnset(_) => PrefsUnsetReport { removed: true }.into(),
        Request::Backup(_) => BackupReport {
            path: EVIL.into(),
            sha256: EVIL.into(),
            removed: vec![EVIL.into()],
            ..BackupReport::default()
        }
        .into(),
        Request::Restore(_) => RestoreReport { path: EVIL.into(), kinds: Vec::new(), replaced: EVIL.into() }.into(),
        Request::Export(_) => {
            ExportPage { records: vec![json!({"question": EVIL}).to_string(), EVIL.into()], next: String::new() }.into()
        }
        Request::Forget(_) => ForgetReport { erased: vec![fact()] }.into(),
        other => panic!("{other:?}"),
    })
}

/// Every command, in its shortest form.
const COMMANDS: [&[&str]; 15] = [
    &["cache", "list"],
    &["cache", "list", "--all"],
    &["cache", "why"],
    &["cache", "reject"],
    &["cache", "clear"],
    &["cache", "stats"],
    &["memory", "status"],
    &["memory", "prefs", "list"],
    &["memory", "prefs", "get", "x"],
    &["memory", "prefs", "set", "x", "y"],
    &["memory", "prefs", "unset", "x"],
    &["memory", "backup"],
    &["memory", "restore"],
    &["memory", "export"],
    &["memory", "forget", "--all", "--yes"],
];

#[test]
fn every_command_ends_with_0_and_no_escape_of_the_daemon_reaches_the_user() {
    let (home, _requests) = home(evil);
    for args in COMMANDS {
        let run = home.run(args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?} {run:?}");
        assert!(!run.stdout.is_empty() && run.stdout.ends_with('\n'), "{args:?} {run:?}");
        assert!(!run.stdout.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{args:?} {run:?}");
    }
}

#[test]
fn a_failure_has_its_exit_code_and_hint_for_people_and_for_programs() {
    let (home, _requests) = home(|_| failed(ErrorKind::Refused, "not yours", "ask its owner"));
    for args in COMMANDS {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(4), ""), "{args:?}");
        assert_eq!(run.stderr, "error: not yours\n  hint: ask its owner\n", "{args:?}");
    }
    for args in COMMANDS.iter().filter(|args| args[1] != "prefs" || args[2] == "list") {
        let run = home.run(&[args, &["--json"][..]].concat());
        assert_eq!((run.code, run.json()["error"]["kind"].as_str()), (Some(4), Some("refused")), "{args:?}");
    }
}

#[test]
fn the_project_is_found_from_the_directory_and_all_means_no_directory() {
    let (home, requests) = home(evil);
    fs::create_dir(home.path("work")).unwrap();
    let work = fs::canonicalize(home.path("work")).unwrap().display().to_string();
    let cwd = |args: &[&str]| {
        home.run(args);
        match next(&requests) {
            Request::CacheList(it) => it.cwd,
            Request::CacheWhy(it) => it.cwd,
            Request::CacheReject(it) => it.cwd,
            Request::CacheClear(it) => it.cwd,
            Request::PrefsList(it) => it.cwd,
            Request::PrefsSet(it) => it.cwd,
            Request::PrefsUnset(it) => it.cwd,
            Request::Export(it) => it.cwd,
            Request::Forget(it) => it.cwd,
            other => panic!("{other:?}"),
        }
    };
    for args in [
        &["cache", "list", "-C", "work"][..],
        &["cache", "why", "-C", "work"],
        &["cache", "reject", "-C", "work"],
        &["cache", "clear", "-C", "work"],
        &["memory", "prefs", "list", "-C", "work"],
        &["memory", "prefs", "get", "x", "-C", "work"],
        &["memory", "prefs", "set", "x", "y", "--project", "-C", "work"],
        &["memory", "prefs", "unset", "x", "--project", "-C", "work"],
        &["memory", "export", "-C", "work"],
        &["memory", "forget", "--project", "--yes", "-C", "work"],
    ] {
        assert_eq!(cwd(args), work, "{args:?}");
    }
    for args in [
        &["cache", "list", "-a", "-C", "work"][..],
        &["cache", "clear", "-a", "-C", "work"],
        &["memory", "prefs", "set", "x", "y", "-C", "work"],
        &["memory", "prefs", "unset", "x", "-C", "work"],
        &["memory", "export", "-a", "-C", "work"],
        &["memory", "forget", "--all", "--yes", "-C", "work"],
        &["memory", "forget", "--conversation", "0a", "--yes", "-C", "work"],
    ] {
        assert_eq!(cwd(args), "", "{args:?}");
    }
    assert_eq!(home.run(&["cache", "list", "-C", "/no/such"]).code, Some(2));
}

#[test]
fn words_become_one_question_and_one_value() {
    let (home, requests) = home(evil);
    home.run(&["cache", "why", "how", "are", "panics", "-m", "big", "handled?"]);
    let Request::CacheWhy(why) = next(&requests) else { panic!("not why") };
    assert_eq!((why.question.as_str(), why.model.as_str()), ("how are panics handled?", "big"));
    home.run(&["memory", "prefs", "set", "style", "short", "words"]);
    let Request::PrefsSet(set) = next(&requests) else { panic!("not set") };
    assert_eq!((set.name.as_str(), set.value.as_str()), ("style", "short words"));
}

#[test]
fn a_preference_is_printed_bare_and_an_unset_one_is_exit_code_1() {
    let set = Preference { name: "language".into(), value: "de".into(), ..Preference::default() };
    let (home, _requests) = home(move |request| match request {
        Request::PrefsUnset(_) => Body::Done(PrefsUnsetReport { removed: false }.into()),
        _ => Body::Done(PrefsReport { preferences: vec![set.clone()] }.into()),
    });
    let run = home.run(&["memory", "prefs", "get", "language"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "de\n"));
    for verb in ["get", "unset"] {
        let run = home.run(&["memory", "prefs", verb, "style"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
        assert!(run.stderr.contains("no preference \"style\" is set") && run.stderr.contains("hint:"), "{run:?}");
    }
}

#[test]
fn relative_paths_are_made_absolute_before_the_daemon_sees_them() {
    let (home, requests) = home(evil);
    // The program's own idea of where it is: the temporary directory may be behind a link.
    let here = fs::canonicalize(home.dir.path()).unwrap();
    for (given, wanted) in [("b", here.join("b")), ("/x/b", "/x/b".into()), ("./b", here.join("b"))] {
        home.run(&["memory", "backup", "--to", given]);
        let Request::Backup(backup) = next(&requests) else { panic!("not backup") };
        assert_eq!(backup.directory, wanted.display().to_string());
        home.run(&["memory", "restore", "--check", given]);
        let Request::Restore(restore) = next(&requests) else { panic!("not restore") };
        assert_eq!((restore.path, restore.check_only), (wanted.display().to_string(), true));
    }
    home.run(&["memory", "backup"]);
    assert!(matches!(next(&requests), Request::Backup(it) if it.directory.is_empty()));
    home.run(&["memory", "restore"]);
    assert!(matches!(next(&requests), Request::Restore(it) if it.path.is_empty() && !it.check_only));
    for args in [&["memory", "restore", ""][..], &["memory", "backup", "--to", ""]] {
        assert_eq!(home.run(args).code, Some(2), "an unset variable of a script is not the default: {args:?}");
    }
}

/// Three pages.
fn pages(request: &Request) -> Body {
    let Request::Export(export) = request else { panic!("{request:?}") };
    let page = |records: &[&str], next: &str| ExportPage {
        records: records.iter().map(|&one| one.to_owned()).collect(),
        next: next.into(),
    };
    Body::Done(Response::Export(match export.after.as_str() {
        "" => page(&[r#"{"kind":"answer","question":"why?"}"#], "1"),
        "1" => page(&[], "2"),
        _ => page(&[r#"{"kind":"preference","name":"language","value":"de"}"#], ""),
    }))
}

#[test]
fn an_export_is_all_pages_as_text_or_as_one_object() {
    let (home, requests) = home(pages);
    let run = home.run(&["memory", "export"]);
    assert_eq!(run.stdout, "kind: answer\nquestion: why?\n\nkind: preference\nname: language\nvalue: de\n\n");
    assert_eq!(requests.try_iter().count(), 3);
    let value = home.run(&["memory", "export", "--json"]).json();
    assert_eq!(
        value,
        json!({"records": [
            {"kind": "answer", "question": "why?"},
            {"kind": "preference", "name": "language", "value": "de"},
        ]})
    );
}

#[test]
fn an_export_that_fails_in_the_middle_writes_nothing_of_it() {
    let (home, _requests) = home(|request| match request {
        Request::Export(export) if export.after.is_empty() => pages(request),
        _ => failed(ErrorKind::Failure, "the disk is gone", ""),
    });
    let run = home.run(&["memory", "export"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    let run = home.run(&["memory", "export", "--json"]);
    assert_eq!((run.code, run.json()["error"]["message"].as_str()), (Some(1), Some("the disk is gone")));
}

#[test]
fn forgetting_in_a_pipe_needs_a_yes_and_an_extent() {
    let (home, requests) = home(evil);
    for args in [&["memory", "forget", "--all"][..], &["memory", "forget", "--project"]] {
        let run = home.run_with_stdin(args, b"y\ny\n");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains("must be confirmed") && run.stderr.contains("add --yes"), "{run:?}");
    }
    for args in [&["memory", "forget", "--yes"][..], &["memory", "forget", "--conversation", "", "--yes"]] {
        assert_eq!(home.run(args).code, Some(2), "{args:?}");
    }
    assert!(requests.try_recv().is_err(), "the daemon heard nothing of it");
    home.run(&["memory", "forget", "--conversation", "0a", "--yes"]);
    let Request::Forget(forget) = next(&requests) else { panic!("not forget") };
    assert_eq!((forget.conversation.as_str(), forget.all, forget.cwd.as_str()), ("0a", false, ""));
}

#[test]
fn a_backup_leaves_a_running_daemon_running() {
    let (home, requests) = home(evil);
    assert_eq!(home.run(&["memory", "backup"]).code, Some(0));
    let asked: Vec<Request> = requests.try_iter().collect();
    assert!(matches!(asked.as_slice(), [Request::Backup(_)]), "{asked:?}");
}

#[test]
fn a_backup_without_a_daemon_that_may_be_started_is_exit_code_3() {
    let run = Home::new().run(&["--no-autostart", "memory", "backup"]);
    assert_eq!(run.code, Some(3), "{run:?}");
}

#[test]
fn fresh_and_reuse_reach_the_daemon_and_exclude_each_other() {
    let (seen, asked) = mpsc::channel::<AskRequest>();
    let home = Home::with(move |mut connection| {
        while let Some(message) = connection.next() {
            let Request::Ask(ask) = message.request else { continue };
            seen.send(ask).unwrap();
            connection.send(&message.id, support::answer("ok"));
        }
    });
    let flags = |args: &[&str]| {
        let run = home.run_with_stdin(args, b"");
        assert_eq!(run.code, Some(0), "{run:?}");
        let ask = asked.recv_timeout(DEADLINE).unwrap();
        (ask.fresh, ask.reuse)
    };
    assert_eq!(flags(&["ask", "x"]), (false, false));
    assert_eq!(flags(&["ask", "--fresh", "x"]), (true, false));
    assert_eq!(flags(&["ask", "--reuse", "x"]), (false, true));
    assert_eq!(home.run(&["ask", "--fresh", "--reuse", "x"]).code, Some(2));
    assert_eq!(home.run_with_stdin(&["chat", "--fresh"], b"x\n").code, Some(0));
    assert!(asked.recv_timeout(DEADLINE).unwrap().fresh, "in chat too");
}

fn hit() -> Answer {
    let cached = Cached { id: "0a1b".into(), question: EVIL.into(), age_s: 190, dependencies: 20, lenient: false };
    Answer { answer: "four".into(), source: Source::Near, cached: Some(cached), elapsed_ms: 2, ..Answer::default() }
}

#[test]
fn a_hit_is_said_on_standard_error_and_in_both_kinds_of_json() {
    let home = Home::answering(|to, id, _| {
        to.send(id, Body::Done(hit().into()));
    });
    let quiet = home.run(&["ask", "x"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("four\n", ""));
    let told = home.run(&["ask", "-v", "x"]);
    let line = "from memory (near: \"a\u{241b}[2Jb\u{fffd}2J\u{fffd}c\") · asked 3 min ago · 20 dependencies verified · 2 ms\n";
    assert_eq!((told.stdout.as_str(), told.stderr.as_str()), ("four\n", line));
    let value = home.run(&["ask", "--json", "x"]).json();
    assert_eq!((&value["source"], &value["cached"]["dependencies"]), (&json!("near"), &json!(20)));
    assert!(value.get("similar").is_none() && value.get("miss").is_none(), "{value}");
    let last = home.run(&["ask", "--output-format", "stream-json", "x"]).json();
    assert_eq!((&last["type"], &last["cached"]["id"]), (&json!("result"), &json!("0a1b")));
}

#[test]
fn a_miss_says_why_and_what_reuse_would_take() {
    let home = Home::answering(|to, id, _| {
        let similar = Similar { question: "what is two and two?".into(), score: 0.81, age_s: 60 };
        let miss = "src/a.rs has changed since 10:04".to_owned();
        to.send(
            id,
            Body::Done(Answer { answer: "4".into(), miss, similar: Some(similar), ..Answer::default() }.into()),
        );
    });
    let told = home.run(&["ask", "-v", "x"]);
    assert!(
        told.stderr.starts_with("src/a.rs has changed since 10:04: asked anew\nsimilar answer in memory, 81 %"),
        "{told:?}"
    );
    assert!(told.stderr.contains("--reuse takes it"), "{told:?}");
    assert_eq!(home.run(&["ask", "x"]).stderr, "", "a pipe hears nothing");
    let value = home.run(&["ask", "--json", "x"]).json();
    assert_eq!(value["similar"], json!({"question": "what is two and two?", "score": 0.81, "age_s": 60}));
    assert_eq!(value["miss"], "src/a.rs has changed since 10:04");
}

#[test]
fn what_a_notice_has_said_is_not_said_again() {
    let home = Home::answering(|to, id, _| {
        let miss = "src/a.rs has changed".to_owned();
        let notice = proto::Notice { message: format!("asked anew: {miss}") };
        to.send(id, support::event(proto::Event::Notice(notice)));
        to.send(id, Body::Done(Answer { answer: "4".into(), miss, ..Answer::default() }.into()));
    });
    let told = home.run(&["ask", "-v", "x"]);
    assert!(told.stderr.starts_with("asked anew: src/a.rs has changed\nmodel · "), "{told:?}");
}

#[test]
fn what_is_printed_for_programs_is_what_the_daemon_said() {
    let (home, _requests) = home(evil);
    let value = |args: &[&str]| -> serde_json::Value { Run::json(&home.run(args)) };
    assert_eq!(value(&["cache", "list", "--json"])["answers"][0]["question"], EVIL);
    assert_eq!(value(&["cache", "why", "--json"])["outcome"], "model");
    assert_eq!(value(&["cache", "clear", "--json"])["cleared"], 1);
    assert_eq!(value(&["memory", "status", "--json"])["last_backup_s"], 1);
    assert_eq!(value(&["memory", "backup", "--json"])["removed"][0], EVIL);
    assert_eq!(value(&["memory", "forget", "--all", "--yes", "--json"])["erased"][0]["value"], EVIL);
}
