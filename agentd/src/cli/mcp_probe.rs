//! `agentd mcp-probe URL`: the daemon's MCP client against one server, for the conformance suite and for a look by hand.
//!
//! The same connector and client as the daemon's, called in a row: connect, list the tools, call each once. Two
//! differences: a server's questions are answered with their defaults, and what to call may come from the suite
//! (`MCP_CONFORMANCE_CONTEXT`). What is printed is redacted. Exit code 1 when there is no connection or no list; a call
//! that fails is printed and no failure, for many a server has such a tool on purpose.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{HttpServer, McpServer, Transport},
    mcp::{
        client::{CallRequest, ClientError, Questions, RemoteTool, SharedClient},
        connect::{Connect, ConnectError, Connector, Target},
    },
    redact::Redactor,
};

/// For connecting, and for listing. The suite gives each scenario 30 s.
const STEP: Duration = Duration::from_secs(10);
/// For each call.
const CALL: Duration = Duration::from_secs(10);
/// What the suite says beside the address.
const CONTEXT: &str = "MCP_CONFORMANCE_CONTEXT";
/// The suite's tool that wants another tool's schema back.
const ECHO: &str = "json_schema_echo";

/// Runs `agentd mcp-probe`.
pub fn run_mcp_probe(url: &str) -> ExitCode {
    let redactor = Redactor::new(Redactor::environment_secrets());
    let context = std::env::var(CONTEXT).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (code, said) = match runtime {
        Ok(runtime) => match runtime.block_on(probe(url, &context)) {
            Ok(said) => (0, said),
            Err(why) => (1, why),
        },
        Err(error) => (1, format!("no runtime: {error}")),
    };
    let _ = writeln!(io::stdout().lock(), "{}", redactor.text(&said).as_str());
    ExitCode::from(code)
}

async fn probe(url: &str, context: &Value) -> Result<String, String> {
    let server = HttpServer { url: url.to_owned(), ..HttpServer::default() };
    let target = Target {
        name: "probe".to_owned(),
        server: Arc::new(McpServer::new(Transport::Http(server))),
        project: None,
        era: None,
        timeout: STEP,
    };
    let connector = Connector::new(std::env::temp_dir()).with_questions(Questions::Defaults);
    let connected = connector.connect(target, Arc::default()).await;
    let connection = connected.map_err(|ConnectError { what, cure, .. }| format!("{what}\n{cure}"))?;
    let client = Arc::clone(&connection.client);
    let mut said = format!("{} {:?}", client.era().name(), client.info());
    let list = client.list_tools(STEP).await.map_err(|error| format!("tools: {error}"))?;
    for (tool, arguments) in calls(&list.tools, context) {
        let answer = call(&client, &tool, arguments).await;
        said.push_str(&match answer {
            Ok(answer) => format!("\n{tool}: {answer}"),
            Err(error) => format!("\n{tool}: failed: {error}"),
        });
    }
    for left_out in list.left_out {
        said.push_str(&format!("\n{left_out}"));
    }
    connection.life.stop().await;
    Ok(said)
}

async fn call(client: &SharedClient, tool: &str, arguments: Map<String, Value>) -> Result<String, ClientError> {
    let request = CallRequest { tool: tool.to_owned(), arguments, timeout: CALL, cancel: CancellationToken::new() };
    client.call(request).await.map(|result| format!("{:?}", result.content))
}

/// The calls that the suite asks for, else one of each tool.
fn calls(tools: &[RemoteTool], context: &Value) -> Vec<(String, Map<String, Value>)> {
    if let Some(calls) = context.get("toolCalls").and_then(Value::as_array) {
        let named = calls.iter().filter_map(|call| {
            let arguments = call.get("arguments").and_then(Value::as_object).cloned().unwrap_or_default();
            Some((call.get("name")?.as_str()?.to_owned(), arguments))
        });
        return named.collect();
    }
    let of_others = |own: &str| tools.iter().find(|tool| tool.name != own).map(|tool| tool.schema.clone());
    let each = tools.iter().map(|tool| {
        let mut arguments = sample(&tool.schema);
        if tool.name == ECHO
            && let Some(schema) = of_others(ECHO)
        {
            arguments.insert("schema".to_owned(), schema);
        }
        (tool.name.clone(), arguments)
    });
    each.collect()
}

/// Arguments of the right types.
fn sample(schema: &Value) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let filled = properties.map(|(name, property)| {
        let value = match property.get("type").and_then(Value::as_str) {
            Some("number" | "integer") => json!(5),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            Some("null") => Value::Null,
            _ => json!("probe"),
        };
        (name.clone(), property.get("default").cloned().unwrap_or(value))
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: Value) -> RemoteTool {
        RemoteTool { name: name.to_owned(), description: String::new(), schema, read_only: false, idempotent: false }
    }

    #[test]
    fn each_tool_is_called_once_with_what_its_schema_wants() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "number"}, "b": {"default": "x"}}});
        let tools = [tool("add", schema.clone()), tool(ECHO, json!({"properties": {"schema": {"type": "object"}}}))];
        let calls: Vec<_> =
            calls(&tools, &json!({})).into_iter().map(|(name, with)| (name, Value::Object(with))).collect();
        assert_eq!(calls[0], ("add".to_owned(), json!({"a": 5, "b": "x"})));
        assert_eq!(calls[1], (ECHO.to_owned(), json!({"schema": schema})));
    }

    #[test]
    fn the_suite_says_what_to_call() {
        let context = json!({"toolCalls": [{"name": "x", "arguments": {"a": null}}, {"name": 5}]});
        let calls = calls(&[tool("y", json!({}))], &context);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].1.get("a"), Some(&Value::Null));
    }
}
