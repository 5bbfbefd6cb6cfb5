use std::{
    ffi::{OsStr, OsString},
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    environment::{FIXED, PASSED},
    *,
};
use crate::redact::ModelView;

/// First argument that makes the test program a small daemon: it runs one shell line and waits for ever.
const DAEMON: &str = "__daemon_of_a_test";

/// First argument that makes the test program a small daemon with a service: state directory, shell line.
pub(super) const SERVING: &str = "__daemon_with_a_service_of_a_test";

/// Longer than any of these tests needs, shorter than a runner's patience.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Makes the library's test program able to be its own supervisor, as the daemon's `main` is: a constructor runs before
/// the test harness reads the command line.
// SAFETY: the C library calls each pointer of `.init_array` once, on one thread, after its own set-up and after the
// standard library's entry of the same array (it has a priority, so it comes first) has stored the arguments. The
// function has a signature the C library can call (it ignores the three arguments).
#[expect(unsafe_code, reason = "argued above; tests only")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

#[expect(clippy::disallowed_methods, clippy::exit, reason = "the process must end before the test harness starts")]
extern "C" fn before_main() {
    if let Some(code) = supervisor::exit_code() {
        std::process::exit(code.into());
    }
    let mut arguments = std::env::args().skip(1);
    let (first, mut next) = (arguments.next(), || arguments.next().unwrap_or_default());
    match first.as_deref() {
        Some(DAEMON) => daemon(&next()),
        Some(SERVING) => serving(next().into(), &next()),
        _ => {}
    }
}

/// The small daemon. Only SIGKILL ends it.
fn daemon(line: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    become_subreaper().unwrap();
    let _ended = runtime.block_on(run(shell(line)));
}

/// The small daemon with a service. Only SIGKILL ends it.
fn serving(state_dir: PathBuf, line: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    become_subreaper().unwrap();
    keep_notes(state_dir);
    let argv = ["sh", "-c", line].map(OsString::from).to_vec();
    let command = service::ServiceCommand { argv, directory: File::open("/").unwrap(), env: Vec::new() };
    runtime.block_on(async {
        let mut service = service::start(command).await.unwrap();
        service.handle.ended().await;
        std::future::pending::<()>().await;
    });
}

fn command(argv: &[&str]) -> Command {
    Command {
        argv: argv.iter().map(OsString::from).collect(),
        directory: File::open("/").unwrap(),
        stdin: None,
        timeout: DEADLINE,
        output_cap: 64 * 1024,
        cancel: CancellationToken::new(),
        view: ModelView::default(),
    }
}

fn shell(line: &str) -> Command {
    command(&["sh", "-c", line])
}

/// Waits until `holds` does.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn gone(pid: u32) -> bool {
    tree::stat(pid).is_none_or(|stat| stat.zombie)
}

/// The pid that a command wrote into a file.
fn written_pid(file: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(file).ok()?;
    text.strip_suffix('\n')?.parse().ok()
}

pub(super) async fn pid_in(file: &Path) -> u32 {
    eventually("the command writes a pid", || written_pid(file).is_some()).await;
    written_pid(file).unwrap()
}

#[tokio::test]
async fn output_exit_code_and_input_pass_through() {
    let mut command = shell("cat; echo err >&2; exit 7");
    command.stdin = Some(b"in\n".to_vec());
    let finished = run(command).await.unwrap();
    assert_eq!((finished.ending, finished.code, finished.signal), (Ending::Exited, Some(7), None));
    assert_eq!((finished.stdout.text().as_str(), finished.stderr.text().as_str()), ("in\n", "err\n"));
}

#[tokio::test]
async fn input_that_is_not_read_does_not_hold_the_command() {
    let mut command = shell("exit 0");
    command.stdin = Some(vec![b'x'; 4 << 20]);
    let finished = run(command).await.unwrap();
    assert_eq!(finished.code, Some(0));
}

#[tokio::test]
async fn the_end_by_a_signal_is_told() {
    let finished = run(shell("kill -KILL $$")).await.unwrap();
    assert_eq!((finished.code, finished.signal), (None, Some(9)));
}

