//! Memory: what the daemon knows beyond one question.
//!
//! Today that is the [`session`] memory, which lives in RAM and is never written to disk. The persistent store,
//! cached answers and preferences go beside it; [`worth`] says what may go there.

pub mod session;
pub mod store;
pub mod worth;
