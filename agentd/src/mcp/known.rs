//! What is remembered of servers from one start of the daemon to the next.
//!
//! Owns `mcp-known.json` in the state directory: of each server its era and its tool list. With it the tools are the same
//! from the first question on, before any server runs, and a restart skips the search for the era. It is a cache: what
//! cannot be read is dropped with a warning, and nothing waits for a write.
//!
//! Refuses text that is not redacted (it takes [`Listed`] only), values of variables (a server's key is made of its command
//! line or URL, as a hash), and to grow: by servers and by bytes, what was used last stays.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::client::{Era, RemoteTool};
use crate::{
    config::{McpServer, Transport},
    memory::folder::{Folder, FolderError},
    sync::lock,
};

/// Name of the file.
const FILE: &str = "mcp-known.json";
/// Its version: another one is not read.
const VERSION: u32 = 1;
/// Servers that are remembered; each project's instance of one counts.
const SERVERS_MAX: usize = 64;
/// Bytes of one server's tools: 500 tools of 1 KiB. Of a larger list only the era is remembered.
const TOOLS_BYTES_MAX: usize = 512 << 10;
/// Bytes of the file: it is read before the daemon is ready.
const BYTES_MAX: usize = 4 << 20;
/// Between a change and its write: servers that come up together are written once.
const SAVE_DELAY: Duration = Duration::from_millis(500);

/// One server.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    era: Option<Era>,
    server: String,
    tools: Vec<RemoteTool>,
}

/// What is remembered of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Remembered {
    /// The era that it spoke.
    pub(super) era: Option<Era>,
    /// Name and version that it gave itself, redacted.
    pub(super) server: String,
    /// Its tools, redacted.
    pub(super) tools: Arc<[RemoteTool]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    servers: Vec<Entry>,
}

/// The servers that are remembered.
pub(super) struct Known {
    state_dir: PathBuf,
    /// Used last, first.
    entries: Mutex<Vec<(String, Remembered)>>,
    is_due: AtomicBool,
    writing: tokio::sync::Mutex<()>,
}

/// By what a server is known again: the process that it is, not its name nor what the user allows it.
pub(super) fn key(server: &McpServer, project: Option<&Path>) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    };
    match &server.transport {
        Transport::Stdio(stdio) => {
            add(&stdio.command);
            stdio.args.iter().for_each(|arg| add(arg));
        }
        Transport::Http(http) => add(&http.url),
    }
    if let Some(project) = project {
        add("\0project");
        add(&project.to_string_lossy());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Known {
    /// Reads the file. Blocks for a moment: for the daemon's start.
    pub(super) fn load(state_dir: PathBuf) -> Arc<Self> {
        let entries = read(&state_dir).unwrap_or_else(|why| {
            tracing::warn!(%why, "what was remembered of MCP servers is dropped");
            Vec::new()
        });
        let of =
            |entry: Entry| (entry.key, Remembered { era: entry.era, server: entry.server, tools: entry.tools.into() });
        let entries = Mutex::new(entries.into_iter().take(SERVERS_MAX).map(of).collect());
        Arc::new(Self { state_dir, entries, is_due: AtomicBool::new(false), writing: tokio::sync::Mutex::default() })
    }

    /// What is known of a server; of a project's instance that never ran, what is known of its kin.
    pub(super) fn get(&self, server: &McpServer, project: Option<&Path>) -> Option<Remembered> {
        let entries = lock(&self.entries);
        let find = |key: String| entries.iter().find(|(known, _)| *known == key).map(|(_, found)| found.clone());
        project.and_then(|project| find(key(server, Some(project)))).or_else(|| find(key(server, None)))
    }

    /// Notes what a server turned out to be. True when that is new.
    pub(super) fn remember(&self, server: &McpServer, project: Option<&Path>, found: Remembered) -> bool {
        let mut entries = lock(&self.entries);
        let mut is_new = false;
        let keys = [Some(key(server, None)), project.map(|project| key(server, Some(project)))];
        for key in keys.into_iter().flatten() {
            let before = entries.iter().position(|(known, _)| *known == key).map(|at| entries.remove(at).1);
            is_new |= before.as_ref() != Some(&found);
            entries.insert(0, (key, found.clone()));
        }
        entries.truncate(SERVERS_MAX);
        is_new
    }

    /// The era turned out to be wrong.
    pub(super) fn forget_era(&self, server: &McpServer, project: Option<&Path>) {
        let keys = [Some(key(server, None)), project.map(|project| key(server, Some(project)))];
        for (key, found) in lock(&self.entries).iter_mut() {
            if keys.iter().flatten().any(|wrong| wrong == key) {
                found.era = None;
            }
        }
    }

    /// Writes the file soon; at once when the pool stops.
    pub(super) fn save(self: &Arc<Self>, tasks: &TaskTracker, stopped: &CancellationToken) {
        if self.is_due.swap(true, Ordering::AcqRel) {
            return;
        }
        let (known, stopped) = (Arc::clone(self), stopped.clone());
        tasks.spawn(async move {
            _ = tokio::time::timeout(SAVE_DELAY, stopped.cancelled()).await;
            let _turn = known.writing.lock().await;
            known.is_due.store(false, Ordering::Release);
            let writer = Arc::clone(&known);
            if let Ok(Err(why)) = tokio::task::spawn_blocking(move || writer.write()).await {
                tracing::warn!(%why, "what is known of MCP servers was not written");
            }
        });
    }

    fn write(&self) -> Result<(), FolderError> {
        let servers: Vec<_> = lock(&self.entries).iter().cloned().collect();
        let text = bounded(servers);
        Folder::make(&self.state_dir)?.replace(FILE, |out| out.write_all(&text))
    }
}

/// The file's text with as many servers as fit.
fn bounded(servers: Vec<(String, Remembered)>) -> Vec<u8> {
    let mut stored = Stored { version: VERSION, servers: Vec::new() };
    let mut bytes = 64;
    for (key, found) in servers {
        let mut entry = Entry { key, era: found.era, server: found.server, tools: found.tools.to_vec() };
        let size = |entry: &Entry| serde_json::to_vec(entry).map_or(0, |text| text.len() + 1);
        if size(&entry) > TOOLS_BYTES_MAX {
            entry.tools = Vec::new();
        }
        bytes += size(&entry);
        if bytes > BYTES_MAX {
            break;
        }
        stored.servers.push(entry);
    }
    serde_json::to_vec(&stored).unwrap_or_default()
}

fn read(state_dir: &Path) -> Result<Vec<Entry>, String> {
    let folder = Folder::open(state_dir).map_err(|error| error.to_string())?;
    let Some(folder) = folder else { return Ok(Vec::new()) };
    if !folder.files().map_err(|error| error.to_string())?.iter().any(|(name, _)| name == FILE) {
        return Ok(Vec::new());
    }
    let mut text = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
    let file = folder.read(FILE).map_err(|error| error.to_string())?.take(limit + 1);
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    { file }.read_to_end(&mut text).map_err(|error| error.to_string())?;
    // The parser's error may quote the text.
    let stored: Stored = serde_json::from_slice(&text).map_err(|_| format!("{FILE} is damaged"))?;
    if stored.version == VERSION { Ok(stored.servers) } else { Err(format!("{FILE} is of another version")) }
}
