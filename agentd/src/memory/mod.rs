//! Memory: what the daemon knows beyond one question.
//!
//! The [`session`] memory lives in RAM and is never written to disk. What outlives the daemon has the shapes of
//! [`kept`]: [`answers`] to questions that are asked again ([`question`] says which are the same), [`conversations`], of
//! which [`recollections`] reach the model, and [`preferences`]; [`lasting`] holds the last two for the running daemon.
//! All of it is in RAM; [`store`] is the durable copy, and [`whole`] holds them together. [`worth`] says what may be
//! kept at all, [`retention`] for how long.
//!
//! [`rows`] is how records are written, in the store and in a backup file ([`portable`]); [`upkeep`] is what users ask
//! of the memory as a whole: [`backup`], restore, [`export`], [`forget`].

pub mod answers;
pub mod backup;
pub mod conversations;
pub mod export;
pub mod folder;
pub mod forget;
mod hex;
pub mod kept;
pub mod lasting;
pub mod places;
pub mod portable;
pub mod preferences;
pub mod question;
pub mod recollections;
pub mod retention;
pub mod row;
pub mod rows;
#[cfg(test)]
mod sample;
pub mod session;
pub mod store;
pub mod tally;
pub mod upkeep;
pub mod whole;
pub mod worth;

pub use whole::Memory;
