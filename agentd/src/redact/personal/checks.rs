//! Check digits and plausibility of personal data.
//!
//! Owns one function per form: it takes a candidate of the right layout and returns how many of its bytes are the
//! value, or none. Pure arithmetic over a bounded candidate; facts are from the issuers' public rules.

/// Endings of file names that follow an `@` in asset names (`icon@2x.png`).
const FILE_ENDINGS: [&str; 12] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "rs", "py", "map"];
/// Domains that stand for nobody (RFC 2606).
const NOBODY: [&str; 7] = ["example.com", "example.org", "example.net", "example", "test", "invalid", "local"];
/// Country and length of a bank account number.
const IBAN_LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 \
    EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 \
    LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 \
    SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";
/// Value of a letter or digit at an odd place of a codice fiscale.
const ITALIAN_ODD: [u32; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

pub(super) fn email(text: &str) -> Option<usize> {
    let (name, domain) = text.split_once('@')?;
    let domain = domain.to_ascii_lowercase();
    let ending = domain.rsplit('.').next()?;
    let nobody = NOBODY.iter().any(|none| domain == *none || domain.ends_with(&format!(".{none}")));
    let real = name != "git" && !nobody && !FILE_ENDINGS.contains(&ending);
    real.then_some(text.len())
}

pub(super) fn phone(text: &str) -> Option<usize> {
    let count = digits(text).len();
    // Digits without a separator after a plus are as often an added line or a build number.
    let grouped = text.bytes().any(|byte| matches!(byte, b' ' | b'.' | b'(' | b'-'));
    (grouped && (8..=15).contains(&count)).then_some(text.len())
}

pub(super) fn iban(text: &str) -> Option<usize> {
    let country = text.get(..2)?;
    let length: usize = IBAN_LENGTHS.split_whitespace().find_map(|entry| entry.strip_prefix(country))?.parse().ok()?;
    let signs = text.bytes().enumerate().filter(|(_, byte)| *byte != b' ');
    let (last, _) = signs.clone().nth(length - 1)?;
    let plain: Vec<u8> = signs.take(length).map(|(_, byte)| byte).collect();
    let turned = plain.iter().skip(4).chain(plain.iter().take(4));
    let rest = turned.fold(0, |rest, &byte| match value_of(byte) {
        value @ 0..=9 => (rest * 10 + value) % 97,
        value => (rest * 100 + value) % 97,
    });
    (rest == 1).then_some(last + 1)
}

pub(super) fn card(text: &str) -> Option<usize> {
    let number = digits(text);
    let separators: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_digit()).collect();
    let even = separators.iter().all(|byte| Some(byte) == separators.first()) && separators.len() <= 4;
    let varied = number.iter().any(|digit| Some(digit) != number.first());
    (even && varied && is_issued(&number) && luhn(&number)).then_some(text.len())
}

/// True when an issuer has cards that begin like this and are as long.
fn is_issued(number: &[u32]) -> bool {
    let begin = |count: usize| number.iter().take(count).fold(0, |all, digit| all * 10 + digit);
    match number.len() {
        13 | 19 if begin(1) == 4 => true,
        14 => matches!(begin(2), 36 | 38) || (300..=305).contains(&begin(3)),
        15 => matches!(begin(2), 34 | 37),
        16 => {
            let discover = begin(4) == 6011 || begin(2) == 65 || (644..=649).contains(&begin(3));
            let mastercard = (51..=55).contains(&begin(2)) || (2221..=2720).contains(&begin(4));
            begin(1) == 4 || mastercard || discover || (3528..=3589).contains(&begin(4)) || begin(2) == 62
        }
        17..=19 => begin(2) == 62,
        _ => false,
    }
}

pub(super) fn us_ssn(text: &str) -> Option<usize> {
    let (area, group, serial) = (text.get(..3)?, text.get(4..6)?, text.get(7..11)?);
    let issued = area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000";
    issued.then_some(text.len())
}

