//! Lines out: to standard output, whole, one at a time; to standard error; to the files of the state directory.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
    sync::Mutex,
};

use serde_json::{Value, json};

/// What is written to.
pub(super) struct Wire {
    state: Option<PathBuf>,
    out: Mutex<io::Stdout>,
}

impl Wire {
    pub(super) fn new(state: Option<PathBuf>) -> Self {
        Self { state, out: Mutex::new(io::stdout()) }
    }

    /// One line of any bytes.
    pub(super) fn raw(&self, line: &[u8]) {
        if let Ok(mut out) = self.out.lock() {
            let _ = out.write_all(line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        }
    }

    pub(super) fn result(&self, id: &Value, result: Value) {
        self.raw(json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string().as_bytes());
    }

    pub(super) fn error(&self, id: &Value, code: i64, message: &str) {
        let error = json!({"code": code, "message": message});
        self.raw(json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string().as_bytes());
    }

    pub(super) fn notify(&self, method: &str, params: &Value) {
        self.raw(json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string().as_bytes());
    }

    pub(super) fn stderr(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Notes a line in a file of the state directory, if there is one.
    pub(super) fn note(&self, file: &str, line: &str) {
        let Some(dir) = &self.state else { return };
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(dir.join(file)) {
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// Says on standard error why nothing is served.
pub(super) fn complain(fault: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{fault}");
    ExitCode::from(2)
}

/// This program with other arguments; with `held` it holds our standard output open.
pub(super) fn myself(arguments: &[&str], held: bool) -> Option<Child> {
    let this = env::current_exe().ok()?;
    #[expect(clippy::disallowed_methods, reason = "this is a server under test, not the product")]
    let mut command = Command::new(this);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(if held { Stdio::inherit() } else { Stdio::null() });
    command.spawn().ok()
}
