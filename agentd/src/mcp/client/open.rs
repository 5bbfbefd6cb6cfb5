//! From streams or an address to a connection at work.

use std::sync::Arc;

use rmcp::{RoleClient, transport::Transport};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    SharedClient, Told,
    greet::{Greeting, greet},
    handler::{Handler, Questions},
    http::Endpoint,
    pipe::Pipe,
    rpc::Rpc,
    watched::Watched,
};
use crate::mcp::stderr::Stderr;

/// What a server tells unasked and nobody has heard yet. All of it says the same.
const TOLD_MAX: usize = 8;

/// How a connection begins and ends.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// What is said first.
    pub(crate) greeting: Greeting,
    /// Until when a protocol must be agreed on.
    pub(crate) deadline: Instant,
    /// What happens when the server asks the user something.
    pub(crate) questions: Questions,
    /// Ends the connection. What was asked fails at once.
    pub(crate) end: CancellationToken,
}

/// A connection at work.
pub(crate) struct Opened {
    /// To talk to it.
    pub(crate) client: SharedClient,
    /// What it tells unasked.
    pub(crate) told: mpsc::Receiver<Told>,
    /// Cancelled when the connection is over.
    pub(crate) over: CancellationToken,
}

impl Opening {
    /// Over the standard streams of a process, which are closed at the end. `Err` says in one sentence why not.
    pub(crate) async fn over_streams<R, W>(self, reader: R, writer: W, stderr: Arc<Stderr>) -> Result<Opened, String>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let pipe = Pipe::open(reader, writer, stderr, &self.end);
        self.over(pipe).await
    }

    /// Over HTTP. `Err` says in one sentence why not.
    pub(crate) async fn over_http(self, endpoint: &Endpoint) -> Result<Opened, String> {
        self.over(endpoint.transport()).await
    }

    async fn over<T: Transport<RoleClient> + 'static>(self, transport: T) -> Result<Opened, String> {
        let (tell, told) = mpsc::channel(TOLD_MAX);
        let handler = Handler::new(self.questions, tell);
        // Cancelled by the end from within as well as from without.
        let over = self.end.child_token();
        let mut transport = Watched::new(transport, over.clone());
        let agreed = greet(&mut transport, self.greeting, &handler.config(), self.deadline).await?;
        let client = Arc::new(Rpc::new(transport, agreed, handler, self.end));
        Ok(Opened { client, told, over })
    }
}
