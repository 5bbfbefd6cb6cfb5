//! A home of its own for each test: directories, environment, projects, and the programs in it.
//!
//! Nothing of the developer's environment reaches the programs but `PATH`, `LANG` and `TERM`. The path is short, so
//! that the socket's fits its 100 bytes. Dropping the home ends every process that belongs to it, by process id.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use proto::endpoint::{Endpoint, Environment, LockInfo};
use tempfile::TempDir;

use crate::{
    Bins,
    daemon::{DaemonBuilder, DaemonGuard},
    frames::FrameClient,
    process::{Leftover, end_all, leftovers},
    provider::FakeProvider,
    rpc::RpcClient,
    run::Invocation,
    wait::{holds_within, wait_some},
};

/// What the programs inherit from the developer.
const INHERITED: [&str; 3] = ["PATH", "LANG", "TERM"];
/// How long processes of a home may take to end by themselves before that is a leak.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(5);
/// How long a process may take to end after TERM when the home is dropped; then it is killed.
const DROP_PATIENCE: Duration = Duration::from_secs(2);
/// Longest lock file: one line.
const LOCK_MAX: u64 = 64 * 1024;

/// A hermetic home.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    bins: Bins,
    environment: RefCell<BTreeMap<OsString, OsString>>,
    projects: Cell<u32>,
}

/// Panics with the path and the cause: a harness that cannot write its own files is broken.
#[track_caller]
fn must<T>(what: &str, path: &Path, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(e) => panic!("cannot {what} {}: {e}", path.display()),
    }
}

impl Home {
    /// A home for the programs beside the running one. Panics when it cannot be made.
    #[track_caller]
    pub fn new() -> Self {
        Self::with(Bins::beside_this())
    }

    /// A home for these programs; see [`crate::bins!`]. Panics when it cannot be made.
    #[track_caller]
    pub fn with(bins: Bins) -> Self {
        // Not TMPDIR: on some systems it is longer than a socket path may be.
        let base = Path::new("/tmp");
        let dir = must("make a directory in", base, tempfile::Builder::new().prefix("agd").tempdir_in(base));
        let home = Self { dir, bins, environment: RefCell::default(), projects: Cell::new(0) };
        for (variable, name) in
            [("HOME", "h"), ("XDG_CONFIG_HOME", "c"), ("XDG_STATE_HOME", "s"), ("XDG_RUNTIME_DIR", "r")]
        {
            let path = home.root().join(name);
            must("make", &path, fs::DirBuilder::new().mode(0o700).create(&path));
            home.set_env(variable, path);
        }
        for name in INHERITED {
            if let Some(value) = env::var_os(name) {
                home.set_env(name, value);
            }
        }
        home.set_env("AGENTD_BIN", &home.bins.agentd);
        home
    }

    /// The directory that holds everything.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Sets a variable for all programs started from now on.
    pub fn set_env(&self, name: impl Into<OsString>, value: impl AsRef<OsStr>) {
        self.environment.borrow_mut().insert(name.into(), value.as_ref().to_owned());
    }

    /// Removes a variable for all programs started from now on.
    pub fn remove_env(&self, name: impl AsRef<OsStr>) {
        self.environment.borrow_mut().remove(name.as_ref());
    }

    /// Writes the user's configuration file; returns its path.
    #[track_caller]
    pub fn config(&self, toml: &str) -> PathBuf {
        let path = self.root().join("c/agentd/config.toml");
        self.write(&path, toml.as_bytes());
        path
    }

    /// Points the programs to a fake provider: its address, its key, DeepSeek's rules.
    pub fn provider(&self, provider: &FakeProvider) {
        self.set_env("DEEPSEEK_API_KEY", provider.key());
        self.set_env("AGENTD_PROVIDER_BASE_URL", provider.base_url());
        self.set_env("AGENTD_PROVIDER_KIND", "deepseek");
    }

    /// A project with these files, outside the user's home directory; returns its root, free of symlinks.
    #[track_caller]
    pub fn project(&self, files: &[(&str, &str)]) -> PathBuf {
        self.projects.set(self.projects.get() + 1);
        let root = self.root().join(format!("p{}", self.projects.get()));
        self.write(&root.join(".agentd.toml"), b"");
        for (name, text) in files {
            self.write(&root.join(name), text.as_bytes());
        }
        must("resolve", &root, root.canonicalize())
    }

