//! wip
use std::sync::Arc;
use super::Tool;
/// wip
pub fn toolbox() -> Vec<Arc<dyn Tool>> { Vec::new() }
