//! Every row of the table with a value of its own: the bare value on a line is hidden.

use agentd::redact::kinds::{self, Rule};
use tests::corpus::{Rng, sample};

use crate::redacted;

const SEED: u64 = 0x5a_3b1e;
/// Characters of a value's end that may not stay.
const TAIL: usize = 12;
/// Values tried of each pattern.
const EACH: usize = 5;

/// The row's name and values of its patterns.
fn samples() -> Vec<(&'static str, String)> {
    let mut rng = Rng::new(SEED);
    let mut all = Vec::new();
    for kind in kinds::all() {
        if let Rule::Shape(patterns) = kind.rule {
            let values = patterns.iter().flat_map(|pattern| std::iter::repeat_n(pattern, EACH));
            all.extend(values.map(|pattern| (kind.id, sample(pattern, &mut rng))));
        }
    }
    all
}

#[test]
fn a_value_of_every_shape_alone_on_a_line_is_hidden() {
    let samples = samples();
    let missed: Vec<_> = samples
        .iter()
        .filter(|(_, value)| redacted(value).contains(&value[value.len() - TAIL.min(value.len())..]))
        .collect();
    assert!(samples.len() > 500, "the table has shapes: {}", samples.len());
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), samples.len());
}

#[test]
fn values_of_all_shapes_below_each_other_are_hidden() {
    let samples = samples();
    let text = redacted(&samples.iter().map(|(_, value)| format!("{value}\n")).collect::<String>());
    let left: Vec<_> = samples.iter().filter(|(_, value)| text.contains(value.as_str())).collect();
    assert!(left.is_empty(), "{left:#?}");
}
