//! Version 1 of every kind of row. Never changed again: what was written once is read for ever.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::RowError;
use crate::{
    llm::Usage,
    memory::{
        hex::Hex,
        kept::{AnswerRecord, ConversationRecord, PreferenceRecord, RejectionRecord, VerdictRecord},
    },
    redact::{Redacted, Redactor},
    tools::observed::Observed,
};

/// The last second of the year 9999: what comes later has no date that people write.
const LAST_SECOND: u64 = 253_402_300_799;
/// Of attachments when there were none.
const NOTHING: Hex<32> = Hex([0; 32]);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    uid: u32,
    project: String,
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    has_project: bool,
    scope: Hex<32>,
    question: String,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    attachments: Hex<32>,
    answer: String,
    model: String,
    /// Prompt, completion, cache hit, cache miss.
    usage: [u64; 4],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    elapsed_ms: u64,
    made: u64,
    used: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    hits: u32,
    instructions: Hex<32>,
    preferences: Hex<32>,
    rests: Vec<Observed>,
}

impl Answer {
    pub(super) fn of(it: &AnswerRecord) -> Result<Self, RowError> {
        let Usage { prompt, completion, hit, miss } = it.usage;
        Ok(Self {
            uid: it.uid,
            project: utf8(&it.project)?,
            has_project: it.has_project,
            scope: Hex(it.scope),
            question: it.question.as_str().to_owned(),
            attachments: Hex(it.attachments),
            answer: it.answer.as_str().to_owned(),
            model: it.model.clone(),
            usage: [prompt, completion, hit, miss],
            cost_usd: it.cost_usd.filter(|cost| cost.is_finite()),
            elapsed_ms: it.elapsed_ms,
            made: seconds(it.made),
            used: seconds(it.used),
            hits: it.hits,
            instructions: Hex(it.instructions),
            preferences: Hex(it.preferences),
            rests: it.rests.clone(),
        })
    }

    pub(super) fn record(self, id: [u8; 16], redactor: &Redactor) -> Result<AnswerRecord, RowError> {
        let [prompt, completion, hit, miss] = self.usage;
        plain(redactor, [self.project.as_str(), &self.model])?;
        plain(redactor, self.rests.iter().flat_map(Observed::texts))?;
        Ok(AnswerRecord {
            id: Uuid::from_bytes(id),
            uid: self.uid,
            project: self.project.into(),
            has_project: self.has_project,
            scope: self.scope.0,
            question: redactor.text(&self.question),
            attachments: self.attachments.0,
            answer: redactor.text(&self.answer),
            model: self.model,
            usage: Usage { prompt, completion, hit, miss },
            cost_usd: self.cost_usd,
            elapsed_ms: self.elapsed_ms,
            made: time(self.made)?,
            used: time(self.used)?,
            hits: self.hits,
            instructions: self.instructions.0,
            preferences: self.preferences.0,
            rests: self.rests,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conversation {
    id: String,
    uid: u32,
    project: String,
    session: String,
    exchanges: Vec<(String, String)>,
    files: Vec<Observed>,
    used: u64,
}

impl Conversation {
    pub(super) fn of(it: &ConversationRecord) -> Result<Self, RowError> {
        let text = |text: &Redacted| text.as_str().to_owned();
        Ok(Self {
            id: it.id.clone(),
            uid: it.uid,
            project: utf8(&it.project)?,
            session: it.session.clone(),
            exchanges: it.exchanges.iter().map(|(question, answer)| (text(question), text(answer))).collect(),
            files: it.files.clone(),
            used: seconds(it.used),
        })
    }

    pub(super) fn record(self, redactor: &Redactor) -> Result<ConversationRecord, RowError> {
        plain(redactor, [self.id.as_str(), &self.project, &self.session])?;
        plain(redactor, self.files.iter().flat_map(Observed::texts))?;
        let text = |text: &String| redactor.text(text);
        Ok(ConversationRecord {
            id: self.id,
            uid: self.uid,
            project: self.project.into(),
            session: self.session,
            exchanges: self.exchanges.iter().map(|(question, answer)| (text(question), text(answer))).collect(),
            files: self.files,
            used: time(self.used)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preference {
    uid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    name: String,
    value: String,
    set: u64,
}

impl Preference {
    pub(super) fn of(it: &PreferenceRecord) -> Result<Self, RowError> {
        Ok(Self {
            uid: it.uid,
            project: it.project.as_deref().map(utf8).transpose()?,
            name: it.name.clone(),
            value: it.value.as_str().to_owned(),
            set: seconds(it.set),
        })
    }

    pub(super) fn record(self, redactor: &Redactor) -> Result<PreferenceRecord, RowError> {
        plain(redactor, self.project.as_deref().into_iter().chain([self.name.as_str()]))?;
        Ok(PreferenceRecord {
            uid: self.uid,
            project: self.project.map(PathBuf::from),
            name: self.name,
            value: redactor.text(&self.value),
            set: time(self.set)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rejection {
    uid: u32,
    project: String,
    pair: (Hex<32>, Hex<32>),
    at: u64,
}

impl Rejection {
    pub(super) fn of(it: &RejectionRecord) -> Result<Self, RowError> {
        let pair = (Hex(it.pair.0), Hex(it.pair.1));
        Ok(Self { uid: it.uid, project: utf8(&it.project)?, pair, at: seconds(it.at) })
    }

    pub(super) fn record(self, redactor: &Redactor) -> Result<RejectionRecord, RowError> {
        plain(redactor, [self.project.as_str()])?;
        let pair = (self.pair.0.0, self.pair.1.0);
        Ok(RejectionRecord { uid: self.uid, project: self.project.into(), pair, at: time(self.at)? })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdict {
    uid: u32,
    project: String,
    pair: (Hex<32>, Hex<32>),
    same: bool,
    at: u64,
}

impl Verdict {
    pub(super) fn of(it: &VerdictRecord) -> Result<Self, RowError> {
        let pair = (Hex(it.pair.0), Hex(it.pair.1));
        Ok(Self { uid: it.uid, project: utf8(&it.project)?, pair, same: it.same, at: seconds(it.at) })
    }

    pub(super) fn record(self, redactor: &Redactor) -> Result<VerdictRecord, RowError> {
        plain(redactor, [self.project.as_str()])?;
        let pair = (self.pair.0.0, self.pair.1.0);
        Ok(VerdictRecord { uid: self.uid, project: self.project.into(), pair, same: self.same, at: time(self.at)? })
    }
}

/// Refuses texts that mean something as they are and that the redactor would change.
fn plain<'a>(redactor: &Redactor, texts: impl IntoIterator<Item = &'a str>) -> Result<(), RowError> {
    let holds_secret = texts.into_iter().any(|text| redactor.text_counted(text).1 > 0);
    if holds_secret { Err(RowError::Secret) } else { Ok(()) }
}

fn utf8(path: &Path) -> Result<String, RowError> {
    path.to_str().map(str::to_owned).ok_or(RowError::Path)
}

/// Whole seconds since 1970: what is compared in days needs no more.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST_SECOND))
}

fn time(seconds: u64) -> Result<SystemTime, RowError> {
    let in_time = Some(seconds).filter(|seconds| *seconds <= LAST_SECOND);
    in_time.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))).ok_or(RowError::Time)
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_yes(it: &bool) -> bool {
    *it
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(it: &u32) -> bool {
    *it == 0
}

fn nothing() -> Hex<32> {
    NOTHING
}

fn is_nothing(it: &Hex<32>) -> bool {
    *it == NOTHING
}