    /// Writes a file of mode 0600 and the directories above it (0700).
    #[track_caller]
    pub fn write(&self, path: &Path, bytes: &[u8]) {
        if let Some(parent) = path.parent() {
            must("make", parent, fs::DirBuilder::new().recursive(true).mode(0o700).create(parent));
        }
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        must("write", path, file.and_then(|mut file| file.write_all(bytes)));
    }

    /// The client with these arguments, in the user's home directory unless told otherwise. It starts the daemon when
    /// it needs one.
    pub fn agentctl(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation {
        self.command(&self.bins.agentctl).args(arguments)
    }

    /// The daemon with these arguments, to be run to its end: wrong configurations, `--daemonize`, subcommands.
    pub fn agentd(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation {
        self.command(&self.bins.agentd).args(arguments)
    }

    /// Any program in this home's environment.
    pub fn command(&self, program: impl AsRef<Path>) -> Invocation {
        Invocation::new(program.as_ref(), &self.root().join("h"), self.environment.borrow().clone())
    }

    /// Starts the daemon in the foreground and waits until it answers. Panics with its stderr when it does not.
    #[track_caller]
    pub fn daemon(&self) -> DaemonGuard {
        self.daemon_builder().start()
    }

    /// The daemon in the foreground, to be given arguments and variables first.
    pub fn daemon_builder(&self) -> DaemonBuilder<'_> {
        DaemonBuilder::new(self, self.command(&self.bins.agentd))
    }

    /// The places the programs find in this environment. Panics when there are none.
    #[track_caller]
    pub fn endpoint(&self) -> Endpoint {
        match Endpoint::resolve(self) {
            Ok(endpoint) => endpoint,
            Err(e) => panic!("this home's environment has no endpoint: {e}"),
        }
    }

    /// The socket: where the lock file says, else where the environment says.
    #[track_caller]
    pub fn socket(&self) -> PathBuf {
        let endpoint = self.endpoint();
        match self.lock_info() {
            Some(info) if !endpoint.socket_pinned => info.socket,
            _ => endpoint.socket,
        }
    }

    /// The state directory.
    #[track_caller]
    pub fn state_dir(&self) -> PathBuf {
        self.endpoint().state_dir
    }

    /// What the lock file says; `None` when there is none yet or it is cut.
    pub fn lock_info(&self) -> Option<LockInfo> {
        let file = fs::File::open(Endpoint::resolve(self).ok()?.lock_file()).ok()?;
        let mut text = String::new();
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        file.take(LOCK_MAX).read_to_string(&mut text).ok()?;
        LockInfo::parse(&text)
    }

    /// Process id of the daemon that holds the lock, waiting for it to be written. Panics at the deadline.
    #[track_caller]
    pub fn daemon_pid(&self) -> u32 {
        wait_some(LEFTOVER_PATIENCE, "a pid in the lock file", || self.lock_info().map(|info| info.pid))
    }

    /// A JSON-RPC connection to the running daemon. Panics when there is none.
    #[track_caller]
    pub fn rpc(&self) -> RpcClient {
        RpcClient::connect(&self.socket())
    }

    /// A binary connection to the running daemon, hellos exchanged. Panics when there is none.
    #[track_caller]
    pub fn frames(&self) -> FrameClient {
        FrameClient::connect(&self.socket())
    }

    /// Processes that belong to this home and run.
    pub fn leftovers(&self) -> Vec<Leftover> {
        leftovers(self.root())
    }

    /// Panics when processes of this home still run and do not end by themselves.
    #[track_caller]
    pub fn assert_no_leftovers(&self) {
        if !holds_within(LEFTOVER_PATIENCE, || self.leftovers().is_empty()) {
            panic!("these processes survived: {:#?}", self.leftovers());
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Environment for Home {
    fn var(&self, name: &str) -> Option<OsString> {
        self.environment.borrow().get(OsStr::new(name)).filter(|value| !value.is_empty()).cloned()
    }

    fn uid(&self) -> u32 {
        rustix::process::getuid().as_raw()
    }

    fn owns_dir(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == self.uid())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The daemon in the lock file is among these: its environment names this home.
        end_all(self.root(), DROP_PATIENCE);
    }
}
