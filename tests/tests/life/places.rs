//! Where daemon and client meet when the environment says little, and after a daemon that died badly.

use proto::endpoint::LockInfo;
use tests::{Signal, provider::Scenario, runs, signal};

use crate::*;

#[test]
fn without_home_and_xdg_the_message_says_what_to_set() {
    let home = home();
    for name in ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
        home.remove_env(name);
    }
    let output = home.agentd(["--daemonize"]).run().expect_code(1);
    assert_says(&output.stderr, &["HOME is not set", "AGENTD_STATE_DIR"]);
    let output = home.agentctl(["ask", "hello"]).run().expect_code(3);
    assert_says(&output.stderr, &["HOME is not set", "AGENTD_STATE_DIR"]);
    // Empty is unset.
    let output = home.agentctl(["status"]).env("HOME", "").run().expect_code(3);
    assert_says(&output.stderr, &["HOME is not set"]);
    home.assert_no_leftovers();
}

#[test]
fn a_state_directory_alone_is_enough_to_serve() {
    let (home, _provider) = with(Scenario::new());
    for name in ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        home.remove_env(name);
    }
    home.set_env("AGENTD_STATE_DIR", home.root().join("state"));
    ask_echo(&home, "hello");
    assert!(home.root().join("state/agentd.lock").is_file());
    stop(&home);
}

#[test]
fn a_relative_place_is_refused_by_name() {
    let home = home();
    let output = home.agentctl(["ask", "x"]).env("AGENTD_STATE_DIR", "state").run().expect_code(3);
    assert_says(&output.stderr, &["AGENTD_STATE_DIR must be an absolute path", "state"]);
    let output = home.agentd(["--daemonize"]).env("AGENTD_SOCKET", "s.sock").run().expect_code(1);
    assert_says(&output.stderr, &["AGENTD_SOCKET must be an absolute path"]);
    home.assert_no_leftovers();
}

/// cron and ssh have no `XDG_RUNTIME_DIR`; `/run/user/UID` of the tester is hidden, or its own daemon would be met.
#[test]
fn without_a_runtime_directory_the_socket_is_in_the_state_and_every_client_finds_it() {
    let (home, _provider) = with(Scenario::new());
    let runtime = home.root().join("r");
    home.remove_env("XDG_RUNTIME_DIR");
    let script = r#"
        "$AGENTCTL" ask from cron && XDG_RUNTIME_DIR="$1" "$AGENTCTL" --no-autostart ask from a login || exit
        "$AGENTCTL" status --json; "$AGENTCTL" daemon stop"#;
    let uid = rustix::process::getuid().as_raw();
    let hidden = format!("mount -t tmpfs none /run/user && {script}");
    let own = format!("/run/user/{uid}");
    let run = if Path::new(&own).exists() {
        let namespace = home.command("/usr/bin/unshare").args(["-r", "-m", "sh", "-c", &hidden, "sh"]);
        namespace.env("AGENTCTL", bins!().agentctl)
    } else {
        shell(&home, script).arg("sh")
    };
    let output = run.arg(&runtime).run();
    if output.stderr.contains("unshare") || output.stderr.contains("mount:") {
        return skipped(&format!("{own} cannot be hidden here: {}", output.stderr.trim()));
    }
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_says(&output.stdout, &["from cron", "from a login", "s/agentd/run/agentd.sock"]);
    assert!(home.lock_info().unwrap().socket.ends_with("s/agentd/run/agentd.sock"));
    assert!(!runtime.join("agentd").exists());
    home.assert_no_leftovers();
}

#[test]
fn a_client_finds_a_daemon_that_was_started_with_another_runtime_directory() {
    let (home, _provider) = with(Scenario::new());
    let other = home.root().join("other-runtime");
    private_dir(&other);
    home.agentctl(["ask", "x"]).env("XDG_RUNTIME_DIR", &other).run().expect_ok();
    let pid = home.daemon_pid();
    ask_echo(&home, "through the lock file");
    assert_eq!(home.daemon_pid(), pid);
    stop(&home);
}

#[test]
fn after_a_kill_the_stale_socket_and_the_stale_lock_stop_nobody() {
    let (home, _provider) = with(Scenario::new());
    ask_echo(&home, "first");
    let (pid, socket) = (home.daemon_pid(), home.socket());
    signal(pid, Signal::KILL);
    wait_gone(&home, pid);
    assert!(socket.exists() && home.lock_info().unwrap().pid == pid, "both are stale now");
    home.agentctl(["--no-autostart", "ask", "x"]).run().expect_code(3);
    ask_echo(&home, "second");
    assert_ne!(home.daemon_pid(), pid);
    stop(&home);
    assert!(!socket.exists());
}

#[test]
fn a_lock_file_with_a_reused_pid_or_with_nonsense_stops_nobody() {
    let (home, _provider) = with(Scenario::new());
    // Our own pid: it lives, and does not hold the lock.
    let info = LockInfo { pid: std::process::id(), version: "0.0.1".into(), socket: home.root().join("gone.sock") };
    for text in [info.to_text(), "{\"pid\":".into(), "\0\u{fffd}".repeat(3000), String::new()] {
        home.write(&home.state_dir().join("agentd.lock"), text.as_bytes());
        ask_echo(&home, "hello");
        assert!(home.daemon_pid() != std::process::id() && runs(home.daemon_pid()));
        stop(&home);
    }
}

#[test]
fn a_daemon_killed_in_mid_answer_is_exit_code_three_and_the_next_ask_works() {
    let words = "one two three four five six seven eight nine ten ".repeat(20);
    let (home, provider) = with(Scenario::new().step(Step::text(words).chunks(10, 100)));
    let mut ask = home.agentctl(["ask", "count"]).start();
    wait_until(DEADLINE, "the first words", || ask.stdout_so_far().contains("one two"));
    let pid = home.daemon_pid();
    signal(pid, Signal::KILL);
    let output = ask.finish().expect_code(3);
    assert_says(&output.stderr, &["agentd went away in the middle of the answer", "hint: "]);
    assert!(output.elapsed < DEADLINE);
    ask_echo(&home, "again");
    assert_ne!(home.daemon_pid(), pid);
    assert_eq!(provider.chats().len(), 2, "a question that began is never asked twice");
    stop(&home);
}
