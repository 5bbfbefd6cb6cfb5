//! `shell_execute`: run by the server that has the role of commands, or by the built-in tool.
//!
//! Judged as every command here: one program and its arguments, no shell. A server may read more into a word than that
//! ([`OPERATORS`]); such a command is refused, because what was judged is not what would run. What a server refuses
//! stays refused, and what it may have begun is not run again.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    super::{
        BoxFuture, Judgement, Tool, ToolContext, ToolOutput, ToolSpec,
        builtin::{self, AskedCommand, Shell},
    },
    reply::Reply,
    routed::holder,
};
use crate::{
    config::Role,
    mcp::pool::{PoolCall, Serve, Wait},
};

/// How much longer a server has for its answer than the command has to run.
const GRACE: Duration = Duration::from_secs(5);
/// Words that servers read as a pipe, a list or a redirection.
const OPERATORS: [&str; 9] = ["|", "||", "|&", "&", "&&", ";", "<", ">", ">>"];
/// What the reference server says before everything else that went wrong.
const FAILED: &str = "Error executing command: ";

/// The command tool, whose calls a server may serve.
pub(super) struct RoutedShell {
    shell: Shell,
    pool: Arc<dyn Serve>,
}

impl RoutedShell {
    pub(super) fn new(pool: &Arc<dyn Serve>) -> Self {
        Self { shell: Shell::new(), pool: Arc::clone(pool) }
    }

    async fn send(&self, context: &ToolContext, arguments: Value, server: String, asked: AskedCommand) -> ToolOutput {
        if let Some(word) = asked.argv.iter().find(|word| word.is_empty() || OPERATORS.contains(&word.as_str())) {
            let text =
                format!("Refused: {server} gives the word {word:?} a meaning of its own; a command is one program");
            return ToolOutput { server, ..ToolOutput::error(text) };
        }
        let call = PoolCall {
            server: server.clone(),
            tool: self.spec().name.clone(),
            arguments: request(&asked),
            timeout: Some(asked.timeout + GRACE),
            cancel: context.cancel.clone(),
            wait: Wait::Not,
        };
        let ending = match Reply::of(&server, &self.spec().name, self.pool.call(&context.mcp, call).await) {
            Reply::Served(texts) => Ending::well(texts),
            Reply::Refused(words) => Ending::badly(&server, &words),
            Reply::StandIn(why) => {
                self.pool.count_fallback(&context.mcp, &server);
                return ToolOutput { fallback: why, ..self.shell.call(context, arguments).await };
            }
            Reply::Lost { why, died } => Ending::lost(&why, died),
            Reply::Cancelled => Ending::told("[cancelled; whether the command was ended is not known]"),
        };
        let at = context.clone();
        let told = tokio::task::spawn_blocking(move || ending.output(&at)).await;
        ToolOutput { server, ..told.unwrap_or_else(|_| ToolOutput::error("the command ran; its output was lost")) }
    }
}

/// As the server is asked. It counts in whole seconds.
fn request(asked: &AskedCommand) -> Map<String, Value> {
    let mut request = Map::new();
    request.insert("command".to_owned(), json!(asked.argv));
    request.insert("directory".to_owned(), json!(asked.directory));
    request.insert("timeout".to_owned(), json!(asked.timeout.as_secs().max(1)));
    if let Some(stdin) = &asked.stdin {
        request.insert("stdin".to_owned(), json!(stdin));
    }
    request
}

/// How a command ended, as the server told it. Not redacted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ending {
    stdout: String,
    stderr: String,
    /// The last line of the answer; empty: there is nothing else to it than the output.
    end: String,
    ok: bool,
}

impl Ending {
    fn told(end: impl Into<String>) -> Self {
        Self { end: end.into(), ..Self::default() }
    }

    /// The reference server gives what there is of stdout and stderr, one piece each.
    fn well(texts: Vec<String>) -> Self {
        let mut texts = texts.into_iter();
        let stdout = texts.next().unwrap_or_default();
        let stderr = texts.collect::<Vec<_>>().join("\n");
        Self { stdout, stderr, end: "[exit code 0]".to_owned(), ok: true }
    }

