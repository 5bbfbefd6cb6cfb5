//! A damaged memory: the daemon starts, says what happened, and a backup brings everything back.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use tests::{Signal, provider::Verdict};

use crate::{
    desk::Desk,
    files,
    notes::{QUESTION, answered, listed, source},
};

/// Files of the store, the largest first.
fn store_files(desk: &Desk) -> Vec<PathBuf> {
    let mut files = files(&desk.home.state_dir().join("memory"));
    files.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
    files.into_iter().map(|(path, _)| path).collect()
}

/// A desk with something to lose, a backup of it, and a daemon that has ended.
fn with_backup() -> Desk {
    let desk = answered(Verdict::Doubt);
    desk.ctl(["memory", "prefs", "set", "language", "Esperanto"]).run().expect_ok();
    desk.ctl(["memory", "backup"]).run().expect_ok();
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk
}

fn overwrite(path: &Path) {
    let length = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&vec![0xa5; length], 0).unwrap();
}

/// The damage is told, and the backup brings everything back.
#[track_caller]
fn comes_back(desk: Desk) {
    let status = desk.ctl(["memory", "status"]).run().expect_ok().stdout;
    let doctor = desk.ctl(["doctor"]).run().stdout;
    assert!(
        status.contains("agentctl memory restore") || doctor.contains("agentctl memory restore"),
        "{status}\n{doctor}"
    );
    assert!(status.contains("memory.corrupt-"), "{status}");
    assert!(doctor.contains("memory"), "{doctor}");
    assert!(listed(&desk).is_empty());
    desk.ctl(["memory", "restore"]).run().expect_ok();
    assert_eq!(desk.ctl(["memory", "prefs", "get", "language"]).run().expect_ok().stdout, "Esperanto\n");
    assert_eq!(listed(&desk).len(), 1);
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    assert_eq!(listed(&desk).len(), 1, "also after the next start");
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}

#[test]
fn a_store_of_nonsense_is_set_aside_and_restored_from_the_backup() {
    let desk = with_backup();
    store_files(&desk).iter().for_each(|path| overwrite(path));
    comes_back(desk);
}

#[test]
fn any_single_damaged_file_lets_the_daemon_start_and_answer() {
    let count = {
        let desk = with_backup();
        store_files(&desk).len()
    };
    for number in 0..count {
        let desk = with_backup();
        let file = store_files(&desk).swap_remove(number);
        overwrite(&file);
        let told = desk.ctl(["memory", "status"]).run().expect_ok().stdout;
        assert!(["model", "exact"].contains(&source(&desk, &[QUESTION]).as_str()), "{}: {told}", file.display());
        desk.ctl(["memory", "restore"]).run().expect_ok();
        assert_eq!(desk.ctl(["memory", "prefs", "get", "language"]).run().expect_ok().stdout, "Esperanto\n");
        desk.ctl(["daemon", "stop"]).run().expect_ok();
        desk.home.assert_no_leftovers();
    }
}

#[test]
fn a_store_that_is_gone_is_begun_anew() {
    let desk = with_backup();
    fs::remove_dir_all(desk.home.state_dir().join("memory")).unwrap();
    assert!(listed(&desk).is_empty());
    desk.ctl(["memory", "restore"]).run().expect_ok();
    assert_eq!(listed(&desk).len(), 1);
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}

#[test]
fn a_directory_that_cannot_be_written_costs_the_memory_and_not_the_answer() {
    let desk = with_backup();
    let memory = desk.home.state_dir().join("memory");
    fs::remove_dir_all(&memory).unwrap();
    fs::write(&memory, "a file in the way\n").unwrap();
    assert_eq!(source(&desk, &[QUESTION]), "model");
    assert_eq!(source(&desk, &[QUESTION]), "exact", "in RAM, or in what took its place");
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}

#[test]
fn a_second_daemon_is_refused_and_told_the_pid_of_the_first() {
    let desk = answered(Verdict::Doubt);
    let first = desk.daemon_pid();
    let second = desk.home.agentd([] as [&str; 0]).run();
    assert!(!matches!(second.code, Some(0) | None), "{second:?}");
    assert!(second.stderr.contains(&first.to_string()), "{}", second.stderr);
    tests::signal(first, Signal::TERM);
    desk.close();
}
