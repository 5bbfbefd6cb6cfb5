//! One spelling for one text: compatibility forms, quotes, dashes, white space.
//!
//! Owns the text behind the exact key. It takes nothing away but white space, politeness at the edges and final
//! punctuation; it changes the case of plain words only: a letter's case in a flag or a name may be the whole question.

use unicode_normalization::UnicodeNormalization as _;

use super::rules::Rules;

/// The text with one form for each character: NFKC, straight quotes, plain dashes, single spaces, no control characters.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        text.chars().for_each(|c| push(&mut out, c));
    } else {
        text.nfkc().for_each(|c| push(&mut out, c));
    }
    out.truncate(out.trim_end().len());
    out
}

/// One character in its one form; white space only once.
fn push(out: &mut String, c: char) {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{b4}' | '\u{2032}' => out.push('\''),
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => out.push('"'),
        '\u{2013}'..='\u{2015}' => {
            space(out);
            out.push_str("- ");
        }
        '\u{2010}' | '\u{2011}' | '\u{2212}' => out.push('-'),
        '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}' => {}
        c if c.is_whitespace() || c.is_control() => space(out),
        c => out.push(c),
    }
}

fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Longest text in bytes whose words are looked at one by one for the exact key. A longer one was pasted, not typed: nobody
/// types it again in another case.
const EXACT_FOLDED: usize = 4096;

/// What the exact key is made of, from tidy text.
pub(super) fn exact(tidy: &str) -> String {
    if tidy.len() > EXACT_FOLDED {
        return tidy.to_owned();
    }
    let rules = Rules::builtin();
    let mut chunks: Vec<String> = tidy.split(' ').map(plain_case).collect();
    let polite = |chunk: &String| {
        let word = chunk.trim_matches(|c: char| c.is_ascii_punctuation());
        !word.is_empty() && rules.is_polite(word)
    };
    while chunks.len() > 1 && chunks.first().is_some_and(polite) {
        chunks.remove(0);
    }
    while chunks.len() > 1 && chunks.last().is_some_and(polite) {
        chunks.pop();
    }
    let joined = chunks.join(" ");
    joined.trim_end_matches(['?', '!', '.', ',', ';', ' ']).to_owned()
}

/// A plain word in lower case; whatever looks like code as it stands.
fn plain_case(chunk: &str) -> String {
    let inner = chunk.trim_end_matches(['?', '!', '.', ',', ';', ':', ')', '"']).trim_start_matches(['(', '"']);
    let tail_is_lower = || inner.chars().skip(1).all(|c| !c.is_uppercase());
    let letters = inner.chars().all(|c| c.is_alphabetic() || c == '\'');
    let shouted = || inner.chars().all(|c| !c.is_lowercase());
    if letters && (tail_is_lower() || shouted()) { chunk.to_lowercase() } else { chunk.to_owned() }
}
