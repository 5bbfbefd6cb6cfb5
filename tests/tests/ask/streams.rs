//! Streams that break, stall, drip or stop for other reasons than an answer.

use std::time::Duration;

use serde_json::json;
use tests::provider::{Fault, Options, Outcome, Scenario, Step, Tokens, UsagePlace};

use crate::desk::{DEADLINE, Desk, desk, text_of};

#[test]
fn a_stall_ends_within_the_time_out_and_the_connection_with_it() {
    let desk = desk(Scenario::new().step(Step::text("some words").chunks(1, 0).fault(Fault::Stall(4)).times(0)));
    let output = desk.fails(["--timeout", "1", "x"], 7, &["no sign of life", "--timeout SECONDS"]);
    assert!(output.elapsed < Duration::from_secs(5), "{:?}", output.elapsed);
    desk.provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
    assert_eq!(desk.chats().len(), 1, "the user has waited long enough");
    desk.close();
}

#[test]
fn a_cut_stream_is_asked_for_once_more_and_only_the_whole_answer_counts() {
    let cut = || Step::text("abcdef").chunks(1, 0).fault(Fault::CutChunks(4));
    let desk = desk(Scenario::new().step(cut()).text("whole").step(cut()).text("whole").step(cut()).text("whole"));
    let output = desk.ask(["x"]).run().expect_ok();
    assert_eq!(output.stdout, "abc\nwhole\n", "what was shown is ended, then it begins anew");
    assert!(output.stderr.contains("void"), "{}", output.stderr);
    assert_eq!(desk.answer(["-q", "x"]), "whole\n");
    assert_eq!(desk.json(["x"])["answer"], "whole");
    desk.close();
}

#[test]
fn a_stream_that_breaks_every_time_is_exit_code_6() {
    for fault in [Fault::CutChunks(2), Fault::CutBytes(0), Fault::CutBytes(25), Fault::NoDone] {
        let step = Step::text("abcdef").chunks(1, 0).fault(fault.clone()).times(0);
        let desk = desk(Scenario::new().step(step));
        let output = desk.fails(["x"], 6, &["tried "]);
        assert!(output.stderr.contains("broke off") || output.stderr.contains("broke before"), "{fault:?}: {output:?}");
        desk.close();
    }
}

#[test]
fn a_reset_connection_is_tried_again() {
    let cut = Step::text("abcdef").chunks(1, 0).fault(Fault::CutChunks(3)).fault(Fault::Reset);
    let desk = desk(Scenario::new().step(cut).text("whole"));
    assert_eq!(desk.answer(["-q", "x"]), "whole\n");
    desk.close();
}

#[test]
fn a_stream_without_done_is_no_answer() {
    let desk = desk(Scenario::new().step(Step::text("looks whole").fault(Fault::NoDone)).text("is whole"));
    let answer = desk.json(["x"]);
    assert_eq!((answer["answer"].as_str(), desk.chats().len()), (Some("is whole"), 2));
    desk.close();
}

#[test]
fn garbage_in_a_stream_is_exit_code_6_and_not_shown() {
    let garbage = Fault::Garbage(1, "{\"choices\":[{\"delta\": \u{1b}[2J".to_owned());
    let desk = desk(Scenario::new().step(Step::text("abc").fault(garbage)));
    let output = desk.fails(["x"], 6, &["cannot be read", "provider.base_url"]);
    assert!(!output.stderr.contains('\u{1b}') && !output.stdout.contains('\u{1b}'), "{output:?}");
    desk.close();
}

#[test]
fn an_error_event_in_a_stream_is_that_error() {
    let desk = desk(Scenario::new().step(Step::text("abc").fault(Fault::ErrorEvent(1, "Insufficient Balance".into()))));
    desk.fails(["x"], 6, &["Insufficient Balance", "top up"]);
    desk.close();
}

#[test]
fn marks_line_ends_and_drops_of_bytes_change_no_character() {
    let text = "Grüße, \u{4f60}\u{597d}\u{1f44b}\nsecond line";
    for faults in [
        vec![Fault::Bom],
        vec![Fault::Crlf],
        vec![Fault::Bom, Fault::Crlf, Fault::BlankLines(3)],
        vec![Fault::Drip(7, 1)],
        vec![Fault::KeepAlives(0, 1000), Fault::KeepAlives(2, 3)],
    ] {
        let mut step = Step::text(text).reasoning("hm").chunks(3, 0);
        step.faults.clone_from(&faults);
        let desk = desk(Scenario::new().step(step));
        assert_eq!(desk.answer(["x"]), format!("{text}\n"), "{faults:?}");
        assert_eq!(desk.chats().len(), 1, "{faults:?}");
        desk.close();
    }
}

/// Takes 1.5 s: the comments must come for longer than the time-out of one second.
#[test]
fn keep_alive_comments_keep_a_call_alive_beyond_the_time_out() {
    let step = Step::text("after the queue").fault(Fault::KeepAlives(0, 5)).fault(Fault::KeepAliveDelay(300));
    let desk = desk(Scenario::new().step(step));
    let output = desk.ask(["--timeout", "1", "x"]).run().expect_ok();
    assert_eq!(output.stdout, "after the queue\n");
    assert!(output.elapsed > Duration::from_millis(1400), "{:?}", output.elapsed);
    desk.close();
}

