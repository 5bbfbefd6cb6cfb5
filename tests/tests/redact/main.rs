//! The redactor against a corpus of its own: what it finds, what it leaves alone, and that pieces make no difference.
//!
//! `REDACT_REPORT=1 cargo nextest run -p tests --test redact recall --no-capture` lists every class with what it
//! misses; the texts are made up.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod again;
mod clean;
mod corpus;
mod hostile;
mod json;
mod kinds;
mod log;
mod pieces;
mod recall;

use std::sync::LazyLock;

use agentd::redact::{Finding, Redactor};
use tests::corpus::{Record, negatives, positives};

/// One engine for all tests of a process: its automaton takes a moment to build.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new([]));
static POSITIVES: LazyLock<Vec<Record>> = LazyLock::new(positives);
static NEGATIVES: LazyLock<Vec<Record>> = LazyLock::new(negatives);

fn find(text: &str) -> Vec<Finding> {
    REDACTOR.find(text)
}

/// The text as it may leave.
fn redacted(text: &str) -> String {
    REDACTOR.text(text).as_str().to_owned()
}

/// Everything, every so many: all of it where the build is quick, a sample where it is not.
fn sample(every_in_debug: usize) -> impl Iterator<Item = &'static Record> {
    let every = if cfg!(debug_assertions) { every_in_debug } else { 1 };
    POSITIVES.iter().chain(NEGATIVES.iter()).step_by(every)
}

/// True when the developer wants to read more than pass or fail.
fn wants_report() -> bool {
    std::env::var_os("REDACT_REPORT").is_some()
}
