//! Candidates: which stored questions are worth a verdict.
//!
//! Recall first: words by class, parts of names and letter trigrams count, rare words more than common ones. Nothing is
//! decided here; guards that are sure keep a near-miss out, everything else goes to who can tell.

use super::{
    Question, guards,
    reading::Reading,
    related::groups_of,
    rules::Rules,
    sorted, term,
    tokens::{Kind, parts},
};

/// Candidates that one verdict call is asked about at most: each costs a call.
pub const CANDIDATES: usize = 3;
/// Letter trigrams of the text, as bits of a hash.
pub(super) type Grams = [u64; 16];
/// Share of the score that trigrams give; the rest is words.
const GRAM_SHARE: f32 = 0.3;
/// Share of groups of related words.
const RELATED_SHARE: f32 = 0.2;
/// Least score of a candidate: below it nothing but common words is shared.
const SCORE_MIN: f32 = 0.08;
/// Added when both ask for the same kind of thing.
const ASPECT_BONUS: f32 = 0.04;

/// Classes, names and their parts.
pub(super) fn features(reading: &Reading) -> Vec<u32> {
    let rules = Rules::builtin();
    let mut all = Vec::with_capacity(reading.items.len() * 2);
    for item in &reading.items {
        all.push(term(&item.term));
        if item.kind == Kind::Code {
            all.extend(parts(&item.raw).iter().map(|part| term(&rules.class_of(part))));
        } else if let (Kind::Word, true) = (item.kind, item.term.len() > JOINED_MIN) {
            // A name typed as words, or words as a name, share their parts.
            all.push(term(&item.text));
        }
    }
    let words: Vec<&str> =
        reading.items.iter().filter(|item| item.kind == Kind::Word).map(|item| item.text.as_str()).collect();
    all.extend(words.windows(2).map(|pair| term(&pair.concat())));
    let mut all = sorted(all);
    all.dedup();
    all
}

/// The groups of all words, those too that the form leaves out.
pub(super) fn related(reading: &Reading) -> Vec<u32> {
    let rules = Rules::builtin();
    let words = reading.words.iter().filter(|word| word.kind == Kind::Word);
    let mut all = sorted(words.flat_map(|word| groups_of(rules.class(&word.stem)).iter().copied()).collect());
    all.dedup();
    all
}

/// Shortest word that is also compared as typed.
const JOINED_MIN: usize = 5;

/// Bits of the letter trigrams.
pub(super) fn grams(tidy: &str) -> Grams {
    let mut bits: Grams = [0; 16];
    let lower = tidy.to_ascii_lowercase();
    let letters: Vec<u8> = lower.bytes().filter(|b| b.is_ascii_alphanumeric()).collect();
    for gram in letters.windows(3) {
        let hash = gram.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        let bit = (hash ^ (hash >> 15)) as usize % 1024;
        if let Some(word) = bits.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }
    bits
}

/// The best candidates for a verdict on `question`, best first, without those that a guard refuses for sure.
pub fn best<'a, Id>(
    question: &Question,
    stored: impl IntoIterator<Item = (&'a Id, &'a Question)>,
    most: usize,
) -> Vec<(&'a Id, f32)> {
    if question.canonical.is_none() || question.change || !question.self_contained {
        return Vec::new();
    }
    let stored: Vec<(&Id, &Question)> = stored.into_iter().collect();
    let words = Weights::of(&question.features, stored.iter().map(|(_, other)| &*other.features), stored.len());
    let related = Weights::of(&question.related, stored.iter().map(|(_, other)| &*other.related), stored.len());
    let mut found: Vec<(f32, usize)> = Vec::with_capacity(stored.len());
    for (at, (_, other)) in stored.iter().enumerate() {
        let score = score(question, &words, &related, other);
        if score >= SCORE_MIN {
            found.push((score, at));
        }
    }
    found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let fit = found.into_iter().filter_map(|(score, at)| stored.get(at).map(|(id, other)| (*id, *other, score)));
    fit.filter(|(_, other, _)| guards::may_be_same(question, other))
        .take(most)
        .map(|(id, _, score)| (id, score))
        .collect()
}

/// How rare each term of a question is among the stored ones.
struct Weights<'a> {
    terms: &'a [u32],
    weights: Vec<f32>,
    total: f32,
}

impl<'a> Weights<'a> {
    fn of<'b>(terms: &'a [u32], stored: impl Iterator<Item = &'b [u32]>, all: usize) -> Self {
        let mut counts = vec![0_u32; terms.len()];
        for other in stored {
            each_shared(terms, other, |at| {
                if let Some(count) = counts.get_mut(at) {
                    *count += 1;
                }
            });
        }
        let weights: Vec<f32> =
            counts.into_iter().map(|count| (1.0 + all as f32 / (1.0 + count as f32)).ln()).collect();
        let total = weights.iter().sum();
        Self { terms, weights, total }
    }

    /// Weighted share of terms that both have.
    fn shared(&self, other: &[u32]) -> f32 {
        let (mut shared, mut count) = (0.0, 0_usize);
        each_shared(self.terms, other, |at| {
            shared += self.weights.get(at).copied().unwrap_or_default();
            count += 1;
        });
        // Words that only the other has weigh as a middling word of this one: a long text must not win by its length.
        let middling = if self.weights.is_empty() { 0.0 } else { self.total / self.weights.len() as f32 };
        let theirs = shared + (other.len() - count) as f32 * middling;
        if self.total + theirs > 0.0 { 2.0 * shared / (self.total + theirs) } else { 0.0 }
    }
}

fn each_shared(a: &[u32], b: &[u32], mut at: impl FnMut(usize)) {
    let mut rest = b;
    for (number, one) in a.iter().enumerate() {
        while let [first, tail @ ..] = rest
            && first < one
        {
            rest = tail;
        }
        if rest.first() == Some(one) {
            at(number);
        }
    }
}

fn score(question: &Question, words: &Weights<'_>, related: &Weights<'_>, other: &Question) -> f32 {
    let bonus = if guards::family(question.aspect) == guards::family(other.aspect) { ASPECT_BONUS } else { 0.0 };
    (1.0 - GRAM_SHARE - RELATED_SHARE) * words.shared(&other.features)
        + RELATED_SHARE * related.shared(&other.related)
        + GRAM_SHARE * dice(&question.grams, &other.grams)
        + bonus
}

fn dice(a: &Grams, b: &Grams) -> f32 {
    let (mut both, mut sum) = (0, 0);
    for (x, y) in a.iter().zip(b) {
        both += (x & y).count_ones();
        sum += x.count_ones() + y.count_ones();
    }
    if sum == 0 { 0.0 } else { 2.0 * both as f32 / sum as f32 }
}
