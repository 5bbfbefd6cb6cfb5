//! What is told of servers, tools and results: in the words of the wire, redacted.

use std::{fmt::Write as _, path::Path};

use proto::{ErrorKind, Fact, Failure, McpProject};

use crate::{
    config::{ApprovalMode, McpServer, Role, Transport},
    mcp::{
        catalog::McpTool,
        client::{CallResult, ClientError},
        pool::PoolError,
        project_file::ProjectFile,
        server::State,
        spelled::{command, quoted},
    },
    redact::Redactor,
    tools::mcp::text_of,
};

/// Most bytes of a result's text that one reply carries: half a frame, so that its JSON form still fits. The asker of a
/// larger one would get an error in its place.
const TEXT_MAX: usize = 4 << 20;

/// A server, with every text of it redacted.
pub(super) fn server(redactor: &Redactor, mut server: proto::McpServer) -> proto::McpServer {
    let texts = [&mut server.name, &mut server.project, &mut server.command, &mut server.error, &mut server.server];
    texts.into_iter().for_each(|text| *text = redactor.text(text).to_string());
    server
}

/// A server of a project's file that waits for its approval. Not redacted.
pub(super) fn unapproved(name: &str, server: &McpServer, root: &Path) -> proto::McpServer {
    let transport = match server.transport {
        Transport::Stdio(_) => "stdio",
        Transport::Http(_) => "http",
    };
    proto::McpServer {
        name: name.to_owned(),
        project: root.display().to_string(),
        source: "project".to_owned(),
        transport: transport.to_owned(),
        command: command(&server.transport),
        role: server.role.map(Role::name).unwrap_or_default().to_owned(),
        state: "unapproved".to_owned(),
        ..proto::McpServer::default()
    }
}

/// A project's file.
pub(super) fn project(redactor: &Redactor, file: &ProjectFile) -> McpProject {
    let told = |text: &str| redactor.text(text).to_string();
    let root = file.path.parent().unwrap_or(Path::new("/"));
    let runs = |(name, server): (&String, &McpServer)| Fact { name: told(name), value: told(&whole(server, root)) };
    McpProject {
        path: told(&file.path.display().to_string()),
        sha256: file.sha256.clone(),
        approved: file.approved,
        servers: file.written.iter().map(runs).collect(),
        faults: file.faults.iter().map(|fault| told(fault)).collect(),
        notes: file.notes.iter().map(|note| told(note)).collect(),
    }
}

/// A command line with all that decides what runs: variables (one may load a library into the program), the directory
/// when it is not the project's root, headers. Not redacted.
fn whole(server: &McpServer, root: &Path) -> String {
    let mut words = Vec::new();
    match &server.transport {
        Transport::Stdio(stdio) => {
            let cwd = stdio.cwd.as_deref().filter(|cwd| *cwd != root);
            words.extend(cwd.map(|cwd| format!("cd {} &&", quoted(&cwd.display().to_string()))));
            words.extend(stdio.env.iter().map(|(name, value)| format!("{name}={}", quoted(value))));
            words.push(command(&server.transport));
        }
        Transport::Http(http) => {
            words.push(command(&server.transport));
            words.extend(http.http_headers.iter().map(|(name, value)| quoted(&format!("{name}: {value}"))));
        }
    }
    words.join(" ")
}

/// A tool.
pub(super) fn tool(redactor: &Redactor, tool: McpTool) -> proto::McpTool {
    let approval = match tool.approval {
        ApprovalMode::Approve => "allow",
        ApprovalMode::Auto if tool.read_only => "allow",
        ApprovalMode::Auto | ApprovalMode::Prompt => "ask",
    };
    proto::McpTool {
        name: tool.name,
        server: tool.server,
        tool: tool.tool,
        description: redactor.text(&tool.description).to_string(),
        read_only: tool.read_only,
        approval: approval.to_owned(),
        schema: redactor.json(&tool.schema).0.to_string(),
    }
}

