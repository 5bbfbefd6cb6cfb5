//! What a server may ask of us and tell us: very little.
//!
//! A question to the user is declined, for nobody is there to answer it; sampling and roots are not offered. Progress
//! wakes the call that it belongs to, a changed tool list is told to whoever supervises the server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
        ErrorData, FormElicitationCapability, Implementation, ProgressNotificationParam, ProgressToken,
        ProtocolVersion,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::{Told, answers};
use crate::sync::lock;

/// What happens when a server asks the user something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Questions {
    /// They are not offered, and declined when they come all the same.
    #[default]
    Declined,
    /// They are offered, and answered with what the form says by default. For the conformance suite.
    Defaults,
}

impl Questions {
    /// The answer to `elicitation/create`.
    pub(super) fn answer(self, schema: Option<&Value>) -> Value {
        match self {
            Self::Declined => json!({ "action": "decline" }),
            Self::Defaults => json!({ "action": "accept", "content": answers::defaults(schema) }),
        }
    }
}

/// Our side of a connection.
#[derive(Clone)]
pub(super) struct Handler {
    shared: Arc<Shared>,
}

struct Shared {
    questions: Questions,
    told: mpsc::Sender<Told>,
    progress: Mutex<HashMap<ProgressToken, Arc<Notify>>>,
}

impl Handler {
    pub(super) fn new(questions: Questions, told: mpsc::Sender<Told>) -> Self {
        Self { shared: Arc::new(Shared { questions, told, progress: Mutex::default() }) }
    }

    pub(super) fn questions(&self) -> Questions {
        self.shared.questions
    }

    /// Says that the tools have changed. What does not fit is dropped: it would say the same.
    pub(super) fn tools_changed(&self) {
        let _ = self.shared.told.try_send(Told::ToolsChanged);
    }

    /// What is notified at every progress under this token, until [`Self::forget`].
    pub(super) fn watch(&self, token: &ProgressToken) -> Arc<Notify> {
        Arc::clone(lock(&self.shared.progress).entry(token.clone()).or_default())
    }

    pub(super) fn forget(&self, token: &ProgressToken) {
        lock(&self.shared.progress).remove(token);
    }

    /// What we say of ourselves.
    pub(super) fn config(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        if self.shared.questions == Questions::Defaults {
            let form = FormElicitationCapability::new().with_schema_validation(true);
            capabilities.elicitation = Some(ElicitationCapability::new().with_form(form));
        }
        // Without a version of its own, rmcp would offer one that has no `initialize`.
        ClientConfig::new(capabilities, Implementation::new("agentd", env!("CARGO_PKG_VERSION")))
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.config()
    }

    async fn create_elicitation(
        &self,
        asked: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { requested_schema, .. } = asked else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let schema = serde_json::to_value(requested_schema).unwrap_or_default();
        let answer = self.questions().answer(Some(&schema));
        serde_json::from_value(answer).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        if let Some(call) = lock(&self.shared.progress).get(&progress.progress_token) {
            call.notify_one();
        }
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed();
    }
}
