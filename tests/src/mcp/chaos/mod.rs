//! An MCP server over stdio that misbehaves as it is told: by its arguments, or by the tool that is called.
//!
//! Speaks the protocol by itself, without the library that the product uses: what that library never sends is sent
//! here. One thread reads; each call runs on a thread of its own, so that a slow one does not hide a ping. What happened
//! is noted in files of a directory (`--state`), one line each: `starts`, `methods`, `calls`, `effects`, `cancelled`,
//! and `strange` for messages that no server should get.

#![allow(clippy::needless_pass_by_value, reason = "what json! makes is made to be given away")]

mod calls;
mod options;
mod tools;
mod wire;

use std::{
    io::{self, BufRead},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use options::{Discover, Options};
use wire::Wire;

/// The stateless protocol, and the last one with `initialize`.
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
/// How long a process that should hang does: longer than any test, so that a forgotten one still ends.
const FOREVER: Duration = Duration::from_secs(900);
const METHOD_NOT_FOUND: i64 = -32601;

/// What the threads share.
struct Chaos {
    options: Options,
    wire: Wire,
    /// Offers one tool more: what `changed` changes.
    grown: AtomicBool,
    /// Id of the request that listens to changes, as JSON text, in the stateless protocol.
    listener: std::sync::Mutex<Option<Value>>,
    cancelled: std::sync::Mutex<Vec<Value>>,
    pages: AtomicU64,
}

/// A request as it came in.
struct Request {
    id: Value,
    method: String,
    params: Value,
    modern: bool,
}

/// Runs with these arguments until standard input ends, or as the arguments will have it.
pub fn run(arguments: &[String]) -> ExitCode {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(fault) => return wire::complain(&fault),
    };
    if let Some(code) = options.before_start(arguments) {
        return code;
    }
    let wire = Wire::new(options.state.clone());
    wire.note("starts", &std::process::id().to_string());
    for line in &options.stderr {
        wire.stderr(line);
    }
    if let Some(code) = options.die_at_start {
        return ExitCode::from(code);
    }
    if let Some(after) = options.crash_after {
        thread::spawn(move || {
            thread::sleep(after);
            die(7)
        });
    }
    thread::sleep(options.start_delay);
    let chaos = Arc::new(Chaos {
        options,
        wire,
        grown: AtomicBool::new(false),
        listener: std::sync::Mutex::default(),
        cancelled: std::sync::Mutex::default(),
        pages: AtomicU64::new(0),
    });
    chaos.noise();
    chaos.serve();
    if chaos.options.ignore_eof {
        thread::sleep(FOREVER);
    }
    ExitCode::SUCCESS
}

/// Ends the process at once, from any thread: the server's death is what is played here.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "a server that dies does not tidy up")]
fn die(code: i32) -> ! {
    std::process::exit(code)
}

