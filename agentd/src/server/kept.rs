//! Requests about what is kept: cached answers, preferences, backups.

use std::sync::Arc;

use proto::{ErrorKind, Failure, Request, Response};

use super::{dispatch::Origin, preferences};
use crate::daemon::Daemon;

/// Carries out one request of the families `cache` and `memory`.
pub(super) async fn handle(daemon: &Arc<Daemon>, from: &Origin, request: Request) -> Result<Response, Failure> {
    let redactors = daemon.redactors();
    let preferences = preferences::Desk { agent: &daemon.agent, uid: from.uid, redactor: redactors.kept(false) };
    Ok(match request {
        Request::PrefsList(list) => preferences.list(&list).await?.into(),
        Request::PrefsSet(set) => preferences.set(&set).await?.into(),
        Request::PrefsUnset(unset) => preferences.unset(&unset).await?.into(),
        other => {
            let message = format!("{} is not a request about what is kept", other.method());
            return Err(Failure::new(ErrorKind::Internal, message));
        }
    })
}
