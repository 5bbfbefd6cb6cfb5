//! The hermetic harness, and a fake provider that is as strict as the real one.
//!
//! [`provider`] answers as the model's endpoint. The rest gives a test a home of its own with the real programs in
//! it, and leaves no process behind.

pub mod provider;
