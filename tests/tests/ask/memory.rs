//! What outlives a question: preferences in the prompt, the tool that sets one, conversations that go on after a
//! restart and what is recalled of them.

use serde_json::{Value, json};
use tests::{
    RpcClient,
    provider::{Options, Recorded, Rules, Scenario, Step, TEST_KEY},
};

use crate::{
    desk::{Desk, desk, roles, text_of},
    work::{Asker, goes_on, result},
};

/// Questions and answers that are worth keeping.
const QUESTION: &str = "what does parse_config return?";
const ANSWER: &str = "It returns the configuration, or every fault of the file with the line it stands in.";

fn prefer(name: &str, value: &str) -> Step {
    Step::call("set_preference", json!({ "name": name, "value": value }))
}

/// Sets a preference over the socket; without a directory it applies everywhere.
#[track_caller]
fn set(rpc: &mut RpcClient, cwd: Option<&Desk>, name: &str, value: &str) -> Value {
    let cwd = cwd.map(|desk| desk.project.display().to_string()).unwrap_or_default();
    rpc.call("memory.prefs.set", &json!({ "cwd": cwd, "name": name, "value": value })).unwrap()
}

/// The text of the first and of the last user message.
fn asked(chat: &Recorded) -> (&str, &str) {
    let mut users = chat.messages().iter().filter(|message| message["role"] == "user").map(text_of);
    let first = users.next().unwrap_or_default();
    (first, users.next_back().unwrap_or(first))
}

#[test]
fn preferences_stand_behind_the_project_and_without_any_the_bytes_are_what_they_were() {
    let desk = desk(Scenario::new());
    desk.answer(["before"]);
    let mut rpc = desk.home.rpc();
    assert_eq!(set(&mut rpc, None, "style", "brief")["replaced"], false);
    set(&mut rpc, None, "language", "German");
    set(&mut rpc, Some(&desk), "style", "long");
    desk.answer(["with"]);
    let other = desk.home.project(&[]);
    desk.ask(["elsewhere"]).cwd(&other).run().expect_ok();
    for (cwd, name) in [("", "style"), ("", "language"), (desk.project.to_str().unwrap(), "style")] {
        let gone = rpc.call("memory.prefs.unset", &json!({ "cwd": cwd, "name": name })).unwrap();
        assert_eq!(gone["removed"], true);
    }
    desk.answer(["after"]);
    let chats = desk.chats();
    assert_eq!(asked(&chats[0]).0, "Project: p1\n\nbefore");
    let with = "Project: p1\n<preferences>\nlanguage: German\nstyle: long\n</preferences>\n\nwith";
    assert_eq!(asked(&chats[1]).0, with);
    let elsewhere = "Project: p2\n<preferences>\nlanguage: German\nstyle: brief\n</preferences>\n\nelsewhere";
    assert_eq!(asked(&chats[2]).0, elsewhere);
    assert_eq!(asked(&chats[3]).0, "Project: p1\n\nafter");
    chats[0].assert_same_frozen_part(&chats[1]);
    drop(rpc);
    desk.close();
}

#[test]
fn a_conversation_keeps_its_bytes_and_is_told_once_when_preferences_change() {
    let desk = desk(Scenario::new());
    let mut rpc = desk.home.rpc();
    set(&mut rpc, None, "language", "German");
    desk.answer(["one"]);
    desk.answer(["-c", "two"]);
    set(&mut rpc, None, "language", "French");
    desk.answer(["-c", "three"]);
    desk.answer(["-c", "four"]);
    rpc.call("memory.prefs.unset", &json!({ "cwd": "", "name": "language" })).unwrap();
    desk.answer(["-c", "five"]);
    let chats = desk.chats();
    let last: Vec<&str> = chats.iter().map(|chat| asked(chat).1).collect();
    let block = |text: &str| format!("<preferences replaces=\"earlier\">\n{text}\n</preferences>\n");
    assert_eq!(last[1], "two");
    assert_eq!(last[2], format!("{}three", block("language: French")));
    assert_eq!(last[3], "four");
    assert_eq!(last[4], format!("{}five", block("(none any more)")));
    for pair in chats.windows(2) {
        pair[0].assert_prefix_of(&pair[1]);
    }
    drop(rpc);
    desk.close();
}