#[tokio::test]
async fn what_cannot_start_is_named() {
    let missing = run(command(&["agentd-no-such-program"])).await.unwrap_err();
    assert_eq!(missing.to_string(), "command not found: agentd-no-such-program");
    assert!(matches!(run(command(&[])).await, Err(ProcessError::Empty)));
    assert!(matches!(run(command(&[""])).await, Err(ProcessError::Empty)));
    assert!(matches!(run(command(&["echo", "a\0b"])).await, Err(ProcessError::Nul)));
    let finished = run(command(&["/proc/version"])).await.unwrap();
    assert_eq!(finished.code, Some(126));
    assert!(finished.stderr.text().contains("cannot start the command"), "{}", finished.stderr.text());
}

#[tokio::test]
async fn the_environment_is_the_allow_list() {
    let finished = run(command(&["env"])).await.unwrap();
    let text = finished.stdout.text();
    let allowed =
        |name: &str| name == "PATH" || PASSED.contains(&name) || FIXED.iter().any(|(fixed, _)| *fixed == name);
    let foreign: Vec<&str> = text.lines().filter(|line| !line.split('=').next().is_some_and(allowed)).collect();
    assert_eq!(foreign, Vec::<&str>::new());
    assert!(text.contains("TERM=dumb\n") && text.contains("GIT_TERMINAL_PROMPT=0\n"), "{text}");
}

#[tokio::test]
async fn a_command_has_its_own_group_and_session_no_core_dump_and_no_file_of_ours() {
    let ours = File::open("/").unwrap();
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::empty()).unwrap();
    let finished = run(shell("cut -d' ' -f1,5,6 /proc/$$/stat; ulimit -c; ls /proc/self/fd")).await.unwrap();
    drop(ours);
    let text = finished.stdout.text();
    let mut lines = text.lines();
    let ids: Vec<u32> = lines.next().unwrap().split(' ').map(|id| id.parse().unwrap()).collect();
    let us = tree::stat(std::process::id()).unwrap();
    assert_eq!(ids[0], ids[1], "leads its group");
    assert_ne!(ids[2], us.session);
    assert_eq!(lines.next(), Some("0"));
    assert_eq!(lines.collect::<Vec<_>>(), ["0", "1", "2", "3"], "3 is the directory that ls reads");
}

#[tokio::test]
async fn a_command_that_prints_for_ever_is_ended_and_its_output_bounded() {
    let mut command = command(&["yes"]);
    command.timeout = Duration::from_millis(300);
    command.output_cap = 1000;
    let finished = run(command).await.unwrap();
    assert_eq!(finished.ending, Ending::TimedOut);
    assert!(finished.stdout.text().len() < 1100);
    assert!(finished.stdout.cut() > 1000);
}

#[tokio::test]
async fn a_command_that_ignores_term_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let mut command = shell(&format!("trap '' TERM; echo $$ > {}; while :; do sleep 1; done", file.display()));
    command.cancel = CancellationToken::new();
    let cancel = command.cancel.clone();
    let running = tokio::spawn(run(command));
    let pid = pid_in(&file).await;
    cancel.cancel();
    let finished = running.await.unwrap().unwrap();
    assert_eq!(finished.ending, Ending::Cancelled);
    assert!(finished.elapsed >= supervisor::TERM_GRACE, "TERM was given its time");
    assert!(finished.elapsed < STOP_GRACE, "the supervisor did it");
    assert!(gone(pid));
}

#[tokio::test]
async fn a_command_that_forks_away_with_setsid_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    // The background shell detaches, keeps stdout open and ignores TERM and HUP.
    let line = format!(
        "setsid sh -c 'trap \"\" TERM HUP; (echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600)' & \
         while ! test -e {0}; do :; done",
        file.display()
    );
    let finished = run(shell(&line)).await.unwrap();
    assert_eq!((finished.ending, finished.code), (Ending::Exited, Some(0)));
    assert!(finished.elapsed < DEADLINE / 2, "an open pipe does not hold the call: {:?}", finished.elapsed);
    assert!(gone(written_pid(&file).unwrap()));
}

