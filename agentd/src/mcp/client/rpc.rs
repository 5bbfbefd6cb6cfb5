//! A connection at work: requests with deadlines, on rmcp.
//!
//! Every request ends with its answer, at its deadline, with its caller, or with the connection; the server is told of
//! one that was given up. rmcp's helpers are not used for any of it: they have no deadline, list without a bound, and
//! answer from a cache.

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, ClientRequest, DiscoverRequest, DiscoverRequestParams, ErrorCode,
        ListToolsRequest, PaginatedRequestParams, PingRequest, ServerResult,
    },
    service::{PeerRequestOptions, RequestHandle, RunningService, ServiceError, serve_directly_with_ct},
    transport::Transport,
};
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    CALL_CAP, CallRequest, CallResult, Client, ClientError, Era, PAGES_MAX, ServerInfo, ToolList,
    answers::{self, Listing, Outcome},
    changes,
    flight::SPOILT,
    greet::{Agreed, root},
    handler::Handler,
    watched::Watched,
};
use crate::tools::BoxFuture;

/// So long is tried to tell a server that a request was given up. Nobody waits for it.
const CANCEL: Duration = Duration::from_secs(5);
/// A call that is answered with a question this often gets no answer any more.
const ROUNDS_MAX: u32 = 10;
/// A server that asks nothing but wants to be called again is called again after this long, twice as long each time.
const AGAIN: Duration = Duration::from_millis(100);

/// A connection.
pub(crate) struct Rpc {
    service: RunningService<RoleClient, Handler>,
    era: Era,
    info: ServerInfo,
    over: CancellationToken,
}

