//! A transport that says when it is over.
//!
//! rmcp goes on for seconds after a connection has ended, to let handlers finish; whoever waits for an answer is to know
//! at once. The token is cancelled when every message that came before the end has been handed over.

use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A transport and the token that its end cancels.
pub(super) struct Watched<T> {
    inner: T,
    over: CancellationToken,
    _guard: DropGuard,
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T, over: CancellationToken) -> Self {
        Self { inner, _guard: over.clone().drop_guard(), over }
    }

    /// Cancelled when nothing more comes.
    pub(super) fn over(&self) -> CancellationToken {
        self.over.clone()
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Watched<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = self.inner.receive().await;
        if message.is_none() {
            self.over.cancel();
        }
        message
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
