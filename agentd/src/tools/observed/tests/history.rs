//! Git calls: what counts as history, and when it has moved.

use super::*;

fn git(bench: &Bench, words: &[&str]) -> ToolOutput {
    let mut command = vec!["git", "-c", "user.name=A", "-c", "user.email=a@example.org"];
    if ["log", "show", "rev-parse", "branch", "describe", "status", "diff", "blame"].contains(&words[0]) {
        command.truncate(1);
    }
    command.extend(words);
    bench.call("shell_execute", json!({"command": command}))
}

fn repository() -> Bench {
    let bench = bench();
    bench.file("src/a.rs", "one\n");
    for words in [&["init", "-q", "-b", "main"][..], &["add", "."], &["commit", "-q", "-m", "first"], &["tag", "v1"]] {
        let output = git(&bench, words);
        assert!(output.ok, "{}", output.text);
    }
    bench
}

fn on(bench: &Bench, words: &[&str]) -> Vec<Observed> {
    let output = git(bench, words);
    match output.rests {
        Rests::On(observed) => observed,
        rests => panic!("git {words:?} rests on {rests:?}: {}", output.text),
    }
}

fn verdict(bench: &Bench, observed: &[Observed]) -> Result<Refreshed, Changed> {
    check(&context(&bench.project), observed, &bench.digests)
}

#[test]
fn a_look_at_the_history_holds_until_a_name_moves() {
    let bench = repository();
    let looks: [&[&str]; 8] = [
        &["log"],
        &["log", "--oneline", "-5"],
        &["log", "-n", "3", "--format=%h %an %s"],
        &["show", "HEAD"],
        &["show", "v1:src/a.rs"],
        &["rev-parse", "--abbrev-ref", "HEAD"],
        &["branch", "-a"],
        &["describe", "--tags"],
    ];
    let seen: Vec<_> = looks.iter().map(|words| on(&bench, words)).collect();
    bench.file("src/a.rs", "two\n");
    for (words, seen) in looks.iter().zip(&seen) {
        assert!(verdict(&bench, seen).is_ok(), "the work tree is no part of git {words:?}");
    }
    assert!(git(&bench, &["branch", "other"]).ok || git(&bench, &["update-ref", "refs/heads/other", "HEAD"]).ok);
    for (words, seen) in looks.iter().zip(&seen) {
        assert_eq!(verdict(&bench, seen).unwrap_err().why, Why::Git, "{words:?}");
    }
}

#[test]
fn a_commit_a_checkout_and_a_new_name_move_the_history() {
    let bench = repository();
    for words in [
        &["commit", "-q", "--allow-empty", "-m", "second"][..],
        &["checkout", "-q", "--detach"],
        &["pack-refs", "--all"],
        &["config", "user.name", "B"],
    ] {
        let seen = on(&bench, &["log", "--oneline"]);
        assert!(verdict(&bench, &seen).is_ok());
        assert!(git(&bench, words).ok, "{words:?}");
        assert_eq!(verdict(&bench, &seen).unwrap_err().why, Why::Git, "{words:?}");
    }
}

#[test]
fn a_file_by_the_name_of_a_revision_or_attributes_below_change_what_git_says() {
    let bench = repository();
    let log = on(&bench, &["log", "--oneline", "v1"]);
    bench.file("v1", "");
    assert_eq!(verdict(&bench, &log).unwrap_err().why, Why::Result);
    let show = on(&bench, &["show", "HEAD", "--"]);
    bench.file("src/.gitattributes", "*.rs -diff\n");
    assert_eq!(verdict(&bench, &show).unwrap_err().why, Why::Search);
    assert_eq!(git(&bench, &["show", "HEAD", "--"]).rests, Rests::Unknown);
}

#[test]
fn what_looks_at_more_than_the_history_is_unknown() {
    let bench = repository();
    bench.file("sub/x", "");
    for words in [
        &["status"][..],
        &["diff"],
        &["blame", "src/a.rs"],
        &["show", ":src/a.rs"],
        &["log", "--since=yesterday"],
        &["log", "--date=relative"],
        &["log", "--date=human"],
        &["log", "--format=%ar"],
        &["log", "--pretty=%cd"],
        &["log", "HEAD@{0}"],
        &["log", "src/a.rs"],
        &["log", "--author", "A"],
        &["log", "--", ":(attr:x)"],
        &["describe", "--tags", "--dirty"],
        &["log", "no-such-revision"],
    ] {
        assert_eq!(git(&bench, words).rests, Rests::Unknown, "{words:?}");
    }
    let below = bench.call("shell_execute", json!({"command": ["git", "log"], "directory": "sub"}));
    assert_eq!((below.ok, below.rests), (true, Rests::Unknown));
    let fed = bench.call("shell_execute", json!({"command": ["git", "log"], "stdin": "x"}));
    assert_eq!((fed.ok, fed.rests), (true, Rests::Unknown));
    assert!(git(&bench, &["config", "log.date", "relative"]).ok);
    assert_eq!(git(&bench, &["log"]).rests, Rests::Unknown, "dates that tell a time from now");
    assert!(git(&bench, &["config", "log.date", "human"]).ok);
    assert_eq!(git(&bench, &["log"]).rests, Rests::Unknown);
    assert!(matches!(git(&bench, &["log", "--oneline"]).rests, Rests::On(_)));
    assert!(git(&bench, &["checkout", "-q", "--detach"]).ok);
    assert_eq!(git(&bench, &["branch"]).rests, Rests::Unknown, "a reflog tells where it is detached");
}

#[test]
fn a_repository_that_keeps_its_names_elsewhere_is_unknown() {
    let bench = repository();
    fs::create_dir(bench.path(".git/worktrees")).unwrap();
    assert_eq!(git(&bench, &["log"]).rests, Rests::Unknown);
    fs::remove_dir(bench.path(".git/worktrees")).unwrap();
    // The jail does not open what a secret is called, so that name cannot be followed.
    bench.file(".git/refs/heads/id_rsa", "0".repeat(40));
    assert_eq!(git(&bench, &["log"]).rests, Rests::Unknown);
}
