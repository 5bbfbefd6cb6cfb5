//! Which questions share an answer, and what the settings make of that.

use tests::provider::Verdict;

use crate::{
    desk::Desk,
    notes::{
        ALIKE, ANSWER, FARTHER, NEGATED, QUESTION, answered, answered_by, calls_of, listed, reads, source, verdicts_of,
    },
};

/// Two questions that are equal by rule.
const PLAIN: &str = "what does the parse_config function do?";
const PLAIN_TOO: &str = "what is parse_config for?";

/// A desk at which the question was answered under this similarity.
fn with(similarity: &str) -> Desk {
    answered_by(reads().verdict(Verdict::Yes), |home| home.set_env("AGENTD_ANSWERS_SIMILARITY", similarity))
}

#[test]
fn other_words_that_are_equal_by_rule_are_served_and_show_the_words_that_were_answered() {
    let desk = answered(Verdict::Doubt);
    assert_eq!(source(&desk, &[PLAIN]), "model");
    let near = desk.json([PLAIN_TOO]);
    assert_eq!((&near["source"], &near["answer"]), (&"near".into(), &ANSWER.into()), "{near}");
    assert_eq!(near["cached"]["question"], PLAIN, "{near}");
    let told = desk.ask(["-v", PLAIN_TOO]).run().expect_ok().stderr;
    assert!(told.contains(&format!("from memory (near: \"{PLAIN}\")")), "{told}");
    assert_eq!(verdicts_of(&desk), 0);
    desk.close();
}

#[test]
fn courtesy_case_and_spacing_make_no_other_question() {
    let desk = answered(Verdict::Doubt);
    for same in [
        "Which number stands in notes.txt",
        "  which number   stands in notes.txt? ",
        "please, which number stands in notes.txt?",
    ] {
        assert_eq!(source(&desk, &[same]), "exact", "{same}");
    }
    assert_eq!((calls_of(&desk), verdicts_of(&desk)), (2, 0));
    desk.close();
}

#[test]
fn exact_serves_the_same_words_only_and_asks_nobody_about_others() {
    let desk = with("exact");
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    assert_eq!(source(&desk, &[PLAIN]), "model");
    assert_eq!(source(&desk, &[PLAIN_TOO]), "model");
    assert_eq!(source(&desk, &[ALIKE]), "model");
    assert_eq!(verdicts_of(&desk), 0);
    desk.close();
}

#[test]
fn strict_goes_by_rules_and_buys_no_verdict() {
    let desk = with("strict");
    source(&desk, &[PLAIN]);
    assert_eq!(source(&desk, &[PLAIN_TOO]), "near");
    let missed = desk.json([ALIKE]);
    assert_eq!((&missed["source"], &missed["similar"]["question"]), (&"model".into(), &QUESTION.into()), "{missed}");
    assert_eq!(verdicts_of(&desk), 0);
    desk.close();
}

#[test]
fn lenient_also_serves_what_is_alike_and_says_so() {
    let desk = with("lenient");
    let served = desk.json([ALIKE]);
    assert_eq!((&served["source"], &served["cached"]["lenient"]), (&"near".into(), &true.into()), "{served}");
    let told = desk.ask(["-v", ALIKE]).run().expect_ok().stderr;
    assert!(told.contains("lenient"), "{told}");
    assert_eq!(verdicts_of(&desk), 0, "likeness needs no word of a model");
    for other in [NEGATED, "which number stands in other.txt?"] {
        assert_eq!(source(&desk, &["--ephemeral", other]), "model", "a guard holds here too: {other}");
    }
    desk.close();
}

#[test]
fn off_keeps_nothing_and_serves_nothing() {
    for (name, value) in [("AGENTD_ANSWERS_SIMILARITY", "off"), ("CACHE_SIZE", "0"), ("AGENTD_MEMORY_CACHE_SIZE", "0")]
    {
        let desk = answered_by(reads(), |home| home.set_env(name, value));
        assert_eq!(source(&desk, &[QUESTION]), "model", "{name}");
        assert!(listed(&desk).is_empty(), "{name}");
        desk.close();
    }
}

#[test]
fn a_similar_answer_is_offered_and_taken_only_when_the_user_says_so() {
    let desk = with("strict");
    let told = desk.ask(["-v", FARTHER]).run().expect_ok().stderr;
    assert!(told.contains("--reuse") && told.contains(QUESTION), "{told}");
    let taken = desk.json(["--reuse", "what is the number in notes.txt?"]);
    assert_ne!(taken["source"], "model", "{taken}");
    assert_eq!((&taken["answer"], &taken["cached"]["lenient"]), (&ANSWER.into(), &true.into()), "{taken}");
    desk.close();
}

#[test]
fn an_answer_for_which_nothing_was_looked_at_rests_on_the_whole_project() {
    let desk = answered_by(tests::provider::Scenario::new().text(ANSWER).text(ANSWER), |_| {});
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    std::fs::write(desk.project.join("src/main.rs"), "fn main() { }\n").unwrap();
    let missed = desk.json([QUESTION]);
    assert_eq!(missed["source"], "model");
    assert!(missed["miss"].as_str().unwrap().contains("project"), "{missed}");
    std::fs::write(desk.project.join("new.txt"), "one more\n").unwrap();
    assert_eq!(source(&desk, &[QUESTION]), "model", "a new file counts too");
    desk.close();
}