    fn badly(server: &str, words: &str) -> Self {
        let words = words.strip_prefix(FAILED).unwrap_or(words);
        let (first, rest) = words.split_once('\n').unwrap_or((words, ""));
        let after = |beginning: &str| first.split_once(beginning).and_then(|(_, rest)| rest.split(' ').next());
        let end = if let Some(code) = after("exit status ") {
            format!("[exit code {code}]")
        } else if let Some(signal) = after("terminated by signal ") {
            format!("[ended by signal {signal}]")
        } else if let Some(seconds) = after("timed out after ") {
            format!("[timed out after {seconds} s; the command was ended]")
        } else {
            return Self::told(format!("Refused by {server}: {words}"));
        };
        let (stdout, stderr) = streams(rest);
        Self { stdout, stderr, end, ok: false }
    }

    fn lost(why: &str, died: bool) -> Self {
        let how = if died { "server died during the call" } else { "no answer to the call" };
        Self::told(format!("{why}\n[{how}; whether it took effect is not known]"))
    }

    /// For the model. Blocking: a large output takes its time.
    fn output(self, context: &ToolContext) -> ToolOutput {
        let seen = |text: &str| context.view.text(text).as_str().to_owned();
        let (stdout, stderr, end) = (seen(&self.stdout), seen(&self.stderr), seen(&self.end));
        let cap = context.limits.result_cap;
        if self.end.starts_with('[') {
            return builtin::told(stdout, &stderr, &end, self.ok, cap);
        }
        ToolOutput::error(builtin::cut(&end, cap, ""))
    }
}

/// The two streams of a failure, each under its heading.
fn streams(rest: &str) -> (String, String) {
    if let Some(stderr) = rest.strip_prefix("stderr:\n") {
        return (String::new(), stderr.to_owned());
    }
    let rest = rest.strip_prefix("stdout:\n").unwrap_or(rest);
    let (stdout, stderr) = rest.split_once("\nstderr:\n").unwrap_or((rest, ""));
    (stdout.to_owned(), stderr.to_owned())
}

impl Tool for RoutedShell {
    fn spec(&self) -> &ToolSpec {
        self.shell.spec()
    }

    fn summary(&self, arguments: &Value) -> String {
        self.shell.summary(arguments)
    }

    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement {
        self.shell.judge(context, arguments)
    }

    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            let server = holder(&self.pool, context, Role::Command, &self.spec().name);
            match server.and_then(|server| Some((server, self.shell.ask(context, &arguments)?))) {
                Some((server, asked)) => self.send(context, arguments, server, asked).await,
                None => self.shell.call(context, arguments).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn badly(words: &str) -> Ending {
        Ending::badly("sh", &format!("{FAILED}{words}"))
    }

    #[test]
    fn failures_of_the_reference_server_read_as_the_built_in_tool_s() {
        let failed = badly("Command failed with exit status 2\nstdout:\nout\nstderr:\nerr\nmore");
        assert_eq!((failed.stdout.as_str(), failed.stderr.as_str()), ("out", "err\nmore"));
        assert_eq!((failed.end.as_str(), failed.ok), ("[exit code 2]", false));
        assert_eq!(badly("Command failed with exit status 1\nstderr:\nerr").stderr, "err");
        assert_eq!(badly("Command terminated by signal 9").end, "[ended by signal 9]");
        assert_eq!(badly("Command timed out after 2 seconds").end, "[timed out after 2 s; the command was ended]");
        assert_eq!(badly("Command not allowed: rm").end, "Refused by sh: Command not allowed: rm");
    }

    #[test]
    fn what_went_well_has_stdout_and_stderr_in_their_places() {
        let output = |texts: &[&str]| {
            let ending = Ending::well(texts.iter().map(|&text| text.to_owned()).collect());
            builtin::told(ending.stdout, &ending.stderr, &ending.end, ending.ok, 1_000).text
        };
        assert_eq!(output(&[]), "(no output)\n[exit code 0]");
        assert_eq!(output(&["out"]), "out\n[exit code 0]");
        assert_eq!(output(&["out", "warning"]), "out\n[stderr]\nwarning\n[exit code 0]");
    }
}
