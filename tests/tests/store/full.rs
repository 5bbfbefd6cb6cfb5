//! A full disk: what cannot be written is said, what was acknowledged stays, and it recovers.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use agentd::memory::store::{HealthState, Report, StoreError};

use super::*;

/// Size of the disk: some segments of sled, and its replacement.
const DISK: &str = "size=12m";

/// A small file system; unmounted in the end.
struct Small(PathBuf);

impl Small {
    fn mount(dir: PathBuf) -> Option<Self> {
        fs::create_dir(&dir).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&dir).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Takes the last block of the disk.
fn fill(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
}

/// The RAM of a daemon that holds one large record after the other.
#[derive(Clone, Default)]
struct Ram(std::sync::Arc<std::sync::Mutex<Vec<Row>>>);

impl Owner for Ram {
    fn records(&self) -> Vec<Row> {
        self.0.lock().unwrap().clone()
    }

    fn late(&self, _records: Vec<Row>) {}
}

#[test]
fn a_full_disk_loses_nothing_acknowledged_and_recovers_when_there_is_room() {
    let state = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(state.path().join("disk")) else {
        writeln!(std::io::stdout(), "SKIPPED: mounting a small file system needs root").unwrap();
        return;
    };
    let memory = small.0.join("memory");
    let ballast = small.0.join("ballast");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ram = Ram::default();
    let (store, opening) = Store::open(&memory, ram.clone());
    assert_eq!(opening.wait_blocking().report, Report::Fresh);
    let put = |number: u8| {
        let record = tests::stored(number, u64::from(number), 30_000);
        ram.0.lock().unwrap().push(record.clone());
        runtime.block_on(store.keep_acked(record))
    };
    let mut acked: Vec<u8> = (0..20).filter(|number| put(*number).is_ok()).collect();
    assert_eq!(acked.len(), 20);
    // Somebody else fills the disk.
    fill(&ballast);
    let begin = Instant::now();
    let mut refused = Vec::new();
    for number in 20..120 {
        match put(number) {
            Ok(()) => acked.push(number),
            Err(error) => refused.push(error),
        }
    }
    assert!(!refused.is_empty() && begin.elapsed() < Duration::from_secs(20), "{refused:?} {:?}", begin.elapsed());
    assert!(refused.iter().all(|error| matches!(error, StoreError::Failed(_) | StoreError::Late)), "{refused:?}");
    let health = store.health();
    assert!(matches!(health.state, HealthState::RamOnly { .. }), "{health:?}");
    assert_eq!(health.quarantined, 0, "a full disk is no damage");
    fs::remove_file(&ballast).unwrap();
    let deadline = Instant::now() + Duration::from_secs(45);
    while store.health().state != HealthState::Good {
        assert!(Instant::now() < deadline, "{:?}", store.health());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(store.close());
    let opened = found(&memory);
    assert_eq!((opened.report, opened.records.len()), (Report::Good, 120), "all that the RAM held");
    let shown = format!("{} acknowledged, {} refused while full", acked.len(), refused.len());
    writeln!(std::io::stdout(), "{shown}; all there afterwards").unwrap();
}

#[test]
fn a_start_on_a_full_disk_throws_nothing_away() {
    let state = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(state.path().join("disk")) else {
        writeln!(std::io::stdout(), "SKIPPED: mounting a small file system needs root").unwrap();
        return;
    };
    let memory = small.0.join("memory");
    let mut child = writer(&memory, 1, &["go on"]);
    let lines = lines(&mut child);
    std::thread::sleep(Duration::from_millis(400));
    fill(&small.0.join("ballast"));
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut acked = Acked::default();
    acked.take(lines);
    let full = found(&memory);
    assert!(!matches!(full.report, Report::Quarantined { .. }), "{:?}", full.report);
    fs::remove_file(small.0.join("ballast")).unwrap();
    let opened = found(&memory);
    assert_eq!(opened.report, Report::Good);
    acked.check(&opened);
}