#[tokio::test]
async fn a_daemonised_grandchild_with_a_cleared_environment_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let line = format!(
        "(setsid env -i /bin/sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600' </dev/null >/dev/null 2>&1 &); \
         while ! test -e {0}; do :; done",
        file.display()
    );
    run(shell(&line)).await.unwrap();
    assert!(gone(written_pid(&file).unwrap()));
}

#[tokio::test]
async fn one_command_that_ends_does_not_touch_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let cancel = CancellationToken::new();
    let mut long = shell(&format!("setsid sh -c 'echo $$ > {}; exec sleep 600'; wait", file.display()));
    long.cancel = cancel.clone();
    let long = tokio::spawn(run(long));
    let pid = pid_in(&file).await;
    run(shell("setsid sleep 600 & kill -KILL $$")).await.unwrap();
    kill_strays().await;
    assert!(!gone(pid), "the other command goes on");
    assert!(descends_from_us(pid));
    cancel.cancel();
    assert_eq!(long.await.unwrap().unwrap().ending, Ending::Cancelled);
    assert!(gone(pid));
}

#[tokio::test]
async fn a_command_that_kills_its_supervisor_leaves_nothing() {
    become_subreaper().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let line = format!("echo $$ > {0}.new; mv {0}.new {0}; kill -KILL $PPID; exec sleep 600", file.display());
    let finished = run(shell(&line)).await.unwrap();
    assert_eq!(finished.signal, Some(9));
    assert!(gone(written_pid(&file).unwrap()));
}

#[tokio::test]
async fn a_stopped_supervisor_does_not_hold_the_call_for_ever() {
    become_subreaper().unwrap();
    let mut command = shell("kill -STOP $PPID; exec sleep 600");
    command.timeout = Duration::from_millis(200);
    let finished = run(command).await.unwrap();
    assert_eq!(finished.ending, Ending::TimedOut);
    assert!(finished.elapsed < DEADLINE);
}

#[tokio::test]
async fn a_dropped_call_ends_its_command() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let running = tokio::spawn(run(shell(&format!("echo $$ > {}; exec sleep 600", file.display()))));
    let pid = pid_in(&file).await;
    running.abort();
    eventually("the command is gone", || gone(pid)).await;
}

#[tokio::test]
async fn a_child_and_its_detached_grandchild_descend_from_us() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let cancel = CancellationToken::new();
    let mut command = shell(&format!("(setsid sh -c 'echo $$ > {}; exec sleep 600' &); sleep 600", file.display()));
    command.cancel = cancel.clone();
    let running = tokio::spawn(run(command));
    let pid = pid_in(&file).await;
    assert!(descends_from_us(pid));
    cancel.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn sigkill_of_the_daemon_leaves_no_command_running() {
    let directory = tempfile::tempdir().unwrap();
    let (leader, away) = (directory.path().join("leader"), directory.path().join("away"));
    let line = format!(
        "setsid sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done' & echo $$ > {}; sleep 600",
        away.display(),
        leader.display()
    );
    #[expect(clippy::disallowed_methods, reason = "this is the process module")]
    let mut daemon =
        std::process::Command::new(std::env::current_exe().unwrap()).arg(DAEMON).arg(&line).spawn().unwrap();
    let (leader, away) = (pid_in(&leader).await, pid_in(&away).await);
    assert!(!gone(leader) && !gone(away));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    eventually("leader and detached child are gone", || gone(leader) && gone(away)).await;
}

#[tokio::test]
async fn a_relative_directory_of_the_search_path_is_not_used() {
    assert!(find_program(OsStr::new("sh")).is_some_and(|file| file.is_absolute()));
    assert_eq!(find_program(OsStr::new("../bin/sh")), None);
    assert_eq!(find_program(OsStr::new("")), None);
}

#[tokio::test]
async fn many_commands_at_once_all_end_and_are_told_apart() {
    let started = Instant::now();
    let runs = (0..20).map(|n| {
        let line = format!("setsid sleep 600 & echo {n}");
        tokio::spawn(async move { run(shell(&line)).await })
    });
    let runs: Vec<_> = runs.collect();
    for (n, finished) in runs.into_iter().enumerate() {
        assert_eq!(finished.await.unwrap().unwrap().stdout.text(), format!("{n}\n"));
    }
    assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
}
