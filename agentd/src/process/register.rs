//! The supervisors that run now: whom a sweep for strays must leave alone, and whom the daemon's stop must end.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use super::tree;
use crate::sync::lock;

/// Set before the first child of this process exists.
pub(super) static STARTED: AtomicBool = AtomicBool::new(false);

/// False while this process has never started anything: then nobody can descend from it.
pub fn has_started_any() -> bool {
    STARTED.load(Ordering::SeqCst)
}

/// Start times of registered supervisors by pid.
static REGISTERED: Mutex<Option<HashMap<u32, u64>>> = Mutex::new(None);

/// The register, without entries whose process is gone. Held over each start, so that no sweep sees a child between its
/// start and its registration.
pub(super) struct Register(MutexGuard<'static, Option<HashMap<u32, u64>>>);

impl Register {
    pub(super) fn lock() -> Self {
        let mut guard = lock(&REGISTERED);
        guard.get_or_insert_default().retain(|pid, start| tree::stat(*pid).is_some_and(|stat| stat.start == *start));
        Self(guard)
    }

    pub(super) fn map(&mut self) -> &mut HashMap<u32, u64> {
        self.0.get_or_insert_default()
    }
}
