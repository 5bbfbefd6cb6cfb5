//! Finds the daemon's socket, checks whom it belongs to, and shakes hands.
//!
//! Refuses a socket that is not a socket, or that another user owns or could have replaced; repairs nothing. Order of
//! places: `AGENTD_SOCKET` alone when it is set; else the path in the lock file (of a living or a dead daemon: it is
//! tried, nothing more), then the default path. Codec: binary between equal builds, JSON lines otherwise.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use interprocess::{
    ConnectWaitMode,
    local_socket::{ConnectOptions, GenericFilePath, ToFsName as _, traits::Stream as _},
    os::unix::uds_local_socket::Stream,
};
use proto::{
    ErrorKind, Failure,
    endpoint::{self, Endpoint, LockInfo},
    hello::{HELLO_LEN, Hello},
};

use crate::{
    client::{self, Client},
    env::Real,
    version,
};

/// For connecting and both hellos together. A local daemon needs microseconds; a stopped one must not hold a shell.
pub const HELLO_DEADLINE: Duration = proto::HELLO_DEADLINE;
/// Pause before a full accept queue is tried again.
const QUEUE_PAUSE: Duration = Duration::from_millis(10);
/// A lock file is one short line; more is not ours.
const LOCK_FILE_MAX: u64 = 4096;

/// Reads the environment: where this user's daemon is.
///
/// # Errors
/// Kind `unreachable` when the environment names no usable place.
pub fn endpoint() -> Result<Endpoint, Failure> {
    Endpoint::resolve(&Real).map_err(|e| Failure::new(ErrorKind::Unreachable, e.to_string()))
}

/// A connection to the daemon, or `None` when nobody listens.
///
/// # Errors
/// Kind `unreachable` when somebody is there who must not be talked to, or who does not answer.
pub fn probe(endpoint: &Endpoint) -> Result<Option<Client>, Failure> {
    for path in places(endpoint) {
        if let Some(client) = connect(&path)? {
            return Ok(Some(client));
        }
    }
    Ok(None)
}

/// What the daemon wrote into its lock file; `None` when there is none or it is not readable as such.
pub fn lock_info(endpoint: &Endpoint) -> Option<LockInfo> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    fs::File::open(endpoint.lock_file()).ok()?.take(LOCK_FILE_MAX).read_to_string(&mut text).ok()?;
    LockInfo::parse(&text)
}

/// True while a daemon holds its lock.
///
/// A dead pid settles it. Only when the pid lives is the lock itself tried, for an instant and shared, so that a
/// starting daemon is never disturbed.
pub fn lock_is_held(endpoint: &Endpoint) -> bool {
    let alive = lock_info(endpoint).is_some_and(|info| pid_lives(info.pid));
    alive && fs::File::open(endpoint.lock_file()).is_ok_and(|file| file.try_lock_shared().is_err())
}

/// True when a process of that id exists, whoever owns it.
pub fn pid_lives(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// The sockets to try, in order.
pub fn places(endpoint: &Endpoint) -> Vec<PathBuf> {
    let mut places = Vec::with_capacity(2);
    if !endpoint.socket_pinned
        && let Some(info) = lock_info(endpoint)
        && info.socket.is_absolute()
        && endpoint::check_length(&info.socket).is_ok()
    {
        places.push(info.socket);
    }
    if !places.contains(&endpoint.socket) {
        places.push(endpoint.socket.clone());
    }
    places
}

/// Connects to one path; `None` when nobody listens there.
fn connect(path: &Path) -> Result<Option<Client>, Failure> {
    if !check_socket(path)? {
        return Ok(None);
    }
    let deadline = Instant::now() + HELLO_DEADLINE;
    loop {
        match open(path, deadline).and_then(|stream| greet(stream, deadline)) {
            Ok(Greeting::Hello(stream, daemon)) => return Ok(Some(Client::new(stream, daemon))),
            Ok(Greeting::Refused(failure)) => return Err(failure),
            Err(e) if nobody(&e) => return Ok(None),
            // The accept queue is full: the transport reports a socket that is not connected yet.
            Err(e) if queue_full(&e) && Instant::now() < deadline => thread::sleep(QUEUE_PAUSE),
            Err(e) => return Err(unreachable(path, &e)),
        }
    }
}

/// True for a socket that is ours, false when there is none.
///
/// # Errors
/// Kind `unreachable` when what is there must not be talked to.
pub fn check_socket(path: &Path) -> Result<bool, Failure> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(false),
        Err(e) => return Err(unreachable(path, &e)),
    };
    let uid = rustix::process::getuid().as_raw();
    if !meta.file_type().is_socket() {
        return Err(suspect(path, "it is not a socket"));
    }
    if meta.uid() != uid {
        return Err(suspect(path, &format!("it belongs to uid {}, not to you (uid {uid})", meta.uid())));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let dir = fs::symlink_metadata(parent).map_err(|e| unreachable(path, &e))?;
    let mode = dir.permissions().mode();
    if dir.is_symlink() {
        return Err(suspect(parent, "the directory of the socket is a symbolic link"));
    }
    if dir.uid() != uid && dir.uid() != 0 {
        return Err(suspect(parent, &format!("the directory of the socket belongs to uid {}", dir.uid())));
    }
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let message = format!("others may write into the directory of the socket (mode {:04o})", mode & 0o7777);
        return Err(suspect(parent, &message).hint(format!("chmod 700 {}", parent.display())));
    }
    Ok(true)
}

