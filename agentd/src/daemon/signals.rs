//! Signals: TERM and INT stop, a second one leaves at once, HUP reloads.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Daemon;

pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Takes over the three signals; from here on they do not end the process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for TERM or INT, reloading at each HUP.
    pub(super) async fn wait_for_stop(&mut self, daemon: &Daemon) {
        loop {
            tokio::select! {
                _ = self.term.recv() => break,
                _ = self.int.recv() => break,
                _ = self.hup.recv() => {
                    super::watch::notify_reloading();
                    if let Err(failure) = daemon.reload().await {
                        tracing::error!(why = %failure, "reload failed");
                    }
                    super::watch::notify_ready();
                }
            }
        }
    }

    /// Waits for another TERM or INT.
    pub(super) async fn wait_for_second(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
