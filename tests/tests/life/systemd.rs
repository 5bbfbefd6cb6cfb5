//! Under a service manager: readiness, watchdog, socket activation, and the units themselves.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::net::{UnixDatagram, UnixListener},
    time::Instant,
};

use tests::{DaemonGuard, Signal};

use crate::*;

/// The manager's end of `NOTIFY_SOCKET`.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn of(home: &Home) -> Self {
        let path = home.root().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path }
    }

    /// The next message, or `None` at the deadline.
    fn next(&self, deadline: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(deadline)).unwrap();
        let mut bytes = [0; 4096];
        match self.socket.recv(&mut bytes) {
            Ok(n) => Some(String::from_utf8_lossy(&bytes[..n]).into_owned()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(e) => panic!("no message: {e}"),
        }
    }

    #[track_caller]
    fn expect(&self, wanted: &str) -> String {
        let message = self.next(DEADLINE).unwrap_or_else(|| panic!("waited for {wanted}"));
        assert!(message.lines().any(|line| line == wanted), "{message:?} instead of {wanted}");
        message
    }

    fn daemon(&self, home: &Home) -> DaemonGuard {
        home.daemon_builder().env("NOTIFY_SOCKET", &self.path).start()
    }
}

#[test]
fn readiness_reload_and_stop_are_notified_in_this_order() {
    let home = home();
    let manager = Manager::of(&home);
    let daemon = manager.daemon(&home);
    manager.expect("READY=1");
    daemon.signal(Signal::HUP);
    let reloading = manager.expect("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "Type=notify-reload needs it: {reloading}");
    manager.expect("READY=1");
    daemon.signal(Signal::TERM);
    manager.expect("STOPPING=1");
    daemon.wait(DEADLINE).expect_ok();
    assert_eq!(manager.next(Duration::from_millis(1)), None, "and no watchdog without WATCHDOG_USEC");
    home.assert_no_leftovers();
}

#[test]
fn a_bad_reload_is_ready_again_too() {
    let home = home();
    let manager = Manager::of(&home);
    let daemon = manager.daemon(&home);
    manager.expect("READY=1");
    home.config("nonsense = 1\n");
    daemon.signal(Signal::HUP);
    manager.expect("RELOADING=1");
    manager.expect("READY=1");
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn a_failed_start_is_never_notified_as_ready() {
    let home = home();
    let manager = Manager::of(&home);
    home.config("nonsense = 1\n");
    home.agentd([""; 0]).env("NOTIFY_SOCKET", &manager.path).run().expect_code(78);
    assert_eq!(manager.next(Duration::from_millis(1)), None);
    home.assert_no_leftovers();
}

#[test]
fn the_watchdog_is_fed_while_the_daemon_answers_and_not_while_it_cannot() {
    let home = home();
    let manager = Manager::of(&home);
    let script = r#"WATCHDOG_PID=$$ exec "$AGENTD_BIN""#;
    let run = shell(&home, script).env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "200000");
    let daemon = daemon_by(&home, run);
    let mut seen = Vec::new();
    while seen.iter().filter(|message| *message == "WATCHDOG=1").count() < 4 {
        seen.push(manager.next(DEADLINE).expect("a message").trim().to_owned());
    }
    assert!(seen.iter().any(|message| message == "READY=1"), "{seen:?}");
    // The probe goes through the socket like a client: without it, no food.
    fs::remove_file(home.socket()).unwrap();
    wait_log(&home, "does not answer itself");
    while manager.next(Duration::from_millis(1)).is_some() {}
    assert_eq!(manager.next(Duration::from_millis(450)), None, "fed although nobody can connect");
    daemon.signal(Signal::TERM);
    manager.expect("STOPPING=1");
    daemon.finish_within(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn a_watchdog_that_is_meant_for_another_process_is_not_fed() {
    let home = home();
    let manager = Manager::of(&home);
    let daemon = home
        .daemon_builder()
        .env("NOTIFY_SOCKET", &manager.path)
        .env("WATCHDOG_USEC", "20000")
        .env("WATCHDOG_PID", "1")
        .start();
    manager.expect("READY=1");
    assert_eq!(manager.next(Duration::from_millis(100)), None);
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

/// Starts the daemon with this as descriptor 3, as systemd does: same pid, `LISTEN_PID` and `LISTEN_FDS`.
fn activated(home: &Home, handle: impl Into<std::os::fd::OwnedFd>) -> Invocation {
    let script = r#"export LISTEN_PID=$$ LISTEN_FDS=1; exec "$AGENTD_BIN" 3<&0 </dev/null"#;
    shell(home, script).stdin_from(handle)
}

#[test]
fn an_activated_daemon_serves_the_passed_socket_and_leaves_it_in_place() {
    let home = home();
    let path = home.root().join("by-systemd.sock");
    let listener = UnixListener::bind(&path).unwrap();
    chmod(&path, 0o600);
    let own = home.socket();
    let daemon = daemon_by(&home, activated(&home, listener.try_clone().unwrap()));
    assert_eq!(home.lock_info().unwrap().socket, path);
    assert!(!own.exists(), "it makes no socket of its own");
    let status = home.agentctl(["status", "--json"]).run().expect_ok().json();
    assert_eq!(status["socket"], path.display().to_string());
    daemon.signal(Signal::TERM);
    daemon.finish_within(DEADLINE).expect_ok();
    assert!(path.exists(), "systemd's socket is systemd's to remove");
    // The manager still listens: the next connection waits for the next daemon, which serves it.
    let waiting = home.agentctl(["status", "--json"]).start();
    let second = activated(&home, listener).timeout(DEADLINE).start();
    assert_eq!(waiting.finish().expect_ok().json()["pid"], second.pid());
    second.signal(Signal::TERM);
    second.finish().expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn a_passed_descriptor_that_is_no_listening_unix_socket_is_refused() {
    let home = home();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (connected, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let cases: [(std::os::fd::OwnedFd, &str); 3] = [
        (File::open("/dev/null").unwrap().into(), "not a listening socket"),
        (connected.into(), "not a listening socket"),
        (tcp.into(), "not a Unix socket"),
    ];
    for (handle, why) in cases {
        let output = activated(&home, handle).run().expect_code(1);
        assert_says(&output.stderr, &["socket activation: ", why]);
    }
    let closed = shell(&home, r#"export LISTEN_PID=$$ LISTEN_FDS=1; exec "$AGENTD_BIN" 3<&-"#).run().expect_code(1);
    assert_says(&closed.stderr, &["socket activation: "]);
    let many = shell(&home, r#"export LISTEN_PID=$$ LISTEN_FDS=2; exec "$AGENTD_BIN" 3<&0 4<&0"#).run().expect_code(1);
    assert_says(&many.stderr, &["2 sockets were passed"]);
    home.assert_no_leftovers();
}

#[test]
fn activation_that_is_meant_for_another_process_is_ignored() {
    let home = home();
    let daemon = home.daemon_builder().env("LISTEN_PID", "1").env("LISTEN_FDS", "1").start();
    assert!(home.socket().starts_with(home.root().join("r")));
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

#[test]
fn the_units_pass_systemd_analyze() {
    if !["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].iter().any(|path| Path::new(path).exists()) {
        return skipped("systemd-analyze is not installed");
    }
    let home = home();
    let output = home.command("/bin/bash").arg(units().join("verify.sh")).run().expect_ok();
    assert_says(
        &output.stdout,
        &["agentd.service, agentd.socket, agentd@.service and agentd-backup.{service,timer} are in order"],
    );
}

#[test]
fn the_units_start_a_program_that_exists_and_agree_with_the_daemon() {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
    let programs: Vec<&str> = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.is_bin())
        .map(|target| target.name.as_str())
        .collect();
    for unit in ["agentd.service", "agentd@.service"] {
        let text = fs::read_to_string(units().join(unit)).unwrap();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let start = value("ExecStart=").unwrap();
        assert!(programs.contains(&start.rsplit('/').next().unwrap()), "{unit}: {start} is no program of ours");
        let reload = value("ExecReload=").unwrap();
        assert!(Path::new(reload.split(' ').next().unwrap()).exists(), "{unit}: {reload}");
        assert_eq!(value("Type=").as_deref(), Some("notify"), "{unit}");
        assert_eq!(value("RestartPreventExitStatus=").as_deref(), Some("78"), "{unit}: faults in the configuration");
    }
    let socket = fs::read_to_string(units().join("agentd.socket")).unwrap();
    assert_says(&socket, &["ListenStream=%t/agentd/agentd.sock", "SocketMode=0600", "DirectoryMode=0700"]);
    // %t is XDG_RUNTIME_DIR: where a client looks by itself.
    let home = home();
    assert_eq!(home.endpoint().socket, home.root().join("r/agentd/agentd.sock"));
}

#[test]
fn the_daemon_is_ready_soon_after_exec() {
    let home = home();
    let manager = Manager::of(&home);
    let before = Instant::now();
    let daemon = manager.daemon(&home);
    manager.expect("READY=1");
    // A debug build on a busy machine; the figure of 50 ms is a benchmark's to hold.
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    daemon.terminate(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}
