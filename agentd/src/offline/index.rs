//! The word index of one project, kept between questions.
//!
//! Three fields with BM25 each: the text, the names that are defined, and the path. A file is read again only when
//! its fingerprint changed, or when it was so young at the last reading that a later write could look the same.
//! Holds hashes of words, no text: what an answer quotes is read again when it is quoted.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use bm25::{Embedding, Scorer, TokenEmbedding};
use cap_std::fs::Dir;

use super::{
    text::{self, Family},
    walk::{self, Fingerprint, Found},
    words::{self, Question, Word},
};

/// Bytes of one file that are read: a source file is smaller, and of a data file the head tells enough.
pub(super) const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of all files together. Later files are known by their path only.
const TOTAL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A NUL in so many first bytes makes a file binary, as grep has it.
const BINARY_PROBE: usize = 8 * 1024;
/// Younger than this when read: file systems stamp changes with ticks of some milliseconds.
const UNSETTLED_NANOS: i128 = 50_000_000;
/// Removed files after which the index starts afresh: the scorer keeps empty lists for words that are gone.
const REMOVED_MAX: usize = 4096;

/// Saturation of repeated words; the customary value.
const K1: f32 = 1.2;
/// Average weighted words of a text, a constant so that a file's weight does not hang on what was indexed before it.
const TEXT_WORDS: f32 = 800.0;
/// Average words of all definitions, and of a path.
const NAME_WORDS: f32 = 40.0;
/// See [`NAME_WORDS`].
const PATH_WORDS: f32 = 6.0;
/// Length matters by half for texts: long files hold more words by chance, but also more answers.
const B: f32 = 0.5;
/// Weight of a word in the comment with which a file introduces itself, against one in its body.
const HEAD_WEIGHT: f32 = 3.0;
/// The same inside tests: their names are sentences about everything.
const TEST_WEIGHT: f32 = 0.2;
/// The file's own name tells more than its directories.
const STEM_WEIGHT: f32 = 2.0;
/// A match of the root only, against one of the word itself.
const ROOT_WEIGHT: f32 = 0.6;
/// How the fields add up.
const FIELD_WEIGHTS: [f32; 3] = [1.0, 0.8, 1.0];

type Field = Scorer<u32, u32>;
type Weights = HashMap<u32, f32>;

/// The index of one project.
#[derive(Default)]
pub(super) struct Index {
    docs: BTreeMap<PathBuf, Doc>,
    paths: HashMap<u32, PathBuf>,
    fields: [Field; 3],
    next_id: u32,
    removed: usize,
    bytes: usize,
}

struct Doc {
    id: u32,
    fingerprint: Fingerprint,
    /// The text was read, and no later write can look the same.
    settled: bool,
    bytes: usize,
    /// All terms of all fields, sorted.
    terms: Vec<u32>,
}

/// A file with its rank.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hit {
    pub(super) path: PathBuf,
    pub(super) score: f32,
}

impl Index {
    /// Brings the index up to date. True when everything was read in time.
    pub(super) fn update(&mut self, root: &Dir, found: &Found, until: Instant) -> bool {
        if self.removed > REMOVED_MAX {
            *self = Self::default();
        }
        self.drop_missing(found);
        let mut whole = true;
        for (path, fingerprint) in &found.files {
            let known = self.docs.get(path);
            if known.is_some_and(|doc| doc.settled && doc.fingerprint == *fingerprint) {
                continue;
            }
            let in_time = Instant::now() < until;
            whole &= in_time;
            self.remove(path);
            self.add(root, path, *fingerprint, in_time);
        }
        whole
    }

