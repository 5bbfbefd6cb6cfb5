//! A chat request, checked as the service checks it.
//!
//! Everything that the real endpoint refuses is refused here with the same status and, where it is known, the same
//! words. Unknown fields are ignored, as there.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    error::ApiError,
    message::{ChatMessage, check_reasoning, read_messages},
    prompt,
};

/// Most tools of one request.
const TOOLS_MAX: usize = 128;
/// Longest tool name in bytes.
const TOOL_NAME_MAX: usize = 64;
/// Most output tokens that may be asked for: 384K.
const OUTPUT_MAX: u64 = 384 * 1024;
/// Most stop strings.
const STOP_MAX: usize = 16;
/// Longest `user_id` in bytes.
const USER_ID_MAX: usize = 512;
/// Asked name, and the name under which it is served.
const MODELS: [(&str, &str); 4] = [
    ("deepseek-flash", "deepseek-flash"),
    ("deepseek-v4-pro", "deepseek-v4-pro"),
    ("deepseek-v4-flash", "deepseek-flash"),
    ("deepseek-v4-flash-vision-exp", "deepseek-flash"),
];

/// What may be set about the checks.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Context length in tokens.
    pub context_tokens: u64,
    /// Demand `reasoning_content` on every assistant message while thinking, as some users report.
    pub reasoning_everywhere: bool,
}

/// A request that the service would serve.
#[derive(Debug, Clone)]
pub(super) struct Chat {
    /// Name under which the asked model is served.
    pub model: &'static str,
    /// Thinking mode.
    pub thinking: bool,
    /// Answer as a stream.
    pub stream: bool,
    /// A last chunk with usage was asked for.
    pub include_usage: bool,
    /// Output limit in tokens.
    pub max_tokens: Option<u64>,
    /// JSON mode.
    pub json: bool,
    /// Cache isolation; empty: none given.
    pub user_id: String,
    /// The history.
    pub messages: Vec<ChatMessage>,
    /// The tools the model may call; none with `tool_choice` none.
    pub tools: Vec<OfferedTool>,
    /// What the model reads, for tokens and the prefix cache.
    pub prompt: String,
}

/// A tool of the request.
#[derive(Debug, Clone)]
pub(super) struct OfferedTool {
    /// Name.
    pub name: String,
    /// Names of its parameters.
    pub parameters: Vec<String>,
}

#[derive(Deserialize)]
struct RawTools<'a> {
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
}

impl Chat {
    /// Checks a body; `value` is the same body, parsed.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(super) fn check(bytes: &[u8], value: &Value, rules: Rules) -> Result<Self, ApiError> {
        if !value.is_object() {
            return Err(ApiError::bad("Failed to parse the request body as JSON"));
        }
        let model = check_model(&value["model"])?;
        let thinking = check_thinking(&value["thinking"])?;
        let messages = read_messages(&value["messages"])?;
        let tools = read_tools(&value["tools"])?;
        let callable = check_tool_choice(&value["tool_choice"], &tools, thinking)?;
        if thinking {
            check_reasoning(&messages, rules.reasoning_everywhere)?;
        }
        check_ranges(value)?;
        let stream = flag(&value["stream"], "stream")?;
        let include_usage = check_stream_options(&value["stream_options"], stream)?;
        let json = check_format(&value["response_format"], &messages)?;
        let user_id = check_user_id(&value["user_id"])?;
        let max_tokens = check_max_tokens(&value["max_tokens"])?;
        let raw: RawTools<'_> = serde_json::from_slice(bytes).map_err(|e| ApiError::bad(e.to_string()))?;
        let prompt = prompt::render(raw.tools.map_or("", RawValue::get), &messages);
        check_context(prompt::tokens(prompt.len()), max_tokens.unwrap_or(0), rules.context_tokens)?;
        let tools = if callable { tools } else { Vec::new() };
        Ok(Self { model, thinking, stream, include_usage, max_tokens, json, user_id, messages, tools, prompt })
    }
}

fn check_model(value: &Value) -> Result<&'static str, ApiError> {
    let asked = value.as_str().ok_or_else(|| ApiError::bad("missing field `model`"))?;
    let served = MODELS.iter().find(|(name, _)| *name == asked).map(|(_, served)| *served);
    served.ok_or_else(|| ApiError::bad("Model Not Exist"))
}

fn check_thinking(value: &Value) -> Result<bool, ApiError> {
    match (value, value["type"].as_str()) {
        (Value::Null, _) | (_, Some("enabled")) => Ok(true),
        (_, Some("disabled")) => Ok(false),
        _ => Err(ApiError::bad("thinking.type: expected `enabled` or `disabled`")),
    }
}

fn read_tools(value: &Value) -> Result<Vec<OfferedTool>, ApiError> {
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(ApiError::bad("tools: expected an array")),
    };
    if list.len() > TOOLS_MAX {
        return Err(ApiError::bad(format!("tools: at most {TOOLS_MAX} functions are supported, got {}", list.len())));
    }
    list.iter().map(read_tool).collect()
}

