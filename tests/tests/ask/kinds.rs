//! A value of every shape of the table, at the doors to the provider and back.

use std::fs;

use serde_json::json;
use tests::{
    corpus::{self, shape_samples},
    provider::{Scenario, Step},
};

use crate::desk::{Desk, desk};

const SEED: u64 = 0x00d0_0125;
/// Characters of a value's end that may not stay.
const TAIL: usize = 12;

/// The rows of which something stands in a text, as it is or as JSON writes it.
fn left<'s>(samples: &'s [(&'static str, String)], text: &str) -> Vec<&'s (&'static str, String)> {
    let tail = |value: &str| value[value.len() - TAIL..].to_owned();
    samples.iter().filter(|(_, value)| text.contains(&tail(value)) || text.contains(&corpus::json(value))).collect()
}

/// A desk that has asked with all of them in the question, in a pipe, in a file and in what a tool reads.
fn asked(samples: &[(&'static str, String)]) -> (Desk, String) {
    let text = samples.iter().map(|(_, value)| format!("{value}\n")).collect::<String>();
    let say = Step::text(text.clone()).chunks(7, 0).reasoning(text.clone());
    let read = |tool: &str, arguments| Step::call(tool, arguments);
    let scenario = Scenario::new()
        .step(read("shell_execute", json!({ "command": ["cat", "all.txt"] })))
        .step(read("read_text_file", json!({ "path": "all.txt" })))
        .step(say);
    let desk = desk(scenario);
    fs::write(desk.project.join("all.txt"), &text).unwrap();
    let first = desk.ask(["-v", "-f", "all.txt"]).arg(&text).stdin(text).run().expect_ok();
    // What the model said is in the history, which is sent again.
    let again = desk.ask(["-v", "-c", "and now?"]).run().expect_ok();
    let printed = [first.stdout, first.stderr, again.stdout, again.stderr].concat();
    (desk, printed)
}

#[test]
fn a_value_of_every_shape_is_sent_nowhere_and_shown_to_nobody() {
    let samples = shape_samples(1, SEED);
    let (desk, printed) = asked(&samples);
    for (number, chat) in desk.chats().iter().enumerate() {
        let found = left(&samples, &String::from_utf8_lossy(&chat.raw));
        assert!(found.is_empty(), "request {}: {found:#?}", number + 1);
    }
    // The question, two results, the history once more; and one more when the long reply was cut at the output limit.
    assert!(desk.chats().len() >= 4, "{}", desk.chats().len());
    let shown = desk.ctl(["sessions", "show", "--json"]).run().expect_ok().stdout;
    let found = left(&samples, &(printed + &shown));
    assert!(found.is_empty(), "shown: {found:#?}");
    let counted = desk.ctl(["status", "--json"]).run().expect_ok().stdout;
    assert!(counted.contains("\"redacted\"") && counted.contains(", others "), "{counted}");
    desk.close();
}
