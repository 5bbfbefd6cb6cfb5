//! Checks a call's arguments against the tool's own schema, and reads them.
//!
//! The schema that the model is shown is the one that is checked: types, required names, unknown names, minimum.

use serde_json::{Map, Value};

use super::super::ToolSpec;

/// Arguments that passed the check.
#[derive(Debug)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Checks; the error is the text for the model and names the tool and each fault.
    pub(super) fn check(spec: &ToolSpec, value: Value) -> Result<Self, String> {
        let mut faults = Vec::new();
        faults_of("", &spec.parameters, &value, &mut faults);
        match value {
            Value::Object(map) if faults.is_empty() => Ok(Self(map)),
            _ => Err(format!("MCP error -32602: Invalid arguments for tool {}: {}", spec.name, faults.join("; "))),
        }
    }

    /// A required text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.optional_text(name).unwrap_or_default()
    }

    pub(super) fn optional_text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub(super) fn count(&self, name: &str) -> Option<usize> {
        Some(usize::try_from(self.number(name)?).unwrap_or(usize::MAX))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }
}

/// Faults listed in one answer.
const MAX_FAULTS: usize = 5;

/// Collects what is wrong with `value`. `null` for an optional argument is not wrong: models write it for "none".
fn faults_of(at: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
    let expected = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    if faults.len() >= MAX_FAULTS {
        return;
    }
    if !is_of(expected, value) {
        let place = if at.is_empty() { "the arguments" } else { at };
        return faults.push(format!("{place} must be of type {expected}, not {}", kind(value)));
    }
    if let (Some(minimum), Some(number)) = (schema.get("minimum").and_then(Value::as_u64), value.as_u64())
        && number < minimum
    {
        faults.push(format!("{at} must be at least {minimum}"));
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        if list.len() < usize::from(schema.get("minItems").is_some()) {
            faults.push(format!("{at} must not be empty"));
        }
        list.iter().enumerate().for_each(|(index, item)| faults_of(&format!("{at}[{index}]"), items, item, faults));
    }
    if let Some(map) = value.as_object() {
        faults_of_object(at, schema, map, faults);
    }
}

fn faults_of_object(at: &str, schema: &Value, map: &Map<String, Value>, faults: &mut Vec<String>) {
    let dot = if at.is_empty() { "" } else { "." };
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str).filter(|name| !map.contains_key(*name)) {
        faults.push(format!("{at}{dot}{name} is required"));
    }
    for (name, value) in map {
        let place = format!("{at}{dot}{}", name.escape_debug());
        match properties.get(name) {
            Some(_) if value.is_null() && !required.iter().any(|required| required == name) => {}
            Some(schema) => faults_of(&place, schema, value, faults),
            None => {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                faults.push(format!("unknown argument {place} (known: {})", known.join(", ")));
            }
        }
    }
    faults.truncate(MAX_FAULTS);
}

fn is_of(expected: &str, value: &Value) -> bool {
    match expected {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
