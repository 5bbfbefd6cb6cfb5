//! File tools whose calls a server serves in the built-in tool's place.
//!
//! Owns what lies on both sides of such a call: all checks of the built-in tool before it, with what is then asked of
//! the server, and the built-in tool's answer made of the server's. Sends nothing itself: [`crate::tools::mcp`] does.
//!
//! Some calls the built-in tool keeps for itself, because a server's answer could not be the same: what names or holds
//! a hidden value; trees and searches by name, whose descriptions promise that ignored files are left out, of which a
//! server knows nothing; ranges of lines; files that are no text, or whose line ends a server would change.
//!
//! A path is looked up through the jail, and the server is given where it led. What becomes of that name until the
//! server opens it is between the server and its own list of directories.

mod reads;
mod writes;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Call, Effect, Fault, FileTool, Stop, finished};
use crate::{
    redact::has_marker,
    sync::lock,
    tools::{ToolContext, ToolOutput},
};

/// Makes the built-in tool's answer of a server's; `None` when the server has answered in another form.
type Adopt = Box<dyn FnOnce(&Call, &str) -> Result<Option<ToolOutput>, Fault> + Send>;

/// What a server is asked, and what is done with its answer.
struct Plan {
    arguments: Map<String, Value>,
    adopt: Adopt,
    /// A file that the call may have made when nothing is heard of it any more.
    makes: Option<PathBuf>,
}

impl Plan {
    fn new(
        arguments: Value,
        adopt: impl FnOnce(&Call, &str) -> Result<Option<ToolOutput>, Fault> + Send + 'static,
    ) -> Option<Self> {
        let Value::Object(arguments) = arguments else { return None };
        Some(Self { arguments, adopt: Box::new(adopt), makes: None })
    }
}

/// `None` when the built-in tool serves the call itself.
type Planned = Result<Option<Plan>, Fault>;

/// What happens to a call that was sent and of which nothing is heard any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tools) enum Again {
    /// It only reads: the built-in tool serves it, and says whether what a server said still holds.
    Reads,
    /// Doing it twice is doing it once: the built-in tool does it.
    Repeats,
    /// It may have been done: the model has to look.
    Never,
}

/// A call that a server may serve: the built-in tool has nothing against it.
pub(in crate::tools) struct Asked {
    call: Call,
    plan: Plan,
    effect: Effect,
}

impl FileTool {
    /// See [`Again`].
    pub(in crate::tools) fn again(&self) -> Again {
        match (self.effect, self.spec.name.as_str()) {
            (Effect::Read, _) => Again::Reads,
            (Effect::Write, "write_file" | "create_directory") => Again::Repeats,
            (Effect::Write, _) => Again::Never,
        }
    }

    /// What a server is to be asked; `None` when the built-in tool serves the call, if only by saying what is wrong
    /// with it. Blocking.
    pub(in crate::tools) fn ask(&self, context: &ToolContext, arguments: Value) -> Option<Asked> {
        let plan = match self.spec.name.as_str() {
            "read_text_file" => reads::one,
            "read_multiple_files" => reads::many,
            "list_directory" => reads::list,
            "get_file_info" => reads::info,
            "write_file" => writes::write,
            "create_directory" => writes::create,
            "move_file" => writes::rename,
            "edit_file" => writes::edit,
            _ => return None,
        };
        if marked(&arguments) {
            return None;
        }
        let stop = Stop { cancel: context.cancel.clone(), until: None };
        let call = self.prepare(context, arguments, stop).ok()?;
        let plan = plan(&call).ok().flatten()?;
        Some(Asked { call, plan, effect: self.effect })
    }

    /// True when two answers of the tool say the same. Servers tell times without fractions of seconds.
    pub(in crate::tools) fn agrees(&self, one: &str, other: &str) -> bool {
        one == other || (self.spec.name == super::INFO && reads::in_seconds(one) == reads::in_seconds(other))
    }
}

impl Asked {
    /// What the server is asked.
    pub(in crate::tools) fn arguments(&self) -> Map<String, Value> {
        self.plan.arguments.clone()
    }

    /// True when nothing is changed.
    pub(in crate::tools) fn reads(&self) -> bool {
        self.effect == Effect::Read
    }

    /// What the server's answer is in the built-in tool's form; `None` when it is in no form that is known. Blocking.
    pub(in crate::tools) fn adopt(self, text: &str) -> Option<ToolOutput> {
        let adopted = (self.plan.adopt)(&self.call, text).transpose()?;
        Some(finished(adopted, self.effect))
    }

    /// What the server says of why it failed, in terms of the project. Blocking.
    pub(in crate::tools) fn refused(&self, words: &str) -> ToolOutput {
        ToolOutput::error(self.call.cut(&self.inside(words), ""))
    }

    /// Absolute names of the project as the model knows them.
    fn inside(&self, words: &str) -> String {
        let root = self.call.project.root.display().to_string();
        words.replace(&format!("{root}/"), "").replace(&root, ".")
    }

    /// Nothing was heard of the call: what it may have made is not somebody else's file.
    pub(in crate::tools) fn lost(&self) {
        lock(&self.call.seen).extend(self.plan.makes.clone());
    }
}

/// True when an argument holds what may stand for a hidden value: those, the built-in tool knows how to put back.
fn marked(value: &Value) -> bool {
    match value {
        Value::String(text) => has_marker(text),
        Value::Array(items) => items.iter().any(marked),
        Value::Object(map) => map.values().any(marked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The name of a thing in the project that every program knows. `None` when it is not UTF-8.
fn absolute(call: &Call, real: &Path) -> Option<String> {
    let root = &call.project.root;
    let path = if real.as_os_str().is_empty() { root.clone() } else { root.join(real) };
    path.to_str().map(str::to_owned)
}
