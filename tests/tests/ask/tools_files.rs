//! File tools through the whole loop: the model sees a bounded, honest text, and the ask is answered.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
};

use serde_json::{Value, json};
use tests::provider::{Options, Rules, Scenario, Step};

use crate::{
    desk::{Desk, desk, text_of},
    work::{assert_pairs, goes_on, result, results},
};

/// Calls one tool, then answers.
fn calling(name: &str, arguments: impl Into<Value>) -> Scenario {
    Scenario::new().step(Step::call(name, arguments)).text("seen")
}

/// What the model sees of a call; the ask is answered and the conversation can go on.
#[track_caller]
fn seen(desk: &Desk, name: &str, arguments: impl Into<Value>) -> (String, bool) {
    desk.provider.play(calling(name, arguments));
    let answer = desk.json(["look"]);
    assert_eq!(answer["answer"], "seen");
    let text = result(desk);
    goes_on(desk);
    (text, answer["tool_calls"][0]["ok"].as_bool().unwrap())
}

#[test]
fn split_and_interleaved_calls_drive_real_files_and_results_keep_their_order() {
    let rules = Rules { reasoning_everywhere: true, ..Options::default().rules };
    let mut step = Step::default().reasoning("I look.");
    for (path, cut) in [("notes.txt", 3), ("none.txt", 7), ("src/main.rs", 1)] {
        step = step.and_call("read_text_file", json!({ "path": path })).split(&[cut, 4]);
    }
    let step = step.and_call("list_directory", json!({ "path": "." })).split(&[2]).interleaved();
    let scenario = Scenario::new().step(step).text("done");
    let desk = Desk::with(Options { scenario, rules, ..Options::default() }, |_| {});
    let answer = desk.json(["look"]);
    let ok: Vec<_> =
        answer["tool_calls"].as_array().unwrap().iter().map(|call| call["ok"].as_bool().unwrap()).collect();
    assert_eq!((answer["answer"].as_str(), ok), (Some("done"), vec![true, false, true, true]));
    let chats = desk.chats();
    chats[0].assert_prefix_of(&chats[1]);
    assert_pairs(&chats[1]);
    let results = results(&chats[1]);
    assert!(results[0].contains("The answer is 42."), "{results:?}");
    assert!(results[1].contains("none.txt"), "{results:?}");
    assert!(results[2].contains("fn main() {}"), "{results:?}");
    assert!(results[3].contains("[DIR] src") && results[3].contains("[FILE] notes.txt"), "{results:?}");
    assert_eq!(chats[1].messages()[2]["reasoning_content"], "I look.");
    goes_on(&desk);
    desk.close();
}

#[test]
fn the_offered_tools_are_the_frozen_sorted_thirteen() {
    let desk = desk(Scenario::new());
    desk.answer(["x"]);
    let chats = desk.chats();
    let names = chats[0].tool_names();
    assert!(names.is_sorted() && names.len() == 13, "{names:?}");
    let frozen = chats[0].raw_messages()[0].len() + chats[0].raw_field("tools").unwrap().len();
    assert!(frozen <= 8000, "{frozen} bytes");
    desk.close();
}

#[test]
fn wrong_calls_are_answered_to_the_model_and_the_turn_goes_on() {
    let desk = desk(Scenario::new());
    for (arguments, words) in [
        ("{\"path\": \"notes.t", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ("\"notes.txt\"", "not a JSON object"),
        ("{\"path\": 7}", "path"),
        ("{\"file\": \"notes.txt\"}", "path"),
        ("", "path"),
    ] {
        let (text, ok) = seen(&desk, "read_text_file", arguments);
        assert!(!ok && text.contains(words), "{arguments:?}: {text}");
    }
    let (text, ok) = seen(&desk, "read_txt_file", json!({ "path": "notes.txt" }));
    assert!(
        !ok && text.contains("no tool named \"read_txt_file\"") && text.contains("Did you mean read_text_file?"),
        "{text}"
    );
    desk.close();
}

#[test]
fn nothing_outside_the_project_can_be_reached() {
    let desk = desk(Scenario::new());
    let outside = desk.home.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("target.txt"), "OUTSIDE\n").unwrap();
    symlink(outside.join("target.txt"), desk.project.join("link.txt")).unwrap();
    symlink(&outside, desk.project.join("dirlink")).unwrap();
    symlink("../outside/target.txt", desk.project.join("relative.txt")).unwrap();
    let absolute = outside.join("target.txt").to_str().unwrap().to_owned();
    let deep = "../".repeat(30) + "etc/passwd";
    for path in [
        "../outside/target.txt",
        "src/../../outside/target.txt",
        "..%2foutside%2ftarget.txt",
        "..\\outside\\target.txt",
        "/etc/passwd",
        deep.as_str(),
        absolute.as_str(),
        "link.txt",
        "relative.txt",
        "dirlink/target.txt",
        "~/.ssh/config",
        "/proc/self/environ",
        "notes.txt\u{0}.png",
        "",
    ] {
        let (text, ok) = seen(&desk, "read_text_file", json!({ "path": path }));
        assert!(!ok && !text.contains("OUTSIDE") && !text.contains("root:"), "{path:?}: {text}");
    }
    for tool in ["list_directory", "directory_tree", "get_file_info"] {
        let (text, ok) = seen(&desk, tool, json!({ "path": "dirlink" }));
        assert!(!text.contains("target.txt") && (!ok || tool == "get_file_info"), "{tool}: {text}");
        let (text, ok) = seen(&desk, tool, json!({ "path": ".." }));
        assert!(!ok && !text.contains("outside\n"), "{tool}: {text}");
    }
    let (text, _) = seen(&desk, "search_content", json!({ "pattern": "OUTSIDE", "path": "." }));
    assert!(!text.contains("OUTSIDE\n") && !text.contains("target.txt"), "{text}");
    desk.close();
}

