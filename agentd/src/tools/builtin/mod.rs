//! The built-in tools, under the names and with the answer shapes of the reference filesystem server, so that they can
//! stand in for it and it for them.
//!
//! A file tool is a [`FileTool`]: a spec, an effect and a function that runs on a blocking thread with the project's
//! jail. Where a server has the role of the file tools, [`served`] lies between the two. The command tool is [`shell`],
//! the one that remembers what the user wants is [`preference`]. Arguments are checked against the spec's schema before
//! anything else.

mod again;
mod arguments;
mod cut;
mod edit;
mod info;
mod list;
mod preference;
mod read;
mod search;
mod served;
mod shell;
pub(in crate::tools) mod walk;
mod write;

pub(crate) use cut::{cut, line};
pub(in crate::tools) use shell::{AskedCommand, Shell, told};
pub(in crate::tools) use {
    self::served::{Again, Asked},
    again::{again, summary},
    info::INFO,
    list::LIST,
    read::MAX_WHOLE,
    search::{NO_MATCHES, SEARCH_FILES},
};

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::arguments::Arguments;
use crate::{
    redact::{ModelView, WriteConflict},
    sync::lock,
};

use super::{
    BoxFuture, Judgement, Keeper, Project, Rests, Tool, ToolContext, ToolLimits, ToolOutput, ToolSpec,
    jail::{Jail, JailError},
    policy,
};

/// What the model reads where there is no project.
const NO_PROJECT: &str = "No project here: agentd does not work in / or in the home directory itself. Ask the user to \
                          start in a project directory (or one with a .git or .agentd.toml)";

/// All built-in tools.
pub fn toolbox() -> Vec<Arc<dyn Tool>> {
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    for tool in file_tools() {
        tools.push(Arc::new(tool));
    }
    tools.push(preferences());
    tools.push(Arc::new(Shell::new()));
    tools
}

/// The tools over files.
pub(in crate::tools) fn file_tools() -> impl Iterator<Item = FileTool> {
    reading().chain(write::tools()).chain(edit::tools())
}

/// The tool that remembers what the user wants.
pub(in crate::tools) fn preferences() -> Arc<dyn Tool> {
    Arc::new(preference::SetPreference::new())
}

/// The file tools that only read.
fn reading() -> impl Iterator<Item = FileTool> {
    [read::tools(), list::tools(), search::tools(), info::tools()].into_iter().flatten()
}

/// Why a call failed, for the model.
#[derive(Debug, thiserror::Error)]
pub(in crate::tools) enum Fault {
    #[error(transparent)]
    Jail(#[from] JailError),
    #[error("{0}")]
    Text(String),
    #[error("Cancelled")]
    Cancelled,
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Text(error.to_string())
    }
}

/// Why a text with markers was not written.
fn conflict(path: &str, conflict: &WriteConflict) -> Fault {
    Fault::Text(format!("{path}: {conflict}; nothing was written"))
}

type Outcome = Result<ToolOutput, Fault>;

/// When work has to end before it is done.
#[derive(Debug, Clone)]
pub(in crate::tools) struct Stop {
    cancel: CancellationToken,
    until: Option<Instant>,
}

impl Stop {
    /// On cancellation, or after some time.
    pub(in crate::tools) fn within(cancel: CancellationToken, time: Duration) -> Self {
        Self { cancel, until: Instant::now().checked_add(time) }
    }

    /// In every loop that may be long.
    pub(in crate::tools) fn check(&self) -> Result<(), Fault> {
        let late = self.until.is_some_and(|until| Instant::now() >= until);
        if late || self.cancel.is_cancelled() { Err(Fault::Cancelled) } else { Ok(()) }
    }
}

/// What a running file tool has at hand.
struct Call {
    project: Arc<Project>,
    stop: Stop,
    limits: ToolLimits,
    seen: Arc<Mutex<HashSet<PathBuf>>>,
    view: ModelView,
    results: Keeper,
    arguments: Arguments,
}

impl Call {
    fn jail(&self) -> &Jail {
        &self.project.jail
    }

    /// In every loop that may be long.
    fn check_cancel(&self) -> Result<(), Fault> {
        self.stop.check()
    }

    /// Remembers that the model knows the file.
    fn saw(&self, path: &Path) {
        lock(&self.seen).insert(path.to_path_buf());
    }

    /// An existing file is changed only after it was read.
    fn check_seen(&self, path: &Path) -> Result<(), Fault> {
        if lock(&self.seen).contains(path) {
            return Ok(());
        }
        let path = path.display();
        Err(Fault::Text(format!("{path} was not read in this conversation: read it before you change it")))
    }

