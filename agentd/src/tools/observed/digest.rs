//! SHA-256 digests of what was seen.
//!
//! Owns how bytes and texts become a digest. A text for the model is digested without the numbers that its hidden
//! values have in one conversation; which of them are equal stays part of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use super::Stat;
use crate::redact;

/// A SHA-256 digest; 64 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of bytes as they are.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a text for the model: the same in every conversation.
    pub fn of_text(text: &str) -> Self {
        Self::of(redact::renumbered(text).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FAULT: &str = "a digest has 64 hexadecimal digits";
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(FAULT);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(FAULT)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| FAULT)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A digest in the making.
#[derive(Default)]
pub(crate) struct Digester(Sha256);

impl Digester {
    /// Bytes that follow without a border: blocks of one content.
    pub(crate) fn block(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// A part with a border: `ab`, `c` is not `a`, `bc`.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// A number.
    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// A digest as a part.
    pub(crate) fn digest(&mut self, digest: &Digest) {
        self.0.update(digest.0);
    }

    /// All fields of a stat.
    pub(crate) fn stat(&mut self, stat: &Stat) {
        let Stat { dev, ino, size, mtime_ns, ctime_ns, kind } = *stat;
        let fields = [dev, ino, size.cast_unsigned(), mtime_ns.cast_unsigned(), ctime_ns.cast_unsigned(), kind.into()];
        fields.into_iter().for_each(|field| self.number(field));
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}
