//! A reply as stream chunks, in the service's documented shape.
//!
//! First a chunk with the role (with thinking: `content` null and `reasoning_content` empty), then reasoning, text,
//! tool calls (head once per index, then argument pieces), then the finish chunk and usage where the step wants it.

use serde_json::{Value, json};

use super::{
    chat::Chat,
    reply::Reply,
    scenario::{Step, UsagePlace},
};

/// The data of every event but `[DONE]`.
pub(super) fn chunks(step: &Step, chat: &Chat, reply: &Reply) -> Vec<String> {
    let thinking = reply.reasoning.is_some();
    let place = usage_place(step, chat);
    let mut out = Vec::new();
    let mut push = |delta: Value| out.push(chunk(reply, &choice(&delta, None), None));
    push(if thinking {
        json!({ "role": "assistant", "content": null, "reasoning_content": "" })
    } else {
        json!({ "role": "assistant", "content": "" })
    });
    for piece in pieces(reply.reasoning.as_deref().unwrap_or_default(), step.chunk) {
        push(json!({ "content": null, "reasoning_content": piece }));
    }
    for piece in pieces(&reply.text, step.chunk) {
        push(text_delta(piece, thinking));
    }
    call_deltas(step, reply).into_iter().for_each(&mut push);
    let usage = reply.usage();
    let at_finish = matches!(place, UsagePlace::Finish | UsagePlace::Both).then_some(&usage);
    out.push(chunk(reply, &choice(&text_delta("", thinking), Some(&reply.finish)), at_finish));
    match place {
        UsagePlace::Extra | UsagePlace::Both => out.push(chunk(reply, &json!([]), Some(&usage))),
        UsagePlace::ExtraNull => out.push(chunk(reply, &Value::Null, Some(&usage))),
        UsagePlace::Finish | UsagePlace::None => {}
    }
    out
}

/// The documentation promises an extra chunk on request; in practice usage also rides on the finish chunk.
fn usage_place(step: &Step, chat: &Chat) -> UsagePlace {
    step.usage.unwrap_or(if chat.include_usage { UsagePlace::Both } else { UsagePlace::Finish })
}

fn chunk(reply: &Reply, choices: &Value, usage: Option<&Value>) -> String {
    json!({
        "id": reply.id, "object": "chat.completion.chunk", "created": reply.created, "model": reply.model,
        "system_fingerprint": "fp_fake_prod", "choices": choices, "usage": usage,
    })
    .to_string()
}

fn choice(delta: &Value, finish: Option<&str>) -> Value {
    json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }])
}

fn text_delta(piece: &str, thinking: bool) -> Value {
    if thinking { json!({ "content": piece, "reasoning_content": null }) } else { json!({ "content": piece }) }
}

/// `text` in pieces of so many characters; 0: in one. Nothing for an empty text.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(characters(rest, size));
        out.push(piece);
        rest = after;
    }
    out
}

/// Bytes of the first `count` characters; all for 0.
fn characters(text: &str, count: usize) -> usize {
    if count == 0 {
        return text.len();
    }
    text.char_indices().nth(count).map_or(text.len(), |(at, _)| at)
}

fn call_deltas(step: &Step, reply: &Reply) -> Vec<Value> {
    let lanes: Vec<Vec<Value>> = reply
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| {
            let head = json!({ "index": index, "id": call.id, "type": "function",
                "function": { "name": call.name, "arguments": "" } });
            let split = step.tool_calls.get(index).map(|call| call.split.as_slice()).unwrap_or_default();
            let tail = argument_pieces(&call.arguments, split);
            let tail = tail.into_iter().map(|piece| json!({ "index": index, "function": { "arguments": piece } }));
            std::iter::once(head).chain(tail).collect()
        })
        .collect();
    let ordered: Vec<Value> = if step.interleave {
        let longest = lanes.iter().map(Vec::len).max().unwrap_or(0);
        (0..longest).flat_map(|at| lanes.iter().filter_map(move |lane| lane.get(at).cloned())).collect()
    } else {
        lanes.into_iter().flatten().collect()
    };
    ordered.into_iter().map(|call| json!({ "tool_calls": [call] })).collect()
}

fn argument_pieces<'a>(arguments: &'a str, split: &[usize]) -> Vec<&'a str> {
    let mut out = Vec::new();
    let mut rest = arguments;
    for length in split.iter().filter(|length| **length > 0) {
        let (piece, after) = rest.split_at(characters(rest, *length));
        out.push(piece);
        rest = after;
    }
    out.push(rest);
    out.retain(|piece| !piece.is_empty());
    out
}
