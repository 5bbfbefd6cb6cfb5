//! Memory: what the daemon knows beyond one question.
//!
//! The [`session`] memory lives in RAM and is never written to disk. What outlives the daemon has the shapes of
//! [`kept`]: [`conversations`], of which [`recollections`] reach the model, and [`preferences`]; [`lasting`] holds them
//! for the running daemon. [`worth`] says what may be kept at all.

pub mod conversations;
pub mod kept;
pub mod lasting;
pub mod preferences;
pub mod recollections;
pub mod session;
pub mod worth;
