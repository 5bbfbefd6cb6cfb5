//! The provider's JSON: the body of a request, the chunks of a reply.
//!
//! Owns field names and their order. The order is fixed and what may change between two calls stands behind messages
//! and tools, so that the same history gives the same bytes and hits the provider's prefix cache. Refuses nothing on
//! the way in that can be understood: absent, null and empty mean the same. Knows nothing of HTTP, and nothing of how
//! pieces join.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{ChatRequest, Message, ToolCall, ToolDefinition, Usage};

/// Stands for an absent reasoning where the provider refuses an empty one.
const REASONING_PLACEHOLDER: &str = "(reasoning omitted)";
/// Stands for an empty tool result, which some models take for a broken call.
const EMPTY_RESULT: &str = "(no output)";

/// Whether assistant messages carry their reasoning. Later variants are stricter; a provider that refuses one is
/// asked with the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reasoning {
    /// No field: an endpoint without DeepSeek's rules, or thinking is off.
    Omit,
    /// On every assistant message, `""` when there was none.
    AsIs,
    /// On every assistant message, a text when there was none.
    Placeholder,
}

impl Reasoning {
    /// The next stricter way.
    pub(super) fn stricter(self) -> Option<Self> {
        match self {
            Self::Omit => Some(Self::AsIs),
            Self::AsIs => Some(Self::Placeholder),
            Self::Placeholder => None,
        }
    }

    fn text(self, reasoning: &str) -> Option<&str> {
        match self {
            Self::Omit => None,
            Self::Placeholder if reasoning.is_empty() => Some(REASONING_PLACEHOLDER),
            Self::AsIs | Self::Placeholder => Some(reasoning),
        }
    }
}

/// What a request carries beside its history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// `thinking.type`; `None` for endpoints that may not know the field.
    pub(super) thinking: Option<bool>,
    /// See [`Reasoning`].
    pub(super) reasoning: Reasoning,
    /// Most tokens of the reply, 0 = provider's own.
    pub(super) max_tokens: u32,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "is_zero")]
    max_tokens: u32,
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct Thinking {
    r#type: &'static str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum WireMessage<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_content: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<WireCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WireCallFunction<'a>,
}

#[derive(Serialize)]
struct WireCallFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: WireToolFunction<'a>,
}

#[derive(Serialize)]
struct WireToolFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde calls")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The bytes of a chat request. `tool_choice` is never sent: its default is `auto`, the only value that thinking allows.
///
/// # Errors
/// A tool's parameters cannot be written as JSON.
pub(super) fn body(request: &ChatRequest, shape: Shape) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Body {
        model: &request.model,
        messages: request.messages.iter().map(|message| wire_message(message, shape.reasoning)).collect(),
        tools: request.tools.iter().map(wire_tool).collect(),
        thinking: shape.thinking.map(|on| Thinking { r#type: if on { "enabled" } else { "disabled" } }),
        max_tokens: shape.max_tokens,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
    })
}

fn wire_message(message: &Message, reasoning_rule: Reasoning) -> WireMessage<'_> {
    match message {
        Message::System(content) => WireMessage::System { content: content.as_str() },
        Message::User(content) => WireMessage::User { content: content.as_str() },
        Message::Assistant { content, reasoning, tool_calls } => WireMessage::Assistant {
            content: content.as_str(),
            reasoning_content: reasoning_rule.text(reasoning.as_str()),
            tool_calls: tool_calls.iter().map(wire_call).collect(),
        },
        Message::Tool { call_id, content } => WireMessage::Tool {
            tool_call_id: call_id,
            content: if content.as_str().is_empty() { EMPTY_RESULT } else { content.as_str() },
        },
    }
}

fn wire_call(call: &ToolCall) -> WireCall<'_> {
    WireCall {
        id: &call.id,
        r#type: "function",
        function: WireCallFunction { name: &call.name, arguments: call.arguments.as_str() },
    }
}

