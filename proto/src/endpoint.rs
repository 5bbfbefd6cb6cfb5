//! Where the two sides meet: state directory, lock file, socket.
//!
//! Pure functions over an injected environment; both programs use them, so they cannot disagree. Identity belongs to
//! the state directory: cron and ssh sessions have no `XDG_RUNTIME_DIR`, so a client first reads the socket's path
//! from the lock file.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Longest socket path in bytes. The kernel takes 107; the rest is left for a suffix while a socket is replaced.
pub const SOCKET_PATH_MAX: usize = 100;

/// Environment variables that name places.
pub const STATE_DIR_VAR: &str = "AGENTD_STATE_DIR";
/// See [`STATE_DIR_VAR`].
pub const SOCKET_VAR: &str = "AGENTD_SOCKET";

/// The environment, as far as paths are concerned.
pub trait Environment {
    /// The value of a variable; `None` when unset or empty.
    fn var(&self, name: &str) -> Option<OsString>;
    /// The real uid.
    fn uid(&self) -> u32;
    /// True when the path is a directory that belongs to `uid`.
    fn owns_dir(&self, path: &Path) -> bool;
}

/// Why there is no place to meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing says where the user's files are.
    #[error("HOME is not set, so there is no place for the state; set AGENTD_STATE_DIR to an absolute directory")]
    NoHome,
    /// A variable holds a relative path; it would mean something else in every shell.
    #[error("{name} must be an absolute path, not {value:?}")]
    Relative {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The socket's path does not fit the kernel's structure.
    #[error(
        "the socket path has {len} bytes, at most {SOCKET_PATH_MAX} are possible: {path}; set AGENTD_SOCKET to a shorter one"
    )]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The path.
        path: String,
    },
}

/// What the daemon writes into `<state>/agentd.lock` while it holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockInfo {
    /// Process id of the daemon.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The socket it listens on.
    pub socket: PathBuf,
}

impl LockInfo {
    /// The content of the lock file: one JSON object and a newline.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).map(|line| line + "\n").unwrap_or_default()
    }

    /// Reads the content of a lock file; `None` when it is empty, cut or foreign.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The places of one user's daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Directory of the lock, the logs and later the store.
    pub state_dir: PathBuf,
    /// The socket, by default rules or `AGENTD_SOCKET`.
    pub socket: PathBuf,
    /// True when `AGENTD_SOCKET` chose the socket; then the lock file's path is not consulted.
    pub socket_pinned: bool,
}

impl Endpoint {
    /// Finds the places: `AGENTD_STATE_DIR`, else `$XDG_STATE_HOME/agentd`, else `~/.local/state/agentd`; and
    /// `AGENTD_SOCKET`, else `$XDG_RUNTIME_DIR/agentd/agentd.sock`, else the same under `/run/user/<uid>` when that
    /// is ours, else `<state>/run/agentd.sock`.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn resolve(env: &impl Environment) -> Result<Self, EndpointError> {
        let state_dir = state_dir(env)?;
        let pinned = absolute(env, SOCKET_VAR)?;
        let socket_pinned = pinned.is_some();
        let socket = match pinned {
            Some(path) => path,
            None => default_socket(env, &state_dir)?,
        };
        check_length(&socket)?;
        Ok(Self { state_dir, socket, socket_pinned })
    }

    /// The lock that the daemon holds all its life. Never deleted.
    pub fn lock_file(&self) -> PathBuf {
        self.state_dir.join("agentd.lock")
    }

    /// The lock under which clients start a daemon, so that ten shells start one. Never deleted.
    pub fn start_lock_file(&self) -> PathBuf {
        self.state_dir.join("start.lock")
    }

    /// Directory of the daily log files.
    pub fn log_dir(&self) -> PathBuf {
        self.state_dir.join("log")
    }
}

/// Refuses a socket path that the kernel cannot hold.
///
/// # Errors
/// [`EndpointError::TooLong`].
pub fn check_length(socket: &Path) -> Result<(), EndpointError> {
    let len = socket.as_os_str().len();
    if len > SOCKET_PATH_MAX {
        return Err(EndpointError::TooLong { len, path: socket.display().to_string() });
    }
    Ok(())
}

fn state_dir(env: &impl Environment) -> Result<PathBuf, EndpointError> {
    if let Some(dir) = absolute(env, STATE_DIR_VAR)? {
        return Ok(dir);
    }
    if let Some(base) = absolute(env, "XDG_STATE_HOME")? {
        return Ok(base.join("agentd"));
    }
    let home = absolute(env, "HOME")?.ok_or(EndpointError::NoHome)?;
    Ok(home.join(".local/state/agentd"))
}

fn default_socket(env: &impl Environment, state_dir: &Path) -> Result<PathBuf, EndpointError> {
    if let Some(dir) = absolute(env, "XDG_RUNTIME_DIR")? {
        return Ok(dir.join("agentd/agentd.sock"));
    }
    let run_user = PathBuf::from(format!("/run/user/{}", env.uid()));
    if env.owns_dir(&run_user) {
        return Ok(run_user.join("agentd/agentd.sock"));
    }
    Ok(state_dir.join("run/agentd.sock"))
}

fn absolute(env: &impl Environment, name: &'static str) -> Result<Option<PathBuf>, EndpointError> {
    match env.var(name).map(PathBuf::from) {
        None => Ok(None),
        Some(path) if path.is_absolute() => Ok(Some(path)),
        Some(path) => Err(EndpointError::Relative { name, value: path.display().to_string() }),
    }
}
