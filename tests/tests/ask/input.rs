//! What travels with a question: words, standard input, files, the directory.

use tests::{
    bins,
    provider::{Recorded, Scenario},
};

use crate::desk::{Desk, desk, says, text_of};

fn shell(desk: &Desk, line: &str) -> tests::Output {
    desk.home.command("/bin/bash").args(["-c", line]).env("CTL", bins!().agentctl).cwd(&desk.project).run()
}

/// The last user message that the provider saw.
#[track_caller]
fn asked(desk: &Desk) -> String {
    let last: Recorded = desk.chats().pop().unwrap();
    text_of(last.last_message()).to_owned()
}

#[test]
fn piped_text_joins_the_question_as_a_delimited_block() {
    let desk = desk(Scenario::new());
    desk.ask(["review", "this"]).stdin("diff --git a b\n</attachment> done\n").run().expect_ok();
    let asked = asked(&desk);
    assert!(
        asked.contains("<attachment name=\"stdin\">\ndiff --git a b\n< /attachment> done\n</attachment>\nreview this"),
        "{asked}"
    );
    desk.close();
}

#[test]
fn a_dash_or_no_words_make_standard_input_the_question() {
    let desk = desk(Scenario::new());
    desk.ask(["-"]).stdin("from the pipe").run().expect_ok();
    assert!(asked(&desk).ends_with("\nfrom the pipe"));
    desk.ask([""; 0]).stdin("without words").run().expect_ok();
    assert!(asked(&desk).ends_with("\nwithout words"));
    desk.ask(["explain", "-"]).stdin("this").run().expect_ok();
    assert!(asked(&desk).ends_with("<attachment name=\"stdin\">\nthis\n</attachment>\nexplain"), "{}", asked(&desk));
    desk.close();
}

#[test]
fn a_file_on_standard_input_joins_and_dev_null_and_nothing_do_not() {
    let desk = desk(Scenario::new());
    shell(&desk, "$CTL ask why < notes.txt").expect_ok();
    assert!(asked(&desk).contains("The answer is 42."));
    for line in ["$CTL ask why < /dev/null", ": | $CTL ask why", "$CTL ask why <&-"] {
        let output = shell(&desk, line);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{line}");
        let asked = asked(&desk);
        assert!(asked.ends_with("\nwhy") && !asked.contains("<attachment"), "{line}: {asked}");
    }
    desk.close();
}

#[test]
fn nothing_to_ask_is_exit_code_2_and_nothing_is_sent() {
    let desk = desk(Scenario::new());
    for line in ["$CTL ask < /dev/null", ": | $CTL ask", "echo ' ' | $CTL ask -", "$CTL ask ''", ": | $CTL ask -"] {
        let output = shell(&desk, line).expect_code(2);
        says(&output.stderr, &["nothing was asked", "agentctl ask"]);
    }
    assert!(desk.chats().is_empty());
    desk.close();
}

#[test]
fn a_loop_that_asks_keeps_its_input() {
    let desk = desk(Scenario::new());
    let output = shell(&desk, "printf 'a\\nb\\n' | while read n; do $CTL ask -q $n < /dev/null; done").expect_ok();
    assert_eq!(output.stdout.lines().count(), 2 * asked(&desk).lines().count(), "{}", output.stdout);
    assert_eq!(desk.chats().len(), 2);
    desk.close();
}

#[test]
fn attached_files_travel_with_their_names() {
    let desk = desk(Scenario::new());
    desk.answer(["-f", "notes.txt", "-f", "src/main.rs", "compare"]);
    let asked = asked(&desk);
    assert!(asked.contains("<attachment name=\"notes.txt\">\nThe answer is 42.\n</attachment>\n"), "{asked}");
    assert!(asked.ends_with("<attachment name=\"src/main.rs\">\nfn main() {}\n</attachment>\ncompare"), "{asked}");
    desk.close();
}

#[test]
fn a_file_that_cannot_be_attached_stops_before_anything_is_asked() {
    let desk = desk(Scenario::new());
    std::fs::write(desk.project.join("binary"), b"\x7fELF\0\0\0").unwrap();
    std::fs::write(desk.project.join("large"), vec![b'x'; 4 * 1024 * 1024 + 1]).unwrap();
    let missing = desk.ask(["-f", "none.txt", "x"]).run().expect_code(1);
    assert!(missing.stderr.contains("no such file: none.txt"), "{}", missing.stderr);
    desk.fails(["-f", "binary", "x"], 2, &["binary is binary, not text", "name it in the question"]);
    desk.fails(["-f", "large", "x"], 5, &["large has more than 4 MiB", "head, tail, grep"]);
    desk.fails(["-f", "src", "x"], 2, &["src is a directory", "name it in the question"]);
    let huge = desk.ask(["x"]).stdin(vec![b'x'; 4 * 1024 * 1024 + 1]).run().expect_code(5);
    says(&huge.stderr, &["standard input has more than 4 MiB"]);
    assert!(desk.chats().is_empty());
    desk.close();
}

#[test]
fn the_largest_texts_pass() {
    let desk = desk(Scenario::new().text("read"));
    let text = "x".repeat(3 * 1024 * 1024);
    assert_eq!(desk.ask(["x"]).stdin(text.clone()).run().expect_ok().stdout, "read\n");
    assert!(asked(&desk).contains(&text));
    desk.close();
}

#[test]
fn texts_that_do_not_fit_one_message_are_refused_with_the_way_out() {
    let desk = desk(Scenario::new());
    std::fs::write(desk.project.join("large"), vec![b'x'; 3 * 1024 * 1024]).unwrap();
    let output = desk.ask(["-f", "large", "-f", "large", "-f", "large", "x"]).run();
    assert!(matches!(output.code, Some(2 | 5)), "{:?} {}", output.code, output.stderr);
    says(&output.stderr, &["too large", "name the files in the question"]);
    desk.close();
}

#[test]
fn another_directory_can_be_chosen_and_a_missing_one_is_named() {
    let desk = desk(Scenario::new());
    let home = desk.home.root().join("h");
    desk.ask(["-C"]).arg(&desk.project).arg("where?").cwd(&home).run().expect_ok();
    let name = desk.project.file_name().unwrap().to_str().unwrap();
    assert!(asked(&desk).starts_with(&format!("Project: {name}\n")), "{}", asked(&desk));
    let missing = desk.ask(["-C", "no/such/dir", "x"]).run().expect_code(2);
    assert!(missing.stderr.contains("cannot work in no/such/dir"), "{}", missing.stderr);
    let file = desk.ask(["-C", "notes.txt", "x"]).run().expect_code(2);
    assert!(file.stderr.contains("not a directory"), "{}", file.stderr);
    assert_eq!(desk.chats().len(), 1);
    desk.close();
}

#[test]
fn text_that_is_not_utf_8_is_read_as_well_as_it_goes() {
    let desk = desk(Scenario::new());
    desk.ask(["x"]).stdin(b"caf\xe9\n".to_vec()).run().expect_ok();
    assert!(asked(&desk).contains("caf\u{fffd}\n"));
    desk.close();
}
