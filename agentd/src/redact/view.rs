//! stub
pub(super) struct View<'a>(&'a [u8]);
impl<'a> View<'a> {
    pub(super) fn of(bytes: &'a [u8], _last: bool) -> Self {
        Self(bytes)
    }
    pub(super) fn bytes(&self) -> &[u8] {
        self.0
    }
    pub(super) fn raw(&self, at: usize) -> usize {
        at
    }
    pub(super) fn raw_end(&self, at: usize) -> usize {
        at
    }
    pub(super) fn at_or_before(&self, raw: usize) -> usize {
        raw
    }
}
