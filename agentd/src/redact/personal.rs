//! Personal data: what `redact.personal = true` adds.
//!
//! Owns the forms of e-mail addresses, phone numbers, bank accounts, payment cards and the identity numbers of some
//! countries, with their check digits.
//!
//! Refuses look-alikes: a candidate that is part of a longer word, number, version, path or hash, and one whose check
//! digits are wrong. Off by default all the same, since code is full of numbers that happen to fit.
//!
//! Invariants: a finding lies within one line; its time is linear in the text, by the `regex` crate, and each check
//! takes a bounded number of steps.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::{
    Finding,
    kinds::{Kind, by_hand},
};

mod checks;

/// Memory of one compiled pattern; all of them are small.
const COMPILED_MAX: usize = 1 << 20;
/// How far in front of a number its name may stand, for numbers that have too few check digits of their own.
const NAME_REACH: usize = 32;

/// A form of personal data.
struct Form {
    kind: &'static str,
    pattern: &'static str,
    /// How many bytes of the candidate are the value; none when it is none.
    check: fn(&str) -> Option<usize>,
    /// One of these words stands in front of it; empty when the form speaks for itself.
    names: &'static [&'static str],
}

const fn form(kind: &'static str, pattern: &'static str, check: fn(&str) -> Option<usize>) -> Form {
    Form { kind, pattern, check, names: &[] }
}

/// Stronger forms first: where two fit, the first one counts.
const FORMS: &[Form] = &[
    form(
        "personal-email",
        r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}",
        checks::email,
    ),
    form("personal-iban", "[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}", checks::iban),
    form("personal-card", "[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}", checks::card),
    form("personal-id-us", "[0-9]{3}-[0-9]{2}-[0-9]{4}", checks::us_ssn),
    form("personal-id-uk", "[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", checks::uk_nino),
    form("personal-id-fr", "[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", checks::fr_nir),
    form("personal-id-es", "[0-9XYZ]-?[0-9]{7}-?[A-Z]", checks::es_dni),
    form("personal-id-it", "[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]", checks::it_codice_fiscale),
    form("personal-id-br", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", checks::br_cpf),
    form("personal-id-ch", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", checks::ch_ahv),
    form("personal-id-se", "(?:[0-9]{2})?[0-9]{6}[+-][0-9]{4}", checks::se_personnummer),
    form("personal-id-pl", "[0-9]{11}", checks::pl_pesel),
    form("personal-id-de", "[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", checks::de_steuer_id),
    Form {
        kind: "personal-id-nl",
        pattern: r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}",
        check: checks::nl_bsn,
        names: &["bsn", "burgerservice", "sofinummer"],
    },
    form("personal-phone", r"\+[1-9][0-9](?:[ .()/-]{0,2}[0-9]){6,13}", checks::phone),
    form("personal-phone", r"\(?[2-9][0-9]{2}\)?[ .-]{1,2}[2-9][0-9]{2}[ .-][0-9]{4}", checks::phone),
];

/// Their rows in the table of kinds.
pub(super) const KINDS: [Kind; 15] = [
    by_hand("personal-email", "E-mail address (with redact.personal)"),
    by_hand("personal-phone", "Phone number (with redact.personal)"),
    by_hand("personal-iban", "Bank account, IBAN (with redact.personal)"),
    by_hand("personal-card", "Payment card (with redact.personal)"),
    by_hand("personal-id-us", "Social security number, US (with redact.personal)"),
    by_hand("personal-id-uk", "National insurance number, UK (with redact.personal)"),
    by_hand("personal-id-fr", "Numéro de sécurité sociale, France (with redact.personal)"),
    by_hand("personal-id-es", "DNI or NIE, Spain (with redact.personal)"),
    by_hand("personal-id-it", "Codice fiscale, Italy (with redact.personal)"),
    by_hand("personal-id-br", "CPF, Brazil (with redact.personal)"),
    by_hand("personal-id-ch", "AHV number, Switzerland (with redact.personal)"),
    by_hand("personal-id-se", "Personnummer, Sweden (with redact.personal)"),
    by_hand("personal-id-pl", "PESEL, Poland (with redact.personal)"),
    by_hand("personal-id-de", "Steuer-ID, Germany (with redact.personal)"),
    by_hand("personal-id-nl", "BSN, Netherlands (with redact.personal)"),
];

