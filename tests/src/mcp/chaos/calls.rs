//! What it does when it is called.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

use super::{Chaos, FOREVER, Request, die, wire::myself};

/// Between two notes of progress, and between two looks for a cancellation.
const BEAT: Duration = Duration::from_millis(200);
/// Invalid parameters.
const INVALID: i64 = -32602;
/// The smallest PNG.
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl Chaos {
    pub(super) fn call(&self, request: &Request) {
        let name = request.params.get("name").and_then(Value::as_str).unwrap_or_default();
        let arguments = request.params.get("arguments").cloned().unwrap_or_default();
        self.wire.note("calls", &format!("{name} {arguments}"));
        if self.options.die_in.iter().any(|one| one == name) {
            die(9);
        }
        if self.options.hang_in.iter().any(|one| one == name) {
            thread::sleep(FOREVER);
        }
        let text = arguments.get("text").and_then(Value::as_str).unwrap_or_default();
        match name {
            "slow" => self.slow(request, &arguments),
            "effect" | "effect_again" => self.effect(request, text),
            "read_text_file" | "list_directory" | "write_file" | "edit_file" => self.file(request, name, &arguments),
            "shell_execute" => {
                self.wire.note("effects", &arguments.to_string());
                self.say(request, "played by mcp-chaos\n");
            }
            "echo" | "grown" | "deep" | "dup" => self.say(request, if text.is_empty() { name } else { text }),
            "big" => {
                let bytes = arguments.get("bytes").and_then(Value::as_u64).unwrap_or_default();
                self.say(request, &"0123456789abcde\n".repeat(usize::try_from(bytes / 16).unwrap_or_default()));
            }
            "changed" => self.changed(request, arguments.get("times").and_then(Value::as_u64).unwrap_or(1)),
            "stderr" => {
                self.wire.stderr(text);
                self.say(request, "written");
            }
            "env" => self.say(request, &environment()),
            "child_env" => self.say(request, &child_environment()),
            "where" => {
                let here = env::current_dir().unwrap_or_default();
                self.say(request, &format!("{} {}", std::process::id(), here.display()));
            }
            _ if name.starts_with("tool_") || name.starts_with("nnn") || name.starts_with("dot") => {
                self.say(request, name);
            }
            _ if self.answers(request, name) || self.dies(request, name) => {}
            _ => self.wire.error(&request.id, INVALID, &format!("Tool {name} not found")),
        }
    }

    /// Answers of other kinds than text. False: it is none of them.
    fn answers(&self, request: &Request, name: &str) -> bool {
        let id = &request.id;
        let link = "file:///project/notes.txt";
        let value = json!({"answer": 42, "unit": "m"});
        match name {
            "image" => self.content(request, json!([{"type": "image", "data": IMAGE, "mimeType": "image/png"}])),
            "resource" => self.content(
                request,
                json!([
                    {"type": "resource", "resource": {"uri": link, "mimeType": "text/plain", "text": "noted"}},
                    {"type": "resource_link", "uri": link, "name": "notes"},
                ]),
            ),
            "structured" => {
                let content = json!([{"type": "text", "text": value.to_string()}]);
                self.result(request, json!({"content": content, "structuredContent": value}));
            }
            "only_structured" => self.result(request, json!({"content": [], "structuredContent": value})),
            "nothing" => self.content(request, json!([])),
            "fail" => {
                let content = json!([{"type": "text", "text": "it did not work"}]);
                self.result(request, json!({"content": content, "isError": true}));
            }
            "refuse" => self.wire.error(id, INVALID, "these arguments are not good"),
            "broken" => self.wire.raw(b"{\"jsonrpc\":\"2.0\",\"result\":{\"content\":[{\"type\":\"te"),
            "broken_id" => {
                self.wire.raw(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[}}").as_bytes());
            }
            "foreign" => self.wire.result(&json!(987_654_321), json!({"content": []})),
            "no_result" => self.wire.raw(json!({"jsonrpc": "2.0", "id": id}).to_string().as_bytes()),
            _ => return false,
        }
        true
    }

    /// Deaths and what is left behind. False: it is none of them.
    fn dies(&self, request: &Request, name: &str) -> bool {
        match name {
            "die" | "die_read" => die(9),
            "die_once" => match self.count("calls", "die_once") {
                0 | 1 => die(9),
                _ => self.say(request, "answered the second time"),
            },
            "die_held" => {
                self.sleeper(true);
                die(9);
            }
            "effect_die" => {
                self.wire.note("effects", "effect_die");
                die(9);
            }
            "crash" => {
                let _ = kill_process(getpid(), Signal::KILL);
            }
            "child" => {
                self.sleeper(false);
                self.say(request, "a child stays");
            }
            "daemon" => {
                let forker = myself(&["--forker", "--tag", &self.options.tag], false);
                let ended = forker.is_some_and(|mut forker| forker.wait().is_ok());
                self.say(request, if ended { "a daemon stays" } else { "no daemon" });
            }
            "stop" => {
                let _ = kill_process(getpid(), Signal::STOP);
                self.say(request, "went on");
            }
            _ => return false,
        }
        true
    }

    fn sleeper(&self, held: bool) {
        // It is never waited for: it outlives this process.
        drop(myself(&["--sleeper", "--tag", &self.options.tag], held));
    }

    fn slow(&self, request: &Request, arguments: &Value) {
        let seconds = arguments.get("seconds").and_then(Value::as_f64).unwrap_or(1.0);
        let until = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 900.0));
        let token = request.params.pointer("/_meta/progressToken");
        let token = token.filter(|_| arguments.get("progress") == Some(&json!(true)));
        let mut beats = 0_u64;
        while Instant::now() < until {
            if self.is_cancelled(&request.id) {
                return;
            }
            beats += 1;
            if let Some(token) = token {
                self.wire.notify("notifications/progress", &json!({"progressToken": token, "progress": beats}));
            }
            thread::sleep(BEAT.min(until.saturating_duration_since(Instant::now())));
        }
        self.say(request, &format!("slow for {seconds} s"));
    }

    fn effect(&self, request: &Request, text: &str) {
        self.wire.note("effects", text);
        self.say(request, "done");
    }

    fn changed(&self, request: &Request, times: u64) {
        self.grown.store(true, Ordering::Relaxed);
        (0..times).for_each(|_| self.tell_changed());
        self.say(request, "changed");
    }

    /// Plays the reference filesystem server as far as a test can tell who has answered.
    fn file(&self, request: &Request, name: &str, arguments: &Value) {
        let path = arguments.get("path").and_then(Value::as_str).unwrap_or_default();
        let done = match name {
            "read_text_file" => fs::read_to_string(path),
            "write_file" => {
                let content = arguments.get("content").and_then(Value::as_str).unwrap_or_default();
                self.wire.note("effects", path);
                fs::write(path, content).map(|()| format!("Successfully wrote to {path}"))
            }
            "list_directory" => listing(Path::new(path)),
            _ => {
                self.wire.note("effects", path);
                Err(io::Error::other("edits are not played"))
            }
        };
        match done {
            Ok(text) => self.say(request, &text),
            Err(error) => {
                let content = json!([{"type": "text", "text": format!("ENOENT: {error}, open '{path}'")}]);
                self.result(request, json!({"content": content, "isError": true}));
            }
        }
    }

    fn count(&self, file: &str, name: &str) -> usize {
        let text = self.options.state.as_ref().and_then(|dir| fs::read_to_string(dir.join(file)).ok());
        text.unwrap_or_default().lines().filter(|line| line.split(' ').next() == Some(name)).count()
    }

    fn say(&self, request: &Request, text: &str) {
        self.content(request, json!([{"type": "text", "text": text}]));
    }

    fn content(&self, request: &Request, content: Value) {
        self.result(request, json!({"content": content}));
    }

    fn result(&self, request: &Request, mut result: Value) {
        if request.modern {
            result["resultType"] = json!("complete");
        }
        if self.options.noise {
            self.noise();
        }
        self.wire.result(&request.id, result);
    }
}

fn listing(path: &Path) -> io::Result<String> {
    let mut lines: Vec<String> = fs::read_dir(path)?
        .flatten()
        .map(|entry| {
            let kind = if entry.path().is_dir() { "[DIR]" } else { "[FILE]" };
            format!("{kind} {}", entry.file_name().to_string_lossy())
        })
        .collect();
    lines.sort();
    Ok(lines.join("\n"))
}

fn environment() -> String {
    env::vars_os().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{}={}", name.to_string_lossy(), value.to_string_lossy());
        text
    })
}

fn child_environment() -> String {
    #[expect(clippy::disallowed_methods, reason = "this is a server under test, not the product")]
    let mut command = Command::new("env");
    let output = command.stdin(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
