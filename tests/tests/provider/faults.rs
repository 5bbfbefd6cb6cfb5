//! What can go wrong, seen from outside.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::provider::{FakeProvider, Fault, Outcome, Scenario, Step};

use crate::raw::{Answer, Client, DEADLINE, End, post, request};

fn play(step: Step) -> Answer {
    post(&FakeProvider::start(Scenario::new().step(step)), &request(json!({})))
}

#[test]
fn every_status_has_its_body_and_retry_after_only_when_told() {
    for status in [400, 401, 402, 422, 429, 500, 503] {
        let answer = play(Step::status(status));
        assert_eq!(answer.status, status);
        assert!(!answer.error().is_empty(), "{}", answer.text());
        assert!(!answer.head.contains("Retry-After"));
    }
    let answer = play(Step::status(429).retry_after("7").body("{}"));
    assert!(answer.head.contains("Retry-After: 7\r\n"), "{}", answer.head);
    assert_eq!(answer.text(), "{}");
}

#[test]
fn a_proxys_error_page_is_html() {
    let answer = play(Step::html(502));
    assert_eq!(answer.status, 502);
    assert!(answer.head.contains("text/html") && answer.text().starts_with("<html>"));
}

#[test]
fn a_stall_keeps_the_connection_open_and_silent() {
    let step = Step::text("abcdef").chunks(1, 0).fault(Fault::Stall(3));
    let provider = FakeProvider::start(Scenario::new().step(step));
    let mut client = Client::new(&provider).patience(Duration::from_millis(200));
    client.send("POST", "/chat/completions", provider.key(), request(json!({})).to_string().as_bytes());
    let answer = client.read();
    assert_eq!((answer.joined("content").as_str(), answer.end), ("ab", End::TimedOut));
    drop(client);
    provider.wait_for_outcome(Outcome::ClientGone, 1, DEADLINE);
}

#[test]
fn a_stalled_provider_can_be_dropped() {
    let provider = FakeProvider::start(Scenario::new().step(Step::text("x").fault(Fault::Stall(1))));
    let mut client = Client::new(&provider);
    client.send("POST", "/chat/completions", provider.key(), request(json!({})).to_string().as_bytes());
    provider.wait_for(1, DEADLINE);
    let before = Instant::now();
    drop(provider);
    assert!(before.elapsed() < DEADLINE);
    assert_ne!(client.read().end, End::TimedOut);
}

#[test]
fn a_cut_ends_inside_the_body() {
    let answer = play(Step::text("abcdef").chunks(1, 0).fault(Fault::CutChunks(4)));
    assert_eq!((answer.joined("content").as_str(), answer.end), ("abc", End::Eof));
    let answer = play(Step::text("abcdef").fault(Fault::CutBytes(25)));
    assert_eq!((answer.body.len(), answer.end), (25, End::Eof));
    let answer = play(Step::text("abcdef").fault(Fault::CutBytes(0)));
    assert_eq!((answer.status, answer.body.len(), answer.end), (200, 0, End::Eof));
}

#[test]
fn a_cut_can_be_a_reset() {
    let answer = play(Step::text("abcdef").fault(Fault::CutChunks(2)).fault(Fault::Reset));
    assert_eq!(answer.end, End::Reset);
}

#[test]
fn a_reply_that_is_not_streamed_can_be_cut_too() {
    let provider = FakeProvider::start(Scenario::new().step(Step::text("abc").fault(Fault::CutBytes(10))));
    let answer = post(&provider, &request(json!({ "stream": false })));
    assert_eq!((answer.body.len(), answer.end), (10, End::Eof));
}

#[test]
fn a_stream_can_end_in_order_without_done() {
    let answer = play(Step::text("abc").fault(Fault::NoDone));
    assert_eq!((answer.end, answer.finish().as_str()), (End::Whole, "stop"));
    assert!(!answer.text().contains("[DONE]"));
}

#[test]
fn garbage_stands_where_it_was_put() {
    let answer = play(Step::text("abc").fault(Fault::Garbage(1, "{not json".to_owned())));
    assert_eq!(answer.events()[1], "{not json");
    assert_eq!(answer.joined("content"), "abc");
}

#[test]
fn an_error_event_ends_the_stream() {
    let answer = play(Step::text("abc").chunks(1, 0).fault(Fault::ErrorEvent(2, "broke".to_owned())));
    let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
    assert_eq!(last["error"]["message"], "broke");
    assert_eq!((answer.joined("content").as_str(), answer.end), ("a", End::Whole));
}

#[test]
fn comments_and_blank_lines_change_no_data() {
    let step = Step::text("abc").fault(Fault::KeepAlives(0, 10_000)).fault(Fault::BlankLines(5));
    let answer = play(step.fault(Fault::KeepAlives(2, 3)));
    assert_eq!(answer.text().matches(": keep-alive").count(), 10_003);
    assert!(answer.text().starts_with("\n\n\n\n\n: keep-alive\n\n"));
    assert_eq!(answer.joined("content"), "abc");
}

#[test]
fn a_reply_that_is_not_streamed_may_start_with_blank_lines() {
    let step = Step::text("abc").fault(Fault::BlankLines(2)).fault(Fault::KeepAlives(0, 2));
    let answer = post(&FakeProvider::start(Scenario::new().step(step)), &request(json!({ "stream": false })));
    assert!(answer.text().starts_with("\n\n\n\n{"), "{}", answer.text());
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "abc");
}

#[test]
fn comments_can_come_one_by_one() {
    let step = Step::text("abc").fault(Fault::KeepAlives(0, 5)).fault(Fault::KeepAliveDelay(20));
    let before = Instant::now();
    let answer = play(step);
    assert!(before.elapsed() >= Duration::from_millis(100));
    assert_eq!(answer.joined("content"), "abc");
}

#[test]
fn a_byte_order_mark_and_crlf_are_sent() {
    let answer = play(Step::text("abc").fault(Fault::Bom).fault(Fault::Crlf));
    assert!(answer.body.starts_with(b"\xef\xbb\xbfdata: "));
    assert!(answer.text().ends_with("data: [DONE]\r\n\r\n"));
    assert_eq!(answer.joined("content"), "abc");
}

#[test]
fn dripped_bytes_cut_through_characters_and_arrive_whole() {
    let answer = play(Step::text("\u{4f60}\u{597d}").fault(Fault::Drip(7, 1)));
    assert_eq!((answer.joined("content").as_str(), answer.end), ("\u{4f60}\u{597d}", End::Whole));
}

#[test]
fn delays_come_before_the_first_byte_and_between_chunks() {
    let before = Instant::now();
    play(Step::text("abc").delay(60));
    assert!(before.elapsed() >= Duration::from_millis(60));
    let before = Instant::now();
    play(Step::text("abc").chunks(1, 15));
    assert!(before.elapsed() >= Duration::from_millis(75), "five chunks");
    let before = Instant::now();
    assert_eq!(play(Step::status(503).delay(60)).status, 503);
    assert!(before.elapsed() >= Duration::from_millis(60));
}