#[test]
fn a_model_that_was_stopped_for_want_of_resources_is_asked_again() {
    let broken = || Step::text("half a thought").finish("insufficient_system_resource");
    let desk = desk(Scenario::new().step(broken()).text("a whole one").step(broken()).text("a whole one"));
    let output = desk.ask(["x"]).run().expect_ok();
    assert_eq!(output.stdout, "half a thought\na whole one\n");
    assert!(output.stderr.contains("void"), "{}", output.stderr);
    let answer = desk.json(["x"]);
    assert_eq!(answer["answer"], "a whole one");
    let last = desk.chats().pop().unwrap();
    assert_eq!(last.messages().len(), 2, "the half is in no history: {:?}", last.messages());
    desk.close();
}

#[test]
fn a_void_text_is_marked_in_the_stream_of_events() {
    let broken = Step::text("half").finish("insufficient_system_resource");
    let desk = desk(Scenario::new().step(broken).text("whole"));
    let output = desk.ask(["--output-format", "stream-json", "x"]).run().expect_ok();
    let lines: Vec<serde_json::Value> = output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    assert_eq!(kinds, ["started", "text", "text_end", "retry", "text", "result"]);
    assert_eq!((&lines[2]["void"], &lines[3]["attempt"]), (&json!(true), &json!(2)));
    assert_eq!(lines[5]["answer"], "whole");
    desk.close();
}

#[test]
fn a_reply_that_was_cut_at_the_output_limit_goes_on() {
    let desk = desk(Scenario::new().step(Step::text("one, two, ").finish("length")).text("three"));
    let output = desk.ask(["x"]).run().expect_ok();
    assert_eq!(output.stdout, "one, two, three\n", "no seam");
    let chats = desk.chats();
    chats[0].assert_prefix_of(&chats[1]);
    assert_eq!(chats[1].messages()[2]["content"], "one, two, ");
    assert!(text_of(chats[1].last_message()).contains("Go on exactly where it stopped"));
    desk.close();
}

#[test]
fn after_three_continuations_it_is_a_limit_and_what_came_is_kept() {
    let part = Step::text("and on ").finish("length").times(4);
    let desk = desk(Scenario::new().step(part).text("the end"));
    desk.fails(["x"], 5, &["cut at the output limit 4 times", "provider.max_tokens"]);
    assert_eq!(desk.chats().len(), 4);
    assert_eq!(desk.answer(["-c", "finish it"]), "the end\n");
    let chats = desk.chats();
    chats[3].assert_prefix_of(&chats[4]);
    assert!(chats.iter().all(|chat| chat.status == 200), "each history is valid");
    desk.close();
}

#[test]
fn usage_counts_once_wherever_it_travels() {
    let tokens = Tokens { hit: 1000, miss: 500, completion: 300, reasoning: 100 };
    for place in [UsagePlace::Finish, UsagePlace::Extra, UsagePlace::ExtraNull, UsagePlace::Both] {
        let desk = desk(Scenario::new().step(Step::text("x").tokens(tokens).usage(place)));
        let usage = &desk.json(["x"])["usage"];
        let expected = json!({
            "prompt_tokens": 1500, "completion_tokens": 300, "cache_hit_tokens": 1000, "cache_miss_tokens": 500,
        });
        assert_eq!(*usage, expected, "{place:?}");
        desk.close();
    }
}

#[test]
fn usage_of_all_calls_of_a_turn_adds_up_and_has_its_price() {
    let tokens = Tokens { hit: 1_000_000, miss: 500_000, completion: 300_000, reasoning: 0 };
    let part = Step::text("a").finish("length").tokens(tokens);
    let desk = desk(Scenario::new().step(part).step(Step::text("b").tokens(tokens)));
    let answer = desk.json(["x"]);
    assert_eq!((&answer["usage"]["prompt_tokens"], &answer["turns"]), (&json!(3_000_000), &json!(2)));
    let models = desk.ctl(["models", "--json"]).run().expect_ok().json();
    let listed = models["models"].as_array().unwrap();
    let price = &listed.iter().find(|model| model["id"] == answer["model"]).unwrap()["price"];
    let of = |name: &str| price[name].as_f64().unwrap();
    let expected = 2.0 * (of("hit") + 0.5 * of("miss") + 0.3 * of("output"));
    let cost = answer["cost_usd"].as_f64().unwrap();
    assert!(expected > 0.0 && (cost - expected).abs() < 1e-9, "{cost} instead of {expected}");
    desk.close();
}

#[test]
fn a_call_without_usage_has_an_unknown_price_not_a_free_one() {
    let desk = desk(Scenario::new().step(Step::text("x").usage(UsagePlace::None)));
    let output = desk.ask(["--json", "x"]).run().expect_ok();
    assert!(output.json()["cost_usd"].is_null(), "{}", output.stdout);
    let footer = desk.ask(["-v", "x"]).run().expect_ok().stderr;
    assert!(footer.contains('$'), "the echo is counted: {footer}");
    desk.close();
}

#[test]
fn a_model_without_a_known_price_says_so() {
    let desk = Desk::with(Options { scenario: Scenario::new(), ..Options::default() }, |home| {
        home.set_env("AGENTD_PROVIDER_KIND", "openai");
        home.set_env("AGENTD_PROVIDER_MODEL", "deepseek-flash");
    });
    assert!(desk.json(["x"])["cost_usd"].is_null());
    let footer = desk.ask(["-v", "x"]).run().expect_ok().stderr;
    assert!(footer.contains("price unknown"), "{footer}");
    desk.close();
}

#[test]
fn reasoning_is_shown_only_on_demand_and_never_on_standard_output() {
    let desk = desk(Scenario::new().step(Step::text("four").reasoning("two and two").times(0)));
    let output = desk.ask(["x"]).run().expect_ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("four\n", ""));
    let output = desk.ask(["--reasoning", "x"]).run().expect_ok();
    assert_eq!(output.stdout, "four\n");
    assert!(output.stderr.contains("two and two"), "{}", output.stderr);
    desk.close();
}
