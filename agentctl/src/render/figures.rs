//! Figures for people: sums, counts, sizes, shares, spans of time. Programs get the bare numbers.

/// A price with two significant digits at least: small sums matter here.
pub fn dollars(sum: f64) -> String {
    match sum {
        0.0 => "$0".to_owned(),
        s if s < 0.000_005 => "< $0.00001".to_owned(),
        s if s < 0.01 => format!("${s:.5}"),
        s if s < 1.0 => format!("${s:.4}"),
        s => format!("${s:.2}"),
    }
}

/// A number with a comma every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count of things: `1 file`, `2 files`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A size, in powers of 1,000 as disks and `ls --si` have it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", grouped(bytes / 1_000_000), bytes % 1_000_000 / 100_000),
    }
}

/// A share of 1 in whole per cent; never 100 for less than all.
pub fn percent(share: f64) -> String {
    let whole = (share.clamp(0.0, 1.0) * 100.0).floor();
    format!("{whole} %")
}

/// A time span.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// How long something took.
pub fn elapsed(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {:02} s", ms / 60_000, ms / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sums_keep_their_digits() {
        for (sum, text) in
            [(0.0, "$0"), (0.000_001, "< $0.00001"), (0.000_39, "$0.00039"), (0.0123, "$0.0123"), (1.5, "$1.50")]
        {
            assert_eq!(dollars(sum), text);
        }
    }

    #[test]
    fn counts_and_sizes_are_readable_at_any_scale() {
        assert_eq!((grouped(999).as_str(), grouped(1_000_000).as_str()), ("999", "1,000,000"));
        assert_eq!(
            (counted(1, "answer", "answers"), counted(0, "answer", "answers")),
            ("1 answer".into(), "0 answers".into())
        );
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (9_040, "9.0 kB"),
            (1_250_000, "1.2 MB"),
            (u64::MAX, "18,446,744,073,709.5 MB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        for (share, text) in
            [(0.0, "0 %"), (0.8149, "81 %"), (0.999, "99 %"), (1.0, "100 %"), (7.0, "100 %"), (f64::NAN, "NaN %")]
        {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        assert_eq!((span(59), span(3_700), span(90_000)), ("59 s".into(), "1 h 01 min".into(), "1 d 1 h".into()));
        assert_eq!(
            (elapsed(999), elapsed(2_410), elapsed(61_000)),
            ("999 ms".into(), "2.4 s".into(), "1 min 01 s".into())
        );
    }
}