pub(super) fn uk_nino(text: &str) -> Option<usize> {
    let (first, second) = (text.bytes().next()?, text.as_bytes().get(1).copied()?);
    let never = matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V') || b"DFIOQUV".contains(&second);
    let reserved = ["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].iter().any(|prefix| text.starts_with(prefix));
    (!never && !reserved).then_some(text.len())
}

pub(super) fn fr_nir(text: &str) -> Option<usize> {
    let plain: String = text.chars().filter(|sign| *sign != ' ').collect();
    // Corsica's departments count as 19 and 18 (the key is taken over 2A = 19, 2B = 18).
    let plain = plain.replacen("2A", "19", 1).replacen("2B", "18", 1);
    let (number, key): (u64, u64) = (plain.get(..13)?.parse().ok()?, plain.get(13..)?.parse().ok()?);
    let month: u64 = plain.get(3..5)?.parse().ok()?;
    (97 - number % 97 == key && ((1..=12).contains(&month) || month >= 20)).then_some(text.len())
}

pub(super) fn es_dni(text: &str) -> Option<usize> {
    let plain: String = text.chars().filter(|sign| *sign != '-').collect();
    let (number, letter) = plain.split_at_checked(8)?;
    let number = number.replacen('X', "0", 1).replacen('Y', "1", 1).replacen('Z', "2", 1);
    let place: usize = number.parse::<usize>().ok()? % 23;
    (b"TRWAGMYFPDXBNJZSQVHLCKE".get(place) == letter.as_bytes().first()).then_some(text.len())
}

pub(super) fn it_codice_fiscale(text: &str) -> Option<usize> {
    let value = |byte: u8| if byte.is_ascii_digit() { usize::from(byte - b'0') } else { usize::from(byte - b'A') };
    let sum = text.bytes().take(15).enumerate().map(|(place, byte)| match place % 2 {
        0 => ITALIAN_ODD.get(value(byte)).copied().unwrap_or_default(),
        _ => u32::try_from(value(byte)).unwrap_or_default(),
    });
    let letter = b'A' + u8::try_from(sum.sum::<u32>() % 26).ok()?;
    (text.bytes().last() == Some(letter)).then_some(text.len())
}

pub(super) fn br_cpf(text: &str) -> Option<usize> {
    let number = digits(text);
    let check = |count: usize| {
        let front = number.iter().take(count);
        let sum: u32 = front.rev().zip(2..).map(|(digit, weight)| digit * weight).sum();
        Some(sum * 10 % 11 % 10) == number.get(count).copied()
    };
    let varied = number.iter().any(|digit| Some(digit) != number.first());
    (varied && check(9) && check(10)).then_some(text.len())
}

pub(super) fn ch_ahv(text: &str) -> Option<usize> {
    let number = digits(text);
    let sum: u32 = number.iter().take(12).zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    (Some(&((10 - sum % 10) % 10)) == number.last()).then_some(text.len())
}

pub(super) fn se_personnummer(text: &str) -> Option<usize> {
    let number = digits(text);
    let short = number.get(number.len().checked_sub(10)?..)?;
    (is_date(short) && luhn(short)).then_some(text.len())
}

pub(super) fn pl_pesel(text: &str) -> Option<usize> {
    let number = digits(text);
    // The century is added to the month in steps of 20.
    let mut born: Vec<u32> = number.iter().copied().take(6).collect();
    if let Some(tens) = born.get_mut(2) {
        *tens %= 2;
    }
    let weights = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];
    let sum: u32 = number.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    (is_date(&born) && sum.is_multiple_of(10)).then_some(text.len())
}

pub(super) fn de_steuer_id(text: &str) -> Option<usize> {
    let number = digits(text);
    let counts = (0..10).map(|digit| number.iter().take(10).filter(|other| **other == digit).count());
    // Among the first ten digits one stands twice or thrice, no other one more than once.
    let repeated: Vec<usize> = counts.filter(|count| *count > 1).collect();
    let product = number.iter().take(10).fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let key = (11 - product) % 10;
    (matches!(repeated.as_slice(), [2 | 3]) && number.last() == Some(&key)).then_some(text.len())
}

pub(super) fn nl_bsn(text: &str) -> Option<usize> {
    let number = digits(text);
    let sum: u32 = number.iter().take(8).zip((2..=9).rev()).map(|(digit, weight)| digit * weight).sum();
    let last = number.last().copied()?;
    (sum % 11 == last && number.iter().any(|digit| *digit != 0)).then_some(text.len())
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|sign| sign.to_digit(10)).collect()
}

fn value_of(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or_default()
}

/// Year, month and day in two digits each.
fn is_date(number: &[u32]) -> bool {
    match number {
        [_, _, m1, m2, d1, d2, ..] => (1..=12).contains(&(m1 * 10 + m2)) && (1..=31).contains(&(d1 * 10 + d2)),
        _ => false,
    }
}

/// The check of payment cards: each second digit from the right counts double.
fn luhn(number: &[u32]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            1 => digit * 2 / 10 + digit * 2 % 10,
            _ => *digit,
        })
        .sum();
    sum.is_multiple_of(10)
}
