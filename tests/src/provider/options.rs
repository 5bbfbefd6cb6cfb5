//! What a fake provider is started with.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{chat::Rules, scenario::Scenario};

/// The key that tests use: obviously not a real one.
pub const TEST_KEY: &str = "sk-test-0000-not-a-real-key";

/// Settings of a fake provider.
#[derive(Debug, Clone)]
pub struct Options {
    /// The accepted key.
    pub key: String,
    /// Port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// What it answers.
    pub scenario: Scenario,
    /// Context length and other rules of the checks.
    pub rules: Rules,
    /// Chat requests at once; one more is answered with 429.
    pub max_concurrent: usize,
    /// What `/user/balance` says; without balance, chat answers 402.
    pub balance: Balance,
    /// Append every request to this file, one JSON object a line.
    pub record: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key: TEST_KEY.to_owned(),
            port: 0,
            scenario: Scenario::default(),
            rules: Rules { context_tokens: 1024 * 1024, reasoning_everywhere: false },
            max_concurrent: 2500,
            balance: Balance::default(),
            record: None,
        }
    }
}

/// An account's balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// False: chat answers 402.
    pub available: bool,
    /// Currency, total, granted, topped up: amounts are texts, as on the wire. May be empty.
    pub infos: Vec<[String; 4]>,
}

impl Default for Balance {
    fn default() -> Self {
        Self { available: true, infos: vec![["USD", "12.50", "2.50", "10.00"].map(str::to_owned)] }
    }
}

impl Balance {
    /// An account that is used up.
    pub fn exhausted() -> Self {
        Self { available: false, infos: vec![["USD", "0.00", "0.00", "0.00"].map(str::to_owned)] }
    }

    /// The body of `/user/balance`.
    pub fn body(&self) -> String {
        let infos: Vec<Value> = self
            .infos
            .iter()
            .map(|[currency, total, granted, topped]| {
                json!({ "currency": currency, "total_balance": total, "granted_balance": granted,
                    "topped_up_balance": topped })
            })
            .collect();
        json!({ "is_available": self.available, "balance_infos": infos }).to_string()
    }
}
