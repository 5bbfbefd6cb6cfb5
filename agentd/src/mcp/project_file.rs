//! A project's own servers: `.mcp.json` in its root, used only after the user approved its bytes.
//!
//! The file comes with the code, so it is not the user's word: whoever can change it could run anything as the user.
//! Nothing of it is used before `agentctl mcp approve`, and any change of a byte asks again. What is approved is the
//! text as it stands; its references (`${VAR}`, `${VAR:-default}`, see [`super::import::expand`]) are put in when it is
//! used, from the daemon's environment. The variable with the provider's key never is.
//!
//! The bytes that are hashed are those that are parsed. Nothing is cached: a file that is there costs a read and a hash,
//! and a cache by stat could serve the approval of other bytes that came within one tick of the file system's clock.
//!
//! Refuses a symlink, what is no regular file, and more than [`BYTES_MAX`]. Everything here blocks.

use std::{
    collections::BTreeSet,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    approvals,
    import::{
        entry::{self, Entry, Target},
        expand,
    },
};
use crate::{
    config::{
        HttpServer, McpServer, McpServers, Scope, StdioServer, Transport,
        mcp::check::{self, PROVIDER_KEY},
    },
    memory::folder::FolderError,
    paths::open_named,
};

/// Its name in the project root.
pub const PROJECT_FILE: &str = ".mcp.json";
/// Largest file. It is read on every ask of the project, and a person is to look through it.
const BYTES_MAX: u64 = 256 << 10;
/// Most servers: each is a process, and its tools stand in every prompt.
const SERVERS_MAX: usize = 64;

/// A project's file as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectFile {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hex; empty when they cannot be read.
    pub sha256: String,
    /// The user approved exactly these bytes.
    pub approved: bool,
    /// Its servers without faults, all of scope `project`: ready to run when it is approved, else as they are written.
    pub servers: Arc<McpServers>,
    /// The same as they are written: what to show to who approves.
    pub written: Arc<McpServers>,
    /// What is wrong with it, one sentence each; no value is quoted.
    pub faults: Vec<String>,
    /// What is to be known about it and does no harm, one sentence each; no value is quoted.
    pub notes: Vec<String>,
}

/// Why an approval was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is nothing to approve.
    #[error("{} does not exist", .0.display())]
    Absent(PathBuf),
    /// Other bytes than the user saw.
    #[error("{} has changed since it was shown", .0.display())]
    Changed(PathBuf),
    /// The list of approvals.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The project's file as it stands; `None` when it has none, which costs one failed open. `key_env` is the variable of
/// the provider's key. Blocking.
pub fn read(root: &Path, state: &Path, key_env: &str) -> Option<ProjectFile> {
    read_in(root, state, key_env, &|name| std::env::var(name).ok())
}

/// Approves the bytes with this hash, if they are those of the file. Blocking.
///
/// # Errors
/// They are not, or the list of approvals cannot be written.
pub fn approve(state: &Path, root: &Path, sha256: &str, key_env: &str) -> Result<ProjectFile, ApprovalError> {
    let path = || root.join(PROJECT_FILE);
    let file = read(root, state, key_env).ok_or_else(|| ApprovalError::Absent(path()))?;
    if sha256.is_empty() || file.sha256 != sha256 {
        return Err(ApprovalError::Changed(path()));
    }
    approvals::set(state, root, Some(sha256))?;
    // Read again: what is told is what the next ask uses.
    read(root, state, key_env).ok_or_else(|| ApprovalError::Absent(path()))
}

/// Takes the approval of a project's file back. Blocking.
///
/// # Errors
/// The list of approvals cannot be written.
pub fn revoke(state: &Path, root: &Path) -> Result<(), ApprovalError> {
    Ok(approvals::set(state, root, None)?)
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn read_in(root: &Path, state: &Path, key_env: &str, env: Lookup<'_>) -> Option<ProjectFile> {
    let path = root.join(PROJECT_FILE);
    let bytes = match bytes(&path) {
        Ok(bytes) => bytes?,
        Err(fault) => return Some(ProjectFile { path, faults: vec![fault], ..ProjectFile::default() }),
    };
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let approved = approvals::holds(state, root, &sha256);
    let mut reading =
        Reading { root, key_env, env, file: ProjectFile { path, sha256, approved, ..Default::default() } };
    reading.document(&bytes);
    Some(reading.file)
}

/// The bytes of the file; `None` when there is none.
fn bytes(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let link = rustix::io::Errno::LOOP.raw_os_error();
    let (file, meta) = match open_named(path, false) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(link) => return Err("it is a symbolic link".to_owned()),
        Err(error) => return Err(format!("it cannot be opened: {error}")),
    };
    if !meta.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it is larger than {} KiB", BYTES_MAX >> 10));
    }
    Ok(Some(bytes))
}

