//! What the daemon is as a process: what it does not inherit, and what others cannot read of it.

use std::os::unix::fs::MetadataExt;

use tests::provider::Scenario;

use crate::*;

/// Field 6 (session) and 7 (terminal) of `/proc/PID/stat`.
fn session_and_terminal(pid: u32) -> (i32, i32) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[3].parse().unwrap(), fields[4].parse().unwrap())
}

/// The descriptors of a process with what they lead to.
fn descriptors(pid: u32) -> Vec<(u32, String)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let read = |entry: fs::DirEntry| {
        let fd = entry.file_name().to_str()?.parse().ok()?;
        Some((fd, fs::read_link(entry.path()).ok()?.display().to_string()))
    };
    entries.filter_map(|entry| read(entry.ok()?)).collect()
}

#[test]
fn a_detached_daemon_inherits_no_descriptor_and_has_a_session_of_its_own() {
    let home = home();
    let file = home.root().join("inherited");
    home.write(&file, b"x");
    let script = r#"exec 7<"$1" 9>>"$1"; exec "$AGENTD_BIN" --daemonize"#;
    home.command("/bin/sh").args(["-c", script, "sh"]).arg(&file).run().expect_ok();
    let pid = home.daemon_pid();
    let (session, terminal) = session_and_terminal(pid);
    assert_ne!(session, session_and_terminal(std::process::id()).0);
    assert_eq!(terminal, 0, "no terminal");
    assert_eq!(proc_status(pid, "Umask"), "0077");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    if is_root() {
        let open = descriptors(pid);
        for fd in 0..3 {
            assert!(open.contains(&(fd, "/dev/null".to_owned())), "{open:?}");
        }
        assert!(open.iter().all(|(_, to)| !to.contains("inherited")), "{open:?}");
        assert!(open.iter().all(|(_, to)| !to.starts_with("pipe:")), "a pipe of the caller: {open:?}");
    } else {
        skipped("the descriptors of a process that is not dumpable are for root's eyes");
    }
    stop(&home);
}

#[test]
fn a_daemon_in_the_foreground_closes_what_it_inherits_too() {
    if !is_root() {
        return skipped("the descriptors of a process that is not dumpable are for root's eyes");
    }
    let home = home();
    let file = home.root().join("inherited");
    home.write(&file, b"x");
    let script = r#"exec 7<"$1"; exec "$AGENTD_BIN""#;
    let daemon = daemon_by(&home, home.command("/bin/sh").args(["-c", script, "sh"]).arg(&file));
    let open = descriptors(daemon.pid());
    assert!(open.iter().all(|(_, to)| !to.contains("inherited")), "{open:?}");
    daemon.signal(tests::Signal::TERM);
    daemon.finish_within(DEADLINE).expect_ok();
    home.assert_no_leftovers();
}

#[test]
fn the_memory_of_the_daemon_is_closed_to_other_processes_of_its_user() {
    let home = home();
    let user = PlainUser::of(&home);
    user.agentd(&["--daemonize"]).run().expect_ok();
    let pid = home.daemon_pid();
    let uid: u32 = proc_status(pid, "Uid").split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(uid, if is_root() { NOBODY } else { rustix::process::getuid().as_raw() });
    // The kernel gives the files of a process that is not dumpable to root.
    assert_eq!(fs::metadata(format!("/proc/{pid}/mem")).unwrap().uid(), 0, "dumpable");
    let look = format!("cat /proc/{pid}/environ");
    let look = user.run(Path::new("/bin/sh"), &["-c", &look]).run();
    assert_ne!(look.code, Some(0), "its environment, with the key, is readable: {}", look.stdout);
    user.agentctl(&["daemon", "stop"]).run().expect_ok();
    wait_gone(&home, pid);
    home.assert_no_leftovers();
}

#[test]
fn everything_the_daemon_writes_is_for_its_user_alone() {
    let (home, _provider) = with(Scenario::new());
    let output = shell(&home, r#"umask 000; exec "$AGENTCTL" ask hello"#).run().expect_ok();
    assert!(output.stdout.contains("hello"), "{}", output.stdout);
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.socket()), 0o600);
    assert_eq!(mode(home.socket().parent().unwrap()), 0o700);
    let mut places = vec![home.state_dir()];
    while let Some(place) = places.pop() {
        let wanted = if place.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&place), wanted, "{}", place.display());
        if place.is_dir() {
            places.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    stop(&home);
}
