use std::{fs, sync::Mutex};

use super::*;
use crate::{
    memory::{rows, sample},
    sync::lock,
};

/// Records in RAM, and a file in the state directory for the store.
struct Fake {
    kept: Mutex<Vec<Kept>>,
    store: PathBuf,
    is_broken: bool,
}

impl Records for Fake {
    fn snapshot(&self) -> Vec<Kept> {
        lock(&self.kept).clone()
    }

    fn replace_all(&self, records: Vec<Kept>) -> Vec<Kept> {
        std::mem::replace(&mut lock(&self.kept), records)
    }

    fn remove(&self, is_selected: &dyn Fn(&Kept) -> bool) -> Vec<Kept> {
        let mut kept = lock(&self.kept);
        let (gone, rest) = kept.drain(..).partition(|kept| is_selected(kept));
        *kept = rest;
        gone
    }

    fn rewrite_store(&self, erase: bool) -> Result<(), String> {
        if self.is_broken {
            return Err("no space left".to_owned());
        }
        if erase {
            // As the store does, which may come first.
            let _ = fs::remove_dir_all(self.store.parent().unwrap().with_file_name("quarantine"));
        }
        let bodies: Vec<_> = self.snapshot().iter().map(|kept| rows::encode(kept).unwrap().body).collect();
        fs::write(&self.store, bodies.concat()).map_err(|error| error.to_string())
    }
}

struct Case {
    base: tempfile::TempDir,
    records: Fake,
    backups: Backups,
    redactor: Redactor,
}

impl Case {
    fn new(kept: Vec<Kept>) -> Self {
        let base = tempfile::tempdir().unwrap();
        let state = base.path().join("state");
        fs::create_dir_all(state.join("memory/store")).unwrap();
        let records = Fake { kept: Mutex::new(kept), store: state.join("memory/store/db"), is_broken: false };
        records.rewrite_store(false).unwrap();
        Self { base, records, backups: Backups::new(state), redactor: Redactor::default() }
    }

    fn upkeep(&self) -> Upkeep<'_> {
        let now = sample::at(sample::MADE);
        Upkeep { records: &self.records, backups: &self.backups, redactor: &self.redactor, now, keep: 2 }
    }

    fn backup(&self) -> BackupReport {
        self.upkeep().backup(&BackupRequest { directory: String::new() }).unwrap()
    }

    fn restore(&self, path: &str) -> Result<RestoreReport, Failure> {
        self.upkeep().restore(&RestoreRequest { path: path.to_owned(), check_only: false })
    }

    /// The files of the state directory that hold the text.
    fn holding(&self, text: &str) -> Vec<PathBuf> {
        let (mut found, mut dirs) = (Vec::new(), vec![self.base.path().to_owned()]);
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => dirs.push(entry.path()),
                    _ if String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).contains(text) => {
                        found.push(entry.path());
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

#[test]
fn a_restored_memory_is_the_one_that_was_backed_up() {
    let case = Case::new(sample::every_kind("old"));
    let written = case.backup();
    assert_eq!((written.records, written.sha256.len()), (6, 64));
    case.records.replace_all(sample::every_kind("new"));
    let report = case.restore(&written.path).unwrap();
    assert_eq!(report.kinds.iter().map(|kind| kind.count).collect::<Vec<_>>(), [1, 1, 2, 1, 1]);
    assert_eq!(case.records.snapshot(), sample::every_kind("old"));
    assert!(case.holding("old").contains(&case.records.store));
    // What was replaced can be had back; the newest backup is the one of it.
    assert_ne!(report.replaced, written.path);
    assert_eq!(case.restore("").unwrap().path, report.replaced);
    assert_eq!(case.records.snapshot(), sample::every_kind("new"));
}

#[test]
fn a_restore_does_not_cost_the_backup_it_reads() {
    let case = Case::new(sample::every_kind("x"));
    let oldest = case.backup();
    case.backup();
    case.restore(&oldest.path).unwrap();
    assert!(Path::new(&oldest.path).exists());
}

#[test]
fn nothing_is_backed_up_before_a_restore_when_there_is_nothing() {
    let case = Case::new(sample::every_kind("x"));
    let written = case.backup();
    case.records.replace_all(Vec::new());
    assert_eq!(case.restore(&written.path).unwrap().replaced, "");
}

#[test]
fn checking_changes_nothing() {
    let case = Case::new(sample::every_kind("x"));
    let path = case.backup().path;
    case.records.replace_all(Vec::new());
    let report = case.upkeep().restore(&RestoreRequest { path, check_only: true }).unwrap();
    assert_eq!((report.kinds[0].count, report.replaced.as_str()), (1, ""));
    assert!(case.records.snapshot().is_empty());
    assert_eq!(case.backups.list(&case.backups.home()).unwrap().len(), 1);
}

#[test]
fn a_damaged_backup_changes_nothing_wherever_the_damage_is() {
    let case = Case::new(sample::every_kind("x").split_off(3));
    let path = case.backup().path;
    let good = fs::read(&path).unwrap();
    let damaged = case.base.path().join("damaged");
    let present = sample::every_kind("present");
    case.records.replace_all(present.clone());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        for bytes in [bad.as_slice(), &good[..at]] {
            fs::write(&damaged, bytes).unwrap();
            let failure = case.restore(damaged.to_str().unwrap()).unwrap_err();
            assert!(failure.message.contains("line "), "{failure}");
        }
    }
    assert_eq!(case.records.snapshot(), present);
    assert_eq!(case.backups.list(&case.backups.home()).unwrap().len(), 1);
}