impl Rpc {
    /// Takes over a transport on which a protocol was agreed on; it ends with `end`.
    pub(super) fn new<T: Transport<RoleClient> + 'static>(
        transport: Watched<T>,
        agreed: Agreed,
        handler: Handler,
        end: CancellationToken,
    ) -> Self {
        let Agreed { era, server } = agreed;
        let named = server.server_info.as_ref();
        let info = ServerInfo {
            name: named.map_or_else(String::new, |server| answers::word(&server.name).to_owned()),
            version: named.map_or_else(String::new, |server| answers::word(&server.version).to_owned()),
            protocol: answers::word(&server.protocol_version.to_string()).to_owned(),
        };
        let listens = era == Era::Modern && changes::told_of(&server.capabilities);
        let over = transport.over();
        let service = serve_directly_with_ct(handler.clone(), transport, Some(server), end);
        if listens {
            tokio::spawn(changes::listen(service.peer().clone(), handler, over.clone()));
        }
        Self { service, era, info, over }
    }

    async fn request(&self, request: ClientRequest, limits: Limits<'_>) -> Result<ServerResult, ClientError> {
        if self.over.is_cancelled() {
            return Err(ClientError::Closed);
        }
        let sent = self.service.peer().send_request_with_option(request, PeerRequestOptions::no_options());
        let handle = tokio::select! {
            biased;
            sent = sent => sent.map_err(|error| failure(&error))?,
            () = self.over.cancelled() => return Err(ClientError::Closed),
            () = sleep_until(limits.deadline) => return Err(ClientError::Timeout(limits.whole)),
        };
        Pending::new(handle, self.service.service()).answer(&self.over, limits).await
    }

    async fn list(&self, limit: Duration) -> Result<ToolList, ClientError> {
        let never = CancellationToken::new();
        let (mut listing, mut cursor, mut pages) = (Listing::default(), None::<String>, 0);
        let limits = Limits::new(limit, limit, &never);
        loop {
            let params = PaginatedRequestParams::default().with_cursor(cursor.clone());
            let request =
                ListToolsRequest { params: cursor.is_some().then_some(params), ..ListToolsRequest::default() };
            let result = match self.request(ClientRequest::ListToolsRequest(request), limits).await {
                Err(ClientError::Rpc { code, .. }) if pages == 0 && self.has_no_tools(code) => break,
                result => result?,
            };
            let page = answers::page(into_json(result)).map_err(ClientError::BadAnswer)?;
            pages += 1;
            if !listing.add(page.tools) {
                break;
            }
            match page.next {
                None => break,
                Some(_) if pages == PAGES_MAX => {
                    listing.leave_out(format!("its tool list has more than {PAGES_MAX} pages; the rest is left out"));
                    break;
                }
                next if next == cursor => {
                    listing.leave_out("its tool list names the same page again; the rest is left out".to_owned());
                    break;
                }
                next => cursor = next,
            }
        }
        Ok(listing.into_list())
    }

    /// A server with prompts or resources only does not know the question.
    fn has_no_tools(&self, code: i64) -> bool {
        let server = self.service.peer().peer_info();
        code == i64::from(ErrorCode::METHOD_NOT_FOUND.0)
            && server.is_some_and(|server| server.capabilities.tools.is_none())
    }

    async fn call_tool(&self, call: CallRequest) -> Result<CallResult, ClientError> {
        let limits = Limits::new(call.timeout, CALL_CAP, &call.cancel);
        let mut params = CallToolRequestParams::new(call.tool).with_arguments(call.arguments);
        for round in 0..ROUNDS_MAX {
            let request = ClientRequest::CallToolRequest(CallToolRequest::new(params.clone()));
            let result = into_json(self.request(request, limits).await?);
            let (requests, state) = match answers::outcome(result).map_err(ClientError::BadAnswer)? {
                Outcome::Done(result) => return Ok(result),
                Outcome::Asks { requests, state } => (requests, state),
            };
            if requests.is_empty() {
                limits.pause(AGAIN * 2_u32.pow(round), &self.over).await?;
            }
            let answers = requests.into_iter().map(|(name, asked)| Ok((name, self.answer(&asked)?)));
            let answers: std::collections::BTreeMap<_, _> = answers.collect::<Result<_, ClientError>>()?;
            params.input_responses = (!answers.is_empty()).then_some(answers);
            params.request_state = state;
        }
        Err(ClientError::BadAnswer(format!("it asked for more {ROUNDS_MAX} times in place of a result")))
    }

    fn answer(&self, asked: &Value) -> Result<Value, ClientError> {
        let method = asked.get("method").and_then(Value::as_str).unwrap_or_default();
        if method != "elicitation/create" {
            let method = answers::word(method);
            return Err(ClientError::BadAnswer(format!("it asks for {method:?}, which was not offered")));
        }
        let schema = asked.get("params").and_then(|params| params.get("requestedSchema"));
        Ok(self.service.service().questions().answer(schema))
    }

    async fn lives(&self, limit: Duration) -> Result<(), ClientError> {
        let never = CancellationToken::new();
        let limits = Limits::new(limit, limit, &never);
        let request = match self.era {
            Era::Legacy => ClientRequest::PingRequest(PingRequest::default()),
            Era::Modern => ClientRequest::DiscoverRequest(DiscoverRequest::new(DiscoverRequestParams {})),
        };
        match self.request(request, limits).await {
            // Whatever it says, it says something.
            Ok(_) | Err(ClientError::Rpc { .. } | ClientError::BadAnswer(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Client for Rpc {
    fn era(&self) -> Era {
        self.era
    }

    fn info(&self) -> &ServerInfo {
        &self.info
    }

    fn list_tools(&self, timeout: Duration) -> BoxFuture<'_, Result<ToolList, ClientError>> {
        Box::pin(self.list(timeout))
    }

    fn call(&self, request: CallRequest) -> BoxFuture<'_, Result<CallResult, ClientError>> {
        Box::pin(self.call_tool(request))
    }

    fn check(&self, timeout: Duration) -> BoxFuture<'_, Result<(), ClientError>> {
        Box::pin(self.lives(timeout))
    }
}

/// What ends a request that is not answered.
#[derive(Clone, Copy)]
struct Limits<'a> {
    /// So long without an answer and without progress.
    quiet: Duration,
    /// So long, whatever happens.
    whole: Duration,
    /// The end of that.
    deadline: Instant,
    /// The caller.
    cancel: &'a CancellationToken,
}

