use std::os::unix::fs::symlink;

use super::*;
use crate::memory::{
    backup::Rotation,
    kept::{AnswerRecord, ConversationRecord, PreferenceRecord},
    sample,
};

const ROTATION: Rotation<'static> = Rotation { keep: 7, spare: None };

fn project(kept: Kept, uid: u32, project: &str) -> Kept {
    match kept {
        Kept::Answer(it) => Kept::Answer(AnswerRecord { uid, project: project.into(), ..it }),
        Kept::Conversation(it) => Kept::Conversation(ConversationRecord { uid, project: project.into(), ..it }),
        Kept::Preference(it) => Kept::Preference(PreferenceRecord { uid, project: Some(project.into()), ..it }),
        other => other,
    }
}

fn conversation_target(id: &str) -> Target {
    Target::Conversation { uid: sample::UID, id: id.to_owned(), questions: HashSet::new() }
}

#[test]
fn all_means_every_record_of_the_user_and_none_of_another() {
    let target = Target::All { uid: sample::UID };
    assert!(sample::every_kind("x").iter().all(|kept| target.selects(kept)));
    let theirs = project(sample::preference(None, "language", "x"), 1001, "/p");
    assert!(!target.selects(&theirs));
}

#[test]
fn a_project_means_its_root_and_neither_what_is_below_nor_what_applies_everywhere() {
    let target = Target::Project { uid: sample::UID, project: sample::PROJECT.into() };
    let selected: Vec<_> = sample::every_kind("x").iter().map(|kept| target.selects(kept)).collect();
    assert_eq!(selected, [true, true, true, false, true, true]);
    let below = project(sample::conversation("c", "q", "a"), sample::UID, "/home/ada/engine/sub");
    let theirs = project(sample::conversation("c", "q", "a"), 1001, sample::PROJECT);
    assert!(!target.selects(&below) && !target.selects(&theirs));
}

#[test]
fn a_conversation_takes_the_answers_to_its_questions_along() {
    let mut target = conversation_target("c-1");
    let answer = |question: &str| Kept::Answer(sample::answer(1, question, "a"));
    assert!(!target.selects(&answer("q")));
    target.learn(&[sample::conversation("c-1", "q", "a"), sample::conversation("c-2", "other", "a")]);
    assert!(target.selects(&answer("q")) && !target.selects(&answer("other")));
    assert!(target.selects(&sample::conversation("c-1", "x", "y")));
    assert!(!target.selects(&sample::conversation("c-11", "q", "a")));
    assert!(!target.selects(&project(answer("q"), sample::UID, "/elsewhere")));
    assert!(!target.selects(&project(answer("q"), 1001, sample::PROJECT)));
    assert!(!target.selects(&sample::verdict(1)));
}

#[test]
fn a_conversation_is_meant_by_a_beginning_that_only_it_has() {
    let known = || ["c-1", "c-12", "c-2", "c-2", "d"].map(str::to_owned);
    assert_eq!(conversation_id("c-1", known()).unwrap(), "c-1");
    assert_eq!(conversation_id("c-12", known()).unwrap(), "c-12");
    assert_eq!(conversation_id("c-2", known()).unwrap(), "c-2");
    assert_eq!(conversation_id("d", known()).unwrap(), "d");
    let ambiguous = conversation_id("c", known()).unwrap_err();
    assert_eq!(ambiguous.to_string(), r#"3 conversations have an id that begins with "c": c-1, c-12, c-2"#);
    assert_eq!(conversation_id("e", known()), Err(Unclear::Unknown("e".to_owned())));
    assert_eq!(conversation_id("", known()), Err(Unclear::Unknown(String::new())));
}

struct Case {
    base: tempfile::TempDir,
    backups: Backups,
}

impl Case {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("state")).unwrap();
        let backups = Backups::new(base.path().join("state"));
        Self { base, backups }
    }

    fn write(&self, to: Option<&Path>, kept: &[Kept]) -> PathBuf {
        self.backups.write(to, kept, sample::at(sample::MADE), ROTATION).unwrap().path
    }

    fn erase(&self, target: &Target) -> Erased {
        erase_backups(&self.backups, target, &Redactor::default())
    }
}

