//! Whose answer a text is that is not, or cannot be, read as JSON.
//!
//! Owns the search for a message's id in its first and last bytes. Pure, and a guess only in this: the caller must hold
//! the id against the requests that are under way. Imports nothing of the crate, for its fuzz target.

/// What the first bytes of a message say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It answers this request.
    Answer(i64),
    /// It is a request or a notification itself, so no answer.
    NoAnswer,
    /// They do not say.
    Unknown,
}

/// Reads the members at the top level of an object that may break off anywhere.
pub(super) fn in_head(head: &[u8]) -> Owner {
    let mut scan = Scan { rest: head, depth: 0 };
    let mut id = None;
    while let Some(name) = scan.member() {
        match name {
            b"method" => return Owner::NoAnswer,
            b"id" => id = id.or_else(|| number(scan.rest).map(|(id, _)| id)),
            _ => {}
        }
    }
    id.map_or(Owner::Unknown, Owner::Answer)
}

/// Reads the last member of an object, or the last but the version.
pub(super) fn in_tail(tail: &[u8]) -> Option<i64> {
    let at = tail.windows(4).rposition(|window| window == b"\"id\"")?;
    let (id, rest) = number(after_colon(tail.get(at + 4..)?)?)?;
    let rest: Vec<u8> = rest.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let rest = rest.strip_prefix(b",\"jsonrpc\":\"2.0\"").unwrap_or(&rest);
    matches!(rest, b"" | b"}").then_some(id)
}

/// Bytes of an object, passed from left to right.
struct Scan<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Scan<'a> {
    /// Goes behind the colon of the next member at the top level, and says its name.
    fn member(&mut self) -> Option<&'a [u8]> {
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b'"' => {
                    let text = self.string()?;
                    // Only a name has a colon behind it.
                    if let (1, Some(rest)) = (self.depth, after_colon(self.rest)) {
                        self.rest = rest;
                        return Some(text);
                    }
                }
                _ => {}
            }
        }
    }

    /// Goes behind the end of a string that has begun.
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut escaped = false;
        let end = self.rest.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        let text = self.rest.get(..end)?;
        self.rest = self.rest.get(end + 1..)?;
        Some(text)
    }
}

fn after_colon(bytes: &[u8]) -> Option<&[u8]> {
    Some(bytes.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
}

/// A number, or one in quotes as some servers send ids back, and what is behind it.
fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (bytes, quoted) = bytes.strip_prefix(b"\"").map_or((bytes, false), |bytes| (bytes, true));
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let value = std::str::from_utf8(bytes.get(..end)?).ok()?.parse().ok()?;
    let rest = bytes.get(end..)?;
    Some((value, if quoted { rest.strip_prefix(b"\"").unwrap_or(rest) } else { rest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_in_front() {
        for text in [
            r#"{"jsonrpc":"2.0","id":5,"result":{"content":[{"#,
            r#"{ "id" : 5 , "result" : {"id": 6, "method": "x"#,
            r#"{"id":"5","result":"a\"}{[",""#,
            "\u{feff}{\"id\":5",
        ] {
            assert_eq!(in_head(text.as_bytes()), Owner::Answer(5), "{text}");
        }
    }

    #[test]
    fn an_id_inside_of_something_else_is_not_the_messages() {
        for text in [
            r#"{"result":{"id":5"#,
            r#"{"result":[{"id":5}],"a":"id","#,
            r#"{"a":"{\"id\":5"#,
            r#"["id",5]"#,
            "id: 5",
            r#"{"id":null"#,
            r#"{"id":99999999999999999999"#,
            "",
        ] {
            assert_eq!(in_head(text.as_bytes()), Owner::Unknown, "{text}");
        }
    }

    #[test]
    fn a_request_of_the_servers_is_no_answer() {
        let text = r#"{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{"#;
        assert_eq!(in_head(text.as_bytes()), Owner::NoAnswer);
    }

    #[test]
    fn the_id_is_found_at_the_end() {
        for text in [
            r#"xxx"}]},"jsonrpc":"2.0","id":5}"#,
            r#"xxx"}]},"id":5,"jsonrpc":"2.0"}"#,
            "xxx\"}]}, \"id\" : \"5\" , \"jsonrpc\": \"2.0\" }\r",
            r#"xxx,"id":5"#,
        ] {
            assert_eq!(in_tail(text.as_bytes()), Some(5), "{text}");
        }
        for text in [r#"{"a":{"id":5}}"#, r#"{"id":5}]}"#, r#"{"id":5,"b":1}"#, r#""id""#, "", r#""id":}"#] {
            assert_eq!(in_tail(text.as_bytes()), None, "{text}");
        }
    }
}
