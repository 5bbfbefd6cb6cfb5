//! Events: what happens between a request and its result. Append-only.

use serde::{Deserialize, Serialize};

/// Something that happened in a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The turn began. Always the first event.
    Started(Started),
    /// The next piece of the answer's text.
    Text(Delta),
    /// The next piece of the model's reasoning; only when asked for.
    Reasoning(Delta),
    /// The text so far belonged to a step before tool calls, or is void; a new text begins.
    TextEnd(TextEnd),
    /// A tool call begins.
    ToolStarted(ToolStarted),
    /// A tool call ended.
    ToolFinished(ToolFinished),
    /// A tool call waits for the user; answer with `approve`.
    Approval(Approval),
    /// The provider is asked again after a wait.
    Retry(Retry),
    /// Something the user should know.
    Notice(Notice),
}

/// See [`Event::Started`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Started {
    /// Id of the turn, for `cancel`.
    pub turn: String,
    /// Session name.
    pub session: String,
    /// Conversation id.
    pub conversation: String,
    /// Model that will be asked; empty when offline.
    pub model: String,
    /// Project root; empty when there is none.
    pub project: String,
}

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Delta {
    /// The piece; may be cut anywhere between two characters.
    pub delta: String,
}

/// See [`Event::TextEnd`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct TextEnd {
    /// True when the text so far is void because the provider broke off; false when tool calls follow it.
    pub void: bool,
}

/// See [`Event::ToolStarted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ToolStarted {
    /// Number of the call within the turn, from 1.
    pub call: u32,
    /// Tool name.
    pub name: String,
    /// What it does, for people: a path, a command.
    pub summary: String,
}

/// See [`Event::ToolFinished`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ToolFinished {
    /// Number of the call within the turn.
    pub call: u32,
    /// Tool name.
    pub name: String,
    /// False when the tool failed or was not run.
    pub ok: bool,
    /// Milliseconds it took.
    pub elapsed_ms: u64,
    /// First line of a failure; empty on success.
    pub message: String,
}

/// See [`Event::Approval`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Approval {
    /// Number to answer with.
    pub approval: u64,
    /// Tool name.
    pub name: String,
    /// What would be done, in full: the path, the command, the change.
    pub summary: String,
    /// Why policy asks.
    pub reason: String,
}

/// See [`Event::Retry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Retry {
    /// The attempt that follows, from 2.
    pub attempt: u32,
    /// Milliseconds until then.
    pub wait_ms: u64,
    /// Why the last one failed.
    pub reason: String,
}

/// See [`Event::Notice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Notice {
    /// One sentence.
    pub message: String,
}
