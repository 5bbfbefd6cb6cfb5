//! The command tool: argv form only, no shell in between. Policy judges each command; [`crate::process`] runs it.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Arguments, NO_PROJECT, cut, spec};
use crate::{
    process::{self, Command, Ending, Finished},
    redact::has_marker,
    tools::{BoxFuture, Judgement, Project, Rests, Tool, ToolContext, ToolOutput, ToolSpec, observed::history, policy},
};

/// `shell_execute`.
pub(in crate::tools) struct Shell {
    spec: ToolSpec,
}

impl Shell {
    pub(in crate::tools) fn new() -> Self {
        let text = json!({"type": "string"});
        let properties = json!({
            "command": {"type": "array", "items": text, "minItems": 1},
            "directory": text,
            "stdin": text,
            "timeout": {"type": "integer", "minimum": 1},
        });
        let description = "Run a command, given as program and arguments (no shell: no pipes, globs or variables). \
                           timeout in seconds. Answers with stdout, stderr and the exit code.";
        Self { spec: spec("shell_execute", description, properties, "command", false) }
    }
}

fn argv(arguments: &Value) -> Vec<&str> {
    arguments.get("command").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn directory(arguments: &Value) -> &str {
    arguments.get("directory").and_then(Value::as_str).unwrap_or(".")
}

fn stdin(arguments: &Value) -> Option<&str> {
    arguments.get("stdin").and_then(Value::as_str)
}

/// Why a command cannot be meant as it stands: an argument stands for a value that the model has not seen, or the
/// command changes something and would write a marker where a secret belongs.
fn hidden_argument(context: &ToolContext, arguments: &Value, only_reads: bool) -> Option<String> {
    let words = || argv(arguments).into_iter().chain([directory(arguments)]).chain(stdin(arguments));
    if let Some(marker) = words().find_map(|word| context.view.first_known(word)) {
        return Some(format!(
            "{marker} stands for a hidden value; commands do not get it, let the command read it itself"
        ));
    }
    let written = !only_reads && words().any(has_marker);
    written.then(|| "a [REDACTED] marker stands for a hidden value and is not passed to a command".to_owned())
}

/// A word as a shell user would have to write it, so that `"a b"` and `a b` look different.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command that a server may run: the built-in tool has nothing against it.
pub(in crate::tools) struct AskedCommand {
    /// Program and arguments.
    pub(in crate::tools) argv: Vec<String>,
    /// Where it runs, as every program knows it.
    pub(in crate::tools) directory: String,
    pub(in crate::tools) stdin: Option<String>,
    /// After which it is to end.
    pub(in crate::tools) timeout: Duration,
}

impl Shell {
    /// What a server is to be asked; `None` when the built-in tool runs the command, if only by saying what is wrong
    /// with it.
    pub(in crate::tools) fn ask(&self, context: &ToolContext, arguments: &Value) -> Option<AskedCommand> {
        let checked = Arguments::check(&self.spec, arguments.clone()).ok()?;
        let words = || argv(arguments).into_iter().chain([directory(arguments)]).chain(stdin(arguments));
        if words().any(has_marker) {
            return None;
        }
        let project = context.project.as_ref()?;
        let (_, real) = project.jail.open_dir(directory(arguments)).ok()?;
        let place = if real.as_os_str().is_empty() { project.root.clone() } else { project.root.join(real) };
        let limit = context.limits.command_timeout;
        Some(AskedCommand {
            argv: argv(arguments).into_iter().map(str::to_owned).collect(),
            directory: place.to_str()?.to_owned(),
            stdin: stdin(arguments).map(str::to_owned),
            timeout: checked.number("timeout").map_or(limit, |seconds| limit.min(Duration::from_secs(seconds))),
        })
    }
}

impl Tool for Shell {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn summary(&self, arguments: &Value) -> String {
        let words: Vec<String> = argv(arguments).into_iter().map(quoted).collect();
        let mut line = words.join(" ");
        if directory(arguments) != "." {
            line = format!("{line} (in {})", directory(arguments));
        }
        if let Some(input) = stdin(arguments) {
            line = format!("{line} (with {} bytes of input)", input.len());
        }
        line
    }

    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement {
        // Nothing of an ill-formed call runs: asking the user about it would be noise.
        if Arguments::check(&self.spec, arguments.clone()).is_err() {
            return Judgement::Allow;
        }
        let request =
            policy::CommandRequest { argv: &argv(arguments), directory: directory(arguments), stdin: stdin(arguments) };
        let judgement = policy::judge_command(context.project.as_deref(), &request);
        match hidden_argument(context, arguments, judgement == Judgement::Allow) {
            Some(reason) => Judgement::Deny { reason },
            None => judgement,
        }
    }

    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            let arguments = match Arguments::check(&self.spec, arguments) {
                Ok(arguments) => arguments,
                Err(text) => return ToolOutput::error(text).rests(Rests::Nothing),
            };
            let Some(project) = &context.project else { return ToolOutput::error(NO_PROJECT) };
            let (directory, real) = match project.jail.open_dir(arguments.optional_text("directory").unwrap_or(".")) {
                Ok((directory, real)) => (directory.into_std_file(), real),
                Err(error) => return ToolOutput::error(error.to_string()),
            };
            // Below the root there may be repositories of their own.
            let plain = real.as_os_str().is_empty() && arguments.optional_text("stdin").is_none();
            let argv = plain.then(|| arguments.texts("command").into_iter().map(str::to_owned).collect());
            let recording = record(project, argv.unwrap_or_default()).await;
            let limit = context.limits.command_timeout;
            let command = Command {
                argv: arguments.texts("command").into_iter().map(Into::into).collect(),
                directory,
                stdin: arguments.optional_text("stdin").map(|input| input.as_bytes().to_vec()),
                timeout: arguments.number("timeout").map_or(limit, |seconds| limit.min(Duration::from_secs(seconds))),
                output_cap: context.limits.output_cap,
                cancel: context.cancel.clone(),
                view: context.view.clone(),
            };
            let timeout = command.timeout;
            match process::run(command).await {
                Ok(finished) => {
                    let output = answer(&finished, timeout, context.limits.result_cap);
                    with_rests(context, recording, output, &finished).await
                }
                Err(error) => ToolOutput::error(format!("Error executing command: {error}")),
            }
        })
    }
}

