//! The hello: 96 fixed bytes that never change, the same in both directions.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 3 | magic `AGD` |
//! | 3 | 1 | layout of the hello itself, always 1 |
//! | 4 | 2 | protocol major, little endian |
//! | 6 | 2 | protocol minor, little endian |
//! | 8 | 16 | fingerprint of the wire schema |
//! | 24 | 8 | capability bits, little endian |
//! | 32 | 1 | length of the build text, at most 63 |
//! | 33 | 63 | build text, UTF-8, zero padded |
//!
//! Both sides send theirs and read the other's. Equal fingerprints: binary frames follow. Anything else:
//! the same connection goes on with JSON lines, in which unknown fields are ignored.

use crate::{FINGERPRINT, PROTOCOL_MAJOR, PROTOCOL_MINOR, cut};

/// Length of a hello in bytes.
pub const HELLO_LEN: usize = 96;
/// First bytes of a binary connection; no JSON text starts like this.
pub const MAGIC: [u8; 3] = *b"AGD";
const LAYOUT: u8 = 1;
const BUILD_MAX: usize = HELLO_LEN - 33;

/// Who speaks: protocol version, schema fingerprint, capabilities and build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Protocol major version: grows when an old peer cannot be served even in JSON.
    pub major: u16,
    /// Protocol minor version: grows with every addition.
    pub minor: u16,
    /// First 16 bytes of the SHA-256 of `schema.json`.
    pub fingerprint: [u8; 16],
    /// Capability bits; none is defined yet, unknown ones are ignored.
    pub capabilities: u64,
    /// Program and version, for messages to people. At most 63 bytes travel.
    pub build: String,
}

/// Why 96 bytes are not a hello.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The first three bytes are not `AGD`.
    #[error("not an agentd hello: the magic bytes are missing")]
    Magic,
    /// The hello has a layout that this build does not know.
    #[error("unknown hello layout {0}; this build knows layout 1")]
    Layout(u8),
    /// The build text is longer than its field or not UTF-8.
    #[error("the build text of the hello is malformed")]
    Build,
}

impl Hello {
    /// The hello of this build.
    pub fn ours(program: &str) -> Self {
        Self {
            major: PROTOCOL_MAJOR,
            minor: PROTOCOL_MINOR,
            fingerprint: FINGERPRINT,
            capabilities: 0,
            build: format!("{program} {}", crate::VERSION),
        }
    }

    /// True when binary frames are safe: both sides have the same types, byte for byte.
    pub fn same_wire(&self, other: &Self) -> bool {
        self.major == other.major && self.fingerprint == other.fingerprint
    }

    /// The 96 bytes. A longer build text is cut at a character border.
    pub fn encode(&self) -> [u8; HELLO_LEN] {
        let mut out = [0_u8; HELLO_LEN];
        out[..3].copy_from_slice(&MAGIC);
        out[3] = LAYOUT;
        out[4..6].copy_from_slice(&self.major.to_le_bytes());
        out[6..8].copy_from_slice(&self.minor.to_le_bytes());
        out[8..24].copy_from_slice(&self.fingerprint);
        out[24..32].copy_from_slice(&self.capabilities.to_le_bytes());
        let build = cut(&self.build, BUILD_MAX);
        out[32] = build.len() as u8;
        out[33..33 + build.len()].copy_from_slice(build.as_bytes());
        out
    }

    /// Reads a hello.
    ///
    /// # Errors
    /// See [`HelloError`]; a foreign version or fingerprint is not an error here, the caller compares.
    pub fn decode(bytes: &[u8; HELLO_LEN]) -> Result<Self, HelloError> {
        if bytes[..3] != MAGIC {
            return Err(HelloError::Magic);
        }
        if bytes[3] != LAYOUT {
            return Err(HelloError::Layout(bytes[3]));
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&bytes[8..24]);
        let mut capabilities = [0; 8];
        capabilities.copy_from_slice(&bytes[24..32]);
        let build = bytes[33..].get(..usize::from(bytes[32])).ok_or(HelloError::Build)?;
        Ok(Self {
            major: u16_at(4),
            minor: u16_at(6),
            fingerprint,
            capabilities: u64::from_le_bytes(capabilities),
            build: std::str::from_utf8(build).map_err(|_| HelloError::Build)?.to_owned(),
        })
    }
}
