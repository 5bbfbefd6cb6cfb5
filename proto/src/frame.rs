//! Binary frames: `[kind u8][length u32 LE][payload]`.
//!
//! Refuses a length above [`FRAME_MAX`] before a byte is allocated for it. The payload belongs to [`crate::codec`].

use std::io::{self, Read, Write};

/// Most bytes of one payload, and of one JSON line. A prompt with its files fits; a mistake does not fill the memory.
pub const FRAME_MAX: usize = 8 * 1024 * 1024;
/// How far the buffer runs ahead of the bytes that have arrived: an announced length costs the sender what it costs us.
const READ_STEP: usize = 64 * 1024;
/// Bytes before the payload.
pub const HEADER_LEN: usize = 5;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Client to daemon: one [`crate::ClientMessage`].
    Request,
    /// Daemon to client: one [`crate::ServerMessage`].
    Reply,
}

/// Why a header was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte names no frame kind.
    #[error("unknown frame kind {0:#04x}")]
    Kind(u8),
    /// The announced payload is over the cap.
    #[error("a frame of {0} bytes is over the limit of {FRAME_MAX}")]
    TooLarge(u64),
}

impl FrameKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Reply => 2,
        }
    }
}

/// The header of a payload of `len` bytes.
///
/// # Errors
/// [`FrameError::TooLarge`] above [`FRAME_MAX`].
pub fn encode_header(kind: FrameKind, len: usize) -> Result<[u8; HEADER_LEN], FrameError> {
    let size = u32::try_from(len).ok().filter(|_| len <= FRAME_MAX).ok_or(FrameError::TooLarge(len as u64))?;
    let [a, b, c, d] = size.to_le_bytes();
    Ok([kind.byte(), a, b, c, d])
}

/// Reads a header: the kind and the payload's length, which is at most [`FRAME_MAX`].
///
/// # Errors
/// See [`FrameError`].
pub fn decode_header(header: [u8; HEADER_LEN]) -> Result<(FrameKind, usize), FrameError> {
    let kind = match header[0] {
        1 => FrameKind::Request,
        2 => FrameKind::Reply,
        other => return Err(FrameError::Kind(other)),
    };
    let len = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    if len as usize > FRAME_MAX {
        return Err(FrameError::TooLarge(u64::from(len)));
    }
    Ok((kind, len as usize))
}

/// A whole frame in one buffer, so that it leaves in one write.
///
/// # Errors
/// [`FrameError::TooLarge`] above [`FRAME_MAX`].
pub fn encode(kind: FrameKind, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let header = encode_header(kind, payload.len())?;
    let mut out = Vec::with_capacity(HEADER_LEN + payload.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    Ok(out)
}

/// Writes one frame.
///
/// # Errors
/// I/O errors, and `InvalidData` for a payload over the cap.
pub fn write(to: &mut impl Write, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
    let frame = encode(kind, payload).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    to.write_all(&frame)
}

/// Reads one frame into `payload`, which is overwritten and grows with the bytes that arrive, not with the length that
/// was announced. `Ok(None)` is a clean end between two frames.
///
/// # Errors
/// I/O errors; `InvalidData` for a bad header; `UnexpectedEof` inside a frame.
pub fn read(from: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Option<FrameKind>> {
    let mut header = [0; HEADER_LEN];
    let mut have = 0;
    while have < HEADER_LEN {
        match from.read(&mut header[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let (kind, len) = decode_header(header).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    payload.clear();
    while payload.len() < len {
        let have = payload.len();
        payload.resize(len.min(have + READ_STEP), 0);
        from.read_exact(&mut payload[have..])?;
    }
    Ok(Some(kind))
}
