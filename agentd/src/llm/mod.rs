//! The model client: requests and replies of an OpenAI-compatible chat endpoint, with DeepSeek's rules.
//!
//! Owns the provider's wire. Text enters it only as [`Outbound`]. Refuses to call a reply complete that did not end
//! with a known stop reason and `[DONE]`. Knows nothing of tools beyond their definitions, and nothing of sessions.
//!
//! The way of a call: [`Chooser`] gives a [`Provider`]; `wire` writes the request, `http` sends it, `sse` cuts the reply
//! into events, `assemble` joins them, `reply` watches the time; `classify` names what went wrong, `retry` decides
//! whether to ask again, [`price`] says what it cost.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::redact::Outbound;

mod assemble;
mod choose;
mod classify;
mod error;
pub(crate) mod http;
mod key;
pub mod price;
mod provider;
mod reply;
mod retry;
pub mod sse;
#[cfg(test)]
mod testserver;
mod wire;

pub use choose::{Choice, Chooser};
pub use error::{Class, LlmError, Worth};
pub use provider::Provider;

/// One message of a conversation, in the order the provider gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Instructions; once, at the front.
    System(Outbound),
    /// The user.
    User(Outbound),
    /// The model. `reasoning` is sent back byte for byte while thinking is on, `""` when there was none.
    Assistant {
        /// Its text; may be empty, never null on the wire.
        content: Outbound,
        /// Its reasoning, as streamed.
        reasoning: Outbound,
        /// Its tool calls; each must be answered by one `Tool` message.
        tool_calls: Vec<ToolCall>,
    },
    /// The result of one tool call.
    Tool {
        /// Id of the call.
        call_id: String,
        /// The result; never empty.
        content: Outbound,
    },
}

/// A tool call of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Id, chosen by the provider.
    pub id: String,
    /// Tool name; may be one that does not exist.
    pub name: String,
    /// Arguments as the model wrote them: text that should be a JSON object and may not be.
    pub arguments: Outbound,
}

/// A tool as the provider is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// One model call.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// Model name as asked.
    pub model: String,
    /// The whole history.
    pub messages: Vec<Message>,
    /// Frozen, sorted tool list; part of the prompt prefix.
    pub tools: Arc<[ToolDefinition]>,
    /// No sign of life for this long ends the call. Comments count as life.
    pub idle_timeout: std::time::Duration,
    /// A side call: without thinking, at most so many tokens of reply, tried once.
    pub side: Option<u32>,
}

/// What happens while the model answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// A piece of the answer.
    Text(String),
    /// A piece of the reasoning.
    Reasoning(String),
    /// The text so far is void: the provider broke off and is asked again.
    Void,
    /// The provider is asked again after a wait.
    Retry {
        /// The attempt that follows, from 2.
        attempt: u32,
        /// The wait before it.
        wait: std::time::Duration,
        /// Why the last one failed.
        reason: String,
    },
}

/// Why the model stopped, when that is a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// A whole answer.
    Stop,
    /// It wants tool calls answered.
    ToolCalls,
    /// The output limit cut it. The text is not an answer.
    Length,
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// The reasoning.
    pub reasoning: String,
    /// Tool calls in index order.
    pub tool_calls: Vec<RawToolCall>,
    /// Why it stopped.
    pub finish: Finish,
    /// Tokens; `None` when the provider sent no count.
    pub usage: Option<Usage>,
    /// Model name in the reply; may differ from the one asked.
    pub model: String,
}

/// A tool call as it came, before redaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawToolCall {
    /// Id.
    pub id: String,
    /// Tool name.
    pub name: String,
    /// Arguments text.
    pub arguments: String,
}

/// Tokens of one model call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Sent; hit plus miss.
    pub prompt: u64,
    /// Received, reasoning included.
    pub completion: u64,
    /// Sent and found in the prefix cache.
    pub hit: u64,
    /// Sent and not found.
    pub miss: u64,
}

impl Message {
    /// Bytes of text in it.
    pub fn size(&self) -> usize {
        match self {
            Self::System(text) | Self::User(text) => text.as_str().len(),
            Self::Assistant { content, reasoning, tool_calls } => {
                let calls: usize = tool_calls.iter().map(|call| call.name.len() + call.arguments.as_str().len()).sum();
                content.as_str().len() + reasoning.as_str().len() + calls
            }
            Self::Tool { content, .. } => content.as_str().len(),
        }
    }
}
