//! What ends a turn early: `cancel`, from here or there, and a client that leaves.

use std::net::Shutdown;

use serde_json::json;
use tests::{
    RpcClient, Signal,
    provider::{Outcome, Scenario, Step},
    wait_until,
};

use crate::{DEADLINE, Stage, stalled, status};

/// A running turn: its request id and the turn's own.
fn begin(stage: &Stage, rpc: &mut RpcClient) -> (i64, String) {
    begin_with(stage, rpc, "why?")
}

/// The same with a question of its own: turns that ask the same share one model call.
fn begin_with(stage: &Stage, rpc: &mut RpcClient, prompt: &str) -> (i64, String) {
    let id = rpc.send("ask", &stage.question(prompt));
    let turn = rpc.wait_event(id, "started")["turn"].as_str().unwrap().to_owned();
    rpc.wait_event(id, "text");
    (id, turn)
}

#[track_caller]
fn assert_cancelled(stage: &Stage, rpc: &mut RpcClient, id: i64) {
    let failure = rpc.wait_result(id).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str()), (-32130, "cancelled"));
    stage.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    assert_eq!(status(rpc)["turns"], 0);
}

#[test]
fn cancel_ends_a_turn_of_its_own_connection() {
    let stage = Stage::new(stalled());
    let mut rpc = stage.rpc();
    let (id, _) = begin(&stage, &mut rpc);
    assert_eq!(rpc.call("cancel", &json!({ "id": id })).unwrap()["cancelled"], 1);
    assert_cancelled(&stage, &mut rpc, id);
    assert_eq!(rpc.call("cancel", &json!({ "id": id })).unwrap()["cancelled"], 0, "it has ended");
    drop(rpc);
    stage.end();
}

#[test]
fn cancel_ends_a_turn_of_another_connection_by_its_id() {
    let stage = Stage::new(stalled());
    let (mut rpc, mut other) = (stage.rpc(), stage.rpc());
    let (id, _) = begin(&stage, &mut rpc);
    assert_eq!(other.call("cancel", &json!({ "id": id })).unwrap()["cancelled"], 1);
    assert_cancelled(&stage, &mut rpc, id);
    drop((rpc, other));
    stage.end();
}

#[test]
fn cancel_by_the_turns_name_is_exact_where_two_connections_use_one_id() {
    let stage = Stage::new(stalled());
    let (mut first, mut second, mut third) = (stage.rpc(), stage.rpc(), stage.rpc());
    let (id, turn) = begin(&stage, &mut first);
    let (same, _) = begin_with(&stage, &mut second, "and why not?");
    assert_eq!(id, same);
    let failure = third.call("cancel", &json!({ "id": id })).unwrap_err();
    assert_eq!(failure.kind, "usage");
    assert!(failure.message.contains("2 connections") && failure.message.contains("started"), "{failure:?}");
    assert_eq!(third.call("cancel", &json!({ "turn": "no such turn" })).unwrap()["cancelled"], 0);
    assert_eq!(third.call("cancel", &json!({ "turn": turn })).unwrap()["cancelled"], 1);
    assert_eq!(first.wait_result(id).unwrap_err().kind, "cancelled");
    assert_eq!(status(&mut third)["turns"], 1, "the other one goes on");
    drop((first, second, third));
    stage.provider.wait_for_outcome(Outcome::ClientGone, 2, DEADLINE);
    stage.end();
}

#[test]
fn closing_the_connection_cancels_its_turns_at_the_provider() {
    let stage = Stage::new(stalled());
    let mut rpc = stage.rpc();
    begin(&stage, &mut rpc);
    begin_with(&stage, &mut rpc, "and why not?");
    drop(rpc);
    stage.provider.wait_for_outcome(Outcome::ClientGone, 2, DEADLINE);
    stage.wait_idle();
    stage.end();
}

#[test]
fn closing_both_sides_after_half_closing_cancels_too() {
    let stage = Stage::new(stalled());
    let mut rpc = stage.rpc();
    begin(&stage, &mut rpc);
    rpc.stream().shutdown(Shutdown::Write).unwrap();
    assert!(!rpc.is_closed_within(std::time::Duration::from_millis(600)), "it waits for the answer");
    assert_eq!(status(&mut stage.rpc())["turns"], 1);
    drop(rpc);
    stage.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    stage.wait_idle();
    stage.end();
}

#[test]
fn a_detached_turn_outlives_its_connection() {
    let stage = Stage::new(Scenario::new().step(Step::text("kept for later").delay(300)));
    let mut rpc = stage.rpc();
    let mut question = stage.question("why?");
    question["detach"] = json!(true);
    let id = rpc.send("ask", &question);
    rpc.wait_event(id, "started");
    drop(rpc);
    stage.provider.wait_for_outcome(Outcome::Sent, 1, DEADLINE);
    stage.wait_idle();
    let detail = stage.rpc().call("sessions.show", &json!({ "cwd": stage.project })).unwrap();
    assert_eq!(detail["conversations"][0]["exchanges"][0], json!({ "question": "why?", "answer": "kept for later" }));
    stage.end();
}

#[test]
fn a_detached_turn_can_be_cancelled_from_another_connection() {
    let stage = Stage::new(stalled());
    let mut rpc = stage.rpc();
    let mut question = stage.question("why?");
    question["detach"] = json!(true);
    let id = rpc.send("ask", &question);
    let turn = rpc.wait_event(id, "started")["turn"].clone();
    drop(rpc);
    let mut other = stage.rpc();
    stage.provider.wait_for(1, DEADLINE);
    assert_eq!(status(&mut other)["turns"], 1);
    assert_eq!(other.call("cancel", &json!({ "turn": turn })).unwrap()["cancelled"], 1);
    stage.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    stage.wait_idle();
    drop(other);
    stage.end();
}

#[test]
fn half_closing_finishes_the_running_requests_and_then_closes() {
    let stage = Stage::new(Scenario::new().step(Step::text("in time").delay(400).times(2)));
    let mut rpc = stage.rpc();
    let ids = [(); 2].map(|()| rpc.send("ask", &stage.question("why?")));
    rpc.stream().shutdown(Shutdown::Write).unwrap();
    for id in ids {
        assert_eq!(rpc.wait_result(id).unwrap()["answer"], "in time");
    }
    assert!(rpc.is_closed_within(DEADLINE));
    stage.end();
}

#[test]
fn a_client_that_is_killed_while_it_streams_takes_its_turn_along_and_nothing_else() {
    let stage = Stage::new(stalled());
    let mut running = stage.home.agentctl(["ask", "why?"]).cwd(&stage.project).start();
    wait_until(DEADLINE, "the beginning of the answer", || running.stdout_so_far().contains("The "));
    assert_eq!(status(&mut stage.rpc())["turns"], 1);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    stage.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    stage.wait_idle();
    stage.provider.play(Scenario::new().text("alive"));
    let next = stage.home.agentctl(["ask", "and now?"]).cwd(&stage.project).run().expect_ok();
    assert_eq!(next.stdout, "alive\n");
    stage.end();
}
