//! What is never persisted: one marker for each kind, searched in every byte below the state directory, in what is
//! compressed there, and in every record of the store.

use std::{fs, path::Path};

use agentd::memory::store::{Row, Shelf};
use serde_json::json;
use tests::{
    Home, left_in,
    provider::{Fault, Options, Scenario, Step},
};

use crate::{desk::Desk, files, holds, notes::ANSWER, work::Asker};

/// How every compressed frame begins.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Most bytes that a frame is unpacked to.
const FRAME_MAX: usize = 4 << 20;

/// Shelves with a record that holds the text.
fn shelves_with(rows: &[Row], text: &str) -> Vec<Shelf> {
    rows.iter().filter(|row| holds(&row.body, text)).map(|row| row.shelf).collect()
}

/// Files below a directory that hold the text as it is or in a compressed frame, also one that nothing refers to.
fn found_in(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (path, bytes) in files(dir) {
        if holds(&bytes, text) {
            found.push(path.display().to_string());
        }
        let frames = bytes.windows(FRAME.len()).enumerate().filter(|(_, begin)| *begin == FRAME);
        if frames.into_iter().any(|(at, _)| holds(&unpacked(&bytes[at..]), text)) {
            found.push(format!("{} (compressed)", path.display()));
        }
    }
    found
}

/// What a frame that begins here holds, as far as it is whole.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if let Ok(decoder) = zstd::stream::read::Decoder::new(bytes) {
        let mut bounded = std::io::Read::take(decoder.single_frame(), FRAME_MAX as u64);
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        let _cut = std::io::Read::read_to_end(&mut bounded, &mut plain);
    }
    plain
}

/// A text of its own for each case.
fn marker(case: &str) -> String {
    format!("marker{case}quetzal")
}

/// Stops the daemon, which writes what it has, and gives the records.
fn stopped(desk: Desk, then: impl FnOnce(&Home, &[Row])) {
    let Desk { home, .. } = &desk;
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    home.assert_no_leftovers();
    then(home, &left_in(&home.state_dir()));
}

fn traced() -> Desk {
    Desk::with(Options::default(), |home| home.set_env("AGENTD_LOG_LEVEL", "trace"))
}

/// Panics when one of these stands in anything that the daemon left.
#[track_caller]
fn nowhere(home: &Home, rows: &[Row], cases: &[&str]) {
    for case in cases {
        let marker = marker(case);
        assert_eq!(shelves_with(rows, &marker), [], "{marker}");
        assert_eq!(found_in(&home.state_dir(), &marker), Vec::<String>::new(), "{marker}");
    }
}

#[test]
fn the_search_finds_what_is_kept_in_records_and_in_compressed_bytes() {
    let desk = traced();
    let text = format!("It is kept: {}. {}", marker("kept"), "This sentence makes it compress well. ".repeat(30));
    desk.provider.play(Scenario::new().step(Step::call("list_directory", json!({ "path": "." }))).text(&text));
    desk.answer(["which marker is kept here?"]);
    stopped(desk, |home, rows| {
        let mut shelves = shelves_with(rows, &marker("kept"));
        shelves.sort_by_key(|shelf| shelf.name());
        assert_eq!(shelves, [Shelf::Answer, Shelf::Conversation]);
        let found = found_in(&home.state_dir(), &marker("kept"));
        assert!(found.iter().any(|file| file.ends_with("(compressed)")), "{found:?}");
    });
}

#[test]
fn errors_short_answers_and_turns_that_did_not_end_well() {
    let desk = traced();
    let said = |case: &str, text: &str| Step::text(format!("{text} {}", marker(case)));
    let stalled = |case: &str| Step::text(format!("A long beginning of {} and more of it", marker(case))).chunks(6, 0);
    let mut asked = |step: Step, case: &str, arguments: &[&str]| {
        desk.provider.play(Scenario::new().step(step.times(0)));
        desk.ask(arguments).arg(format!("what is the {} of this case?", marker(&format!("question{case}")))).run();
    };
    asked(said("error", "Error: file not found:"), "error", &[]);
    asked(said("refusal", "I'm sorry, but I can't help with"), "refusal", &[]);
    asked(said("short", "No:"), "short", &[]);
    asked(stalled("late").fault(Fault::Stall(6)), "late", &["--timeout", "1"]);
    asked(stalled("broken").fault(Fault::CutChunks(6)), "broken", &[]);
    asked(stalled("length").finish("length"), "length", &[]);
    asked(Step::status(402).body(json!({ "error": { "message": marker("body") } }).to_string()), "failed", &[]);
    asked(Step::call("read_text_file", json!({ "path": "notes.txt" })), "limit", &["--max-turns", "2"]);
    asked(Step::call("write_file", json!({ "path": "x", "content": marker("refused") })), "refused", &[]);
    desk.provider.play(Scenario::new().step(stalled("cancelled").fault(Fault::Stall(6))));
    let mut rpc = desk.home.rpc();
    let prompt = format!("what is the {} here?", marker("questioncancelled"));
    let id = rpc.send("ask", &json!({ "prompt": prompt, "cwd": desk.project }));
    rpc.wait_event(id, "text");
    rpc.call("cancel", &json!({ "id": id })).unwrap();
    assert!(rpc.wait_result(id).is_err());
    drop(rpc);
    stopped(desk, |home, rows| {
        let cases = [
            "error",
            "refusal",
            "short",
            "late",
            "broken",
            "length",
            "body",
            "failed",
            "limit",
            "refused",
            "cancelled",
        ];
        nowhere(home, rows, &cases);
        nowhere(home, rows, &cases.map(|case| format!("question{case}")).each_ref().map(String::as_str));
    });
}

