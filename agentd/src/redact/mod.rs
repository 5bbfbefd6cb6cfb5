//! The choke point before disk, log and wire.
//!
//! Owns the one type of text that may be stored, logged or sent: [`Redacted`]. Only a [`Redactor`] makes it, so the
//! compiler shows every place where text leaves. Today the redactor knows the exact values that the daemon itself
//! holds (the provider's key, credential-like environment variables); recognising secrets that nobody told it about
//! is the pattern engine's work, which goes behind this same door.
//!
//! Invariants: redacting twice equals redacting once; the marker reveals neither length nor any character.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// What stands in place of a secret.
pub const MARKER: &str = "[REDACTED]";
/// Shorter values are words and numbers; replacing them would garble text without protecting anything.
const SECRET_MIN: usize = 8;
/// Environment variables whose names end like this hold credentials.
const SECRET_NAMES: [&str; 8] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS", "PASSPHRASE", "AUTH"];

/// Text in which every known secret is replaced. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Redacted(Arc<str>);

impl Redacted {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that the daemon itself wrote at compile time: it holds no user's secret.
    pub fn from_static(text: &'static str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// Replaces what it knows to be secret. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Arc<[Box<str>]>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} values)", self.secrets.len())
    }
}

impl Redactor {
    /// A redactor of these exact values; values under 8 bytes are ignored.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<Box<str>> = values
            .into_iter()
            .filter(|value| value.len() >= SECRET_MIN && !MARKER.contains(value.as_str()))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(String::into_boxed_str)
            .collect();
        // Longest first, so that a value that contains another goes whole.
        secrets.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { secrets: secrets.into() }
    }

    /// The values of credential-like variables of the daemon's environment.
    pub fn environment_secrets() -> Vec<String> {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.to_str()?.to_ascii_uppercase();
                let value = value.into_string().ok()?;
                let secret = SECRET_NAMES.iter().any(|end| name.ends_with(end)) && !value.starts_with('/');
                secret.then_some(value)
            })
            .collect()
    }

    /// The text without secrets, and how many were replaced.
    pub fn text_counted(&self, text: &str) -> (Redacted, u32) {
        let mut count = 0;
        let mut out = std::borrow::Cow::Borrowed(text);
        for secret in self.secrets.iter() {
            let found = out.matches(&**secret).count();
            if found > 0 {
                count += u32::try_from(found).unwrap_or(u32::MAX);
                out = out.replace(&**secret, MARKER).into();
            }
        }
        (Redacted(out.as_ref().into()), count)
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> Redacted {
        self.text_counted(text).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_value_is_replaced_wherever_it_stands() {
        let redactor = Redactor::new(["k-1234567890".to_owned()]);
        let (text, count) = redactor.text_counted("a k-1234567890 b k-1234567890");
        assert_eq!((text.as_str(), count), ("a [REDACTED] b [REDACTED]", 2));
        assert_eq!(redactor.text(text.as_str()), text);
    }

    #[test]
    fn the_longer_of_two_overlapping_values_goes_whole() {
        let redactor = Redactor::new(["abcdefgh".to_owned(), "abcdefgh-ijkl".to_owned()]);
        assert_eq!(redactor.text("x abcdefgh-ijkl y").as_str(), "x [REDACTED] y");
    }

    #[test]
    fn debug_of_a_redactor_shows_no_value() {
        assert_eq!(format!("{:?}", Redactor::new(["k-1234567890".to_owned()])), "Redactor(1 values)");
    }
}
