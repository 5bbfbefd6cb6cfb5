//! What never enters the answers in memory: everything but a whole answer of a first, harmless, successful turn.

use std::fs;

use serde_json::json;
use tests::provider::{Fault, Scenario, Step, Verdict};

use crate::{
    desk::{DEADLINE, Desk, desk},
    notes::{ALIKE, ANSWER, QUESTION, answered, calls_of, listed, reads, source},
    work::Asker,
};

/// After what was asked, nothing is kept that could be served, and the question is asked anew.
#[track_caller]
fn nothing_entered(desk: &Desk, what: &str) {
    assert!(listed(desk).is_empty(), "{what}: {:?}", listed(desk));
    let before = calls_of(desk);
    desk.provider.play(Scenario::new().text("asked"));
    desk.ask(["--ephemeral", QUESTION]).run().expect_ok();
    assert!(calls_of(desk) > before, "{what}");
}

fn read() -> Step {
    Step::call("read_text_file", json!({ "path": "notes.txt" }))
}

#[test]
fn answers_of_turns_that_changed_something() {
    let effects = [
        ("a written file", Step::call("write_file", json!({ "path": "new.txt", "content": "x\n" }))),
        ("a new directory", Step::call("create_directory", json!({ "path": "new" }))),
        ("a command", Step::call("shell_execute", json!({ "command": ["touch", "made.txt"] }))),
        (
            "a command that seems to read",
            Step::call("shell_execute", json!({ "command": ["sh", "-c", "cat notes.txt"] })),
        ),
        ("a preference", Step::call("set_preference", json!({ "name": "style", "value": "brief" }))),
    ];
    let desk = desk(Scenario::new());
    for (what, step) in effects {
        desk.provider.play(Scenario::new().step(step).text(ANSWER));
        let mut asker = Asker::ask(&desk, QUESTION);
        asker.decide("once");
        assert_eq!(asker.answer()["answer"], ANSWER, "{what}");
        nothing_entered(&desk, what);
    }
    desk.close();
}

#[test]
fn answers_after_something_was_declined() {
    let desk = desk(Scenario::new());
    let write = Step::call("write_file", json!({ "path": "new.txt", "content": "x\n" }));
    desk.provider.play(Scenario::new().step(write).text(ANSWER));
    let mut asker = Asker::ask(&desk, QUESTION);
    asker.decide("no");
    asker.answer();
    nothing_entered(&desk, "a declined call");
    desk.close();
}

#[test]
fn answers_that_are_none() {
    let sentence = |begin: &str| Step::text(format!("{begin} help with that question, whatever is asked of me here."));
    let answers = [
        ("cut by length", Step::text(ANSWER).finish("length").times(0)),
        ("filtered", Step::text(ANSWER).finish("content_filter")),
        ("an odd end", Step::text(ANSWER).finish("insufficient_system_resource")),
        ("blank", Step::text(" \n\t ")),
        ("empty", Step::text("")),
        ("short", Step::text("42")),
        ("an error", Step::text("Error: notes.txt: No such file or directory (os error 2)")),
        ("a time-out", Step::text("The search timed out before it had found anything at all.")),
        ("a refusal", sentence("Sorry, but I cannot")),
        ("a polite refusal", sentence("I'm sorry, but I can't")),
        ("an unable one", sentence("I am unable to")),
        ("a plain refusal", sentence("I can't")),
        ("a formal refusal", sentence("I cannot")),
        ("a refusal as a machine", sentence("As an AI, I can't")),
    ];
    let desk = desk(Scenario::new());
    let mut entered = Vec::new();
    for (what, step) in answers {
        desk.provider.play(Scenario::new().step(read()).step(step));
        desk.ask([QUESTION]).run();
        if !listed(&desk).is_empty() {
            entered.push(what);
            desk.ctl(["cache", "clear"]).run().expect_ok();
        }
    }
    assert!(entered.is_empty(), "{entered:?}");
    desk.close();
}

