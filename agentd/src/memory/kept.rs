//! What outlives a session: the kinds of record, as the rest of the daemon knows them.
//!
//! Owns their shape in RAM. How they stand on disk, and how older forms are read, is the store's matter. Every text of
//! a user or a model in them is [`Redacted`]; paths are kept as they are, and a record whose paths the redactor would
//! change is not made. Every record belongs to one uid.

use std::{path::PathBuf, time::SystemTime};

use uuid::Uuid;

use crate::{llm::Usage, redact::Redacted, tools::observed::Observed};

/// SHA-256 of something that is compared and never read.
pub type Fingerprint = [u8; 32];

/// Any record.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most records are answers, the largest")]
pub enum Kept {
    /// A cached answer.
    Answer(AnswerRecord),
    /// A useful conversation.
    Conversation(ConversationRecord),
    /// A preference.
    Preference(PreferenceRecord),
    /// A pair of questions whose answers a user has told apart.
    Rejection(RejectionRecord),
    /// A pair of questions that a model has compared.
    Verdict(VerdictRecord),
}

impl Kept {
    /// Whose it is.
    pub fn uid(&self) -> u32 {
        match self {
            Self::Answer(it) => it.uid,
            Self::Conversation(it) => it.uid,
            Self::Preference(it) => it.uid,
            Self::Rejection(it) => it.uid,
            Self::Verdict(it) => it.uid,
        }
    }

    /// The project it belongs to; `None` for what applies everywhere.
    pub fn project(&self) -> Option<&std::path::Path> {
        match self {
            Self::Answer(it) => Some(&it.project),
            Self::Conversation(it) => Some(&it.project),
            Self::Preference(it) => it.project.as_deref(),
            Self::Rejection(it) => Some(&it.project),
            Self::Verdict(it) => Some(&it.project),
        }
    }
}

/// A cached answer and everything that must be as it was for it to be served.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRecord {
    /// Sorts by time.
    pub id: Uuid,
    /// Who asked.
    pub uid: u32,
    /// Project root; the asker's directory when there is no project.
    pub project: PathBuf,
    /// False when there was no project: then no tool can have seen a file.
    pub has_project: bool,
    /// Everything else that must be equal, see `answers::Scope`.
    pub scope: Fingerprint,
    /// The question.
    pub question: Redacted,
    /// Of the attached texts; zeros when there were none.
    pub attachments: Fingerprint,
    /// The whole final answer.
    pub answer: Redacted,
    /// The model that gave it.
    pub model: String,
    /// Tokens it took.
    pub usage: Usage,
    /// US dollars; `None` when unknown.
    pub cost_usd: Option<f64>,
    /// Milliseconds it took.
    pub elapsed_ms: u64,
    /// When it was given.
    pub made: SystemTime,
    /// When it was served last, or given.
    pub used: SystemTime,
    /// Times it was served.
    pub hits: u32,
    /// Of the AGENTS.md files that applied.
    pub instructions: Fingerprint,
    /// Of the preferences that applied.
    pub preferences: Fingerprint,
    /// What else it rests on.
    pub rests: Vec<Observed>,
}

/// A conversation that was worth keeping: what was asked and answered, without the steps between.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationRecord {
    /// Its id, as in the session.
    pub id: String,
    /// Whose.
    pub uid: u32,
    /// Project root.
    pub project: PathBuf,
    /// Session name.
    pub session: String,
    /// Questions and final answers, oldest first.
    pub exchanges: Vec<(Redacted, Redacted)>,
    /// The files it read, as they were: what it says of them holds while they are so.
    pub files: Vec<Observed>,
    /// When its last turn ended.
    pub used: SystemTime,
}

/// A preference that shapes answers.
#[derive(Debug, Clone, PartialEq)]
pub struct PreferenceRecord {
    /// Whose.
    pub uid: u32,
    /// Where it applies; `None`: everywhere.
    pub project: Option<PathBuf>,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Redacted,
    /// When it was set.
    pub set: SystemTime,
}

/// Two questions that must not share an answer, because a user said so.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectionRecord {
    /// Whose.
    pub uid: u32,
    /// Project root.
    pub project: PathBuf,
    /// Exact keys of the question that was asked and of the one whose answer was served; equal for an exact hit.
    pub pair: (Fingerprint, Fingerprint),
    /// When.
    pub at: SystemTime,
}

/// What a model said about two questions.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictRecord {
    /// Whose.
    pub uid: u32,
    /// Project root.
    pub project: PathBuf,
    /// Exact keys of the two, the smaller first.
    pub pair: (Fingerprint, Fingerprint),
    /// Whether they ask the same.
    pub same: bool,
    /// When.
    pub at: SystemTime,
}

/// What has to be done to the durable copy after something changed in RAM.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Write it, over what stood in its place.
    Keep(Kept),
    /// Take it out.
    Remove(Kept),
}