fn suspect(path: &Path, why: &str) -> Failure {
    Failure::new(ErrorKind::Unreachable, format!("not talking to {}: {why}", path.display()))
        .hint("see what it is, remove it yourself if it is nobody's, then try again; agentctl doctor tells more")
}

fn unreachable(path: &Path, error: &io::Error) -> Failure {
    let message = if is_late(error) {
        format!("agentd at {} does not answer within {} s", path.display(), HELLO_DEADLINE.as_secs())
    } else {
        format!("cannot talk to agentd at {}: {error}", path.display())
    };
    Failure::new(ErrorKind::Unreachable, message).hint("agentctl doctor shows what is wrong")
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Errors that mean: no daemon, or one that is just leaving.
fn nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe | UnexpectedEof)
}

fn queue_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotConnected
}

fn open(path: &Path, deadline: Instant) -> io::Result<Stream> {
    let left = deadline.saturating_duration_since(Instant::now());
    let stream = ConnectOptions::new()
        .name(path.to_fs_name::<GenericFilePath>()?)
        .wait_mode(ConnectWaitMode::Timeout(left))
        .connect_sync_as::<Stream>()?;
    stream.set_send_timeout(Some(proto::WRITE_DEADLINE))?;
    Ok(stream)
}

enum Greeting {
    Hello(Stream, Hello),
    /// The daemon would not even greet: too many connections, a foreign uid.
    Refused(Failure),
}

