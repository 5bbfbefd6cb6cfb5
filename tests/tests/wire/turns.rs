//! The messages of a turn: their order, several turns on one connection, approval.

use std::fs;

use proto::{AskRequest, Body, Event, Request, Response};
use serde_json::{Value, json};
use tests::{
    RpcClient,
    provider::{Scenario, Step},
};

use crate::{Stage, status};

/// Everything the daemon sends under an id, to its result or error.
fn messages(rpc: &mut RpcClient, id: i64) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let message: Value = serde_json::from_str(&rpc.read_line()).unwrap();
        let ends = message["id"] == id;
        assert!(ends || message["params"]["id"] == id, "nothing of another request: {message}");
        all.push(message);
        if ends {
            return all;
        }
    }
}

/// The name of a message's event; `result` or `error` at the end.
fn name(message: &Value) -> &str {
    let event = message["params"]["event"].as_object().and_then(|event| event.keys().next());
    let end = ["result", "error"].into_iter().find(|end| message.get(end).is_some());
    event.map(String::as_str).or(end).unwrap()
}

#[test]
fn started_comes_first_then_the_text_then_exactly_one_result() {
    let stage = Stage::new(Scenario::new().step(Step::text("It reads the file.").chunks(5, 0).reasoning("hm")));
    let mut rpc = stage.rpc();
    let id = rpc.send("ask", &stage.question("what does main do?"));
    let all = messages(&mut rpc, id);
    let names: Vec<&str> = all.iter().map(name).collect();
    assert_eq!(names.first(), Some(&"started"));
    assert_eq!(names.last(), Some(&"result"));
    assert!(names[1..names.len() - 1].iter().all(|name| *name == "text"), "no reasoning unasked: {names:?}");
    let started = &all[0]["params"]["event"]["started"];
    assert_eq!(started["project"], stage.project.display().to_string());
    assert_eq!(started["session"], "default");
    let text: String = all.iter().filter_map(|m| m["params"]["event"]["text"]["delta"].as_str()).collect();
    assert_eq!(text, "It reads the file.");
    let result = &all.last().unwrap()["result"];
    assert_eq!((&result["answer"], &result["source"]), (&json!(text), &json!("model")));
    assert_eq!(result["conversation"], started["conversation"]);
    let next = rpc.send("status", &json!({}));
    assert_eq!(messages(&mut rpc, next).len(), 1, "nothing follows a result");
    drop(rpc);
    stage.end();
}

