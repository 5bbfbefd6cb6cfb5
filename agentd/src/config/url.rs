//! The check of a URL, done here so that a bad one is a fault of a line and not of the first question.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::kind::Trouble;
use crate::redact::Redactor;

/// Longest URL that is taken for one.
const URL_MAX: usize = 2048;

/// The URL of a provider, without trailing slashes. https to anywhere, plain http to this machine only.
pub(super) fn check(text: &str) -> Result<String, Trouble> {
    let example = "write it like \"https://api.example.com/v1\"";
    let (scheme, rest) = split(text, example)?;
    if text.contains(['?', '#']) {
        return Err(Trouble::new("the URL has a query or a fragment", "cut it at the path"));
    }
    let host = host(rest, "use api_key_env or api_key_file for the key", example)?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            return Err(Trouble::new("the key would travel in clear", "use https; http is for this machine only"));
        }
        _ => return Err(Trouble::new("only http and https are spoken", example)),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The URL of an MCP server. Plain http also to elsewhere: a server in the user's own network often has no other, and
/// gets nothing but what the user named for it.
pub(super) fn check_server(text: &str) -> Result<(), Trouble> {
    let example = "write it like \"https://mcp.example.com/mcp\"";
    let (scheme, rest) = split(text, example)?;
    if text.contains('#') {
        return Err(Trouble::new("the URL has a fragment", "cut it there"));
    }
    let cure = "put it into a variable and name that in bearer_token_env_var or env_http_headers";
    host(rest, cure, example)?;
    let query = text.split_once('?').map(|(_, query)| query).unwrap_or_default();
    if query.split('&').any(carries_secret) {
        return Err(Trouble::new("the URL carries a credential in its query", cure));
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" => Ok(()),
        _ => Err(Trouble::new("only http and https are spoken", example)),
    }
}

/// True for `api_key=…` and its like.
fn carries_secret(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or_default();
    // Short values are words and numbers.
    value.len() >= 8 && !Redactor::variable_secrets(&name.replace(['-', '.'], "_"), value).is_empty()
}

/// Scheme and what follows it.
fn split<'a>(text: &'a str, example: &str) -> Result<(&'a str, &'a str), Trouble> {
    let plain = text.len() <= URL_MAX && text.chars().all(|c| c.is_ascii_graphic());
    text.split_once("://").filter(|_| plain).ok_or_else(|| Trouble::new("not a URL", example))
}

fn host<'a>(rest: &'a str, cure: &str, example: &str) -> Result<&'a str, Trouble> {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Trouble::new("the URL carries a user or a password", cure));
    }
    host_of(authority).ok_or_else(|| Trouble::new("the URL names no valid host", example))
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`; none when it is not well formed.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']')?;
        (&authority[..=end], &authority[end + 1..])
    } else {
        authority.split_at(authority.find(':').unwrap_or(authority.len()))
    };
    let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let host_is_good = if let Some(v6) = host.strip_prefix('[') {
        v6.trim_end_matches(']').parse::<Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    (port_is_good && host_is_good).then_some(host)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Only literals: a name may resolve to anything.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|v4| v4.is_loopback())
        || host.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok_and(|v6| v6.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_pass_without_their_trailing_slash() {
        for (url, want) in [
            ("https://api.example.com/v1/", "https://api.example.com/v1"),
            ("HTTPS://api.example.com:8443", "HTTPS://api.example.com:8443"),
            ("http://localhost:11434", "http://localhost:11434"),
            ("http://127.8.0.1:1/v1", "http://127.8.0.1:1/v1"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(check(url).expect(url), want);
        }
    }

    #[test]
    fn http_to_another_machine_is_refused_even_when_its_name_begins_like_loopback() {
        for url in ["http://api.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com"] {
            assert!(check(url).expect_err(url).what.contains("in clear"), "{url}");
        }
    }

    #[test]
    fn a_url_that_carries_a_credential_is_refused() {
        for url in ["https://user:pw@example.com", "https://key@example.com/v1", "https://example.com/v1?key=1"] {
            check(url).expect_err(url);
        }
    }

    #[test]
    fn a_server_may_have_a_query_and_plain_http_but_no_credential() {
        for url in ["http://nas.example:8080/mcp", "https://x.example/mcp?profile=work&monkey=1", "https://x.example?a"]
        {
            check_server(url).expect(url);
        }
        for url in [
            "https://u:p@x.example/mcp",
            "https://u:p@x.example?x",
            "https://x.example/mcp?apiKey=abcdefgh1",
            "https://x.example/mcp?a=1&access-token=abcdefgh1",
            "https://x.example/mcp#a",
            "ws://x.example/mcp",
            "x.example",
        ] {
            check_server(url).expect_err(url);
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "example.com",
            "https://",
            "https:///x",
            "ftp://example.com",
            "https://a b",
            "https://x:0",
            "https://x:65536",
            "https://x:+1",
            "https://[::1",
            "https://[zz]",
            "https://x\n",
        ] {
            check(url).expect_err(url);
        }
    }
}