    /// The text as the model sees it, cut to the cap. In this order: half a secret would not be recognised.
    fn cut(&self, text: &str, advice: &str) -> String {
        cut::cut(self.view.text(text).as_str(), self.limits.result_cap, advice)
    }
}

/// What a call does to the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Read,
    Write,
}

/// A tool over the project's files.
pub(in crate::tools) struct FileTool {
    spec: ToolSpec,
    effect: Effect,
    run: fn(&Call) -> Outcome,
}

impl FileTool {
    /// `properties` is the schema's; `required` names are separated by spaces.
    fn new(
        name: &str,
        description: &str,
        effect: Effect,
        properties: Value,
        required: &str,
        run: fn(&Call) -> Outcome,
    ) -> Self {
        Self { spec: spec(name, description, properties, required, effect == Effect::Read), effect, run }
    }

    /// The paths that a call names, unchecked.
    fn paths<'a>(&self, arguments: &'a Value) -> Vec<&'a str> {
        let single = ["path", "source", "destination"].into_iter().filter_map(|name| arguments.get(name)?.as_str());
        let many = arguments.get("paths").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        single.chain(many).collect()
    }
}

impl FileTool {
    /// A call that is about to run, or what is wrong with it.
    fn prepare(&self, context: &ToolContext, arguments: Value, stop: Stop) -> Result<Call, String> {
        let arguments = Arguments::check(&self.spec, arguments)?;
        let Some(project) = context.project.clone() else { return Err(NO_PROJECT.to_owned()) };
        let (limits, view) = (context.limits.clone(), context.view.clone());
        let (seen, results) = (Arc::clone(&context.seen), context.results.clone());
        Ok(Call { project, stop, limits, seen, view, results, arguments })
    }

    /// Why a call cannot be meant as it stands: a path or a pattern names a value that the model has not seen. The
    /// name of a file does not take part in redaction's way back.
    fn hidden_name(&self, context: &ToolContext, arguments: &Value) -> Option<String> {
        let pattern = ["pattern", "glob"].into_iter().filter_map(|name| arguments.get(name)?.as_str());
        let known = self.paths(arguments).into_iter().chain(pattern).find_map(|text| context.view.first_known(text));
        known.map(|marker| format!("{marker} stands for a hidden value and is no name to look for or to write to"))
    }
}

fn spec(name: &str, description: &str, properties: Value, required: &str, read_only: bool) -> ToolSpec {
    let required: Vec<&str> = required.split_whitespace().collect();
    let mut parameters = json!({"type": "object", "required": required});
    if let Some(map) = parameters.as_object_mut() {
        map.insert("properties".to_owned(), properties);
    }
    ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters, read_only }
}

impl Tool for FileTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn summary(&self, arguments: &Value) -> String {
        let mut parts = self.paths(arguments);
        parts.extend(arguments.get("pattern").and_then(Value::as_str));
        parts.join(" ")
    }

    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement {
        if let Some(reason) = self.hidden_name(context, arguments) {
            return Judgement::Deny { reason };
        }
        match self.effect {
            Effect::Read => Judgement::Allow,
            Effect::Write if arguments.get("dryRun").and_then(Value::as_bool) == Some(true) => Judgement::Allow,
            Effect::Write => policy::judge_write(&self.spec.name, &self.paths(arguments)),
        }
    }

    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput> {
        Box::pin(async move {
            let stop = Stop { cancel: context.cancel.clone(), until: None };
            let call = match self.prepare(context, arguments.clone(), stop) {
                Ok(call) => call,
                // Neither needs a look at the project.
                Err(text) => return ToolOutput::error(text).rests(Rests::Nothing),
            };
            let (run, effect) = (self.run, self.effect);
            let Ok(mut output) = tokio::task::spawn_blocking(move || finished(run(&call), effect)).await else {
                let text = format!("{} failed inside agentd; nothing was returned", self.spec.name);
                return ToolOutput::error(text);
            };
            output.rests = Rests::of_call(&self.spec.name, &arguments, &output);
            output
        })
    }
}

/// The output for the model. A read that failed would fail again, or not: that is what it rests on.
fn finished(outcome: Outcome, effect: Effect) -> ToolOutput {
    let rests = match (&outcome, effect) {
        (Err(Fault::Cancelled), _) | (Err(_), Effect::Write) => Rests::Unknown,
        (Err(_), Effect::Read) => Rests::Again { sweep: None },
        (Ok(output), _) => output.rests.clone(),
    };
    outcome.unwrap_or_else(|fault| ToolOutput::error(fault.to_string())).rests(rests)
}

#[cfg(test)]
mod tests;
