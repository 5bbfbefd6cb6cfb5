//! Starts that cannot succeed: the reason reaches the terminal, from the daemon itself and through the client.

use std::os::unix::{fs::symlink, net::UnixListener};

use tests::provider::Scenario;

use crate::*;

/// The daemon refuses to start in all three ways, with this exit code and these words, and leaves nothing behind.
#[track_caller]
fn refuses(home: &Home, code: i32, needles: &[&str]) {
    for arguments in [&[][..], &["--daemonize"]] {
        let output = home.agentd(arguments).run().expect_code(code);
        assert_says(&output.stderr, needles);
        assert_eq!(output.stdout, "", "nothing is ready");
    }
    client_refuses(home, needles);
}

#[track_caller]
fn client_refuses(home: &Home, needles: &[&str]) {
    let output = home.agentctl(["ask", "hello"]).run().expect_code(3);
    assert_says(&output.stderr, needles);
    assert!(output.stderr.starts_with("error: ") && output.stdout.is_empty(), "{output:?}");
    home.assert_no_leftovers();
}

#[test]
fn a_configuration_with_four_faults_names_all_four_lines() {
    let home = home();
    let text = "[log]\nlevel = \"loud\"\n[limits]\nmax_turns = 0\nmax_trns = 3\n[provider]\nbase_url = \"nonsense\"\n";
    let path = home.config(text).display().to_string();
    let lines = [
        format!("{path}:2: log.level"),
        format!("{path}:4: limits.max_turns"),
        format!("{path}:5: limits.max_trns"),
        format!("{path}:7: provider.base_url"),
    ];
    let needles: Vec<&str> = lines.iter().map(String::as_str).collect();
    refuses(&home, 78, &needles);
}

#[test]
fn an_unwritable_state_directory_is_named_with_the_cure() {
    let home = home();
    let user = PlainUser::of(&home);
    let state = home.state_dir();
    private_dir(&state);
    user.own();
    chmod(&state, 0o500);
    let shown = state.display().to_string();
    for arguments in [&[][..], &["--daemonize"]] {
        let output = user.agentd(arguments).run().expect_code(1);
        assert_says(&output.stderr, &["cannot write to", &shown, "chmod u+rwx", "AGENTD_STATE_DIR"]);
    }
    let output = user.agentctl(&["ask", "hello"]).run().expect_code(3);
    assert_says(&output.stderr, &[&shown, "hint: ", "writable", "AGENTD_STATE_DIR"]);
    chmod(&state, 0o700);
    home.assert_no_leftovers();
}

#[test]
fn a_state_directory_that_others_can_write_is_refused_and_left_as_it_is() {
    let home = home();
    let state = home.state_dir();
    private_dir(&state);
    chmod(&state, 0o770);
    let cure = format!("chmod 700 {}", state.display());
    refuses(&home, 1, &["others can write to", "mode 0770", &cure]);
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o770, "never repaired silently");
}

#[test]
fn a_state_directory_that_is_a_file_or_a_link_is_refused() {
    let home = home();
    let state = home.state_dir();
    home.write(&state, b"mine");
    refuses(&home, 1, &[&state.display().to_string(), "AGENTD_STATE_DIR"]);
    fs::remove_file(&state).unwrap();
    let real = home.root().join("real");
    private_dir(&real);
    symlink(&real, &state).unwrap();
    refuses(&home, 1, &["is a symbolic link", "AGENTD_STATE_DIR"]);
}

#[test]
fn a_symlinked_runtime_directory_is_refused() {
    let home = home();
    let elsewhere = home.root().join("elsewhere");
    private_dir(&elsewhere);
    symlink(&elsewhere, home.root().join("r/agentd")).unwrap();
    refuses(&home, 1, &["r/agentd is a symbolic link", "AGENTD_SOCKET"]);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing was made behind the link");
}

#[test]
fn a_runtime_directory_that_the_group_can_write_is_refused() {
    let home = home();
    let dir = home.root().join("r/agentd");
    private_dir(&dir);
    chmod(&dir, 0o770);
    let cure = format!("chmod 700 {}", dir.display());
    refuses(&home, 1, &["others can write to", &cure]);
    // With a living socket in it the client does not even connect.
    let _listener = UnixListener::bind(dir.join("agentd.sock")).unwrap();
    client_refuses(&home, &["not talking to", "others may write", &cure]);
}

#[test]
fn a_socket_path_of_more_than_100_bytes_is_refused_with_its_length() {
    let home = home();
    let path = home.root().join("x".repeat(100)).join("agentd.sock");
    home.set_env("AGENTD_SOCKET", &path);
    let bytes = format!("{} bytes", path.as_os_str().len());
    refuses(&home, 1, &["the socket path has", &bytes, "at most 100", &path.display().to_string(), "AGENTD_SOCKET"]);
}

#[test]
fn something_that_is_no_socket_is_in_the_way_and_stays() {
    let home = home();
    let socket = home.socket();
    home.write(&socket, b"precious");
    refuses(&home, 1, &[&socket.display().to_string(), "not a socket"]);
    assert_eq!(fs::read(&socket).unwrap(), b"precious");
}

#[test]
fn a_socket_that_another_program_serves_is_not_taken_over() {
    let home = home();
    let socket = home.socket();
    private_dir(socket.parent().unwrap());
    let listener = UnixListener::bind(&socket).unwrap();
    let output = home.agentd(["--daemonize"]).run().expect_code(1);
    assert_says(&output.stderr, &["another program listens on", &socket.display().to_string(), "AGENTD_SOCKET"]);
    assert!(socket.exists());
    drop(listener);
    home.assert_no_leftovers();
}

#[test]
fn a_second_daemon_names_the_pid_and_the_socket_of_the_first() {
    let (home, _provider) = with(Scenario::new());
    ask_echo(&home, "hello");
    let (pid, socket) = (format!("(pid {}", home.daemon_pid()), home.socket());
    for arguments in [&[][..], &["--daemonize"]] {
        let output = home.agentd(arguments).run().expect_code(1);
        assert_says(&output.stderr, &["agentd is already running", &pid, &socket.display().to_string()]);
    }
    // Another socket does not make another daemon: identity belongs to the state directory.
    let other = home.root().join("other.sock");
    let output = home.agentd(["--daemonize"]).env("AGENTD_SOCKET", &other).run().expect_code(1);
    assert_says(&output.stderr, &["already running", &pid]);
    ask_echo(&home, "still there");
    stop(&home);
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let home = home();
    let output = home.agentd(["--deamonize"]).run().expect_code(2);
    assert_says(&output.stderr, &["--deamonize", "--daemonize"]);
    home.assert_no_leftovers();
}