#[test]
fn the_same_order_holds_in_binary_frames() {
    let stage = Stage::new(Scenario::new().step(Step::text("Yes, it does.").chunks(4, 0)));
    let mut client = stage.home.frames();
    let cwd = stage.project.display().to_string();
    let ask = AskRequest { prompt: "does it?".into(), cwd, ..AskRequest::default() };
    let (events, end) = client.call(Request::Ask(ask));
    assert!(matches!(events.first(), Some(Event::Started(_))), "{events:?}");
    let texts = events[1..].iter().map(|event| match event {
        Event::Text(piece) => piece.delta.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(texts.collect::<String>(), "Yes, it does.");
    assert!(matches!(end, Body::Done(Response::Ask(answer)) if answer.answer == "Yes, it does."));
    drop(client);
    stage.end();
}

#[test]
fn reasoning_comes_when_it_is_asked_for() {
    let stage = Stage::new(Scenario::new().step(Step::text("Four.").reasoning("two and two")));
    let mut rpc = stage.rpc();
    let mut question = stage.question("2+2?");
    question["reasoning"] = json!(true);
    let id = rpc.send("ask", &question);
    let all = messages(&mut rpc, id);
    let reasoning: String = all.iter().filter_map(|m| m["params"]["event"]["reasoning"]["delta"].as_str()).collect();
    assert_eq!(reasoning, "two and two");
    drop(rpc);
    stage.end();
}

#[test]
fn turns_of_one_connection_interleave_and_each_gets_its_own_answer() {
    let slow = Step::text("the slow answer").when_contains("slow").chunks(3, 40);
    let stage = Stage::new(Scenario::new().step(slow).step(Step::text("the quick answer").when_contains("quick")));
    let mut rpc = stage.rpc();
    let slow = rpc.send("ask", &stage.question("slow?"));
    rpc.wait_event(slow, "text");
    let quick = rpc.send("ask", &stage.question("quick?"));
    assert_eq!(rpc.wait_result(quick).unwrap()["answer"], "the quick answer", "it overtakes the slow one");
    assert_eq!(rpc.wait_result(slow).unwrap()["answer"], "the slow answer");
    let text =
        |events: Vec<Value>| -> String { events.iter().filter_map(|event| event["text"]["delta"].as_str()).collect() };
    assert_eq!(text(rpc.take_events(quick)), "the quick answer");
    assert!("the slow answer".ends_with(&text(rpc.take_events(slow))), "one piece was waited for above");
    drop(rpc);
    stage.end();
}

#[test]
fn an_unknown_tool_is_answered_to_the_model_and_told_to_the_client() {
    let stage = Stage::new(Scenario::new().step(Step::call("no_such_tool", json!({}))).text("I was wrong."));
    let mut rpc = stage.rpc();
    let id = rpc.send("ask", &stage.question("why?"));
    let all = messages(&mut rpc, id);
    let mut names: Vec<&str> = all.iter().map(name).collect();
    // How many pieces the text comes in is the stream's affair.
    names.dedup();
    assert_eq!(names, ["started", "tool_started", "tool_finished", "text", "result"]);
    let finished = &all[2]["params"]["event"]["tool_finished"];
    assert_eq!((&finished["name"], &finished["ok"]), (&json!("no_such_tool"), &json!(false)));
    let chats = stage.provider.chats();
    let told = chats[1].last_message();
    assert_eq!(told["role"], "tool");
    assert!(told["content"].as_str().unwrap().contains("no_such_tool"), "{told}");
    assert_eq!(all.last().unwrap()["result"]["tool_calls"][0]["ok"], false);
    drop(rpc);
    stage.end();
}

/// A turn that wants to write a file and then says what it was told.
fn writing() -> Scenario {
    let write = Step::call("write_file", json!({ "path": "notes.txt", "content": "remember\n" }));
    Scenario::new().step(write).text("done")
}

/// Asks as a client that can be asked back; returns the request and the question to the user.
fn ask_back(stage: &Stage, rpc: &mut RpcClient) -> (i64, Value) {
    let mut question = stage.question("write it down");
    question["interactive"] = json!(true);
    let id = rpc.send("ask", &question);
    let approval = rpc.wait_event(id, "approval");
    assert_eq!(approval["name"], "write_file");
    assert!(approval["summary"].as_str().unwrap().contains("notes.txt"), "{approval}");
    assert!(!approval["reason"].as_str().unwrap().is_empty());
    assert!(!stage.project.join("notes.txt").exists(), "nothing happens before the word");
    (id, approval["approval"].clone())
}

#[test]
fn an_approved_call_runs_and_the_approval_counts_once() {
    let stage = Stage::new(writing());
    let (mut rpc, mut other) = (stage.rpc(), stage.rpc());
    let (id, approval) = ask_back(&stage, &mut rpc);
    let word = json!({ "approval": approval, "decision": "once" });
    assert_eq!(other.call("approve", &word).unwrap()["accepted"], true, "from another connection of the user, too");
    let answer = rpc.wait_result(id).unwrap();
    assert_eq!(
        answer["tool_calls"],
        json!([{ "name": "write_file", "verdict": "approved", "ok": true, "server": "", "fallback": "" }])
    );
    assert_eq!(fs::read_to_string(stage.project.join("notes.txt")).unwrap(), "remember\n");
    assert_eq!(rpc.call("approve", &word).unwrap()["accepted"], false, "nobody waits for it any more");
    drop((rpc, other));
    stage.end();
}

#[test]
fn a_declined_call_does_not_run_and_the_model_is_told() {
    let stage = Stage::new(writing());
    let mut rpc = stage.rpc();
    let (id, approval) = ask_back(&stage, &mut rpc);
    assert_eq!(rpc.call("approve", &json!({ "approval": approval, "decision": "no" })).unwrap()["accepted"], true);
    let answer = rpc.wait_result(id).unwrap();
    let call = json!({ "name": "write_file", "verdict": "declined", "ok": false, "server": "", "fallback": "" });
    assert_eq!(answer["tool_calls"], json!([call]));
    assert!(!stage.project.join("notes.txt").exists());
    let told = stage.provider.chats()[1].last_message()["content"].clone();
    assert!(told.as_str().unwrap().contains("declined"), "{told}");
    drop(rpc);
    stage.end();
}

#[test]
fn a_client_that_cannot_be_asked_gets_a_refusal_that_says_what_to_do() {
    let stage = Stage::new(writing());
    let mut rpc = stage.rpc();
    let failure = rpc.call("ask", &stage.question("write it down")).unwrap_err();
    assert_eq!((failure.code, failure.kind.as_str()), (-32004, "refused"));
    assert!(failure.message.contains("write_file") && failure.message.contains("notes.txt"), "{failure:?}");
    assert!(failure.hint.contains("terminal"), "{failure:?}");
    assert!(!stage.project.join("notes.txt").exists());
    drop(rpc);
    stage.end();
}

#[test]
fn a_turn_that_waits_for_a_word_ends_with_its_connection() {
    let stage = Stage::new(writing());
    let mut rpc = stage.rpc();
    let (_, approval) = ask_back(&stage, &mut rpc);
    drop(rpc);
    stage.wait_idle();
    let mut other = stage.rpc();
    let late = json!({ "approval": approval, "decision": "once" });
    assert_eq!(other.call("approve", &late).unwrap()["accepted"], false);
    assert!(!stage.project.join("notes.txt").exists());
    assert_eq!(status(&mut other)["turns"], 0);
    drop(other);
    stage.end();
}
