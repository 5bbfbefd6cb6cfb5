use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    time::Duration,
};

use super::*;
use crate::memory::{portable::Fault, sample};

const STAMPED: &str = "agentd-memory-20251122T194333Z.jsonl";

fn rotation() -> Rotation<'static> {
    Rotation { keep: 7, spare: None }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

struct Case {
    base: tempfile::TempDir,
    backups: Backups,
}

impl Case {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let backups = Backups::new(base.path().join("state"));
        fs::create_dir(base.path().join("state")).unwrap();
        Self { base, backups }
    }

    fn write(&self, seconds: u64) -> Written {
        self.backups.write(None, &sample::every_kind("x"), sample::at(seconds), rotation()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        names(&self.backups.home())
    }
}

#[test]
fn a_backup_holds_every_record_and_is_for_us_alone() {
    let case = Case::new();
    let written = case.write(sample::MADE);
    assert_eq!(written.path, case.backups.home().join(STAMPED));
    assert_eq!((written.records, written.skipped, written.removed.len()), (6, 0, 0));
    let meta = fs::metadata(&written.path).unwrap();
    assert_eq!((meta.len(), meta.mode() & 0o7777), (written.bytes, 0o600));
    assert_eq!(fs::metadata(case.backups.home()).unwrap().mode() & 0o7777, 0o700);
    let contents = read(&written.path, &Redactor::default()).unwrap();
    assert_eq!(contents.records, sample::every_kind("x"));
    assert_eq!(contents.made, "2025-11-22T19:43:33Z");
    assert_eq!(case.names(), [STAMPED]);
}

#[test]
fn a_name_is_exactly_ours_or_none_of_ours() {
    for good in [STAMPED, "agentd-memory-20251122T194333Z-1.jsonl", "agentd-memory-20251122T194333Z-99.jsonl"] {
        assert_eq!(Name::of(good).unwrap().to_string(), good);
    }
    assert_eq!(Name::of(STAMPED).unwrap().time(), sample::at(sample::MADE));
    for foreign in [
        "agentd-memory-20251122T194333Z-0.jsonl",
        "agentd-memory-20251122T194333Z-01.jsonl",
        "agentd-memory-20251122T194333Z-100.jsonl",
        "agentd-memory-20251122T194333Z-.jsonl",
        "agentd-memory-20251322T194333Z.jsonl",
        "agentd-memory-20251122T194333.jsonl",
        "agentd-memory-20251122T194333Z.json",
        "agentd-memory-20251122T194333Z.jsonl.bak",
        "agentd-memory-2025-11-22T194333Z.jsonl",
        "agentd-memory-.jsonl",
        "x",
        "",
    ] {
        assert_eq!(Name::of(foreign), None, "{foreign}");
    }
}

#[test]
fn two_backups_of_one_second_have_two_names_in_order() {
    let case = Case::new();
    let paths: Vec<_> = (0..3).map(|_| case.write(sample::MADE).path).collect();
    let listed: Vec<_> = case.backups.list(&case.backups.home()).unwrap().into_iter().map(|found| found.path).collect();
    assert_eq!(listed, [paths[2].clone(), paths[1].clone(), paths[0].clone()]);
    assert!(paths[2].ends_with("agentd-memory-20251122T194333Z-2.jsonl"));
}

#[test]
fn the_newest_stay_and_foreign_files_are_never_touched() {
    let case = Case::new();
    let home = case.backups.home();
    let foreign = ["agentd-memory-20200101T000000Z.jsonl.bak", "agentd-memory-20200101.jsonl", "notes.jsonl"];
    fs::create_dir(&home).unwrap();
    for name in foreign {
        fs::write(home.join(name), "").unwrap();
    }
    fs::create_dir(home.join("agentd-memory-20200101T000000Z.jsonl")).unwrap();
    symlink("notes.jsonl", home.join("agentd-memory-20200102T000000Z.jsonl")).unwrap();
    let before = case.names().len();
    for day in 0..10 {
        let written = case.write(sample::MADE + day * 86_400);
        assert_eq!(written.removed.len(), usize::from(day >= 7), "{:?}", written.removed);
    }
    assert_eq!(case.names().len(), before + 7);
    assert!(!home.join(STAMPED).exists());
}

#[test]
fn a_clock_set_back_does_not_cost_the_new_backup_and_the_one_to_spare_stays() {
    let case = Case::new();
    for day in 10..13 {
        case.write(sample::MADE + day * 86_400);
    }
    let rotation = Rotation { keep: 2, ..rotation() };
    let write = |rotation| case.backups.write(None, &[], sample::at(sample::MADE), rotation).unwrap();
    let written = write(rotation);
    assert!(written.path.exists());
    assert_eq!(written.removed.len(), 2);
    let spare = case.backups.list(&case.backups.home()).unwrap().remove(1).path;
    write(Rotation { keep: 1, spare: Some(&spare) });
    assert!(spare.exists());
    assert_eq!(case.names().len(), 2);
}

