//! Payloads of binary frames. The only module that names bincode.
//!
//! bincode is positional: bytes of another schema may decode to a wrong value without an error. It therefore
//! carries payloads only between builds whose fingerprints are equal, always decodes from a slice, with a limit,
//! and a payload with left-over bytes is refused.

use serde::{Serialize, de::DeserializeOwned};

use crate::frame::FRAME_MAX;

/// What the payloads are written in, as `schema.json` says it: part of the fingerprint.
pub const NAME: &str = "bincode 2: little endian, integers of variable length, enum variants by number";

/// Why a payload could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value could not be encoded, or is over the frame cap.
    #[error("cannot encode the message: {0}")]
    Encode(String),
    /// The bytes are not a message of this schema.
    #[error("cannot decode the message: {0}")]
    Decode(String),
    /// A message was read, and bytes were left over: the schemas differ.
    #[error("{0} bytes left over after the message: the two builds disagree about its shape")]
    Trailing(usize),
}

/// What a decoder may claim. It counts an integer and a text's length by their full width, though most take one byte
/// on the wire: with the bare frame cap, a message of many short texts would be written and then not be read.
const CLAIM_MAX: usize = FRAME_MAX + FRAME_MAX / 4;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<CLAIM_MAX>()
}

/// The payload of a message.
///
/// # Errors
/// [`CodecError::Encode`], also when the payload would pass the frame cap.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(message, config()).map_err(|e| CodecError::Encode(e.to_string()))?;
    if bytes.len() > FRAME_MAX {
        return Err(CodecError::Encode(format!("{} bytes are over the limit of {FRAME_MAX}", bytes.len())));
    }
    Ok(bytes)
}

/// The message in a payload.
///
/// A hostile length claims at most a quarter above the frame cap, all texts of a message together; lists grow with the
/// elements that are there. That bounds a request; a reply, whose lists are longer, needs at most forty times its own
/// length.
///
/// # Errors
/// [`CodecError::Decode`] and [`CodecError::Trailing`].
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let (message, used) =
        bincode::serde::decode_from_slice(payload, config()).map_err(|e| CodecError::Decode(e.to_string()))?;
    match payload.len() - used {
        0 => Ok(message),
        left => Err(CodecError::Trailing(left)),
    }
}
