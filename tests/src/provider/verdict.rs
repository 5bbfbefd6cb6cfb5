//! The side call that asks whether two questions are the same.
//!
//! It is known by its message, held to the shape that makes it cheap, and answered as the scenario says. Not checked is
//! what the two questions are: that is the matter of whoever wrote the test.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{chat::Chat, error::ApiError, message::Role, scenario::Step};

/// Most output tokens of a call that is answered in a word.
const OUTPUT_MAX: u64 = 16;
/// Milliseconds after which a slow one answers: beyond any patience for one word.
const SLOW_MS: u64 = 8_000;

/// What a scenario says about any two questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// They are the same.
    Yes,
    /// They are not.
    No,
    /// Neither of the two words.
    Doubt,
    /// The service is broken.
    Error,
    /// They are the same, but that is said too late.
    Slow,
}

impl Verdict {
    /// The reply.
    pub(super) fn step(self) -> Step {
        match self {
            Self::Yes => Step::text("yes"),
            Self::No => Step::text("no"),
            Self::Doubt => Step::text("perhaps"),
            Self::Error => Step::status(500),
            Self::Slow => Step::text("yes").delay(SLOW_MS),
        }
    }
}

/// The two questions of a message, when it is one of these.
pub(super) fn pair(text: &str) -> Option<(String, String)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let (whole, both) = (value.as_object()?, value["same_question"].as_object()?);
    let text = |name: &str| both.get(name)?.as_str().map(str::to_owned);
    (whole.len() == 1 && both.len() == 2).then(|| Some((text("a")?, text("b")?))).flatten()
}

/// True for such a call; false for every other request.
///
/// # Errors
/// It is one and not as small as it has to be.
pub(super) fn is_verdict(chat: &Chat) -> Result<bool, ApiError> {
    let Some(last) = chat.messages.last().filter(|last| last.text.starts_with("{\"same_question\"")) else {
        return Ok(false);
    };
    let faults = [
        (pair(&last.text).is_none(), "its message is one object with the two texts a and b"),
        (chat.messages.len() != 2 || last.role != Role::User, "it has a system prompt, the questions, nothing else"),
        (!chat.tools.is_empty(), "it offers no tools"),
        (chat.thinking, "it does not think"),
        (chat.max_tokens.is_none_or(|most| most > OUTPUT_MAX), "its answer is one word"),
    ];
    match faults.into_iter().find(|(is_fault, _)| *is_fault) {
        Some((_, rule)) => Err(ApiError::bad(format!("verdict: {rule}"))),
        None => Ok(true),
    }
}
