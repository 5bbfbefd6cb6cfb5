//! What the user sees. Standard output gets only the answer; everything else goes to standard error, and most of it
//! only to a terminal.

pub mod activity;
pub mod figures;
pub mod footer;
pub mod json;
pub mod markdown;
pub mod sanitize;
pub mod screen;
pub mod text;
