//! What every place must do, run over the one in RAM and the real one.

use super::{super::backend::Batch, super::load::GENERATION_KEY, *};

/// Runs the check on a fresh place of each kind; it may open it as often as it likes.
fn everywhere(check: impl Fn(&mut dyn FnMut() -> Box<dyn Medium>)) {
    let (_, disk) = ram::medium();
    check(&mut || Box::new(disk.medium()));
    let (_state, memory) = state();
    check(&mut || Box::new(Place::new(&memory)));
}

impl Medium for Box<dyn Medium> {
    fn open(&mut self) -> Result<Box<dyn backend::Backend>, Fault> {
        (**self).open()
    }
    fn fresh(&mut self) -> Result<Box<dyn backend::Backend>, Fault> {
        (**self).fresh()
    }
    fn replace(&mut self) -> Result<(), Fault> {
        (**self).replace()
    }
    fn set_aside(&mut self) -> Result<Option<PathBuf>, Fault> {
        (**self).set_aside()
    }
    fn sentinel(&mut self) -> Option<backend::Sentinel> {
        (**self).sentinel()
    }
    fn set_sentinel(&mut self, sentinel: &backend::Sentinel) -> Result<(), Fault> {
        (**self).set_sentinel(sentinel)
    }
    fn keep_damaged(&mut self, name: &str, bytes: &[u8]) {
        (**self).keep_damaged(name, bytes);
    }
    fn erase_set_aside(&mut self) -> Result<(), Fault> {
        (**self).erase_set_aside()
    }
    fn has_room(&self) -> bool {
        (**self).has_room()
    }
}

#[test]
fn cells_are_there_in_order_after_a_commit_and_a_new_open() {
    everywhere(|place| {
        let mut backend = place().open().unwrap();
        let mut batch = Batch::default();
        for key in [3_u8, 1, 2, 200] {
            batch.set(vec![key; 3], vec![key; 4096]);
        }
        batch.remove(vec![2; 3]);
        backend.apply(&batch).unwrap();
        backend.commit().unwrap();
        drop(backend);
        let mut seen = Vec::new();
        place().open().unwrap().scan(&mut |key, value| seen.push((key[0], value.len()))).unwrap();
        assert_eq!(seen, [(1, 4096), (3, 4096), (200, 4096)]);
    });
}

#[test]
fn a_replacement_holds_what_was_written_to_it_and_nothing_else() {
    everywhere(|place| {
        let mut medium = place();
        let mut batch = Batch::default();
        batch.set(b"old".to_vec(), b"1".to_vec());
        let mut backend = medium.open().unwrap();
        backend.apply(&batch).unwrap();
        backend.commit().unwrap();
        drop(backend);
        let mut fresh = medium.fresh().unwrap();
        let mut batch = Batch::default();
        batch.set(b"new".to_vec(), b"2".to_vec());
        fresh.apply(&batch).unwrap();
        fresh.commit().unwrap();
        drop(fresh);
        medium.replace().unwrap();
        let mut seen = Vec::new();
        medium.open().unwrap().scan(&mut |key, _| seen.push(key.to_vec())).unwrap();
        assert_eq!(seen, [b"new".to_vec()]);
    });
}

#[test]
fn a_record_that_shrinks_leaves_no_piece_behind() {
    everywhere(|place| {
        let (mut keeper, ..) = keeper(place(), &Ram::default());
        keeper.put(&record(1, 90_000)).unwrap();
        keeper.put(&record(1, 10)).unwrap();
        keeper.put(&record(2, 9_000)).unwrap();
        keeper.remove(Name::from(&record(2, 0))).unwrap();
        keeper.stop();
        let mut keys = Vec::new();
        place().open().unwrap().scan(&mut |key, _| keys.push(key.to_vec())).unwrap();
        assert_eq!(keys, [GENERATION_KEY.to_vec(), Name::from(&record(1, 0)).key(0)]);
    });
}

