//! The socket, seen from outside: both codecs, bad input, the order of messages, cancellation, and who may speak.

#![allow(clippy::unwrap_used, reason = "a step of a test that fails should panic where it stands")]

mod cancel;
mod examples;
mod hostile;
mod mcp;
mod opening;
mod peers;
mod requests;
mod slow;
mod turns;

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tests::{
    DaemonGuard, Home, RpcClient, RpcFailure, bins,
    provider::{FakeProvider, Fault, Scenario, Step},
    wait_until,
};

/// Deadline of what takes milliseconds, on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// A daemon that asks a fake provider. Fields end in this order.
struct Stage {
    daemon: DaemonGuard,
    home: Home,
    provider: FakeProvider,
    project: PathBuf,
}

impl Stage {
    fn new(scenario: Scenario) -> Self {
        Self::with_config(scenario, "")
    }

    fn with_config(scenario: Scenario, config: &str) -> Self {
        let home = Home::with(bins!());
        home.config(config);
        let provider = FakeProvider::start(scenario);
        home.provider(&provider);
        let project = home.project(&[("src/main.rs", "fn main() {}\n")]);
        Self { daemon: home.daemon(), home, provider, project }
    }

    fn rpc(&self) -> RpcClient {
        self.home.rpc()
    }

    /// Parameters of `ask` in this stage's project.
    fn question(&self, prompt: &str) -> Value {
        json!({ "prompt": prompt, "cwd": self.project })
    }

    /// Waits until the daemon says that no turn runs.
    fn wait_idle(&self) {
        let mut rpc = self.rpc();
        wait_until(DEADLINE, "no turn to run", || rpc.call("status", &json!({})).unwrap()["turns"] == 0);
    }

    /// Stops the daemon, which must still be in order, and looks for survivors.
    fn end(self) {
        let pid = status(&mut self.home.rpc())["pid"].clone();
        assert_eq!(pid, self.daemon.pid());
        self.daemon.terminate(DEADLINE).expect_ok();
        self.home.assert_no_leftovers();
    }
}

/// A daemon without a model, for what needs none.
fn offline() -> (DaemonGuard, Home) {
    let home = Home::with(bins!());
    home.set_env("AGENTD_PROVIDER_KIND", "offline");
    (home.daemon(), home)
}

/// Stops a daemon, which must still answer, and looks for survivors.
fn end(daemon: DaemonGuard, home: &Home) {
    assert_eq!(status(&mut home.rpc())["pid"], daemon.pid());
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

fn status(rpc: &mut RpcClient) -> Value {
    rpc.call("status", &json!({})).unwrap()
}

/// A script whose answers begin and never end. Of what has come the last word waits: it may be a part of a secret.
fn stalled() -> Scenario {
    Scenario::new().step(Step::text("The beginning of an answer").chunks(8, 0).fault(Fault::Stall(3)).times(0))
}

/// The next line, which must be an error without an id.
#[track_caller]
fn orphan(rpc: &mut RpcClient) -> RpcFailure {
    let line: Value = serde_json::from_str(&rpc.read_line()).unwrap();
    assert_eq!(line["jsonrpc"], "2.0", "{line}");
    assert!(line["id"].is_null(), "{line}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    RpcFailure {
        code: line["error"]["code"].as_i64().unwrap(),
        kind: text(&line["error"]["data"]["kind"]),
        message: text(&line["error"]["message"]),
        hint: text(&line["error"]["data"]["hint"]),
    }
}

/// All of the daemon's log so far.
fn log(home: &Home) -> String {
    let files = fs::read_dir(home.endpoint().log_dir()).unwrap().flatten();
    files.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
}

/// A figure of the kernel about the process, in KiB: `VmRSS` now, `VmHWM` at most so far.
fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
