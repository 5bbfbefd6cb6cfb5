//! Backups: by hand, by the timer's command and by the crontab line of the README, which are taken from the files and
//! really run; restoring.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tests::{Home, Invocation, bins, provider::Scenario};

use crate::{
    backups, backups_in,
    desk::{Desk, desk, says, skipped},
};

/// Gives a directory the mode of one that is its owner's only.
pub(crate) fn private(dir: &Path) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
}

fn repository(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The command of the unit, as systemd reads it: `%h` is the home.
fn timers_command(home: &Home) -> String {
    let unit = repository("systemd/agentd-backup.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    line.replace("%h", &home.root().join("h").display().to_string())
}

/// The command of the README's crontab line: what follows the five fields of the time.
fn cron_command() -> String {
    let readme = repository("README.md");
    let line = readme.lines().find(|line| line.contains("memory backup") && line.contains(" * * *")).unwrap();
    let mut rest = line;
    for _ in 0..5 {
        rest = rest.trim_start().split_once(' ').unwrap().1;
    }
    rest.trim_start().to_owned()
}

/// Runs a command as cron does: a shell, and nothing in the environment but these four.
fn as_cron(home: &Home, command: &str) -> Invocation {
    let user_home = format!("HOME={}", home.root().join("h").display());
    home.command("/usr/bin/env")
        .args(["-i", &user_home, "LOGNAME=tester", "SHELL=/bin/sh", "PATH=/usr/bin:/bin"])
        .args(["/bin/sh", "-c", command])
}

/// Puts both programs where the README installs them.
fn install(home: &Home) {
    let dir = home.root().join("h/.cargo/bin");
    fs::create_dir_all(&dir).unwrap();
    for (program, name) in [(bins!().agentctl, "agentctl"), (bins!().agentd, "agentd")] {
        fs::copy(program, dir.join(name)).unwrap();
    }
}

/// A home whose state is found by HOME alone, as cron's is.
fn cron_home() -> Home {
    let home = Home::with(bins!());
    for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        home.remove_env(name);
    }
    install(&home);
    home
}

/// The one backup, whose file is its user's only.
#[track_caller]
fn the_backup(home: &Home) -> PathBuf {
    let dir = home.state_dir().join("backups");
    let names = backups_in(&dir);
    assert_eq!(names.len(), 1, "{names:?}");
    let path = dir.join(&names[0]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&path)), (0o700, 0o600));
    path
}

#[test]
fn the_timers_and_the_crontabs_commands_write_a_backup_of_a_running_daemon() {
    for by_cron in [false, true] {
        let home = cron_home();
        let daemon = home.daemon();
        home.agentctl(["memory", "prefs", "set", "language", "Esperanto"]).run().expect_ok();
        let command = if by_cron { cron_command() } else { timers_command(&home) };
        let run = as_cron(&home, &command).run().expect_ok();
        assert_eq!(run.stderr, "", "cron would send a mail");
        assert!(!by_cron || run.stdout.is_empty(), "and this too: {}", run.stdout);
        let text = fs::read_to_string(the_backup(&home)).unwrap();
        assert!(text.contains("Esperanto"), "{text}");
        assert_eq!(home.daemon_pid(), daemon.pid(), "the daemon that ran is the one that runs");
        home.agentctl(["status"]).run().expect_ok();
        daemon.terminate(crate::desk::DEADLINE);
        home.assert_no_leftovers();
    }
}

#[test]
fn without_a_daemon_one_is_started_for_the_backup_and_stopped_again() {
    let own = format!("/run/user/{}", rustix::process::getuid().as_raw());
    if Path::new(&own).exists() {
        return skipped(&format!("the tester's own daemon would be met below {own}"));
    }
    for by_cron in [false, true] {
        let home = cron_home();
        home.remove_env("XDG_RUNTIME_DIR");
        let daemon = home.daemon();
        home.agentctl(["memory", "prefs", "set", "language", "Esperanto"]).run().expect_ok();
        daemon.terminate(crate::desk::DEADLINE);
        let command = if by_cron { cron_command() } else { timers_command(&home) };
        as_cron(&home, &command).run().expect_ok();
        assert!(fs::read_to_string(the_backup(&home)).unwrap().contains("Esperanto"));
        // It had cron's environment, without a key: nobody should be served by it.
        home.assert_no_leftovers();
    }
}