#[test]
fn backups_are_rewritten_or_deleted_wherever_they_lie() {
    let case = Case::new();
    let other = case.base.path().join("other");
    let mine = sample::every_kind("marker");
    let theirs = project(sample::preference(None, "language", "theirs"), 1001, "/p");
    let mixed: Vec<_> = mine.iter().cloned().chain([theirs.clone()]).collect();
    let only_mine = case.write(None, &mine);
    let both = case.write(Some(&other), &mixed);
    let only_theirs = case.write(None, std::slice::from_ref(&theirs));
    let untouched = fs::read(&only_theirs).unwrap();
    let made = backup::read(&both, &Redactor::default()).unwrap().made;

    let erased = case.erase(&Target::All { uid: sample::UID });
    assert_eq!((&erased.deleted, erased.rewritten.len()), (&vec![only_mine.clone()], 1));
    assert!(erased.left.is_empty() && !only_mine.exists());
    let rest = backup::read(&both, &Redactor::default()).unwrap();
    assert_eq!((rest.records, rest.made), (vec![theirs], made));
    assert_eq!(fs::read(&only_theirs).unwrap(), untouched);
}

#[test]
fn a_damaged_backup_goes_whole_and_a_foreign_file_stays() {
    let case = Case::new();
    let good = case.write(None, &[sample::preference(None, "language", "x")]);
    let damaged = case.write(None, &sample::every_kind("marker"));
    let text = fs::read_to_string(&damaged).unwrap();
    fs::write(&damaged, &text[..text.len() / 2]).unwrap();
    fs::write(case.backups.home().join("notes.jsonl"), "marker").unwrap();
    let half = case.backups.home().join(".agentd-memory-1-1.tmp");
    fs::write(&half, "marker").unwrap();
    let erased = case.erase(&Target::Project { uid: sample::UID, project: sample::PROJECT.into() });
    assert_eq!(erased.damaged, [damaged]);
    assert!(good.exists() && !half.exists() && case.backups.home().join("notes.jsonl").exists());
}

#[test]
fn a_record_that_cannot_be_read_any_more_goes_with_what_is_forgotten() {
    let case = Case::new();
    let path = case.write(None, &[sample::conversation("hunter-value-1", "marker", "a"), sample::verdict(1)]);
    // The id is known to be a secret now: no reader accepts the record.
    let redactor = Redactor::new(["hunter-value-1".to_owned()]);
    let erased = erase_backups(&case.backups, &Target::Project { uid: 1, project: "/x".into() }, &redactor);
    assert_eq!(erased.rewritten, std::slice::from_ref(&path));
    assert!(!fs::read_to_string(path).unwrap().contains("marker"));
}

#[test]
fn what_cannot_be_reached_is_said_and_the_rest_is_erased() {
    let case = Case::new();
    let (gone, shut) = (case.base.path().join("gone"), case.base.path().join("shut"));
    case.write(Some(&gone), &[]);
    case.write(Some(&shut), &[]);
    let mine = case.write(None, &sample::every_kind("marker"));
    fs::remove_dir_all(&gone).unwrap();
    fs::remove_dir_all(&shut).unwrap();
    symlink(case.base.path(), &shut).unwrap();
    let erased = case.erase(&Target::All { uid: sample::UID });
    assert_eq!(erased.missing, [case.base.path().canonicalize().unwrap().join("gone")]);
    assert!(erased.left.len() == 1 && erased.left[0].contains("shut"), "{erased:?}");
    assert!(!mine.exists());

    fs::write(case.backups.state().join("backup-places.json"), "x").unwrap();
    let erased = case.erase(&Target::All { uid: sample::UID });
    assert!(erased.left.len() == 1 && erased.left[0].contains("damaged"), "{erased:?}");
}

#[test]
fn what_was_set_aside_goes_whole_and_links_are_not_followed() {
    let case = Case::new();
    let state = case.backups.state().to_owned();
    let outside = case.base.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "").unwrap();
    for dir in ["memory.corrupt-20251122T194333Z/store", "memory/quarantine", "memory/store", "memory.corrupted"] {
        fs::create_dir_all(state.join(dir)).unwrap();
        fs::write(state.join(dir).join("db"), "marker").unwrap();
    }
    symlink(&outside, state.join("memory.corrupt-link")).unwrap();
    symlink(&outside, state.join("memory/quarantine/link")).unwrap();
    let mut erased = Erased::default();
    erase_set_aside(&state, &mut erased);
    assert_eq!((erased.set_aside.len(), erased.left.len()), (4, 0));
    assert!(outside.join("file").exists());
    assert!(state.join("memory/store/db").exists() && state.join("memory.corrupted/db").exists());
    assert!(!state.join("memory/quarantine/db").exists() && !state.join("memory.corrupt-link").is_symlink());
}
