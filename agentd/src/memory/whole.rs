//! The memory as a whole: everything that outlives the daemon, in RAM, and its durable copy.
//!
//! Owns the order of start and stop: the store opens on its own thread while the rest of the daemon starts, what it
//! holds is loaded before the first request, and what is behind is written at the end. Refuses to be a reason not to
//! start or not to answer: without a store everything lives in RAM, and `status` says so.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::{Duration, SystemTime},
};

use super::{
    answers::Answers,
    backup::Backups,
    kept::{Change, Fingerprint, Kept},
    lasting::{Lasting, Sink},
    question::Question,
    row::Row,
    rows,
    store::{Health, HealthState, Opened, Opening, Owner, Report, Store},
    upkeep::Records,
};
use crate::{
    config::MemoryConfig,
    redact::Redactor,
    sync::lock,
    tools::{BoxFuture, observed::Digests},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What outlives the sessions, for the running daemon.
#[derive(Default)]
pub struct Memory {
    /// Cached answers.
    pub answers: Answers,
    /// Conversations and preferences.
    pub lasting: Arc<Lasting>,
    /// What is known of files that did not change: verifying is quick by it.
    pub digests: Arc<Digests>,
    disk: Option<Disk>,
    /// For what is read back. Only the redactor makes text that may be kept.
    redactor: Mutex<Redactor>,
}

struct Disk {
    store: OnceLock<Store>,
    backups: Backups,
    /// What was not as it should be at the start.
    found: Mutex<Vec<String>>,
}

impl Memory {
    /// Opens the memory below the state directory. What it holds is there after [`Memory::load`].
    pub fn open(state: &Path) -> (Arc<Self>, Opening) {
        // What reading the records back needs is made while the store opens.
        std::thread::spawn(warm_up);
        let disk = Disk { store: OnceLock::new(), backups: Backups::new(state.to_path_buf()), found: Mutex::default() };
        let memory = Arc::new(Self { disk: Some(disk), ..Self::default() });
        let (store, opening) = Store::open(&state.join("memory"), Shared(Arc::downgrade(&memory)));
        let sink: Arc<dyn Sink> = Arc::new(ToStore(store.clone()));
        memory.answers.wire(Arc::clone(&sink));
        memory.lasting.wire(sink);
        if let Some(disk) = &memory.disk {
            let _ = disk.store.set(store);
        }
        (memory, opening)
    }

    /// Takes what the store holds, and holds the caps.
    pub async fn load(&self, opening: Opening, config: &MemoryConfig, now: SystemTime) {
        let Opened { records, report } = opening.wait().await;
        let redactor = lock(&self.redactor).clone();
        let decoded = tokio::task::spawn_blocking(move || decode(&records, &redactor)).await;
        let (kept, unread) = decoded.unwrap_or_else(|_| (Vec::new(), vec!["reading the memory panicked".to_owned()]));
        let (answers, others): (Vec<Kept>, Vec<Kept>) =
            kept.into_iter().partition(|kept| !matches!(kept, Kept::Conversation(_) | Kept::Preference(_)));
        self.answers.load(answers);
        if let Err(why) = self.lasting.load(others).await {
            tracing::warn!(%why, "the memory could not be brought within its caps");
        }
        self.clean_up(config, now).await;
        let Some(disk) = &self.disk else { return };
        let mut found = lock(&disk.found);
        found.extend(told(&report, &disk.backups));
        found.extend(unread);
        found.iter().for_each(|what| tracing::warn!("{what}"));
    }

    /// The redactor for what is read from now on.
    pub fn set_redactor(&self, redactor: Redactor) {
        *lock(&self.redactor) = redactor;
    }

    /// Holds the caps, at the start, after a reload and now and then.
    pub async fn clean_up(&self, config: &MemoryConfig, now: SystemTime) {
        let keep = DAY * config.keep_days;
        self.answers.clean_up(config.cache_size, keep, now);
        let capped = self.lasting.set_cap(config.max_persistent_conversations).await;
        let expired = match now.checked_sub(keep) {
            Some(since) => self.lasting.expire(since).await,
            None => Ok(()),
        };
        if let Err(why) = capped.and(expired) {
            tracing::warn!(%why, "old conversations are still on disk");
        }
    }

    /// Of the preferences that apply in a project.
    pub fn preferences_fingerprint(&self, uid: u32, project: &Path) -> Fingerprint {
        self.lasting.preferences_digest(uid, Some(project))
    }

    /// The backups; `None` for a memory that lives in RAM only.
    pub fn backups(&self) -> Option<&Backups> {
        self.disk.as_ref().map(|disk| &disk.backups)
    }

    fn store(&self) -> Option<&Store> {
        self.disk.as_ref()?.store.get()
    }

    /// How the store is.
    pub fn health(&self) -> Health {
        self.store().map(Store::health).unwrap_or_else(|| Health {
            state: HealthState::RamOnly { why: "it was started without a disk".to_owned() },
            ..Health::default()
        })
    }

    /// In one line, for `status`.
    pub fn describe(&self) -> String {
        let health = self.health();
        let state = match health.state {
            HealthState::Good => "good",
            HealthState::Degraded { .. } => "degraded",
            HealthState::RamOnly { .. } => "in RAM only",
        };
        let (records, kib) = (health.records, health.disk_bytes / 1024);
        format!("{state}, {records} records in {kib} KiB; {} answers served", self.answers.stats.hits())
    }

    /// What was not as it should be, at the start or now.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.disk.as_ref().map(|disk| lock(&disk.found).clone()).unwrap_or_default();
        match self.health().state {
            HealthState::Good => {}
            HealthState::Degraded { why } => warnings.push(format!("the memory on disk is degraded: {why}")),
            HealthState::RamOnly { why } => {
                warnings.push(format!("nothing is written to disk, what is new ends with the daemon: {why}"));
            }
        }
        warnings
    }

    /// The redactor for what is read.
    pub fn redactor(&self) -> Redactor {
        lock(&self.redactor).clone()
    }

    /// Writes what is behind and ends the store's thread. Blocking, within a deadline.
    pub fn close(&self) {
        self.answers.write_usage();
        if let Some(store) = self.store()
            && !store.clone().close()
        {
            tracing::warn!("the disk did not answer: what was new in the memory may be lost");
        }
    }
}

