//! Words: stems, and slips of the pen.
//!
//! The stemmer is small on purpose. It takes off what changes grammar (plural, tense, adverb, the -ion of a verb) and
//! leaves what changes meaning: a parser is not what it parses.

/// What a word's ending told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Past tense or participle.
    pub(super) past: bool,
    /// -s: a plural, or a verb in the third person.
    pub(super) plural: bool,
    /// -ing.
    pub(super) ing: bool,
}

/// Shortest word from which anything is taken.
const STEM_MIN: usize = 4;
/// Words on -ing that are no forms of verbs.
const ING: [&str; 16] = [
    "string",
    "thing",
    "bring",
    "during",
    "nothing",
    "something",
    "anything",
    "everything",
    "king",
    "ring",
    "spring",
    "ping",
    "sing",
    "sibling",
    "ceiling",
    "wing",
];
/// Words on -tion that say something else than their stem.
const TION: [&str; 16] = [
    "exception",
    "production",
    "direction",
    "section",
    "position",
    "question",
    "function",
    "condition",
    "fraction",
    "relation",
    "edition",
    "addition",
    "partition",
    "perception",
    "information",
    "subscription",
];
/// Words on -ly that are no adverbs.
const LY: [&str; 17] = [
    "assembly", "reply", "apply", "supply", "early", "only", "family", "multiply", "anomaly", "daily", "weekly",
    "monthly", "hourly", "yearly", "nightly", "friendly", "likely",
];

/// The stem of a lower-case ASCII word, and its form.
pub(super) fn stem(word: &str) -> (String, Form) {
    let mut form = Form::default();
    if word.len() < STEM_MIN || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return (word.to_owned(), form);
    }
    let mut stem = singular(word, &mut form);
    verbal(&mut stem, &mut form);
    derived(&mut stem);
    if stem.len() >= STEM_MIN && stem.ends_with('e') && !stem.ends_with("ee") {
        stem.pop();
    }
    (stem, form)
}

fn singular(word: &str, form: &mut Form) -> String {
    let cut = |n: usize| word.get(..word.len() - n).unwrap_or(word).to_owned();
    if !word.ends_with('s') || ["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        return word.to_owned();
    }
    form.plural = true;
    if word.len() > 4 && word.ends_with("ies") {
        return cut(3) + "y";
    }
    if ["sses", "xes", "ches", "shes", "zzes"].iter().any(|end| word.ends_with(end)) && !word.ends_with("aches") {
        return cut(2);
    }
    cut(1)
}

fn verbal(stem: &mut String, form: &mut Form) {
    let vowel = |part: &str| part.bytes().any(|b| b"aeiouy".contains(&b));
    for (end, least, past) in [("ing", 5, false), ("ed", 4, true)] {
        let Some(rest) = stem.strip_suffix(end) else { continue };
        if stem.len() < least || rest.len() < 2 || !vowel(rest) || ING.contains(&stem.as_str()) || rest.ends_with('e') {
            continue;
        }
        *stem = undoubled(rest);
        (form.past, form.ing) = (past, !past);
        if past && stem.ends_with('i') {
            stem.pop();
            stem.push('y');
        }
        return;
    }
}

/// runn -> run, but fall, pass, buzz stay.
fn undoubled(rest: &str) -> String {
    let bytes = rest.as_bytes();
    let doubled = matches!(bytes, [.., a, b] if a == b && !b"aeioulszf".contains(b));
    if doubled { rest.get(..rest.len() - 1).unwrap_or(rest).to_owned() } else { rest.to_owned() }
}

fn derived(stem: &mut String) {
    if stem.len() >= 8 && stem.ends_with("tion") && !TION.contains(&stem.as_str()) {
        stem.truncate(stem.len() - 3);
    } else if stem.len() >= 6 && stem.ends_with("ly") && !LY.contains(&stem.as_str()) {
        let cut = if stem.ends_with("ically") { 4 } else { 2 };
        stem.truncate(stem.len() - cut);
    }
}

/// Shortest word in which a slip is looked for.
pub(super) const SLIP_MIN: usize = 5;
/// From this length on a wrong or an extra letter counts as a slip; in shorter words only a swap or a missing letter.
const SLIP_ANY: usize = 6;

/// Whether `typed` is a slip of `word`: one swap, one letter missing, doubled, added or wrong, never the first.
pub(super) fn is_slip(typed: &str, word: &str) -> bool {
    let (a, b) = (typed.as_bytes(), word.as_bytes());
    // What differs only in its ending is another form or another noun (close, closer, closes), not a slip.
    let agent =
        |word: &str| word.ends_with("er") || word.ends_with("ers") || word.ends_with("or") || word.ends_with("ors");
    if a.first() != b.first() || a.last() != b.last() || a.len().abs_diff(b.len()) > 1 || agent(typed) != agent(word) {
        return false;
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    match (rest_a, rest_b) {
        ([_, after @ ..], [_, _, ..]) | ([_, after @ ..], [_]) if a.len() == b.len() => {
            let swapped = matches!((rest_a, rest_b), ([p, q, x @ ..], [r, s, y @ ..]) if p == s && q == r && x == y);
            swapped || (a.len() > SLIP_ANY && Some(after) == rest_b.get(1..))
        }
        (missing, [_, after @ ..]) if a.len() < b.len() => missing == after,
        ([_, after @ ..], extra) if a.len() > b.len() => a.len() >= SLIP_ANY && after == extra,
        _ => false,
    }
}
