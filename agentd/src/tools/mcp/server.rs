//! A server's tool under a name of its own.
//!
//! Refuses to send a server what stands for a hidden value. Who may run it is judged by what is known of it now, not
//! by what was known when the conversation began: an approval that was taken back is.

use std::{path::Path, sync::Arc};

use serde_json::{Map, Value};

use super::{
    super::{Alone, BoxFuture, Judgement, Rests, Tool, ToolContext, ToolOutput, ToolSpec, is_secret},
    outcome,
};
use crate::{
    config::ApprovalMode,
    mcp::{
        catalog::McpTool,
        pool::{PoolCall, Serve, Wait},
    },
    redact::has_marker,
};

/// No system takes a longer path: what is longer is a text.
const PATH_MAX: usize = 4_096;

/// A tool of a server.
pub(super) struct ServerTool {
    pool: Arc<dyn Serve>,
    tool: McpTool,
    spec: ToolSpec,
}

impl ServerTool {
    pub(super) fn new(pool: &Arc<dyn Serve>, tool: &McpTool) -> Self {
        let spec = ToolSpec {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.schema.clone(),
            read_only: tool.read_only,
        };
        Self { pool: Arc::clone(pool), tool: tool.clone(), spec }
    }

    async fn run(&self, context: &ToolContext, arguments: Map<String, Value>) -> ToolOutput {
        let McpTool { server, tool, read_only, .. } = &self.tool;
        let call = PoolCall {
            server: server.clone(),
            tool: tool.clone(),
            arguments,
            timeout: None,
            cancel: context.cancel.clone(),
            wait: Wait::ForStart,
        };
        match self.pool.call(&context.mcp, call).await {
            Ok(result) => outcome::output(&self.pool, context, server, result).await,
            Err(error) => ToolOutput { server: server.clone(), ..outcome::failure(context, &error, *read_only) },
        }
    }
}

/// Why a call cannot be meant as it stands: an argument stands for a value that the model has not seen, or would be
/// written somewhere in a secret's place.
fn hidden(context: &ToolContext, arguments: &Value, only_reads: bool) -> Option<String> {
    let mut found = None;
    each_text(arguments, &mut |text| {
        found = found.take().or_else(|| context.view.first_known(text));
    });
    if let Some(marker) = found {
        return Some(format!("{marker} stands for a hidden value, which goes to no server"));
    }
    let mut written = false;
    each_text(arguments, &mut |text| written |= has_marker(text));
    (written && !only_reads).then(|| "a [REDACTED] marker stands for a hidden value and goes to no server".to_owned())
}

/// True when an argument names a secret file: a path, a `file:` address, `HEAD:.env`.
fn names_secret(arguments: &Value) -> bool {
    let mut found = false;
    each_text(arguments, &mut |text| {
        found |= text.len() <= PATH_MAX && text.split([':', '?', '#']).any(|path| is_secret(Path::new(path.trim())));
    });
    found
}

/// Every text in a value, names of fields included.
fn each_text(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, visit)),
        Value::Object(map) => map.iter().for_each(|(name, item)| {
            visit(name);
            each_text(item, visit);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An argument as people read it: a plain word as it is, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"') => {
            text.clone()
        }
        other => other.to_string(),
    }
}

impl Tool for ServerTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn summary(&self, arguments: &Value) -> String {
        let arguments = arguments.as_object().into_iter().flatten();
        let arguments = arguments.map(|(name, value)| format!(" {name}={}", shown(value)));
        arguments.fold(self.tool.tool.clone(), |line, argument| line + &argument)
    }

    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement {
        let catalog = self.pool.catalog(&context.mcp);
        let Some(now) = catalog.get(&self.tool.name) else {
            let reason = format!("{} does not offer {} any more", self.tool.server, self.tool.tool);
            return Judgement::Deny { reason };
        };
        if let Some(reason) = hidden(context, arguments, now.read_only) {
            return Judgement::Deny { reason };
        }
        let reason = match now.approval {
            ApprovalMode::Approve => return Judgement::Allow,
            // No jail is around a server; the list of secret files holds wherever the model reads by itself.
            ApprovalMode::Auto if now.read_only && names_secret(arguments) => {
                format!("an argument of {} names a file of secrets", now.tool)
            }
            ApprovalMode::Auto if now.read_only => return Judgement::Allow,
            ApprovalMode::Auto => format!("{} does not say that {} only reads", now.server, now.tool),
            ApprovalMode::Prompt => format!("you are to be asked before {} of {} runs", now.tool, now.server),
        };
        Judgement::Ask { reason, key: self.tool.name.clone(), alone: Alone::EndTurn }
    }

    /// Also by what its server offers now.
    fn is_judged_alone(&self) -> bool {
        false
    }

    fn overlaps(&self) -> bool {
        self.tool.read_only || self.tool.parallel
    }

    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            let Value::Object(arguments) = arguments else {
                return ToolOutput::error("The arguments must be an object.").rests(Rests::Nothing);
            };
            self.run(context, arguments).await
        })
    }
}
