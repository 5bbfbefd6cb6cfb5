use std::path::Path;

use rustix::process::{Pid, Signal};
use tokio::{io::AsyncReadExt as _, time::Instant};

use super::*;
use crate::process::{
    become_subreaper,
    tests::{DEADLINE, eventually, gone, pid_in},
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
        ["PATH", "A_TOKEN"].contains(&name)
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
