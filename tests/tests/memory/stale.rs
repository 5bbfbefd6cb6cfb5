//! Nothing stale is served: every kind of change that a user can make to what an answer rests on, through the real
//! daemon, with the reason that reaches the user.

use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::symlink,
    path::Path,
};

use serde_json::json;
use tests::provider::{Scenario, Step, Verdict};

use crate::{
    desk::{DEADLINE, Desk},
    notes::{ANSWER, QUESTION, answered, answered_by, calls, calls_of, reads, source, why},
};

/// Times back as they were: what a build tool or `cp -p` does.
fn with_times_kept(path: &Path, change: impl FnOnce()) {
    let before = fs::metadata(path).unwrap();
    change();
    let times = FileTimes::new().set_accessed(before.accessed().unwrap()).set_modified(before.modified().unwrap());
    File::options().write(true).open(path).unwrap().set_times(times).unwrap();
    assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), before.modified().unwrap());
}

/// After this change the model is asked anew, everywhere the reason names this, and the new answer holds.
#[track_caller]
fn goes_stale(desk: Desk, named: &str, change: impl FnOnce(&Path)) {
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    let before = calls_of(&desk);
    change(&desk.project);
    let explained = why(&desk, QUESTION);
    assert!(explained["changed"].as_str().unwrap().contains(named), "{explained}");
    assert_eq!(calls_of(&desk), before, "why asks nobody");
    let run = desk.ask(["--json", "-v", QUESTION]).run().expect_ok();
    let missed = run.json();
    assert_eq!(missed["source"], "model", "{missed}");
    assert!(missed["miss"].as_str().unwrap().contains(named), "{missed}");
    assert!(calls_of(&desk) > before);
    desk.close();
}

#[test]
fn an_edit_of_the_same_size_with_the_old_times() {
    goes_stale(answered(Verdict::Doubt), "notes.txt", |project| {
        let path = project.join("notes.txt");
        with_times_kept(&path, || fs::write(&path, "The answer is 43.\n").unwrap());
    });
}

#[test]
fn an_edit_by_replacement_as_editors_save() {
    goes_stale(answered(Verdict::Doubt), "notes.txt", |project| {
        let path = project.join("notes.txt");
        let times = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(project.join("notes.new"), "The answer is 43.\n").unwrap();
        File::options().write(true).open(project.join("notes.new")).unwrap().set_modified(times).unwrap();
        fs::rename(project.join("notes.new"), path).unwrap();
    });
}

#[test]
fn a_deleted_and_a_renamed_file() {
    goes_stale(answered(Verdict::Doubt), "notes.txt", |project| fs::remove_file(project.join("notes.txt")).unwrap());
    goes_stale(answered(Verdict::Doubt), "notes.txt", |project| {
        fs::rename(project.join("notes.txt"), project.join("remarks.txt")).unwrap();
    });
}

#[test]
fn a_new_file_in_a_listed_directory() {
    let desk = answered_by(calls("list_directory", json!({ "path": "src" })), |_| {});
    goes_stale(desk, "src", |project| fs::write(project.join("src/more.rs"), "").unwrap());
}

#[test]
fn a_new_match_of_a_search() {
    let desk = answered_by(calls("search_content", json!({ "path": ".", "pattern": "answer is" })), |_| {});
    goes_stale(desk, "search_content", |project| fs::write(project.join("src/more.rs"), "// answer is\n").unwrap());
}

#[test]
fn a_new_name_that_a_search_finds() {
    let desk = answered_by(calls("search_files", json!({ "path": ".", "pattern": "**/*.txt" })), |_| {});
    goes_stale(desk, "search_files", |project| fs::write(project.join("src/more.txt"), "").unwrap());
}

#[test]
fn a_file_that_was_not_there() {
    for (tool, arguments) in [
        ("read_text_file", json!({ "path": "missing.txt" })),
        ("read_multiple_files", json!({ "paths": ["notes.txt", "missing.txt"] })),
        ("get_file_info", json!({ "path": "missing.txt" })),
        ("list_directory", json!({ "path": "missing.txt" })),
    ] {
        let desk = answered_by(calls(tool, arguments), |_| {});
        goes_stale(desk, "missing.txt", |project| fs::write(project.join("missing.txt"), "now it is\n").unwrap());
    }
}

#[test]
fn what_a_search_is_told_to_ignore() {
    let desk = answered_by(calls("search_content", json!({ "path": ".", "pattern": "answer is" })), |home| {
        home.write(&home.root().join("p1/.git/HEAD"), b"ref: refs/heads/main\n");
    });
    goes_stale(desk, "search_content", |project| fs::write(project.join(".gitignore"), "notes.txt\n").unwrap());
}

#[test]
fn a_directory_that_is_exchanged_for_another_one() {
    let desk = answered_by(calls("read_text_file", json!({ "path": "docs/a.txt" })), |home| {
        home.write(&home.root().join("p1/docs/a.txt"), b"one\n");
        home.write(&home.root().join("p1/docs.new/a.txt"), b"two\n");
    });
    goes_stale(desk, "docs/a.txt", |project| {
        fs::rename(project.join("docs"), project.join("docs.old")).unwrap();
        fs::rename(project.join("docs.new"), project.join("docs")).unwrap();
    });
}