/// A file that is being read.
struct Reading<'a> {
    root: &'a Path,
    key_env: &'a str,
    env: Lookup<'a>,
    file: ProjectFile,
}

impl Reading<'_> {
    fn document(&mut self, bytes: &[u8]) {
        let document: Value = match serde_json::from_slice(bytes) {
            Ok(document) => document,
            // serde_json names the place and what it expected there, never what stands there.
            Err(error) => return self.fault("", format!("no valid JSON ({error})")),
        };
        let Some(Value::Object(servers)) = document.get("mcpServers") else {
            return self.fault("", "it has no object mcpServers".to_owned());
        };
        if servers.len() > SERVERS_MAX {
            return self.fault("", format!("it has more than {SERVERS_MAX} servers"));
        }
        let (mut ready, mut written) = (McpServers::new(), McpServers::new());
        for (name, value) in servers {
            match self.server(name, value) {
                Ok((server, as_written)) => {
                    ready.insert(name.clone(), server);
                    written.insert(name.clone(), as_written);
                }
                Err(faults) => faults.into_iter().for_each(|fault| self.fault(name, fault)),
            }
        }
        self.file.written = Arc::new(written);
        self.file.servers = if self.file.approved { Arc::new(ready) } else { Arc::clone(&self.file.written) };
    }

    fn fault(&mut self, server: &str, what: String) {
        self.file.faults.push(if server.is_empty() {
            what
        } else {
            format!("{}: {what}", check::full_name(server, ""))
        });
    }

    fn note(&mut self, server: &str, what: &str) {
        self.file.notes.push(format!("{}: {what}", check::full_name(server, "")));
    }

    /// A server ready to run, and as it is written.
    fn server(&mut self, name: &str, value: &Value) -> Result<(McpServer, McpServer), Vec<String>> {
        let sentence = |(what, cure): (String, String)| format!("{what}; {cure}");
        check::name(name).map_err(|fault| vec![sentence(fault)])?;
        let written = entry::read(value).map_err(|fault| vec![sentence(fault)])?;
        if !written.left_out.is_empty() {
            self.note(name, &format!("these keys have no meaning here: {}", written.left_out.join(", ")));
        }
        let (expanded, unset) = self.expanded(&written)?;
        if !unset.is_empty() {
            let unset: Vec<String> = unset.into_iter().collect();
            self.note(name, &format!("not set in the daemon's environment: {}", unset.join(", ")));
        }
        let server = self.checked(expanded)?;
        Ok((server, self.built(written)))
    }

    /// The entry with its references put in, and the variables that are not set.
    fn expanded(&self, written: &Entry) -> Result<(Entry, BTreeSet<String>), Vec<String>> {
        let (mut unset, mut has_key) = (BTreeSet::new(), false);
        let mut lookup = |name: &str| {
            if name == self.key_env || name == PROVIDER_KEY {
                has_key = true;
                return None;
            }
            (self.env)(name)
        };
        let mut entry = written.clone();
        for text in entry.texts_mut() {
            let expanded = expand::expand(text, &mut lookup);
            unset.extend(expanded.unset);
            *text = expanded.text;
        }
        if has_key {
            return Err(vec!["it asks for the provider's key, which does not go to a server".to_owned()]);
        }
        Ok((entry, unset))
    }

    fn checked(&self, entry: Entry) -> Result<McpServer, Vec<String>> {
        let server = self.built(entry);
        // By its file it is the project's; the rule against that is for the user's own file.
        let is_http = matches!(server.transport, Transport::Http(_));
        let scope = if is_http { Scope::User } else { Scope::Project };
        let objections = check::one(&McpServer { scope, ..server.clone() });
        let sentence = |one: check::Objection| {
            let key = if one.key.is_empty() { String::new() } else { format!("{}: ", one.key.escape_debug()) };
            format!("{key}{}; {}", one.what, one.cure)
        };
        if objections.is_empty() { Ok(server) } else { Err(objections.into_iter().map(sentence).collect()) }
    }

    fn built(&self, entry: Entry) -> McpServer {
        let transport = match entry.target {
            Target::Process { command, args, env, cwd } => Transport::Stdio(StdioServer {
                command: if is_relative(&command) { self.inside(&command) } else { command },
                args,
                env,
                cwd: Some(PathBuf::from(cwd.map_or_else(|| self.inside(""), |cwd| self.inside(&cwd)))),
                ..StdioServer::default()
            }),
            Target::Address { url, headers } => {
                Transport::Http(HttpServer { url, http_headers: headers, ..HttpServer::default() })
            }
        };
        McpServer { enabled: entry.enabled, scope: Scope::Project, ..McpServer::new(transport) }
    }

    /// A path of the project; an absolute one as it is, and one that begins with a reference.
    fn inside(&self, path: &str) -> String {
        if path.starts_with("${") {
            return path.to_owned();
        }
        let path = path.strip_prefix("./").unwrap_or(path);
        let path = if path.is_empty() { self.root.to_owned() } else { self.root.join(path) };
        path.to_string_lossy().into_owned()
    }
}

