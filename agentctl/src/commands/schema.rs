//! `agentctl schema`: the pinned JSON Schema of the protocol.

use crate::exit::Outcome;

pub(super) fn run() -> Outcome {
    super::print(&format!("{}\n", proto::SCHEMA.trim_end()))
}
