//! HTTP/1.1 requests off a socket, bounded.
//!
//! Reads one request at a time from a connection that may carry many. Refuses heads over [`HEAD_MAX`], bodies over
//! [`BODY_MAX`] and chunked request bodies: the product's client never sends them.

use std::io::{self, BufRead, Read, Write};

/// Longest request line and headers together: the client sends a few hundred bytes.
pub(super) const HEAD_MAX: u64 = 64 * 1024;
/// Longest body: a million tokens of context are about four megabytes.
pub(super) const BODY_MAX: usize = 16 * 1024 * 1024;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpRequest {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a connection yields no request.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It ended, or broke, between or inside requests.
    Gone,
    /// Answer with this status and close.
    Bad(u16, &'static str),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl HttpRequest {
    /// The first header of that name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// True when the client asked for the end of the connection.
    pub(super) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads the next request. `writer` gets the `100 Continue` that some clients wait for before a long body.
///
/// # Errors
/// See [`ReadError`].
pub(super) fn read_request(from: &mut impl BufRead, writer: &mut impl Write) -> Result<HttpRequest, ReadError> {
    let mut request = read_head(from)?;
    if request.header("transfer-encoding").is_some() {
        return Err(ReadError::Bad(411, "chunked request bodies are not served"));
    }
    let Some(length) = request.header("content-length") else {
        return Ok(request);
    };
    let length: usize = length.parse().map_err(|_| ReadError::Bad(400, "bad Content-Length"))?;
    if length > BODY_MAX {
        return Err(ReadError::Bad(413, "the body is too large"));
    }
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    request.body = body;
    Ok(request)
}

fn read_head(from: &mut impl BufRead) -> Result<HttpRequest, ReadError> {
    let mut head = from.take(HEAD_MAX);
    let mut line = next_line(&mut head)?;
    if line.is_empty() {
        line = next_line(&mut head)?; // One blank line between two requests is allowed.
    }
    let mut words = line.split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1"), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(ReadError::Bad(400, "not an HTTP/1.1 request"));
    };
    let mut request = HttpRequest { method: method.to_owned(), path: path.to_owned(), ..HttpRequest::default() };
    loop {
        let line = next_line(&mut head)?;
        if line.is_empty() {
            return Ok(request);
        }
        let (name, value) = line.split_once(':').ok_or(ReadError::Bad(400, "a header without a colon"))?;
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn next_line(head: &mut io::Take<impl BufRead>) -> Result<String, ReadError> {
    let mut line = Vec::new();
    head.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(if head.limit() == 0 { ReadError::Bad(431, "the head is too large") } else { ReadError::Gone });
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| ReadError::Bad(400, "the head is not text"))
}

/// The standard phrase of a status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Payload Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
