//! Tool lists of all sizes.

use std::time::Duration;

use serde_json::{Value, json};

use super::fake::{LONG, error, greeted, result};
use crate::mcp::client::{ClientError, Era, PAGES_MAX, TOOLS_MAX};

fn tools(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|number| json!({"name": format!("t{number}"), "inputSchema": {"type": "object"}})).collect()
}

#[tokio::test]
async fn all_pages_are_read_in_order() {
    let server = greeted(Era::Modern, |message: &Value| {
        let cursor = message["params"]["cursor"].as_str();
        let page = match cursor {
            None => json!({"tools": tools(0..2), "nextCursor": "a", "ttlMs": 3_600_000, "cacheScope": "public"}),
            Some("a") => json!({"tools": tools(2..3)}),
            Some(_) => json!({}),
        };
        Some(if message["method"] == "tools/list" { result(message, page) } else { Vec::new() })
    })
    .await;
    let list = server.client().list_tools(LONG).await.unwrap();
    assert_eq!(list.tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["t0", "t1", "t2"]);
    assert!(list.left_out.is_empty());
}

#[tokio::test]
async fn a_list_is_asked_for_anew_each_time() {
    let mut asked = 0;
    let server = greeted(Era::Modern, move |message: &Value| {
        if message["method"] != "tools/list" {
            return Some(Vec::new());
        }
        asked += 1;
        let page =
            json!({"resultType": "complete", "tools": tools(0..asked), "ttlMs": 3_600_000, "cacheScope": "public"});
        Some(if asked == 3 { error(message, -32603) } else { result(message, page) })
    })
    .await;
    let client = server.client();
    for count in [1, 2] {
        assert_eq!(client.list_tools(LONG).await.unwrap().tools.len(), count);
    }
    assert!(matches!(client.list_tools(LONG).await, Err(ClientError::Rpc { code: -32603, .. })));
}

#[tokio::test]
async fn an_endless_list_ends_at_its_bound() {
    let mut page = 0;
    let server = greeted(Era::Legacy, move |message: &Value| {
        page += 1;
        Some(result(message, json!({"tools": tools(page..page + 1), "nextCursor": format!("c{page}")})))
    })
    .await;
    let list = server.client().list_tools(LONG).await.unwrap();
    assert_eq!((list.tools.len(), list.left_out.len()), (PAGES_MAX, 1));
    let server = greeted(Era::Legacy, |message: &Value| {
        Some(result(message, json!({"tools": tools(0..1), "nextCursor": "same"})))
    })
    .await;
    let list = server.client().list_tools(LONG).await.unwrap();
    assert_eq!(list.tools.len(), 1);
    assert_eq!(list.left_out.len(), 2, "{:?}", list.left_out);
}

#[tokio::test]
async fn of_six_hundred_tools_the_first_five_hundred_are_used() {
    let server = greeted(Era::Legacy, |message: &Value| Some(result(message, json!({"tools": tools(0..600)})))).await;
    let list = server.client().list_tools(LONG).await.unwrap();
    assert_eq!((list.tools.len(), list.left_out.len()), (TOOLS_MAX, 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_has_one_deadline_for_all_its_pages() {
    let mut page = 0;
    let server = greeted(Era::Legacy, move |message: &Value| {
        page += 1;
        let mut lines = result(message, json!({"tools": tools(page..page + 1), "nextCursor": format!("c{page}")}));
        lines[0].0 = Duration::from_secs(2);
        Some(lines)
    })
    .await;
    let limit = Duration::from_secs(5);
    assert_eq!(server.client().list_tools(limit).await, Err(ClientError::Timeout(limit)));
}