fn read_tool(value: &Value) -> Result<OfferedTool, ApiError> {
    if value["type"] != "function" {
        return Err(ApiError::bad("tools: only type `function` is supported"));
    }
    let name = value["function"]["name"].as_str().unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > TOOL_NAME_MAX || !name.bytes().all(fits) {
        let rule = "expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,64}$'";
        return Err(ApiError::bad(format!("Invalid 'tools.function.name': {rule}")));
    }
    let parameters = match &value["function"]["parameters"] {
        Value::Null => Vec::new(),
        Value::Object(schema) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            properties.map(|map| map.keys().cloned().collect()).unwrap_or_default()
        }
        _ => return Err(ApiError::bad(format!("tools: parameters of `{name}` are not a JSON Schema object"))),
    };
    Ok(OfferedTool { name: name.to_owned(), parameters })
}

/// True when the model may call the tools.
fn check_tool_choice(value: &Value, tools: &[OfferedTool], thinking: bool) -> Result<bool, ApiError> {
    match (value, value.as_str()) {
        (Value::Null, _) | (_, Some("auto")) => return Ok(true),
        (_, Some("none")) => return Ok(false),
        (Value::Object(_), _) | (_, Some("required")) => {}
        _ => return Err(ApiError::bad("tool_choice: expected `none`, `auto`, `required` or a function")),
    }
    if thinking {
        return Err(ApiError::bad("Thinking mode does not support this tool_choice"));
    }
    let named = value["function"]["name"].as_str();
    let known = tools.iter().any(|tool| named.is_none_or(|name| name == tool.name));
    if known && (value.is_string() || named.is_some()) {
        return Ok(true);
    }
    Err(ApiError::bad("tool_choice: no such function in tools"))
}

fn check_ranges(value: &Value) -> Result<(), ApiError> {
    let ranges = [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ];
    for (name, low, high) in ranges {
        let field = &value[name];
        if !field.is_null() && !field.as_f64().is_some_and(|number| (low..=high).contains(&number)) {
            return Err(ApiError::parameter(format!("Invalid {name} value, the valid range is [{low}, {high}]")));
        }
    }
    let efforts = ["minimal", "low", "medium", "high", "xhigh", "max", "ultra"];
    let effort = &value["reasoning_effort"];
    if !effort.is_null() && !effort.as_str().is_some_and(|text| efforts.contains(&text)) {
        return Err(ApiError::parameter("Invalid reasoning_effort value"));
    }
    let stop = &value["stop"];
    let strings = |list: &Vec<Value>| list.len() <= STOP_MAX && list.iter().all(Value::is_string);
    if !stop.is_null() && !stop.is_string() && !stop.as_array().is_some_and(strings) {
        return Err(ApiError::parameter(format!("Invalid stop value, a string or up to {STOP_MAX} strings")));
    }
    let top = &value["top_logprobs"];
    if !top.is_null() && (value["logprobs"] != true || top.as_u64().is_none_or(|number| number > 20)) {
        return Err(ApiError::parameter("Invalid top_logprobs value, 0 to 20 together with logprobs"));
    }
    Ok(())
}

fn flag(value: &Value, name: &str) -> Result<bool, ApiError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(on) => Ok(*on),
        _ => Err(ApiError::bad(format!("{name}: expected a boolean"))),
    }
}

fn check_stream_options(value: &Value, stream: bool) -> Result<bool, ApiError> {
    if value.is_null() {
        return Ok(false);
    }
    if !stream {
        return Err(ApiError::bad("stream_options should be set along with stream = true"));
    }
    flag(&value["include_usage"], "stream_options.include_usage")
}

fn check_format(value: &Value, messages: &[ChatMessage]) -> Result<bool, ApiError> {
    match (value, value["type"].as_str()) {
        (Value::Null, _) | (_, Some("text")) => Ok(false),
        (_, Some("json_object")) if messages.iter().any(|m| m.text.to_lowercase().contains("json")) => Ok(true),
        (_, Some("json_object")) => Err(ApiError::bad(
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
        )),
        _ => Err(ApiError::bad("This response_format type is unavailable now")),
    }
}

fn check_user_id(value: &Value) -> Result<String, ApiError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match value {
        Value::Null => Ok(String::new()),
        Value::String(id) if id.len() <= USER_ID_MAX && id.bytes().all(fits) => Ok(id.clone()),
        _ => Err(ApiError::bad(
            "Invalid user_id: expected a string that matches '[a-zA-Z0-9\\-_]+' of at most 512 bytes",
        )),
    }
}

fn check_max_tokens(value: &Value) -> Result<Option<u64>, ApiError> {
    match value {
        Value::Null => Ok(None),
        _ => match value.as_u64() {
            Some(number) if (1..=OUTPUT_MAX).contains(&number) => Ok(Some(number)),
            _ => Err(ApiError::bad(format!(
                "Invalid max_tokens value, the valid range of max_tokens is [1, {OUTPUT_MAX}]"
            ))),
        },
    }
}

fn check_context(input: u64, output: u64, context: u64) -> Result<(), ApiError> {
    let asked = input + output;
    if asked <= context {
        return Ok(());
    }
    Err(ApiError::bad(format!(
        "This model's maximum context length is {context} tokens. However, you requested {asked} tokens ({input} in the \
         messages, {output} in the completion). Please reduce the length of the messages or completion."
    )))
}
