//! SIGKILL at any moment: nothing acknowledged is lost, and every start succeeds.

use std::{
    io::Write,
    thread::sleep,
    time::{Duration, Instant},
};

use agentd::memory::store::Report;

use super::*;

/// Kills in an ordinary run.
const KILLS: u64 = 60;
/// An ordinary run ends after this even if the machine is slow: fewer kills, said so.
const BUDGET: Duration = Duration::from_secs(45);

#[test]
fn what_was_acknowledged_survives_a_kill_and_every_start_succeeds() {
    let state = tempfile::tempdir().unwrap();
    let memory = state.path().join("memory");
    let asked = std::env::var("KILLS").ok().and_then(|text| text.parse().ok());
    let (begin, mut acked, mut kills) = (Instant::now(), Acked::default(), 0);
    let mut rng = fastrand::Rng::with_seed(4);
    for seed in 1..=asked.unwrap_or(KILLS) {
        if asked.is_none() && begin.elapsed() > BUDGET {
            break;
        }
        let mut child = writer(&memory, seed, &[]);
        let mut lines = lines(&mut child);
        if seed % 4 == 0 {
            // Into the opening.
            sleep(Duration::from_micros(rng.u64(..20_000)));
        } else {
            lines.read_line(&mut String::new()).unwrap();
            sleep(Duration::from_millis(rng.u64(..250)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acked.take(lines);
        let opened = found(&memory);
        assert!(matches!(opened.report, Report::Good | Report::Fresh), "after kill {seed}: {:?}", opened.report);
        acked.check(&opened);
        // What the write that was under way did is now the truth.
        acked.0.retain(|id, (there, _)| !*there || opened.records.iter().any(|one| one.id[0] == *id));
        kills += 1;
    }
    assert!(kills > 10, "{kills} kills in {BUDGET:?}");
    let names: Vec<_> = std::fs::read_dir(state.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["memory"], "nothing was moved aside");
    let seconds = begin.elapsed().as_secs();
    writeln!(std::io::stdout(), "{kills} kills, {} acknowledged writes, 0 lost, {seconds} s", acked.1).unwrap();
}