#[test]
fn answers_of_turns_that_did_not_end_well() {
    let desk = desk(Scenario::new());
    for status in [400, 401, 402, 422] {
        desk.provider.play(Scenario::new().step(read()).step(Step::status(status)));
        assert_ne!(desk.ask([QUESTION]).run().code, Some(0), "{status}");
        nothing_entered(&desk, &format!("status {status}"));
    }
    let cut = Step::text(ANSWER).chunks(8, 0).fault(Fault::CutChunks(3)).times(0);
    desk.provider.play(Scenario::new().step(cut));
    desk.ask([QUESTION]).run();
    nothing_entered(&desk, "a stream that broke");
    let stalled = || Step::text(ANSWER).chunks(8, 0).fault(Fault::Stall(3)).times(0);
    desk.provider.play(Scenario::new().step(stalled()));
    desk.ask(["--timeout", "1", QUESTION]).run().expect_code(7);
    nothing_entered(&desk, "a time-out");
    desk.provider.play(Scenario::new().step(read().times(0)));
    desk.ask(["--max-turns", "2", QUESTION]).run().expect_code(5);
    nothing_entered(&desk, "too many turns");
    desk.provider.play(Scenario::new().step(stalled()));
    let mut rpc = desk.home.rpc();
    let id = rpc.send("ask", &json!({ "prompt": QUESTION, "cwd": desk.project }));
    rpc.wait_event(id, "text");
    rpc.call("cancel", &json!({ "id": id })).unwrap();
    assert!(rpc.wait_result(id).is_err());
    nothing_entered(&desk, "a cancelled turn");
    drop(rpc);
    desk.close();
}

#[test]
fn follow_ups_and_what_is_to_leave_no_trace() {
    let desk = desk(reads());
    desk.answer(["--ephemeral", QUESTION]);
    assert!(listed(&desk).is_empty());
    desk.answer([QUESTION]);
    desk.answer(["-c", "and what stood there before that one?"]);
    desk.answer(["-c", QUESTION]);
    assert_eq!(listed(&desk).len(), 1, "the first question only");
    assert_eq!(source(&desk, &["-c", QUESTION]), "model", "nor is a follow-up served");
    assert_eq!(source(&desk, &["--ephemeral", QUESTION]), "exact", "an ephemeral question may be served");
    desk.close();
}

#[test]
fn questions_that_mean_something_else_the_next_time_or_want_a_change() {
    let desk = desk(reads());
    for question in ["and why is that?", "why did it change?", "rename the number in notes.txt", "fix this"] {
        desk.answer([question]);
        assert!(listed(&desk).is_empty(), "{question}: {:?}", listed(&desk));
    }
    desk.close();
}

#[test]
fn an_answer_is_for_the_same_attached_text_only() {
    let desk = answered(Verdict::Yes);
    fs::write(desk.project.join("a.txt"), "one attached text\n").unwrap();
    assert_eq!(source(&desk, &["-f", "a.txt", QUESTION]), "model", "the first one had none");
    assert_eq!(source(&desk, &["-f", "a.txt", QUESTION]), "exact");
    assert_eq!(source(&desk, &["-f", "a.txt", ALIKE]), "verdict");
    let piped = |text: &str| desk.ask(["--json", QUESTION]).stdin(text).run().expect_ok().json()["source"].clone();
    assert_eq!(
        (piped("from a pipe"), piped("from a pipe"), piped("another")),
        ("model".into(), "exact".into(), "model".into())
    );
    fs::write(desk.project.join("a.txt"), "another attached text\n").unwrap();
    assert_eq!(source(&desk, &["-f", "a.txt", QUESTION]), "model");
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    let mut rpc = desk.home.rpc();
    let id = rpc.send("ask", &json!({ "prompt": QUESTION, "cwd": desk.project }));
    assert_eq!(rpc.wait_result(id).unwrap()["source"], "exact");
    drop(rpc);
    assert!(tests::holds_within(DEADLINE, || listed(&desk).len() == 5), "{:?}", listed(&desk));
    desk.close();
}
