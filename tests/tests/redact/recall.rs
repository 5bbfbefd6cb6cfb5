//! What is found: the share of texts whose secret lies in findings by nine tenths of its characters.

use std::{collections::BTreeMap, ops::Range};

use agentd::redact::Finding;
use tests::corpus::{Record, Tier};

use crate::{POSITIVES, find, wants_report};

/// Examples of what a class misses that a report shows.
const SHOWN: usize = 5;
/// A text is covered when nine tenths of its secret are.
const COVER: (usize, usize) = (9, 10);

/// Of some texts, how many are covered.
#[derive(Default)]
struct Tally {
    all: usize,
    missed: Vec<String>,
}

impl Tally {
    fn add(&mut self, record: &Record, covered: bool) {
        self.all += 1;
        if !covered {
            self.missed.push(format!("[{}] {:?}", record.form.lines().next().unwrap_or_default(), record.text));
        }
    }

    /// Per mille, rounded down.
    fn recall(&self) -> usize {
        (self.all - self.missed.len()) * 1000 / self.all.max(1)
    }

    fn line(&self, name: &str) -> String {
        format!(
            "{name:<28}{:>6} of {:>5} {:>6.1} %",
            self.all - self.missed.len(),
            self.all,
            self.recall() as f64 / 10.0
        )
    }

    /// Examples from everywhere in the list, not only its first template.
    fn examples(&self) -> impl Iterator<Item = &String> {
        let step = if std::env::var("REDACT_REPORT").is_ok_and(|how| how == "all") {
            1
        } else {
            self.missed.len() / SHOWN + 1
        };
        self.missed.iter().step_by(step)
    }
}

fn shared(a: &Range<usize>, b: &Finding) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

fn is_covered(record: &Record, found: &[Finding]) -> bool {
    let hidden: usize = record.secrets.iter().flat_map(|span| found.iter().map(|one| shared(span, one))).sum();
    hidden * COVER.1 >= record.secret_len() * COVER.0
}

/// Tallies of everything, by tier and by class.
struct Report {
    all: Tally,
    tiers: BTreeMap<Tier, Tally>,
    classes: BTreeMap<(Tier, String), Tally>,
}

impl Report {
    fn new() -> Self {
        let mut report = Self { all: Tally::default(), tiers: BTreeMap::new(), classes: BTreeMap::new() };
        for record in POSITIVES.iter() {
            let covered = is_covered(record, &find(&record.text));
            report.all.add(record, covered);
            report.tiers.entry(record.tier).or_default().add(record, covered);
            report.classes.entry((record.tier, record.class.clone())).or_default().add(record, covered);
        }
        report
    }

    fn text(&self) -> String {
        let mut lines = vec![self.all.line("all")];
        lines.extend(self.tiers.iter().map(|(tier, tally)| tally.line(&format!("{tier:?}"))));
        for ((tier, class), tally) in &self.classes {
            lines.push(tally.line(&format!("  {tier:?} {class}")));
            lines.extend(tally.examples().map(|missed| format!("      {missed}")));
        }
        lines.join("\n")
    }
}

#[test]
fn secrets_are_found_wherever_they_occur() {
    let report = Report::new();
    if wants_report() {
        println!("{}", report.text());
    }
    let floors = [(Tier::Shape, 970), (Tier::Label, 880), (Tier::Context, 500)];
    let by_tier =
        floors.iter().all(|(tier, floor)| report.tiers.get(tier).is_some_and(|tally| tally.recall() >= *floor));
    assert!(report.all.recall() >= 850 && by_tier, "{}", report.text());
}

#[test]
fn every_known_form_is_found_standing_alone() {
    let missed: Vec<&Record> =
        POSITIVES.iter().filter(|record| record.class == "bare" && !is_covered(record, &find(&record.text))).collect();
    let forms: Vec<&str> = missed.iter().map(|record| record.form.as_str()).collect();
    assert!(missed.len() * 100 <= 140, "{forms:?}\n{:?}", missed.iter().map(|record| &record.text).collect::<Vec<_>>());
}

#[test]
fn no_layout_of_a_private_key_shows_its_body() {
    let keys = POSITIVES.iter().filter(|record| record.class == "pem");
    let missed: Vec<_> = keys.filter(|record| !is_covered(record, &find(&record.text))).collect();
    assert!(missed.is_empty(), "{:#?}", missed.iter().map(|record| (&record.form, &record.text)).collect::<Vec<_>>());
}

#[test]
fn forms_that_the_rules_were_not_written_against_are_found_too() {
    let mut tally = Tally::default();
    for record in tests::corpus::challenge() {
        let covered = is_covered(&record, &find(&record.text));
        tally.add(&record, covered);
    }
    assert!(tally.recall() >= 880, "{}\n{}", tally.line("challenge"), tally.missed.join("\n"));
    let altered: Vec<_> =
        tests::corpus::challenge_clean().into_iter().filter(|record| !find(&record.text).is_empty()).collect();
    assert!(altered.is_empty(), "{:#?}", altered.iter().map(|record| &record.text).collect::<Vec<_>>());
}
