//! Requests that are wrong, silent, too many or alike: each is answered as it deserves and the connection stays.

use serde_json::{Value, json};
use tests::{
    RpcClient,
    provider::{Outcome, Scenario},
    wait_until,
};

use crate::{DEADLINE, Stage, end, offline, orphan, stalled, status};

/// The connection still serves.
#[track_caller]
fn assert_stays(rpc: &mut RpcClient) {
    assert!(status(rpc)["pid"].is_u64());
}

#[test]
fn an_unknown_method_is_an_error_reply_and_the_connection_stays() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    let failure = rpc.call("statsu", &json!({})).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str()), (-32601, "unknown_method"));
    assert!(failure.message.contains("\"statsu\""), "{failure:?}");
    assert!(failure.hint.contains("status") && failure.hint.contains("ask"), "it names what there is: {failure:?}");
    assert_stays(&mut rpc);
    end(daemon, &home);
}

#[test]
fn bad_parameters_are_refused_under_the_requests_id() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    let here = home.project(&[]);
    for (method, params, cause) in [
        ("status", json!([]), "an object"),
        ("ask", json!(["why?", here]), "an object"),
        ("ask", json!({ "prompt": 7 }), "invalid type: integer `7`, expected a string"),
        ("ask", json!({ "prompt": " \n", "cwd": here }), "the question is empty"),
        ("ask", json!({ "prompt": "why?", "cwd": "src" }), "absolute"),
        ("ask", json!({ "prompt": "why?", "cwd": "/no/such/place" }), "/no/such/place"),
        ("ask", json!({ "prompt": "why?", "cwd": here, "session": "a\u{7}b" }), "control characters"),
        ("cancel", json!({}), "an id or a turn"),
        ("cancel", json!({ "id": 1.5 }), "whole number"),
        ("approve", json!({ "approval": 1, "decision": "perhaps" }), "unknown variant `perhaps`"),
        ("sessions.show", json!({ "cwd": "/no/such/place" }), "/no/such/place"),
    ] {
        let failure = rpc.call(method, &params).unwrap_err();
        assert_eq!((failure.code, failure.kind.as_str()), (-32602, "usage"), "{method} {params}: {failure:?}");
        assert!(failure.message.contains(cause), "{method} {params}: {failure:?}");
    }
    assert_stays(&mut rpc);
    end(daemon, &home);
}

#[test]
fn more_attachments_than_a_question_may_have_are_refused() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    let one = json!({ "name": "a", "text": "b" });
    let params =
        json!({ "prompt": "why?", "cwd": home.project(&[]), "attachments": vec![one; proto::ATTACHMENTS_MAX + 1] });
    let failure = rpc.call("ask", &params).unwrap_err();
    assert_eq!(failure.kind, "usage");
    assert!(failure.message.contains("1024"), "{failure:?}");
    assert_stays(&mut rpc);
    end(daemon, &home);
}

#[test]
fn a_line_without_a_usable_id_is_answered_under_null_and_the_connection_stays() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"status"}}"#, "x".repeat(257));
    for (line, cause) in [
        (r#"{"jsonrpc":"2.0","id":null,"method":"status"}"#, "unusable id"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"status"}"#, "unusable id"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"status"}"#, "unusable id"),
        (r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"status"}"#, "64 bits"),
        (&long, "at most 256 bytes, this one has 257"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"status""#, "not a JSON-RPC 2.0 request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"status"}{}"#, "not a JSON-RPC 2.0 request"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"status"}]"#, "batches are not served"),
        ("[]", "batches are not served"),
    ] {
        rpc.send_line(line);
        let failure = orphan(&mut rpc);
        assert_eq!((failure.code, failure.kind.as_str()), (-32600, "protocol"), "{line}");
        assert!(failure.message.contains(cause), "{line}: {failure:?}");
        assert!(failure.hint.contains(r#""method":"status""#), "it shows how it is done: {failure:?}");
    }
    rpc.send_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"status\"}\n");
    assert!(orphan(&mut rpc).message.contains("not UTF-8 from byte 23"));
    assert_stays(&mut rpc);
    end(daemon, &home);
}

#[test]
fn another_version_or_a_missing_method_is_refused_under_the_id() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    for line in [
        r#"{"jsonrpc":"1.0","id":5,"method":"status"}"#,
        r#"{"id":5,"method":"status"}"#,
        r#"{"jsonrpc":"2.0","id":5}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":7}"#,
    ] {
        rpc.send_line(line);
        let failure = rpc.wait_result(5).unwrap_err();
        assert_eq!((failure.code, failure.kind.as_str()), (-32600, "protocol"), "{line}");
    }
    assert_stays(&mut rpc);
    end(daemon, &home);
}

