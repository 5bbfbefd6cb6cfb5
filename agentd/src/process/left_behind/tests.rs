use std::process::{Child, Command};

use super::*;
use crate::process::{
    notes::Mark,
    tests::{SERVING, eventually, gone, pid_in},
};

/// Our pid in the tables that are made up.
const US: u32 = 900;

fn stat(pid: u32, parent: u32, session: u32, start: u64) -> Stat {
    Stat { pid, parent, session, zombie: false, start }
}

fn seen(pid: u32, parent: u32, session: u32) -> Seen {
    Seen { stat: stat(pid, parent, session, 1000 + u64::from(pid)), cookie: None, pipes: Vec::new() }
}

fn carrier(cookie: &str, seen: Seen) -> Seen {
    Seen { cookie: Some(cookie.into()), ..seen }
}

/// A note about the service of supervisor 100, which started at 1100.
fn note(state: &Path) -> Note {
    Note::write(state, Mark::new(&stat(100, US, 100, 1100), crate::id::fresh(), vec![7, 8, 9])).unwrap()
}

fn pids(notes: &[Note], table: &[Seen]) -> Vec<u32> {
    belonging(notes, table, US).into_iter().map(|stat| stat.pid).collect()
}

#[test]
fn a_living_supervisor_proves_its_session() {
    let state = tempfile::tempdir().unwrap();
    let table = [seen(100, 1, 100), seen(101, 100, 100), seen(102, 1, 100), seen(200, 1, 200)];
    assert_eq!(pids(&[note(state.path())], &table), [100, 101, 102]);
}

#[test]
fn a_session_whose_number_was_given_away_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let note = note(state.path());
    let mut leader = seen(100, 1, 100);
    leader.stat.start += 1;
    let cookie = note.mark.cookie.clone();
    let table = [leader.clone(), seen(101, 100, 100), carrier(&cookie, seen(102, 1, 100))];
    assert_eq!(pids(&[note], &table), [102], "what carries the cookie is the service's all the same");
}

#[test]
fn a_session_without_its_leader_is_the_services_only_if_a_member_proves_it() {
    let state = tempfile::tempdir().unwrap();
    let note = [note(state.path())];
    let cookie = note[0].mark.cookie.clone();
    let (one, other) = (seen(101, 1, 100), seen(102, 1, 100));
    assert_eq!(pids(&note, &[one.clone(), other.clone()]), [0; 0]);
    assert_eq!(pids(&note, &[carrier(&cookie, one.clone()), other.clone()]), [101, 102]);
    assert_eq!(pids(&note, &[Seen { pipes: vec![8], ..one.clone() }, other.clone()]), [101, 102]);
    assert_eq!(pids(&note, &[Seen { pipes: vec![6], ..one.clone() }, other.clone()]), [0; 0]);
    assert_eq!(pids(&note, &[carrier("another", one), other]), [0; 0]);
}

#[test]
fn a_carrier_elsewhere_is_found_with_all_below_it_and_without_its_session() {
    let state = tempfile::tempdir().unwrap();
    let note = note(state.path());
    let cookie = note.mark.cookie.clone();
    let table = [seen(300, 1, 300), carrier(&cookie, seen(301, 300, 300)), seen(302, 301, 302), seen(303, 302, 302)];
    assert_eq!(pids(&[note], &table), [301, 302, 303]);
}

#[test]
fn we_ourselves_and_our_children_are_never_meant() {
    let state = tempfile::tempdir().unwrap();
    let note = note(state.path());
    let cookie = note.mark.cookie.clone();
    // Started by the service of an earlier daemon, in its session even.
    let table = [
        carrier(&cookie, seen(101, 1, 100)),
        carrier(&cookie, seen(US, 101, 100)),
        seen(901, US, 901),
        seen(902, 901, 901),
    ];
    assert_eq!(pids(&[note], &table), [101]);
}

#[test]
fn the_dead_prove_but_are_not_killed() {
    let state = tempfile::tempdir().unwrap();
    let mut leader = seen(100, 1, 100);
    leader.stat.zombie = true;
    assert_eq!(pids(&[note(state.path())], &[leader, seen(101, 1, 100)]), [101]);
}

/// A process of ours that is ended with the test.
struct Own(Child);

