//! Several shells ask the same at once: the model is asked once.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    RpcClient, Signal,
    provider::{Outcome, Scenario, Step},
};

use crate::{
    desk::{DEADLINE, Desk, desk},
    notes::{ANSWER, QUESTION, calls_of},
};

/// Answers after a while, so that others can come meanwhile.
fn slow() -> Scenario {
    Scenario::new().step(Step::text(ANSWER).delay(1_500).times(0))
}

fn ask(desk: &Desk, rpc: &mut RpcClient) -> i64 {
    rpc.send("ask", &json!({ "prompt": QUESTION, "cwd": desk.project }))
}

/// Others that wait for the running call.
fn waiters(desk: &Desk, count: usize) -> Vec<(RpcClient, i64)> {
    (0..count)
        .map(|_| {
            let mut rpc = desk.home.rpc();
            let id = ask(desk, &mut rpc);
            let notice = rpc.wait_event(id, "notice").to_string();
            assert!(notice.contains("another shell is asking the same"), "{notice}");
            (rpc, id)
        })
        .collect()
}

fn answers(asking: Vec<(RpcClient, i64)>) -> Vec<Value> {
    asking.into_iter().map(|(mut rpc, id)| rpc.wait_result(id).unwrap()).collect()
}

#[test]
fn eight_shells_with_one_question_share_one_model_call() {
    let desk = desk(slow());
    let mut first = desk.home.rpc();
    let id = ask(&desk, &mut first);
    desk.provider.wait_for(1, DEADLINE);
    let others = waiters(&desk, 7);
    assert_eq!(first.wait_result(id).unwrap()["source"], "model");
    for answer in answers(others) {
        assert_eq!((&answer["source"], &answer["answer"]), (&json!("exact"), &json!(ANSWER)), "{answer}");
    }
    assert_eq!(calls_of(&desk), 1);
    drop(first);
    desk.close();
}

#[test]
fn when_the_asking_shell_is_killed_another_one_takes_over() {
    let desk = desk(slow());
    let leader = desk.ask([QUESTION]).start();
    desk.provider.wait_for(1, DEADLINE);
    let others = waiters(&desk, 3);
    leader.signal(Signal::KILL);
    assert_eq!(leader.finish().signal, Some(9));
    let mut sources: Vec<String> = answers(others).iter().map(|it| it["source"].to_string()).collect();
    sources.sort();
    assert_eq!(sources, ["\"exact\"", "\"exact\"", "\"model\""]);
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    assert_eq!(calls_of(&desk), 2, "the broken call and one more");
    desk.close();
}

#[test]
fn when_the_call_fails_the_others_are_not_failed_with_it() {
    let broken = Step::status(402).delay(1_500);
    let desk = desk(Scenario::new().step(broken).step(Step::text(ANSWER).times(0)));
    let mut first = desk.home.rpc();
    let id = ask(&desk, &mut first);
    desk.provider.wait_for(1, DEADLINE);
    let others = waiters(&desk, 3);
    assert!(first.wait_result(id).is_err());
    for answer in answers(others) {
        assert_eq!(answer["answer"], ANSWER);
    }
    assert_eq!(calls_of(&desk), 2);
    drop(first);
    desk.close();
}

#[test]
fn who_wants_a_fresh_answer_waits_for_nobody_and_who_leaves_while_waiting_disturbs_nobody() {
    let desk = desk(slow());
    let mut first = desk.home.rpc();
    let id = ask(&desk, &mut first);
    desk.provider.wait_for(1, DEADLINE);
    let fresh = desk.ask(["--fresh", QUESTION]).start();
    desk.provider.wait_for(2, DEADLINE);
    let mut others = waiters(&desk, 2);
    let (mut leaving, its) = others.remove(0);
    leaving.call("cancel", &json!({ "id": its })).unwrap();
    assert_eq!(leaving.wait_result(its).unwrap_err().kind, "cancelled");
    assert_eq!(first.wait_result(id).unwrap()["answer"], ANSWER);
    assert_eq!(answers(others)[0]["source"], "exact");
    fresh.finish_within(Duration::from_secs(10)).expect_ok();
    assert_eq!(calls_of(&desk), 2);
    drop((first, leaving));
    desk.close();
}