#[test]
fn another_directory_is_made_noted_and_rotated_by_itself() {
    let case = Case::new();
    let other = case.base.path().join("usb/backups");
    let keep_one = Rotation { keep: 1, spare: None };
    let write = |to, seconds| case.backups.write(to, &[], sample::at(seconds), keep_one).unwrap();
    write(None, sample::MADE);
    write(Some(other.as_path()), sample::MADE + 1);
    write(Some(other.as_path()), sample::MADE + 2);
    assert_eq!((case.names().len(), names(&other).len()), (1, 1));
    assert_eq!(case.backups.places().unwrap(), [case.backups.home(), other.canonicalize().unwrap()]);
    assert_eq!(case.backups.newest().unwrap().name.time(), sample::at(sample::MADE + 2));
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_and_the_old_backups_stay() {
    let case = Case::new();
    case.write(sample::MADE);
    let open = case.base.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(case.base.path().join("file"), "").unwrap();
    for (to, kind) in [
        (Path::new("relative"), ErrorKind::Usage),
        (&open, ErrorKind::Refused),
        (&case.base.path().join("file"), ErrorKind::Refused),
    ] {
        let failure: Failure = case.backups.write(Some(to), &[], sample::at(0), rotation()).unwrap_err().into();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.hint.is_empty() || kind == ErrorKind::Usage, "{failure}");
    }
    assert_eq!(case.names(), [STAMPED]);
    assert_eq!(names(&open), Vec::<String>::new());
    assert_eq!(case.backups.places().unwrap().len(), 1);
}

#[test]
fn a_half_written_file_of_a_crash_goes_with_the_next_backup() {
    let case = Case::new();
    case.write(sample::MADE);
    fs::write(case.backups.home().join(".agentd-memory-1-1.tmp"), "half").unwrap();
    case.write(sample::MADE);
    assert_eq!(case.names().len(), 2);
}

#[test]
fn the_newest_good_backup_is_found_behind_damaged_ones() {
    let case = Case::new();
    let redactor = Redactor::default();
    assert!(matches!(case.backups.newest_good(&redactor), Err(BackupError::None(_))));
    let paths: Vec<_> = (0..3).map(|day| case.write(sample::MADE + day * 86_400).path).collect();
    assert_eq!(case.backups.newest_good(&redactor).unwrap().0, paths[2]);
    fs::write(&paths[2], "").unwrap();
    let mut bytes = fs::read(&paths[1]).unwrap();
    bytes[200] ^= 1;
    fs::write(&paths[1], bytes).unwrap();
    assert_eq!(case.backups.newest_good(&redactor).unwrap().0, paths[0]);
    fs::write(&paths[0], "x").unwrap();
    let error = case.backups.newest_good(&redactor).unwrap_err();
    assert!(error.to_string().contains("none of the 3 backups") && error.to_string().contains("line 1"), "{error}");
}

#[test]
fn what_is_not_a_good_backup_is_refused_with_line_and_cause() {
    let case = Case::new();
    let redactor = Redactor::default();
    let path = case.write(sample::MADE).path;
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"x").unwrap();
    let error = read(&path, &redactor).unwrap_err();
    assert!(
        matches!(&error, BackupError::Bad { source: ReadError { line: 9, fault: Fault::AfterTheEnd }, .. }),
        "{error}"
    );
    let failure: Failure = error.into();
    assert!(failure.hint.contains("nothing was changed"), "{failure}");

    let kind = |path: &Path| Failure::from(read(path, &redactor).unwrap_err()).kind;
    assert_eq!(kind(&case.base.path().join("none")), ErrorKind::NotFound);
    assert_eq!(kind(Path::new("relative")), ErrorKind::Usage);
    assert_eq!(kind(case.base.path()), ErrorKind::Failure);
    let fifo = case.base.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(kind(&fifo), ErrorKind::Failure);
}

#[test]
fn a_record_that_fits_no_line_costs_no_backup() {
    let case = Case::new();
    let mut kept = sample::every_kind("x");
    kept.push(sample::conversation("long", &"x".repeat(BODY_MAX), ""));
    let written = case.backups.write(None, &kept, sample::at(0) + Duration::from_secs(1), rotation()).unwrap();
    assert_eq!((written.records, written.skipped), (6, 1));
    assert!(read(&written.path, &Redactor::default()).is_ok());
}
