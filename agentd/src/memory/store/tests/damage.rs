//! Damaged files of the real store: every open succeeds, survivors are right, the rest is reported.

use std::{fs, io::Write, os::unix::fs::FileExt};

use super::*;

/// Trials in an ordinary run; `STORE_FLIPS=500` is the figure that is reported.
const FLIPS: usize = 100;
const RECORDS: u8 = 60;

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &target),
            false => _ = fs::copy(entry.path(), target).unwrap(),
        }
    }
}

fn length(number: u8) -> usize {
    usize::from(number) * 97
}

/// A store as a daemon leaves it.
fn built(memory: &Path) {
    let (mut keeper, ..) = keeper(Place::new(memory), &Ram::default());
    for round in 0..3 {
        for number in 0..RECORDS {
            keeper.put(&record(number, if round == 2 { length(number) } else { 1000 })).unwrap();
        }
        keeper.commit().unwrap();
    }
    keeper.stop();
}

/// Damages one file of the store; says how.
fn damage(memory: &Path, rng: &mut fastrand::Rng) -> String {
    let files = files_below(memory);
    let db = memory.join("store/db");
    let path = if rng.u8(..3) == 0 { files[rng.usize(..files.len())].clone() } else { db };
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let len = file.metadata().unwrap().len();
    let at = rng.u64(..len.max(1));
    let name = path.strip_prefix(memory).unwrap().display();
    if rng.u8(..4) == 0 {
        file.set_len(at).unwrap();
        return format!("{name} cut at {at} of {len}");
    }
    let mut byte = [0];
    file.read_at(&mut byte, at).unwrap();
    file.write_at(&[byte[0] ^ (1 << rng.u8(..8))], at).unwrap();
    format!("{name} flipped at {at} of {len}")
}

#[test]
fn damaged_files_stop_no_start_and_give_no_wrong_record() {
    let (_state, pattern) = state();
    built(&pattern);
    let trials = std::env::var("STORE_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(FLIPS);
    let (mut whole, mut partly, mut aside, mut silent) = (0, 0, 0, 0);
    for trial in 0..trials {
        let mut rng = fastrand::Rng::with_seed(u64::try_from(trial).unwrap());
        let (_state, memory) = state();
        copy_dir(&pattern, &memory);
        let what = damage(&memory, &mut rng);
        let opened = found(Place::new(&memory));
        let lost = usize::from(RECORDS) - opened.records.len();
        match &opened.report {
            Report::Good | Report::Fresh => (whole, silent) = (whole + 1, silent + usize::from(lost > 0)),
            Report::Damaged { skipped, missing } => {
                partly += 1;
                assert!(skipped + missing >= lost, "{what}: {opened:?}");
            }
            Report::Quarantined { salvaged, .. } => {
                aside += 1;
                assert_eq!(*salvaged, opened.records.len(), "{what}");
            }
            Report::RamOnly { why } => panic!("{what}: not opened: {why}"),
        }
        for stored in &opened.records {
            let right = [record(stored.id[0], length(stored.id[0])), record(stored.id[0], 1000)].contains(stored);
            assert!(right, "{what}: a wrong record {}", stored.id[0]);
        }
        let again = found(Place::new(&memory));
        assert_eq!(again.report, Report::Good, "{what}: after that it is good");
        assert!(again.records == opened.records, "{what}: and the same");
    }
    assert_eq!(silent, 0, "what is lost is reported");
    let mut out = std::io::stdout();
    writeln!(out, "{trials} damaged stores: {whole} whole, {partly} in part, {aside} moved aside").unwrap();
}

#[test]
fn a_half_written_snapshot_does_not_block_the_store() {
    let (_state, memory) = state();
    built(&memory);
    fs::write(memory.join("store/snap.00000000FFFFFFFF.generating"), "").unwrap();
    let opened = found(Place::new(&memory));
    assert_eq!((opened.report, opened.records.len()), (Report::Good, usize::from(RECORDS)));
}

#[test]
fn a_switch_that_was_cut_is_completed_or_undone() {
    for whole in [true, false] {
        let (_state, memory) = state();
        built(&memory);
        // Between the two renames of a file system that cannot exchange.
        fs::rename(memory.join("store"), memory.join("store.old")).unwrap();
        if whole {
            copy_dir(&memory.join("store.old"), &memory.join("store.new"));
        }
        let opened = found(Place::new(&memory));
        assert_eq!((opened.report, opened.records.len()), (Report::Good, usize::from(RECORDS)), "{whole}");
        assert!(!memory.join("store.old").exists() && !memory.join("store.new").exists());
    }
}

#[test]
fn only_the_last_two_memories_are_kept_aside() {
    let (state, memory) = state();
    for _ in 0..4 {
        built(&memory);
        fs::write(memory.join("store/db"), vec![0x5a; 4 << 20]).unwrap();
        assert!(matches!(found(Place::new(&memory)).report, Report::Quarantined { .. }));
    }
    let names = fs::read_dir(state.path()).unwrap().flatten().map(|entry| entry.file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("memory.corrupt-")).count(), 2);
}

#[test]
fn a_link_in_the_place_of_the_store_is_not_followed() {
    let (state, memory) = state();
    let elsewhere = state.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &memory).unwrap();
    let opened = found(Place::new(&memory));
    assert!(matches!(opened.report, Report::Quarantined { .. }), "{opened:?}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert!(memory.join("store").is_dir());
}