impl Chaos {
    fn serve(self: &Arc<Self>) {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                self.wire.note("strange", &line);
                continue;
            };
            match (message.get("id"), message.get("method").and_then(Value::as_str)) {
                (Some(id), Some(method)) => self.request(id.clone(), method, &message),
                (None, Some(method)) => self.notification(method, &message),
                _ => self.wire.note("strange", &line),
            }
        }
    }

    fn notification(&self, method: &str, message: &Value) {
        self.wire.note("methods", method);
        if method == "notifications/cancelled" {
            let id = message.pointer("/params/requestId").cloned().unwrap_or_default();
            self.wire.note("cancelled", &id.to_string());
            if let Ok(mut cancelled) = self.cancelled.lock() {
                cancelled.push(id);
            }
        }
    }

    fn is_cancelled(&self, id: &Value) -> bool {
        self.cancelled.lock().is_ok_and(|cancelled| cancelled.contains(id))
    }

    fn request(self: &Arc<Self>, id: Value, method: &str, message: &Value) {
        self.wire.note("methods", method);
        let params = message.get("params").cloned().unwrap_or_default();
        let modern = params.pointer("/_meta/io.modelcontextprotocol~1protocolVersion").is_some();
        let request = Request { id, method: method.to_owned(), params, modern };
        if self.options.noise {
            self.noise();
        }
        match method {
            "initialize" if self.options.era.legacy() => self.initialize(&request),
            "server/discover" if self.options.era.modern() => self.discover(&request),
            "server/discover" => self.refuse_discover(&request),
            "ping" if self.options.era.legacy() && self.options.deaf => {}
            "ping" if self.options.era.legacy() => self.wire.result(&request.id, json!({})),
            "tools/list" => self.list(&request),
            "subscriptions/listen" if self.options.era.modern() => self.listen(&request),
            "tools/call" => {
                let chaos = Arc::clone(self);
                thread::spawn(move || chaos.call(&request));
            }
            _ => self.unknown(&request),
        }
    }

    fn initialize(&self, request: &Request) {
        if self.options.hang_initialize {
            return;
        }
        let result = json!({
            "protocolVersion": LEGACY,
            "capabilities": {"tools": {"listChanged": true}},
            "serverInfo": server_info(),
        });
        self.wire.result(&request.id, result);
    }

    fn discover(&self, request: &Request) {
        // The first one is the opening; a deaf server stops answering after it.
        if self.options.deaf && self.pages.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let result = json!({
            "resultType": "complete",
            "supportedVersions": [MODERN],
            "capabilities": {"tools": {"listChanged": true}},
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": server_info()},
        });
        self.wire.result(&request.id, result);
    }

    fn refuse_discover(&self, request: &Request) {
        match self.options.discover {
            Discover::Ignored => {}
            Discover::Empty => self.wire.result(&request.id, json!({})),
            Discover::Fatal => die(3),
            Discover::Refused => self.unknown(request),
        }
    }

    fn unknown(&self, request: &Request) {
        if self.options.die_on_unknown {
            die(3);
        }
        self.wire.error(&request.id, METHOD_NOT_FOUND, &format!("Method not found: {}", request.method));
    }

    fn list(&self, request: &Request) {
        let mut tools = tools::all(&self.options);
        if self.grown.load(Ordering::Relaxed) {
            tools.push(tools::plain("grown", "Is here since the list has changed.", true));
        }
        let mut result = json!({"tools": tools});
        if self.options.endless {
            let page = self.pages.fetch_add(1, Ordering::Relaxed);
            result = json!({"tools": [tools::plain(&format!("page_{page}"), "One of many.", true)]});
            result["nextCursor"] = json!(format!("page-{page}"));
        }
        if request.modern {
            result["resultType"] = json!("complete");
            result["ttlMs"] = json!(0);
            result["cacheScope"] = json!("private");
        }
        self.wire.result(&request.id, result);
    }

    fn listen(&self, request: &Request) {
        if let Ok(mut listener) = self.listener.lock() {
            *listener = Some(request.id.clone());
        }
        let mut params = json!({"notifications": {"toolsListChanged": true}});
        params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": request.id});
        self.wire.notify("notifications/subscriptions/acknowledged", &params);
    }

    /// Says that the tools have changed.
    fn tell_changed(&self) {
        let listener = self.listener.lock().ok().and_then(|listener| listener.clone());
        let params =
            listener.map_or_else(|| json!({}), |id| json!({"_meta": {"io.modelcontextprotocol/subscriptionId": id}}));
        self.wire.notify("notifications/tools/list_changed", &params);
    }

    /// What has no place on standard output.
    fn noise(&self) {
        if self.options.noise {
            let lines =
                ["Server v1.2.3 starting...", "", "42", "[1,2]", "\"text\"", "null", "{\"level\":\"info\"}", "{\"a\":"];
            lines.iter().for_each(|line| self.wire.raw(line.as_bytes()));
            self.wire.raw(b"\xff\xfe no UTF-8 \x80\r");
        }
    }
}

fn server_info() -> Value {
    json!({"name": "mcp-chaos", "version": "1.0"})
}
