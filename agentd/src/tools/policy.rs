//! What a tool call may do without asking.

/// What policy says of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Run it.
    Allow,
    /// Ask the user; refuse when nobody is there.
    Ask {
        /// Why, one sentence.
        reason: String,
        /// What an approval for the session covers: calls with an equal key are not asked again.
        key: String,
    },
    /// Refuse; the reason goes to the model.
    Deny {
        /// Why, one sentence.
        reason: String,
    },
}
