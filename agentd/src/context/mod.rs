//! What the model is shown: the frozen system prompt, the user's instructions, the project's facts, the question.
//!
//! Invariant: the system prompt and the tool list hold no directory, date, port, pid or id, so that every request of
//! every shell begins with the same bytes and finds them in the provider's prefix cache. Project facts come in the
//! first user message of a conversation, what changes least first; nothing in it names a moment more exactly than by
//! the day.

mod instructions;
mod prompt;

pub use instructions::{Instructions, read_instructions};
pub use prompt::{Opening, SYSTEM_PROMPT, first_message, follow_up};
