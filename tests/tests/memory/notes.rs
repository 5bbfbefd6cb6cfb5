//! What most tests of this suite share: a model that reads one file, a question about it, and its relatives.

use serde_json::{Value, json};
use tests::{
    Home,
    provider::{Options, Scenario, Step, Verdict},
};

use crate::desk::Desk;

/// Answered from `notes.txt`.
pub(crate) const QUESTION: &str = "which number stands in notes.txt?";
/// Alike for three quarters; rules cannot tell whether it asks the same.
pub(crate) const ALIKE: &str = "which number does notes.txt contain?";
/// Undecided too, but less alike than the bar.
pub(crate) const FARTHER: &str = "which number is written in notes.txt?";
/// Told apart by rule.
pub(crate) const NEGATED: &str = "which number does not stand in notes.txt?";
/// Long enough to be kept.
pub(crate) const ANSWER: &str = "It is the number 42, as the only line of that file says.";

/// A model that calls this tool for every question and then answers.
pub(crate) fn calls(tool: &str, arguments: Value) -> Scenario {
    let call = Step::call(tool, arguments).when_role("user").times(0);
    Scenario::new().step(call).step(Step::text(ANSWER).when_role("tool").times(0))
}

/// A model that reads `notes.txt` for every question and then answers.
pub(crate) fn reads() -> Scenario {
    calls("read_text_file", json!({ "path": "notes.txt" }))
}

/// A desk whose home is prepared, at which [`QUESTION`] was answered.
#[track_caller]
pub(crate) fn answered_by(scenario: Scenario, prepare: impl FnOnce(&Home)) -> Desk {
    let desk = Desk::with(Options { scenario, ..Options::default() }, prepare);
    assert_eq!(source(&desk, &[QUESTION]), "model");
    desk
}

/// A desk at which [`QUESTION`] was answered, whose provider says this about any two questions.
#[track_caller]
pub(crate) fn answered(verdict: Verdict) -> Desk {
    answered_by(reads().verdict(verdict), |_| {})
}

/// Where the answer came from.
#[track_caller]
pub(crate) fn source(desk: &Desk, arguments: &[&str]) -> String {
    desk.json(arguments)["source"].as_str().unwrap().to_owned()
}

/// Model calls so far, those about two questions left out.
pub(crate) fn calls_of(desk: &Desk) -> usize {
    desk.chats().iter().filter(|chat| chat.verdict().is_none()).count()
}

/// Calls about two questions so far.
pub(crate) fn verdicts_of(desk: &Desk) -> usize {
    desk.chats().iter().filter(|chat| chat.verdict().is_some()).count()
}

/// The cached answers of all projects.
#[track_caller]
pub(crate) fn listed(desk: &Desk) -> Vec<Value> {
    let listed = desk.ctl(["cache", "list", "--all", "--json"]).run().expect_ok().json();
    listed["answers"].as_array().unwrap().clone()
}

/// Why a question is a hit or a miss now.
#[track_caller]
pub(crate) fn why(desk: &Desk, question: &str) -> Value {
    desk.ctl(["cache", "why", "--json", question]).run().expect_ok().json()
}
