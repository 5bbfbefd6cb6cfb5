//! What to do about a start that failed. Pure.

/// Words of npm and uv that mean: there is no network.
const OFFLINE: [&str; 8] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
    "dns error",
    "error sending request",
    "Failed to fetch",
];

/// The last component of a command.
fn program(command: &str) -> &str {
    command.rsplit('/').next().unwrap_or(command)
}

/// When there is no such program.
pub(super) fn missing(name: &str, command: &str) -> String {
    let install = match program(command) {
        "npx" | "npm" | "node" => "install Node.js 20 or newer".to_owned(),
        "uvx" | "uv" => "install uv".to_owned(),
        "python" | "python3" | "pip" | "pipx" => "install Python 3.10 or newer".to_owned(),
        "docker" | "podman" => format!("install {}", program(command)),
        "bun" | "bunx" | "deno" => format!("install {}", program(command)),
        _ => "install it".to_owned(),
    };
    format!("{install}, or give the full path in mcp_servers.{name}.command")
}

/// When a server that was started does not come up, from its last words; `None` when they say nothing that is known.
pub(super) fn offline(name: &str, command: &str, last_words: &[String]) -> Option<String> {
    if !last_words.iter().any(|line| OFFLINE.iter().any(|word| line.contains(word))) {
        return None;
    }
    match program(command) {
        "npx" | "npm" => Some(format!(
            "without network, install the package once (`npm install -g PACKAGE`) and name its program in \
             mcp_servers.{name}.command, or put \"--prefer-offline\" first in mcp_servers.{name}.args"
        )),
        "uvx" | "uv" => Some(format!(
            "without network, install the package once (`uv tool install PACKAGE`) and name its program in \
             mcp_servers.{name}.command, or put \"--offline\" first in mcp_servers.{name}.args"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_what_brings_it() {
        assert_eq!(
            missing("fs", "npx"),
            "install Node.js 20 or newer, or give the full path in mcp_servers.fs.command"
        );
        assert!(missing("fs", "/opt/bin/uvx").starts_with("install uv,"));
        assert!(missing("fs", "frobnicate").starts_with("install it,"));
    }

    #[test]
    fn npx_without_network_is_told_from_other_ends() {
        let words = ["npm error code EAI_AGAIN".to_owned()];
        assert!(offline("fs", "npx", &words).unwrap().contains("--prefer-offline"));
        assert!(offline("fs", "/usr/bin/uvx", &words).unwrap().contains("--offline"));
        assert_eq!(offline("fs", "node", &words), None);
        assert_eq!(offline("fs", "npx", &["SyntaxError".to_owned()]), None);
    }
}
