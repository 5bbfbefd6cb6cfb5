//! Measures the rules on labelled pairs of questions.
//!
//! `QUESTION_PAIRS=file cargo test -p agentd measure_question_pairs -- --ignored --nocapture` prints figures for any file of
//! JSON lines `{"a", "b", "same"}`. Pairs are shown only with `PAIRS_SHOW=1`, so that a held-out file can be measured
//! without being read.

use super::{CANDIDATES, Match, Question, best, compare, covered};

/// A labelled pair.
pub(super) struct Pair {
    pub(super) a: String,
    pub(super) b: String,
    pub(super) same: bool,
}

/// What the rules do with a set of pairs.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) same: usize,
    pub(super) other: usize,
    pub(super) served: usize,
    pub(super) served_wrongly: usize,
    pub(super) covered: usize,
    pub(super) covered_wrongly: usize,
    pub(super) refused: usize,
    pub(super) refused_wrongly: usize,
    pub(super) asked: usize,
    pub(super) found: usize,
}

/// Stored questions that candidates are chosen from.
const STORED: usize = 300;

pub(super) fn pairs(lines: &str) -> Vec<Pair> {
    let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap().to_owned();
    lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            Pair { a: text(&value, "a"), b: text(&value, "b"), same: value["same"].as_bool().unwrap() }
        })
        .collect()
}

pub(super) fn measure(pairs: &[Pair], show: impl Fn(&str, &Pair)) -> Figures {
    let mut all = Figures::default();
    for pair in pairs {
        let (a, b) = (Question::new(&pair.a), Question::new(&pair.b));
        let (met, lenient) = (compare(&a, &b), covered(&a, &b));
        let served = usize::from(met == Match::Same);
        let refused = usize::from(matches!(met, Match::Differs(_)));
        if pair.same {
            all.same += 1;
            all.served += served;
            all.covered += usize::from(lenient);
            all.refused_wrongly += refused;
        } else {
            all.other += 1;
            all.served_wrongly += served;
            all.covered_wrongly += usize::from(lenient);
            all.refused += refused;
        }
        match (pair.same, met) {
            (false, Match::Same) => show("SERVED WRONGLY", pair),
            (true, Match::Differs(guard)) => show(&format!("refused wrongly: {}", guard.name()), pair),
            (true, Match::Undecided) => {
                let why = super::difference(&a, &b).map_or("", super::Guard::name);
                show(&format!("undecided: {why}"), pair);
            }
            (false, Match::Undecided) => show("left to the model", pair),
            _ => {}
        }
    }
    candidates(pairs, &mut all, show);
    all
}

/// For each paraphrase: is the equivalent question among the candidates out of 300 stored ones?
fn candidates(pairs: &[Pair], all: &mut Figures, show: impl Fn(&str, &Pair)) {
    let mut stored: Vec<(usize, Question)> = Vec::new();
    let numbered = || pairs.iter().enumerate();
    // Equivalents first, then near-misses, then what else there is, up to the size of the cache.
    let order = numbered().filter(|(_, pair)| pair.same).chain(numbered().filter(|(_, pair)| !pair.same));
    stored.extend(order.take(STORED).map(|(at, pair)| (at, Question::new(&pair.b))));
    let spare = STORED.saturating_sub(stored.len());
    stored.extend(
        numbered()
            .filter(|(_, pair)| !pair.same)
            .take(spare)
            .map(|(at, pair)| (pairs.len() + at, Question::new(&pair.a))),
    );
    for (at, pair) in numbered().filter(|(_, pair)| pair.same) {
        if !stored.iter().any(|(id, _)| *id == at) {
            continue;
        }
        let asked = Question::new(&pair.a);
        all.asked += 1;
        let equal = |id: usize| {
            id == at
                || pairs.get(id).is_some_and(|other| other.b == pair.b)
                || pairs.get(id.wrapping_sub(pairs.len())).is_some_and(|other| other.a == pair.a || other.a == pair.b)
        };
        let found = best(&asked, stored.iter().map(|(id, question)| (id, question)), CANDIDATES);
        let same = stored.iter().any(|(id, question)| equal(*id) && compare(&asked, question) == Match::Same);
        if same || found.iter().any(|(id, _)| equal(**id)) {
            all.found += 1;
        } else {
            show("not among the candidates", pair);
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        writeln!(f, "pairs: {} same, {} not", self.same, self.other)?;
        writeln!(
            f,
            "rules: recall {:.1} %, false {} ({:.2} %)",
            share(self.served, self.same),
            self.served_wrongly,
            share(self.served_wrongly, self.other)
        )?;
        writeln!(
            f,
            "lenient: recall {:.1} %, false {} ({:.2} %)",
            share(self.covered, self.same),
            self.covered_wrongly,
            share(self.covered_wrongly, self.other)
        )?;
        writeln!(
            f,
            "hard guards: refuse {:.1} % of near-misses, {:.1} % of paraphrases",
            share(self.refused, self.other),
            share(self.refused_wrongly, self.same)
        )?;
        write!(f, "candidates: {:.1} % of {} among the first {CANDIDATES}", share(self.found, self.asked), self.asked)
    }
}

/// What reading a question and looking it up among the stored ones costs.
fn times(pairs: &[Pair]) -> String {
    let texts: Vec<&String> = pairs.iter().flat_map(|pair| [&pair.a, &pair.b]).collect();
    let count = texts.len().max(1) as u32;
    let start = std::time::Instant::now();
    let questions: Vec<Question> = texts.iter().map(|text| Question::new(text)).collect();
    let read = start.elapsed() / count;
    let stored: Vec<(usize, &Question)> = questions.iter().cycle().take(STORED).enumerate().collect();
    let start = std::time::Instant::now();
    let mut found = 0;
    for asked in &questions {
        found += stored.iter().filter(|(_, other)| compare(asked, other) == Match::Same).count();
        found += best(asked, stored.iter().map(|(id, other)| (id, *other)), CANDIDATES).len();
    }
    format!("times: new {read:?}, look-up among {STORED} {:?} ({found} found)", start.elapsed() / count)
}

#[test]
#[ignore = "needs QUESTION_PAIRS"]
fn measure_question_pairs() {
    let Some(path) = std::env::var_os("QUESTION_PAIRS") else { return };
    let pairs = pairs(&std::fs::read_to_string(path).unwrap());
    let shown = std::env::var_os("PAIRS_SHOW").is_some();
    let show = |what: &str, pair: &Pair| {
        if shown {
            println!("{what} | {} | {}", pair.a, pair.b);
        }
    };
    println!("{}", measure(&pairs, show));
    println!("{}", times(&pairs));
}
