//! What the model reads: tools first, then the messages, as one text.
//!
//! The text stands in for the service's chat template. It must change whenever a byte of tools or history changes,
//! and an assistant message must render the same when it is answered and when it is sent back: else the cache model
//! would report misses that a careful client does not cause.

use std::fmt::Write;

use super::message::{ChatCall, ChatMessage, Role};

/// Tokens of so many bytes: a quarter, rounded up.
pub(super) fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

/// The last character border at or before `at`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The whole prompt. `tools` is the JSON of the tools, byte for byte as it was sent.
pub(super) fn render(tools: &str, messages: &[ChatMessage]) -> String {
    let mut out = format!("<tools>{tools}\n");
    for message in messages {
        match message.role {
            Role::Assistant => {
                let reasoning = message.reasoning.as_deref().unwrap_or_default();
                out.push_str(&assistant(reasoning, &message.text, &message.calls));
            }
            Role::Tool => {
                let _ = writeln!(out, "<tool {}>{}", message.call_id, message.text);
            }
            role => {
                let _ = writeln!(out, "<{}>{}", role.name(), message.text);
            }
        }
    }
    out
}

/// An assistant message, as it is generated and as it is sent back.
pub(super) fn assistant(reasoning: &str, text: &str, calls: &[ChatCall]) -> String {
    let mut out = format!("<assistant><think>{reasoning}</think>{text}");
    for call in calls {
        let _ = write!(out, "<call {} {}>{}", call.id, call.name, call.arguments);
    }
    out.push('\n');
    out
}
