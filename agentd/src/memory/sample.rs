//! Records for tests.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use uuid::Uuid;

use super::kept::{AnswerRecord, ConversationRecord, Kept, PreferenceRecord, RejectionRecord, VerdictRecord};
use crate::{
    llm::Usage,
    redact::{Redacted, Redactor},
};

/// Where the records belong to.
pub(super) const PROJECT: &str = "/home/ada/engine";
/// Whose they are.
pub(super) const UID: u32 = 1000;
/// When they were made.
pub(super) const MADE: u64 = 1_763_840_613;

pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn text(text: &str) -> Redacted {
    Redactor::known_only([]).text(text)
}

pub(super) fn answer(number: u8, question: &str, answer: &str) -> AnswerRecord {
    AnswerRecord {
        id: Uuid::from_bytes([number; 16]),
        uid: UID,
        project: PROJECT.into(),
        has_project: true,
        scope: [1; 32],
        question: text(question),
        attachments: [0; 32],
        answer: text(answer),
        model: "deepseek-chat".to_owned(),
        usage: Usage { prompt: 4, completion: 3, hit: 2, miss: 2 },
        cost_usd: Some(0.00041),
        elapsed_ms: 2100,
        made: at(MADE),
        used: at(MADE + 100),
        hits: 2,
        instructions: [2; 32],
        preferences: [3; 32],
        rests: Vec::new(),
    }
}

pub(super) fn conversation(id: &str, question: &str, answer: &str) -> Kept {
    Kept::Conversation(ConversationRecord {
        id: id.to_owned(),
        uid: UID,
        project: PROJECT.into(),
        session: "default".to_owned(),
        exchanges: vec![(text(question), text(answer))],
        files: Vec::new(),
        used: at(MADE),
    })
}

pub(super) fn preference(project: Option<&str>, name: &str, value: &str) -> Kept {
    Kept::Preference(PreferenceRecord {
        uid: UID,
        project: project.map(PathBuf::from),
        name: name.to_owned(),
        value: text(value),
        set: at(MADE),
    })
}

pub(super) fn rejection(number: u8) -> Kept {
    let pair = ([number; 32], [5; 32]);
    Kept::Rejection(RejectionRecord { uid: UID, project: PROJECT.into(), pair, at: at(MADE) })
}

pub(super) fn verdict(number: u8) -> Kept {
    let pair = ([number; 32], [5; 32]);
    Kept::Verdict(VerdictRecord { uid: UID, project: PROJECT.into(), pair, same: true, at: at(MADE) })
}

/// One of each kind; `marker` stands in every text.
pub(super) fn every_kind(marker: &str) -> Vec<Kept> {
    let with = |word: &str| format!("{word} {marker}");
    vec![
        Kept::Answer(answer(7, &with("where are panics handled"), &with("In `src/guard.rs`"))),
        conversation("c-1", &with("why"), &with("because")),
        preference(Some(PROJECT), "language", &with("German")),
        preference(None, "language", &with("Danish")),
        rejection(4),
        verdict(4),
    ]
}
