//! A server's command line or address as people read and type it. Pure; not redacted.

use crate::config::Transport;

/// A command line as a shell would take it, or a URL. Not redacted.
pub(crate) fn command(transport: &Transport) -> String {
    match transport {
        Transport::Http(http) => http.url.clone(),
        Transport::Stdio(stdio) => {
            let words = std::iter::once(&stdio.command).chain(&stdio.args);
            words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        }
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HttpServer, StdioServer};

    #[test]
    fn a_command_is_told_as_a_shell_takes_it() {
        let args = ["-y", "a b", "it's", ""].map(str::to_owned).to_vec();
        let stdio = Transport::Stdio(StdioServer { command: "npx".into(), args, ..StdioServer::default() });
        assert_eq!(command(&stdio), "npx -y 'a b' 'it'\\''s' ''");
        let http = HttpServer { url: "http://127.0.0.1/mcp".into(), ..HttpServer::default() };
        assert_eq!(command(&Transport::Http(http)), "http://127.0.0.1/mcp");
    }
}
