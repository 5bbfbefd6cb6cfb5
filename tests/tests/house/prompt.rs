//! What every request begins with: small, and the same bytes everywhere.

use std::{path::Path, time::Duration};

use serde_json::json;
use tests::{
    Home, bins,
    provider::{FakeProvider, Recorded, Scenario},
};

const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of system prompt and tools as they are sent, so that a request stays cheap where nothing is cached.
const FROZEN_MAX: usize = 8_000;

/// One question in this directory and session; the request that it became.
fn asked(home: &Home, provider: &FakeProvider, cwd: &Path, session: &str) -> Recorded {
    home.agentctl(["ask", "-s", session, "why?"]).cwd(cwd).run().expect_ok();
    provider.chats().pop().unwrap()
}

#[test]
fn the_fixed_part_of_a_request_is_small_and_the_same_everywhere() {
    let home = Home::with(bins!());
    let provider = FakeProvider::start(Scenario::new());
    home.provider(&provider);
    let one = home.project(&[("src/lib.rs", "fn a() {}"), ("AGENTS.md", "be brief")]);
    let two = home.project(&[("b.py", "pass")]);
    let first = asked(&home, &provider, &one, "morning");
    let system = first.raw_messages()[0].clone();
    assert!(system.contains(r#""role":"system""#), "{system}");
    let tools = first.raw_field("tools").unwrap_or_default();
    let fixed = system.len() + tools.len();
    assert!(fixed <= FROZEN_MAX, "{} bytes of system prompt and {} of tools are {fixed}", system.len(), tools.len());
    for text in [&system, &tools] {
        assert!(!text.contains(&home.root().display().to_string()), "no place of this machine: {text}");
    }

    first.assert_same_frozen_part(&asked(&home, &provider, &one.join("src"), "morning"));
    first.assert_same_frozen_part(&asked(&home, &provider, &two, "evening"));
    first.assert_same_frozen_part(&asked(&home, &provider, &home.root().join("h"), "none"));
    let old = home.daemon_pid();
    home.agentctl(["daemon", "restart"]).run().expect_ok();
    assert_ne!(home.daemon_pid(), old);
    let after = asked(&home, &provider, &one, "morning");
    first.assert_same_frozen_part(&after);
    first.assert_prefix_of(&after);
    home.agentctl(["daemon", "stop"]).run().expect_ok();
    tests::wait_until(DEADLINE, "the daemon to end", || home.leftovers().is_empty());
}

#[test]
fn a_conversation_that_goes_on_keeps_every_byte_of_its_beginning() {
    let home = Home::with(bins!());
    let provider = FakeProvider::start(Scenario::new().text("first").text("second").text("third"));
    home.provider(&provider);
    let project = home.project(&[]);
    let daemon = home.daemon();
    let mut rpc = home.rpc();
    for (prompt, go_on) in [("one?", false), ("two?", true), ("three?", true)] {
        let question = json!({ "prompt": prompt, "cwd": project, "continue_conversation": go_on });
        rpc.call("ask", &question).unwrap();
    }
    let chats = provider.chats();
    chats[0].assert_prefix_of(&chats[1]);
    chats[1].assert_prefix_of(&chats[2]);
    assert_eq!(chats[2].messages().len(), 6, "system, three questions, two answers");
    drop(rpc);
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}
