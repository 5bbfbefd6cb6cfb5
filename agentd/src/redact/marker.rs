//! The markers that stand in place of secrets: `[REDACTED]`, and `[REDACTED:7]` towards the model.

/// What stands in place of a secret in stores and logs.
pub const MARKER: &str = "[REDACTED]";
/// How every marker begins.
pub(super) const OPEN: &str = "[REDACTED";

/// True when the text holds something that reads as one of our markers.
pub fn has_marker(text: &str) -> bool {
    text.contains(OPEN)
}
