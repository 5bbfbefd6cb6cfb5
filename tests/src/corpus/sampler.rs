//! Example texts of the engine's patterns.
//!
//! Owns a second reading of the pattern language (literals, classes, counts), so that the table can be tried row by row
//! without an example standing in any file. It makes texts and checks nothing: a pattern that the engine refuses is the
//! engine's tests' matter.

use std::{iter::Peekable, str::Chars};

use super::Rng;

/// How many bytes more than the least a run of open or wide length gets.
const SPREAD: usize = 12;
const WORD: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

/// A text that the pattern matches from end to end.
pub fn sample(pattern: &str, rng: &mut Rng) -> String {
    let mut rest = pattern.chars().peekable();
    let mut out = String::new();
    while let Some(sign) = rest.next() {
        let class = match sign {
            '[' => class(&mut rest),
            '\\' => escaped(&mut rest),
            sign => sign.to_string(),
        };
        let (least, most) = if rest.next_if_eq(&'{').is_some() { count(&mut rest) } else { (1, 1) };
        let len = least + rng.below(most.min(least + SPREAD) - least + 1);
        out.push_str(&rng.run(&class, len));
    }
    out
}

fn escaped(rest: &mut Peekable<Chars<'_>>) -> String {
    match rest.next() {
        Some('d') => DIGITS.to_owned(),
        Some('w') => WORD.to_owned(),
        sign => sign.into_iter().collect(),
    }
}

/// The signs of a class, behind its bracket.
fn class(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut all = String::new();
    while let Some(sign) = rest.next().filter(|sign| *sign != ']') {
        if sign == '\\' {
            all.push_str(&escaped(rest));
        } else if sign.is_ascii_alphanumeric() && rest.next_if_eq(&'-').is_some() {
            all.extend(rest.next().into_iter().flat_map(|last| sign..=last));
        } else {
            all.push(sign);
        }
    }
    // Padding stands at the end of a value only, where a sample has none.
    if all.len() > 1 {
        all.retain(|sign| sign != '=');
    }
    all
}

/// The least and the most of a count, behind its brace.
fn count(rest: &mut Peekable<Chars<'_>>) -> (usize, usize) {
    let text: String = rest.take_while(|sign| *sign != '}').collect();
    let number = |text: &str| text.parse::<usize>().ok();
    match text.split_once(',') {
        None => number(&text).map(|exact| (exact, exact)).unwrap_or((1, 1)),
        Some((least, most)) => {
            let least = number(least).unwrap_or(1);
            (least, number(most).unwrap_or(usize::MAX).max(least))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_signs_and_lengths_that_the_pattern_says() {
        let mut rng = Rng::new(1);
        for _ in 0..200 {
            let text = sample(r"ab\.[0-9]{3}[A-C_-]{2,4}\d\w{5,}", &mut rng);
            let (digits, rest) = text.strip_prefix("ab.").unwrap().split_at(3);
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
            let run = rest.bytes().take_while(|byte| b"ABC_-".contains(byte)).count();
            assert!((2..=4).contains(&run) && rest[run..].len() >= 6, "{text}");
            assert!(rest.as_bytes()[run].is_ascii_digit(), "{text}");
        }
    }
}
