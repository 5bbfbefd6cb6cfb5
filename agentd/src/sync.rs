//! Locks that a panic does not close.
//!
//! The values behind the daemon's locks are whole after every statement, so a poisoned lock is taken all the same:
//! one panicking request must not take the others with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
