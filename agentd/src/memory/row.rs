//! A record as it is written: which shelf, which id, which version, and a body that only `rows` understands.
//!
//! The store and the backup file move rows and know nothing of what is in them.

/// The kinds of record. Append-only: the names stand in backup files, the bytes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shelf {
    /// Cached answers.
    Answer,
    /// Useful conversations.
    Conversation,
    /// Preferences.
    Preference,
    /// Pairs of questions that a user has told apart.
    Rejection,
    /// Pairs of questions that a model has compared.
    Verdict,
}

impl Shelf {
    /// Every shelf.
    pub const ALL: [Self; 5] = [Self::Answer, Self::Conversation, Self::Preference, Self::Rejection, Self::Verdict];

    /// Its name in a backup file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Conversation => "conversation",
            Self::Preference => "preference",
            Self::Rejection => "rejection",
            Self::Verdict => "verdict",
        }
    }

    /// Its name in a report, where it is counted.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Answer => "answers",
            Self::Conversation => "conversations",
            Self::Preference => "preferences",
            Self::Rejection => "rejections",
            Self::Verdict => "verdicts",
        }
    }

    /// Its byte in the store.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Answer => 1,
            Self::Conversation => 2,
            Self::Preference => 3,
            Self::Rejection => 4,
            Self::Verdict => 5,
        }
    }

    /// The shelf of that byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|shelf| shelf.byte() == byte)
    }

    /// The newest version of its rows that this build can read. Later ones are left alone.
    pub const fn newest_version(self) -> u16 {
        match self {
            Self::Answer | Self::Conversation | Self::Preference | Self::Rejection | Self::Verdict => 1,
        }
    }

    /// The shelf of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shelf| shelf.name() == name)
    }
}

/// A record as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its kind.
    pub shelf: Shelf,
    /// Which of its kind.
    pub id: [u8; 16],
    /// Version of the body's form.
    pub version: u16,
    /// A JSON object without a line break.
    pub body: Vec<u8>,
}
