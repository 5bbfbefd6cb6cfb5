//! Calls, checks, and what ends them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fake::{LONG, Lines, call, called, error, greeted, result, say};
use crate::mcp::client::{CALL_CAP, ClientError, Era, Told};

const FIVE: Duration = Duration::from_secs(5);

fn text(message: &Value, text: &str) -> Lines {
    result(message, json!({"content": [{"type": "text", "text": text}]}))
}

fn is_call(message: &Value) -> bool {
    message["method"] == "tools/call"
}

#[tokio::test]
async fn a_call_is_answered() {
    for era in [Era::Legacy, Era::Modern] {
        let mut server =
            greeted(era, |message: &Value| Some(if is_call(message) { text(message, "hello") } else { Vec::new() }))
                .await;
        assert_eq!(called(&server.client(), FIVE).await.unwrap(), r#"[Text("hello")]"#);
        let params = &server.hears("tools/call").await["params"];
        assert_eq!((&params["name"], &params["arguments"]), (&json!("t"), &json!({})));
        let version = &params["_meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(*version, if era == Era::Modern { json!("2026-07-28") } else { Value::Null });
    }
}

#[tokio::test]
async fn a_servers_error_is_told_as_it_is() {
    let server = greeted(Era::Legacy, |message: &Value| Some(error(message, -32602))).await;
    let expected = ClientError::Rpc { code: -32602, message: "no".to_owned() };
    assert_eq!(called(&server.client(), FIVE).await, Err(expected));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_ends_in_time_and_the_server_hears_of_it() {
    let mut server = greeted(Era::Legacy, |_: &Value| Some(Vec::new())).await;
    let begun = Instant::now();
    assert_eq!(called(&server.client(), FIVE).await, Err(ClientError::Timeout(FIVE)));
    assert!(begun.elapsed() < Duration::from_secs(6));
    let id = server.hears("tools/call").await["id"].clone();
    assert_eq!(server.hears("notifications/cancelled").await["params"]["requestId"], id);
}

#[tokio::test(start_paused = true)]
async fn progress_keeps_a_call_alive_beyond_its_time() {
    let server = greeted(Era::Legacy, |message: &Value| {
        if !is_call(message) {
            return Some(Vec::new());
        }
        let token = &message["params"]["_meta"]["progressToken"];
        let params = |number| json!({"progressToken": token, "progress": number});
        let notification =
            |number| json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params(number)});
        let mut lines: Lines = (0..5).map(|number| (4 * FIVE / 5, notification(number).to_string())).collect();
        lines.extend(text(message, "done"));
        Some(lines)
    })
    .await;
    let begun = Instant::now();
    assert_eq!(called(&server.client(), FIVE).await.unwrap(), r#"[Text("done")]"#);
    assert!(begun.elapsed() >= 4 * FIVE);
}

#[tokio::test(start_paused = true)]
async fn no_progress_keeps_a_call_alive_for_ever() {
    let server = greeted(Era::Legacy, |message: &Value| {
        let token = &message["params"]["_meta"]["progressToken"];
        let params = json!({"progressToken": token, "progress": 1});
        let line = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).to_string();
        Some(if is_call(message) { vec![(Duration::from_secs(3), line); 400] } else { Vec::new() })
    })
    .await;
    assert_eq!(called(&server.client(), FIVE).await, Err(ClientError::Timeout(CALL_CAP)));
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled_at_the_server() {
    let mut server = greeted(Era::Legacy, |_: &Value| Some(Vec::new())).await;
    let (client, request) = (server.client(), call(LONG));
    let cancel = request.cancel.clone();
    let calling = tokio::spawn(async move { client.call(request).await });
    let id = server.hears("tools/call").await["id"].clone();
    cancel.cancel();
    assert_eq!(calling.await.unwrap(), Err(ClientError::Cancelled));
    assert_eq!(server.hears("notifications/cancelled").await["params"]["requestId"], id);
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_is_cancelled_at_the_server() {
    let mut server = greeted(Era::Legacy, |_: &Value| Some(Vec::new())).await;
    let client = server.client();
    let calling = tokio::spawn(async move { client.call(call(LONG)).await });
    let id = server.hears("tools/call").await["id"].clone();
    calling.abort();
    assert_eq!(server.hears("notifications/cancelled").await["params"]["requestId"], id);
}

#[tokio::test]
async fn the_end_of_the_connection_fails_what_is_under_way_at_once() {
    let server = greeted(Era::Legacy, |message: &Value| if is_call(message) { None } else { Some(Vec::new()) }).await;
    let begun = Instant::now();
    let client = server.client();
    assert_eq!(called(&client, LONG).await, Err(ClientError::Closed));
    assert_eq!(client.check(LONG).await, Err(ClientError::Closed));
    let server = greeted(Era::Modern, |_: &Value| Some(Vec::new())).await;
    let client = server.client();
    let calling = tokio::spawn(async move { called(&client, LONG).await });
    tokio::task::yield_now().await;
    server.end.cancel();
    assert_eq!(calling.await.unwrap(), Err(ClientError::Closed));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_just_before_the_end_is_an_answer() {
    let server = greeted(Era::Legacy, |message: &Value| {
        if !is_call(message) {
            return Some(Vec::new());
        }
        let mut lines = text(message, "last words");
        lines.push((Duration::ZERO, "{".to_owned()));
        Some(lines)
    })
    .await;
    assert_eq!(called(&server.client(), FIVE).await.unwrap(), r#"[Text("last words")]"#);
}

#[tokio::test]
async fn broken_json_fails_its_call_at_once() {
    let server = greeted(Era::Legacy, |message: &Value| {
        let broken = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":["#, message["id"]);
        Some(if is_call(message) { vec![(Duration::ZERO, broken)] } else { Vec::new() })
    })
    .await;
    let error = called(&server.client(), LONG).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::BadAnswer(why) if why.starts_with("the answer is not valid JSON")),
        "{error}"
    );
}

#[tokio::test]
async fn seventeen_megabytes_are_an_answer_and_forty_an_error_at_once() {
    for (size, id_first) in [(17 << 20, true), (40 << 20, true), (40 << 20, false)] {
        let server = greeted(Era::Legacy, move |message: &Value| {
            if !is_call(message) {
                return Some(if message["method"] == "ping" { result(message, json!({})) } else { Vec::new() });
            }
            let result = json!({"content": [{"type": "text", "text": "x".repeat(size)}]});
            let id = &message["id"];
            let line = match id_first {
                true => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                false => json!({"result": result, "jsonrpc": "2.0", "id": id}),
            };
            Some(say(&line))
        })
        .await;
        let client = server.client();
        let begun = Instant::now();
        let answer = called(&client, LONG).await;
        match answer {
            Ok(text) => assert!(size < 32 << 20 && text.len() > size),
            Err(error) => {
                assert!(size > 32 << 20, "{error}");
                assert_eq!(error, ClientError::BadAnswer("the answer is longer than 32 MiB".to_owned()));
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(client.check(LONG).await, Ok(()), "the connection goes on");
    }
}

#[tokio::test]
async fn a_server_that_knows_no_ping_lives_all_the_same() {
    for era in [Era::Legacy, Era::Modern] {
        let mut greeting = true;
        let mut server = super::fake::fake(
            if era == Era::Legacy {
                crate::mcp::client::Greeting::Legacy
            } else {
                crate::mcp::client::Greeting::Modern
            },
            move |message: &Value| {
                let introduced = super::fake::introduction(message).filter(|_| greeting);
                greeting &= message["method"] == "notifications/initialized" || introduced.is_none();
                Some(introduced.unwrap_or_else(|| error(message, -32601)))
            },
        )
        .await;
        assert_eq!(server.client().check(FIVE).await, Ok(()));
        server.hears(if era == Era::Legacy { "ping" } else { "server/discover" }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_does_not_live() {
    let server = greeted(Era::Legacy, |_: &Value| Some(Vec::new())).await;
    assert_eq!(server.client().check(FIVE).await, Err(ClientError::Timeout(FIVE)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_given_up() {
    let (ours, theirs) = tokio::io::duplex(64);
    let (reader, writer) = tokio::io::split(ours);
    let opening = crate::mcp::client::Opening {
        greeting: crate::mcp::client::Greeting::Legacy,
        deadline: Instant::now() + Duration::from_secs(600),
        questions: crate::mcp::client::Questions::Declined,
        end: tokio_util::sync::CancellationToken::new(),
    };
    let begun = Instant::now();
    let refused = opening.over_streams(reader, writer, std::sync::Arc::default()).await.err();
    assert!(refused.unwrap().contains("does not read its standard input"));
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    drop(theirs);
}

#[tokio::test]
async fn a_question_to_the_user_is_declined_and_its_state_sent_back() {
    let server = greeted(Era::Modern, |message: &Value| {
        if !is_call(message) {
            return Some(Vec::new());
        }
        let params = &message["params"];
        Some(if params["requestState"] == "s" {
            text(message, params["inputResponses"]["name"]["action"].as_str().unwrap_or_default())
        } else {
            let asked = json!({"method": "elicitation/create", "params": {"message": "who?", "requestedSchema": {}}});
            result(
                message,
                json!({"resultType": "input_required", "inputRequests": {"name": asked}, "requestState": "s"}),
            )
        })
    })
    .await;
    assert_eq!(called(&server.client(), FIVE).await.unwrap(), r#"[Text("decline")]"#);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_again_and_again_is_given_up() {
    for requests in [json!({"a": {"method": "elicitation/create", "params": {}}}), json!({})] {
        let server = greeted(Era::Modern, move |message: &Value| {
            let asks = json!({"resultType": "input_required", "inputRequests": requests, "requestState": "s"});
            Some(if is_call(message) { result(message, asks) } else { Vec::new() })
        })
        .await;
        assert!(matches!(called(&server.client(), LONG).await, Err(ClientError::BadAnswer(_))));
    }
    let server = greeted(Era::Modern, |message: &Value| {
        let asks =
            json!({"resultType": "input_required", "inputRequests": {"a": {"method": "sampling/createMessage"}}});
        Some(if is_call(message) { result(message, asks) } else { Vec::new() })
    })
    .await;
    let error = called(&server.client(), LONG).await.unwrap_err();
    assert_eq!(error.to_string(), "it asks for \"sampling/createMessage\", which was not offered");
}

#[tokio::test]
async fn a_changed_tool_list_is_told_in_both_eras() {
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    let mut server = greeted(Era::Legacy, move |message: &Value| {
        Some(if message["method"] == "ping" { [say(&changed), result(message, json!({}))].concat() } else { vec![] })
    })
    .await;
    server.client().check(FIVE).await.unwrap();
    assert_eq!(server.told().await, Some(Told::ToolsChanged));

    let mut server = greeted(Era::Modern, |message: &Value| {
        if message["method"] != "subscriptions/listen" {
            return Some(Vec::new());
        }
        let meta = json!({"io.modelcontextprotocol/subscriptionId": message["id"]});
        let accepted = json!({"_meta": meta, "notifications": message["params"]["notifications"]});
        let accepted =
            json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": accepted});
        let changed =
            json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}});
        Some([say(&accepted), say(&changed)].concat())
    })
    .await;
    assert_eq!(server.told().await, Some(Told::ToolsChanged));
    let asked = server.hears("subscriptions/listen").await;
    assert_eq!(asked["params"]["notifications"], json!({"toolsListChanged": true}));
}

#[tokio::test]
async fn a_burst_of_changes_costs_nothing_but_itself() {
    let server = greeted(Era::Legacy, |message: &Value| {
        let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
        let burst = std::iter::repeat_n((Duration::ZERO, changed.to_string()), 2_000);
        Some(if is_call(message) { burst.chain(text(message, "done")).collect() } else { Vec::new() })
    })
    .await;
    assert_eq!(called(&server.client(), LONG).await.unwrap(), r#"[Text("done")]"#);
}