static COMPILED: LazyLock<Vec<(&'static Form, Regex)>> = LazyLock::new(|| {
    // A pattern that does not compile would be left out; a test holds that there is none.
    FORMS.iter().filter_map(|form| Some((form, compile(form.pattern)?))).collect()
});

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(COMPILED_MAX).dfa_size_limit(COMPILED_MAX).build().ok()
}

/// Appends the personal data of a text.
pub(super) fn find(text: &str, out: &mut Vec<Finding>) {
    let first = out.len();
    for (form, regex) in COMPILED.iter() {
        for candidate in regex.find_iter(text) {
            let Some(length) = (form.check)(candidate.as_str()) else { continue };
            let (start, end) = (candidate.start(), candidate.start() + length);
            let taken = out.iter().skip(first).any(|other| start < other.end && other.start < end);
            if !taken && stands_alone(text, start, end) && is_named(text, start, form.names) {
                out.push(Finding { start, end, kind: form.kind.into() });
            }
        }
    }
}

/// True when no neighbour makes the candidate a part of something longer.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|i| text.as_bytes().get(i)).copied().unwrap_or(b' ');
    let (after, next) = (text.as_bytes().get(end).copied().unwrap_or(b' '), text.as_bytes().get(end + 1).copied());
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'#' | b'$' | b'%');
    let goes_on = matches!(after, b'.' | b',' | b':' | b'@' | b'+') && next.is_some_and(|b| b.is_ascii_alphanumeric());
    !joins(before) && !matches!(before, b'.' | b'+' | b'@') && !joins(after) && !goes_on
}

