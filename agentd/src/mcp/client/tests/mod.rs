//! The client against scripted servers, in memory.

mod fake;
mod greeting;
mod pages;
mod requests;
