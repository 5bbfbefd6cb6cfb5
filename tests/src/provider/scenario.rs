//! Scenarios: what the fake provider answers, request by request.
//!
//! Owns the script's shape: a builder for tests, JSON for files. A scenario is a list of steps; each valid chat
//! request takes the first step that is not used up and whose [`When`] fits. When none is left the fallback answers.
//! Refuses unknown keys, so that a misspelt fault is not silently a success. Knows nothing of sockets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::verdict::Verdict;

/// A script for the fake provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// For people.
    pub name: String,
    /// Taken in order.
    pub steps: Vec<Step>,
    /// Who answers when no step is left.
    pub fallback: Fallback,
    /// What is said about two questions; none: the steps answer that call like any other.
    pub verdict: Option<Verdict>,
}

/// Who answers when no step is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// `echo: ` and the last message.
    #[default]
    Echo,
    /// Drives list, search and read tools and answers with what they returned.
    RepoTour,
}

/// One reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Which request may take this step.
    pub when: When,
    /// How many requests take it; 0: every one that fits.
    pub times: u32,
    /// An HTTP answer of another kind: then nothing below is used but `delay_ms`.
    pub http: Option<HttpAnswer>,
    /// Milliseconds before the first byte of the answer.
    pub delay_ms: u64,
    /// Reasoning text, sent when the request has thinking on.
    pub reasoning: String,
    /// Answer text.
    pub text: String,
    /// Characters of text and reasoning per chunk; 0: all in one.
    pub chunk: usize,
    /// Milliseconds before each chunk.
    pub chunk_delay_ms: u64,
    /// Tool calls, indexed in this order.
    pub tool_calls: Vec<CallStep>,
    /// Send the argument pieces of all calls in turn instead of call after call.
    pub interleave: bool,
    /// `finish_reason`; none: `tool_calls` with calls, `length` when `max_tokens` is too small, else `stop`.
    pub finish: Option<String>,
    /// Where usage travels; none: as the service does it (finish chunk, and an extra chunk when asked for).
    pub usage: Option<UsagePlace>,
    /// Fixed token counts instead of the counted ones, for price tests.
    pub tokens: Option<Tokens>,
    /// Model name in the reply; none: the one that serves the asked model.
    pub model: Option<String>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            when: When::default(),
            times: 1,
            http: None,
            delay_ms: 0,
            reasoning: String::new(),
            text: String::new(),
            chunk: 0,
            chunk_delay_ms: 0,
            tool_calls: Vec::new(),
            interleave: false,
            finish: None,
            usage: None,
            tokens: None,
            model: None,
            faults: Vec::new(),
        }
    }
}

/// Which request may take a step: all that is given must hold for the last message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Its role.
    pub role: Option<String>,
    /// A piece of its text.
    pub contains: Option<String>,
}

impl When {
    /// True when the last message fits.
    pub fn fits(&self, role: &str, text: &str) -> bool {
        self.role.as_deref().is_none_or(|wanted| wanted == role)
            && self.contains.as_deref().is_none_or(|piece| text.contains(piece))
    }
}

/// An HTTP answer that is not a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Body; none: the service's error JSON for that status.
    #[serde(default)]
    pub body: Option<String>,
    /// `Content-Type` of a given body; none: `application/json`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// `Retry-After`, verbatim: seconds, a date, or nonsense.
    #[serde(default)]
    pub retry_after: Option<String>,
}

/// One tool call of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallStep {
    /// Call id; none: a fresh one in the service's form.
    pub id: Option<String>,
    /// Tool name.
    pub name: String,
    /// Arguments: an object is written as JSON, a text goes out verbatim and may be broken.
    pub arguments: Value,
    /// Lengths in characters of the first pieces of the arguments; the rest goes in one more.
    pub split: Vec<usize>,
}

impl CallStep {
    /// The arguments as the wire carries them.
    pub fn arguments_text(&self) -> String {
        match &self.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(verbatim) => verbatim.clone(),
            other => other.to_string(),
        }
    }
}

/// Where usage travels in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsagePlace {
    /// In the chunk with the finish reason.
    Finish,
    /// In a chunk of its own with `choices: []`.
    Extra,
    /// In a chunk of its own with `choices: null`.
    ExtraNull,
    /// In both; they are the same count.
    Both,
    /// Nowhere.
    None,
}

/// Fixed token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Prompt tokens found in the cache.
    pub hit: u64,
    /// Prompt tokens not found.
    pub miss: u64,
    /// Output tokens, reasoning included.
    pub completion: u64,
    /// Reasoning tokens.
    pub reasoning: u64,
}