fn is_named(text: &str, start: usize, names: &[&str]) -> bool {
    let reach = text.get(text.floor_char_boundary(start.saturating_sub(NAME_REACH))..start).unwrap_or_default();
    let line = reach.rsplit('\n').next().unwrap_or_default().to_ascii_lowercase();
    names.is_empty() || names.iter().any(|name| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, String)> {
        let mut out = Vec::new();
        find(text, &mut out);
        out.iter().map(|f| (&text[f.start..f.end], f.kind.to_string())).collect()
    }

    fn digits(count: usize, seed: &mut u64) -> String {
        let mut next = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + u8::try_from((*seed >> 33) % 10).unwrap())
        };
        (0..count).map(|_| next()).collect()
    }

    /// The first text of a family that has valid check digits.
    fn valid(check: fn(&str) -> Option<usize>, make: impl Fn(u64) -> String) -> String {
        (0..200_000).map(make).find(|text| check(text) == Some(text.len())).unwrap()
    }

    fn positives() -> Vec<(&'static str, String)> {
        let number = |seed: u64, count| digits(count, &mut (seed + 1));
        vec![
            ("personal-email", ["jane.roe", "@", "mail.acme-corp.de"].concat()),
            ("personal-iban", valid(checks::iban, |s| format!("DE{}", number(s, 20)))),
            (
                "personal-iban",
                valid(checks::iban, |s| {
                    format!("NL{} ABNA {} {} 00", &number(s, 4)[..2], number(s, 4), number(s + 7, 4))
                }),
            ),
            ("personal-card", valid(checks::card, |s| format!("4{}", number(s, 15)))),
            ("personal-card", valid(checks::card, |s| format!("37{}", number(s, 13)))),
            (
                "personal-card",
                valid(checks::card, |s| {
                    format!("5{}-{}-{}-{}", 100 + s % 400, number(s, 4), number(s + 1, 4), number(s + 2, 4))
                }),
            ),
            (
                "personal-id-us",
                valid(checks::us_ssn, |s| format!("{}-{}-{}", number(s, 3), number(s + 1, 2), number(s + 2, 4))),
            ),
            ("personal-id-uk", format!("AB {} C", ["12", "34", "56"].join(" "))),
            ("personal-id-fr", valid(checks::fr_nir, |s| format!("1850778{}", number(s, 8)))),
            ("personal-id-es", valid(checks::es_dni, |s| format!("{}K", number(s, 8)))),
            ("personal-id-es", valid(checks::es_dni, |s| format!("X{}K", number(s, 7)))),
            (
                "personal-id-it",
                valid(checks::it_codice_fiscale, |s| {
                    format!("RSSMRA{}H{}F{}X", number(s, 2), 10 + s % 20, number(s, 3))
                }),
            ),
            (
                "personal-id-br",
                valid(checks::br_cpf, |s| {
                    format!("{}.{}.{}-{}", number(s, 3), number(s + 1, 3), number(s + 2, 3), number(s + 3, 2))
                }),
            ),
            (
                "personal-id-ch",
                valid(checks::ch_ahv, |s| format!("756.{}.{}.{}", number(s, 4), number(s + 1, 4), number(s + 2, 2))),
            ),
            ("personal-id-se", valid(checks::se_personnummer, |s| format!("850214-{}", number(s, 4)))),
            ("personal-id-pl", valid(checks::pl_pesel, |s| format!("850214{}", number(s, 5)))),
            ("personal-id-de", valid(checks::de_steuer_id, |s| number(s, 11))),
            ("personal-phone", ["+49 30 ", "1234 5678"].concat()),
            ("personal-phone", ["(415) ", "555-", "2671"].concat()),
        ]
    }

    #[test]
    fn every_form_has_its_row_in_the_table() {
        let missing: Vec<_> = FORMS.iter().filter(|form| !KINDS.iter().any(|row| row.id == form.kind)).collect();
        assert!(missing.is_empty(), "{:?}", missing.iter().map(|form| form.kind).collect::<Vec<_>>());
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), FORMS.len());
    }

    #[test]
    fn each_form_is_found_in_a_sentence() {
        for (kind, value) in positives() {
            for text in [value.clone(), format!("é: {value}."), format!("\"{value}\","), format!("a\n{value}\nb")] {
                assert_eq!(found(&text), [(value.as_str(), kind.to_owned())], "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_check_digit_is_none() {
        for (kind, value) in positives() {
            let without = matches!(kind, "personal-email" | "personal-phone" | "personal-id-uk" | "personal-id-us");
            let last = value.chars().last().unwrap();
            let other = if last == '9' { '1' } else { char::from(last as u8 + 1) };
            let wrong = format!("{}{other}", &value[..value.len() - 1]);
            assert!(without || found(&wrong).is_empty(), "{kind}: {wrong}: {:?}", found(&wrong));
        }
    }

    #[test]
    fn a_form_within_something_longer_is_none() {
        for (kind, value) in positives() {
            for text in [format!("x{value}"), format!("{value}7"), format!("v-{value}-1"), format!("/{value}/x")] {
                let whole = found(&text).into_iter().any(|(hit, hit_kind)| hit == value && hit_kind == kind);
                assert!(!whole, "{text}");
            }
        }
    }

    #[test]
    fn a_dutch_number_needs_its_name() {
        let value = valid(checks::nl_bsn, |seed| digits(9, &mut (seed + 1)));
        assert_eq!(found(&format!("BSN: {value}")), [(value.as_str(), "personal-id-nl".to_owned())]);
        assert_eq!(found(&format!("count: {value}")), []);
    }

    #[test]
    fn look_alikes_of_code_are_none() {
        let texts = [
            "version 1.22.333-4444 and 2026-11-22T10:11:12.123456789Z at 192.168.100.200:8080",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "550e8400-e29b-41d4-a716-446655440000 1700000000 1700000000000 1700000000000000000",
            "git@github.com:acme/repo.git icon@2x.png pkg@1.2.3 @scope/name user@localhost",
            "+12345678901\n+ let x = 12345678;\n-  87654321",
            "0x1234567890123456 f(415, 555, 2671) 10_000_000_000 #12345678",
            "offset +01:00 range 100-200-3000 1.2.3+20240101123456",
        ];
        for text in texts {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_find_never_spans_a_newline() {
        for (_, value) in positives() {
            for (place, _) in value.char_indices().skip(1) {
                let text = format!("{}\n{}", &value[..place], &value[place..]);
                assert!(found(&text).iter().all(|(hit, _)| !hit.contains('\n')));
            }
        }
    }
}