#[test]
fn a_batch_may_open_a_connection_and_is_refused_like_any_other() {
    let (daemon, home) = offline();
    let mut rpc = home.rpc();
    rpc.send_line("[]");
    assert!(orphan(&mut rpc).message.contains("batch"));
    assert_stays(&mut rpc);
    end(daemon, &home);
}

#[test]
fn a_notification_is_carried_out_without_a_word() {
    let stage = Stage::new(Scenario::new().text("nobody hears this"));
    let mut rpc = stage.rpc();
    rpc.send_line(r#"{"jsonrpc":"2.0","method":"status"}"#);
    rpc.send_line(r#"{"jsonrpc":"2.0","method":"no.such.method"}"#);
    let ask = json!({ "jsonrpc": "2.0", "method": "ask", "params": stage.question("why?") });
    rpc.send_line(&ask.to_string());
    stage.provider.wait_for_outcome(Outcome::Sent, 1, DEADLINE);
    let mut other = stage.rpc();
    let show = json!({ "cwd": stage.project });
    wait_until(DEADLINE, "the answer in the session", || {
        other
            .call("sessions.show", &show)
            .is_ok_and(|detail| detail["conversations"][0]["exchanges"][0]["answer"] == "nobody hears this")
    });
    rpc.send_line(r#"{"jsonrpc":"2.0","id":"end","method":"status"}"#);
    let next: Value = serde_json::from_str(&rpc.read_line()).unwrap();
    assert_eq!(next["id"], "end", "no reply and no event came before: {next}");
    drop((rpc, other));
    stage.end();
}

#[test]
fn one_request_too_many_is_refused_and_the_running_ones_go_on() {
    let stage = Stage::new(stalled());
    let mut rpc = stage.rpc();
    // Each asks something else: turns that ask the same share one model call.
    let ask = |number| stage.question(&format!("why {number}?"));
    let ids: Vec<i64> = (0..proto::MAX_IN_FLIGHT).map(|number| rpc.send("ask", &ask(number))).collect();
    for id in &ids {
        rpc.wait_event(*id, "started");
    }
    stage.provider.wait_for(1, DEADLINE);
    let failure = rpc.call("status", &json!({})).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str()), (-32005, "limit"));
    assert!(failure.message.contains("64 requests") && failure.hint.contains("wait"), "{failure:?}");
    let mut other = stage.rpc();
    assert_eq!(status(&mut other)["turns"], proto::MAX_IN_FLIGHT as u64, "another connection has its own number");
    assert_eq!(other.call("cancel", &json!({ "id": ids[0] })).unwrap()["cancelled"], 1);
    assert_eq!(rpc.wait_result(ids[0]).unwrap_err().kind, "cancelled");
    assert_stays(&mut rpc);
    drop(rpc);
    stage.wait_idle();
    // Not all had a place at the provider yet.
    stage.provider.wait_for_outcome(Outcome::ClientGone, stage.provider.chats().len(), DEADLINE);
    drop(other);
    stage.end();
}

#[test]
fn an_id_in_use_is_refused_and_its_first_request_goes_on() {
    let stage = Stage::new(stalled());
    let mut rpc = stage.rpc();
    let ask = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "ask", "params": stage.question("why?") });
    rpc.send_line(&ask(json!(7)).to_string());
    rpc.wait_event(7, "started");
    rpc.send_line(r#"{"jsonrpc":"2.0","id":7,"method":"status"}"#);
    let failure = rpc.wait_result(7).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str()), (-32602, "usage"));
    assert!(failure.message.contains("in use"), "{failure:?}");
    rpc.send_line(r#"{"jsonrpc":"2.0","id":"7","method":"status"}"#);
    let text: Value = loop {
        let message: Value = serde_json::from_str(&rpc.read_line()).unwrap();
        if message.get("result").is_some() {
            break message;
        }
    };
    assert_eq!(text["id"], "7", "a text is another id than a number");
    assert_eq!(rpc.call("cancel", &json!({ "id": 7 })).unwrap()["cancelled"], 1);
    assert_eq!(rpc.wait_result(7).unwrap_err().kind, "cancelled");
    rpc.send_line(r#"{"jsonrpc":"2.0","id":7,"method":"status"}"#);
    assert!(rpc.wait_result(7).is_ok(), "free again");
    drop(rpc);
    stage.end();
}