#[test]
fn a_preference_that_holds_a_secret_or_is_none_is_refused_and_not_repeated() {
    let desk = desk(Scenario::new());
    let mut rpc = desk.home.rpc();
    let key = desk.provider.key().to_owned();
    for (name, value, word) in [("style", key.as_str(), "secret"), ("a b", "x", "name"), ("style", "", "value")] {
        let failure = rpc.call("memory.prefs.set", &json!({ "cwd": "", "name": name, "value": value })).unwrap_err();
        assert!(failure.message.contains(word) && !failure.hint.is_empty(), "{failure:?}");
        assert!(!failure.message.contains(&key));
    }
    assert_eq!(rpc.call("memory.prefs", &json!({ "cwd": "" })).unwrap()["preferences"], json!([]));
    drop(rpc);
    desk.close();
}

#[test]
fn the_model_sets_a_preference_after_the_user_has_agreed() {
    let scenario = Scenario::new().step(prefer("language", "German")).text("remembered");
    let desk = desk(scenario.step(prefer("test_command", "make check")).text("again"));
    let mut asker = Asker::ask(&desk, "always answer in German");
    let approval = asker.decide("once");
    assert_eq!((&approval["name"], &approval["summary"]), (&json!("set_preference"), &json!("language: German")));
    let reason = approval["reason"].as_str().unwrap();
    assert!(reason.contains("everywhere: language = German"), "{reason}");
    assert_eq!(asker.answer()["answer"], "remembered");
    assert_eq!(result(&desk), "Remembered everywhere: language = German");
    let mut asker = Asker::ask(&desk, "and run the tests with make check");
    let reason = asker.decide("session")["reason"].to_string();
    assert!(reason.contains("in this project: test_command = make check"), "{reason}");
    asker.answer();
    let cwd = desk.project.display().to_string();
    let kept = desk.home.rpc().call("memory.prefs", &json!({ "cwd": cwd })).unwrap();
    let kept: Vec<_> = kept["preferences"].as_array().unwrap().iter().map(|it| (&it["name"], &it["project"])).collect();
    assert_eq!(kept, [(&json!("language"), &json!(false)), (&json!("test_command"), &json!(true))]);
    desk.answer(["hello"]);
    let last = desk.chats().pop().unwrap();
    assert!(asked(&last).0.contains("<preferences>\nlanguage: German\ntest_command: make check\n</preferences>"));
    desk.close();
}

#[test]
fn where_nobody_can_be_asked_a_preference_is_refused_and_the_turn_goes_on() {
    let desk = desk(Scenario::new().step(prefer("language", "German")).text("answered all the same"));
    let answer = desk.json(["always answer in German"]);
    assert_eq!(answer["answer"], "answered all the same");
    let call = &answer["tool_calls"][0];
    assert_eq!((&call["verdict"], &call["ok"]), (&json!("denied"), &json!(false)));
    assert!(result(&desk).contains("nobody is there to approve it"), "{}", result(&desk));
    assert_eq!(desk.home.rpc().call("memory.prefs", &json!({ "cwd": "" })).unwrap()["preferences"], json!([]));
    goes_on(&desk);
    desk.close();
}

#[test]
fn a_declined_preference_is_not_kept_and_a_secret_one_is_not_asked_about() {
    let scenario = Scenario::new().step(prefer("language", "German")).text("left");
    let desk = desk(scenario.step(prefer("style", TEST_KEY)).text("refused"));
    let mut asker = Asker::ask(&desk, "always answer in German");
    asker.decide("no");
    assert_eq!(asker.answer()["answer"], "left");
    assert!(result(&desk).contains("declined"));
    let mut asker = Asker::ask(&desk, "remember this");
    assert_eq!(asker.answer()["answer"], "refused");
    assert!(result(&desk).starts_with("Refused: "), "{}", result(&desk));
    assert_eq!(desk.home.rpc().call("memory.prefs", &json!({ "cwd": "" })).unwrap()["preferences"], json!([]));
    desk.close();
}

#[test]
fn a_question_that_leaves_no_trace_sets_no_preference() {
    let desk = desk(Scenario::new().step(prefer("language", "German")).text("answered"));
    desk.answer(["--ephemeral", "always answer in German"]);
    assert!(result(&desk).contains("leave no trace"), "{}", result(&desk));
    assert_eq!(desk.home.rpc().call("memory.prefs", &json!({ "cwd": "" })).unwrap()["preferences"], json!([]));
    desk.close();
}

