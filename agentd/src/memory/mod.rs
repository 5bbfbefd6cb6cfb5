//! Memory: what the daemon knows beyond one question.
//!
//! Today that is the [`session`] memory, which lives in RAM and is never written to disk. The persistent store,
//! cached answers and preferences go beside it; [`worth`] says what may go there.

pub mod folder;
mod hex;
pub mod kept;
pub mod portable;
pub mod row;
pub mod rows;
pub mod session;
pub mod worth;
