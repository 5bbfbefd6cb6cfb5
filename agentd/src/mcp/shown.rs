//! What of a server's words may be shown: to people, to the model, to the disk.
//!
//! Owns the redactor of the moment for everything that servers say of themselves. The same words come out the same in
//! every process and at every time, and what came out goes in again without a change: the prompt prefix rests on that.
//! Refuses a tool whose name would have to be hidden: it could not be called by it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};

use super::client::RemoteTool;
use crate::{redact::Redactor, sync::lock};

/// Bytes of a tool's description that reach the model. The longest of the reference servers has 800; a server that
/// writes a manual there would pay for it in every request.
const DESCRIPTION_MAX: usize = 2_000;
/// Bytes of one schema, as JSON: as much as all tools of a large server together. A larger one is left out.
const SCHEMA_MAX: usize = 64 << 10;
/// Bytes of a tool's name; the protocol allows 128.
const NAME_MAX: usize = 256;
/// Bytes of an error or a name that a server gives itself, once it is redacted: one line.
const LINE_MAX: usize = 400;

/// The redactor of the moment, and which one it is.
#[derive(Default)]
pub(super) struct Texts {
    redactor: Mutex<Redactor>,
    version: AtomicU64,
}

impl Texts {
    /// What later texts go through.
    pub(super) fn set(&self, redactor: Redactor) {
        let mut held = lock(&self.redactor);
        *held = redactor;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The redactor and its number.
    pub(super) fn redactor(&self) -> (Redactor, u64) {
        let held = lock(&self.redactor);
        (held.clone(), self.version.load(Ordering::Acquire))
    }

    /// One line of text for people.
    pub(super) fn line(&self, text: &str) -> String {
        let (redactor, _) = self.redactor();
        let redacted = redactor.text(text);
        let line: Vec<&str> = redacted.as_str().split_whitespace().collect();
        cut(&line.join(" "), LINE_MAX)
    }
}

/// A tool list as it may be shown.
#[derive(Clone, Default)]
pub(super) struct Listed {
    /// In the server's order.
    pub(super) tools: Arc<[RemoteTool]>,
    /// What was left out, and why.
    pub(super) left_out: Arc<[String]>,
    /// Which redactor made it.
    version: u64,
}

impl Listed {
    /// Takes a server's words. Long work for a long list.
    pub(super) fn of(tools: &[RemoteTool], left_out: &[String], texts: &Texts) -> Self {
        let (redactor, version) = texts.redactor();
        let mut left_out: Vec<String> = left_out.iter().map(|why| texts.line(why)).collect();
        let mut shown: Vec<RemoteTool> = Vec::with_capacity(tools.len());
        for remote in tools {
            match tool(remote, &redactor) {
                Ok(tool) => shown.push(tool),
                Err(why) if left_out.iter().any(|said| said == why) => {}
                Err(why) => left_out.push(why.to_owned()),
            }
        }
        Self { tools: shown.into(), left_out: left_out.into(), version }
    }

    /// The same for the redactor of the moment: what was learnt since is hidden.
    pub(super) fn renewed(self, texts: &Texts) -> Self {
        if self.version == texts.version.load(Ordering::Acquire) {
            return self;
        }
        Self::of(&self.tools, &self.left_out, texts)
    }

    /// The tool of that name.
    pub(super) fn get(&self, tool: &str) -> Option<&RemoteTool> {
        self.tools.iter().find(|known| known.name == tool)
    }

    /// True when a reader could not tell the two apart.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.tools == other.tools && self.left_out == other.left_out
    }
}

fn tool(remote: &RemoteTool, redactor: &Redactor) -> Result<RemoteTool, &'static str> {
    let name = redactor.text(&remote.name);
    if name.as_str() != remote.name || remote.name.is_empty() || remote.name.len() > NAME_MAX {
        return Err("tools were left out whose name is empty, too long or holds a secret");
    }
    if remote.schema.to_string().len() > SCHEMA_MAX {
        return Err("tools were left out whose schema is too large");
    }
    let (schema, _) = redactor.json(&remote.schema);
    // What is no object is no schema of arguments: a provider would refuse the whole request for it.
    let schema = if schema.is_object() { schema } else { json!({"type": "object", "properties": {}}) };
    let description = cut(redactor.text(&remote.description).as_str(), DESCRIPTION_MAX);
    Ok(RemoteTool { description, schema: rooted(schema), ..remote.clone() })
}

/// A schema of arguments says that they are an object; some servers leave that out.
fn rooted(mut schema: Value) -> Value {
    if let Some(map) = schema.as_object_mut()
        && map.is_empty()
    {
        map.insert("type".to_owned(), "object".into());
        map.insert("properties".to_owned(), json!({}));
    }
    schema
}

/// At most so many bytes of a text that is redacted already, on a character's border.
fn cut(text: &str, most: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(name: &str, description: &str, schema: Value) -> RemoteTool {
        RemoteTool {
            name: name.to_owned(),
            description: description.to_owned(),
            schema,
            read_only: true,
            idempotent: false,
        }
    }

    #[test]
    fn what_was_shown_once_is_shown_the_same_again() {
        let texts = Texts::default();
        texts.set(Redactor::new(["s3cret-value-1".to_owned()]));
        let schema = json!({"type": "object", "$defs": {"a": {"const": "s3cret-value-1"}}, "if": {}, "properties": {
            "z": {"type": "string", "description": "as s3cret-value-1"}, "a": {"$ref": "#/$defs/a"}}});
        let long = "word ".repeat(1_000);
        let tools = [remote("b", &format!("s3cret-value-1 {long}"), schema), remote("a", "ä", json!({}))];
        let once = Listed::of(&tools, &["twice".to_owned()], &texts);
        let again = Listed::of(&once.tools, &once.left_out, &texts);
        assert!(once.is_same(&again));
        assert!(!format!("{:?}", once.tools).contains("s3cret"));
        assert!(once.tools.iter().all(|tool| tool.description.len() <= DESCRIPTION_MAX));
        let keys: Vec<_> = once.get("b").unwrap().schema.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["type", "$defs", "if", "properties"]);
        assert_eq!(once.get("a").unwrap().schema, json!({"type": "object", "properties": {}}));
    }

    #[test]
    fn a_secret_that_is_learnt_later_is_hidden_in_what_is_there() {
        let texts = Texts::default();
        let before = Listed::of(&[remote("a", "my later-secret-9", json!({}))], &[], &texts);
        assert!(before.tools[0].description.contains("later-secret-9"));
        texts.set(Redactor::new(["later-secret-9".to_owned()]));
        assert_eq!(before.renewed(&texts).tools[0].description, "my [REDACTED]");
    }

    #[test]
    fn a_tool_that_could_not_be_called_is_left_out_and_said_so() {
        let texts = Texts::default();
        texts.set(Redactor::new(["s3cret-value-1".to_owned()]));
        let large = json!({"type": "object", "description": "x".repeat(SCHEMA_MAX)});
        let tools = [
            remote("s3cret-value-1", "", json!({})),
            remote("", "", json!({})),
            remote("big", "", large),
            remote("list", "", json!([])),
        ];
        let listed = Listed::of(&tools, &[], &texts);
        assert_eq!((listed.tools.len(), listed.left_out.len()), (1, 2));
        assert!(listed.tools[0].schema.is_object());
        assert_eq!(texts.line(" a\n  s3cret-value-1\tb "), "a [REDACTED] b");
    }
}