#[test]
fn a_store_that_cannot_be_written_has_the_old_content_put_back() {
    let mut case = Case::new(sample::every_kind("old"));
    let path = case.backup().path;
    case.records.replace_all(sample::every_kind("new"));
    case.records.is_broken = true;
    let failure = case.restore(&path).unwrap_err();
    assert!(failure.message.contains("nothing was restored") && failure.message.contains("no space left"));
    assert_eq!(case.records.snapshot(), sample::every_kind("new"));
}

/// A state directory with a marker wherever one can be.
fn marked() -> (Case, Vec<Kept>) {
    let mut kept = sample::every_kind("planted-marker");
    let others = [sample::conversation("other", "kept-text", "a"), sample::preference(None, "style", "kept-text")];
    kept.extend(others.clone());
    let case = Case::new(kept);
    case.backup();
    let directory = case.base.path().join("elsewhere").to_str().unwrap().to_owned();
    case.upkeep().backup(&BackupRequest { directory }).unwrap();
    let damaged = case.backup().path;
    fs::write(&damaged, &fs::read(&damaged).unwrap()[10..]).unwrap();
    let state = case.backups.state();
    fs::write(state.join("backups/.agentd-memory-9-9.tmp"), "planted-marker").unwrap();
    for dir in ["memory.corrupt-20251122T194333Z/store", "memory/quarantine"] {
        fs::create_dir_all(state.join(dir)).unwrap();
        fs::write(state.join(dir).join("db"), "planted-marker").unwrap();
    }
    assert_eq!(case.holding("planted-marker").len(), 7);
    (case, others.to_vec())
}

#[test]
fn after_forgetting_everything_no_file_holds_any_of_it() {
    let (case, _) = marked();
    let report = case.upkeep().forget(sample::UID, Wanted::All).unwrap();
    assert_eq!(case.holding("planted-marker"), Vec::<PathBuf>::new());
    assert_eq!(case.holding("kept-text"), Vec::<PathBuf>::new());
    assert!(case.records.snapshot().is_empty());
    let fact = |name| &report.erased.iter().find(|fact| fact.name == name).unwrap().value;
    assert_eq!((fact("answers").as_str(), fact("conversations").as_str()), ("1", "2"));
    assert!(fact("backups_deleted").starts_with("2: ") && fact("damaged_backups_deleted").starts_with("1: "));
    assert!(fact("set_aside_deleted").starts_with("2: ") && fact("log").contains("nothing"));
}

#[test]
fn after_forgetting_a_conversation_no_file_holds_it_and_the_others_stay() {
    let kept = vec![
        sample::conversation("c-1", "planted-marker?", "planted-marker!"),
        Kept::Answer(sample::answer(1, "planted-marker?", "planted-marker!")),
        Kept::Answer(sample::answer(2, "planted-marker in ram only?", "a")),
        sample::conversation("c-2", "kept-text", "a"),
    ];
    let case = Case::new(kept.clone());
    case.backup();
    let redacted = case.redactor.text("planted-marker in ram only?");
    let live = vec![("c-1".to_owned(), PathBuf::from(sample::PROJECT), vec![redacted])];
    let wanted = |prefix: &str| Wanted::Conversation { prefix: prefix.to_owned(), live: live.clone() };
    assert_eq!(case.upkeep().forget(sample::UID, wanted("c-")).unwrap_err().kind, ErrorKind::Usage);
    assert_eq!(case.upkeep().forget(sample::UID, wanted("x")).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(case.upkeep().forget(1001, wanted("c-2")).unwrap_err().kind, ErrorKind::NotFound);
    case.upkeep().forget(sample::UID, wanted("c-1")).unwrap();
    assert_eq!(case.holding("planted-marker"), Vec::<PathBuf>::new());
    assert_eq!(case.records.snapshot(), kept[3..]);
    assert_eq!(case.holding("kept-text").len(), 2);
}

#[test]
fn a_conversation_that_only_a_backup_holds_is_forgotten_too() {
    let case = Case::new(vec![sample::conversation("c-1", "planted-marker", "a"), sample::verdict(1)]);
    case.backup();
    case.records.replace_all(Vec::new());
    let wanted = Wanted::Conversation { prefix: "c-1".to_owned(), live: Vec::new() };
    case.upkeep().forget(sample::UID, wanted).unwrap();
    assert_eq!(case.holding("planted-marker"), Vec::<PathBuf>::new());
}

#[test]
fn forgetting_a_project_leaves_what_applies_everywhere_and_the_other_projects() {
    let (case, _) = marked();
    let everywhere = sample::preference(None, "language", "Danish planted-marker");
    case.upkeep().forget(sample::UID, Wanted::Project(sample::PROJECT.into())).unwrap();
    assert_eq!(case.records.snapshot(), [everywhere, sample::preference(None, "style", "kept-text")]);
    case.upkeep().forget(sample::UID, Wanted::Project("/home/ada/other".into())).unwrap();
    assert_eq!(case.records.snapshot().len(), 2);
}

#[test]
fn what_could_not_be_erased_is_said_and_the_rest_is_gone() {
    let (mut case, _) = marked();
    case.records.is_broken = true;
    let failure = case.upkeep().forget(sample::UID, Wanted::All).unwrap_err();
    assert!(failure.message.contains("no space left") && failure.message.contains("answers 1"), "{failure}");
    assert_eq!(case.holding("planted-marker"), std::slice::from_ref(&case.records.store));
}

#[test]
fn a_directory_whose_path_holds_a_secret_is_refused() {
    let mut case = Case::new(Vec::new());
    case.redactor = Redactor::new(["hunter-value-1".to_owned()]);
    let directory = case.base.path().join("hunter-value-1").to_str().unwrap().to_owned();
    let failure = case.upkeep().backup(&BackupRequest { directory }).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert!(!case.backups.state().join("backup-places.json").exists());
}
