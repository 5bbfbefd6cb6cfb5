//! The log of a real daemon's set-up: whatever a call site writes, no value of any shape reaches a file.

use std::{fs, io::Read as _};

use agentd::{config::LogConfig, observe};
use tests::corpus::shape_samples;

const SEED: u64 = 0x0010_95ee;
/// Characters of a value's end that may not stay.
const TAIL: usize = 12;

#[test]
fn a_value_of_every_shape_that_a_call_site_logs_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogConfig { level: "trace".to_owned(), keep_days: 7, max_total_mb: 64 };
    let samples = shape_samples(1, SEED);
    let guard = observe::init(dir.path(), &config, false).unwrap();
    for (number, (_, value)) in samples.iter().enumerate() {
        match number % 3 {
            0 => tracing::info!(target: "agentd", "{value}"),
            1 => tracing::warn!(target: "agentd", "the reply was\n{value}\nand that was refused"),
            _ => tracing::error!(target: "agentd", value, "failed"),
        }
    }
    // Its drop waits until what is queued is written.
    drop(guard);
    let mut text = String::new();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let file = fs::File::open(entry.unwrap().path()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "bounded by take")]
        file.take(64 << 20).read_to_string(&mut text).unwrap();
    }
    assert_eq!(text.lines().count(), samples.len());
    let left: Vec<_> = samples.iter().filter(|(_, value)| text.contains(&value[value.len() - TAIL..])).collect();
    assert!(left.is_empty(), "{} of {}: {left:#?}", left.len(), samples.len());
}
