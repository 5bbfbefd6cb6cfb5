//! Too few descriptors, too many clients, no space: the daemon says so and outlives it.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tests::{Signal, provider::Scenario};

use crate::*;

const STATUS: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";

/// Processor time of a process in clock ticks (10 ms each).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Asks for the status on a connection; `None` when it ended without a word.
fn status_line(stream: &mut UnixStream) -> Option<Value> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // The daemon may have refused and closed already; its word is still there to be read.
    let _ = stream.write_all(STATUS);
    let mut line = String::new();
    BufReader::new(&*stream).read_line(&mut line).ok().filter(|n| *n > 0)?;
    Some(serde_json::from_str(&line).unwrap())
}

#[test]
fn out_of_descriptors_the_daemon_survives_without_spinning_and_serves_again() {
    let home = home();
    let daemon = daemon_by(&home, shell(&home, r#"ulimit -n 64; exec "$AGENTD_BIN""#));
    let mut clients: Vec<UnixStream> = (0..100).map(|_| UnixStream::connect(home.socket()).unwrap()).collect();
    let served = clients.iter_mut().map_while(|client| status_line(client).filter(|reply| reply["result"].is_object()));
    let served = served.count();
    assert!((20..64).contains(&served), "{served} connections of a daemon with 64 descriptors");
    let refused: Vec<Value> = clients[served..].iter_mut().filter_map(status_line).collect();
    for reply in &refused {
        let text = reply["error"]["message"].as_str().unwrap_or_default();
        assert!(text.contains("descriptors"), "who comes too late hears why: {reply}");
        assert_eq!(reply["error"]["data"]["kind"], "limit");
    }
    assert!(status_line(&mut clients[0]).is_some(), "those who are in are served");
    // Clients keep knocking, and the daemon may not burn the processor over it.
    let before = ticks(daemon.pid());
    let spins = || ticks(daemon.pid()) > before + 20;
    assert!(!holds_within(Duration::from_millis(500), spins), "over 200 ms of processor time in half a second");
    drop(clients);
    wait_until(DEADLINE, "service after the flood", || status_pid(&home) == Some(daemon.pid()));
    daemon.signal(Signal::TERM);
    daemon.finish_within(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

/// 1,500 connections need as many descriptors here; about two seconds of connecting.
#[test]
fn of_1500_connections_1024_are_served_and_the_others_hear_the_limit() {
    let files = getrlimit(Resource::Nofile);
    if files.maximum.is_some_and(|most| most < 2000) {
        return skipped("1,500 connections need 2,000 descriptors; ulimit -Hn is lower");
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(2000), maximum: files.maximum }).unwrap();
    let (home, _provider) = with(Scenario::new());
    let daemon = home.daemon();
    let (mut open, mut refused) = (Vec::new(), 0);
    for number in 1..=1500 {
        let mut client = UnixStream::connect(home.socket()).unwrap();
        let reply = status_line(&mut client).unwrap_or_else(|| panic!("connection {number} ended without a word"));
        match reply["result"]["pid"].as_u64() {
            Some(pid) => assert_eq!(pid, u64::from(daemon.pid())),
            None => {
                assert_eq!(reply["error"]["data"]["kind"], "limit", "{reply}");
                assert_says(reply["error"]["message"].as_str().unwrap(), &["1024 connections are open"]);
                refused += 1;
            }
        }
        open.push(client);
    }
    // The harness's own probes may hold a slot for a moment longer.
    assert!((474..=480).contains(&refused), "{refused} refused");
    // Several, because each races with the daemon that closes before it has read the hello.
    for _ in 0..5 {
        let output = home.agentctl(["ask", "hello"]).run().expect_code(5);
        assert_says(&output.stderr, &["1024 connections are open", "hint: close some"]);
    }
    drop(open);
    wait_until(DEADLINE, "a free slot", || status_pid(&home).is_some());
    ask_echo(&home, "all is well");
    assert_eq!(home.daemon_pid(), daemon.pid());
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

/// Runs a script in a mount namespace of its own, where `$STATE` is a tmpfs of 256 KiB. `None` when the machine
/// allows no namespaces.
fn on_a_small_disk(home: &Home, script: &str) -> Option<tests::Output> {
    let state = home.root().join("small");
    private_dir(&state);
    home.set_env("AGENTD_STATE_DIR", &state);
    let mount = r#"mount -t tmpfs -o size=256k,mode=0700 none "$AGENTD_STATE_DIR" || { echo no-mount >&2; exit 99; }"#;
    let script = format!("{mount}\nfill() {{ cat /dev/zero > \"$AGENTD_STATE_DIR/filler\" 2>/dev/null; }}\n{script}");
    let user: &[&str] = if is_root() { &["-m"] } else { &["-r", "-m"] };
    let output = home
        .command("/usr/bin/unshare")
        .args(user)
        .args(["/bin/sh", "-c", &script])
        .env("AGENTCTL", bins!().agentctl)
        .run();
    if output.stderr.contains("no-mount") || output.stderr.starts_with("unshare:") {
        skipped(&format!("no private tmpfs here: {}", output.stderr.trim()));
        return None;
    }
    Some(output)
}

#[test]
fn a_full_disk_at_start_is_named_and_ends_nothing_else() {
    let (home, _provider) = with(Scenario::new());
    let script = r#"
        fill
        "$AGENTD_BIN" --daemonize; echo "agentd $?"
        "$AGENTCTL" ask hello; echo "ask $?"
        "$AGENTCTL" doctor; echo "doctor $?"
        rm "$AGENTD_STATE_DIR/filler"
        "$AGENTCTL" ask now there is space; echo "ask $?"
        "$AGENTCTL" daemon stop"#;
    let Some(output) = on_a_small_disk(&home, script) else { return };
    let state = home.state_dir().display().to_string();
    assert_says(&output.stdout, &["agentd 1\n", "ask 3\n", "doctor 1\n", "now there is space", "ask 0\n", "stopped"]);
    let full = format!("the disk of {state} is full");
    assert_eq!(output.stderr.matches(&full).count(), 2, "from the daemon and through the client:\n{}", output.stderr);
    assert_says(&output.stderr, &["free some space", "AGENTD_STATE_DIR"]);
    assert_says(&output.stdout, &["FAIL  disk"]);
    home.assert_no_leftovers();
}

#[test]
fn a_disk_that_fills_up_under_a_running_daemon_stops_no_question() {
    let (home, _provider) = with(Scenario::new());
    let script = r#"
        "$AGENTCTL" ask first; fill
        "$AGENTCTL" ask second || exit
        "$AGENTCTL" status; "$AGENTCTL" daemon stop"#;
    let Some(output) = on_a_small_disk(&home, script) else { return };
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_says(&output.stdout, &["first", "second", "is ready", "has stopped"]);
    home.assert_no_leftovers();
}
