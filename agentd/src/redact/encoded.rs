//! stub
pub(super) const RUN_MAX: usize = 3072;
pub(super) fn next_run(_view: &[u8], _from: usize) -> Option<std::ops::Range<usize>> {
    None
}
pub(super) fn decoded(_run: &[u8]) -> Option<String> {
    None
}
pub(super) fn run_at_end(view: &[u8], _from: usize) -> usize {
    view.len()
}
