//! The pool's good and bad days, with servers that are played.

mod calls;
mod catalogs;
mod chaos;
mod days;
mod reload;