#[test]
fn a_symlink_that_leads_elsewhere() {
    let desk = answered_by(calls("read_text_file", json!({ "path": "link.txt" })), |home| {
        let root = home.root().join("p1");
        fs::write(root.join("other.txt"), "The answer is 43.\n").unwrap();
        symlink("notes.txt", root.join("link.txt")).unwrap();
    });
    goes_stale(desk, "link.txt", |project| {
        fs::remove_file(project.join("link.txt")).unwrap();
        symlink("other.txt", project.join("link.txt")).unwrap();
    });
}

#[test]
fn instructions_that_appear_and_preferences_that_change() {
    goes_stale(answered(Verdict::Doubt), "AGENTS.md", |project| {
        fs::write(project.join("AGENTS.md"), "Answer in one word.\n").unwrap();
    });
    goes_stale(answered(Verdict::Doubt), "AGENTS.md", |project| {
        let own = project.parent().unwrap().join("c/agentd");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("AGENTS.md"), "Answer in one word.\n").unwrap();
    });
    let desk = answered(Verdict::Doubt);
    desk.ctl(["memory", "prefs", "set", "language", "German"]).run().expect_ok();
    let missed = desk.json([QUESTION]);
    assert_eq!(missed["source"], "model");
    assert!(missed["miss"].as_str().unwrap().contains("preferences"), "{missed}");
    desk.close();
}

/// Runs git in the project, with nobody's configuration.
#[track_caller]
fn git(desk: &Desk, arguments: &[&str]) {
    let git = desk.home.command("git").args(["-c", "user.name=t", "-c", "user.email=t@localhost"]).args(arguments);
    git.cwd(&desk.project).run().expect_ok();
}

/// A project with two commits, of which the second is checked out.
fn with_history(scenario: Scenario) -> Desk {
    let desk = Desk::with(tests::provider::Options { scenario, ..Default::default() }, |_| {});
    git(&desk, &["init", "-q"]);
    for text in ["The answer is 41.\n", "The answer is 42.\n"] {
        fs::write(desk.project.join("notes.txt"), text).unwrap();
        git(&desk, &["add", "-A"]);
        git(&desk, &["commit", "-qm", text.trim()]);
    }
    assert_eq!(source(&desk, &[QUESTION]), "model");
    desk
}

#[test]
fn an_older_commit_that_is_checked_out_and_back_again() {
    let desk = with_history(reads());
    git(&desk, &["checkout", "-q", "HEAD~1"]);
    let explained = why(&desk, QUESTION);
    assert!(explained["changed"].as_str().unwrap().contains("notes.txt"), "{explained}");
    git(&desk, &["checkout", "-q", "-"]);
    assert_eq!(source(&desk, &[QUESTION]), "exact", "what it rests on is there again");
    git(&desk, &["checkout", "-q", "HEAD~1"]);
    let missed = desk.json([QUESTION]);
    assert_eq!(missed["source"], "model", "{missed}");
    assert!(missed["miss"].as_str().unwrap().contains("notes.txt"), "{missed}");
    desk.close();
}

#[test]
fn a_new_commit_after_the_history_was_shown() {
    let desk = with_history(calls("shell_execute", json!({ "command": ["git", "log", "--oneline"] })));
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    git(&desk, &["commit", "-q", "--allow-empty", "-m", "third"]);
    let missed = desk.json([QUESTION]);
    assert_eq!(missed["source"], "model", "{missed}");
    assert!(missed["miss"].as_str().unwrap().contains("git"), "{missed}");
    desk.close();
}

#[test]
fn touching_changes_nothing() {
    let desk = answered(Verdict::Doubt);
    let file = File::options().write(true).open(desk.project.join("notes.txt")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    assert_eq!(source(&desk, &[QUESTION]), "exact");
    fs::write(desk.project.join("notes.txt"), "The answer is 42.\n").unwrap();
    assert_eq!(source(&desk, &[QUESTION]), "exact", "written with the same bytes");
    fs::write(desk.project.join("src/main.rs"), "fn main() { println!() }\n").unwrap();
    assert_eq!(source(&desk, &[QUESTION]), "exact", "the answer does not rest on that file");
    assert_eq!(calls_of(&desk), 2);
    desk.close();
}

#[test]
fn an_edit_while_the_model_thinks_is_seen_at_the_next_ask() {
    let read = Step::call("read_text_file", json!({ "path": "notes.txt" })).when_role("user").times(0);
    let slow = Step::text(ANSWER).delay(1_000).when_role("tool");
    let quick = Step::text("Now it is 43, as the only line of that file says.").when_role("tool");
    let desk = crate::desk::desk(Scenario::new().step(read).step(slow).step(quick));
    let asking = desk.ask([QUESTION]).start();
    desk.provider.wait_for(2, DEADLINE);
    fs::write(desk.project.join("notes.txt"), "The answer is 43.\n").unwrap();
    assert_eq!(asking.finish().expect_ok().stdout.trim(), ANSWER);
    let next = desk.json([QUESTION]);
    assert_eq!(next["source"], "model", "{next}");
    assert!(next["answer"].as_str().unwrap().starts_with("Now it is 43"), "{next}");
    desk.close();
}
