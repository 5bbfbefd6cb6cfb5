//! Several turns of one conversation: the history the provider sees stays valid and only grows.

use serde_json::Value;
use tests::{
    Signal,
    provider::{Options, Outcome, Recorded, Rules, Scenario, Step},
    wait_until,
};

use crate::desk::{DEADLINE, Desk, desk, roles, text_of};

/// A desk whose provider demands reasoning on every assistant message, as some users report.
fn strict(scenario: Scenario) -> Desk {
    let rules = Rules { reasoning_everywhere: true, ..Options::default().rules };
    Desk::with(Options { scenario, rules, ..Options::default() }, |_| {})
}

/// Every request grows from the one before it, byte for byte, and was accepted.
#[track_caller]
fn assert_grows(chats: &[Recorded]) {
    for pair in chats.windows(2) {
        pair[0].assert_prefix_of(&pair[1]);
        assert!(pair[1].messages().len() > pair[0].messages().len());
    }
    for chat in chats {
        assert_eq!(chat.status, 200, "{:?}", chat.messages());
    }
}

/// No message after the system prompt holds the text.
#[track_caller]
fn without_text(chats: &[Recorded], text: &str) {
    for chat in chats {
        let messages = &chat.messages()[1..];
        assert!(!messages.iter().any(|message| text_of(message).contains(text)), "{text} in {messages:?}");
    }
}

#[test]
fn reasoning_goes_back_with_every_assistant_message_and_the_prefix_is_stable() {
    let turn = |n: u32| Step::text(format!("answer {n}")).reasoning(format!("thought {n}"));
    let desk = strict(Scenario::new().step(turn(1)).step(turn(2)).step(Step::text("answer 3")).step(turn(4)));
    desk.answer(["one"]);
    desk.answer(["-c", "two"]);
    desk.answer(["-c", "three"]);
    desk.answer(["-c", "four"]);
    let chats = desk.chats();
    assert_grows(&chats);
    let assistants: Vec<&Value> = chats[3].messages().iter().filter(|m| m["role"] == "assistant").collect();
    let reasoning: Vec<_> = assistants.iter().map(|message| message["reasoning_content"].as_str()).collect();
    assert_eq!(reasoning, [Some("thought 1"), Some("thought 2"), Some("")], "a text, never null, never absent");
    assert!(chats[3].messages().iter().all(|message| message["content"].is_string()), "never null");
    desk.close();
}

#[test]
fn thinking_can_be_switched_off() {
    let desk = Desk::with(Options::default(), |home| home.set_env("AGENTD_PROVIDER_THINKING", "false"));
    desk.answer(["one"]);
    desk.answer(["-c", "two"]);
    let chats = desk.chats();
    assert_eq!(chats[1].body["thinking"]["type"], "disabled");
    assert_grows(&chats);
    desk.close();
}

#[test]
fn the_frozen_part_is_the_same_over_conversations_sessions_and_projects() {
    let desk = desk(Scenario::new());
    desk.answer(["one"]);
    desk.answer(["-s", "other", "two"]);
    let second = desk.home.project(&[("b.txt", "b\n")]);
    desk.ask(["three"]).cwd(&second).run().expect_ok();
    desk.ask(["four"]).cwd(desk.home.root().join("h")).run().expect_ok();
    let chats = desk.chats();
    for chat in &chats[1..] {
        chats[0].assert_same_frozen_part(chat);
    }
    let frozen = chats[0].raw_messages()[0].len() + chats[0].raw_field("tools").unwrap_or_default().len();
    assert!(frozen <= 8000, "{frozen} bytes");
    desk.close();
}

#[test]
fn a_new_question_begins_a_new_conversation_and_c_goes_on_in_the_last() {
    let desk = desk(Scenario::new());
    let first = desk.json(["one"]);
    let second = desk.json(["two"]);
    let third = desk.json(["-c", "three"]);
    assert_ne!(first["conversation"], second["conversation"]);
    assert_eq!(second["conversation"], third["conversation"]);
    let chats = desk.chats();
    assert_eq!(roles(&chats[2]), ["system", "user", "assistant", "user"]);
    without_text(&chats[1..], "one");
    desk.close();
}

#[test]
fn a_failed_turn_leaves_no_trace_in_the_history() {
    let desk = strict(Scenario::new().text("first").step(Step::status(402)).text("third"));
    desk.answer(["one"]);
    desk.ask(["-c", "lost"]).run().expect_code(6);
    assert_eq!(desk.answer(["-c", "three"]), "third\n");
    let chats = desk.chats();
    assert_grows(&[chats[0].clone(), chats[2].clone()]);
    without_text(&chats[2..], "lost");
    desk.close();
}

#[test]
fn a_failed_first_turn_is_no_conversation() {
    let desk = desk(Scenario::new().text("good").step(Step::status(402)).text("went on"));
    let first = desk.json(["one"]);
    desk.ask(["lost"]).run().expect_code(6);
    let third = desk.json(["-c", "three"]);
    assert_eq!(first["conversation"], third["conversation"], "-c goes on in what there is");
    desk.close();
}