/// What goes wrong in a reply. Chunks are counted from the first event of the stream; in a reply that is not streamed
/// the body is one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Send nothing more after this many chunks and keep the connection open until the client leaves.
    Stall(usize),
    /// Close the connection after this many chunks, in the middle of the body.
    CutChunks(usize),
    /// Close the connection after this many bytes of the body.
    CutBytes(usize),
    /// Reset (RST) instead of closing in order; together with one of the cuts.
    Reset,
    /// End the stream in good order without `[DONE]`.
    NoDone,
    /// After this many chunks, an event whose data is this text verbatim.
    Garbage(usize, String),
    /// After this many chunks, an `{"error":…}` event with this message; then the stream ends without `[DONE]`.
    ErrorEvent(usize, String),
    /// After this many chunks, this many keep-alive comments.
    KeepAlives(usize, usize),
    /// Milliseconds between two of those comments.
    KeepAliveDelay(u64),
    /// This many blank lines before the first event, or before the body of a reply that is not streamed.
    BlankLines(usize),
    /// A byte order mark before the first event.
    Bom,
    /// Lines end in CRLF.
    Crlf,
    /// The body in pieces of this many bytes, whatever they cut through, each after this many milliseconds.
    Drip(usize, u64),
}

impl Scenario {
    /// A script without steps: the echo answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The built-in script of that name.
    pub fn builtin(name: &str) -> Option<Self> {
        let fallback = match name {
            "echo" => Fallback::Echo,
            "repo-tour" => Fallback::RepoTour,
            _ => return None,
        };
        Some(Self { name: name.to_owned(), fallback, ..Self::default() })
    }

    /// Names of the built-in scripts.
    pub const BUILTIN: [&'static str; 2] = ["echo", "repo-tour"];

    /// The same script with one more step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The same script with a step that answers this text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.step(Step::text(text))
    }

    /// The same script with another fallback.
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// The same script with this word about any two questions, which takes no step.
    #[must_use]
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }
}

impl Step {
    /// Answers this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Calls one tool.
    pub fn call(name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        Self::default().and_call(name, arguments)
    }

    /// Answers with an HTTP status and the service's error JSON for it.
    pub fn status(status: u16) -> Self {
        let http = HttpAnswer { status, body: None, content_type: None, retry_after: None };
        Self { http: Some(http), ..Self::default() }
    }

    /// Answers with an HTTP status and an HTML page, as a proxy does.
    pub fn html(status: u16) -> Self {
        let body =
            format!("<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>");
        let content_type = Some("text/html".to_owned());
        let http = HttpAnswer { status, body: Some(body), content_type, retry_after: None };
        Self { http: Some(http), ..Self::default() }
    }

    /// The same answer with a body; only after [`Step::status`] or [`Step::html`].
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        if let Some(http) = &mut self.http {
            http.body = Some(body.into());
        }
        self
    }

    /// The same answer with `Retry-After`; only after [`Step::status`] or [`Step::html`].
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        if let Some(http) = &mut self.http {
            http.retry_after = Some(value.into());
        }
        self
    }

    /// One more tool call.
    #[must_use]
    pub fn and_call(mut self, name: impl Into<String>, arguments: impl Into<Value>) -> Self {
        self.tool_calls.push(CallStep { name: name.into(), arguments: arguments.into(), ..CallStep::default() });
        self
    }

    /// Splits the arguments of the last call after pieces of these lengths.
    #[must_use]
    pub fn split(mut self, lengths: &[usize]) -> Self {
        if let Some(call) = self.tool_calls.last_mut() {
            call.split = lengths.to_vec();
        }
        self
    }

    /// Sends the pieces of all calls in turn.
    #[must_use]
    pub fn interleaved(mut self) -> Self {
        self.interleave = true;
        self
    }

    /// Thinks this first.
    #[must_use]
    pub fn reasoning(mut self, text: impl Into<String>) -> Self {
        self.reasoning = text.into();
        self
    }

    /// Chunks of this many characters, each after this many milliseconds.
    #[must_use]
    pub fn chunks(mut self, characters: usize, delay_ms: u64) -> Self {
        self.chunk = characters;
        self.chunk_delay_ms = delay_ms;
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn delay(mut self, milliseconds: u64) -> Self {
        self.delay_ms = milliseconds;
        self
    }

    /// Ends with this reason.
    #[must_use]
    pub fn finish(mut self, reason: impl Into<String>) -> Self {
        self.finish = Some(reason.into());
        self
    }

    /// Sends usage there.
    #[must_use]
    pub fn usage(mut self, place: UsagePlace) -> Self {
        self.usage = Some(place);
        self
    }

    /// Reports these counts.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Goes wrong in this way, too.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Serves this many requests; 0: every one that fits.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Serves only requests whose last message has this role.
    #[must_use]
    pub fn when_role(mut self, role: impl Into<String>) -> Self {
        self.when.role = Some(role.into());
        self
    }

    /// Serves only requests whose last message holds this text.
    #[must_use]
    pub fn when_contains(mut self, piece: impl Into<String>) -> Self {
        self.when.contains = Some(piece.into());
        self
    }
}
