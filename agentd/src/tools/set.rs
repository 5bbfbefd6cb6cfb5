//! The tools of a conversation, as it runs them and as its model is told about them.
//!
//! Immutable: the list is a part of the prompt prefix, so a conversation keeps the set that it began with while servers
//! come and go. Sets with the same tools have the same fingerprint.

use std::{fmt, sync::Arc};

use super::{Tool, Toolbox};
use crate::llm::ToolDefinition;

/// What SHA-256 says of a prompt prefix.
pub type PrefixFingerprint = [u8; 32];

/// All tools of a conversation: frozen and sorted.
pub struct ToolSet {
    toolbox: Toolbox,
    definitions: Arc<[ToolDefinition]>,
    fingerprint: PrefixFingerprint,
}

impl ToolSet {
    /// Sorts the tools by name. `fingerprint` digests what the provider is told about them, with all that comes before.
    pub fn new(
        tools: Vec<Arc<dyn Tool>>,
        fingerprint: impl FnOnce(&[ToolDefinition]) -> PrefixFingerprint,
    ) -> Arc<Self> {
        let toolbox = Toolbox::new(tools);
        let definitions: Arc<[ToolDefinition]> = toolbox
            .specs()
            .map(|spec| ToolDefinition {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.parameters.clone(),
            })
            .collect();
        Arc::new(Self { fingerprint: fingerprint(&definitions), toolbox, definitions })
    }

    /// The tools by name.
    pub fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// As the provider is told about them.
    pub fn definitions(&self) -> &Arc<[ToolDefinition]> {
        &self.definitions
    }

    /// Of the prompt prefix that they are a part of.
    pub fn fingerprint(&self) -> PrefixFingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.toolbox.specs().map(|spec| &spec.name)).finish()
    }
}
