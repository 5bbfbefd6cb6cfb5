//! Which answers in memory a question may get: the tiers, in order.

use std::{cmp::Ordering, sync::Arc};

use super::{entry::Entry, pairs::Pairs, scope::Scope, table::Table};
use crate::{
    config::Similarity,
    memory::{
        kept::Fingerprint,
        question::{self, Match, Question},
    },
    redact::Redacted,
};

/// A question on its way through the memory.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Where and under which conditions.
    pub scope: Scope,
    /// As it was asked.
    pub text: Redacted,
    /// As it is compared.
    pub question: Question,
    /// Of the attached texts.
    pub attachments: Fingerprint,
    /// Of the AGENTS.md files that apply.
    pub instructions: Fingerprint,
    /// Of the preferences that apply.
    pub preferences: Fingerprint,
}

/// An answer whose question is like the one asked.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The answer.
    pub entry: Arc<Entry>,
    /// Canonical coverage of the two questions, 0 to 1.
    pub score: f32,
    /// True when a model has said that they ask the same.
    pub confirmed: bool,
    /// True when they are alike enough for the lenient mode, with no guard against it.
    pub covered: bool,
}

/// An answer that is alike and must not be served.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The answer.
    pub entry: Arc<Entry>,
    /// Canonical coverage of the two questions, 0 to 1.
    pub score: f32,
    /// What tells the two apart.
    pub guard: &'static str,
}

/// What a question may be answered with, before anything is verified.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The same question in the same words.
    pub exact: Option<Arc<Entry>>,
    /// Equal by rule.
    pub near: Vec<Arc<Entry>>,
    /// Neither equal nor different by rule, best first.
    pub candidates: Vec<Candidate>,
    /// The most alike of those that a guard refuses.
    pub refused: Option<Refusal>,
}

/// The same words.
pub(super) fn exact(table: &Table, asked: &Asked, similarity: Similarity) -> Option<Arc<Entry>> {
    let key = (asked.scope.fingerprint, *asked.question.exact_key(), asked.attachments);
    table.exact(&key).filter(|_| similarity != Similarity::Off).map(Arc::clone)
}

/// Looks a question up.
pub(super) fn find(table: &Table, pairs: &Pairs, asked: &Asked, similarity: Similarity) -> Found {
    if similarity == Similarity::Off {
        return Found::default();
    }
    let (uid, project) = (asked.scope.uid, asked.scope.project.as_path());
    let mut found = Found { exact: exact(table, asked, similarity), ..Found::default() };
    if similarity == Similarity::Exact || !may_share(&asked.question) || pairs.exact_only(uid, project) {
        return found;
    }
    let of = |entry: &Entry| (*asked.question.exact_key(), *entry.question.exact_key());
    let others: Vec<&Arc<Entry>> = table
        .in_scope(&asked.scope.fingerprint)
        .iter()
        .filter(|entry| entry.record().attachments == asked.attachments && of(entry).0 != of(entry).1)
        .filter(|entry| !pairs.is_rejected(uid, project, of(entry)))
        .collect();
    let mut open = Vec::new();
    for entry in others {
        match question::compare(&asked.question, &entry.question) {
            Match::Same => found.near.push(Arc::clone(entry)),
            Match::Undecided => match pairs.verdict(uid, project, of(entry)) {
                Some(true) => found.candidates.push(candidate(asked, entry, true)),
                Some(false) => {}
                None => open.push(entry),
            },
            Match::Differs(guard) => refuse(&mut found.refused, asked, entry, guard.name()),
        }
    }
    found.near.sort_by_key(|entry| std::cmp::Reverse(entry.record().made));
    let best =
        question::best(&asked.question, open.iter().map(|entry| (*entry, &entry.question)), question::CANDIDATES);
    found.candidates.extend(best.into_iter().map(|(entry, _)| candidate(asked, entry, false)));
    found
}

/// False for what is not the same twice: a follow-up, or a wish that something be changed.
fn may_share(question: &Question) -> bool {
    question.canonical_key().is_some() && question.is_self_contained() && !question.asks_for_change()
}

fn candidate(asked: &Asked, entry: &Arc<Entry>, confirmed: bool) -> Candidate {
    Candidate {
        score: asked.question.coverage(&entry.question),
        covered: question::covered(&asked.question, &entry.question),
        entry: Arc::clone(entry),
        confirmed,
    }
}

fn refuse(refused: &mut Option<Refusal>, asked: &Asked, entry: &Arc<Entry>, guard: &'static str) {
    let score = asked.question.coverage(&entry.question);
    let is_more = |known: &Refusal| score.partial_cmp(&known.score) == Some(Ordering::Greater);
    if refused.as_ref().is_none_or(is_more) {
        *refused = Some(Refusal { entry: Arc::clone(entry), score, guard });
    }
}
