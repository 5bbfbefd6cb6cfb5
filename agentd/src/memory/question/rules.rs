//! The rules as data: what the tables beside this file say, parsed once.
//!
//! The tables are part of the program and a test parses them all, so a fault in one shows before a release; a line that
//! cannot be read is left out here rather than ending a daemon.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::OnceLock,
};

use super::{
    order::Side,
    term,
    words::{self, Form, is_slip},
};

const IRREGULAR: &str = include_str!("rules/irregular.txt");
const SPELLING: &str = include_str!("rules/spelling.txt");
const VOCABULARY: &str = include_str!("rules/vocabulary.txt");
const STOP: &str = include_str!("rules/stop.txt");
const LIGHT: &str = include_str!("rules/light.txt");
const FILLERS: &str = include_str!("rules/fillers.txt");
const SYNONYMS: &str = include_str!("rules/synonyms.txt");
const PHRASES: &str = include_str!("rules/phrases.txt");
const ANTONYMS: &str = include_str!("rules/antonyms.txt");
const GROUPS: &str = include_str!("rules/groups.txt");
const FORM: &str = include_str!("rules/form.txt");
const VERBS: &str = include_str!("rules/verbs.txt");
const CHANGE: &str = include_str!("rules/change.txt");
const EMPTY: &str = include_str!("rules/empty.txt");
const NOUNS: &str = include_str!("rules/nouns.txt");

/// Every table with its name, for the version and for the tests.
pub(super) const TABLES: [(&str, &str); 15] = [
    ("irregular", IRREGULAR),
    ("spelling", SPELLING),
    ("vocabulary", VOCABULARY),
    ("stop", STOP),
    ("light", LIGHT),
    ("fillers", FILLERS),
    ("synonyms", SYNONYMS),
    ("phrases", PHRASES),
    ("antonyms", ANTONYMS),
    ("groups", GROUPS),
    ("form", FORM),
    ("verbs", VERBS),
    ("change", CHANGE),
    ("empty", EMPTY),
    ("nouns", NOUNS),
];

type Words = HashSet<&'static str>;

/// Terms are hashes; tables of them need no other.
#[derive(Debug, Default, Clone, Copy)]
struct TermHasher(u64);
type Terms = BuildHasherDefault<TermHasher>;

impl Hasher for TermHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = (self.0 << 8) | u64::from(*byte));
    }

    fn write_u32(&mut self, term: u32) {
        // The table looks at the top bits too.
        self.0 = u64::from(term) << 32 | u64::from(term);
    }
}

/// A turn of phrase and what stands for it.
#[derive(Debug)]
pub(super) struct Phrase {
    /// Stems.
    pub(super) from: Vec<String>,
    /// Only where a clause begins.
    pub(super) at_start: bool,
    /// Only where a clause ends.
    pub(super) at_end: bool,
    /// Words that stand for it.
    pub(super) to: Vec<&'static str>,
    /// The form of the first word matched goes on.
    pub(super) keeps_form: bool,
}

/// A phrase that carries nothing at an edge of a question.
#[derive(Debug)]
pub(super) struct Filler {
    pub(super) words: Vec<&'static str>,
    /// Only before punctuation.
    pub(super) before_break: bool,
}

/// What a verb is, for who does it to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Two names round it have roles.
    Plain,
    /// Even one name has.
    Relation,
    /// What it happens to may as well be said to do it: a cache clears, a cache is cleared.
    Either,
}

/// What a word means as the beginning of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Asks for a change or a run.
    Always,
    /// Does so before a determiner, a pronoun or a name from the code.
    BeforeObject,
}

/// All tables.
#[derive(Debug)]
pub struct Rules {
    version: u32,
    irregular: HashMap<&'static str, (&'static str, bool)>,
    spelling: HashMap<&'static str, Vec<&'static str>>,
    known: HashMap<(u8, usize), Vec<&'static str>>,
    known_stems: HashSet<String>,
    stop: Words,
    light: HashSet<String>,
    polite: Words,
    pub(super) starts: HashMap<&'static str, Vec<Filler>>,
    pub(super) ends: HashMap<&'static str, Vec<Filler>>,
    classes: HashMap<String, String>,
    pub(super) phrases: HashMap<String, Vec<Phrase>>,
    antonyms: HashMap<u32, Vec<u32>, Terms>,
    groups: HashMap<u32, Vec<u16>, Terms>,
    form: HashSet<u32, Terms>,
    verbs: HashMap<String, Verb>,
    change: HashMap<&'static str, Change>,
    empty: HashSet<(&'static str, String)>,
    nouns: HashMap<&'static str, (u32, Side)>,
}