#[test]
fn secret_files_are_refused_by_every_tool() {
    let desk = desk(Scenario::new());
    for name in [".env", "id_rsa", "server.pem"] {
        fs::write(desk.project.join(name), "HIDDEN-VALUE\n").unwrap();
        symlink(name, desk.project.join(format!("innocent-{}", name.trim_start_matches('.')))).unwrap();
    }
    for path in [".env", "./src/../.env", "id_rsa", "server.pem", "innocent-env", "innocent-id_rsa"] {
        let (text, ok) = seen(&desk, "read_text_file", json!({ "path": path }));
        assert!(!ok && !text.contains("HIDDEN-VALUE"), "{path}: {text}");
    }
    for (tool, arguments) in [
        ("read_multiple_files", json!({ "paths": [".env", "notes.txt"] })),
        ("search_content", json!({ "pattern": "HIDDEN", "path": "." })),
        ("shell_execute", json!({ "command": ["cat", ".env"] })),
        ("shell_execute", json!({ "command": ["grep", "-r", "HIDDEN", "."] })),
    ] {
        desk.provider.play(calling(tool, arguments));
        let output = desk.ask(["look"]).run();
        assert!(matches!(output.code, Some(0 | 4)), "{tool}: {output:?}");
        for chat in desk.chats() {
            assert!(!String::from_utf8_lossy(&chat.raw).contains("HIDDEN-VALUE"), "{tool}");
        }
    }
    desk.close();
}

#[test]
fn files_that_are_no_texts_are_refused_at_once() {
    let desk = desk(Scenario::new());
    File::create(desk.project.join("huge")).unwrap().set_len(2 << 30).unwrap();
    fs::write(desk.project.join("binary"), b"\x7fELF\0\0\0\xff").unwrap();
    desk.home.command("/usr/bin/mkfifo").arg(desk.project.join("fifo")).run().expect_ok();
    for (path, words) in [("huge", "huge"), ("binary", "binary"), ("fifo", "FIFO"), ("src", "directory")] {
        let (text, ok) = seen(&desk, "read_text_file", json!({ "path": path }));
        assert!(!ok && text.contains(words) && text.len() < 1000, "{path}: {text}");
    }
    let (text, ok) = seen(&desk, "search_content", json!({ "pattern": "answer", "path": "." }));
    assert!(ok && text.contains("notes.txt"), "the search is stopped by none of them: {text}");
    let (text, _) = seen(&desk, "read_text_file", json!({ "path": "huge", "head": 1 }));
    assert!(text.len() < 100_000, "{} bytes", text.len());
    desk.close();
}

#[test]
fn a_long_file_is_cut_and_the_cut_is_stated() {
    let desk = desk(Scenario::new());
    let long: String = (0..40_000).map(|n| format!("line {n}\n")).collect();
    fs::write(desk.project.join("long.txt"), long).unwrap();
    let (text, ok) = seen(&desk, "read_text_file", json!({ "path": "long.txt" }));
    assert!(ok && text.len() < 70_000, "{} bytes", text.len());
    assert!(text.starts_with("line 0\n") && text.contains("line 39999") && text.contains("bytes cut"), "head and tail");
    desk.close();
}

/// Takes some seconds: 200,000 names have to be made and removed.
#[test]
fn a_directory_of_200_000_entries_is_listed_within_bounds() {
    let desk = desk(Scenario::new());
    let many = desk.project.join("many");
    fs::create_dir(&many).unwrap();
    let file = |n: u32| many.join(format!("file-{n:06}"));
    for n in 0..200_000 {
        // Links cost a twentieth of new files; a file may have 65,000.
        match n % 50_000 {
            0 => drop(File::create(file(n)).unwrap()),
            rest => fs::hard_link(file(n - rest), file(n)).unwrap(),
        }
    }
    for tool in ["list_directory", "directory_tree"] {
        let (text, _) = seen(&desk, tool, json!({ "path": "many" }));
        assert!(text.len() < 70_000, "{tool}: {} bytes", text.len());
        assert!(
            text.contains("file-0") && (text.contains("cut") || text.contains("more")),
            "{tool} says that it was cut"
        );
    }
    let (text, _) = seen(&desk, "search_files", json!({ "path": ".", "pattern": "**/file-199999" }));
    assert!(text.contains("file-199999") || text.contains("stopped") || text.contains("limit"), "{text}");
    desk.close();
}

