//! The lock and the socket: taken in this order, released in the reverse one.
//!
//! The lock file is never deleted: a lock on a deleted file locks nobody out. Whoever holds the lock may remove a
//! stale socket; nobody else may, and nothing but a socket is ever removed.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::{
        fd::{AsFd, FromRawFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
        },
    },
    path::{Path, PathBuf},
};

use interprocess::{
    local_socket::{GenericFilePath, ListenerOptions, ToFsName},
    os::unix::{local_socket::ListenerOptionsExt, uds_local_socket::tokio::Listener},
};
use proto::endpoint::{Endpoint, LockInfo, check_length};

/// Longest lock file that is read.
const LOCK_TEXT_MAX: u64 = 4096;

/// Why the daemon cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon of this state directory lives.
    #[error("agentd is already running{}", .0.as_ref().map(|i| format!(" (pid {}, socket {})", i.pid, i.socket.display())).unwrap_or_default())]
    Running(Option<LockInfo>),
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is no socket is in the way.
    #[error("{} is in the way and is not a socket; move it, or set AGENTD_SOCKET", .0.display())]
    InTheWay(PathBuf),
    /// A daemon of another state directory listens there.
    #[error("another program listens on {}; set AGENTD_SOCKET to a path of its own", .0.display())]
    Taken(PathBuf),
    /// The path does not fit.
    #[error(transparent)]
    Path(#[from] proto::endpoint::EndpointError),
    /// The socket cannot be made.
    #[error("cannot listen on {}: {source}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// systemd passed something else than one listening Unix socket.
    #[error("socket activation: {0}")]
    Activation(String),
}

/// The daemon's lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of a state directory, which exists.
    ///
    /// # Errors
    /// [`ListenError::Running`] with what the holder wrote, or [`ListenError::Lock`].
    pub fn take(endpoint: &Endpoint) -> Result<Self, ListenError> {
        let path = endpoint.lock_file();
        let failed = |source| ListenError::Lock { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(ListenError::Running(read_info(&mut file))),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Writes who holds the lock, for clients and for the next daemon's message.
    ///
    /// # Errors
    /// When the disk is full or broken; the lock holds all the same.
    pub fn write(&mut self, info: &LockInfo) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(info.to_text().as_bytes())
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read_info(file: &mut File) -> Option<LockInfo> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    file.take(LOCK_TEXT_MAX).read_to_string(&mut text).ok()?;
    LockInfo::parse(&text)
}

/// A listening socket.
#[derive(Debug)]
pub struct Bound {
    /// Accepts connections.
    pub listener: Listener,
    /// Where.
    pub path: PathBuf,
    /// Removes the socket file when dropped, if it is still ours. `None` when systemd owns the socket.
    pub file: Option<SocketFile>,
}

/// Binds the endpoint's socket. Call it inside the runtime and under the lock.
///
/// # Errors
/// See [`ListenError`].
pub fn bind(endpoint: &Endpoint, _lock: &Lock) -> Result<Bound, ListenError> {
    let path = &endpoint.socket;
    check_length(path)?;
    clear_stale(path)?;
    let failed = |source| ListenError::Bind { path: path.clone(), source };
    let name = path.as_path().to_fs_name::<GenericFilePath>().map_err(failed)?;
    let listener = ListenerOptions::new()
        .name(name)
        .mode(0o600)
        .reclaim_name(false)
        .create_tokio_as::<Listener>()
        .map_err(failed)?;
    let file = SocketFile::of(path).map_err(failed)?;
    Ok(Bound { listener, path: path.clone(), file: Some(file) })
}

/// Removes the socket of a daemon that is gone. Refuses anything that is no socket, and a socket that answers.
fn clear_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Bind { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed(e)),
        Ok(meta) if !meta.file_type().is_socket() => Err(ListenError::InTheWay(path.to_owned())),
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => Err(ListenError::Taken(path.to_owned())),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                tracing::info!("a stale socket was removed");
                std::fs::remove_file(path).map_err(failed)
            }
            Err(e) => Err(failed(e)),
        },
    }
}

