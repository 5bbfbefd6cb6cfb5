//! Every row of the table with a value of its own: the bare value on a line is hidden.

use tests::corpus::shape_samples;

use crate::redacted;

const SEED: u64 = 0x5a_3b1e;
/// Values tried of each pattern.
const EACH: usize = 5;
/// Characters of a value's end that may not stay.
const TAIL: usize = 12;

#[test]
fn a_value_of_every_shape_alone_on_a_line_is_hidden() {
    let samples = shape_samples(EACH, SEED);
    let missed: Vec<_> = samples
        .iter()
        .filter(|(_, value)| redacted(value).contains(&value[value.len() - TAIL.min(value.len())..]))
        .collect();
    assert!(samples.len() > 500, "the table has shapes: {}", samples.len());
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), samples.len());
}

#[test]
fn values_of_all_shapes_below_each_other_are_hidden() {
    let samples = shape_samples(EACH, SEED);
    let text = redacted(&samples.iter().map(|(_, value)| format!("{value}\n")).collect::<String>());
    let left: Vec<_> = samples.iter().filter(|(_, value)| text.contains(value.as_str())).collect();
    assert!(left.is_empty(), "{left:#?}");
}