fn answer(finished: &Finished, timeout: Duration, cap: usize) -> ToolOutput {
    let stderr = if finished.stderr.is_empty() { String::new() } else { finished.stderr.text() };
    let end = match (finished.ending, finished.code, finished.signal) {
        (Ending::TimedOut, ..) => format!("[timed out after {} s; the command was ended]", timeout.as_secs_f32()),
        (Ending::Cancelled, ..) => "[cancelled; the command was ended]".to_owned(),
        (Ending::Exited, Some(code), _) => format!("[exit code {code}]"),
        (Ending::Exited, None, signal) => format!("[ended by signal {}]", signal.unwrap_or_default()),
    };
    let ok = finished.ending == Ending::Exited && finished.code == Some(0);
    told(finished.stdout.text(), &stderr, &end, ok, cap)
}

/// stdout, then stderr under its heading, then how it ended: the end is never cut off.
pub(in crate::tools) fn told(stdout: String, stderr: &str, end: &str, ok: bool, cap: usize) -> ToolOutput {
    let mut text = stdout;
    if !stderr.is_empty() {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        text += &format!("{gap}[stderr]\n{stderr}");
    }
    let body = cut::cut(&text, cap, "");
    ToolOutput { text: format!("{}\n{end}", body.trim_end_matches('\n')), ok, ..ToolOutput::default() }
}

/// The state that a git command will show, away from the runtime's threads. `None` for every other command.
async fn record(project: &Arc<Project>, argv: Vec<String>) -> Option<history::Recording> {
    if argv.first().is_none_or(|program| program != "git") {
        return None;
    }
    let project = Arc::clone(project);
    tokio::task::spawn_blocking(move || history::Recording::begin(&project, argv)).await.ok()?
}

/// What a command rests on: on anything, unless it was recorded and ended well.
async fn with_rests(
    context: &ToolContext,
    recording: Option<history::Recording>,
    output: ToolOutput,
    finished: &Finished,
) -> ToolOutput {
    let Some(recording) = recording.filter(|_| output.ok && finished.stderr.is_empty()) else { return output };
    let (context, text) = (context.clone(), output.text.clone());
    let rests = tokio::task::spawn_blocking(move || recording.rests(&context, &text)).await;
    output.rests(rests.unwrap_or_default())
}