impl Records for Memory {
    fn snapshot(&self) -> Vec<Kept> {
        let mut all = self.answers.snapshot();
        all.extend(self.lasting.snapshot());
        all
    }

    fn replace_all(&self, records: Vec<Kept>) -> Vec<Kept> {
        let before = self.snapshot();
        self.answers.load(records.iter().cloned());
        self.lasting.replace(records);
        before
    }

    fn remove(&self, is_selected: &dyn Fn(&Kept) -> bool) -> Vec<Kept> {
        let mut removed = self.answers.forget(is_selected);
        removed.extend(self.lasting.remove(is_selected));
        removed
    }

    fn rewrite_store(&self, erase: bool) -> Result<(), String> {
        let Some(store) = self.store() else { return Ok(()) };
        let rows = encode(&self.snapshot());
        let handle = tokio::runtime::Handle::current();
        let done = handle.block_on(async { if erase { store.forget(rows).await } else { store.rewrite(rows).await } });
        done.map_err(|error| error.to_string())
    }
}

/// The memory as the store's thread sees it.
struct Shared(Weak<Memory>);

impl Owner for Shared {
    fn records(&self) -> Vec<Row> {
        self.0.upgrade().map(|memory| encode(&memory.snapshot())).unwrap_or_default()
    }

    fn late(&self, records: Vec<Row>) {
        let Some(memory) = self.0.upgrade() else { return };
        let (kept, _) = decode(&records, &memory.redactor());
        memory.answers.add(kept.iter().cloned());
        memory.lasting.add(kept);
    }
}

/// The way of changes to the store.
struct ToStore(Store);

impl Sink for ToStore {
    fn write(&self, changes: Vec<Change>) -> BoxFuture<'static, Result<(), String>> {
        let store = self.0.clone();
        let before = store.health().lost_writes;
        let mut refused = None;
        for change in changes {
            match change {
                Change::Keep(kept) => match rows::encode(&kept) {
                    Ok(row) => store.keep(row),
                    Err(error) => refused = Some(error.to_string()),
                },
                Change::Remove(kept) => store.remove(rows::shelf_of(&kept), rows::id_of(&kept)),
            }
        }
        let lost = store.health().lost_writes != before;
        Box::pin(async move {
            match refused {
                Some(why) => Err(why),
                None if lost => Err("too much waits for the disk".to_owned()),
                None => store.flush().await.map_err(|error| error.to_string()),
            }
        })
    }
}

/// Builds the tables that redaction and questions need; whoever comes first would wait for them.
fn warm_up() {
    let _ = Question::new(Redactor::default().text("where is the lock taken?").as_str());
}

fn encode(kept: &[Kept]) -> Vec<Row> {
    kept.iter().filter_map(|kept| rows::encode(kept).ok()).collect()
}

/// What can be read, and what is to be said about the rest. On two threads: redacting is most of it, and the start waits.
fn decode(records: &[Row], redactor: &Redactor) -> (Vec<Kept>, Vec<String>) {
    let (first, second) = records.split_at(records.len() / 2);
    let each = |rows: &[Row]| rows.iter().map(|row| rows::decode(row, redactor)).collect::<Vec<_>>();
    let decoded = std::thread::scope(|scope| {
        let half = scope.spawn(|| each(first));
        let mut rest = each(second);
        let mut all = half.join().unwrap_or_default();
        all.append(&mut rest);
        all
    });
    let unread = records.len().saturating_sub(decoded.iter().filter(|one| one.is_ok()).count());
    let first = decoded.iter().find_map(|one| one.as_ref().err().map(ToString::to_string));
    let told = (unread > 0).then(|| {
        let why = first.unwrap_or_else(|| "reading them panicked".to_owned());
        format!("{unread} records of the memory could not be read: {why}")
    });
    (decoded.into_iter().flatten().collect(), told.into_iter().collect())
}

/// What people must know about how the store opened.
fn told(report: &Report, backups: &Backups) -> Option<String> {
    match report {
        Report::Fresh | Report::Good | Report::RamOnly { .. } => None,
        Report::Damaged { skipped, missing } => {
            Some(format!("{skipped} records of the memory were damaged and set aside, {missing} are missing"))
        }
        Report::Quarantined { moved_to, why, salvaged } => {
            let cure = match backups.newest() {
                Some(backup) => format!("the newest backup is {}: agentctl memory restore", backup.path.display()),
                None => "there is no backup".to_owned(),
            };
            let moved = moved_to.display();
            Some(format!(
                "the memory could not be opened ({why}) and is in {moved}; {salvaged} records of it were saved; {cure}"
            ))
        }
    }
}
