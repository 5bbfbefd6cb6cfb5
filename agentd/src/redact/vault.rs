//! Numbered markers and the values behind them, of one conversation, in RAM only.
//!
//! Numbers are given in the order of first sight and never change, so a text that is shown twice is shown in the
//! same bytes. Nothing here is ever written, logged or sent; `Debug` shows a count.

use std::{collections::HashMap, fmt, sync::Mutex};

use crate::sync::lock;

/// The values that a conversation's model has seen as `[REDACTED:n]`.
#[derive(Default)]
pub struct Vault(Mutex<Values>);

#[derive(Default)]
struct Values {
    numbers: HashMap<Box<str>, usize>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} values)", lock(&self.0).numbers.len())
    }
}

/// Why a text with markers cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteConflict {}

impl Vault {
    /// The marker of a value.
    pub fn marker(&self, value: &str) -> String {
        let mut values = lock(&self.0);
        let next = values.numbers.len() + 1;
        let number = *values.numbers.entry(value.into()).or_insert(next);
        format!("[REDACTED:{number}]")
    }
}
