//! One call: its server, its deadline, its second try.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::{self, Instant};

use super::{Pool, PoolCall, PoolError, View, Wait, instances::rest_others};
use crate::{
    config::{McpServer, Role},
    mcp::{
        client::{CallRequest, CallResult, ClientError},
        server::{Instance, start, status::Live},
    },
    sync::lock,
};

/// A call without progress ends after it, when the configuration does not say otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A command is ended by its own server at `exec.command_timeout`; that answer is still wanted.
const COMMAND_GRACE: Duration = Duration::from_secs(5);
/// How long a call whose server died waits for the next one: the first pause and a slow start. Later, a model does
/// better with the error.
const RETRY_WAIT: Duration = Duration::from_secs(5);
/// What a second try has at least, when the first one took nearly all the time.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// JSON-RPC's code for a call that is not as it should be; here: that the configuration forbids.
const INVALID_PARAMS: i64 = -32602;

/// Why an instance does not serve.
pub(super) fn not_ready(instance: &Instance) -> PoolError {
    let status = instance.status();
    PoolError::NotReady { server: instance.key.name.clone(), state: status.state, why: status.why }
}

impl Pool {
    pub(super) async fn serve(&self, view: &View, mut call: PoolCall) -> Result<CallResult, PoolError> {
        if call.wait == Wait::ForStart {
            self.has_begun().await;
        }
        let (config, instance) = self.instance(view, &call.server)?;
        let failed = |error| PoolError::Failed { server: instance.key.name.clone(), error };
        if !config.offers(&call.tool) {
            let message = format!("the configuration switches the tool {:?} off", call.tool);
            return Err(failed(ClientError::Rpc { code: INVALID_PARAMS, message }));
        }
        if instance.live().is_none() {
            rest_others(&lock(&self.books), &instance.key);
        }
        let cancel = call.cancel.clone();
        let live = tokio::select! {
            live = up(&instance, config, call.wait) => live,
            () = cancel.cancelled() => return Err(failed(ClientError::Cancelled)),
        };
        let Some(live) = live else { return Err(not_ready(&instance)) };
        let timeout = call.timeout.unwrap_or_else(|| self.time_for(config));
        let again = self.may_repeat(&instance, &call.tool).then(|| request(&mut call.clone(), timeout));
        let begun = Instant::now();
        let first = instance.call(&live, request(&mut call, timeout)).await;
        let Some(mut again) = again.filter(|_| matches!(first, Err(ClientError::Closed))) else {
            return first.map_err(failed);
        };
        let left = || timeout.saturating_sub(begun.elapsed()).max(RETRY_MIN);
        let next = tokio::select! {
            next = time::timeout(RETRY_WAIT.min(left()), instance.newer(live.generation)) => next.ok().flatten(),
            () = cancel.cancelled() => return Err(failed(ClientError::Cancelled)),
        };
        let Some(next) = next else { return first.map_err(failed) };
        tracing::info!(server = %call.server, "a call is made again after a restart");
        again.timeout = left();
        instance.call(&next, again).await.map_err(failed)
    }

    fn time_for(&self, config: &McpServer) -> Duration {
        let usual = match config.role {
            Some(Role::Command) => lock(&self.books).settings.command_timeout + COMMAND_GRACE,
            _ => CALL_TIMEOUT,
        };
        config.tool_timeout.unwrap_or(usual)
    }

    /// True when the tool says that a second equal call does no harm.
    fn may_repeat(&self, instance: &Instance, tool: &str) -> bool {
        let listed = instance.listed(&self.common);
        listed.and_then(|listed| listed.get(tool).map(|tool| tool.read_only || tool.idempotent)).unwrap_or(false)
    }

    pub(super) async fn all_required(&self, view: &View) -> Result<(), PoolError> {
        let required = view.servers().filter(|(_, _, config)| config.enabled && config.required);
        let waits = required.map(|(name, ..)| async move {
            self.has_begun().await;
            let (config, instance) = self.instance(view, name)?;
            match up(&instance, config, Wait::ForStart).await {
                Some(_) => Ok(()),
                None => Err(not_ready(&instance)),
            }
        });
        join_all(waits).await.into_iter().collect()
    }
}

/// The request of a call; its arguments, which may be a whole file, are taken.
fn request(call: &mut PoolCall, timeout: Duration) -> CallRequest {
    let arguments = std::mem::take(&mut call.arguments);
    CallRequest { tool: call.tool.clone(), arguments, timeout, cancel: call.cancel.clone() }
}

/// The connection of an instance, waited for or not.
async fn up(instance: &Arc<Instance>, config: &McpServer, wait: Wait) -> Option<Live> {
    if let Some(live) = instance.live() {
        return Some(live);
    }
    match wait {
        Wait::Not => {
            instance.kick();
            None
        }
        Wait::ForStart => time::timeout(start::timeout(config), instance.start()).await.ok().flatten(),
    }
}
