//! A server as TOML and as JSON again: what `config show` prints, what an edit writes.
//!
//! Keys at their default are left out. [`masked`] hides every value of `env` and `http_headers`, secret by its look or
//! not; arguments are for the redactor of who prints.

use serde_json::{Map, Value, json};
use toml_edit::{DocumentMut, Item, Table};

use super::{HttpServer, McpServer, Protocol, Scope, StdioServer, Transport};
use crate::{config::ApprovalMode, redact::MARKER};

/// The server without the values of its `env` and `http_headers`.
#[must_use]
pub fn masked(server: &McpServer) -> McpServer {
    let mut server = server.clone();
    let values = match &mut server.transport {
        Transport::Stdio(stdio) => &mut stdio.env,
        Transport::Http(http) => &mut http.http_headers,
    };
    values.values_mut().for_each(|value| MARKER.clone_into(value));
    server
}

/// Its keys in the order of the documentation.
pub fn to_json(server: &McpServer) -> Map<String, Value> {
    let mut keys = match &server.transport {
        Transport::Stdio(stdio) => process(stdio),
        Transport::Http(http) => address(http),
    };
    let approvals =
        server.tool_approval.iter().map(|(tool, mode)| (tool.clone(), json!({ "approval_mode": mode.name() })));
    let tools: Map<_, _> = approvals.collect();
    keys.extend([
        ("enabled", json!(server.enabled), server.enabled),
        ("required", json!(server.required), !server.required),
        ("role", json!(server.role.map(super::Role::name)), server.role.is_none()),
        ("scope", json!(server.scope.name()), server.scope == Scope::default()),
        ("lazy", json!(server.lazy), !server.lazy),
        ("protocol", json!(server.protocol.name()), server.protocol == Protocol::default()),
        ("startup_timeout_sec", json!(server.startup_timeout.map(seconds)), server.startup_timeout.is_none()),
        ("tool_timeout_sec", json!(server.tool_timeout.map(seconds)), server.tool_timeout.is_none()),
        ("enabled_tools", json!(server.enabled_tools), server.enabled_tools.is_none()),
        ("disabled_tools", json!(server.disabled_tools), server.disabled_tools.is_empty()),
        ("default_tools_approval_mode", json!(server.approval.name()), server.approval == ApprovalMode::default()),
        ("supports_parallel_tool_calls", json!(server.parallel), !server.parallel),
        ("tools", json!(tools), tools.is_empty()),
    ]);
    let written = keys.into_iter().filter(|(_, _, is_default)| !is_default);
    written.map(|(key, value, _)| (key.to_owned(), value)).collect()
}

/// A key, its value, and whether that is the default.
type Row = (&'static str, Value, bool);

fn process(stdio: &StdioServer) -> Vec<Row> {
    vec![
        ("command", json!(stdio.command), false),
        ("args", json!(stdio.args), stdio.args.is_empty()),
        ("env", json!(stdio.env), stdio.env.is_empty()),
        ("env_vars", json!(stdio.env_vars), stdio.env_vars.is_empty()),
        ("cwd", json!(stdio.cwd), stdio.cwd.is_none()),
    ]
}

fn address(http: &HttpServer) -> Vec<Row> {
    vec![
        ("url", json!(http.url), false),
        ("bearer_token_env_var", json!(http.bearer_token_env_var), http.bearer_token_env_var.is_none()),
        ("http_headers", json!(http.http_headers), http.http_headers.is_empty()),
        ("env_http_headers", json!(http.env_http_headers), http.env_http_headers.is_empty()),
    ]
}

fn seconds(time: std::time::Duration) -> Value {
    if time.subsec_nanos() == 0 { json!(time.as_secs()) } else { json!(time.as_secs_f64()) }
}

/// `[mcp_servers.NAME]` and the keys below it, a line each.
pub fn to_toml(name: &str, server: &McpServer) -> String {
    let mut servers = Table::new();
    servers.set_implicit(true);
    servers.insert(name, Item::Table(to_table(server)));
    let mut document = DocumentMut::new();
    document.insert("mcp_servers", Item::Table(servers));
    document.to_string()
}

/// Its keys as a table.
pub(in crate::config) fn to_table(server: &McpServer) -> Table {
    let mut table = Table::new();
    for (key, value) in to_json(server) {
        table.insert(&key, Item::Value(written(&value)));
    }
    table
}

fn written(value: &Value) -> toml_edit::Value {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::Array(list) => toml_edit::Value::Array(list.iter().map(written).collect()),
        Value::Object(map) => {
            toml_edit::Value::InlineTable(map.iter().map(|(key, value)| (key.as_str(), written(value))).collect())
        }
        Value::String(text) => text.as_str().into(),
        // No key holds it.
        Value::Null => String::new().into(),
    }
}
