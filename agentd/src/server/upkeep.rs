//! Requests about the memory as a whole: status, backup, restore, export, forget. The work is disk work and is done on
//! a blocking thread.

use std::sync::Arc;

use proto::{
    BackupReport, BackupRequest, ErrorKind, ExportPage, ExportRequest, Fact, Failure, ForgetReport, ForgetRequest,
    MemoryReport, RestoreReport, RestoreRequest,
};

use super::kept::project_of;
use crate::{
    agent,
    clock::seconds_since,
    daemon::Daemon,
    memory::{
        Memory,
        row::Shelf,
        store::HealthState,
        tally,
        upkeep::{Records as _, Upkeep, Wanted},
    },
};

/// How the memory is.
pub(super) async fn status(daemon: &Arc<Daemon>) -> Result<MemoryReport, Failure> {
    let config = daemon.config();
    let caps = move |shelf: Shelf| match shelf {
        Shelf::Answer => config.memory.cache_size as u64,
        Shelf::Conversation => config.memory.max_persistent_conversations as u64,
        Shelf::Preference | Shelf::Rejection | Shelf::Verdict => 0,
    };
    let (memory, now) = (Arc::clone(&daemon.agent.memory), daemon.agent.clock.now());
    let (kinds, newest) = on_disk(move || {
        let newest = memory.backups().and_then(|backups| backups.newest());
        (tally::kinds(&memory.snapshot(), &caps, now), newest)
    })
    .await?;
    let memory = &daemon.agent.memory;
    let health = memory.health();
    let mut facts = vec![
        fact("records_on_disk", health.records.to_string()),
        fact("live_bytes", health.live_bytes.to_string()),
        fact("skipped", health.skipped.to_string()),
        fact("quarantined", health.quarantined.to_string()),
        fact("lost_writes", health.lost_writes.to_string()),
        fact("write_errors", health.errors.to_string()),
    ];
    let redactors = daemon.redactors();
    let told = |text: &str| redactors.kept(false).text(text).to_string();
    facts.extend(health.last_error.as_deref().map(|error| fact("last_error", told(error))));
    facts.extend(memory.warnings().iter().map(|warning| fact("warning", told(warning))));
    Ok(MemoryReport {
        kinds,
        disk_bytes: health.disk_bytes,
        health: word(&health.state).to_owned(),
        last_backup_s: newest.as_ref().map(|found| seconds_since(&*daemon.agent.clock, found.name.time())),
        last_backup: newest.map(|found| found.path.display().to_string()).unwrap_or_default(),
        facts,
    })
}

fn fact(name: &str, value: String) -> Fact {
    Fact { name: name.to_owned(), value }
}

/// The health in one word.
pub(super) fn word(state: &HealthState) -> &'static str {
    match state {
        HealthState::Good => "good",
        HealthState::Degraded { .. } => "degraded",
        HealthState::RamOnly { .. } => "ram_only",
    }
}

pub(super) async fn backup(daemon: &Arc<Daemon>, request: BackupRequest) -> Result<BackupReport, Failure> {
    with_upkeep(daemon, move |upkeep| upkeep.backup(&request)).await
}

pub(super) async fn restore(daemon: &Arc<Daemon>, request: RestoreRequest) -> Result<RestoreReport, Failure> {
    let report = with_upkeep(daemon, move |upkeep| upkeep.restore(&request)).await?;
    daemon.hold_caps().await;
    Ok(report)
}

pub(super) async fn export(daemon: &Arc<Daemon>, uid: u32, request: ExportRequest) -> Result<ExportPage, Failure> {
    let project = project_of(&request.cwd).await?;
    with_upkeep(daemon, move |upkeep| upkeep.export(uid, project.as_deref(), &request.after)).await
}

/// Forgets in the sessions first: what went on there would be kept again.
pub(super) async fn forget(daemon: &Arc<Daemon>, uid: u32, request: ForgetRequest) -> Result<ForgetReport, Failure> {
    let sessions = &daemon.agent.sessions;
    let (wanted, cleared) = if request.all {
        (Wanted::All, Some(("sessions", sessions.clear_all(uid))))
    } else if !request.conversation.is_empty() {
        let live = sessions.conversations(uid);
        (Wanted::Conversation { prefix: request.conversation, live }, None)
    } else {
        if request.cwd.is_empty() {
            return Err(Failure::new(ErrorKind::Usage, "nothing is named that is to be forgotten")
                .hint("agentctl memory forget --project, --all or --conversation ID"));
        }
        let project = agent::home_of(&request.cwd).await?;
        let cleared = sessions.clear(uid, &project, None);
        (Wanted::Project(project), Some(("sessions", cleared)))
    };
    let prefix = match &wanted {
        Wanted::Conversation { prefix, .. } => Some(prefix.clone()),
        _ => None,
    };
    let mut report = with_upkeep(daemon, move |upkeep| upkeep.forget(uid, wanted)).await?;
    let cleared = cleared
        .or_else(|| prefix.map(|prefix| ("conversations_in_sessions", sessions.drop_conversation(uid, &prefix))));
    if let Some((name, count)) = cleared {
        report.erased.insert(0, fact(name, count.to_string()));
    }
    Ok(report)
}

/// Does the work on a blocking thread.
async fn with_upkeep<T: Send + 'static>(
    daemon: &Arc<Daemon>,
    work: impl FnOnce(&Upkeep<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (memory, config) = (Arc::clone(&daemon.agent.memory), daemon.config());
    let (now, redactor) = (daemon.agent.clock.now(), daemon.redactors().kept(false).clone());
    on_disk(move || {
        let backups = memory.backups().ok_or_else(|| Failure::new(ErrorKind::Failure, "there is no disk"))?;
        let records: &Memory = &memory;
        work(&Upkeep { records, backups, redactor: &redactor, now, keep: config.memory.backups })
    })
    .await?
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Failure::new(ErrorKind::Internal, "the work on the memory failed inside the daemon"))
}
