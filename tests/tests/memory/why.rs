//! `cache why` and `cache reject`: the user sees what memory did, and can overrule it.

use std::fs;

use tests::provider::Verdict;

use crate::{
    desk::says,
    notes::{ALIKE, NEGATED, QUESTION, answered, calls_of, source, verdicts_of, why},
};

#[test]
fn a_hit_names_what_it_rests_on() {
    let desk = answered(Verdict::Doubt);
    let last = desk.ctl(["cache", "why"]).run().expect_ok().stdout;
    assert!(last.contains(QUESTION) && last.contains("asked anew; the answer is kept"), "{last}");
    source(&desk, &[QUESTION]);
    let hit = desk.ctl(["cache", "why"]).run().expect_ok().stdout;
    for part in ["from memory (exact)", "rests on", "notes.txt", "served: the same question"] {
        assert!(hit.contains(part), "{part:?} in {hit}");
    }
    desk.close();
}

#[test]
fn a_miss_names_the_guard_the_candidate_or_nothing() {
    let desk = answered(Verdict::Doubt);
    let guarded = why(&desk, NEGATED);
    assert_eq!((&guarded["outcome"], &guarded["answer"]["question"]), (&"model".into(), &QUESTION.into()), "{guarded}");
    assert!(guarded["guard"].as_str().unwrap().contains("negation"), "{guarded}");
    let alike = why(&desk, ALIKE);
    assert!(alike["reason"].as_str().unwrap().contains("--reuse"), "{alike}");
    assert!((0.7..1.0).contains(&alike["score"].as_f64().unwrap()), "{alike}");
    let nothing = why(&desk, "who starts the scheduler?");
    assert!(nothing["answer"].is_null() && nothing["guard"] == "", "{nothing}");
    assert_eq!((calls_of(&desk), verdicts_of(&desk)), (2, 0), "why asks nobody");
    desk.close();
}

#[test]
fn a_changed_file_is_named_also_after_the_ask() {
    let desk = answered(Verdict::Doubt);
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    source(&desk, &[QUESTION]);
    let last = desk.ctl(["cache", "why"]).run().expect_ok().stdout;
    assert!(last.contains("notes.txt") && last.contains("asked anew; the answer is kept"), "{last}");
    desk.close();
}

#[test]
fn why_before_anything_was_asked_says_what_to_type() {
    let desk = crate::desk::desk(tests::provider::Scenario::new());
    says(&desk.ctl(["cache", "why"]).run().expect_code(1).stderr, &["nothing was asked in this project"]);
    says(&desk.ctl(["cache", "reject"]).run().expect_code(1).stderr, &[]);
    desk.close();
}

#[test]
fn after_two_rejections_a_project_gets_the_same_words_only() {
    let desk = answered(Verdict::Yes);
    assert_eq!(source(&desk, &[ALIKE]), "verdict");
    let rejected = desk.ctl(["cache", "reject"]).run().expect_ok().stdout;
    assert!(!rejected.contains("exact hits only"), "{rejected}");
    assert_eq!(source(&desk, &[ALIKE]), "model", "the pair is never matched again");
    assert_eq!(
        source(&desk, &[QUESTION]),
        "model",
        "the wrong answer is gone, and the pair is apart in both directions"
    );
    assert_eq!(source(&desk, &["what is the number in notes.txt?"]), "verdict");
    let rejected = desk.ctl(["cache", "reject"]).run().expect_ok().stdout;
    assert!(rejected.contains("exact hits only"), "{rejected}");
    let before = verdicts_of(&desk);
    assert_eq!(source(&desk, &["notes.txt: which number?"]), "model");
    assert_eq!(verdicts_of(&desk), before, "nobody is asked any more");
    assert_eq!(source(&desk, &["notes.txt: which number?"]), "exact");
    let twin = desk.home.project(&[("notes.txt", "The answer is 42.\n")]);
    let there = |question: &str| desk.ask(["--json", question]).cwd(&twin).run().expect_ok().json()["source"].clone();
    assert_eq!((there(QUESTION), there(ALIKE)), ("model".into(), "verdict".into()), "another project is not punished");
    desk.close();
}

#[test]
fn a_rejection_outlives_the_daemon() {
    let mut desk = answered(Verdict::Yes);
    assert_eq!(source(&desk, &[ALIKE]), "verdict");
    desk.ctl(["cache", "reject"]).run().expect_ok();
    desk.ctl(["memory", "backup"]).run().expect_ok();
    desk.kill_daemon();
    assert_eq!(source(&desk, &[QUESTION]), "model");
    assert_eq!(source(&desk, &[ALIKE]), "model");
    desk.close();
}
