//! Requests to handlers, by family.

use std::sync::Arc;

use proto::{
    Answer, ApproveReport, AskRequest, CancelReport, ClearReport, ErrorKind, Failure, Request, RequestId, Response,
    SessionDetail, SessionsClearRequest, SessionsListRequest, SessionsReport, SessionsShowRequest,
};
use tokio_util::sync::CancellationToken;

use super::{kept, mcp};
use crate::{
    agent::{self, Ask, Events},
    daemon::Daemon,
    memory::{
        conversations::Forget,
        session::{DEFAULT_SESSION, SessionKey},
    },
};

/// Where a request comes from.
pub(super) struct Origin {
    pub(super) uid: u32,
    pub(super) connection: u64,
    pub(super) id: RequestId,
    pub(super) events: Events,
    /// Cancelled when the connection ends.
    pub(super) token: CancellationToken,
}

/// Carries out one request. What failed is told redacted: a failure may quote a file, a provider or a command.
pub(super) async fn handle(daemon: &Arc<Daemon>, from: &Origin, request: Request) -> Result<Response, Failure> {
    carry_out(daemon, from, request).await.map_err(|mut failure| {
        let redactors = daemon.redactors();
        failure.message = redactors.kept(false).text(&failure.message).to_string();
        failure.hint = redactors.kept(false).text(&failure.hint).to_string();
        failure
    })
}

async fn carry_out(daemon: &Arc<Daemon>, from: &Origin, request: Request) -> Result<Response, Failure> {
    Ok(match request {
        Request::Status(_) => daemon.status().into(),
        Request::Stop(stop) => daemon.request_stop(&stop)?.into(),
        Request::Reload(_) => daemon.reload().await?.into(),
        Request::Cancel(cancel) => {
            let cancelled = daemon.turns.cancel(from.uid, from.connection, &cancel)?;
            CancelReport { cancelled }.into()
        }
        Request::Ask(ask) => run_ask(daemon, from, ask).await?.into(),
        Request::Approve(word) => {
            let accepted = daemon.agent.approvals.decide(from.uid, word.approval, word.decision);
            ApproveReport { accepted }.into()
        }
        Request::SessionsList(list) => sessions_list(daemon, from.uid, &list).await?.into(),
        Request::SessionsShow(show) => sessions_show(daemon, from.uid, show).await?.into(),
        Request::SessionsClear(clear) => sessions_clear(daemon, from.uid, clear).await?.into(),
        Request::Models(_) => daemon.models().await?.into(),
        request @ (Request::McpList(_)
        | Request::McpTools(_)
        | Request::McpCall(_)
        | Request::McpRestart(_)
        | Request::McpLogs(_)
        | Request::McpApprove(_)) => mcp::handle(daemon, from, request).await?,
        kept => kept::handle(daemon, from, kept).await?,
    })
}

async fn run_ask(daemon: &Arc<Daemon>, from: &Origin, request: AskRequest) -> Result<Answer, Failure> {
    if daemon.is_draining() {
        return Err(Failure::new(ErrorKind::Draining, "agentd is stopping").hint("ask again in a moment"));
    }
    let cancel = if request.detach { CancellationToken::new() } else { from.token.child_token() };
    let guard = daemon.turns.begin(from.uid, from.connection, from.id.clone(), cancel.clone());
    let choice = tokio::select! {
        choice = daemon.provider() => choice?,
        () = cancel.cancelled() => {
            return Err(daemon.turns.explain(Failure::new(ErrorKind::Cancelled, "cancelled")));
        }
    };
    let ask = ask_of(daemon, from, request, guard.turn.clone(), cancel);
    let outcome = agent::answer(&daemon.agent, ask, choice).await.map_err(|failure| daemon.turns.explain(failure));
    outcome.inspect_err(|failure| {
        tracing::warn!(turn = %guard.turn, kind = failure.kind.name(), "not answered");
    })
}

/// A request on its way, under the configuration and the redactors of this moment.
pub(super) fn ask_of(
    daemon: &Daemon,
    from: &Origin,
    request: AskRequest,
    turn: String,
    cancel: CancellationToken,
) -> Ask {
    let redactors = daemon.redactors();
    Ask {
        uid: from.uid,
        request,
        turn,
        events: from.events.clone().redacted_by(redactors.kept(false)),
        cancel,
        config: daemon.config(),
        attached: None,
        redactor: redactors.kept(false).clone(),
        redactors,
    }
}

async fn sessions_list(daemon: &Daemon, uid: u32, list: &SessionsListRequest) -> Result<SessionsReport, Failure> {
    let project = match list.cwd.as_str() {
        "" => None,
        cwd => Some(agent::home_of(cwd).await?),
    };
    Ok(SessionsReport { sessions: daemon.agent.sessions.list(uid, project.as_deref()) })
}

async fn sessions_show(daemon: &Daemon, uid: u32, show: SessionsShowRequest) -> Result<SessionDetail, Failure> {
    let name = if show.name.is_empty() { DEFAULT_SESSION.to_owned() } else { show.name };
    let key = SessionKey { uid, project: agent::home_of(&show.cwd).await?, name };
    let mut detail = daemon.agent.sessions.show(&key).ok_or_else(|| {
        Failure::new(ErrorKind::NotFound, format!("no session {:?} in {}", key.name, key.project.display()))
            .hint("agentctl sessions list shows what there is")
    })?;
    // Questions and answers were redacted when they came; a file is called whatever somebody called it.
    let redactors = daemon.redactors();
    detail.files.iter_mut().for_each(|file| *file = redactors.kept(false).text(file).to_string());
    Ok(detail)
}

async fn sessions_clear(daemon: &Daemon, uid: u32, clear: SessionsClearRequest) -> Result<ClearReport, Failure> {
    let project = agent::home_of(&clear.cwd).await?;
    let name = Some(clear.name.as_str()).filter(|name| !name.is_empty());
    let cleared = daemon.agent.sessions.clear(uid, &project, name);
    // What outlived an earlier daemon goes too, or -c would bring it back.
    let kept = name.map_or(Forget::Project(&project), |name| Forget::Session(&project, name));
    let (_, written) = daemon.agent.memory.lasting.forget_conversations(uid, kept).await;
    written.map_err(|why| Failure::new(ErrorKind::Failure, format!("cleared in memory, but not on disk: {why}")))?;
    Ok(ClearReport { cleared: u32::try_from(cleared).unwrap_or(u32::MAX) })
}
