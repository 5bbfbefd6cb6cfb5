//! Who is at the other end: uid and pid from the kernel, and what they may ask.

use std::os::fd::AsFd as _;

use interprocess::{local_socket::traits::StreamCommon, os::unix::uds_local_socket::tokio::Stream};
use proto::{AccessClass, ErrorKind, Failure};
use rustix::io::Errno;

use crate::process;

/// A connected client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// Effective uid when it connected.
    pub(super) uid: u32,
    /// Process id when it connected; 0 when the kernel did not say.
    pub(super) pid: i32,
    /// The highest class of requests it may send.
    pub(super) access: AccessClass,
}

/// Reads the peer's credentials and decides whether it may speak at all.
pub(super) fn admit(stream: &Stream, allow_uids: &[u32]) -> Result<Peer, Failure> {
    let creds = stream.peer_creds().map_err(|e| refused(format!("the peer's identity is unknown: {e}")))?;
    let uid = creds.euid().ok_or_else(|| refused("the peer's user is unknown"))?;
    let pid = creds.pid().unwrap_or_default();
    let access = judge(uid, rustix::process::getuid().as_raw(), allow_uids)?;
    // The walk up the process table takes longer than everything else here. Without it, what the walk would have found
    // out is looked for alone: whether there is a descriptor left to serve with.
    let in_doubt = match process::has_started_any() {
        true => u32::try_from(pid).is_ok_and(process::descends_from_us),
        false => rustix::io::fcntl_dupfd_cloexec(stream.as_fd(), 0).is_err(),
    };
    if in_doubt {
        return Err(doubtful());
    }
    Ok(Peer { uid, pid, access })
}

/// Why a peer counts as a tool: it is one, or the process table could not be read. Without descriptors the latter is
/// certain, and the client, which is as good as any, should hear it.
fn doubtful() -> Failure {
    let table = std::fs::File::open("/proc/self/stat").map_err(|error| Errno::from_io_error(&error));
    match table {
        Err(Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
            Failure::new(ErrorKind::Limit, "agentd has no file descriptors left for another connection")
                .hint("close some editors or shells, or start agentd with a higher limit (ulimit -n)")
        }
        _ => refused("a tool of this daemon must not drive the daemon"),
    }
}

fn judge(uid: u32, ours: u32, allow_uids: &[u32]) -> Result<AccessClass, Failure> {
    if uid == ours {
        return Ok(AccessClass::Admin);
    }
    if allow_uids.contains(&uid) {
        return Ok(AccessClass::Ask);
    }
    Err(refused(format!("this agentd serves user {ours}, not user {uid}"))
        .hint("its owner can list further users in server.allow_uids"))
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Refused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_user_may_do_everything_and_listed_users_may_ask() {
        assert_eq!(judge(1000, 1000, &[]).unwrap(), AccessClass::Admin);
        assert_eq!(judge(1001, 1000, &[1001]).unwrap(), AccessClass::Ask);
    }

    #[test]
    fn root_is_a_stranger_unless_listed() {
        assert_eq!(judge(0, 1000, &[]).unwrap_err().kind, ErrorKind::Refused);
        assert_eq!(judge(0, 1000, &[0]).unwrap(), AccessClass::Ask);
    }
}
