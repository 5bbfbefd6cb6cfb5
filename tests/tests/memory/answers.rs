//! Answers from memory: a repeated question is free, an edit makes it new, and the user can see why.

use std::fs;

use serde_json::Value;

use crate::{
    desk::{Desk, desk, says},
    reads_notes,
};

const QUESTION: &str = "which number stands in notes.txt?";
/// Long enough to be kept.
const FIRST: &str = "The first answer: 42, as the only line of the file says.";
const SECOND: &str = "The second answer: 43, as the only line of the file says.";

/// A desk that has answered the question once, from `notes.txt`; the second answer is for when it is asked anew.
fn answered() -> Desk {
    let desk = desk(reads_notes(&[FIRST, SECOND]));
    assert_eq!(desk.json([QUESTION])["source"], "model");
    assert_eq!(desk.chats().len(), 2);
    desk
}

fn why(desk: &Desk) -> Value {
    desk.ctl(["cache", "why", "--json", QUESTION]).run().expect_ok().json()
}

#[test]
fn a_repeated_question_costs_nothing_and_says_so() {
    let desk = answered();
    let again = desk.json([QUESTION]);
    assert_eq!((&again["answer"], &again["source"]), (&FIRST.into(), &"exact".into()), "{again}");
    assert!(again["saved_usd"].as_f64().unwrap() > 0.0 && again["cached"]["dependencies"].as_u64().unwrap() >= 1);
    assert!(again.get("miss").is_none() && again.get("similar").is_none(), "{again}");
    let told = desk.ask(["-v", QUESTION]).run().expect_ok();
    assert_eq!(told.stdout, format!("{FIRST}\n"));
    for part in ["from memory (exact) · asked ", " verified · saved $", " ms"] {
        assert!(told.stderr.contains(part), "{part:?} in {}", told.stderr);
    }
    assert_eq!(desk.chats().len(), 2, "the model was not asked again");
    desk.close();
}

#[test]
fn after_an_edit_the_model_is_asked_anew_and_the_file_is_named() {
    let desk = answered();
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    let explained = why(&desk);
    assert_eq!(explained["outcome"], "model", "{explained}");
    assert!(explained["changed"].as_str().unwrap().contains("notes.txt"), "{explained}");
    assert_eq!(desk.chats().len(), 2, "why asks nobody");
    let told = desk.ask(["-v", QUESTION]).run().expect_ok();
    assert_eq!(told.stdout, format!("{SECOND}\n"));
    let reasons: Vec<&str> = told.stderr.lines().filter(|line| line.contains("asked anew")).collect();
    assert!(reasons.len() == 1 && reasons[0].contains("notes.txt"), "said once: {}", told.stderr);
    assert_eq!(desk.json([QUESTION])["source"], "exact", "the new answer took its place");
    desk.close();
}

#[test]
fn fresh_asks_the_model_and_its_answer_takes_the_old_ones_place() {
    let desk = answered();
    assert_eq!(desk.answer(["--fresh", QUESTION]), format!("{SECOND}\n"));
    assert_eq!(desk.answer([QUESTION]), format!("{SECOND}\n"));
    assert_eq!(desk.chats().len(), 4);
    let listed = desk.ctl(["cache", "list", "--json"]).run().expect_ok().json();
    assert_eq!(listed["answers"].as_array().unwrap().len(), 1, "{listed}");
    desk.close();
}

#[test]
fn a_rejected_answer_is_never_served_again() {
    let desk = answered();
    desk.answer([QUESTION]);
    let rejected = desk.ctl(["cache", "reject"]).run().expect_ok().stdout;
    assert!(rejected.contains(" is out: \"which number"), "{rejected}");
    assert_eq!(desk.answer([QUESTION]), format!("{SECOND}\n"));
    let none = desk.ctl(["cache", "reject", "ffffffff"]).run().expect_code(1);
    says(&none.stderr, &[]);
    desk.close();
}

#[test]
fn the_answers_are_listed_counted_and_cleared_by_project() {
    let desk = answered();
    desk.answer([QUESTION]);
    let listed = desk.ctl(["cache", "list"]).run().expect_ok().stdout;
    assert!(listed.contains(QUESTION) && listed.contains("served 1 time"), "{listed}");
    let elsewhere = desk.home.project(&[]);
    let other = desk.ctl(["cache", "list", "-C"]).arg(&elsewhere).run().expect_ok().stdout;
    assert_eq!(other, "no answers in memory\n");
    let all = desk.ctl(["cache", "list", "--all", "-C"]).arg(&elsewhere).run().expect_ok().stdout;
    assert!(all.contains(QUESTION) && all.contains(&desk.project.display().to_string()), "{all}");
    let stats = desk.ctl(["cache", "stats", "--json"]).run().expect_ok().json();
    assert!(!stats["facts"].as_array().unwrap().is_empty(), "{stats}");
    assert_eq!(desk.ctl(["cache", "clear"]).run().expect_ok().stdout, "1 answer dropped\n");
    assert_eq!(why(&desk)["outcome"], "model");
    desk.close();
}

#[test]
fn an_answer_outlives_the_daemon_even_when_it_is_killed() {
    let mut desk = answered();
    // An acknowledged write of another kind comes after the answer in the store's queue.
    desk.ctl(["memory", "prefs", "set", "unrelated", "x"]).run().expect_ok();
    desk.ctl(["memory", "prefs", "unset", "unrelated"]).run().expect_ok();
    desk.kill_daemon();
    assert_eq!(desk.json([QUESTION])["source"], "exact");
    assert_eq!(desk.chats().len(), 2);
    desk.close();
}

#[test]
fn an_ephemeral_question_is_not_kept() {
    let desk = desk(reads_notes(&[FIRST, SECOND]));
    desk.answer(["--ephemeral", QUESTION]);
    assert_eq!(desk.ctl(["cache", "list"]).run().expect_ok().stdout, "no answers in memory\n");
    assert_eq!(desk.answer([QUESTION]), format!("{SECOND}\n"));
    desk.close();
}