fn wire_tool(tool: &ToolDefinition) -> WireTool<'_> {
    WireTool {
        r#type: "function",
        function: WireToolFunction { name: &tool.name, description: &tool.description, parameters: &tool.parameters },
    }
}

/// One chunk of a reply.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default, deserialize_with = "lenient_usage")]
    pub(super) usage: Option<Usage>,
    pub(super) error: Option<Value>,
}

/// One choice of a chunk. Only index 0 is ours.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: u64,
    pub(super) delta: Option<ChoiceDelta>,
    pub(super) finish_reason: Option<String>,
}

/// What a chunk adds.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ChoiceDelta {
    pub(super) content: Option<String>,
    /// DeepSeek's name of the reasoning.
    pub(super) reasoning_content: Option<String>,
    /// The name that Ollama and some gateways use.
    pub(super) reasoning: Option<String>,
    pub(super) tool_calls: Option<Vec<CallPiece>>,
}

/// A piece of a tool call.
#[derive(Debug, Deserialize)]
pub(super) struct CallPiece {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) function: Option<FunctionPiece>,
}

/// See [`CallPiece`].
#[derive(Debug, Deserialize)]
pub(super) struct FunctionPiece {
    pub(super) name: Option<String>,
    arguments: Option<Value>,
}

impl FunctionPiece {
    /// The next piece of the arguments. Servers that send an object instead of text send it whole.
    pub(super) fn arguments(&self) -> Cow<'_, str> {
        match &self.arguments {
            None | Some(Value::Null) => Cow::Borrowed(""),
            Some(Value::String(text)) => Cow::Borrowed(text),
            Some(object) => Cow::Owned(object.to_string()),
        }
    }
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_cache_hit_tokens: Option<u64>,
    prompt_cache_miss_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

/// A count that cannot be read is an unknown count, not a broken reply.
fn lenient_usage<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Usage>, D::Error> {
    let value = Option::<Value>::deserialize(input)?;
    let wire = value.filter(Value::is_object).and_then(|value| serde_json::from_value::<WireUsage>(value).ok());
    Ok(wire.and_then(usage))
}

