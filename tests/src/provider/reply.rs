//! A step turned into what the model says to one request, with its token counts.

use serde_json::{Value, json};

use super::{
    chat::Chat,
    message::ChatCall,
    prompt,
    scenario::{Step, Tokens},
};

/// What the model says.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// Reply id.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Model name in the reply.
    pub model: String,
    /// Reasoning; `None` without thinking.
    pub reasoning: Option<String>,
    /// Text.
    pub text: String,
    /// Tool calls.
    pub calls: Vec<ChatCall>,
    /// Finish reason.
    pub finish: String,
    /// Output tokens of which these were reasoning.
    pub tokens: Tokens,
}

impl Reply {
    /// The reply of `step` to `chat`; `serial` makes its ids unique. Prompt tokens are filled in by
    /// [`Reply::count_prompt`].
    pub(super) fn new(step: &Step, chat: &Chat, serial: u64, created: u64) -> Self {
        let mut text = step.text.clone();
        if chat.json && serde_json::from_str::<Value>(&text).is_err() {
            text = " ".repeat(text.len()); // As the service does: what is not JSON comes back blank.
        }
        let mut reasoning = if chat.thinking { step.reasoning.clone() } else { String::new() };
        let cut = limit_output(chat.max_tokens, &mut reasoning, &mut text);
        let calls = step.tool_calls.iter().enumerate().map(|(index, call)| ChatCall {
            id: call.id.clone().unwrap_or_else(|| call_id(index, serial)),
            name: call.name.clone(),
            arguments: call.arguments_text(),
        });
        let calls: Vec<ChatCall> = calls.collect();
        let natural = match (cut, calls.is_empty()) {
            (true, _) => "length",
            (false, true) => "stop",
            (false, false) => "tool_calls",
        };
        let mut reply = Self {
            id: format!("{:016x}-fake-{serial}", mix(serial)),
            created,
            model: step.model.clone().unwrap_or_else(|| chat.model.to_owned()),
            finish: step.finish.clone().unwrap_or_else(|| natural.to_owned()),
            tokens: Tokens::default(),
            reasoning: chat.thinking.then_some(reasoning),
            text,
            calls,
        };
        reply.count_output();
        reply
    }

    /// The assistant message as it will come back in the history.
    pub(super) fn rendered(&self) -> String {
        prompt::assistant(self.reasoning.as_deref().unwrap_or_default(), &self.text, &self.calls)
    }

    fn count_output(&mut self) {
        let reasoning = self.reasoning.as_deref().unwrap_or_default();
        let calls: usize = self.calls.iter().map(|call| call.name.len() + call.arguments.len()).sum();
        self.tokens.reasoning = prompt::tokens(reasoning.len());
        self.tokens.completion = self.tokens.reasoning + prompt::tokens(self.text.len() + calls);
    }

    /// Counts the prompt, of which `hit` bytes were found in the cache.
    pub(super) fn count_prompt(&mut self, prompt_bytes: usize, hit: usize) {
        let total = prompt::tokens(prompt_bytes);
        self.tokens.hit = (hit as u64 / 4).min(total);
        self.tokens.miss = total - self.tokens.hit;
    }

    /// The `usage` object.
    pub(super) fn usage(&self) -> Value {
        let Tokens { hit, miss, completion, reasoning } = self.tokens;
        json!({
            "prompt_tokens": hit + miss,
            "completion_tokens": completion,
            "total_tokens": hit + miss + completion,
            "prompt_tokens_details": { "cached_tokens": hit },
            "completion_tokens_details": { "reasoning_tokens": reasoning },
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": miss,
        })
    }

    /// The whole reply in one body. `with_usage` is false for a service that counts nothing.
    pub(super) fn body(&self, with_usage: bool) -> String {
        let mut message = json!({ "role": "assistant", "content": self.text });
        if let Some(reasoning) = &self.reasoning {
            message["reasoning_content"] = json!(reasoning);
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().enumerate().map(|(index, call)| {
                json!({ "index": index, "id": call.id, "type": "function",
                    "function": { "name": call.name, "arguments": call.arguments } })
            });
            message["tool_calls"] = calls.collect();
        }
        let mut body = json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "system_fingerprint": "fp_fake_prod",
            "choices": [{ "index": 0, "finish_reason": self.finish, "logprobs": null, "message": message }],
        });
        if with_usage {
            body["usage"] = self.usage();
        }
        body.to_string()
    }
}

/// Cuts reasoning and text to the output limit; true when something was cut.
fn limit_output(max_tokens: Option<u64>, reasoning: &mut String, text: &mut String) -> bool {
    let Some(limit) = max_tokens.and_then(|tokens| usize::try_from(tokens.saturating_mul(4)).ok()) else {
        return false;
    };
    let whole = reasoning.len() + text.len();
    reasoning.truncate(prompt::floor(reasoning, limit));
    text.truncate(prompt::floor(text, limit - reasoning.len().min(limit)));
    reasoning.len() + text.len() < whole
}

fn call_id(index: usize, serial: u64) -> String {
    format!("call_{index:02}_{:016x}", mix(serial.wrapping_mul(131).wrapping_add(index as u64)))
}

/// Spreads a serial number over 64 bits, so that ids look as unlike each other as real ones.
fn mix(serial: u64) -> u64 {
    let mut z = serial.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