#[test]
fn a_damaged_record_is_skipped_kept_aside_removed_and_reported_once() {
    everywhere(|place| {
        let (mut keeper, ..) = keeper(place(), &Ram::default());
        (1..=5).for_each(|number| keeper.put(&record(number, 9000)).unwrap());
        keeper.stop();
        let mut backend = place().open().unwrap();
        let mut batch = Batch::default();
        batch.set(Name::from(&record(3, 0)).key(1), b"garbage".to_vec());
        batch.set(b"no record has such a key".to_vec(), b"garbage".to_vec());
        backend.apply(&batch).unwrap();
        backend.commit().unwrap();
        drop(backend);
        let opened = found(place());
        assert_eq!(opened.report, Report::Damaged { skipped: 2, missing: 0 });
        assert_eq!(opened.records.len(), 4);
        assert!(opened.records.iter().all(|stored| *stored == record(stored.id[0], 9000) && stored.id[0] != 3));
        assert_eq!(found(place()).report, Report::Good);
    });
}

#[test]
fn records_of_a_later_version_are_left_alone_even_by_a_tidy_and_a_comparison() {
    everywhere(|place| {
        let later = Row { version: 99, ..record(4, 7000) };
        let ram = Ram::default();
        let (mut first, ..) = keeper(place(), &ram);
        first.put(&later).unwrap();
        first.put(&record(1, 10)).unwrap();
        first.stop();
        let (mut second, opened, board) = keeper(place(), &ram);
        assert_eq!((opened.records.len(), opened.report), (1, Report::Good));
        assert_eq!(board.health().foreign, 1);
        second.tidy().unwrap();
        board.lost();
        second.tick();
        assert_eq!((board.health().records, board.health().foreign), (1, 1), "the owner holds no record");
        second.stop();
        let mut cells = 0;
        place().open().unwrap().scan(&mut |key, _| cells += usize::from(key.len() > 1)).unwrap();
        assert_eq!(cells, later_pieces(&later));
    });
}

fn later_pieces(stored: &Row) -> usize {
    record::encode(Name::from(stored), stored.version, &stored.body).unwrap().len()
}

#[test]
fn a_store_that_opens_empty_is_moved_aside_and_said_so() {
    everywhere(|place| {
        let (mut keeper, ..) = keeper(place(), &Ram::default());
        keeper.put(&record(1, 10)).unwrap();
        keeper.stop();
        let mut medium = place();
        // As a cut log does it: an empty store in the place of the full one, with nobody's knowledge.
        drop(medium.fresh().unwrap());
        medium.replace().unwrap();
        let opened = found(place());
        let Report::Quarantined { why, salvaged: 0, .. } = &opened.report else { panic!("{opened:?}") };
        assert!(why.contains("opened empty"), "{why}");
        assert_eq!(found(place()).report, Report::Good);
    });
}

#[test]
fn records_that_went_missing_are_reported() {
    everywhere(|place| {
        let (mut keeper, ..) = keeper(place(), &Ram::default());
        (0..40).for_each(|number| keeper.put(&record(number, 10)).unwrap());
        keeper.stop();
        let mut backend = place().open().unwrap();
        let mut batch = Batch::default();
        (0..10).for_each(|number| batch.remove(Name::from(&record(number, 10)).key(0)));
        backend.apply(&batch).unwrap();
        backend.commit().unwrap();
        drop(backend);
        assert_eq!(found(place()).report, Report::Damaged { skipped: 0, missing: 10 });
    });
}

#[test]
fn removing_everything_is_no_damage_at_any_moment() {
    let (medium, disk) = ram::medium();
    let (mut keeper, ..) = keeper(medium, &Ram::default());
    (0..40).for_each(|number| keeper.put(&record(number, 10)).unwrap());
    keeper.commit().unwrap();
    for number in 0..40 {
        keeper.remove(Name::from(&record(number, 0))).unwrap();
        // Whether or not the removal reached the disk, the sentinel must not promise more.
        let inner = disk.inner();
        let floor = inner.sentinel.as_ref().unwrap().floor;
        let records = |cells: &BTreeMap<Vec<u8>, Vec<u8>>| u64::try_from(cells.len() - 1).unwrap();
        assert!(floor <= records(&inner.cells) && floor <= records(&inner.durable));
    }
    disk.crash();
    assert_eq!(found(disk.medium()).report, Report::Good);
}
