//! Text that is encoded within a text: base64 (both alphabets, any padding) and hexadecimal.
//!
//! Owns where such a run is and what it says. Only what decodes to readable text is decoded: hashes, images and keys
//! are somebody else's. One level, no more.
//!
//! Invariants: which runs there are depends on the text alone; a long run is taken in pieces of [`RUN_MAX`] from its
//! start, so that a stream needs no more than one of them.

use std::{borrow::Cow, ops::Range};

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Shorter runs hold no secret and a name for it.
const RUN_MIN: usize = 32;
/// Longest piece of a run; a multiple of what base64 and hexadecimal take at once.
pub(super) const RUN_MAX: usize = 3072;
/// Bytes that are tested at once. A run of twice that, less one, covers an aligned block.
const BLOCK: usize = 16;
/// Share of readable characters of what is decoded, in percent: less is no text.
const READABLE_MIN: usize = 95;

/// Cut runs end anywhere, and nobody checks their last bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// The next run at or behind `from`, with its padding; a run that goes on at `from` counts from there.
pub(super) fn next_run(view: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let block = next_block(view, from)?;
        let start = block - view.get(from..block)?.iter().rev().take_while(|byte| is_code(**byte)).count();
        let end = start + view.get(start..)?.iter().take(RUN_MAX).take_while(|byte| is_code(**byte)).count();
        if end - start == RUN_MAX {
            return Some(start..end);
        }
        if end - start >= RUN_MIN {
            return Some(start..end + padding(view, end));
        }
        from = end;
    }
}

/// Where the run begins that the text ends in: it may still grow. The end of the text, if there is none.
pub(super) fn run_at_end(view: &[u8], from: usize) -> usize {
    let tail = view.get(from..).unwrap_or_default();
    let padding = tail.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let body = tail.get(..tail.len() - padding).unwrap_or_default();
    let run = body.iter().rev().take(RUN_MAX).take_while(|byte| is_code(**byte)).count();
    if run == 0 { view.len() } else { from + body.len() - run }
}

/// What a run says, when it is readable text.
pub(super) fn decoded(run: &[u8]) -> Option<String> {
    if run.iter().all(u8::is_ascii_hexdigit) {
        return readable(&unhex(run)?);
    }
    let padding = run.iter().rev().take_while(|byte| **byte == b'=').count();
    let run = run.get(..run.len() - padding)?;
    from_base64(run).or_else(|| {
        // A path and its last part: a link whose parameter is encoded.
        let slash = memchr::memrchr(b'/', run)?;
        run.get(slash + 1..).filter(|part| part.len() >= RUN_MIN).and_then(from_base64)
    })
}

/// The next block of nothing but characters of a code. Blocks are counted from the start of the text.
fn next_block(view: &[u8], from: usize) -> Option<usize> {
    let first = from.next_multiple_of(BLOCK);
    let (blocks, _) = view.get(first..)?.as_chunks::<BLOCK>();
    let index = blocks.iter().position(is_code_block)?;
    Some(first + index * BLOCK)
}

/// Without branches, so that the compiler turns it into vector code.
#[inline]
fn is_code_block(block: &[u8; BLOCK]) -> bool {
    u128::from_ne_bytes(block.map(code_mask)) == u128::MAX
}

/// All bits for a character of base64, either alphabet; hexadecimal is part of both.
#[inline]
fn code_mask(byte: u8) -> u8 {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit_or_slash = byte.wrapping_sub(b'/') < 11;
    let sign = (byte == b'+') | (byte == b'-') | (byte == b'_');
    u8::from(letter | digit_or_slash | sign).wrapping_neg()
}

fn is_code(byte: u8) -> bool {
    code_mask(byte) != 0
}

fn padding(view: &[u8], end: usize) -> usize {
    view.get(end..).unwrap_or_default().iter().take(2).take_while(|byte| **byte == b'=').count()
}

fn from_base64(run: &[u8]) -> Option<String> {
    if !may_be_text(run) {
        return None;
    }
    let whole = if run.len() % 4 == 1 { run.len() - 1 } else { run.len() };
    let run = run.get(..whole)?;
    let url = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let bytes = if url { BASE64URL.decode(run) } else { BASE64.decode(run) }.ok()?;
    readable(&bytes)
}

