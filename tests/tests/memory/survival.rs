//! What survives the end of the daemon, however it ends, and how much of it is kept.

use std::fs;

use serde_json::Value;
use tests::provider::{Options, Scenario, Step, Verdict};

use crate::{
    desk::{Desk, desk},
    notes::{ANSWER, QUESTION, answered, calls_of, listed, reads, source},
};

/// Questions that share nothing.
const THREE: [&str; 3] =
    ["who starts the scheduler?", "which module parses the manifest?", "what does exit code 78 mean?"];

/// Waits until everything before is on the disk: this write is acknowledged and comes after it.
fn settle(desk: &Desk) {
    desk.ctl(["memory", "prefs", "set", "unrelated", "x"]).run().expect_ok();
    desk.ctl(["memory", "prefs", "unset", "unrelated"]).run().expect_ok();
}

/// Records of a kind in the export.
fn exported(desk: &Desk, kind: &str) -> Vec<Value> {
    let export = desk.ctl(["memory", "export", "--json", "--all"]).run().expect_ok().json();
    export["records"].as_array().unwrap().iter().filter(|it| it["kind"] == kind).cloned().collect()
}

#[test]
fn answers_and_conversations_are_there_after_a_kill_and_are_verified() {
    let mut desk = answered(Verdict::Doubt);
    settle(&desk);
    desk.kill_daemon();
    let served = desk.json([QUESTION]);
    assert_eq!((&served["source"], &served["answer"]), (&"exact".into(), &ANSWER.into()), "{served}");
    assert_eq!(desk.json(["-c", "and in words?"])["source"], "model");
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    let missed = desk.json([QUESTION]);
    assert_eq!(missed["source"], "model");
    assert!(missed["miss"].as_str().unwrap().contains("notes.txt"), "{missed}");
    desk.close();
}

#[test]
fn what_changed_while_no_daemon_ran_is_seen() {
    let mut desk = answered(Verdict::Doubt);
    settle(&desk);
    desk.kill_daemon();
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    let missed = desk.json([QUESTION]);
    assert_eq!(missed["source"], "model");
    assert!(missed["miss"].as_str().unwrap().contains("notes.txt"), "{missed}");
    desk.close();
}

#[test]
fn an_orderly_stop_writes_everything_and_how_often_it_was_served() {
    let desk = answered(Verdict::Doubt);
    for _ in 0..3 {
        source(&desk, &[QUESTION]);
    }
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    let kept = listed(&desk);
    assert_eq!((kept.len(), &kept[0]["hits"]), (1, &3.into()), "{kept:?}");
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}

#[test]
fn eight_kills_in_a_row_lose_nothing_that_was_acknowledged() {
    let mut desk = Desk::with(Options { scenario: Scenario::new(), ..Options::default() }, |_| {});
    for round in 0..8 {
        desk.ctl(["memory", "prefs", "set", &format!("name{round}"), "x"]).run().expect_ok();
        tests::signal(desk.daemon_pid(), tests::Signal::KILL);
        if round == 0 {
            desk.kill_daemon();
        }
        let list = desk.ctl(["memory", "prefs", "list"]).run().expect_ok().stdout;
        assert_eq!(list.matches("name").count(), round + 1, "{list}");
    }
    desk.close();
}

#[test]
fn lower_caps_hold_at_the_reload() {
    let desk = desk(reads());
    for question in THREE {
        desk.answer(["--fresh", question]);
    }
    let before = (listed(&desk).len(), exported(&desk, "conversation").len());
    assert_eq!(before, (3, 3));
    desk.home.config("[memory]\ncache_size = 1\nmax_persistent_conversations = 2\n");
    desk.ctl(["daemon", "reload"]).run().expect_ok();
    assert_eq!((listed(&desk).len(), exported(&desk, "conversation").len()), (1, 2));
    let status = desk.ctl(["memory", "status"]).run().expect_ok().stdout;
    assert!(status.contains("1 of at most 1") && status.contains("2 of at most 2"), "{status}");
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    assert_eq!((listed(&desk).len(), exported(&desk, "conversation").len()), (1, 2), "on the disk too");
    desk.home.config("[memory]\ncache_size = 0\nmax_persistent_conversations = 0\n");
    desk.ctl(["daemon", "reload"]).run().expect_ok();
    assert_eq!((listed(&desk).len(), exported(&desk, "conversation").len()), (0, 0));
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}

#[test]
fn the_documented_names_of_the_caps_hold() {
    let caps = |home: &tests::Home| {
        home.set_env("CACHE_SIZE", "2");
        home.set_env("MAX_PERSISTENT_CONV", "1");
    };
    let desk = Desk::with(Options { scenario: reads(), ..Options::default() }, caps);
    for question in THREE {
        desk.answer(["--fresh", question]);
    }
    assert_eq!((listed(&desk).len(), exported(&desk, "conversation").len()), (2, 1));
    desk.close();
}

#[test]
fn a_repeated_question_replaces_its_conversation() {
    let read = || Step::call("read_text_file", serde_json::json!({ "path": "notes.txt" }));
    let second = "It is 42, said in the second answer to the very same question.";
    let desk = desk(Scenario::new().step(read()).text(ANSWER).step(read()).text(second));
    desk.answer([QUESTION]);
    desk.answer(["--fresh", QUESTION]);
    let kept = exported(&desk, "conversation");
    assert!(kept.len() == 1 && kept[0].to_string().contains(second), "{kept:?}");
    assert!(!kept[0].to_string().contains(ANSWER));
    assert_eq!(calls_of(&desk), 4);
    desk.close();
}

#[test]
fn a_served_answer_is_what_goes_on_after_a_restart() {
    let mut desk = answered(Verdict::Doubt);
    desk.json(["what is written about the weather in the notes?"]);
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    settle(&desk);
    desk.kill_daemon();
    assert_eq!(desk.json(["-c", "and in words?"])["source"], "model");
    let last = desk.chats().last().unwrap().raw_messages().join("");
    assert!(last.contains(QUESTION) && last.contains(ANSWER) && !last.contains("weather"), "{last}");
    desk.close();
}
