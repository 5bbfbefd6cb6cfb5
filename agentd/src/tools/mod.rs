//! Tools: what the model may do in a project.
//!
//! One trait, two sources: the built-ins here and the MCP pool ([`mcp`]), which serves the same plain names while its
//! servers are up. Every path a tool is given passes the [`jail`]; every call is judged by [`policy`] before it runs.
//! A tool never fails the turn: what goes wrong is a result with `ok` false, which the model reads. What a result
//! depends on is [`observed`].

use std::{
    collections::HashSet,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub mod builtin;
pub mod jail;
pub mod mcp;
pub mod observed;
pub mod policy;
pub mod results;
mod secret;
mod set;

use crate::{mcp::pool::View, redact::ModelView};

pub use jail::{Jail, Project};
pub use observed::Rests;
pub use policy::{Alone, Judgement};
pub use results::Keeper;
pub(crate) use secret::is_secret;
pub use set::{PrefixFingerprint, ToolSet};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the model is told about a tool. Byte-stable: it is part of the prompt prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Name, `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// One or two sentences for the model.
    pub description: String,
    /// JSON Schema of the arguments, an object.
    pub parameters: Value,
    /// True when a call changes nothing: such calls run side by side.
    pub read_only: bool,
}

/// What a call runs with.
#[derive(Clone)]
pub struct ToolContext {
    /// The project; `None` when the asker stands in no project (home directory, `/`): file tools refuse then.
    pub project: Option<Arc<Project>>,
    /// Ends the call early.
    pub cancel: CancellationToken,
    /// Bounds of commands and results.
    pub limits: ToolLimits,
    /// Files that the model has read in this conversation: an edit needs a read before it.
    pub seen: Arc<Mutex<HashSet<PathBuf>>>,
    /// How results are shown to the model. A tool that cuts a text or takes a part of it does so with what the view
    /// makes of the whole: half a secret is not recognised any more.
    pub view: ModelView,
    /// The preferences of the user who asks; `None` when nothing is to be remembered.
    pub preferences: Option<Arc<dyn PreferenceDoor>>,
    /// The MCP servers that the asker's project sees.
    pub mcp: View,
    /// Where texts are kept of which the model is shown a part.
    pub results: Keeper,
}

/// The preferences of the user who asks, as a tool reaches them.
pub trait PreferenceDoor: Send + Sync {
    /// Where one of this name would apply, for people: `in this project`, `everywhere`.
    fn scope(&self, name: &str) -> &'static str;

    /// What is wrong with one, before anybody is asked about it.
    ///
    /// # Errors
    /// One sentence, which tells nothing of the value.
    fn check(&self, name: &str, value: &str) -> Result<(), String>;

    /// Sets it. To be called only after the user has said so.
    ///
    /// # Errors
    /// Why it was not set.
    fn set<'a>(&'a self, name: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

/// Bounds of a call, from the configuration.
#[derive(Debug, Clone)]
pub struct ToolLimits {
    /// `exec.command_timeout`: a command is ended after this long.
    pub command_timeout: Duration,
    /// `exec.output_cap`: bytes of command output kept, head and tail.
    pub output_cap: usize,
    /// Bytes of any tool result that reach the model, head and tail.
    pub result_cap: usize,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolOutput {
    /// For the model; never empty, `(no output)` then.
    pub text: String,
    /// False when the tool failed.
    pub ok: bool,
    /// Files read or written, relative to the project root, for the session's memory.
    pub files: Vec<PathBuf>,
    /// What the text depends on, if that is known.
    pub rests: Rests,
    /// The MCP server that served the call; empty: built in.
    pub server: String,
    /// Why a built-in tool served it in an MCP server's place, beginning with the server's name; empty: it did not.
    pub fallback: String,
}

impl ToolOutput {
    /// A good result.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { text: text.into(), ok: true, ..Self::default() }
    }

    /// A failure that the model reads.
    pub fn error(text: impl Into<String>) -> Self {
        Self { text: text.into(), ok: false, ..Self::default() }
    }

    /// The same result with the files it touched.
    #[must_use]
    pub fn files(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.files.extend(files);
        self
    }

    /// The same result with what it rests on.
    #[must_use]
    pub fn rests(mut self, rests: Rests) -> Self {
        self.rests = rests;
        self
    }
}

/// One tool.
pub trait Tool: Send + Sync {
    /// What the model is told.
    fn spec(&self) -> &ToolSpec;

    /// What a call does, for people: a path, a command. Also for invalid arguments. As long as it is and as it is: the
    /// caller redacts it, then cuts it.
    fn summary(&self, arguments: &Value) -> String;

    /// What policy says of a call.
    fn judge(&self, context: &ToolContext, arguments: &Value) -> Judgement;

    /// True when policy judges a call by its arguments alone, whatever else there is.
    fn is_judged_alone(&self) -> bool {
        self.spec().read_only
    }

    /// True when calls that need no approval may run side by side with others.
    fn overlaps(&self) -> bool {
        self.spec().read_only
    }

    /// Runs the call. Arguments were parsed as a JSON object; everything else about them is the tool's to check.
    fn call<'a>(&'a self, context: &'a ToolContext, arguments: Value) -> BoxFuture<'a, ToolOutput>;
}

/// All tools by name, frozen and sorted: the list is part of the prompt prefix.
#[derive(Clone)]
pub struct Toolbox {
    tools: Arc<[Arc<dyn Tool>]>,
}

impl Toolbox {
    /// Sorts the tools by name.
    pub fn new(mut tools: Vec<Arc<dyn Tool>>) -> Self {
        tools.sort_by(|a, b| a.spec().name.cmp(&b.spec().name));
        Self { tools: tools.into() }
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        let at = self.tools.binary_search_by(|tool| tool.spec().name.as_str().cmp(name)).ok()?;
        self.tools.get(at)
    }

    /// All specs, sorted by name.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.iter().map(|tool| tool.spec())
    }
}