/// A cheap test that nearly all identifiers, paths and hashes fail: the first character of each group of four is made
/// of the upper six bits of a byte, which for text are few.
fn may_be_text(run: &[u8]) -> bool {
    let groups = run.chunks_exact(4).take(10);
    let all = groups.len();
    let text = groups.filter(|group| {
        matches!(group.first(), Some(b'A' | b'C' | b'D' | b'I'..=b'Z' | b'a'..=b'f' | b'w'..=b'z' | b'0'..=b'9'))
    });
    text.count() + 1 >= all
}

fn unhex(run: &[u8]) -> Option<Vec<u8>> {
    let (pairs, _) = run.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// The text, when it is one. Windows writes two bytes for each character; the second is then zero.
fn readable(bytes: &[u8]) -> Option<String> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let wide = !pairs.is_empty() && pairs.iter().all(|[_, high]| *high == 0);
    let bytes: Cow<'_, [u8]> = if wide { pairs.iter().map(|[low, _]| *low).collect() } else { bytes.into() };
    let text = String::from_utf8_lossy(&bytes);
    let clear = |letter: &char| {
        !letter.is_control() && *letter != char::REPLACEMENT_CHARACTER || matches!(letter, '\n' | '\r' | '\t')
    };
    let (all, clear) = (text.chars().count(), text.chars().filter(clear).count());
    (clear * 100 >= all * READABLE_MIN).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD as PADDED, STANDARD_NO_PAD, URL_SAFE as URL_PADDED};

    use super::*;

    fn runs(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(run) = next_run(text.as_bytes(), from) {
            from = run.end;
            found.push(&text[run]);
        }
        found
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn every_run_is_found_wherever_it_begins() {
        for length in [32, 33, 40, 100] {
            let run = "aB3_".repeat(25)[..length].to_owned();
            for before in 0..40 {
                let text = format!("{} {run}== {run}.", "x, ".repeat(14)[..before].trim_end());
                assert_eq!(runs(&text), [format!("{run}=="), run.clone()], "{before}");
            }
        }
        assert!(runs(&"aB3_".repeat(7)).is_empty());
        assert!(runs(&"a short_word ".repeat(40)).is_empty());
    }

    #[test]
    fn a_long_run_is_taken_in_pieces() {
        let text = format!("({})", "a1B2".repeat(2000));
        assert_eq!(runs(&text).iter().map(|run| run.len()).collect::<Vec<_>>(), [3072, 3072, 1856]);
    }

    #[test]
    fn the_run_at_the_end_is_open() {
        assert_eq!(run_at_end(b"a bcd", 0), 2);
        assert_eq!(run_at_end(b"a bcd=", 0), 2);
        assert_eq!(run_at_end(b"a bcd==", 0), 2);
        assert_eq!(run_at_end(b"a bcd ", 0), 6);
        assert_eq!(run_at_end(b"abcd", 2), 2);
        assert_eq!(run_at_end(b"", 0), 0);
    }

    #[test]
    fn encoded_text_is_read_whatever_the_encoding() {
        for text in [
            "password = hunter2 and more of it",
            "gr\u{fc}\u{df}e an alle, hier ist der Text",
            "{\"a\": [1, 2, 3], \"b\": \"c\\n\"}\n",
        ] {
            for run in [PADDED.encode(text), STANDARD_NO_PAD.encode(text), URL_PADDED.encode(text), hex(text)] {
                assert_eq!(decoded(run.as_bytes()).as_deref(), Some(text));
                assert!(decoded(&run.as_bytes()[..run.len() - 5]).is_some());
            }
            assert_eq!(decoded(format!("a/b/{}", PADDED.encode(text)).as_bytes()).as_deref(), Some(text));
        }
        let wide: Vec<u8> = "token for windows users".bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(decoded(PADDED.encode(wide).as_bytes()).as_deref(), Some("token for windows users"));
    }

    #[test]
    fn hashes_names_and_paths_are_not_read() {
        let noise: Vec<u8> = (0..64_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for run in [
            PADDED.encode(&noise),
            noise.iter().map(|byte| format!("{byte:02x}")).collect(),
            "a_long_identifier_of_some_function_name".to_owned(),
            "src/main/java/com/example/project/Application".to_owned(),
            "ConfigurationManagerFactoryBeanProviderImpl".to_owned(),
            "-".repeat(80),
            "/".repeat(80),
        ] {
            assert_eq!(decoded(run.as_bytes()), None, "{run}");
        }
    }
}
