//! Verdicts: the model is asked once whether two questions are the same, and only when it can matter.

use std::{
    fs,
    time::{Duration, Instant},
};

use tests::provider::{Step, Verdict};

use crate::{
    desk::{DEADLINE, Desk},
    notes::{ALIKE, ANSWER, FARTHER, NEGATED, QUESTION, answered, answered_by, calls_of, reads, source, verdicts_of},
};

/// A miss that offers the stored answer.
#[track_caller]
fn offered(desk: &Desk, question: &str) {
    let missed = desk.json([question]);
    assert_eq!(missed["source"], "model", "{missed}");
    assert_eq!(missed["similar"]["question"], QUESTION, "{missed}");
}

#[test]
fn a_yes_serves_the_answer_and_is_paid_for_once() {
    let mut desk = answered(Verdict::Yes);
    let served = desk.json([ALIKE]);
    assert_eq!((&served["source"], &served["answer"]), (&"verdict".into(), &ANSWER.into()), "{served}");
    assert_eq!(served["cached"]["question"], QUESTION, "{served}");
    assert!(served["cost_usd"].as_f64().unwrap() > 0.0, "the side call has a price: {served}");
    assert!(served["usage"]["prompt_tokens"].as_u64().unwrap() < 250, "two questions and nothing else: {served}");
    let again = desk.json([ALIKE]);
    assert_eq!((&again["source"], &again["cost_usd"]), (&"verdict".into(), &0.0.into()), "{again}");
    assert_eq!((calls_of(&desk), verdicts_of(&desk)), (2, 1));
    let pair = desk.chats().iter().find_map(tests::provider::Recorded::verdict).unwrap();
    assert_eq!(pair, (QUESTION.to_owned(), ALIKE.to_owned()));
    desk.ctl(["memory", "prefs", "set", "unrelated", "x"])
        .cwd(desk.home.project(&[]))
        .arg("--project")
        .run()
        .expect_ok();
    desk.kill_daemon();
    assert_eq!(source(&desk, &[ALIKE]), "verdict", "also by the next daemon");
    assert_eq!(verdicts_of(&desk), 1);
    desk.close();
}

#[test]
fn a_no_is_a_miss_that_offers_nothing_and_is_remembered() {
    let desk = answered(Verdict::No);
    let missed = desk.json([ALIKE]);
    assert_eq!(missed["source"], "model", "{missed}");
    assert!(missed.get("similar").is_none(), "{missed}");
    assert!(missed["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
    assert_eq!(verdicts_of(&desk), 1);
    assert_eq!(source(&desk, &["--fresh", ALIKE]), "model");
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    assert_eq!(verdicts_of(&desk), 1, "neither question is compared again");
    desk.close();
}

#[test]
fn doubt_and_a_failing_service_are_a_miss_that_offers_the_answer() {
    for verdict in [Verdict::Doubt, Verdict::Error] {
        let desk = answered(verdict);
        offered(&desk, ALIKE);
        assert!(verdicts_of(&desk) >= 1, "{verdict:?}");
        desk.close();
    }
}

#[test]
fn a_late_verdict_is_not_waited_for() {
    let desk = answered(Verdict::Slow);
    let begun = Instant::now();
    offered(&desk, ALIKE);
    let took = begun.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&took), "{took:?}");
    desk.close();
}

#[test]
fn an_offered_answer_is_taken_without_asking_anybody() {
    let desk = answered(Verdict::Doubt);
    let taken = desk.json(["--reuse", ALIKE]);
    assert_eq!((&taken["answer"], &taken["cached"]["lenient"]), (&ANSWER.into(), &true.into()), "{taken}");
    assert_eq!((calls_of(&desk), verdicts_of(&desk)), (2, 0));
    desk.close();
}

#[test]
fn switched_off_nobody_is_asked() {
    for (name, value) in [("AGENTD_ANSWERS_VERDICT", "off"), ("AGENTD_ANSWERS_SIMILARITY", "strict")] {
        let desk = answered_by(reads().verdict(Verdict::Yes), |home| home.set_env(name, value));
        offered(&desk, ALIKE);
        assert_eq!(verdicts_of(&desk), 0, "{name}");
        desk.close();
    }
}

#[test]
fn what_a_guard_refuses_is_not_asked_about() {
    let desk = answered(Verdict::Yes);
    for different in [NEGATED, "which number stands in other.txt?"] {
        assert_eq!(source(&desk, &["--ephemeral", different]), "model", "{different}");
    }
    assert_eq!(verdicts_of(&desk), 0);
    desk.close();
}

#[test]
fn no_verdict_is_bought_about_an_answer_that_no_longer_holds() {
    let desk = answered(Verdict::Yes);
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    assert_eq!(source(&desk, &[ALIKE]), "model");
    assert_eq!(verdicts_of(&desk), 0);
    desk.close();
}

#[test]
fn an_edit_during_the_verdict_is_seen() {
    let slow = Step::text("yes").delay(1_000).when_contains("same_question");
    let mut scenario = reads();
    scenario.steps.insert(0, slow);
    let desk = answered_by(scenario, |_| {});
    let asking = desk.ask(["--json", ALIKE]).start();
    desk.provider.wait_for(3, DEADLINE);
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    let missed = asking.finish().expect_ok().json();
    assert_eq!(missed["source"], "model", "{missed}");
    assert_eq!((calls_of(&desk), verdicts_of(&desk)), (4, 1));
    desk.close();
}

#[test]
fn an_ask_that_is_cancelled_during_the_verdict_ends_at_once() {
    let desk = answered(Verdict::Slow);
    let mut rpc = desk.home.rpc();
    let id = rpc.send("ask", &serde_json::json!({ "prompt": ALIKE, "cwd": desk.project }));
    desk.provider.wait_for(3, DEADLINE);
    let begun = Instant::now();
    rpc.call("cancel", &serde_json::json!({ "id": id })).unwrap();
    assert_eq!(rpc.wait_result(id).unwrap_err().kind, "cancelled");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    drop(rpc);
    desk.close();
}

#[test]
fn of_several_candidates_each_is_asked_about_and_the_confirmed_one_is_served() {
    let mut scenario = reads();
    let yes_to = |text: &str, word: &str| {
        Step::text(word).when_contains(format!("{{\"same_question\":{{\"a\":\"{text}")).times(0)
    };
    scenario.steps.insert(0, yes_to(QUESTION, "yes"));
    scenario.steps.insert(1, yes_to("", "no"));
    let desk = answered_by(scenario, |_| {});
    assert_eq!(source(&desk, &["--fresh", FARTHER]), "model");
    let served = desk.json([ALIKE]);
    assert_eq!((&served["source"], &served["cached"]["question"]), (&"verdict".into(), &QUESTION.into()), "{served}");
    assert_eq!(verdicts_of(&desk), 2);
    desk.close();
}
