//! A plain name over files: served by the server that has the role, or by the built-in tool.
//!
//! The built-in tool is asked first, whether it has anything against the call, and last, whether it says the same: only
//! then does a remembered answer rest on what the server said.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    super::{
        BoxFuture, Judgement, Tool, ToolContext, ToolOutput, ToolSpec,
        builtin::{Again, Asked, FileTool},
    },
    reply::Reply,
};
use crate::{
    config::Role,
    mcp::pool::{PoolCall, Serve, Wait},
};

/// A read that a server has not answered by then, the built-in tool answers: it takes milliseconds.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A file tool whose calls a server may serve.
pub(super) struct Routed {
    tool: Arc<FileTool>,
    pool: Arc<dyn Serve>,
}

/// A call on its way to a server.
struct Sent<'a> {
    context: &'a ToolContext,
    server: String,
    arguments: Value,
    asked: Asked,
}

impl Routed {
    pub(super) fn new(tool: FileTool, pool: &Arc<dyn Serve>) -> Self {
        Self { tool: Arc::new(tool), pool: Arc::clone(pool) }
    }

    /// The server to be asked, and what; `None` when the built-in tool serves.
    async fn ask<'a>(&self, context: &'a ToolContext, arguments: &Value) -> Option<Sent<'a>> {
        let server = holder(&self.pool, context, Role::Filesystem, &self.spec().name)?;
        let (tool, at, given) = (Arc::clone(&self.tool), context.clone(), arguments.clone());
        let asked = tokio::task::spawn_blocking(move || tool.ask(&at, given)).await.ok()??;
        Some(Sent { context, server, arguments: arguments.clone(), asked })
    }

    async fn send(&self, sent: Sent<'_>) -> ToolOutput {
        let again = self.tool.again();
        let call = PoolCall {
            server: sent.server.clone(),
            tool: self.spec().name.clone(),
            arguments: sent.asked.arguments(),
            timeout: (again == Again::Reads).then_some(READ_TIMEOUT),
            cancel: sent.context.cancel.clone(),
            wait: Wait::Not,
        };
        let answer = self.pool.call(&sent.context.mcp, call).await;
        match Reply::of(&sent.server, &self.spec().name, answer) {
            Reply::Served(texts) => self.served(sent, texts).await,
            Reply::Refused(words) => {
                let Sent { context, server, arguments, asked } = sent;
                let refused = tokio::task::spawn_blocking(move || asked.refused(&words)).await;
                let refused = refused.unwrap_or_else(|_| ToolOutput::error("the server refused the call"));
                self.checked(context, arguments, ToolOutput { server, ..refused }).await
            }
            Reply::StandIn(why) => self.stand_in(sent, why).await,
            // A server that is only silent may still do it, over what is written meanwhile.
            Reply::Lost { why, died } if again == Again::Never || (again == Again::Repeats && !died) => {
                let text = format!("{why}. Whether it was done is not known: look at the file before you go on.");
                let text = sent.context.view.text(&text).as_str().to_owned();
                ToolOutput { server: sent.server, ..ToolOutput::error(text) }
            }
            Reply::Lost { why, .. } => {
                sent.asked.lost();
                self.stand_in(sent, why).await
            }
            Reply::Cancelled => ToolOutput::error("Cancelled"),
        }
    }

    async fn served(&self, sent: Sent<'_>, texts: Vec<String>) -> ToolOutput {
        let Sent { context, server, arguments, asked } = sent;
        // Nothing said is nothing read. What was done is looked at whatever is said.
        let adopt = move || (!texts.is_empty() || !asked.reads()).then(|| asked.adopt(&texts.join("\n"))).flatten();
        let adopted = tokio::task::spawn_blocking(adopt).await.ok().flatten();
        match adopted {
            Some(output) => self.checked(context, arguments, ToolOutput { server, ..output }).await,
            None if self.tool.again() == Again::Reads => {
                let why = format!("{server} answered in another form");
                self.built_in(context, arguments, &server, why).await
            }
            None => ToolOutput::error("what the server did could not be looked at; look before you go on"),
        }
    }

    /// A read, with what it rests on if the built-in tool says the same.
    async fn checked(&self, context: &ToolContext, arguments: Value, served: ToolOutput) -> ToolOutput {
        if self.tool.again() != Again::Reads {
            return served;
        }
        let apart = ToolContext { view: context.view.apart(), ..context.clone() };
        let built_in = self.tool.call(&apart, arguments).await;
        let same = match (served.ok, built_in.ok) {
            (true, true) => self.tool.agrees(&served.text, &built_in.text),
            // In words that the model knows, of which the check of a remembered answer makes the same.
            (false, false) => true,
            _ => false,
        };
        if same { ToolOutput { server: served.server, ..built_in } } else { served }
    }

    async fn stand_in(&self, sent: Sent<'_>, why: String) -> ToolOutput {
        self.built_in(sent.context, sent.arguments, &sent.server, why).await
    }

    async fn built_in(&self, context: &ToolContext, arguments: Value, server: &str, why: String) -> ToolOutput {
        self.pool.count_fallback(&context.mcp, server);
        ToolOutput { fallback: why, ..self.tool.call(context, arguments).await }
    }
}

/// The server that is to be asked for a plain name. One that is known to serve other names of its role and not this one
/// is not asked; one of which nothing is known yet is, so that it starts and can say how it is.
pub(super) fn holder(pool: &Arc<dyn Serve>, context: &ToolContext, role: Role, tool: &str) -> Option<String> {
    let view = &context.mcp;
    let server = pool.role(view, role)?;
    let known = match role {
        Role::Filesystem => ["read_text_file", "write_file", "edit_file", "list_directory"].as_slice(),
        Role::Command => ["shell_execute"].as_slice(),
    };
    let offers = |tool: &str| pool.offers(view, &server, tool);
    (offers(tool) || !known.iter().any(|name| offers(name))).then_some(server)
}

impl Tool for Routed {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    fn summary(&self, arguments: &Value) -> String {
        self.tool.summary(arguments)
    }

    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement {
        self.tool.judge(context, arguments)
    }

    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            match self.ask(context, &arguments).await {
                Some(sent) => self.send(sent).await,
                None => self.tool.call(context, arguments).await,
            }
        })
    }
}
