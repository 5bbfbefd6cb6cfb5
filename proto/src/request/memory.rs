//! What is kept beyond a session, for those who look after it.

use serde::{Deserialize, Serialize};

use crate::{Fact, list};

wire! {
    /// Parameters of `memory.status`: none.
    pub struct MemoryStatusRequest {}

    /// Result of `memory.status`.
    pub struct MemoryReport {
        /// One line for each kind of record.
        #[serde(deserialize_with = "list::any")]
        pub kinds: Vec<MemoryKind>,
        /// Bytes of the store on disk.
        pub disk_bytes: u64,
        /// How the store is: `good`, `degraded`, `ram_only`.
        pub health: String,
        /// The newest backup; empty when there is none.
        pub last_backup: String,
        /// Seconds since it was written; none when there is none.
        pub last_backup_s: Option<u64>,
        /// What else there is to say: place, records skipped, what was set aside.
        #[serde(deserialize_with = "list::any")]
        pub facts: Vec<Fact>,
    }

    /// One kind of record.
    pub struct MemoryKind {
        /// `answers`, `conversations`, `preferences` …
        pub name: String,
        /// Records kept.
        pub count: u64,
        /// Most records kept; 0: no cap of its own.
        pub cap: u64,
        /// Bytes of text in them.
        pub bytes: u64,
        /// Seconds since the oldest was made; none when there is none.
        pub oldest_s: Option<u64>,
        /// Seconds since the newest was made.
        pub newest_s: Option<u64>,
    }

    /// Parameters of `memory.prefs`.
    pub struct PrefsListRequest {
        /// Directory of the project; empty: only what applies everywhere.
        pub cwd: String,
    }

    /// Result of `memory.prefs`: the preferences that apply.
    pub struct PrefsReport {
        /// By name; one of the project hides one of the user.
        #[serde(deserialize_with = "list::any")]
        pub preferences: Vec<Preference>,
    }

    /// A preference.
    pub struct Preference {
        /// Name, such as `language`.
        pub name: String,
        /// Its value, redacted.
        pub value: String,
        /// True when it applies in this project only.
        pub project: bool,
        /// Seconds since it was set.
        pub age_s: u64,
    }

    /// Parameters of `memory.prefs.set`.
    pub struct PrefsSetRequest {
        /// Directory of the project; empty: the preference applies everywhere.
        pub cwd: String,
        /// Name: letters, digits, `-`, `_`, `.`; at most 64 bytes.
        pub name: String,
        /// Value: at most 500 characters.
        pub value: String,
    }

    /// Result of `memory.prefs.set`.
    pub struct PrefsSetReport {
        /// As it is kept now.
        pub preference: Preference,
        /// True when it had another value before.
        pub replaced: bool,
    }

    /// Parameters of `memory.prefs.unset`.
    pub struct PrefsUnsetRequest {
        /// Directory of the project; empty: the preference that applies everywhere.
        pub cwd: String,
        /// Name.
        pub name: String,
    }

    /// Result of `memory.prefs.unset`.
    pub struct PrefsUnsetReport {
        /// False when there was none of that name.
        pub removed: bool,
    }

    /// Parameters of `memory.backup`.
    pub struct BackupRequest {
        /// Directory to write to, absolute; empty: `backups` in the state directory.
        pub directory: String,
    }

    /// Result of `memory.backup`.
    pub struct BackupReport {
        /// The file.
        pub path: String,
        /// Its size.
        pub bytes: u64,
        /// Records in it.
        pub records: u64,
        /// Its SHA-256, in hex.
        pub sha256: String,
        /// Older backups that made room.
        #[serde(deserialize_with = "list::any")]
        pub removed: Vec<String>,
    }

    /// Parameters of `memory.restore`.
    pub struct RestoreRequest {
        /// The backup, absolute; empty: the newest good one in the state directory.
        pub path: String,
        /// Check the file and change nothing.
        pub check_only: bool,
    }

    /// Result of `memory.restore`.
    pub struct RestoreReport {
        /// The file that was read.
        pub path: String,
        /// What is in it now: one line for each kind of record.
        #[serde(deserialize_with = "list::any")]
        pub kinds: Vec<MemoryKind>,
        /// The backup that holds what was replaced; empty when nothing was.
        pub replaced: String,
    }

    /// Parameters of `memory.export`.
    pub struct ExportRequest {
        /// Directory of the project; empty: all of the asking user.
        pub cwd: String,
        /// `next` of the page before; empty: from the beginning.
        pub after: String,
    }

    /// Result of `memory.export`.
    pub struct ExportPage {
        /// One JSON object a record.
        #[serde(deserialize_with = "list::any")]
        pub records: Vec<String>,
        /// What to ask on with; empty: this was the last page.
        pub next: String,
    }

    /// Parameters of `memory.forget`.
    pub struct ForgetRequest {
        /// Directory of the project to forget; with `all` or `conversation` it is not looked at.
        pub cwd: String,
        /// Everything of the asking user.
        pub all: bool,
        /// Id of one conversation, or its first characters.
        pub conversation: String,
    }

    /// Result of `memory.forget`.
    pub struct ForgetReport {
        /// What was erased, by kind, with counts.
        #[serde(deserialize_with = "list::any")]
        pub erased: Vec<Fact>,
    }
}
