//! What is kept apart: other projects, places, models and conditions share nothing.

use std::fs;

use tests::provider::Verdict;

use crate::notes::{ALIKE, QUESTION, answered, listed, source};

#[test]
fn another_project_with_the_same_files_shares_nothing() {
    let desk = answered(Verdict::Yes);
    let twin = desk.home.project(&[("src/main.rs", "fn main() {}\n"), ("notes.txt", "The answer is 42.\n")]);
    let there = |question: &str| {
        desk.ask(["--json", question]).cwd(&twin).run().expect_ok().json()["source"].as_str().unwrap().to_owned()
    };
    assert_eq!(there(QUESTION), "model");
    desk.ctl(["cache", "clear", "-C"]).arg(&twin).run().expect_ok();
    assert_eq!(there(ALIKE), "model", "nor is another project's answer a candidate");
    assert_eq!(source(&desk, &[QUESTION]), "exact", "clearing is for one project");
    assert_eq!(listed(&desk).len(), 2);
    desk.close();
}

#[test]
fn a_project_within_a_project_is_one_of_its_own() {
    let desk = answered(Verdict::Doubt);
    desk.home.write(&desk.project.join("inner/.agentd.toml"), b"");
    fs::write(desk.project.join("inner/notes.txt"), "The answer is 7.\n").unwrap();
    assert_eq!(source(&desk, &["-C", "inner", QUESTION]), "model");
    desk.close();
}

#[test]
fn another_model_directory_or_endpoint_shares_nothing() {
    let desk = answered(Verdict::Yes);
    assert_eq!(source(&desk, &["-m", "deepseek-v4-pro", QUESTION]), "model");
    assert_eq!(source(&desk, &["-C", "src", QUESTION]), "model");
    assert_eq!(source(&desk, &["-m", "deepseek-v4-pro", QUESTION]), "exact");
    assert_eq!(source(&desk, &["-C", "src", QUESTION]), "exact");
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    assert_eq!(listed(&desk).len(), 3);
    desk.home.config("[provider]\nthinking = false\n");
    desk.ctl(["daemon", "reload"]).run().expect_ok();
    assert_eq!(source(&desk, &[QUESTION]), "model", "thinking or not is a condition too");
    desk.close();
}

#[test]
fn sessions_of_a_project_share_their_answers() {
    let desk = answered(Verdict::Doubt);
    assert_eq!(source(&desk, &["-s", "blue", QUESTION]), "exact");
    assert_eq!(source(&desk, &["-s", "blue", "-c", QUESTION]), "model", "what follows on is asked");
    desk.close();
}

#[test]
fn what_was_served_opens_a_conversation_that_can_go_on() {
    let desk = answered(Verdict::Doubt);
    let served = desk.json(["-s", "blue", QUESTION]);
    assert_eq!(served["source"], "exact");
    let next = desk.json(["-s", "blue", "-c", "and in words?"]);
    assert_eq!(next["conversation"], served["conversation"]);
    let chats = desk.chats();
    let roles = crate::desk::roles(chats.iter().rev().nth(1).unwrap());
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    desk.close();
}
