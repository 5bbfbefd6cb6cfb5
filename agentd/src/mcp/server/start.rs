//! From a configuration to a connection with its tools listed.
//!
//! One start is one attempt, bounded as a whole. When its future is dropped, what it had connected is ended.

use std::{future::pending, path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{self, Instant},
};

use super::keeper::Keeper;
use crate::{
    config::{McpServer, Transport},
    mcp::{
        client::{ClientError, SharedClient, Told, ToolList},
        common::Common,
        connect::{ConnectError, Connection, Target},
        shown::Listed,
        stderr::Stderr,
    },
};

/// From spawn to tools listed. A Python server takes 3 s on a busy machine with two cores, a slow disk some times that.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for programs that install on their first run: one that is killed half way never gets further the next time.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Those programs.
const INSTALLERS: [&str; 5] = ["npx", "uvx", "docker", "pipx", "bunx"];
/// So long a start keeps others from theirs. Its work is done in the first seconds; who takes longer waits or hangs, and
/// four of these must not hold up all others.
const TURN_MAX: Duration = Duration::from_secs(10);
/// What is left for the tool list of a connection that took all the time: the time-out is the user's wish, and a list
/// that was answered already must not be lost to a rounding.
const LIST_MIN: Duration = Duration::from_millis(100);

/// How long a start of this server may take.
pub(in crate::mcp) fn timeout(server: &McpServer) -> Duration {
    let installs = match &server.transport {
        Transport::Stdio(stdio) => {
            let program = Path::new(&stdio.command).file_name().and_then(|name| name.to_str());
            program.is_some_and(|program| INSTALLERS.contains(&program))
        }
        Transport::Http(_) => false,
    };
    server.startup_timeout.unwrap_or(if installs { INSTALL_TIMEOUT } else { START_TIMEOUT })
}

/// A server that has come up.
pub(super) struct Started {
    pub(super) client: SharedClient,
    pub(super) pid: u32,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) keeper: Keeper,
    pub(super) listed: Listed,
    pub(super) took: Duration,
}

/// Starts a server once it is its turn.
pub(super) async fn start(common: Arc<Common>, target: Target, stderr: Arc<Stderr>) -> Result<Started, ConnectError> {
    // Nobody closes the semaphore.
    let turn = Arc::clone(&common.starts).acquire_owned().await;
    let over = async {
        time::sleep(TURN_MAX).await;
        drop(turn);
        pending().await
    };
    tokio::select! {
        started = start_now(common, target, stderr) => started,
        never = over => never,
    }
}

async fn start_now(common: Arc<Common>, target: Target, stderr: Arc<Stderr>) -> Result<Started, ConnectError> {
    let (begun, limit) = (Instant::now(), target.timeout);
    let connection = match time::timeout(limit, common.connect.connect(target, stderr)).await {
        Ok(connected) => connected?,
        Err(_) => return Err(too_slow(limit)),
    };
    let Connection { client, pid, told, life } = connection;
    let mut keeper = Keeper::new(life, &common.tasks);
    let left = limit.saturating_sub(begun.elapsed()).max(LIST_MIN);
    let listed = tokio::select! {
        listed = time::timeout(left, client.list_tools(left)) => match listed {
            Ok(listed) => listed.map_err(|error| not_listed(&error, limit)),
            Err(_) => Err(too_slow(limit)),
        },
        how = keeper.ended() => return Err(died(&how)),
    };
    match listed {
        Ok(list) => {
            let listed = shown(&common, list).await;
            Ok(Started { client, pid, told, keeper, listed, took: begun.elapsed() })
        }
        Err(error) => {
            keeper.stop();
            let how = keeper.ended().await;
            // A server that died tells more than the request that it did not answer.
            Err(if how.is_empty() { error } else { died(&how) })
        }
    }
}

/// A list as it may be shown. Off the workers: hundreds of schemas are searched for secrets.
pub(super) async fn shown(common: &Arc<Common>, list: ToolList) -> Listed {
    let common = Arc::clone(common);
    let work = tokio::task::spawn_blocking(move || Listed::of(&list.tools, &list.left_out, &common.texts));
    work.await.unwrap_or_default()
}

fn too_slow(limit: Duration) -> ConnectError {
    ConnectError {
        what: format!("it did not start within {} s", limit.as_secs_f32()),
        cure: "see what it does with: agentctl mcp logs NAME; or give it more time with startup_timeout_sec".to_owned(),
        retry: true,
    }
}

fn not_listed(error: &ClientError, limit: Duration) -> ConnectError {
    match error {
        ClientError::Timeout(_) => too_slow(limit),
        error => {
            ConnectError { what: format!("its tools could not be listed: {error}"), cure: String::new(), retry: true }
        }
    }
}

fn died(how: &str) -> ConnectError {
    ConnectError { what: format!("it ended while it started: {how}"), cure: String::new(), retry: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StdioServer;

    #[test]
    fn programs_that_install_have_more_time_to_start() {
        let of = |command: &str, wish: Option<u64>| {
            let stdio = StdioServer { command: command.to_owned(), ..StdioServer::default() };
            let server = McpServer::new(Transport::Stdio(stdio));
            timeout(&McpServer { startup_timeout: wish.map(Duration::from_secs), ..server }).as_secs()
        };
        assert_eq!([of("node", None), of("npx", None), of("/usr/bin/uvx", None)], [30, 120, 120]);
        assert_eq!(of("npx", Some(7)), 7);
    }
}
