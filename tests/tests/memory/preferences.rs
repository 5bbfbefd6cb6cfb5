//! Preferences: set once, they reach the model in every new conversation, until they are unset.

use tests::provider::Scenario;

use crate::desk::{Desk, desk, says, text_of};

fn prefs(desk: &Desk, arguments: &[&str]) -> String {
    desk.ctl(["memory", "prefs"]).args(arguments).run().expect_ok().stdout
}

#[test]
fn a_preference_is_set_listed_printed_bare_and_unset() {
    let desk = desk(Scenario::new());
    assert_eq!(prefs(&desk, &["list"]), "no preferences are set here\n");
    assert_eq!(prefs(&desk, &["set", "language", "German"]), "language is \"German\"\n");
    assert_eq!(prefs(&desk, &["set", "language", "plain", "English"]), "language is now \"plain English\"\n");
    assert_eq!(prefs(&desk, &["get", "language"]), "plain English\n");
    prefs(&desk, &["unset", "language"]);
    for verb in ["get", "unset"] {
        let gone = desk.ctl(["memory", "prefs", verb, "language"]).run().expect_code(1);
        assert_eq!(gone.stdout, "");
        says(&gone.stderr, &["no preference \"language\" is set"]);
    }
    desk.close();
}

#[test]
fn the_projects_own_preference_hides_the_general_one_there_only() {
    let desk = desk(Scenario::new());
    prefs(&desk, &["set", "style", "long"]);
    prefs(&desk, &["set", "style", "short", "--project"]);
    assert_eq!(prefs(&desk, &["get", "style"]), "short\n");
    let elsewhere = desk.home.project(&[]);
    let there = desk.ctl(["memory", "prefs", "get", "style", "-C"]).arg(&elsewhere).run().expect_ok().stdout;
    assert_eq!(there, "long\n");
    prefs(&desk, &["unset", "style", "--project"]);
    assert_eq!(prefs(&desk, &["get", "style"]), "long\n");
    desk.close();
}

#[test]
fn a_preference_survives_a_kill_and_reaches_the_model() {
    let mut desk = desk(Scenario::new());
    prefs(&desk, &["set", "language", "Esperanto"]);
    desk.kill_daemon();
    desk.answer(["why?"]);
    let chats = desk.chats();
    let first = text_of(&chats[0].messages()[1]);
    assert!(first.contains("language: Esperanto"), "{first}");
    desk.close();
}

#[test]
fn a_value_that_holds_a_secret_a_control_character_or_too_much_is_refused() {
    let desk = desk(Scenario::new());
    let long = "x".repeat(501);
    let secret = format!("glpat-{}", "Zk3vQ9bT7wLm2RxY5cHd");
    for value in [long.as_str(), &secret, "a\u{1b}[2Jb"] {
        let refused = desk.ctl(["memory", "prefs", "set", "style", value]).run();
        assert!(!matches!(refused.code, Some(0) | None), "{value:?}: {refused:?}");
        says(&refused.stderr, &[]);
        assert!(!refused.stderr.contains(&secret), "{}", refused.stderr);
    }
    assert_eq!(prefs(&desk, &["list"]), "no preferences are set here\n");
    desk.close();
}