/// Lines that say something, without the version.
fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("version "))
}

/// The classes, a line each.
#[cfg(test)]
pub(super) fn synonyms() -> impl Iterator<Item = &'static str> {
    lines(SYNONYMS)
}

/// The version that a table's header names.
pub(super) fn version_of(table: &str) -> Option<u32> {
    table.lines().find_map(|line| line.strip_prefix("version "))?.trim().parse().ok()
}

fn all_words(table: &'static str) -> impl Iterator<Item = &'static str> {
    lines(table).flat_map(str::split_whitespace)
}

impl Rules {
    /// The rules of this build.
    pub fn builtin() -> &'static Self {
        static RULES: OnceLock<Rules> = OnceLock::new();
        RULES.get_or_init(Self::parse)
    }

    /// Version of the rules: the sum of the tables' versions, so that any edit that says so makes new canonical keys.
    pub fn version(&self) -> u32 {
        self.version
    }

    fn parse() -> Self {
        let mut rules = Self {
            version: TABLES.iter().filter_map(|(_, table)| version_of(table)).sum(),
            irregular: irregular(),
            spelling: lines(SPELLING).filter_map(spelled).collect(),
            known: HashMap::new(),
            known_stems: HashSet::new(),
            stop: all_words(STOP).collect(),
            light: HashSet::new(),
            polite: section(FILLERS, "[polite]").collect(),
            starts: fillers("[start]"),
            ends: fillers("[end]"),
            classes: HashMap::new(),
            phrases: HashMap::new(),
            antonyms: HashMap::default(),
            groups: HashMap::default(),
            form: HashSet::default(),
            verbs: HashMap::new(),
            change: all_words(CHANGE).map(change).collect(),
            empty: HashSet::new(),
            nouns: HashMap::new(),
        };
        rules.read_classes();
        rules.light = all_words(LIGHT).map(|word| rules.class_of(word)).collect();
        rules.form = all_words(FORM).map(|word| term(&rules.class_of(word))).collect();
        let verbs: Vec<_> = all_words(VERBS).map(|word| rules.verb(word)).collect();
        verbs.into_iter().for_each(|(class, kind)| merge_verb(&mut rules.verbs, class, kind));
        rules.empty = rules.empty_words();
        rules.nouns = lines(NOUNS).filter_map(|line| rules.noun(line)).collect();
        rules.read_phrases();
        rules.read_antonyms();
        rules.read_groups();
        rules.read_known();
        rules
    }

    fn read_classes(&mut self) {
        for line in lines(SYNONYMS) {
            let mut members = line.split_whitespace();
            let Some(name) = members.next() else { continue };
            let name = self.stem(name).0;
            for member in members {
                let stem = self.stem(member).0;
                self.classes.entry(stem).or_insert_with(|| name.clone());
            }
        }
    }

    fn verb(&self, word: &'static str) -> (String, Verb) {
        let kind = match word.chars().next() {
            Some('!') => Verb::Relation,
            Some('=') => Verb::Either,
            _ => Verb::Plain,
        };
        (self.class_of(word.trim_start_matches(['!', '='])), kind)
    }

    fn empty_words(&self) -> HashSet<(&'static str, String)> {
        let kinds = lines(EMPTY).filter_map(|line| line.split_once(':'));
        kinds.flat_map(|(kind, words)| words.split_whitespace().map(move |word| (kind, self.class_of(word)))).collect()
    }

    fn noun(&self, line: &'static str) -> Option<(&'static str, (u32, Side))> {
        let mut words = line.split_whitespace();
        let (noun, verb, side) = (words.next()?, words.next()?, words.next()?);
        let side = if side == "does" { Side::Does } else { Side::Undergoes };
        Some((noun, (term(&self.class_of(verb)), side)))
    }

    fn read_phrases(&mut self) {
        for line in lines(PHRASES) {
            let Some((from, to)) = line.split_once("=>") else { continue };
            let to = to.trim();
            let kept = to.strip_prefix('~');
            for left in from.split('|').map(str::trim).filter(|left| !left.is_empty()) {
                let at_start = left.starts_with('^');
                let at_end = left.ends_with('$');
                let words = left.trim_start_matches('^').trim_end_matches('$').split_whitespace();
                let from: Vec<String> = words.map(|word| self.stem(word).0).collect();
                let Some(first) = from.first().cloned() else { continue };
                let to = kept.unwrap_or(to).split_whitespace().collect();
                let phrase = Phrase { from, at_start, at_end, to, keeps_form: kept.is_some() };
                self.phrases.entry(first).or_default().push(phrase);
            }
        }
        for list in self.phrases.values_mut() {
            // The longest first, and of two as long the one that is bound to a place.
            list.sort_by_key(|phrase| std::cmp::Reverse((phrase.from.len(), phrase.at_start || phrase.at_end)));
        }
    }

    fn read_antonyms(&mut self) {
        for line in lines(ANTONYMS) {
            let Some((left, right)) = line.split_once('|') else { continue };
            let terms = |side: &str| side.split_whitespace().map(|word| term(&self.class_of(word))).collect::<Vec<_>>();
            let (left, right) = (terms(left), terms(right));
            let pairs = left.iter().flat_map(|a| right.iter().flat_map(|b| [(*a, *b), (*b, *a)]));
            let pairs: Vec<(u32, u32)> = pairs.collect();
            pairs.into_iter().for_each(|(a, b)| self.antonyms.entry(a).or_default().push(b));
        }
    }

    fn read_groups(&mut self) {
        for (number, line) in (0..).zip(lines(GROUPS)) {
            for word in line.split_whitespace() {
                self.groups.entry(term(&self.class_of(word))).or_default().push(number);
            }
        }
    }

    /// Whatever stands in a table is spelt right.
    fn read_known(&mut self) {
        let mut known: Words = all_words(VOCABULARY).collect();
        known.extend(self.irregular.keys());
        known.extend(self.stop.iter());
        known.extend([SYNONYMS, ANTONYMS, GROUPS, FORM, VERBS, CHANGE, LIGHT].into_iter().flat_map(all_words));
        known.extend(lines(IRREGULAR).filter_map(|line| line.split(':').next()));
        known.extend(
            self.starts.values().chain(self.ends.values()).flatten().flat_map(|filler| filler.words.iter().copied()),
        );
        known.extend(lines(PHRASES).flat_map(|line| line.split([' ', '|', '^', '$', '~', '=', '>'])));
        for word in known {
            let word = word.trim_start_matches(['~', '!', '=']);
            if word.bytes().all(|b| b.is_ascii_lowercase()) && !word.is_empty() {
                self.known_stems.insert(self.stem(word).0);
                let first = word.bytes().next().unwrap_or_default();
                self.known.entry((first, word.len())).or_default().push(word);
            }
        }
    }

    /// Words that stand for this one in the spelling table.
    pub(super) fn spelling(&self, word: &str) -> Option<&[&'static str]> {
        self.spelling.get(word).map(Vec::as_slice)
    }

    /// Base form, then stem.
    pub(super) fn stem(&self, word: &str) -> (String, Form) {
        if let Some((base, past)) = self.irregular.get(word) {
            let form =
                Form { past: *past, plural: word.ends_with('s') && !word.ends_with("ss"), ing: word.ends_with("ing") };
            return (words::stem(base).0, form);
        }
        if self.stop.contains(word) {
            return (word.to_owned(), Form::default());
        }
        words::stem(word)
    }

    /// The name of a stem's class.
    pub(super) fn class<'a>(&'a self, stem: &'a str) -> &'a str {
        self.classes.get(stem).map_or(stem, String::as_str)
    }

    /// The name of a word's class.
    pub(super) fn class_of(&self, word: &str) -> String {
        let stem = self.stem(word).0;
        self.class(&stem).to_owned()
    }

    /// The word that was meant, when this one is a slip of exactly one known word.
    pub(super) fn meant(&self, word: &str) -> Option<&'static str> {
        if word.len() < words::SLIP_MIN || self.known_stems.contains(&self.stem(word).0) {
            return None;
        }
        self.slip_of(word).or_else(|| self.slip_of(word.strip_suffix('s')?))
    }

    fn slip_of(&self, word: &str) -> Option<&'static str> {
        if word.len() < words::SLIP_MIN {
            return None;
        }
        let first = word.bytes().next()?;
        let near = (word.len() - 1..=word.len() + 1).filter_map(|len| self.known.get(&(first, len))).flatten();
        let mut found: Option<&'static str> = None;
        for candidate in near.copied().filter(|known| is_slip(word, known)) {
            match found {
                Some(other) if self.class_of(other) != self.class_of(candidate) => return None,
                Some(_) => {}
                None => found = Some(candidate),
            }
        }
        found
    }

    /// Whether the word is in a table.
    pub(super) fn is_known(&self, word: &str) -> bool {
        self.known_stems.contains(&self.stem(word).0)
    }

    pub(super) fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    pub(super) fn is_light(&self, class: &str) -> bool {
        self.light.contains(class)
    }

    /// Whether the class says nothing more under this kind of question, or beside a name.
    pub(super) fn is_empty_under(&self, kind: &'static str, class: &str) -> bool {
        self.empty.contains(&(kind, class.to_owned()))
    }

    /// The verb that a noun holds, and the side of the name beside it.
    pub(super) fn noun_role(&self, noun: &str) -> Option<(u32, Side)> {
        self.nouns.get(noun).copied()
    }

    pub(super) fn is_polite(&self, word: &str) -> bool {
        self.polite.contains(word)
    }

    pub(super) fn verb_kind(&self, class: &str) -> Option<Verb> {
        self.verbs.get(class).copied()
    }

    pub(super) fn change(&self, word: &str) -> Option<Change> {
        self.change.get(word).copied()
    }

    pub(super) fn are_opposites(&self, a: u32, b: u32) -> bool {
        self.antonyms.get(&a).is_some_and(|others| others.contains(&b))
    }

    /// Whether both are names of one group.
    pub(super) fn are_rivals(&self, a: u32, b: u32) -> bool {
        let (Some(of_a), Some(of_b)) = (self.groups.get(&a), self.groups.get(&b)) else { return false };
        a != b && of_a.iter().any(|group| of_b.contains(group))
    }

    /// Each pair of opposites with its line, for the test of the tables.
    #[cfg(test)]
    pub(super) fn opposites(&self) -> Vec<(&'static str, String, String)> {
        let mut all = Vec::new();
        for (line, left, right) in
            lines(ANTONYMS).filter_map(|line| line.split_once('|').map(|(left, right)| (line, left, right)))
        {
            for a in left.split_whitespace() {
                all.extend(right.split_whitespace().map(|b| (line, self.class_of(a), self.class_of(b))));
            }
        }
        all
    }

    /// Every phrase with its first stem.
    #[cfg(test)]
    pub(super) fn all_phrases(&self) -> impl Iterator<Item = (&String, &Phrase)> {
        self.phrases.iter().flat_map(|(first, list)| list.iter().map(move |phrase| (first, phrase)))
    }

    pub(super) fn shapes_answer(&self, term: u32) -> bool {
        self.form.contains(&term)
    }
}

