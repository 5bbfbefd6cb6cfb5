//! The daemon's side of the MCP servers: when the pool learns of a configuration.
//!
//! Invariant: the pool sees configurations in the order in which they came into force, and none before the daemon is
//! ready: no ask waits for a server that starts.

use std::sync::Arc;

use super::Daemon;
use crate::{config::mcp::check::PROVIDER_KEY, mcp::pool::PoolSettings, process, sync::lock};

impl Daemon {
    /// Starts the configured servers, once nothing is left of those that an earlier daemon did not end: two of a kind
    /// would share files that they do not share well.
    pub(super) async fn start_servers(self: Arc<Self>) {
        process::reap_left_behind(self.endpoint.state_dir.clone()).await;
        let mut begun = lock(&self.servers_begun);
        *begun = true;
        self.configure_servers();
    }

    /// From now on the redactors know what a project's approved file gives to its servers.
    pub(super) fn learn_from_projects(self: &Arc<Self>) {
        let daemon = Arc::downgrade(self);
        self.mcp.on_secrets(Box::new(move || {
            if let Some(daemon) = daemon.upgrade() {
                daemon.renew_redactors(lock(&daemon.chosen).as_ref());
            }
        }));
    }

    /// After a reload: starts, stops and changes what has changed.
    pub(super) fn renew_servers(&self) {
        let begun = lock(&self.servers_begun);
        // Before that the start itself will read the new configuration.
        if *begun {
            self.configure_servers();
        }
    }

    /// Under the lock of its callers: two at once could leave the older configuration in force.
    fn configure_servers(&self) {
        let config = self.config();
        self.connector.set_denied(vec![config.provider.api_key_env.clone(), PROVIDER_KEY.to_owned()]);
        let settings = PoolSettings { command_timeout: config.exec.command_timeout };
        self.mcp.configure(Arc::clone(&config.mcp_servers), settings);
    }
}
