//! Servers without processes, for tests.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use crate::{
    config::{ApprovalMode, Role},
    mcp::{
        catalog::{Catalog, McpTool},
        client::{CallResult, Part},
        pool::{PoolCall, PoolError, Serve, View},
    },
    sync::lock,
    tools::BoxFuture,
};

/// How a call ends.
pub(crate) type Answer = Result<CallResult, PoolError>;

/// A pool that answers as it is told and remembers what it was asked.
pub(crate) struct Fake {
    pub(crate) catalog: Mutex<Catalog>,
    pub(crate) role: Option<(Role, String)>,
    /// Tools that the server with the role is known to offer; none: all.
    pub(crate) offered: Vec<&'static str>,
    pub(crate) answer: Box<dyn Fn(&PoolCall) -> Answer + Send + Sync>,
    pub(crate) calls: Mutex<Vec<PoolCall>>,
    pub(crate) fallbacks: AtomicUsize,
    pub(crate) cut: AtomicUsize,
}

impl Fake {
    pub(crate) fn new(answer: impl Fn(&PoolCall) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            catalog: Mutex::default(),
            role: None,
            offered: Vec::new(),
            answer: Box::new(answer),
            calls: Mutex::default(),
            fallbacks: AtomicUsize::default(),
            cut: AtomicUsize::default(),
        }
    }

    pub(crate) fn with_role(self, role: Role, server: &str) -> Self {
        Self { role: Some((role, server.to_owned())), ..self }
    }

    pub(crate) fn with_tools(self, tools: impl IntoIterator<Item = McpTool>) -> Self {
        *lock(&self.catalog) = Catalog { tools: tools.into_iter().collect() };
        self
    }

    pub(crate) fn asked(&self) -> Vec<PoolCall> {
        lock(&self.calls).clone()
    }
}

impl Serve for Fake {
    fn catalog(&self, _: &View) -> Catalog {
        lock(&self.catalog).clone()
    }

    fn role(&self, _: &View, role: Role) -> Option<String> {
        self.role.iter().find(|(held, _)| *held == role).map(|(_, server)| server.clone())
    }

    fn offers(&self, _: &View, _: &str, tool: &str) -> bool {
        self.offered.is_empty() || self.offered.contains(&tool)
    }

    fn call<'a>(&'a self, _: &'a View, call: PoolCall) -> BoxFuture<'a, Answer> {
        let answer = (self.answer)(&call);
        lock(&self.calls).push(call);
        Box::pin(std::future::ready(answer))
    }

    fn count_fallback(&self, _: &View, _: &str) {
        self.fallbacks.fetch_add(1, Ordering::Relaxed);
    }

    fn count_cut(&self, _: &View, _: &str, bytes: usize) {
        self.cut.fetch_add(bytes, Ordering::Relaxed);
    }

    fn required<'a>(&'a self, _: &'a View) -> BoxFuture<'a, Result<(), PoolError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A tool of a server named `git`.
pub(crate) fn tool(name: &str, read_only: bool, approval: ApprovalMode) -> McpTool {
    McpTool {
        name: format!("mcp__git__{name}"),
        server: "git".to_owned(),
        tool: name.to_owned(),
        description: format!("{name} of git"),
        schema: json!({"type": "object", "properties": {}}),
        read_only,
        idempotent: read_only,
        approval,
        parallel: false,
    }
}

pub(crate) fn said(text: impl Into<String>) -> Answer {
    Ok(CallResult { content: vec![Part::Text(text.into())], structured: None, is_error: false })
}

pub(crate) fn refused(text: impl Into<String>) -> Answer {
    Ok(CallResult { content: vec![Part::Text(text.into())], structured: None, is_error: true })
}

/// Answers as the reference filesystem server does, for what lies below `root`.
pub(crate) fn filesystem(root: &Path, call: &PoolCall) -> Answer {
    let text = |name: &str| call.arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts = |name: &str| call.arguments.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let path = text(if call.tool == "move_file" { "source" } else { "path" });
    if call.tool != "read_multiple_files" && !Path::new(&path).starts_with(root) {
        return refused(format!("Access denied - path outside allowed directories: {path} not in {}", root.display()));
    }
    let done = match call.tool.as_str() {
        "read_text_file" => fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "read_multiple_files" => {
            let each = texts("paths").into_iter().map(|path| {
                let path = path.as_str().unwrap_or_default().to_owned();
                fs::read_to_string(&path)
                    .map_or_else(|why| format!("{path}: Error - {why}"), |text| format!("{path}:\n{text}\n"))
            });
            Ok(each.collect::<Vec<_>>().join("\n---\n"))
        }
        "list_directory" => fs::read_dir(&path).map(|entries| {
            let line = |entry: fs::DirEntry| {
                let kind = if entry.file_type().unwrap().is_dir() { "[DIR]" } else { "[FILE]" };
                format!("{kind} {}", entry.file_name().to_string_lossy())
            };
            entries.map(|entry| line(entry.unwrap())).collect::<Vec<_>>().join("\n")
        }),
        "get_file_info" => fs::metadata(&path).map(|about| facts(&about)),
        "write_file" => fs::write(&path, text("content")).map(|()| format!("Successfully wrote to {path}")),
        "create_directory" => fs::create_dir_all(&path).map(|()| format!("Successfully created directory {path}")),
        "move_file" => fs::rename(&path, text("destination")).map(|()| "Successfully moved".to_owned()),
        "edit_file" => fs::read_to_string(&path).and_then(|mut whole| {
            for edit in texts("edits") {
                let part = |name: &str| edit[name].as_str().unwrap_or_default().to_owned();
                whole = whole.replacen(&part("oldText"), &part("newText"), 1);
            }
            fs::write(&path, whole).map(|()| "```diff\nas the server makes it\n```\n\n".to_owned())
        }),
        other => return refused(format!("MCP error -32602: Tool {other} not found")),
    };
    done.map_or_else(|why| refused(format!("ENOENT: {why}, open '{path}'")), said)
}

fn facts(about: &fs::Metadata) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let time = |time: std::io::Result<std::time::SystemTime>| {
        let time = jiff::Timestamp::try_from(time.unwrap()).unwrap();
        time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)").to_string()
    };
    [
        format!("size: {}", about.len()),
        format!("created: {}", time(about.created())),
        format!("modified: {}", time(about.modified())),
        format!("accessed: {}", time(about.accessed())),
        format!("isDirectory: {}", about.is_dir()),
        format!("isFile: {}", about.is_file()),
        format!("permissions: {:o}", about.permissions().mode() & 0o777),
    ]
    .join("\n")
}

/// The pool as tools take it.
pub(crate) fn shared(fake: &Arc<Fake>) -> Arc<dyn Serve> {
    Arc::<Fake>::clone(fake)
}