/// A desk whose provider demands reasoning on every assistant message, as some users report.
fn strict(scenario: Scenario) -> Desk {
    let rules = Rules { reasoning_everywhere: true, ..Options::default().rules };
    Desk::with(Options { scenario, rules, ..Options::default() }, |_| {})
}

/// Ends the daemon without a chance to tidy up; the next question starts another one.
fn restart(desk: &mut Desk) {
    desk.kill_daemon();
}

#[test]
fn a_useful_conversation_goes_on_after_the_daemon_was_killed() {
    let mut desk = strict(Scenario::new().text(ANSWER).text("ok").text(ANSWER).text("and on"));
    let first = desk.json([QUESTION]);
    desk.answer(["-c", "why?"]);
    desk.answer(["-c", "which faults does it tell of?"]);
    restart(&mut desk);
    let second = desk.json(["-c", "show me one"]);
    assert_eq!(first["conversation"], second["conversation"]);
    let last = desk.chats().pop().unwrap();
    assert_eq!(last.status, 200, "{:?}", last.messages());
    assert_eq!(roles(&last), ["system", "user", "assistant", "user", "assistant", "user"], "without the useless one");
    assert_eq!(asked(&last), (format!("Project: p1\n\n{QUESTION}").as_str(), "show me one"));
    assert_eq!(last.messages()[2]["reasoning_content"], "");
    goes_on(&desk);
    desk.close();
}

#[test]
fn what_is_not_useful_does_not_outlive_the_daemon() {
    let scenario = Scenario::new().text("ok").text(ANSWER).step(Step::status(402));
    let mut desk = desk(scenario);
    desk.answer(["say ok, nothing else"]);
    desk.answer(["--ephemeral", QUESTION]);
    desk.ask(["-s", "failed", QUESTION]).run().expect_code(6);
    restart(&mut desk);
    desk.fails(["-c", "and?"], 1, &["no conversation yet", "without -c"]);
    desk.fails(["-s", "failed", "-c", "and?"], 1, &["no conversation yet"]);
    desk.close();
}

#[test]
fn a_session_that_was_cleared_does_not_come_back() {
    let mut desk = desk(Scenario::new().text(ANSWER));
    desk.answer([QUESTION]);
    desk.ctl(["sessions", "clear", "default"]).run().expect_ok();
    restart(&mut desk);
    desk.fails(["-c", "and?"], 1, &["no conversation yet"]);
    desk.close();
}

#[test]
fn preferences_outlive_the_daemon() {
    let mut desk = desk(Scenario::new());
    set(&mut desk.home.rpc(), None, "language", "German");
    restart(&mut desk);
    desk.answer(["hello"]);
    assert!(asked(&desk.chats()[0]).0.contains("language: German"));
    desk.close();
}

#[test]
fn an_earlier_conversation_is_recalled_while_its_files_are_unchanged() {
    let read = || Step::call("read_text_file", json!({ "path": "src/main.rs" }));
    let desk = desk(Scenario::new().step(read()).text(ANSWER));
    desk.answer([QUESTION]);
    let recalled = || {
        desk.answer(["-q", "who calls parse_config?"]);
        let last = desk.chats().pop().unwrap();
        asked(&last).0.contains("<recollections>\n").then(|| asked(&last).0.to_owned())
    };
    let text = recalled().expect("the files are as they were");
    assert!(text.contains(&format!("Less than a day ago:\nQ: {QUESTION}\nA: {ANSWER}\n")), "{text}");
    desk.home.write(&desk.project.join("src/main.rs"), b"fn main() { }\n");
    assert_eq!(recalled(), None, "a stale recollection is never offered");
    desk.close();
}

#[test]
fn what_is_not_known_to_hold_is_not_recalled() {
    let desk = desk(Scenario::new().text(ANSWER));
    desk.answer([QUESTION]);
    desk.answer(["who calls parse_config?"]);
    let chats: Vec<_> = desk.chats().into_iter().filter(|chat| chat.verdict().is_none()).collect();
    assert_eq!(chats.len(), 2);
    assert_eq!(asked(&chats[1]).0, "Project: p1\n\nwho calls parse_config?");
    desk.close();
}