/// A kind that says more wins over [`Verb::Plain`].
fn merge_verb(verbs: &mut HashMap<String, Verb>, class: String, kind: Verb) {
    let entry = verbs.entry(class).or_insert(kind);
    if *entry == Verb::Plain {
        *entry = kind;
    }
}

fn irregular() -> HashMap<&'static str, (&'static str, bool)> {
    let mut map = HashMap::new();
    for (base, forms) in lines(IRREGULAR).filter_map(|line| line.split_once(':')) {
        for form in forms.split_whitespace() {
            map.entry(form.trim_end_matches('+')).or_insert((base, form.ends_with('+')));
        }
    }
    map
}

fn spelled(line: &'static str) -> Option<(&'static str, Vec<&'static str>)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.collect()))
}

fn change(word: &'static str) -> (&'static str, Change) {
    match word.strip_prefix('~') {
        Some(noun) => (noun, Change::BeforeObject),
        None => (word, Change::Always),
    }
}

/// Lines between a header and the next one.
fn section(table: &'static str, header: &'static str) -> impl Iterator<Item = &'static str> {
    let inside = lines(table).skip_while(move |line| *line != header).skip(1);
    inside.take_while(|line| !line.starts_with('['))
}

fn fillers(header: &'static str) -> HashMap<&'static str, Vec<Filler>> {
    let mut map: HashMap<&'static str, Vec<Filler>> = HashMap::new();
    for line in section(FILLERS, header) {
        let before_break = line.ends_with(',');
        let words: Vec<&'static str> = line.trim_end_matches(',').split_whitespace().collect();
        let key = if header == "[end]" { words.last() } else { words.first() };
        if let Some(key) = key.copied() {
            map.entry(key).or_default().push(Filler { words, before_break });
        }
    }
    for list in map.values_mut() {
        list.sort_by_key(|filler| std::cmp::Reverse(filler.words.len()));
    }
    map
}
