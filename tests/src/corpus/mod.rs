//! A labelled corpus of secrets and of texts that look like them, generated.
//!
//! The independent check of the redactor: templates written from how secrets occur in the world (`data/*.txt`), filled
//! with random values. It knows nothing of the engine but, for [`shape_samples`], its table; and no live credential: every value comes out of a generator,
//! and the files hold pieces only.
//!
//! In a template `‹x32›` is a slot (a class of characters and a length, or a name, see [`slots`]) and `«…»` marks what
//! a redactor must hide.
//!
//! Invariants: the same records in every run and on every machine; a mark is on character boundaries; no two records
//! have the same text.

mod encode;
mod hidden;
mod labels;
mod pem;
mod rng;
mod sampler;
mod slots;
mod template;

use std::{collections::BTreeSet, ops::Range};

use agentd::redact::kinds::{self, Rule};

pub use encode::{base64, base64_url, hex, html, json, percent, unicode_quotes};
pub use rng::Rng;
pub use sampler::sample;

use slots::Draw;
use template::{Section, sections};

/// Forms of tokens: a name and a template each.
const FORMATS: &str = include_str!("data/formats.txt");
/// Where a token can stand, with `‹v›` for it.
const CONTEXTS: &str = include_str!("data/contexts.txt");
/// Secrets that a sensitive word or a known line announces.
const LABELLED: &str = include_str!("data/label.txt");
/// Secrets that only a service's name or a position tells.
const CONTEXTUAL: &str = include_str!("data/ctx.txt");
/// Ordinary code about tokens and passwords.
const CODE: &str = include_str!("data/code.txt");
/// Other ordinary text: prose, digests, public keys, placeholders.
const CLEAN: &str = include_str!("data/clean.txt");
/// Secrets as people show that a rule works, written without a look at the engine.
const CHALLENGE: &str = include_str!("data/challenge.txt");
/// Ordinary text of the same make.
const CHALLENGE_CLEAN: &str = include_str!("data/challenge_clean.txt");
/// Where every run begins.
const SEED: u64 = 0x0005_eed0_fa11;

/// What tells that a value is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// The bare value can be recognised.
    Shape,
    /// A sensitive word stands shortly before it.
    Label,
    /// Only a service's name or the position tells.
    Context,
    /// There is no secret.
    Clean,
}

/// One text and what of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The text.
    pub text: String,
    /// Byte ranges of the secret, sorted; empty in a clean text.
    pub secrets: Vec<Range<usize>>,
    /// What tells.
    pub tier: Tier,
    /// The kind of place it stands in.
    pub class: String,
    /// The form of token or the template, to find it again.
    pub form: String,
}

impl Record {
    /// From a text with marks.
    fn marked(marked: &str, tier: Tier, class: &str, form: &str) -> Self {
        let (text, secrets) = template::strip(marked);
        Self { text, secrets, tier, class: class.to_owned(), form: form.to_owned() }
    }

    /// How many bytes are secret.
    pub fn secret_len(&self) -> usize {
        self.secrets.iter().map(Range::len).sum()
    }
}

/// Texts that hold a secret.
pub fn positives() -> Vec<Record> {
    let mut rng = Rng::new(SEED);
    let mut all = tokens(&mut rng);
    for data in [LABELLED, CONTEXTUAL] {
        all.extend(sections(data).iter().flat_map(|section| fill(section, &mut rng)));
    }
    all.extend(pem::records(&mut rng));
    all.extend(hidden::records(&mut rng));
    distinct(all)
}

/// Texts that hold none.
pub fn negatives() -> Vec<Record> {
    let mut rng = Rng::new(SEED + 1);
    let clean = [CODE, CLEAN].into_iter().flat_map(sections);
    distinct(clean.flat_map(|section| fill(&section, &mut rng)).collect())
}

/// Texts that hold a secret, in forms the rules were not written against.
pub fn challenge() -> Vec<Record> {
    let mut rng = Rng::new(SEED + 2);
    distinct(sections(CHALLENGE).iter().flat_map(|section| fill(section, &mut rng)).collect())
}

/// Texts that hold none, of the same make.
pub fn challenge_clean() -> Vec<Record> {
    let mut rng = Rng::new(SEED + 3);
    distinct(sections(CHALLENGE_CLEAN).iter().flat_map(|section| fill(section, &mut rng)).collect())
}

/// Names and fresh tokens of all forms whose whole value is the secret.
pub fn bare_tokens(seed: u64) -> Vec<(&'static str, String)> {
    let mut rng = Rng::new(seed);
    let forms = forms().into_iter().filter(|(_, template)| !template.contains('«'));
    forms.map(|(name, template)| (name, Draw::new(&mut rng).expand(template))).collect()
}

/// So many values of every pattern of the engine's table that describes a bare value, with the names of their rows.
pub fn shape_samples(each: usize, seed: u64) -> Vec<(&'static str, String)> {
    let mut rng = Rng::new(seed);
    let mut all = Vec::new();
    for kind in kinds::all() {
        if let Rule::Shape(patterns) = kind.rule {
            let values = patterns.iter().flat_map(|pattern| std::iter::repeat_n(pattern, each));
            all.extend(values.map(|pattern| (kind.id, sample(pattern, &mut rng))));
        }
    }
    all
}

fn forms() -> Vec<(&'static str, &'static str)> {
    let all = sections(FORMATS).into_iter().flat_map(|section| section.items);
    all.filter_map(|line| line.split_once(' ')).collect()
}

/// Every form of token once in a context of every kind.
fn tokens(rng: &mut Rng) -> Vec<Record> {
    let (forms, contexts) = (forms(), sections(CONTEXTS));
    let mut out: Vec<Record> = Vec::new();
    for (name, form) in forms {
        let marked = if form.contains('«') { form.to_owned() } else { format!("«{form}»") };
        out.push(Record::marked(&Draw::new(rng).expand(&marked), Tier::Shape, "bare", name));
        for section in contexts.iter().filter(|section| section.class != "bare") {
            let value = Draw::new(rng).expand(&marked);
            let context = rng.pick(&section.items).unwrap_or_default();
            let text = Draw::new(rng).with_value(value).expand(context);
            out.push(Record::marked(&text, Tier::Shape, section.class, name));
        }
    }
    out
}

/// Every template of a section as often as the section says.
fn fill(section: &Section, rng: &mut Rng) -> Vec<Record> {
    let each = section.items.iter().flat_map(|item| std::iter::repeat_n(*item, section.repeat));
    each.map(|item| Record::marked(&Draw::new(rng).expand(item), section.tier, section.class, item)).collect()
}

fn distinct(records: Vec<Record>) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    records.into_iter().filter(|record| seen.insert(record.text.clone())).collect()
}