/// What the model would read, whole unless it exceeds what a reply can carry.
pub(super) fn text(redactor: &Redactor, result: &CallResult) -> String {
    let mut text = redactor.text(&text_of(result)).to_string();
    if text.len() > TEXT_MAX {
        let whole = text.len();
        let end = (0..=TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        let _ = write!(text, "\n[{} of {whole} bytes; the rest does not fit into a reply]", end);
    }
    text
}

/// Why a call was not served, and what to do. Not redacted.
pub(super) fn failed(server: &str, error: &PoolError) -> Failure {
    let logs = || format!("agentctl mcp logs {server} shows what it wrote");
    let (kind, hint) = match error {
        PoolError::Unknown(_) => (ErrorKind::NotFound, "agentctl mcp list shows what there is".to_owned()),
        PoolError::NotReady { state: State::Disabled, .. } => {
            (ErrorKind::Refused, format!("set enabled = true in mcp_servers.{server}, then agentctl daemon reload"))
        }
        PoolError::NotReady { .. } => (
            ErrorKind::Failure,
            format!("agentctl mcp doctor names the cure; agentctl mcp restart {server} tries again"),
        ),
        PoolError::Failed { error, .. } => match error {
            ClientError::Timeout(_) => (ErrorKind::Timeout, format!("allow more with --timeout; {}", logs())),
            ClientError::Cancelled => (ErrorKind::Cancelled, String::new()),
            ClientError::Rpc { .. } => (ErrorKind::Failure, format!("agentctl mcp tools {server} shows its arguments")),
            ClientError::Closed | ClientError::BadAnswer(_) | ClientError::Transport(_) => (ErrorKind::Failure, logs()),
        },
    };
    Failure::new(kind, error.to_string()).hint(hint)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

    use serde_json::json;

    use super::*;
    use crate::{config::StdioServer, mcp::client::Part};

    const SECRET: &str = "k-1234567890";

    fn redactor() -> Redactor {
        Redactor::new([SECRET.to_owned()])
    }

    fn stdio(command: &str, args: &[&str]) -> McpServer {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        McpServer::new(Transport::Stdio(StdioServer { command: command.into(), args, ..StdioServer::default() }))
    }

    fn result(content: &[Part], structured: Option<serde_json::Value>) -> CallResult {
        CallResult { content: content.to_vec(), structured, is_error: false }
    }

    fn said(words: &str) -> Part {
        Part::Text(words.to_owned())
    }

    #[test]
    fn a_project_file_is_told_without_the_secrets_in_its_commands() {
        let servers = BTreeMap::from([("x".to_owned(), stdio("serve", &["--token", SECRET]))]);
        let file = ProjectFile {
            path: PathBuf::from("/p/.mcp.json"),
            sha256: "00".repeat(32),
            approved: false,
            servers: Arc::new(servers.clone()),
            written: Arc::new(servers),
            faults: vec![format!("bad {SECRET}")],
            notes: Vec::new(),
        };
        let told = project(&redactor(), &file);
        assert!(!format!("{told:?}").contains(SECRET), "{told:?}");
        assert!(told.servers[0].value.starts_with("serve --token "), "{told:?}");
        assert_eq!(told.sha256, file.sha256, "a hash is not taken for a secret");
        let row = server(&redactor(), unapproved("x", &file.servers["x"], Path::new("/p")));
        assert!(!row.command.contains(SECRET));
        assert_eq!((row.state.as_str(), row.source.as_str(), row.project.as_str()), ("unapproved", "project", "/p"));
    }

    #[test]
    fn who_approves_sees_the_variables_and_the_directory_too() {
        let mut server = stdio("npx", &["pkg"]);
        let Transport::Stdio(stdio) = &mut server.transport else { panic!("no process") };
        stdio.env.insert("LD_PRELOAD".to_owned(), "./a b.so".to_owned());
        stdio.cwd = Some("/p/sub".into());
        assert_eq!(whole(&server, Path::new("/p")), "cd /p/sub && LD_PRELOAD='./a b.so' npx pkg");
        assert_eq!(whole(&server, Path::new("/p/sub")), "LD_PRELOAD='./a b.so' npx pkg");
    }

    #[test]
    fn a_result_is_redacted_before_it_is_cut_to_what_a_reply_carries() {
        let long = format!("{}{SECRET}", "ü".repeat(TEXT_MAX / 2));
        let told = text(&redactor(), &result(&[said(&long)], None));
        assert!(told.len() < TEXT_MAX + 100 && !told.contains("k-1"));
        assert!(told.ends_with(" bytes; the rest does not fit into a reply]"));
        assert_eq!(text(&redactor(), &result(&[said(SECRET)], None)), "[REDACTED]");
    }

    #[test]
    fn auto_approval_follows_what_the_server_says_of_the_tool() {
        let of = |approval, read_only| {
            let (name, server) = ("mcp__s__t".to_owned(), "s".to_owned());
            let (schema, description) = (json!({"default": SECRET}), format!("uses {SECRET}"));
            let (tool, idempotent, parallel) = ("t".to_owned(), false, false);
            super::tool(
                &redactor(),
                McpTool { name, server, tool, description, schema, read_only, idempotent, approval, parallel },
            )
        };
        assert_eq!(of(ApprovalMode::Auto, true).approval, "allow");
        assert_eq!(of(ApprovalMode::Auto, false).approval, "ask");
        assert_eq!(of(ApprovalMode::Prompt, true).approval, "ask");
        assert_eq!(of(ApprovalMode::Approve, false).approval, "allow");
        assert!(!format!("{:?}", of(ApprovalMode::Auto, true)).contains(SECRET));
    }

    #[test]
    fn every_failure_has_its_kind_and_a_way_on() {
        let not_ready = |state| PoolError::NotReady { server: "git".into(), state, why: "exit code 1".into() };
        let after = |error| PoolError::Failed { server: "git".into(), error };
        for (error, kind, hint) in [
            (PoolError::Unknown("git".into()), ErrorKind::NotFound, "mcp list"),
            (not_ready(State::Disabled), ErrorKind::Refused, "enabled = true"),
            (not_ready(State::Failed), ErrorKind::Failure, "mcp restart git"),
            (after(ClientError::Timeout(Duration::from_secs(1))), ErrorKind::Timeout, "--timeout"),
            (after(ClientError::Closed), ErrorKind::Failure, "mcp logs git"),
            (after(ClientError::Rpc { code: -32602, message: "no".into() }), ErrorKind::Failure, "mcp tools git"),
        ] {
            let failure = failed("git", &error);
            assert_eq!(failure.kind, kind, "{failure:?}");
            assert!(failure.hint.contains(hint), "{failure:?}");
        }
        assert_eq!(failed("git", &not_ready(State::Failed)).message, "git is failed: exit code 1");
    }
}
