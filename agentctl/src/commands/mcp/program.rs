//! The program of a server, as this shell sees it.
//!
//! The daemon has a search path of its own: that a program is missing here is a hint for a server that is down, and says
//! nothing about one that is up.

use std::path::Path;

use proto::McpServer;

use crate::autostart;

/// A server's command line.
#[derive(Debug)]
pub(super) struct Program {
    command: String,
    args: Vec<String>,
}

impl Program {
    /// Of a server that is a process of the daemon's.
    pub(super) fn of(server: &McpServer) -> Option<Self> {
        if server.transport != "stdio" {
            return None;
        }
        let mut words = words(&server.command).into_iter();
        Some(Self { command: words.next()?, args: words.collect() })
    }

    /// That it was not found, and the cure; `None` when it was.
    pub(super) fn missing(&self, server: &str) -> Option<(String, String)> {
        let command = &self.command;
        let found =
            if command.contains('/') { Path::new(command).exists() } else { autostart::on_path(command).is_some() };
        if found {
            return None;
        }
        let what = if command.contains('/') {
            format!("{command} does not exist")
        } else {
            format!("{command} was not found on this shell's PATH")
        };
        let cure = format!("install {}, or give its full path in mcp_servers.{server}.command", self.brought_by());
        Some((what, cure))
    }

    /// What is to be installed.
    fn brought_by(&self) -> &str {
        match self.name() {
            "node" | "npx" => "Node.js 20 or newer",
            "uvx" => "the Python tool uv",
            "python" | "python3" => "Python 3.10 or newer",
            name => name,
        }
    }

    fn name(&self) -> &str {
        Path::new(&self.command).file_name().and_then(|name| name.to_str()).unwrap_or(&self.command)
    }

    /// True of npx when nothing keeps it from asking the network at each start.
    pub(super) fn asks_the_registry(&self) -> bool {
        let offline = |arg: &String| matches!(arg.as_str(), "--prefer-offline" | "--offline");
        self.name() == "npx" && !self.args.iter().any(offline)
    }
}

/// The words of a command line as the daemon quotes it for a shell.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut begun, mut quoted) = (Vec::new(), String::new(), false, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            '\\' if !quoted => {
                word.extend(chars.next());
                begun = true;
            }
            ' ' if !quoted => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(command: &str) -> Program {
        let server = McpServer { transport: "stdio".into(), command: command.into(), ..McpServer::default() };
        Program::of(&server).unwrap()
    }

    #[test]
    fn a_command_line_is_taken_apart_as_it_was_quoted() {
        assert_eq!(words("npx -y 'a b' 'it'\\''s' ''"), ["npx", "-y", "a b", "it's", ""]);
        assert!(words("  ").is_empty());
    }

    #[test]
    fn a_program_that_is_missing_is_named_with_what_brings_it() {
        let (what, cure) = program("no-such-program --flag").missing("x").unwrap();
        assert_eq!(what, "no-such-program was not found on this shell's PATH");
        assert_eq!(cure, "install no-such-program, or give its full path in mcp_servers.x.command");
        assert_eq!(program("/no/such/npx -y x").missing("x").unwrap().0, "/no/such/npx does not exist");
        assert!(program("/no/such/npx").missing("x").unwrap().1.contains("Node.js 20"));
        assert!(program("/bin/sh -c true").missing("x").is_none());
    }

    #[test]
    fn npx_asks_the_network_unless_it_is_told_not_to() {
        assert!(program("npx -y @a/b").asks_the_registry());
        assert!(!program("/usr/bin/npx -y --prefer-offline @a/b").asks_the_registry());
        assert!(!program("uvx x").asks_the_registry());
        let http =
            McpServer { transport: "http".into(), command: "http://127.0.0.1/mcp".into(), ..McpServer::default() };
        assert!(Program::of(&http).is_none());
    }
}
