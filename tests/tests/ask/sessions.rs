//! Session memory as several shells see it.

use serde_json::json;
use tests::provider::Scenario;

use crate::desk::{desk, says};

#[test]
fn two_shells_share_a_session_and_projects_do_not() {
    let desk = desk(Scenario::new().text("from the first shell").text("from the second shell").text("elsewhere"));
    desk.answer(["one"]);
    desk.ask(["-c", "two"]).cwd(desk.project.join("src")).run().expect_ok();
    let other = desk.home.project(&[]);
    desk.ask(["three"]).cwd(&other).run().expect_ok();
    let shown = desk.ctl(["sessions", "show"]).run().expect_ok().stdout;
    for words in ["> one", "from the first shell", "> two", "from the second shell"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("three") && !shown.contains("elsewhere"), "{shown}");
    let mine = desk.ctl(["sessions", "list", "--json"]).run().expect_ok().json();
    assert_eq!(mine["sessions"].as_array().unwrap().len(), 1, "{mine}");
    assert_eq!(
        (&mine["sessions"][0]["conversations"], &mine["sessions"][0]["last_question"]),
        (&json!(1), &json!("two"))
    );
    let all = desk.ctl(["sessions", "list", "--all", "--json"]).run().expect_ok().json();
    assert_eq!(all["sessions"].as_array().unwrap().len(), 2, "{all}");
    desk.close();
}

#[test]
fn named_sessions_are_apart_and_can_be_forgotten_one_by_one() {
    let desk = desk(Scenario::new());
    desk.answer(["one"]);
    desk.answer(["-s", "blue", "two"]);
    desk.answer(["-s", "blue", "-c", "three"]);
    let list = desk.ctl(["sessions", "list"]).run().expect_ok().stdout;
    assert!(list.contains("default") && list.contains("blue"), "{list}");
    let shown = desk.ctl(["sessions", "show", "blue"]).run().expect_ok().stdout;
    assert!(shown.contains("> two") && shown.contains("> three") && !shown.contains("> one"), "{shown}");
    assert_eq!(desk.ctl(["sessions", "clear", "blue"]).run().expect_ok().stdout, "1 session forgotten\n");
    let gone = desk.ctl(["sessions", "show", "blue"]).run().expect_code(1);
    says(&gone.stderr, &["no session \"blue\"", "agentctl sessions list"]);
    desk.fails(["-s", "blue", "-c", "four"], 1, &["no conversation yet"]);
    desk.answer(["-c", "the default one is still there"]);
    desk.close();
}

#[test]
fn all_sessions_of_a_project_can_be_forgotten() {
    let desk = desk(Scenario::new());
    desk.answer(["one"]);
    desk.answer(["-s", "blue", "two"]);
    let other = desk.home.project(&[]);
    desk.ask(["three"]).cwd(&other).run().expect_ok();
    assert_eq!(desk.ctl(["sessions", "clear", "--all"]).run().expect_ok().stdout, "2 sessions forgotten\n");
    assert_eq!(desk.ctl(["sessions", "list"]).run().expect_ok().stdout, "no sessions\n");
    let elsewhere = desk.home.agentctl(["sessions", "list"]).cwd(&other).run().expect_ok().stdout;
    assert!(elsewhere.contains("three"), "another project's stay: {elsewhere}");
    assert_eq!(desk.ctl(["sessions", "clear", "none"]).run().expect_ok().stdout, "0 sessions forgotten\n");
    desk.close();
}

#[test]
fn a_session_keeps_its_last_ten_conversations() {
    let desk = desk(Scenario::new());
    for n in 0..12 {
        desk.answer([format!("question-{n}")]);
    }
    let shown = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().json();
    let conversations = shown["conversations"].as_array().unwrap();
    assert_eq!(conversations.len(), 10);
    assert_eq!(conversations[0]["exchanges"][0]["question"], "question-2");
    assert_eq!(conversations[9]["exchanges"][0]["question"], "question-11");
    desk.close();
}

#[test]
fn a_session_name_that_is_none_is_wrong_usage() {
    let desk = desk(Scenario::new());
    let long = "x".repeat(65);
    for name in [long.as_str(), "a\nb"] {
        let output = desk.ask(["-s", name, "x"]).run().expect_code(2);
        assert!(output.stderr.contains("session name"), "{}", output.stderr);
    }
    assert!(desk.chats().is_empty());
    desk.close();
}

#[test]
fn what_a_session_does_now_is_shown() {
    let slow = tests::provider::Step::text("done").delay(60_000);
    let desk = desk(Scenario::new().text("first").step(slow));
    desk.answer(["a quick question"]);
    let running = desk.ask(["the slow question"]).start();
    desk.provider.wait_for(2, crate::desk::DEADLINE);
    let shown = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().json();
    assert_eq!(shown["task"], "the slow question");
    running.signal(tests::Signal::INT);
    running.finish().expect_code(130);
    let shown = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().json();
    assert_eq!(shown["task"], "");
    desk.close();
}

#[test]
fn nothing_of_a_session_outlives_the_daemon() {
    let desk = desk(Scenario::new());
    desk.answer(["one"]);
    desk.ctl(["daemon", "restart"]).run().expect_ok();
    assert_eq!(desk.ctl(["sessions", "list"]).run().expect_ok().stdout, "no sessions\n");
    desk.fails(["-c", "two"], 1, &["no conversation yet", "end with it"]);
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}