/// `./server` and `bin/server`: a name alone is looked up in the search path.
fn is_relative(command: &str) -> bool {
    command.contains('/') && !command.starts_with(['/', '$'])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Project {
        root: tempfile::TempDir,
        state: tempfile::TempDir,
    }

    impl Project {
        fn new(text: &str) -> Self {
            let project = Self { root: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() };
            project.write(text);
            project
        }

        fn write(&self, text: &str) {
            std::fs::write(self.root.path().join(PROJECT_FILE), text).unwrap();
        }

        fn read(&self) -> ProjectFile {
            let env = |name: &str| match name {
                "WORD" => Some("harmless".to_owned()),
                "GH_TOKEN" => Some("tell-nobody-1".to_owned()),
                "DEEPSEEK_API_KEY" | "OTHER_KEY" => Some("the-providers".to_owned()),
                _ => None,
            };
            read_in(self.root.path(), self.state.path(), "OTHER_KEY", &env).unwrap()
        }

        fn approve(&self) {
            let sha256 = self.read().sha256;
            approve(self.state.path(), self.root.path(), &sha256, "OTHER_KEY").unwrap();
        }
    }

    fn stdio(server: &McpServer) -> &StdioServer {
        let Transport::Stdio(stdio) = &server.transport else { panic!("no process") };
        stdio
    }

    const FILE: &str = r#"{"mcpServers": {
        "a": {"command": "npx", "args": ["${WORD}", "${NONE:-fallback}", "$WORD"], "env": {"T": "${GH_TOKEN}"}},
        "b": {"type": "http", "url": "https://x.example/${WORD}", "headers": {"Authorization": "Bearer ${GH_TOKEN}"}}
    }}"#;

    #[test]
    fn a_project_without_the_file_has_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path(), root.path(), ""), None);
        assert!(matches!(approve(root.path(), root.path(), "", ""), Err(ApprovalError::Absent(_))));
    }

    #[test]
    fn nothing_is_expanded_before_it_is_approved_and_all_is_afterwards() {
        let project = Project::new(FILE);
        let before = project.read();
        assert_eq!((before.approved, before.faults.len(), before.servers.len()), (false, 0, 2));
        assert_eq!(stdio(&before.servers["a"]).env["T"], "${GH_TOKEN}");
        project.approve();
        let after = project.read();
        assert!(after.approved && after.written == before.servers);
        let a = &after.servers["a"];
        assert_eq!(stdio(a).args, ["harmless", "fallback", "$WORD"]);
        assert_eq!((stdio(a).env["T"].as_str(), a.scope, a.is_lazy()), ("tell-nobody-1", Scope::Project, true));
        assert_eq!(stdio(a).cwd.as_deref(), Some(project.root.path()));
        let Transport::Http(b) = &after.servers["b"].transport else { panic!("no address") };
        assert_eq!(
            (b.url.as_str(), b.http_headers["Authorization"].as_str()),
            ("https://x.example/harmless", "Bearer tell-nobody-1")
        );
    }

    #[test]
    fn a_changed_byte_asks_again_and_the_old_bytes_are_approved_still() {
        let project = Project::new(FILE);
        project.approve();
        project.write(&FILE.replace("npx", "npy"));
        assert!(!project.read().approved);
        project.write(FILE);
        assert!(project.read().approved);
        revoke(project.state.path(), project.root.path()).unwrap();
        assert!(!project.read().approved);
    }

    #[test]
    fn bytes_that_were_not_shown_are_not_approved() {
        let project = Project::new(FILE);
        let shown = project.read().sha256;
        project.write(&FILE.replace("npx", "npy"));
        for sha256 in [shown.as_str(), ""] {
            let error = approve(project.state.path(), project.root.path(), sha256, "").unwrap_err();
            assert!(matches!(error, ApprovalError::Changed(_)), "{error}");
        }
        assert!(!project.read().approved);
    }

    #[test]
    fn an_approval_is_of_one_project() {
        let (one, other) = (Project::new(FILE), Project::new(FILE));
        one.approve();
        assert!(read(one.root.path(), one.state.path(), "").unwrap().approved);
        assert!(!read(other.root.path(), one.state.path(), "").unwrap().approved);
    }

    #[test]
    fn the_providers_key_is_never_put_in() {
        for text in ["${DEEPSEEK_API_KEY}", "x${OTHER_KEY:-y}"] {
            let project =
                Project::new(&format!(r#"{{"mcpServers": {{"a": {{"command": "x", "args": ["{text}"]}}}}}}"#));
            project.approve();
            let file = project.read();
            assert!(file.servers.is_empty() && file.faults[0].contains("the provider's key"), "{file:?}");
        }
    }

    #[test]
    fn a_server_with_a_fault_is_left_out_and_the_others_stay() {
        let project = Project::new(
            r#"{"mcpServers": {"a b": {"command": "x"}, "old": {"type": "sse", "url": "https://x"}, "c": {"command": ""},
                "d": {"url": "https://u:p@x.example"}, "ok": {"command": "./bin/x", "cwd": "sub", "timeout": 3}}}"#,
        );
        let file = project.read();
        assert_eq!(file.servers.keys().collect::<Vec<_>>(), ["ok"]);
        assert_eq!(file.faults.len(), 4, "{:?}", file.faults);
        assert!(file.faults[1].starts_with("mcp_servers.old: type sse"), "{:?}", file.faults);
        assert_eq!(file.notes, ["mcp_servers.ok: these keys have no meaning here: timeout"]);
        let ok = stdio(&file.servers["ok"]);
        assert_eq!(Path::new(&ok.command), project.root.path().join("bin/x"));
        assert_eq!(ok.cwd, Some(project.root.path().join("sub")));
    }

    #[test]
    fn an_unset_variable_stays_and_is_noted() {
        let project = Project::new(r#"{"mcpServers": {"a": {"command": "x", "args": ["${NONE}"]}}}"#);
        project.approve();
        let file = project.read();
        assert_eq!(stdio(&file.servers["a"]).args, ["${NONE}"]);
        assert_eq!(file.notes, ["mcp_servers.a: not set in the daemon's environment: NONE"]);
    }

    #[test]
    fn what_is_no_such_file_is_a_fault_and_quotes_nothing() {
        for text in ["", "[]", "{}", r#"{"mcpServers": []}"#, "tell-nobody-1", "\u{0}"] {
            let file = Project::new(text).read();
            assert!(file.servers.is_empty() && file.faults.len() == 1, "{text}: {file:?}");
            assert!(!file.faults[0].contains("nobody"), "{file:?}");
        }
        let project = Project::new("");
        project.write(&" ".repeat(256 * 1024 + 1));
        assert_eq!(project.read().faults, ["it is larger than 256 KiB"]);
        let path = project.root.path().join(PROJECT_FILE);
        std::fs::rename(&path, project.root.path().join("real")).unwrap();
        symlink("real", &path).unwrap();
        assert_eq!(project.read().faults, ["it is a symbolic link"]);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(project.read().faults, ["it is no regular file"]);
    }
}
