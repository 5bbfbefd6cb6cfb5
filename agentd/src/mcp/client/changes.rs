//! Changes of the tool list in the modern era, where a server tells of them only to those who listen.

use std::time::Duration;

use rmcp::{
    Peer, RoleClient,
    model::{ServerCapabilities, ServerNotification, SubscriptionFilter},
    service::SubscriptionEnd,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::handler::Handler;

/// So long may a server take to say that it will tell.
const ACCEPT: Duration = Duration::from_secs(10);
/// Before listening again, twice as long each time.
const AGAIN: Duration = Duration::from_secs(1);
/// A server that ends the subscription this often in a row does not want to be listened to.
const TRIES_MAX: u32 = 6;

/// True when the server tells of changes.
pub(super) fn told_of(capabilities: &ServerCapabilities) -> bool {
    capabilities.tools.as_ref().is_some_and(|tools| tools.list_changed == Some(true))
}

/// Listens for as long as the connection lasts.
pub(super) async fn listen(peer: Peer<RoleClient>, handler: Handler, over: CancellationToken) {
    tokio::select! { () = over.cancelled() => {}, () = listen_again(&peer, &handler) => {} }
}

async fn listen_again(peer: &Peer<RoleClient>, handler: &Handler) {
    let mut tries = 0;
    while tries < TRIES_MAX {
        sleep(if tries == 0 { Duration::ZERO } else { AGAIN * 2_u32.pow(tries - 1) }).await;
        tries += 1;
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        let Ok(Ok(mut subscription)) = timeout(ACCEPT, peer.listen(filter)).await else { continue };
        if tries > 1 {
            // Nobody told us what changed while we did not listen.
            handler.tools_changed();
        }
        while let Ok(Some(notification)) = subscription.next().await {
            tries = 0;
            if matches!(notification, ServerNotification::ToolListChangedNotification(_)) {
                handler.tools_changed();
            }
        }
        if matches!(subscription.end(), Some(SubscriptionEnd::Lagged { .. })) {
            tries = 0;
        }
    }
}