    /// Files of the project.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.docs.keys().map(PathBuf::as_path)
    }

    /// The files that match, best first; equal ones by path.
    pub(super) fn search(&self, question: &Question) -> Vec<Hit> {
        let mut scores: BTreeMap<u32, f32> = BTreeMap::new();
        for (field, weight) in self.fields.iter().zip(FIELD_WEIGHTS) {
            for word in &question.words {
                for (id, score) in word_scores(field, word) {
                    *scores.entry(id).or_default() += weight * score;
                }
            }
        }
        let mut hits: Vec<Hit> = scores
            .into_iter()
            .filter_map(|(id, score)| {
                let path = self.paths.get(&id)?;
                Some(Hit { path: path.clone(), score: score * self.fitness(path, question) })
            })
            .filter(|hit| hit.score > 0.0)
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
        hits
    }

    /// How much a file is of the kind that was asked for, and how many of the words it has at all.
    fn fitness(&self, path: &Path, question: &Question) -> f32 {
        let terms = self.docs.get(path).map(|doc| doc.terms.as_slice()).unwrap_or_default();
        let has = |term: u32| terms.binary_search(&term).is_ok();
        let each = |word: &Word| {
            if has(word.term) {
                1.0
            } else if has(word.root) {
                ROOT_WEIGHT
            } else {
                0.0
            }
        };
        let share = question.words.iter().map(each).sum::<f32>() / question.words.len().max(1) as f32;
        let kind = match text::language(path).1 {
            Family::Prose if question.wants_code => 0.4,
            Family::Prose => 0.8,
            Family::Data | Family::Other if question.wants_code => 0.5,
            _ => 1.0,
        };
        let tests = if text::is_test(path) && !question.wants_tests { 0.5 } else { 1.0 };
        (0.3 + 0.7 * share) * kind * tests
    }

    fn drop_missing(&mut self, found: &Found) {
        let mut here: Vec<&PathBuf> = found.files.iter().map(|(path, _)| path).collect();
        here.sort_unstable();
        let gone: Vec<PathBuf> = self.docs.keys().filter(|path| here.binary_search(path).is_err()).cloned().collect();
        gone.iter().for_each(|path| self.remove(path));
    }

    fn remove(&mut self, path: &Path) {
        if let Some(doc) = self.docs.remove(path) {
            self.fields.iter_mut().for_each(|field| field.remove(&doc.id));
            self.paths.remove(&doc.id);
            self.bytes -= doc.bytes;
            self.removed += 1;
        }
    }

    fn add(&mut self, root: &Dir, path: &Path, fingerprint: Fingerprint, may_read: bool) {
        let content = if may_read && self.bytes < TOTAL_BYTES_MAX { read_text(root, path) } else { None };
        let age = now_nanos() - fingerprint.changed_at();
        let bytes = content.as_ref().map_or(0, String::len);
        let [text, names] = weigh_text(content.as_deref().unwrap_or_default(), text::language(path).1);
        let path_words = weigh_path(path);
        let mut terms: Vec<u32> =
            [&text, &names, &path_words].into_iter().flat_map(|field| field.keys().copied()).collect();
        terms.sort_unstable();
        terms.dedup();
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let lengths = [TEXT_WORDS, NAME_WORDS, PATH_WORDS];
        for ((field, weights), average) in self.fields.iter_mut().zip([text, names, path_words]).zip(lengths) {
            field.upsert(&id, embed(weights, average));
        }
        self.bytes += bytes;
        self.paths.insert(id, path.to_owned());
        let settled = may_read && age > UNSETTLED_NANOS;
        self.docs.insert(path.to_owned(), Doc { id, fingerprint, settled, bytes, terms });
    }
}

/// The files of a field that hold a word or its root, whichever scores more.
fn word_scores(field: &Field, word: &Word) -> BTreeMap<u32, f32> {
    let mut scores = BTreeMap::new();
    for (term, weight) in [(word.term, 1.0), (word.root, ROOT_WEIGHT)] {
        for found in field.matches(&Embedding(vec![TokenEmbedding { index: term, value: 1.0 }])) {
            let score = scores.entry(found.id).or_insert(0.0_f32);
            *score = score.max(weight * found.score);
        }
    }
    scores
}

/// The text of a file; `None` when it has none that is worth a search.
pub(super) fn read_text(root: &Dir, path: &Path) -> Option<String> {
    if text::is_generated(path) {
        return None;
    }
    let bytes = walk::read(root, path, FILE_BYTES_MAX).ok()?;
    if bytes.iter().take(BINARY_PROBE).any(|byte| *byte == 0) {
        return None;
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn now_nanos() -> i128 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |age| i128::try_from(age.as_nanos()).unwrap_or(0))
}

fn weigh_text(content: &str, family: Family) -> [Weights; 2] {
    let [mut text, mut names] = [Weights::new(), Weights::new()];
    for line in text::lines(content, family) {
        let weight = if line.is_test {
            TEST_WEIGHT
        } else if line.is_head && family != Family::Prose {
            HEAD_WEIGHT
        } else {
            1.0
        };
        words::each_hash(line.text, |term| *text.entry(term).or_default() += weight);
        if let Some(defined) = line.defines.filter(|_| !line.is_test) {
            words::each_hash(defined, |term| *names.entry(term).or_default() += 1.0);
        }
    }
    [text, names]
}

fn weigh_path(path: &Path) -> Weights {
    let mut weights = Weights::new();
    let mut add = |text: &str, weight: f32| words::each_hash(text, |term| *weights.entry(term).or_default() += weight);
    add(&path.parent().unwrap_or(Path::new("")).to_string_lossy(), 1.0);
    add(&path.file_stem().unwrap_or_default().to_string_lossy(), STEM_WEIGHT);
    weights
}

fn embed(weights: Weights, average: f32) -> Embedding<u32> {
    let length: f32 = weights.len() as f32;
    let norm = K1 * (1.0 - B + B * length / average);
    let mut terms: Vec<_> = weights
        .into_iter()
        .map(|(index, weight)| TokenEmbedding { index, value: weight * (K1 + 1.0) / (weight + norm) })
        .collect();
    terms.sort_unstable_by_key(|term| term.index);
    Embedding(terms)
}
