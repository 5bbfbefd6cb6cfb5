//! The messages of a chat request: read, and held to the service's rules.
//!
//! Each rule that breaks clients is its own function here: roles, null content, paired tool ids, reasoning sent back.

use serde_json::Value;

use super::error::ApiError;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Instructions.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

impl Role {
    /// The role as it is spelled on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::System, Self::User, Self::Assistant, Self::Tool].into_iter().find(|role| role.name() == name)
    }
}

/// A checked message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// Its text; empty for null content beside tool calls.
    pub text: String,
    /// `reasoning_content`, when it was there.
    pub reasoning: Option<String>,
    /// Tool calls of the model.
    pub calls: Vec<ChatCall>,
    /// The call that a tool message answers.
    pub call_id: String,
}

/// A tool call in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChatCall {
    /// Call id.
    pub id: String,
    /// Tool name.
    pub name: String,
    /// Arguments as text.
    pub arguments: String,
}

/// Reads all messages and checks how they follow each other.
///
/// # Errors
/// 400 in the service's words.
pub(super) fn read_messages(value: &Value) -> Result<Vec<ChatMessage>, ApiError> {
    let list = value.as_array().ok_or_else(|| ApiError::bad("messages: expected an array"))?;
    if list.is_empty() {
        return Err(ApiError::bad("Empty input messages"));
    }
    let messages = list.iter().enumerate().map(|(at, raw)| read_message(at, raw)).collect::<Result<Vec<_>, _>>()?;
    check_pairs(&messages)?;
    Ok(messages)
}

/// Thinking mode: assistant messages with tool calls, or all of them, must carry `reasoning_content`; empty will do.
///
/// # Errors
/// 400 in the service's words.
pub(super) fn check_reasoning(messages: &[ChatMessage], everywhere: bool) -> Result<(), ApiError> {
    let lacks = |message: &ChatMessage| {
        message.role == Role::Assistant && message.reasoning.is_none() && (everywhere || !message.calls.is_empty())
    };
    if messages.iter().any(lacks) {
        return Err(ApiError::bad("The `reasoning_content` in the thinking mode must be passed back to the API."));
    }
    Ok(())
}

fn read_message(at: usize, raw: &Value) -> Result<ChatMessage, ApiError> {
    let name = raw["role"].as_str().unwrap_or_default();
    let role = Role::from_name(name).ok_or_else(|| {
        let known = "expected one of `system`, `user`, `assistant`, `tool`";
        ApiError::bad(format!("messages[{at}].role: unknown variant `{name}`, {known}"))
    })?;
    let calls = if role == Role::Assistant { read_calls(at, &raw["tool_calls"])? } else { Vec::new() };
    let reasoning = match &raw["reasoning_content"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => return Err(ApiError::bad(format!("messages[{at}].reasoning_content: expected a string"))),
    };
    let call_id = match (role, raw["tool_call_id"].as_str()) {
        (Role::Tool, None | Some("")) => {
            return Err(ApiError::bad(format!("messages[{at}]: missing field `tool_call_id`")));
        }
        (_, id) => id.unwrap_or_default().to_owned(),
    };
    let text = read_content(at, role, &raw["content"], !calls.is_empty())?;
    Ok(ChatMessage { role, text, reasoning, calls, call_id })
}

fn read_content(at: usize, role: Role, content: &Value, has_calls: bool) -> Result<String, ApiError> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Null if has_calls => Ok(String::new()),
        Value::Null if role == Role::Assistant => {
            Err(ApiError::bad("Invalid assistant message: content or tool_calls must be set"))
        }
        Value::Array(parts) => parts.iter().map(|part| read_part(at, part)).collect(),
        _ => Err(ApiError::bad(format!("messages[{at}].content: expected a string or an array of parts"))),
    }
}

fn read_part(at: usize, part: &Value) -> Result<String, ApiError> {
    match (part["type"].as_str(), part["text"].as_str()) {
        (Some("text"), Some(text)) => Ok(text.to_owned()),
        _ => Err(ApiError::bad(format!("messages[{at}].content: only text parts are served here"))),
    }
}

fn read_calls(at: usize, value: &Value) -> Result<Vec<ChatCall>, ApiError> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) if !list.is_empty() => list,
        _ => return Err(ApiError::bad(format!("messages[{at}].tool_calls: expected an array with at least one call"))),
    };
    list.iter()
        .map(|raw| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let function = &raw["function"];
            match (text(&raw["id"]), raw["type"].as_str(), text(&function["name"]), text(&function["arguments"])) {
                (Some(id), Some("function"), Some(name), Some(arguments)) if !id.is_empty() && !name.is_empty() => {
                    Ok(ChatCall { id, name, arguments })
                }
                _ => Err(ApiError::bad(format!(
                    "messages[{at}].tool_calls: each needs id, type `function`, function.name and function.arguments as strings"
                ))),
            }
        })
        .collect()
}

/// Each call is answered once, directly after its message, and nothing else is.
fn check_pairs(messages: &[ChatMessage]) -> Result<(), ApiError> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if message.role == Role::Tool {
            let at = open.iter().position(|id| *id == message.call_id).ok_or_else(|| {
                ApiError::bad("Messages with role 'tool' must be a response to a preceding message with 'tool_calls'")
            })?;
            open.swap_remove(at);
            continue;
        }
        check_answered(&open)?;
        open.extend(message.calls.iter().map(|call| call.id.as_str()));
        let mut ids = open.clone();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ApiError::bad("Duplicate tool call id in one assistant message"));
        }
    }
    check_answered(&open)
}

fn check_answered(open: &[&str]) -> Result<(), ApiError> {
    if open.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         (insufficient tool messages following tool_calls message)",
    ))
}
