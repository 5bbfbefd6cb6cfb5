//! Driving tools: what a script makes the model call, and what the model then sees.

use serde_json::{Value, json};
use tests::{RpcClient, provider::Recorded};

use crate::desk::{DEADLINE, Desk, text_of};

/// The texts of the tool results at the end of a request, in order.
pub(crate) fn results(request: &Recorded) -> Vec<String> {
    let tools = request.messages().iter().rev().take_while(|message| message["role"] == "tool");
    let mut texts: Vec<String> = tools.map(|message| text_of(message).to_owned()).collect();
    texts.reverse();
    texts
}

/// The result of the only call of the last step.
#[track_caller]
pub(crate) fn result(desk: &Desk) -> String {
    let last = desk.chats().pop().unwrap();
    let mut results = results(&last);
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0)
}

/// Panics unless the conversation can go on: its history is accepted and grows from what was sent before.
#[track_caller]
pub(crate) fn goes_on(desk: &Desk) {
    let before = desk.chats().pop().unwrap();
    desk.answer(["-c", "and now?"]);
    let after = desk.chats().pop().unwrap();
    assert_eq!(after.status, 200, "{:?}", after.messages());
    before.assert_prefix_of(&after);
    assert_pairs(&after);
}

/// Panics unless every tool call is followed by its own result.
#[track_caller]
pub(crate) fn assert_pairs(request: &Recorded) {
    let mut waiting: Vec<String> = Vec::new();
    for message in request.messages() {
        match message["role"].as_str() {
            Some("tool") => {
                let id = message["tool_call_id"].as_str().unwrap();
                assert_eq!(waiting.first().map(String::as_str), Some(id), "results in the order of the calls");
                waiting.remove(0);
            }
            _ => assert!(waiting.is_empty(), "no result for {waiting:?}"),
        }
        let calls = message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        waiting.extend(calls.iter().filter_map(|call| call["id"].as_str().map(str::to_owned)));
    }
    assert!(waiting.is_empty(), "no result for {waiting:?}");
}

/// An ask of somebody who can be asked back.
pub(crate) struct Asker {
    pub(crate) rpc: RpcClient,
    pub(crate) id: i64,
}

impl Asker {
    pub(crate) fn ask(desk: &Desk, prompt: &str) -> Self {
        let mut rpc = desk.home.rpc();
        let id = rpc.send("ask", &json!({ "prompt": prompt, "cwd": desk.project, "interactive": true }));
        Self { rpc, id }
    }

    /// Waits for the question, gives the word; returns the question.
    pub(crate) fn decide(&mut self, decision: &str) -> Value {
        let approval = self.rpc.wait_event(self.id, "approval");
        let word = json!({ "approval": approval["approval"], "decision": decision });
        assert_eq!(self.rpc.call("approve", &word).unwrap()["accepted"], true);
        approval
    }

    pub(crate) fn answer(&mut self) -> Value {
        self.rpc.wait_result(self.id).unwrap()
    }
}

/// Runs one approved command to its end; returns the answer.
pub(crate) fn run_approved(desk: &Desk) -> Value {
    let mut asker = Asker::ask(desk, "run it");
    asker.decide("once");
    asker.answer()
}

/// Waits until nobody but the daemon runs in this home.
#[track_caller]
pub(crate) fn only_the_daemon_runs(desk: &Desk) {
    let daemon = desk.daemon_pid();
    let others = || desk.home.leftovers().into_iter().filter(|one| one.pid != daemon).collect::<Vec<_>>();
    // The supervisor of commands belongs to the daemon and may stay.
    let strange = || others().into_iter().filter(|one| !one.command.contains("agentd")).collect::<Vec<_>>();
    if !tests::holds_within(DEADLINE, || strange().is_empty()) {
        panic!("these survived: {:#?}", strange());
    }
}