#[test]
fn files_attachments_instructions_reasoning_and_tool_results() {
    let desk = traced();
    let write = |name: &str, case: &str| fs::write(desk.project.join(name), format!("{}\n", marker(case))).unwrap();
    write("notes.txt", "file");
    write("attached.txt", "attached");
    write("AGENTS.md", "instructions");
    write("found.txt", "found");
    write("printed.txt", "printed");
    let step = Step::call("read_text_file", json!({ "path": "notes.txt" }))
        .and_call("search_content", json!({ "path": ".", "pattern": "^marker" }));
    let answer = Step::text(ANSWER).reasoning(format!("I think of {}", marker("reasoning")));
    desk.provider.play(Scenario::new().step(step).step(answer));
    let run = desk.ask(["-f", "attached.txt", "which number stands in notes.txt?"]).stdin(marker("piped")).run();
    assert_eq!(run.expect_ok().stdout.trim(), ANSWER);
    let command = Step::call("shell_execute", json!({ "command": ["cat", "printed.txt"] }));
    desk.provider.play(Scenario::new().step(command).text(ANSWER));
    desk.answer(["which module prints the other file?"]);
    let seen: String = desk.chats().iter().map(|chat| String::from_utf8_lossy(&chat.raw).into_owned()).collect();
    let cases = ["file", "attached", "piped", "instructions", "found", "printed"];
    for case in cases {
        assert!(seen.contains(&marker(case)), "the model has seen {case}: {seen}");
    }
    stopped(desk, |home, rows| {
        assert!(shelves_with(rows, ANSWER).contains(&Shelf::Answer), "the answer itself is kept");
        nowhere(home, rows, &cases);
        nowhere(home, rows, &["reasoning"]);
    });
}

#[test]
fn what_an_ephemeral_question_and_a_session_hold() {
    let desk = traced();
    let answer = |case: &str| format!("A whole sentence that would be kept: {}.", marker(case));
    desk.provider.play(Scenario::new().text(answer("ephemeral")).text(answer("served")).text("ok").text("ok"));
    desk.answer(["--ephemeral", &format!("what does {} mean?", marker("asked"))]);
    desk.answer(["what does the served marker mean?"]);
    desk.answer(["--ephemeral", "what does the served marker mean?"]);
    desk.answer(["-c", "why?"]);
    desk.answer(["-c", &format!("go on with {}", marker("useless"))]);
    stopped(desk, |home, rows| {
        nowhere(home, rows, &["ephemeral", "asked", "useless"]);
        assert_eq!(shelves_with(rows, &marker("served")).len(), 2);
    });
}

#[test]
fn answers_after_effects_are_kept_as_conversations_only() {
    let desk = traced();
    let write = Step::call("write_file", json!({ "path": "new.txt", "content": marker("written") }));
    desk.provider
        .play(Scenario::new().step(write).text(format!("The file now holds what you wanted: {}", marker("effects"))));
    let mut asker = Asker::ask(&desk, "which file did you write for the scheduler?");
    asker.decide("once");
    asker.answer();
    drop(asker);
    stopped(desk, |home, rows| {
        assert_eq!(shelves_with(rows, &marker("effects")), [Shelf::Conversation]);
        nowhere(home, rows, &["written"]);
    });
}

#[test]
fn what_was_replaced_is_in_no_record() {
    let desk = traced();
    let answer = |case: &str| format!("A whole sentence that is kept: {}.", marker(case));
    desk.provider.play(Scenario::new().text(answer("older")).text(answer("newer")));
    desk.answer(["what does the marker mean?"]);
    desk.answer(["--fresh", "what does the marker mean?"]);
    stopped(desk, |_, rows| {
        assert_eq!(shelves_with(rows, &marker("older")), []);
        assert_eq!(shelves_with(rows, &marker("newer")).len(), 2);
    });
}

#[test]
fn after_forgetting_nothing_is_left_in_compressed_bytes_either() {
    for extent in ["--project", "--all", "--conversation"] {
        let desk = traced();
        let text = format!("It is kept: {}. {}", marker("kept"), "This sentence makes it compress well. ".repeat(30));
        desk.provider.play(Scenario::new().text(text));
        let id = desk.json([format!("which {} is it?", marker("asked"))])["conversation"].as_str().unwrap().to_owned();
        desk.ctl(["memory", "backup"]).run().expect_ok();
        assert!(!found_in(&desk.home.state_dir(), &marker("kept")).is_empty());
        let forget = desk.ctl(["memory", "forget", "--yes", extent]);
        let forget = if extent == "--conversation" { forget.arg(&id) } else { forget };
        forget.run().expect_ok();
        assert_eq!(found_in(&desk.home.state_dir(), &marker("kept")), Vec::<String>::new(), "{extent}, at once");
        stopped(desk, |home, rows| nowhere(home, rows, &["kept", "asked"]));
    }
}
