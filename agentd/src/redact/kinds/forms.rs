//! Forms of values that many services share, as pieces of the pattern language.
//!
//! Macros, since a pattern is a constant and constants cannot be joined otherwise.

/// Lower-case hexadecimal digits.
macro_rules! hex {
    ($count:literal) => {
        concat!("[0-9a-f]{", $count, "}")
    };
}

/// Letters and digits.
macro_rules! alnum {
    ($count:literal) => {
        concat!("[A-Za-z0-9]{", $count, "}")
    };
}

/// Lower-case letters and digits.
macro_rules! lower {
    ($count:literal) => {
        concat!("[a-z0-9]{", $count, "}")
    };
}

/// Capitals and digits.
macro_rules! upper {
    ($count:literal) => {
        concat!("[A-Z0-9]{", $count, "}")
    };
}

/// The alphabet of URL-safe base64.
macro_rules! token {
    ($count:literal) => {
        concat!("[A-Za-z0-9_-]{", $count, "}")
    };
}

/// A UUID in either letter case.
macro_rules! uuid {
    () => {
        "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    };
}

/// A row of a service whose keys have no mark of their own: `word, "Title", values...`.
macro_rules! service {
    ($word:literal, $title:literal, $($value:expr),+) => {
        super::near(concat!($word, "-key"), concat!($title, " key"), &[$word], &[$($value),+])
    };
}

pub(super) use {alnum, hex, lower, service, token, upper, uuid};
