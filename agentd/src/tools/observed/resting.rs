//! Gathers what a run rests on.
//!
//! Invariants: what cannot be verified once cannot be at all, so the whole run cannot; the same thing seen twice in two
//! states is such a case, because the answer may rest on either. Bounded: an answer with more dependencies than
//! [`MAX_OBSERVED`] would cost more to verify than to ask again.

use super::{Observed, Rests};

/// Dependencies of one answer. A run reads some ten files; 512 are still checked in a millisecond.
pub const MAX_OBSERVED: usize = 512;

/// Bytes of paths and arguments of one answer: it is stored 300 times.
const MAX_TEXTS: usize = 64 << 10;

/// What a run rests on so far.
#[derive(Debug, Default)]
pub struct Resting {
    observed: Vec<Observed>,
    texts: usize,
    unknown: bool,
}

impl Resting {
    /// Adds what a call rested on.
    pub fn add(&mut self, rests: Rests) {
        match rests {
            Rests::Nothing => {}
            Rests::On(observed) => observed.into_iter().for_each(|one| self.one(one)),
            // A call that nobody has written down is as good as unknown.
            Rests::Unknown | Rests::Again { .. } => self.unknown = true,
        }
    }

    fn one(&mut self, observed: Observed) {
        if self.unknown {
            return;
        }
        if let Some(known) = self.observed.iter().find(|known| known.is_about_the_same(&observed)) {
            // The earlier state is kept: should it be older, the content is compared once more.
            self.unknown = known.digest() != observed.digest();
            return;
        }
        self.texts += observed.texts().map(str::len).sum::<usize>();
        self.unknown = self.observed.len() >= MAX_OBSERVED || self.texts > MAX_TEXTS;
        self.observed.push(observed);
    }

    /// All of it, each thing once; `None` when any of it cannot be verified.
    pub fn finish(self) -> Option<Vec<Observed>> {
        (!self.unknown).then_some(self.observed)
    }
}
