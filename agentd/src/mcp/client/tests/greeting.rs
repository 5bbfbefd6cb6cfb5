//! The first exchange with servers that know it, do not know it, and misbehave.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fake::{Lines, error, fake, introduction, result, say};
use crate::mcp::client::{Era, Greeting};

fn method(message: &Value) -> &str {
    message["method"].as_str().unwrap_or_default()
}

fn old(message: &Value) -> Option<Lines> {
    if method(message) == "server/discover" { Some(error(message, -32601)) } else { introduction(message) }
}

#[tokio::test]
async fn a_modern_server_is_spoken_to_in_the_modern_way() {
    for greeting in [Greeting::Modern, Greeting::Either] {
        let mut server = fake(greeting, introduction).await;
        let client = server.client();
        assert_eq!(client.era(), Era::Modern);
        let info = client.info();
        assert_eq!((&*info.name, &*info.version, &*info.protocol), ("fake", "2", "2026-07-28"));
        let meta = &server.hears("server/discover").await["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
    }
}

#[tokio::test]
async fn a_legacy_server_is_offered_a_version_that_has_initialize_and_nothing_beside_it() {
    let mut server = fake(Greeting::Legacy, old).await;
    assert_eq!((server.client().era(), &*server.client().info().name), (Era::Legacy, "fake"));
    let params = &server.hears("initialize").await["params"];
    assert_eq!((&params["protocolVersion"], &params["capabilities"]), (&json!("2025-11-25"), &json!({})));
    server.hears("notifications/initialized").await;
}

#[tokio::test]
async fn what_is_no_modern_answer_is_refused_with_its_reason() {
    let server = fake(Greeting::Either, old).await;
    assert_eq!(server.error(), "MCP error -32601: no");
    let server = fake(Greeting::Either, |message: &Value| Some(result(message, json!({})))).await;
    assert_eq!(server.error(), "its answer to server/discover is none");
    let server = fake(Greeting::Either, |_: &Value| None).await;
    assert_eq!(server.error(), "it ended before it answered the first request");
    let other = |message: &Value| {
        let result_ = json!({"resultType": "complete", "supportedVersions": ["2031-01-01"], "capabilities": {}, "ttlMs": 0,
            "cacheScope": "private"});
        Some(result(message, result_))
    };
    assert_eq!(fake(Greeting::Modern, other).await.error(), "it speaks only 2031-01-01");
    let broken = |message: &Value| Some(vec![(Duration::ZERO, format!(r#"{{"id":{},"result":"#, message["id"]))]);
    let server = fake(Greeting::Either, broken).await;
    assert!(server.error().starts_with("the answer is not valid JSON"), "{}", server.error());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_the_question_is_asked_in_the_older_way() {
    let begun = Instant::now();
    let ignores = |message: &Value| {
        if method(message) == "server/discover" { Some(Vec::new()) } else { introduction(message) }
    };
    let server = fake(Greeting::Either, ignores).await;
    assert_eq!(server.client().era(), Era::Legacy);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_slow_to_start_is_not_ended_for_it() {
    let late = |message: &Value| {
        let mut lines = if method(message) == "initialize" { error(message, -32601) } else { introduction(message)? };
        if method(message) == "server/discover" {
            lines[0].0 = Duration::from_secs(20);
        }
        Some(lines)
    };
    assert_eq!(fake(Greeting::Either, late).await.client().era(), Era::Modern);
    let late_and_both = |message: &Value| {
        let mut lines = introduction(message)?;
        if method(message) == "server/discover" {
            lines[0].0 = Duration::from_secs(20);
        }
        Some(lines)
    };
    assert_eq!(fake(Greeting::Either, late_and_both).await.client().era(), Era::Legacy);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_waited_for_until_the_deadline() {
    let begun = Instant::now();
    for greeting in [Greeting::Either, Greeting::Legacy, Greeting::Modern] {
        let server = fake(greeting, |_: &Value| Some(Vec::new())).await;
        assert_eq!(server.error(), "it did not answer the first request in time");
    }
    assert!(begun.elapsed() < Duration::from_secs(95), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_may_ping_and_talk_before_it_answers() {
    let chatty = |message: &Value| match method(message) {
        "initialize" => {
            let mut lines = say(&json!({"jsonrpc": "2.0", "id": "p", "method": "ping"}));
            lines.extend(say(&json!({"jsonrpc": "2.0", "id": 7, "method": "roots/list"})));
            lines.extend(say(&json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": "x"}})));
            lines.extend([(Duration::ZERO, "Listening on stdio".to_owned()), (Duration::ZERO, "7".to_owned())]);
            lines.extend(introduction(message)?);
            Some(lines)
        }
        _ => Some(Vec::new()),
    };
    let mut server = fake(Greeting::Legacy, chatty).await;
    assert_eq!(server.client().era(), Era::Legacy);
    let mut replies = Vec::new();
    while replies.len() < 2 {
        let message = server.heard.recv().await.unwrap();
        if message.get("method").is_none() {
            replies.push(message);
        }
    }
    assert_eq!(replies[0], json!({"jsonrpc": "2.0", "id": "p", "result": {}}));
    assert_eq!(replies[1]["error"]["code"], -32601);
    let noted = server.stderr.last(9);
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(noted[0].ends_with("dropped; the first: Listening on stdio"), "{noted:?}");
}
