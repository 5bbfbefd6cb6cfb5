//! The corpus is what it claims to be.

use std::collections::BTreeSet;

use tests::corpus::{Tier, bare_tokens, base64, base64_url, percent};

use crate::{NEGATIVES, POSITIVES};

#[test]
fn it_is_large_and_the_same_every_time() {
    assert!(POSITIVES.len() >= 2500 && NEGATIVES.len() >= 2500, "{} and {}", POSITIVES.len(), NEGATIVES.len());
    assert_eq!(*POSITIVES, tests::corpus::positives());
    let code = NEGATIVES.iter().filter(|record| record.class == "code").count();
    assert!(code >= 400, "{code} code blocks");
    assert!(bare_tokens(1).len() >= 100);
}

#[test]
fn every_positive_has_its_secrets_marked_and_no_negative_has() {
    for record in POSITIVES.iter() {
        assert!(record.secret_len() >= 6 && record.tier != Tier::Clean, "{record:?}");
        let apart = record.secrets.windows(2).all(|two| two[0].end <= two[1].start);
        assert!(apart && record.secrets.iter().all(|span| record.text.get(span.clone()).is_some()), "{record:?}");
    }
    for record in NEGATIVES.iter() {
        assert!(record.secrets.is_empty() && record.tier == Tier::Clean, "{record:?}");
    }
}

#[test]
fn no_slot_and_no_mark_is_left_in_a_text() {
    for record in POSITIVES.iter().chain(NEGATIVES.iter()) {
        assert!(!record.text.contains(['‹', '›', '«', '»']), "{record:?}");
    }
}

#[test]
fn no_text_is_both_secret_and_clean() {
    let clean: BTreeSet<&str> = NEGATIVES.iter().map(|record| record.text.as_str()).collect();
    let both: Vec<_> = POSITIVES.iter().filter(|record| clean.contains(record.text.as_str())).collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn encodings_agree_with_their_standards() {
    let vectors = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
    for (plain, encoded) in vectors {
        assert_eq!(base64(plain.as_bytes()), encoded);
    }
    assert_eq!(base64_url(&[0xfb, 0xff]), "-_8");
    assert_eq!(percent("a b/ü"), "a%20b%2F%C3%BC");
}
