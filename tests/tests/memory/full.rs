//! A full disk: questions are answered all the same, the failure is said, and what is new is written once there is room.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;
use tests::{
    Home,
    provider::{Options, Scenario, Step, Verdict},
};

use crate::{
    desk::{DEADLINE, Desk, skipped},
    notes::{QUESTION, reads, source},
};

/// Size of the disk: some segments of the store, and its replacement.
const DISK: &str = "size=12m";

/// The store looks every 30 s whether there is room again.
const RECOVERY: Duration = Duration::from_secs(50);

/// A small file system in the place of the state directory; unmounted in the end.
struct Small {
    home: PathBuf,
    dir: PathBuf,
}

impl Small {
    fn mount(home: &Home) -> Option<Self> {
        let dir = home.root().join("s");
        let run = home.command("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&dir).run();
        (run.code == Some(0)).then(|| Self { home: home.root().to_owned(), dir })
    }

    /// Takes the last block.
    fn fill(&self) -> PathBuf {
        let ballast = self.dir.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        assert!(self.dir.starts_with(&self.home));
        unmount(&self.dir);
    }
}

#[allow(clippy::disallowed_methods, reason = "a mount of this test, which its home's environment need not know")]
fn unmount(dir: &Path) {
    let _ = std::process::Command::new("umount").arg("-l").arg(dir).status();
}

/// Words that hardly compress and look like no secret.
fn long(seed: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut text = String::from("It is told at length:");
    while text.len() < 240 << 10 {
        text.push(' ');
        text.extend((0..rng.usize(2..7)).map(|_| rng.lowercase()));
    }
    text
}

#[test]
fn on_a_full_disk_questions_are_answered_it_is_said_and_later_everything_is_written() {
    let mut small = None;
    let options = Options { scenario: reads().verdict(Verdict::Doubt), ..Options::default() };
    let mut desk = Desk::with(options, |home| small = Small::mount(home));
    let Some(small) = small else {
        desk.close();
        return skipped("mounting a small file system needs root");
    };
    desk.ctl(["memory", "prefs", "set", "style", "brief"]).run().expect_ok();
    let ballast = small.fill();
    assert_eq!(source(&desk, &[QUESTION]), "model");
    // More than fits into what the store had taken of the disk already.
    let parts = ["which module parses the manifest?", "who starts the scheduler?", "where does the loop end?"];
    for (seed, question) in (0..).zip(parts) {
        let read = Step::call("read_text_file", json!({ "path": "notes.txt" }));
        desk.provider.play(Scenario::new().step(read).text(long(seed)));
        assert_eq!(source(&desk, &["--fresh", question]), "model");
        assert_eq!(source(&desk, &[question]), "exact", "from RAM");
    }
    let mut told = String::new();
    tests::wait_until(DEADLINE, "the failure to be told", || {
        told = desk.ctl(["memory", "status"]).run().expect_ok().stdout;
        !told.contains("store            good")
    });
    assert!(desk.ctl(["doctor"]).run().stdout.contains("memory"), "{told}");
    fs::remove_file(ballast).unwrap();
    let is_good = || {
        told = desk.ctl(["memory", "status"]).run().expect_ok().stdout;
        told.contains("store            good")
    };
    assert!(tests::holds_within(RECOVERY, is_good), "{told}");
    desk.ctl(["memory", "prefs", "set", "language", "German"]).run().expect_ok();
    desk.ctl(["memory", "prefs", "unset", "language"]).run().expect_ok();
    desk.kill_daemon();
    assert_eq!(source(&desk, &[QUESTION]), "exact", "it was written when there was room");
    desk.close();
    drop(small);
}