#[test]
fn failed_questions_push_no_good_conversation_out() {
    let desk = Desk::with(Options::default(), |home| home.set_env("AGENTD_MEMORY_MAX_CONVERSATION_HISTORY", "2"));
    desk.answer(["keep me"]);
    desk.provider.play(Scenario::new().step(Step::status(402).times(3)));
    for _ in 0..3 {
        desk.ask(["lost"]).run().expect_code(6);
    }
    desk.answer(["-c", "still there?"]);
    let last = desk.chats().pop().unwrap();
    assert!(text_of(&last.messages()[1]).contains("keep me"), "{:?}", last.messages());
    let shown = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().json();
    assert_eq!(shown["conversations"].as_array().unwrap().len(), 1, "{shown}");
    desk.close();
}

/// A turn of a client that gets the signal in the middle of its answer.
fn ended_by(signal: Signal) -> tests::Output {
    // Long enough that some of it is said while the end may still belong to a secret.
    let slow = Step::text("slow words ".repeat(40)).chunks(4, 50).when_contains("lost");
    let desk = strict(Scenario::new().step(slow));
    desk.answer(["one"]);
    let mut running = desk.ask(["-c", "lost"]).start();
    wait_until(DEADLINE, "the first words", || !running.stdout_so_far().is_empty());
    running.signal(signal);
    let output = running.finish();
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    desk.answer(["-c", "three"]);
    let chats = desk.chats();
    assert_grows(&[chats[0].clone(), chats[2].clone()]);
    without_text(&chats[2..], "lost");
    desk.close();
    output
}

#[test]
fn a_cancelled_turn_leaves_no_trace_in_the_history() {
    ended_by(Signal::INT).expect_code(130);
}

#[test]
fn a_killed_client_cancels_its_turn_and_leaves_no_trace_in_the_history() {
    ended_by(Signal::KILL);
}

#[test]
fn the_second_of_two_questions_in_one_conversation_waits_for_the_first() {
    let slow = Step::text("the slow answer").delay(1500).when_contains("slow");
    let desk = strict(Scenario::new().step(slow));
    desk.answer(["one"]);
    let first = desk.ask(["-c", "slow"]).start();
    desk.provider.wait_for(2, DEADLINE);
    let second = desk.ask(["-v", "-c", "after it"]).run().expect_ok();
    assert!(second.stderr.contains("waiting"), "{}", second.stderr);
    assert_eq!(first.finish().expect_ok().stdout, "the slow answer\n");
    let chats = desk.chats();
    assert_grows(&chats);
    assert_eq!(text_of(&chats[2].messages()[4]), "the slow answer");
    desk.close();
}

#[test]
fn a_question_that_waits_for_another_can_be_cancelled() {
    let slow = Step::text("the slow answer").delay(60_000).when_contains("slow");
    let desk = strict(Scenario::new().step(slow));
    desk.answer(["one"]);
    let first = desk.ask(["-c", "slow"]).start();
    desk.provider.wait_for(2, DEADLINE);
    let mut second = desk.ask(["-v", "-c", "after it"]).start();
    wait_until(DEADLINE, "the notice", || second.stderr_so_far().contains("waiting"));
    second.signal(Signal::INT);
    second.finish().expect_code(130);
    first.signal(Signal::INT);
    first.finish().expect_code(130);
    assert_eq!(desk.chats().len(), 2);
    desk.close();
}

#[test]
fn two_questions_in_different_conversations_run_side_by_side() {
    let desk = desk(Scenario::new().step(Step::text("never").delay(60_000).times(2)));
    let (first, second) = (desk.ask(["question 1"]).start(), desk.ask(["question 2"]).start());
    let chats = desk.provider.wait_for(2, DEADLINE);
    assert!(chats.iter().all(|chat| chat.outcome == Outcome::Running), "the second does not wait for the first");
    for running in [first, second] {
        running.signal(Signal::INT);
        running.finish().expect_code(130);
    }
    desk.close();
}

#[test]
fn an_ephemeral_question_leaves_no_trace() {
    let desk = desk(Scenario::new());
    desk.answer(["--ephemeral", "secretly"]);
    assert_eq!(desk.ctl(["sessions", "list"]).run().expect_ok().stdout, "no sessions\n");
    desk.ask(["-c", "and?"]).run().expect_code(1);
    desk.answer(["openly"]);
    desk.answer(["-c", "--ephemeral", "aside"]);
    let shown = desk.ctl(["sessions", "show"]).run().expect_ok().stdout;
    assert!(shown.contains("openly") && !shown.contains("aside") && !shown.contains("secretly"), "{shown}");
    desk.answer(["-c", "go on"]);
    let chats = desk.chats();
    assert!(text_of(&chats[2].messages()[1]).contains("openly"), "an aside knows the conversation");
    without_text(&chats[3..], "aside");
    desk.close();
}