fn greet(mut stream: Stream, deadline: Instant) -> io::Result<Greeting> {
    // A daemon that refuses may have written why and hung up before it read our hello.
    let sent = stream.write_all(&Hello::ours("agentctl").encode());
    if let Err(e) = sent
        && !matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
    {
        return Err(e);
    }
    let mut bytes = [0; HELLO_LEN];
    let mut have = 0;
    while have < HELLO_LEN {
        client::wait_readable(&stream, deadline)?;
        match stream.read(&mut bytes[have..]) {
            Ok(0) if bytes[0] == b'{' => break,
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        if bytes[0] == b'{' && bytes[..have].contains(&b'\n') {
            break;
        }
    }
    if bytes[0] == b'{' {
        return Ok(Greeting::Refused(client::read_refusal(&mut stream, &bytes[..have], deadline)));
    }
    match Hello::decode(&bytes) {
        Ok(hello) => Ok(Greeting::Hello(stream, hello)),
        Err(e) => Err(io::Error::new(io::ErrorKind::InvalidData, e)),
    }
}

/// What to tell the user about a daemon of another build; `None` when it is the same.
pub fn skew(daemon: &Hello) -> Option<String> {
    let ours = Hello::ours("agentctl");
    if ours.same_wire(daemon) {
        return None;
    }
    let theirs = version::of_build(&daemon.build);
    Some(match version::compare(theirs, proto::VERSION) {
        std::cmp::Ordering::Greater => format!("{} is newer than this {}: speaking JSON", daemon.build, ours.build),
        std::cmp::Ordering::Less => format!(
            "{} is older than this {}: speaking JSON; `agentctl daemon restart` replaces it when it is idle",
            daemon.build, ours.build
        ),
        std::cmp::Ordering::Equal => format!(
            "{} is another build than this {}: speaking JSON; `agentctl daemon restart` replaces it when it is idle",
            daemon.build, ours.build
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::{self, Fake};

    #[test]
    fn a_pinned_socket_is_the_only_place_and_otherwise_the_lock_file_comes_first() {
        let dir = testing::home();
        let mut endpoint = testing::endpoint(&dir);
        let live = dir.path().join("elsewhere.sock");
        testing::write_lock(&endpoint, std::process::id(), &live);
        assert_eq!(places(&endpoint), [live, endpoint.socket.clone()]);
        endpoint.socket_pinned = true;
        assert_eq!(places(&endpoint), std::slice::from_ref(&endpoint.socket));
    }

    #[test]
    fn the_lock_file_of_a_dead_daemon_is_tried_and_then_the_default_path() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        testing::write_lock(&endpoint, testing::DEAD_PID, &dir.path().join("gone.sock"));
        let _fake = Fake::start(&endpoint.socket, testing::status_only);
        assert!(probe(&endpoint).unwrap().is_some());
        assert!(!lock_is_held(&endpoint));
    }

    #[test]
    fn a_lock_file_with_an_impossible_path_is_not_followed() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        for path in [PathBuf::from("relative.sock"), PathBuf::from(format!("/{}", "x".repeat(200)))] {
            testing::write_lock(&endpoint, 1, &path);
            assert_eq!(places(&endpoint), std::slice::from_ref(&endpoint.socket));
        }
    }

    #[test]
    fn a_socket_that_nobody_serves_is_nobody() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        assert!(probe(&endpoint).unwrap().is_none());
        drop(std::os::unix::net::UnixListener::bind(&endpoint.socket).unwrap());
        assert!(probe(&endpoint).unwrap().is_none(), "a stale socket");
    }

    #[test]
    fn a_file_a_link_and_an_open_directory_are_refused() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        fs::write(&endpoint.socket, "").unwrap();
        assert!(probe(&endpoint).unwrap_err().message.contains("not a socket"));
        fs::remove_file(&endpoint.socket).unwrap();

        let real = dir.path().join("real.sock");
        let _fake = Fake::start(&real, testing::status_only);
        symlink(&real, &endpoint.socket).unwrap();
        assert!(probe(&endpoint).unwrap_err().message.contains("not a socket"));
        fs::remove_file(&endpoint.socket).unwrap();

        let _fake = Fake::start(&endpoint.socket, testing::status_only);
        let parent = endpoint.socket.parent().unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o770)).unwrap();
        let failure = probe(&endpoint).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Unreachable);
        assert!(failure.message.contains("others may write"), "{failure}");
        assert!(failure.hint.contains("chmod 700"));
        fs::set_permissions(parent, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(probe(&endpoint).unwrap().is_some());
    }

    #[test]
    fn a_listener_that_never_greets_is_given_up_after_the_deadline() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        let _listener = std::os::unix::net::UnixListener::bind(&endpoint.socket).unwrap();
        let begun = Instant::now();
        let failure = probe(&endpoint).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Unreachable);
        assert!(failure.message.contains("does not answer"), "{failure}");
        assert!(begun.elapsed() < HELLO_DEADLINE + Duration::from_secs(3));
    }

    #[test]
    fn a_refusal_in_place_of_a_hello_is_told_as_it_is() {
        let dir = testing::home();
        let endpoint = testing::endpoint(&dir);
        let failure = Failure::new(ErrorKind::Limit, "too many connections").hint("close some");
        let line = proto::rpc::write_orphan_error(&failure).unwrap();
        let _fake = testing::raw_server(&endpoint.socket, line.into_bytes());
        assert_eq!(probe(&endpoint).unwrap_err(), failure);
    }

    #[test]
    fn a_refusal_is_read_even_when_the_daemon_hung_up_before_our_hello() {
        let failure = Failure::new(ErrorKind::Limit, "too many connections");
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.write_all(proto::rpc::write_orphan_error(&failure).unwrap().as_bytes()).unwrap();
        drop(theirs);
        match greet(Stream::from(ours), Instant::now() + HELLO_DEADLINE).unwrap() {
            Greeting::Refused(told) => assert_eq!(told, failure),
            Greeting::Hello(..) => panic!("nobody greeted"),
        }
    }

    #[test]
    fn the_note_about_another_build_says_which_one_is_older() {
        let mut daemon = Hello::ours("agentd");
        assert_eq!(skew(&daemon), None);
        daemon.fingerprint = [7; 16];
        assert!(skew(&daemon).unwrap().contains("another build"));
        daemon.build = "agentd 99.2.0".to_owned();
        assert_eq!(
            skew(&daemon).unwrap(),
            format!("agentd 99.2.0 is newer than this agentctl {}: speaking JSON", proto::VERSION)
        );
        daemon.build = "agentd 0.0.1".to_owned();
        assert!(skew(&daemon).unwrap().contains("agentctl daemon restart"));
    }
}