impl<'a> Limits<'a> {
    fn new(quiet: Duration, whole: Duration, cancel: &'a CancellationToken) -> Self {
        Self { quiet, whole, deadline: Instant::now() + whole, cancel }
    }

    async fn pause(&self, length: Duration, over: &CancellationToken) -> Result<(), ClientError> {
        tokio::select! {
            biased;
            () = over.cancelled() => Err(ClientError::Closed),
            () = self.cancel.cancelled() => Err(ClientError::Cancelled),
            () = sleep(length) => Ok(()),
            () = sleep_until(self.deadline) => Err(ClientError::Timeout(self.whole)),
        }
    }
}

/// A request that was sent. Dropped before its answer came, it is cancelled at the server.
struct Pending<'a> {
    handle: Option<RequestHandle<RoleClient>>,
    handler: &'a Handler,
    progress: Arc<Notify>,
}

impl<'a> Pending<'a> {
    fn new(handle: RequestHandle<RoleClient>, handler: &'a Handler) -> Self {
        let progress = handler.watch(&handle.progress_token);
        Self { handle: Some(handle), handler, progress }
    }

    async fn answer(mut self, over: &CancellationToken, limits: Limits<'_>) -> Result<ServerResult, ClientError> {
        let mut quiet_until = Instant::now() + limits.quiet;
        let Some(handle) = self.handle.as_mut() else { return Err(ClientError::Closed) };
        let answer = loop {
            let until = quiet_until.min(limits.deadline);
            tokio::select! {
                biased;
                answer = &mut handle.rx => break answer,
                () = over.cancelled() => return Err(self.lost()),
                () = limits.cancel.cancelled() => return Err(ClientError::Cancelled),
                () = self.progress.notified() => quiet_until = Instant::now() + limits.quiet,
                () = sleep_until(until) => {
                    let whole = limits.deadline < quiet_until;
                    return Err(ClientError::Timeout(if whole { limits.whole } else { limits.quiet }));
                }
            }
        };
        self.settle();
        match answer {
            Ok(answer) => answer.map_err(|error| failure(&error)),
            Err(_) => Err(ClientError::Closed),
        }
    }

    fn lost(&mut self) -> ClientError {
        self.settle();
        ClientError::Closed
    }

    fn settle(&mut self) -> Option<RequestHandle<RoleClient>> {
        let handle = self.handle.take()?;
        self.handler.forget(&handle.progress_token);
        Some(handle)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Some(handle) = self.settle() else { return };
        // A task of its own: the server may not read at present, and the caller is to go on.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = timeout(CANCEL, handle.cancel(Some("given up".to_owned()))).await;
            });
        }
    }
}

fn into_json(result: ServerResult) -> Value {
    match result {
        ServerResult::CustomResult(result) => result.0,
        result => serde_json::to_value(result).unwrap_or_default(),
    }
}

fn failure(error: &ServiceError) -> ClientError {
    match error {
        ServiceError::McpError(error) if error.code == SPOILT => ClientError::BadAnswer(error.message.to_string()),
        ServiceError::McpError(error) => {
            ClientError::Rpc { code: i64::from(error.code.0), message: error.message.to_string() }
        }
        ServiceError::TransportClosed => ClientError::Closed,
        ServiceError::TransportSend(error) => super::http::failure(error).unwrap_or_else(|| sending(error)),
        ServiceError::Cancelled { .. } => ClientError::Cancelled,
        other => ClientError::BadAnswer(other.to_string()),
    }
}

fn sending(error: &rmcp::transport::DynamicTransportError) -> ClientError {
    let pipe = error.error.downcast_ref::<std::io::Error>();
    match pipe.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::BrokenPipe) => ClientError::Closed,
        _ => ClientError::Transport(root(error.error.as_ref())),
    }
}
