//! Memory: what the daemon knows beyond one question.
//!
//! Today that is the [`session`] memory, which lives in RAM and is never written to disk. The persistent store,
//! cached answers and preferences go beside it; [`worth`] says what may go there.

pub mod backup;
pub mod export;
pub mod folder;
pub mod forget;
mod hex;
pub mod kept;
pub mod places;
pub mod portable;
pub mod retention;
pub mod row;
pub mod rows;
#[cfg(test)]
mod sample;
pub mod session;
pub mod tally;
pub mod upkeep;
pub mod worth;
