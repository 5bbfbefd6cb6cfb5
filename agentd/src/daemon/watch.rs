//! What runs beside the connections: the systemd watchdog, log retention, reaping of strays.
//!
//! The watchdog is fed only after the daemon has answered `status` on its own socket, over the same path as a client:
//! a daemon that no longer accepts is restarted.

use std::{io, sync::Arc, time::Duration};

use interprocess::local_socket::{GenericFilePath, ToFsName, tokio::Stream, traits::tokio::Stream as _};
use sd_notify::NotifyState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::Daemon;
use crate::process;

/// How often orphans of tool children that were re-parented to us are collected.
const REAP_PERIOD: Duration = Duration::from_secs(10);
/// How often it is written how much answers were used: a hit must not cost a write, and a crash may lose a minute of it.
const USAGE_PERIOD: Duration = Duration::from_secs(60);
/// How often what was not used for too long is looked for; it is counted in days.
const CAPS_PERIOD: Duration = Duration::from_secs(3600);
/// How long the daemon may take to answer itself.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// The frozen question of the probe.
const PROBE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"status\"}\n";

/// Starts the background work; it ends with the returned token.
pub(super) fn start(daemon: &Arc<Daemon>) -> CancellationToken {
    let end = CancellationToken::new();
    if let Some(log) = &daemon.log {
        tokio::spawn(log.clone().keep_swept(end.clone()));
    }
    spawn_every(&end, REAP_PERIOD, Arc::clone(daemon), |_| async {
        process::reap().await;
    });
    spawn_every(&end, USAGE_PERIOD, Arc::clone(daemon), |daemon| async move {
        daemon.agent.memory.answers.write_usage();
    });
    spawn_every(&end, CAPS_PERIOD, Arc::clone(daemon), |daemon| async move { daemon.hold_caps().await });
    if let Some(period) = sd_notify::watchdog_enabled() {
        // Twice within the period, as systemd advises.
        spawn_every(&end, period / 2, Arc::clone(daemon), |daemon| async move { feed_watchdog(&daemon).await });
    }
    end
}

fn spawn_every<F: Future<Output = ()> + Send + 'static>(
    end: &CancellationToken,
    period: Duration,
    daemon: Arc<Daemon>,
    work: impl Fn(Arc<Daemon>) -> F + Send + 'static,
) {
    let end = end.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(period.max(Duration::from_millis(10)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => work(Arc::clone(&daemon)).await,
                () = end.cancelled() => return,
            }
        }
    });
}

async fn feed_watchdog(daemon: &Daemon) {
    match tokio::time::timeout(PROBE_DEADLINE, probe(daemon)).await {
        Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
        Ok(Err(error)) => tracing::error!(%error, "the daemon does not answer itself"),
        Err(_) => tracing::error!("the daemon does not answer itself in time"),
    }
}

/// Asks our own socket for `status`.
async fn probe(daemon: &Daemon) -> io::Result<()> {
    let name = daemon.socket.as_path().to_fs_name::<GenericFilePath>()?;
    let mut stream = Stream::connect(name).await?;
    stream.write_all(PROBE).await?;
    let mut answer = [0; 64];
    match stream.read(&mut answer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Tells systemd that we serve.
pub(crate) fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd that we stop.
pub(super) fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells systemd that we read the configuration.
pub(super) fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "no monotonic clock"),
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