/// Adopts the one listening socket that systemd passed.
///
/// # Errors
/// [`ListenError::Activation`].
pub fn adopt(fd: OwnedFd) -> Result<Bound, ListenError> {
    let failed = |what: &str| ListenError::Activation(what.to_owned());
    let listening = rustix::net::sockopt::socket_acceptconn(fd.as_fd()).unwrap_or(false);
    if !listening {
        return Err(failed("the passed descriptor is not a listening socket; check ListenStream="));
    }
    let address = rustix::net::getsockname(fd.as_fd()).map_err(|e| failed(&e.to_string()))?;
    let address = rustix::net::SocketAddrUnix::try_from(address)
        .map_err(|_| failed("the passed socket is not a Unix socket; agentd serves no other"))?;
    let path = address.path_bytes().map(|bytes| PathBuf::from(std::ffi::OsStr::from_bytes(bytes)));
    let path = path.ok_or_else(|| failed("the passed socket has no path in the file system"))?;
    let listener = Listener::try_from(fd).map_err(|e| failed(&e.to_string()))?;
    Ok(Bound { listener, path, file: None })
}

/// The descriptors that systemd passed to this process; empty without activation. Call it once, before threads.
///
/// # Errors
/// [`ListenError::Activation`] when there is more than one or the variables are malformed.
pub fn activation_socket() -> Result<Option<OwnedFd>, ListenError> {
    let fds = sd_notify::listen_fds().map_err(|e| ListenError::Activation(e.to_string()))?;
    let fds: Vec<_> = fds.collect();
    match fds.as_slice() {
        [] => Ok(None),
        [fd] => {
            // SAFETY: the protocol of systemd says that descriptors from 3 on, as many as LISTEN_FDS says, belong to
            // the process named by LISTEN_PID, which sd_notify has checked is this one. Nothing else owns this one.
            #[expect(unsafe_code, reason = "the descriptor comes as a number; see SAFETY")]
            let fd = unsafe { OwnedFd::from_raw_fd(*fd) };
            Ok(Some(fd))
        }
        several => Err(ListenError::Activation(format!("{} sockets were passed, one is served", several.len()))),
    }
}

/// Our socket in the file system.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = std::fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: meta.dev(), inode: meta.ino() })
    }
}

impl Drop for SocketFile {
    /// Unlinks it, unless somebody has put another one in its place.
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| meta.dev() == self.device && meta.ino() == self.inode);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the socket could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn endpoint(dir: &Path) -> Endpoint {
        Endpoint { state_dir: dir.to_owned(), socket: dir.join("s"), socket_pinned: true }
    }

    #[test]
    fn a_second_daemon_is_refused_with_the_pid_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Lock::take(&endpoint(dir.path())).unwrap();
        let info = LockInfo { pid: 4711, version: "9.9.9".into(), socket: "/s".into() };
        first.write(&info).unwrap();
        match Lock::take(&endpoint(dir.path())) {
            Err(ListenError::Running(found)) => assert_eq!(found, Some(info)),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::take(&endpoint(dir.path())).unwrap();
    }

    #[tokio::test]
    async fn a_stale_socket_is_reclaimed_under_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        drop(UnixListener::bind(&endpoint.socket).unwrap());
        let lock = Lock::take(&endpoint).unwrap();
        let bound = bind(&endpoint, &lock).unwrap();
        let mode = std::fs::metadata(&bound.path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(bound);
        assert!(!endpoint.socket.exists(), "unlinked when the daemon ends");
    }

    #[tokio::test]
    async fn a_live_socket_and_a_plain_file_are_never_removed() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        let lock = Lock::take(&endpoint).unwrap();
        let live = UnixListener::bind(&endpoint.socket).unwrap();
        assert!(matches!(bind(&endpoint, &lock), Err(ListenError::Taken(_))));
        drop(live);
        std::fs::remove_file(&endpoint.socket).unwrap();
        std::fs::write(&endpoint.socket, "mine").unwrap();
        assert!(matches!(bind(&endpoint, &lock), Err(ListenError::InTheWay(_))));
        assert_eq!(std::fs::read_to_string(&endpoint.socket).unwrap(), "mine");
    }

    #[tokio::test]
    async fn a_socket_that_somebody_else_put_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = endpoint(dir.path());
        let lock = Lock::take(&endpoint).unwrap();
        let bound = bind(&endpoint, &lock).unwrap();
        std::fs::remove_file(&endpoint.socket).unwrap();
        let _other = UnixListener::bind(&endpoint.socket).unwrap();
        drop(bound);
        assert!(endpoint.socket.exists());
    }
}
