//! Status, export and forgetting: what is kept can be seen, taken along, and is gone when the user says so.

use std::fs;

use tests::provider::Scenario;

use crate::{backups, desk::desk, desk::says, files_with, reads_notes};

const QUESTION: &str = "what does the periwinkle marker in notes.txt mean?";
const MARKER: &str = "periwinkle";

#[test]
fn what_is_kept_is_counted_and_exported() {
    let desk = desk(reads_notes(&["It means nothing at all, it is a word in a file."]));
    desk.answer([QUESTION]);
    desk.ctl(["memory", "prefs", "set", "--project", "language", "German"]).run().expect_ok();
    let status = desk.ctl(["memory", "status", "--json"]).run().expect_ok().json();
    let count = |name: &str| {
        let kinds = status["kinds"].as_array().unwrap();
        kinds.iter().find(|kind| kind["name"] == name).unwrap()["count"].as_u64().unwrap()
    };
    assert_eq!((count("answers"), count("conversations"), count("preferences")), (1, 1, 1), "{status}");
    assert_eq!((&status["health"], &status["last_backup_s"]), (&"good".into(), &serde_json::Value::Null), "{status}");
    let text = desk.ctl(["memory", "status"]).run().expect_ok().stdout;
    assert!(text.contains("of at most 300") && text.contains("last backup      none"), "{text}");
    let export = desk.ctl(["memory", "export", "--json"]).run().expect_ok().json();
    assert!(export["records"].as_array().unwrap().len() >= 3, "{export}");
    for format in [&["memory", "export"][..], &["memory", "export", "--json", "--all"]] {
        let text = desk.ctl(format).run().expect_ok().stdout;
        assert!(text.contains(QUESTION) && text.contains("German"), "{text}");
    }
    let elsewhere = desk.home.project(&[]);
    let other = desk.ctl(["memory", "export", "-C"]).arg(&elsewhere).run().expect_ok().stdout;
    assert!(!other.contains(MARKER), "{other}");
    desk.close();
}

#[test]
fn after_forgetting_a_project_its_marker_is_nowhere_and_another_projects_answers_stay() {
    let script = reads_notes(&["It means nothing at all, it is a word in a file."]);
    let desk = desk(script.text("There is nothing at all to be seen in that project."));
    desk.answer([QUESTION]);
    let other = desk.home.project(&[]);
    desk.ask(["which files does the other project hold?"]).cwd(&other).run().expect_ok();
    desk.ctl(["memory", "backup"]).run().expect_ok();
    let erased = desk.ctl(["memory", "forget", "--project", "--yes"]).run().expect_ok().stdout;
    assert!(erased.starts_with("erased\n") && erased.contains("answers"), "{erased}");
    let found = files_with(&desk.home.state_dir(), MARKER);
    assert!(found.is_empty(), "the marker stands in {found:?}");
    for command in [&["cache", "list", "--all"][..], &["memory", "export", "--all"], &["sessions", "list", "--all"]] {
        let text = desk.ctl(command).run().expect_ok().stdout;
        assert!(
            !text.contains(MARKER) && text.contains("which files does the other project hold?"),
            "{command:?}: {text}"
        );
    }
    desk.ask(["-c", "and?"]).run().expect_code(1);
    desk.close();
}

#[test]
fn forgetting_all_leaves_neither_backups_nor_a_marker_after_a_restart_either() {
    let desk = desk(reads_notes(&["It means nothing at all, it is a word in a file."]));
    desk.answer([QUESTION]);
    let elsewhere = desk.home.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    crate::backup::private(&elsewhere);
    desk.ctl(["memory", "backup"]).run().expect_ok();
    desk.ctl(["memory", "backup", "--to"]).arg(&elsewhere).run().expect_ok();
    desk.ctl(["memory", "forget", "--all", "--yes"]).run().expect_ok();
    let nowhere = || {
        let mut found = files_with(&desk.home.state_dir(), MARKER);
        found.extend(files_with(&elsewhere, MARKER));
        assert!(found.is_empty(), "the marker stands in {found:?}");
    };
    nowhere();
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    assert_eq!(desk.ctl(["cache", "list", "--all"]).run().expect_ok().stdout, "no answers in memory\n");
    nowhere();
    desk.ctl(["daemon", "stop"]).run().expect_ok();
    desk.home.assert_no_leftovers();
}

#[test]
fn one_conversation_is_forgotten_by_the_beginning_of_its_id() {
    let desk = desk(reads_notes(&["It means nothing at all, it is a word in a file."]));
    let id = desk.json([QUESTION])["conversation"].as_str().unwrap().to_owned();
    let unknown = desk.ctl(["memory", "forget", "--yes", "--conversation", "no-such-one"]).run().expect_code(1);
    says(&unknown.stderr, &["no-such-one"]);
    desk.ctl(["memory", "forget", "--yes", "--conversation", &id]).run().expect_ok();
    let export = desk.ctl(["memory", "export", "--all"]).run().expect_ok().stdout;
    assert!(!export.contains("kind: conversation"), "{export}");
    desk.close();
}

#[test]
fn nobody_to_ask_and_no_yes_is_wrong_usage_and_starts_no_daemon() {
    let desk = crate::desk::Desk::cold(Scenario::new());
    for extent in ["--all", "--project"] {
        let refused = desk.ctl(["memory", "forget", extent]).stdin("y\n").run().expect_code(2);
        says(&refused.stderr, &["must be confirmed", "--yes"]);
    }
    desk.ctl(["memory", "forget", "--yes"]).run().expect_code(2);
    assert!(backups(&desk).is_empty() && !desk.home.state_dir().exists());
    desk.home.assert_no_leftovers();
}