#[test]
fn an_empty_result_is_said_as_one() {
    let desk = desk(Scenario::new());
    fs::write(desk.project.join("empty.txt"), "").unwrap();
    fs::create_dir(desk.project.join("void")).unwrap();
    for (tool, path) in [("read_text_file", "empty.txt"), ("list_directory", "void")] {
        let (text, ok) = seen(&desk, tool, json!({ "path": path }));
        assert!(ok && text.contains("(no output)"), "{tool}: {text:?}");
    }
    desk.close();
}

#[test]
fn files_touched_are_remembered_by_the_session() {
    let desk = desk(Scenario::new());
    seen(&desk, "read_text_file", json!({ "path": "notes.txt" }));
    seen(&desk, "read_text_file", json!({ "path": "./src/main.rs" }));
    let shown = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().json();
    assert_eq!(shown["files"], json!(["src/main.rs", "notes.txt"]));
    let text = desk.ctl(["sessions", "show"]).run().expect_ok().stdout;
    assert!(text.contains("files\n  src/main.rs\n  notes.txt\n"), "{text}");
    desk.provider.play(calling("read_text_file", json!({ "path": "notes.txt" })));
    desk.answer(["--ephemeral", "look"]);
    let again = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().json();
    assert_eq!(again["files"], json!(["src/main.rs", "notes.txt"]), "an ephemeral look is none");
    desk.close();
}

#[test]
fn without_a_project_file_tools_are_off() {
    let desk = desk(Scenario::new());
    fs::write(desk.home.root().join("h/private.txt"), "HOME-TEXT\n").unwrap();
    for (tool, arguments) in [
        ("read_text_file", json!({ "path": "private.txt" })),
        ("list_directory", json!({ "path": "." })),
        ("search_content", json!({ "pattern": "HOME", "path": "." })),
        ("shell_execute", json!({ "command": ["ls"] })),
    ] {
        desk.provider.play(calling(tool, arguments));
        let output = desk.ask(["look"]).cwd(desk.home.root().join("h")).run();
        assert!(matches!(output.code, Some(0 | 4)), "{tool}: {output:?}");
        for chat in desk.chats() {
            assert!(!String::from_utf8_lossy(&chat.raw).contains("HOME-TEXT"), "{tool}");
        }
    }
    desk.close();
}

#[test]
fn the_same_call_again_and_again_is_warned_and_then_stopped() {
    let step = Step::call("read_text_file", json!({ "path": "notes.txt" })).times(9);
    let desk = desk(Scenario::new().step(step));
    desk.fails(["look"], 5, &["read_text_file 5 times", "-c"]);
    let chats = desk.chats();
    assert_eq!(chats.len(), 5);
    let warned: Vec<bool> = chats[1..].iter().map(|chat| results(chat)[0].contains("same call")).collect();
    assert_eq!(warned, [false, false, true, true]);
    desk.provider.play(Scenario::new());
    goes_on(&desk);
    desk.close();
}

#[test]
fn the_limit_of_model_calls_ends_a_tour_and_what_was_found_is_kept() {
    let step = |n: u32| Step::call("read_text_file", json!({ "path": "notes.txt", "head": n }));
    let desk = desk(Scenario::new().step(step(1)).step(step(2)).step(step(3)));
    desk.fails(["--max-turns", "2", "look"], 5, &["no answer after 2 model calls", "-c goes on"]);
    desk.provider.play(Scenario::new());
    goes_on(&desk);
    let last = desk.chats().pop().unwrap();
    assert_eq!(last.messages().iter().filter(|message| message["role"] == "tool").count(), 2);
    desk.close();
}

#[test]
fn a_call_that_was_cut_is_not_made_and_the_model_is_told() {
    let cut = Step::text("I look. ").and_call("read_text_file", "{\"path\": \"notes").finish("length");
    let whole = Step::call("read_text_file", json!({ "path": "notes.txt" }));
    let desk = desk(Scenario::new().step(cut).step(whole).text("seen"));
    let output = desk.ask(["look"]).run().expect_ok();
    assert_eq!(output.stdout, "I look. \n\nseen\n", "what was said before the call stands apart from the answer");
    let chats = desk.chats();
    assert!(text_of(chats[1].last_message()).contains("A tool call that was cut was not made"));
    assert!(result(&desk).contains("The answer is 42."));
    goes_on(&desk);
    desk.close();
}
