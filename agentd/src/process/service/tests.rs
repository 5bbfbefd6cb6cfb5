use std::path::Path;

use rustix::process::{Pid, Signal};
use tokio::{io::AsyncReadExt as _, time::Instant};

use super::*;
use crate::process::{
    become_subreaper,
    tests::{DEADLINE, SERVING, eventually, gone, pid_in},
};

fn command(argv: &[&str], env: &[(&str, &str)]) -> ServiceCommand {
    ServiceCommand {
        argv: argv.iter().map(OsString::from).collect(),
        directory: File::open("/").unwrap(),
        env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

async fn shell(line: &str) -> Service {
    start(command(&["sh", "-c", line], &[])).await.unwrap()
}

/// Everything that comes from a pipe until its end.
async fn all_of(mut pipe: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = String::new();
    timeout(DEADLINE, pipe.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

fn signal(pid: u32, signal: Signal) {
    rustix::process::kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

async fn leader(handle: &ServiceHandle) -> u32 {
    let begin = Instant::now();
    loop {
        if let Some(pid) = handle.leader_pid().await {
            return pid;
        }
        assert!(begin.elapsed() < DEADLINE, "the supervisor starts its program");
    }
}

#[tokio::test]
async fn a_service_leaves_when_its_input_is_closed() {
    let mut service = start(command(&["cat"], &[])).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut service.stdin, b"in\n").await.unwrap();
    let mut first = [0; 3];
    service.stdout.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"in\n");
    let pid = leader(&service.handle).await;
    let begin = Instant::now();
    drop(service.stdin);
    service.handle.stop().await;
    assert!(begin.elapsed() < CLOSE_GRACE && gone(pid));
}

#[tokio::test]
async fn how_a_service_ended_is_told_and_told_again() {
    let mut service = shell("exit 3").await;
    assert_eq!(service.handle.ended().await, "exit code 3");
    assert_eq!(service.handle.ended().await, "exit code 3");
    service.handle.stop().await;
    let mut service = shell("kill -KILL $$").await;
    assert_eq!(service.handle.ended().await, "signal 9");
}

#[tokio::test]
async fn the_wait_for_the_end_may_be_dropped() {
    let mut service = shell("read line; exit 4").await;
    assert!(timeout(Duration::from_millis(50), service.handle.ended()).await.is_err());
    drop(service.stdin);
    assert_eq!(service.handle.ended().await, "exit code 4");
}

#[tokio::test]
async fn the_leader_is_the_program_itself() {
    let service = shell("echo $$; read line").await;
    let pid = leader(&service.handle).await;
    assert_ne!(pid, service.handle.pid());
    drop(service.stdin);
    assert_eq!(all_of(service.stdout).await.trim(), pid.to_string());
}

#[tokio::test]
async fn a_service_sees_the_allow_list_and_its_own_variables_which_win() {
    let own = [("A_TOKEN", "t"), ("NO_COLOR", "0"), ("LANG", "own")];
    let service = start(command(&["env"], &own)).await.unwrap();
    let text = all_of(service.stdout).await;
    let known = |name: &str| {
        ["PATH", "A_TOKEN", COOKIE].contains(&name)
            || environment::PASSED.contains(&name)
            || environment::FIXED.iter().any(|(fixed, _)| *fixed == name)
    };
    let foreign: Vec<&str> = text.lines().filter(|line| !line.split('=').next().is_some_and(known)).collect();
    assert_eq!(foreign, Vec::<&str>::new());
    for line in ["A_TOKEN=t", "NO_COLOR=0", "LANG=own", "TERM=dumb"] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
}

#[tokio::test]
async fn a_program_is_looked_up_in_the_search_path_that_the_service_gets() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/sh", directory.path().join("agentd-test-shell")).unwrap();
    let path = directory.path().to_str().unwrap();
    let argv = ["agentd-test-shell", "-c", "exit 5"];
    let mut service = start(command(&argv, &[("PATH", path)])).await.unwrap();
    assert_eq!(service.handle.ended().await, "exit code 5");
    let missing = start(command(&argv, &[])).await.err().unwrap();
    assert_eq!(missing.to_string(), "command not found: agentd-test-shell");
    for program in ["/no/such/server", "./server", "/proc/version/server"] {
        let missing = start(command(&[program], &[])).await.err().unwrap();
        assert!(matches!(missing, ProcessError::NotFound(name) if name == program));
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told_on_standard_error() {
    let mut service = start(command(&["/proc/version"], &[])).await.unwrap();
    assert_eq!(service.handle.ended().await, "exit code 126");
    assert!(all_of(service.stderr).await.contains("cannot start the command"));
}

#[tokio::test]
async fn the_daemons_stop_ends_services_too() {
    let service = shell("trap '' TERM; while :; do sleep 1; done").await;
    let pid = leader(&service.handle).await;
    crate::process::stop_all().await;
    assert!(gone(pid));
    assert!(gone(service.handle.pid()));
}

#[tokio::test]
async fn a_dropped_handle_ends_the_service_even_if_its_supervisor_is_stopped() {
    let service = shell("exec sleep 600").await;
    let (supervisor, pid) = (service.handle.pid(), leader(&service.handle).await);
    signal(supervisor, Signal::STOP);
    drop(service);
    eventually("the service is gone", || gone(pid) && gone(supervisor)).await;
}

#[tokio::test]
async fn a_service_whose_supervisor_is_killed_leaves_nothing() {
    become_subreaper().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let away = directory.path().join("away");
    let mut service = shell(&detached(&away, "exec sleep 600")).await;
    let (pid, away) = (leader(&service.handle).await, pid_in(&away).await);
    signal(service.handle.pid(), Signal::KILL);
    let begin = Instant::now();
    assert_eq!(service.handle.ended().await, "signal 9");
    let took = begin.elapsed();
    assert!(gone(pid) && gone(away));
    assert!(took < SOON, "{took:?}");
}

/// How soon a death has to be known: calls in flight are answered within 100 ms of it. Twice that on a busy machine.
const SOON: Duration = Duration::from_millis(200);

/// A shell line that leaves a process behind which called `setsid`, forked twice and ignores TERM, and then goes on.
fn detached(file: &Path, then: &str) -> String {
    format!(
        "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > {0}.new; mv {0}.new {0}; while :; do sleep 600; done' &); \
         while ! test -e {0}; do sleep 0.01; done; {then}",
        file.display()
    )
}

#[tokio::test]
async fn a_dead_leader_is_known_at_once_although_a_grandchild_holds_its_output() {
    let directory = tempfile::tempdir().unwrap();
    let away = directory.path().join("away");
    let mut service = shell(&detached(&away, "exec sleep 600")).await;
    let (pid, away) = (leader(&service.handle).await, pid_in(&away).await);
    assert!(timeout(Duration::from_millis(1), service.stdout.read_u8()).await.is_err(), "it stays open");
    let begin = Instant::now();
    signal(pid, Signal::KILL);
    let (how, _) = tokio::join!(service.handle.ended(), all_of(service.stdout));
    let took = begin.elapsed();
    eprintln!("death to end of output: {took:?}");
    assert_eq!(how, "signal 9");
    assert!(gone(away));
    assert!(took < SOON, "{took:?}");
}

#[tokio::test]
async fn a_service_that_ignores_the_end_of_its_input_and_term_is_killed() {
    let service = shell("trap '' TERM; while :; do sleep 1; done").await;
    let pid = leader(&service.handle).await;
    let begin = Instant::now();
    drop(service.stdin);
    service.handle.stop().await;
    assert!(gone(pid));
    assert!(begin.elapsed() > CLOSE_GRACE + crate::process::supervisor::TERM_GRACE);
    assert!(begin.elapsed() < CLOSE_GRACE + crate::process::STOP_GRACE, "the supervisor did it");
}

#[tokio::test]
async fn a_stopped_service_is_gone_after_its_stop() {
    let directory = tempfile::tempdir().unwrap();
    let away = directory.path().join("away");
    let service = shell(&detached(&away, "exec sleep 600")).await;
    let (pid, away) = (leader(&service.handle).await, pid_in(&away).await);
    signal(pid, Signal::STOP);
    signal(away, Signal::STOP);
    drop(service.stdin);
    service.handle.stop().await;
    assert!(gone(pid) && gone(away));
}

#[tokio::test]
async fn a_stop_that_is_dropped_goes_on() {
    let service = shell("trap '' TERM; while :; do sleep 1; done").await;
    let pid = leader(&service.handle).await;
    drop(service.stdin);
    assert!(timeout(Duration::from_millis(50), service.handle.stop()).await.is_err());
    eventually("the service is gone", || gone(pid)).await;
}

#[tokio::test]
async fn a_note_is_kept_while_a_service_runs_and_tells_nothing_of_it() {
    let state = tempfile::tempdir().unwrap();
    let own = [("A_TOKEN", "secret-value")];
    let command = command(&["sh", "-c", "echo secret-argument; read line"], &own);
    let service = start_now(command, Some(state.path())).unwrap();
    let notes = notes::left(state.path());
    assert_eq!(notes.first().map(|note| note.mark.pid), Some(service.handle.pid()));
    assert_eq!(notes.first().map(|note| note.mark.pipes.len()), Some(3));
    let stat = tree::stat(service.handle.pid()).unwrap();
    let file = state.path().join(format!("children/{}-{}", stat.pid, stat.start));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("secret"));
    assert_eq!(crate::process::reap_left_behind(state.path().to_owned()).await, 0, "it runs under us");
    assert!(file.exists() && !gone(service.handle.pid()));
    drop(service.stdin);
    service.handle.stop().await;
    assert!(!file.exists());
}

#[tokio::test]
async fn a_note_goes_with_a_dropped_handle_too() {
    let state = tempfile::tempdir().unwrap();
    let service = start_now(command(&["sleep", "600"], &[]), Some(state.path())).unwrap();
    drop(service);
    eventually("the note is gone", || notes::left(state.path()).is_empty()).await;
}

#[tokio::test]
async fn without_a_place_for_notes_a_service_runs_all_the_same() {
    let mut service = start_now(command(&["true"], &[]), Some(Path::new("/proc/version"))).unwrap();
    assert_eq!(service.handle.ended().await, "exit code 0");
}

#[tokio::test]
async fn a_service_cannot_be_given_the_cookie_of_another() {
    let service = start(command(&["sh", "-c", "echo $AGENTD_SERVICE"], &[(COOKIE, "another")])).await.unwrap();
    let text = all_of(service.stdout).await;
    assert!(Uuid::try_parse(text.trim()).is_ok(), "{text}");
}

#[tokio::test]
async fn sigkill_of_the_daemon_leaves_no_service() {
    let state = tempfile::tempdir().unwrap();
    let (directory, away) = (state.path().to_str().unwrap(), state.path().join("away"));
    let line = format!(
        "trap '' TERM HUP; echo $$ > {directory}/leader; {}",
        detached(&away, "while :; do read line; sleep 1; done")
    );
    #[expect(clippy::disallowed_methods, reason = "this is the process module")]
    let mut daemon =
        std::process::Command::new(std::env::current_exe().unwrap()).args([SERVING, directory, &line]).spawn().unwrap();
    let (leader, away) = (pid_in(&state.path().join("leader")).await, pid_in(&away).await);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let begin = Instant::now();
    eventually("leader and detached child are gone", || gone(leader) && gone(away)).await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_wide_and_deep_tree_is_gone_soon_after_its_leader() {
    // Each shell of a chain of 20 starts the next and three detached ones.
    let chain = "n=$1; for i in 1 2 3; do (setsid sleep 600 &); done; \
        if [ $n -gt 0 ]; then sh -c \"$0\" \"$0\" $((n - 1)); else echo; sleep 600; fi";
    let mut service = start(command(&["sh", "-c", chain, chain, "20"], &[])).await.unwrap();
    timeout(DEADLINE, service.stdout.read_u8()).await.unwrap().unwrap();
    let (supervisor, leader) = (service.handle.pid(), leader(&service.handle).await);
    let below = tree::below(supervisor);
    assert!(below.len() > 80, "{}", below.len());
    let begin = Instant::now();
    signal(leader, Signal::KILL);
    let (how, _) = tokio::join!(service.handle.ended(), all_of(service.stdout));
    let took = begin.elapsed();
    eprintln!("{} processes gone in {took:?}", below.len());
    assert_eq!(how, "signal 9");
    assert!(below.iter().all(|stat| gone(stat.pid)));
    assert!(took < SOON, "{took:?}");
}

#[tokio::test]
async fn a_daemon_forked_twice_by_python_is_gone_with_its_service() {
    let directory = tempfile::tempdir().unwrap();
    let away = directory.path().join("away");
    let program = "import os, signal, sys, time\n\
        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
        if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.environ.clear()\n        \
        open(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\n        time.sleep(600)\n    os._exit(0)\n\
        sys.stdin.read()\n";
    let service = start(command(&["python3", "-c", program, away.to_str().unwrap()], &[])).await.unwrap();
    let away = pid_in(&away).await;
    drop(service.stdin);
    service.handle.stop().await;
    assert!(gone(away));
}