#[test]
fn the_commands_of_timer_and_crontab_are_what_the_readme_installs() {
    let home = Home::with(bins!());
    let installed = home.root().join("h/.cargo/bin/agentctl");
    assert_eq!(timers_command(&home), format!("{} memory backup", installed.display()));
    assert_eq!(cron_command(), "$HOME/.cargo/bin/agentctl memory backup > /dev/null");
    let timer = repository("systemd/agentd-backup.timer");
    for line in ["OnCalendar=daily", "Persistent=true", "RandomizedDelaySec=1h", "WantedBy=timers.target"] {
        assert!(timer.lines().any(|one| one == line), "{line}");
    }
}

fn prefer(desk: &Desk, language: &str) {
    desk.ctl(["memory", "prefs", "set", "language", language]).run().expect_ok();
}

fn preferred(desk: &Desk) -> String {
    desk.ctl(["memory", "prefs", "get", "language"]).run().expect_ok().stdout
}

#[test]
fn a_backup_is_restored_whole_and_what_it_replaced_is_kept() {
    let desk = desk(Scenario::new());
    prefer(&desk, "Esperanto");
    let report = desk.ctl(["memory", "backup", "--json"]).run().expect_ok().json();
    let file = report["path"].as_str().unwrap().to_owned();
    assert_eq!((&report["records"], report["removed"].as_array().unwrap().len()), (&1.into(), 0), "{report}");
    prefer(&desk, "Volapük");
    let checked = desk.ctl(["memory", "restore", "--check", &file]).run().expect_ok().stdout;
    assert!(checked.contains("is in order; nothing was changed"), "{checked}");
    assert_eq!(preferred(&desk), "Volapük\n");
    let restored = desk.ctl(["memory", "restore", "--json", &file]).run().expect_ok().json();
    assert_eq!(preferred(&desk), "Esperanto\n");
    desk.ctl(["memory", "restore", restored["replaced"].as_str().unwrap()]).run().expect_ok();
    assert_eq!(preferred(&desk), "Volapük\n");
    desk.close();
}

#[test]
fn without_a_file_the_newest_good_backup_is_restored_and_a_bad_one_changes_nothing() {
    let desk = desk(Scenario::new());
    prefer(&desk, "Esperanto");
    desk.ctl(["memory", "backup"]).run().expect_ok();
    let good = backups(&desk).pop().unwrap();
    prefer(&desk, "Volapük");
    let bad = desk.project.join("bad.jsonl");
    let text = fs::read_to_string(desk.home.state_dir().join("backups").join(&good)).unwrap();
    fs::write(&bad, text.replace("Esperanto", "Interlingua")).unwrap();
    let refused = desk.ctl(["memory", "restore", "bad.jsonl"]).run();
    assert!(!matches!(refused.code, Some(0) | None), "{refused:?}");
    says(&refused.stderr, &["bad.jsonl"]);
    assert_eq!(preferred(&desk), "Volapük\n");
    let restored = desk.ctl(["memory", "restore"]).run().expect_ok().stdout;
    assert!(restored.contains(&good) && restored.contains("what was there before is in "), "{restored}");
    assert_eq!(preferred(&desk), "Esperanto\n");
    desk.close();
}

#[test]
fn a_directory_is_found_from_where_the_user_stands_and_refused_when_others_can_write_it() {
    let desk = desk(Scenario::new());
    prefer(&desk, "Esperanto");
    let dir = desk.project.join("to");
    fs::create_dir(&dir).unwrap();
    private(&dir);
    let said = desk.ctl(["memory", "backup", "--to", "to"]).run().expect_ok().stdout;
    assert_eq!(backups_in(&dir).len(), 1);
    assert!(said.starts_with(&dir.display().to_string()), "{said}");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = desk.ctl(["memory", "backup", "--to", "to"]).run();
    assert!(!matches!(refused.code, Some(0) | None), "{refused:?}");
    says(&refused.stderr, &["to"]);
    desk.close();
}

#[test]
fn only_the_newest_backups_stay() {
    let desk = Desk::with(tests::provider::Options::default(), |home| home.set_env("AGENTD_MEMORY_BACKUPS", "2"));
    prefer(&desk, "Esperanto");
    let mut written = Vec::new();
    for _ in 0..3 {
        written.push(desk.ctl(["memory", "backup", "--json"]).run().expect_ok().json());
    }
    let path = |at: usize| written[at]["path"].as_str().unwrap();
    assert_eq!(written[2]["removed"], serde_json::json!([path(0)]), "{written:?}");
    assert_eq!(backups(&desk).len(), 2);
    desk.close();
}
