//! The store's tests: one conformance suite for all places, a model, faults at every step, damaged files.

mod conformance;
mod damage;
mod faults;
mod model;
mod ram;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{backend::Medium, layout::Place, *};

/// A store without its thread.
type Keeper = super::keeper::Keeper;

fn record(number: u8, len: usize) -> Row {
    let mut rng = fastrand::Rng::with_seed(u64::from(number) + u64::try_from(len).unwrap());
    let body = (0..len).map(|_| rng.alphanumeric()).collect::<String>().into_bytes();
    Row { shelf: Shelf::ALL[usize::from(number) % 5], id: [number; 16], version: 1, body }
}

type Held = BTreeMap<(Shelf, [u8; 16]), Row>;

/// The RAM of a daemon.
#[derive(Clone, Default)]
struct Ram(Arc<Mutex<Held>>);

impl Ram {
    fn put(&self, stored: &Row) {
        self.0.lock().unwrap().insert((stored.shelf, stored.id), stored.clone());
    }

    fn remove(&self, stored: &Row) {
        self.0.lock().unwrap().remove(&(stored.shelf, stored.id));
    }
}

impl Owner for Ram {
    fn records(&self) -> Vec<Row> {
        self.0.lock().unwrap().values().cloned().collect()
    }

    fn late(&self, records: Vec<Row>) {
        let mut held = self.0.lock().unwrap();
        for stored in records {
            held.entry((stored.shelf, stored.id)).or_insert(stored);
        }
    }
}

fn keeper(medium: impl Medium + 'static, ram: &Ram) -> (Keeper, Opened, Arc<Board>) {
    let board = Arc::new(Board::default());
    let mut keeper = Keeper::new(Box::new(medium), Box::new(ram.clone()), Arc::clone(&board));
    let opened = keeper.start();
    (keeper, opened, board)
}

/// What a new daemon finds, in the order of names.
fn found(medium: impl Medium + 'static) -> Opened {
    let (keeper, mut opened, _) = keeper(medium, &Ram::default());
    keeper.stop();
    opened.records.sort_by_key(|stored| (stored.shelf, stored.id));
    opened
}

/// A state directory and its memory.
fn state() -> (tempfile::TempDir, PathBuf) {
    let state = tempfile::tempdir().unwrap();
    let memory = state.path().join("memory");
    (state, memory)
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => open.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}

/// Whether the bytes are in a file, sled's free space included.
fn is_on_disk(dir: &Path, needle: &[u8]) -> bool {
    files_below(dir).iter().any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn what_is_acknowledged_through_the_door_is_there_after_a_restart() {
    let (_state, memory) = state();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (store, opening) = Store::open(&memory, Ram::default());
    assert_eq!(opening.wait_blocking(), Opened { records: vec![], report: Report::Fresh });
    runtime.block_on(async {
        for number in 0..6 {
            store.keep_acked(record(number, 5000)).await.unwrap();
        }
        store.remove_acked(record(0, 0).shelf, [0; 16]).await.unwrap();
        store.keep(record(7, 10));
        store.flush().await.unwrap();
    });
    let health = store.health();
    assert_eq!((health.state, health.lost_writes, health.errors), (HealthState::Good, 0, 0));
    assert!(store.clone().close());
    let runtime_error = runtime.block_on(store.keep_acked(record(1, 1))).unwrap_err();
    assert_eq!(runtime_error, StoreError::Closed);
    let opened = found(Place::new(&memory));
    assert_eq!(opened.report, Report::Good);
    let mut wanted: Vec<Row> = (1..6).map(|number| record(number, 5000)).chain([record(7, 10)]).collect();
    wanted.sort_by_key(|stored| (stored.shelf, stored.id));
    assert_eq!(opened.records, wanted);
}

#[test]
fn the_store_is_for_its_user_alone() {
    use std::os::unix::fs::MetadataExt;
    let (_state, memory) = state();
    let (keeper, ..) = keeper(Place::new(&memory), &Ram::default());
    for name in ["", "store", "store/db", "store/conf", "sentinel.json"] {
        let meta = std::fs::metadata(memory.join(name)).unwrap();
        assert_eq!(meta.mode() & 0o777, if meta.is_dir() { 0o700 } else { 0o600 }, "{name}");
    }
    keeper.stop();
}

#[test]
fn a_store_that_another_process_has_open_is_not_moved_aside() {
    let (_state, memory) = state();
    let ram = Ram::default();
    let (mut first, ..) = keeper(Place::new(&memory), &ram);
    first.put(&record(1, 100)).unwrap();
    let (second, opened, board) = keeper(Place::new(&memory), &Ram::default());
    assert!(matches!(&opened.report, Report::RamOnly { why } if why.contains("lock")), "{opened:?}");
    assert!(matches!(board.health().state, HealthState::RamOnly { .. }));
    second.stop();
    first.put(&record(2, 100)).unwrap();
    first.stop();
    assert_eq!(found(Place::new(&memory)).records, [record(1, 100), record(2, 100)]);
}

#[test]
fn after_a_forget_nothing_else_is_in_any_file() {
    let (state, memory) = state();
    let marker = b"PLANTED-marker-5d1e";
    let secret = Row { body: marker.to_vec(), ..record(1, 0) };
    let ram = Ram::default();
    let (mut keeper, ..) = keeper(Place::new(&memory), &ram);
    keeper.put(&secret).unwrap();
    keeper.put(&record(2, 50)).unwrap();
    keeper.commit().unwrap();
    assert!(is_on_disk(state.path(), marker), "zstd leaves a text this short as it is");
    std::fs::create_dir(state.path().join("memory.corrupt-20200101T000000Z")).unwrap();
    std::fs::write(state.path().join("memory.corrupt-20200101T000000Z/db"), marker).unwrap();
    std::fs::create_dir(memory.join("quarantine")).unwrap();
    std::fs::write(memory.join("quarantine/x.bin"), marker).unwrap();
    keeper.rewrite(&[record(2, 50)], true).unwrap();
    assert!(!is_on_disk(state.path(), marker), "{:?}", files_below(state.path()));
    keeper.put(&record(3, 50)).unwrap();
    keeper.stop();
    assert!(!is_on_disk(state.path(), marker));
    assert_eq!(found(Place::new(&memory)).records, [record(2, 50), record(3, 50)]);
}

#[test]
fn a_hanging_disk_delays_nobody_for_longer_than_the_deadline() {
    let (medium, disk) = ram::medium();
    let (store, opening) = Store::start(Box::new(medium), Box::new(Ram::default()));
    opening.wait_blocking();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let stuck = disk.hang();
    let begin = std::time::Instant::now();
    let late = runtime.block_on(store.keep_acked(record(1, 10)));
    assert_eq!(late, Err(StoreError::Late));
    assert!(begin.elapsed() < ACK_WITHIN + Duration::from_secs(1));
    // From now on nobody waits at all.
    let begin = std::time::Instant::now();
    assert_eq!(runtime.block_on(store.keep_acked(record(2, 10))), Err(StoreError::Late));
    assert!(begin.elapsed() < Duration::from_millis(500));
    assert!(matches!(store.health().state, HealthState::RamOnly { .. }), "{:?}", store.health());
    drop(stuck);
    assert!(store.close());
}
