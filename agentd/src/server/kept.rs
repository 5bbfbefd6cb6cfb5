//! Requests about what is kept: cached answers, preferences, backups.

use std::sync::Arc;

use proto::{
    AskRequest, CacheClearReport, CacheReport, CacheStatsReport, CacheWhyRequest, ErrorKind, Failure, RejectReport,
    Request, Response, WhyReport,
};
use tokio_util::sync::CancellationToken;

use super::{
    dispatch::{Origin, ask_of},
    preferences, upkeep,
};
use crate::{
    agent::{self, proto_answer},
    daemon::Daemon,
    memory::{kept::Kept, question::Question},
};

/// Carries out one request of the families `cache` and `memory`.
pub(super) async fn handle(daemon: &Arc<Daemon>, from: &Origin, request: Request) -> Result<Response, Failure> {
    let redactors = daemon.redactors();
    let preferences = preferences::Desk { agent: &daemon.agent, uid: from.uid, redactor: redactors.kept(false) };
    Ok(match request {
        Request::CacheList(list) => cache_list(daemon, from.uid, &list.cwd).await?.into(),
        Request::CacheWhy(why) => cache_why(daemon, from, why).await?.into(),
        Request::CacheReject(reject) => cache_reject(daemon, from.uid, &reject.cwd, &reject.id).await?.into(),
        Request::CacheClear(clear) => cache_clear(daemon, from.uid, &clear.cwd).await?.into(),
        Request::CacheStats(_) => CacheStatsReport { facts: daemon.agent.memory.answers.stats.facts() }.into(),
        Request::PrefsList(list) => preferences.list(&list).await?.into(),
        Request::PrefsSet(set) => preferences.set(&set).await?.into(),
        Request::PrefsUnset(unset) => preferences.unset(&unset).await?.into(),
        Request::MemoryStatus(_) => upkeep::status(daemon).await?.into(),
        Request::Backup(backup) => upkeep::backup(daemon, backup).await?.into(),
        Request::Restore(restore) => upkeep::restore(daemon, restore).await?.into(),
        Request::Export(export) => upkeep::export(daemon, from.uid, export).await?.into(),
        Request::Forget(forget) => upkeep::forget(daemon, from.uid, forget).await?.into(),
        other => {
            let message = format!("{} is not a request about what is kept", other.method());
            return Err(Failure::new(ErrorKind::Internal, message));
        }
    })
}

/// The project a request names; `None` for everywhere.
pub(super) async fn project_of(cwd: &str) -> Result<Option<std::path::PathBuf>, Failure> {
    Ok(if cwd.is_empty() { None } else { Some(agent::home_of(cwd).await?) })
}

async fn cache_list(daemon: &Daemon, uid: u32, cwd: &str) -> Result<CacheReport, Failure> {
    let project = project_of(cwd).await?;
    let agent = &daemon.agent;
    let entries = agent.memory.answers.list(uid, project.as_deref());
    Ok(CacheReport { answers: entries.iter().map(|entry| proto_answer(&*agent.clock, entry)).collect() })
}

async fn cache_why(daemon: &Arc<Daemon>, from: &Origin, why: CacheWhyRequest) -> Result<WhyReport, Failure> {
    let request = AskRequest { prompt: why.question, cwd: why.cwd, model: why.model, ..AskRequest::default() };
    let choice = daemon.provider().await?;
    let ask = ask_of(daemon, from, request, String::new(), CancellationToken::new());
    agent::why(&daemon.agent, ask, &choice).await
}

async fn cache_reject(daemon: &Daemon, uid: u32, cwd: &str, id: &str) -> Result<RejectReport, Failure> {
    let project = agent::home_of(cwd).await?;
    let (answers, clock) = (&daemon.agent.memory.answers, &daemon.agent.clock);
    let last = answers.last(uid, &project);
    let wanted = match (id, &last) {
        ("", Some(last)) => last.served.map(|id| id.to_string()).unwrap_or_default(),
        (id, _) => id.to_owned(),
    };
    let none = || {
        Failure::new(ErrorKind::NotFound, "no answer was served from memory in this project since the daemon started")
            .hint("agentctl cache list shows the ids; agentctl cache reject ID")
    };
    if wanted.is_empty() {
        return Err(none());
    }
    let entry = answers.by_id(uid, &wanted).map_err(|found| match found {
        0 => Failure::new(ErrorKind::NotFound, format!("no answer in memory has an id that begins with {wanted:?}"))
            .hint("agentctl cache list shows what there is"),
        n => Failure::new(ErrorKind::Usage, format!("{n} answers have an id that begins with {wanted:?}")),
    })?;
    // What it was served for last; named by its id alone it is wrong for its own question.
    let asked = match last.filter(|last| last.served == Some(entry.record().id)) {
        Some(last) => Question::new(last.question.as_str()),
        None => entry.question.clone(),
    };
    let exact_only = answers.reject(&entry, &asked, clock.now());
    answers.written().await.map_err(|why| until_the_end("the answer is out", &why))?;
    let record = entry.record();
    Ok(RejectReport { id: record.id.to_string(), question: record.question.to_string(), exact_only })
}

/// What was done is done in RAM only.
fn until_the_end(what: &str, why: &str) -> Failure {
    Failure::new(ErrorKind::Failure, format!("{what} until the daemon ends, but that could not be written: {why}"))
        .hint("type: agentctl memory status")
}

async fn cache_clear(daemon: &Daemon, uid: u32, cwd: &str) -> Result<CacheClearReport, Failure> {
    let project = project_of(cwd).await?;
    let is_meant = |kept: &Kept| {
        matches!(kept, Kept::Answer(_))
            && kept.uid() == uid
            && project.as_deref().is_none_or(|project| kept.project() == Some(project))
    };
    let answers = &daemon.agent.memory.answers;
    let cleared = answers.forget(&is_meant);
    answers.written().await.map_err(|why| until_the_end("the answers are dropped", &why))?;
    Ok(CacheClearReport { cleared: u32::try_from(cleared.len()).unwrap_or(u32::MAX) })
}