impl Own {
    fn start(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the process module")]
        let mut command = Command::new(program);
        Self(command.args(arguments).envs(environment.iter().copied()).spawn().unwrap())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Starts a daemon with a service, then kills both the daemon and the supervisor. Gives the state directory's guard.
async fn killed_in_one_blow(line: &str) -> (tempfile::TempDir, Note) {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().to_str().unwrap().to_owned();
    let line = line.replace("STATE", &directory);
    let mut daemon = Own::start(std::env::current_exe().unwrap(), &[SERVING, &directory, &line], &[]);
    eventually("the service has written its pids", || state.path().join("ready").exists()).await;
    let note = notes::left(state.path()).pop().unwrap();
    let supervisor = tree::stat(note.mark.pid).unwrap();
    assert_eq!((supervisor.start, supervisor.parent), (note.mark.start, daemon.0.id()));
    // The supervisor first: it must not see the daemon die. Stopped, so that its death is not noticed in between.
    let pid = |pid: u32| Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid(daemon.0.id()), Signal::STOP).unwrap();
    rustix::process::kill_process(pid(note.mark.pid), Signal::KILL).unwrap();
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();
    eventually("the supervisor is gone", || gone(note.mark.pid)).await;
    (state, note)
}

#[tokio::test]
async fn after_a_kill_of_daemon_and_supervisor_nothing_of_a_service_is_left() {
    // A leader that ignores TERM, one that called setsid and was forked away, one of the session without environment.
    let line = "trap '' TERM HUP; cd STATE; echo $$ > leader; \
        (setsid sh -c 'trap \"\" TERM; echo $$ > away; while :; do sleep 600; done' </dev/null >/dev/null 2>&1 &); \
        (env -i /bin/sh -c 'echo $$ > bare; while :; do sleep 600; done' </dev/null >/dev/null 2>&1 &); \
        while ! test -s away || ! test -s bare; do sleep 0.01; done; echo > ready; while :; do sleep 600; done";
    let (state, note) = killed_in_one_blow(line).await;
    let mut pids = Vec::new();
    for file in ["leader", "away", "bare"] {
        pids.push(pid_in(&state.path().join(file)).await);
    }
    assert!(pids.iter().all(|pid| !gone(*pid)), "they live on, or there is nothing to test");
    let mut bystander = Own::start("sleep", &["600"], &[(COOKIE, &crate::id::fresh().to_string())]);
    let begin = Instant::now();
    let killed = reap_left_behind(state.path().to_owned()).await;
    let took = begin.elapsed();
    eprintln!("{killed} processes in {took:?}");
    assert!(pids.iter().all(|pid| gone(*pid)));
    assert!(killed >= 6, "three shells and their sleeps: {killed}");
    assert!(took < SUPERVISOR_GRACE, "nobody was waited for: {took:?}");
    assert!(bystander.0.try_wait().unwrap().is_none());
    assert!(notes::left(state.path()).is_empty(), "{:?}", note.mark);
}

#[tokio::test]
async fn a_service_that_cleared_its_environment_is_known_by_its_pipes() {
    let line = "cd STATE; exec env -i /bin/sh -c 'echo $$ > leader; echo > ready; while :; do sleep 600; done'";
    let (state, _) = killed_in_one_blow(line).await;
    let leader = pid_in(&state.path().join("leader")).await;
    assert!(!gone(leader));
    reap_left_behind(state.path().to_owned()).await;
    assert!(gone(leader));
}

#[tokio::test]
async fn a_supervisor_that_still_lives_is_given_its_grace() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().to_str().unwrap().to_owned();
    // What it would say about its sleep's end goes nowhere: nobody reads it any more, and SIGPIPE would end it.
    let line = format!(
        "cd {directory}; exec 2>/dev/null; trap 'echo > tidy; exit' TERM; echo > ready; while :; do sleep 0.1; done"
    );
    let daemon = Own::start(std::env::current_exe().unwrap(), &[SERVING, &directory, &line], &[]);
    eventually("the service runs", || state.path().join("ready").exists()).await;
    drop(daemon);
    reap_left_behind(state.path().to_owned()).await;
    assert!(state.path().join("tidy").exists(), "it was told before it was killed");
    assert!(notes::left(state.path()).is_empty());
}

#[tokio::test]
async fn a_supervisor_that_is_stopped_is_killed_with_its_service() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().to_str().unwrap().to_owned();
    let line = format!("cd {directory}; echo $$ > leader; kill -STOP $PPID; echo > ready; exec sleep 600");
    let daemon = Own::start(std::env::current_exe().unwrap(), &[SERVING, &directory, &line], &[]);
    eventually("the service runs", || state.path().join("ready").exists()).await;
    let leader = pid_in(&state.path().join("leader")).await;
    let supervisor = notes::left(state.path()).pop().unwrap().mark.pid;
    drop(daemon);
    reap_left_behind(state.path().to_owned()).await;
    assert!(gone(leader) && gone(supervisor));
}

#[tokio::test]
async fn a_pid_that_was_given_to_another_process_is_not_killed() {
    let state = tempfile::tempdir().unwrap();
    // It leads a session of its own, as a supervisor does; only the start time tells that it is none.
    let mut other = Own::start("setsid", &["sleep", "600"], &[]);
    eventually("it leads a session", || {
        tree::stat(other.0.id()).is_some_and(|stat| stat.session == stat.pid && stat.pid == other.0.id())
    })
    .await;
    let mut stat = tree::stat(other.0.id()).unwrap();
    stat.start -= 1;
    Note::write(state.path(), Mark::new(&stat, crate::id::fresh(), vec![1])).unwrap();
    assert_eq!(reap_left_behind(state.path().to_owned()).await, 0);
    assert!(other.0.try_wait().unwrap().is_none());
    assert!(notes::left(state.path()).is_empty());
}

#[tokio::test]
async fn a_shot_at_a_start_time_that_is_not_the_processs_misses() {
    let mut other = Own::start("sleep", &["600"], &[]);
    let mut stat = tree::stat(other.0.id()).unwrap();
    stat.start -= 1;
    kill(&stat);
    assert!(other.0.try_wait().unwrap().is_none());
    stat.start += 1;
    kill(&stat);
    eventually("it is hit", || gone(other.0.id())).await;
}
