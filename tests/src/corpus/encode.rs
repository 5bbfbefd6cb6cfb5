//! Ways in which a text is written inside another.
//!
//! Written here and not taken from a library: what the product decodes with must not be what the test encodes with.

use std::fmt::Write as _;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| (bits << 8) | u32::from(chunk.get(at).copied().unwrap_or_default()));
        for sextet in 0..4 {
            let index = usize::try_from((bits >> (18 - 6 * sextet)) & 63).unwrap_or_default();
            let c = STANDARD.get(index).copied().unwrap_or_default();
            out.push(if sextet <= chunk.len() { char::from(c) } else { '=' });
        }
    }
    out
}

/// Base64 as URLs have it, without padding.
pub fn base64_url(bytes: &[u8]) -> String {
    base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// Everything but letters, digits and `-_.~` as `%XX`.
pub fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Lower hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The inside of a JSON string.
pub fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// With entities for quotes and the like.
pub fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

/// Quotes as `\u0022`, as some serialisers write them.
pub fn unicode_quotes(text: &str) -> String {
    text.replace('"', "\\u0022").replace('\'', "\\u0027")
}
