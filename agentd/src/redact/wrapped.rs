//! stub until the wrapped-token module lands
use super::{engine::Cursor, pattern::Pattern};

pub(super) fn match_after(pattern: &Pattern, cursor: &Cursor<'_>, from: usize) -> Option<usize> {
    pattern.match_after(&|at| cursor.at(at), from)
}
