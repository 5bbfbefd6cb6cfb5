//! The sessions in RAM, for those who look after them.

use serde::{Deserialize, Serialize};

use crate::list;

wire! {
    /// Parameters of `sessions.list`.
    pub struct SessionsListRequest {
        /// Directory of the project; empty: all projects of the asking user.
        pub cwd: String,
    }

    /// Result of `sessions.list`.
    pub struct SessionsReport {
        /// Newest first.
        #[serde(deserialize_with = "list::any")]
        pub sessions: Vec<SessionSummary>,
    }

    /// One line of `sessions.list`.
    pub struct SessionSummary {
        /// Project root.
        pub project: String,
        /// Session name.
        pub name: String,
        /// Conversations in memory.
        pub conversations: u32,
        /// Files in memory.
        pub files: u32,
        /// Seconds since the last use.
        pub idle_s: u64,
        /// First words of the last question, redacted.
        pub last_question: String,
    }

    /// Parameters of `sessions.show`.
    pub struct SessionsShowRequest {
        /// Directory of the project.
        pub cwd: String,
        /// Session name; empty: `default`.
        pub name: String,
    }

    /// Result of `sessions.show`.
    pub struct SessionDetail {
        /// The same figures as in the list.
        pub summary: SessionSummary,
        /// Last files accessed, newest first, relative to the project.
        #[serde(deserialize_with = "list::any")]
        pub files: Vec<String>,
        /// What the session is doing now; empty when idle.
        pub task: String,
        /// Oldest first.
        #[serde(deserialize_with = "list::any")]
        pub conversations: Vec<ConversationView>,
    }

    /// One conversation for people.
    pub struct ConversationView {
        /// Conversation id.
        pub id: String,
        /// Seconds since its last turn.
        pub age_s: u64,
        /// Questions and final answers, redacted.
        #[serde(deserialize_with = "list::any")]
        pub exchanges: Vec<Exchange>,
    }

    /// A question and its answer.
    pub struct Exchange {
        /// The question, redacted.
        pub question: String,
        /// The answer, redacted; empty when the turn failed.
        pub answer: String,
    }

    /// Parameters of `sessions.clear`.
    pub struct SessionsClearRequest {
        /// Directory of the project.
        pub cwd: String,
        /// Session name; empty: all sessions of the project.
        pub name: String,
    }

    /// Result of `sessions.clear`.
    pub struct ClearReport {
        /// Sessions forgotten.
        pub cleared: u32,
    }
}
