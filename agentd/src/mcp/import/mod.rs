//! The configuration files of other programs.
//!
//! - [`entry`]: one server as JSON files write it. [`expand`]: the references in their texts.

pub mod entry;
pub mod expand;
