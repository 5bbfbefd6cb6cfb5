//! Requests about what is kept: cached answers, preferences, backups.

use std::sync::Arc;

use proto::{ErrorKind, Failure, Request, Response};

use super::dispatch::Origin;
use crate::daemon::Daemon;

/// Carries out one request of the families `cache` and `memory`.
pub(super) async fn handle(_daemon: &Arc<Daemon>, _from: &Origin, request: Request) -> Result<Response, Failure> {
    let message = format!("{} is not a request about what is kept", request.method());
    Err(Failure::new(ErrorKind::Internal, message))
}