fn usage(wire: WireUsage) -> Option<Usage> {
    let prompt = wire.prompt_tokens?;
    let cached = wire.prompt_tokens_details.and_then(|details| details.cached_tokens);
    let hit = wire.prompt_cache_hit_tokens.or(cached).unwrap_or(0).min(prompt);
    Some(Usage {
        prompt,
        completion: wire.completion_tokens.unwrap_or(0),
        hit,
        miss: wire.prompt_cache_miss_tokens.unwrap_or(prompt - hit),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::redact::Outbound;

    fn text(text: &'static str) -> Outbound {
        Outbound::from_static(text)
    }

    fn request() -> ChatRequest {
        ChatRequest {
            model: "deepseek-flash".to_owned(),
            messages: vec![
                Message::System(text("be brief")),
                Message::User(text("read a.rs")),
                Message::Assistant {
                    content: text(""),
                    reasoning: text("Need the file."),
                    tool_calls: vec![ToolCall {
                        id: "call_1".to_owned(),
                        name: "read".to_owned(),
                        arguments: text("{\"file_path\":\"a.rs\"}"),
                    }],
                },
                Message::Tool { call_id: "call_1".to_owned(), content: text("") },
                Message::Assistant { content: text("It is empty."), reasoning: text(""), tool_calls: vec![] },
            ],
            tools: [ToolDefinition {
                name: "read".to_owned(),
                description: "Reads.".to_owned(),
                parameters: json!({"type": "object"}),
            }]
            .into(),
            idle_timeout: Duration::from_secs(1),
            side: None,
        }
    }

    fn written(request: &ChatRequest, shape: Shape) -> String {
        String::from_utf8(body(request, shape).unwrap()).unwrap()
    }

    const DEEPSEEK: Shape = Shape { thinking: Some(true), reasoning: Reasoning::AsIs, max_tokens: 8192 };
    const PLAIN: Shape = Shape { thinking: None, reasoning: Reasoning::Omit, max_tokens: 0 };

    #[test]
    fn the_bytes_of_a_deepseek_request_are_fixed() {
        assert_eq!(
            written(&request(), DEEPSEEK),
            concat!(
                r#"{"model":"deepseek-flash","messages":[{"role":"system","content":"be brief"},"#,
                r#"{"role":"user","content":"read a.rs"},"#,
                r#"{"role":"assistant","content":"","reasoning_content":"Need the file.","tool_calls":[{"id":"call_1","#,
                r#""type":"function","function":{"name":"read","arguments":"{\"file_path\":\"a.rs\"}"}}]},"#,
                r#"{"role":"tool","tool_call_id":"call_1","content":"(no output)"},"#,
                r#"{"role":"assistant","content":"It is empty.","reasoning_content":""}],"#,
                r#""tools":[{"type":"function","function":{"name":"read","description":"Reads.","parameters":{"type":"object"}}}],"#,
                r#""thinking":{"type":"enabled"},"max_tokens":8192,"stream":true,"stream_options":{"include_usage":true}}"#,
            )
        );
    }

    #[test]
    fn other_endpoints_see_no_field_of_deepseek() {
        let body = written(&request(), PLAIN);
        assert!(!body.contains("reasoning_content") && !body.contains("\"thinking\"") && !body.contains("max_tokens"));
        assert!(!body.contains("tool_choice"));
    }

    #[test]
    fn thinking_off_is_said_and_a_placeholder_fills_only_empty_reasoning() {
        let shape = Shape { thinking: Some(false), reasoning: Reasoning::Placeholder, max_tokens: 0 };
        let body = written(&request(), shape);
        assert!(body.contains(r#""thinking":{"type":"disabled"}"#));
        assert_eq!(body.matches(REASONING_PLACEHOLDER).count(), 1);
        assert!(body.contains("Need the file."));
    }

    #[test]
    fn a_longer_history_keeps_the_bytes_before_it() {
        let short = request();
        let mut long = request();
        long.messages.push(Message::User(text("and now?")));
        let short = written(&short, DEEPSEEK);
        let shared = short.split("],\"tools\"").next().unwrap();
        assert!(written(&long, DEEPSEEK).starts_with(shared));
    }

    #[test]
    fn usage_is_read_from_either_name_and_an_unreadable_count_is_unknown() {
        let read = |usage: Value| serde_json::from_value::<Chunk>(json!({ "usage": usage })).unwrap().usage;
        let full = json!({"prompt_tokens": 10, "completion_tokens": 3, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2});
        assert_eq!(read(full), Some(Usage { prompt: 10, completion: 3, hit: 8, miss: 2 }));
        let openai =
            json!({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}});
        assert_eq!(read(openai), Some(Usage { prompt: 10, completion: 3, hit: 4, miss: 6 }));
        let bare = json!({"prompt_tokens": 10, "prompt_tokens_details": null});
        assert_eq!(read(bare), Some(Usage { prompt: 10, completion: 0, hit: 0, miss: 10 }));
        for unknown in [json!(null), json!({}), json!("many"), json!({"prompt_tokens": -1})] {
            assert_eq!(read(unknown), None);
        }
    }

    #[test]
    fn absent_null_and_empty_parts_of_a_chunk_are_the_same() {
        for chunk in [
            json!({}),
            json!({"choices": null, "usage": null}),
            json!({"choices": []}),
            json!({"choices": [{"delta": null}]}),
            json!({"choices": [{"index": 0, "delta": {"content": null, "tool_calls": null}, "finish_reason": null}]}),
        ] {
            let text = chunk.to_string();
            serde_json::from_str::<Chunk>(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        }
    }
}
