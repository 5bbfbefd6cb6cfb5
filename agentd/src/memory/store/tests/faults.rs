//! One operation fails, or panics, at every place where one can: nothing acknowledged is lost, and the store comes back.

use super::{ram::Failing, *};

/// A day in the life of a store. Returns what was acknowledged.
fn day(keeper: &mut Keeper, ram: &Ram) -> BTreeMap<u8, usize> {
    let mut acked = BTreeMap::new();
    for (number, len) in [(1, 100), (2, 20_000), (3, 50), (2, 10), (4, 9000)] {
        ram.put(&record(number, len));
        if keeper.put(&record(number, len)).is_ok() && keeper.commit_or_recover().is_ok() {
            acked.insert(number, len);
        }
    }
    ram.remove(&record(3, 0));
    if keeper.remove(Name::from(&record(3, 0))).is_ok() && keeper.commit_or_recover().is_ok() {
        acked.remove(&3);
    }
    let _ = keeper.tidy();
    ram.put(&record(5, 5));
    if keeper.put(&record(5, 5)).is_ok() && keeper.commit_or_recover().is_ok() {
        acked.insert(5, 5);
    }
    acked
}

fn operations_of_a_day() -> u32 {
    let (medium, disk) = ram::medium();
    let ram = Ram::default();
    let (mut keeper, ..) = keeper(medium, &ram);
    assert_eq!(day(&mut keeper, &ram).len(), 4);
    let operations = disk.inner().operations;
    assert!(operations > 30, "{operations}");
    operations
}

/// Lets `failing` operations fail from the n-th on, for all n, crashes at the end of the day, and opens again.
fn fail_everywhere(failing: u32, how: Failing) {
    for at in 0..operations_of_a_day() {
        let (medium, disk) = ram::medium();
        disk.inner().fuse = Some((at, failing, how));
        let ram = Ram::default();
        let (mut keeper, ..) = keeper(medium, &ram);
        let acked = day(&mut keeper, &ram);
        drop(keeper);
        disk.crash();
        let opened = found(disk.medium());
        assert!(!matches!(opened.report, Report::Quarantined { .. } | Report::RamOnly { .. }), "{at}: {opened:?}");
        for (number, len) in &acked {
            let wanted = record(*number, *len);
            let seen = opened.records.iter().find(|stored| Name::from(*stored) == Name::from(&wanted));
            // A later write that failed may have reached the disk all the same.
            assert!(seen.is_some(), "{at}: acknowledged record {number} is lost");
            assert!(seen == Some(&wanted) || ram.records().contains(seen.unwrap()), "{at}: {number} is an old one");
        }
    }
}

#[test]
fn one_failure_of_the_disk_loses_nothing_acknowledged() {
    fail_everywhere(1, Failing::Trouble);
}

#[test]
fn a_disk_that_fails_and_goes_on_failing_loses_nothing_acknowledged() {
    fail_everywhere(1000, Failing::Trouble);
}

#[test]
fn one_panic_of_the_store_loses_nothing_acknowledged() {
    fail_everywhere(1, Failing::Panic);
}

#[test]
fn one_broken_page_loses_nothing_acknowledged() {
    fail_everywhere(1, Failing::Damage);
}

#[test]
fn what_was_written_while_the_disk_was_full_is_there_when_it_is_not() {
    let (medium, disk) = ram::medium();
    let ram = Ram::default();
    let (mut keeper, _, board) = keeper(medium, &ram);
    disk.inner().fuse = Some((0, u32::MAX, Failing::Trouble));
    for number in 0..10 {
        ram.put(&record(number, 100));
        let error = keeper.put(&record(number, 100)).unwrap_err();
        assert!(matches!(&error, StoreError::Failed(why) if why.contains("no space")), "{error}");
    }
    let health = board.health();
    assert!(matches!(&health.state, HealthState::RamOnly { why } if why.contains("no space")), "{health:?}");
    assert_eq!(health.lost_writes, 10);
    disk.inner().fuse = None;
    keeper.tick();
    assert!(matches!(board.health().state, HealthState::RamOnly { .. }), "not before the pause is over");
    keeper.retry_now();
    keeper.tick();
    assert_eq!(board.health().state, HealthState::Good);
    drop(keeper);
    disk.crash();
    assert_eq!(found(disk.medium()).records, ram.records());
}

#[test]
fn a_store_that_could_not_be_opened_at_the_start_gives_its_records_later_and_loses_none() {
    let (medium, disk) = ram::medium();
    let before = Ram::default();
    let (mut first, ..) = keeper(medium, &before);
    (0..5).for_each(|number| first.put(&record(number, 100)).unwrap());
    first.stop();
    disk.inner().fuse = Some((0, u32::MAX, Failing::Trouble));
    let ram = Ram::default();
    let (mut second, opened, _) = keeper(disk.medium(), &ram);
    assert!(matches!(opened.report, Report::RamOnly { .. }) && opened.records.is_empty());
    ram.put(&record(2, 7));
    second.put(&record(2, 7)).unwrap_err();
    disk.inner().fuse = None;
    second.retry_now();
    second.tick();
    second.stop();
    let wanted = [record(0, 100), record(1, 100), record(2, 7), record(3, 100), record(4, 100)];
    let mut records = ram.records();
    records.sort_by_key(|stored| stored.id);
    assert_eq!(records, wanted, "what is newer in RAM stays");
    assert_eq!(found(disk.medium()).records.len(), 5);
}

#[test]
fn a_store_that_opens_late_and_damaged_still_gives_what_is_good() {
    let (medium, disk) = ram::medium();
    let (mut first, ..) = keeper(medium, &Ram::default());
    (0..5).for_each(|number| first.put(&record(number, 100)).unwrap());
    first.stop();
    disk.inner().fuse = Some((0, u32::MAX, Failing::Trouble));
    let ram = Ram::default();
    let (mut second, ..) = keeper(disk.medium(), &ram);
    disk.inner().fuse = None;
    disk.inner().cells.insert(Name::from(&record(3, 0)).key(0), b"garbage".to_vec());
    second.retry_now();
    second.tick();
    second.stop();
    assert_eq!(ram.records().len(), 4);
    assert_eq!(found(disk.medium()).records.len(), 4);
}

#[test]
fn a_forget_that_could_not_be_done_is_done_when_the_disk_answers() {
    let (medium, disk) = ram::medium();
    let ram = Ram::default();
    let (mut keeper, ..) = keeper(medium, &ram);
    (0..5).for_each(|number| keeper.put(&record(number, 100)).unwrap());
    disk.inner().fuse = Some((0, u32::MAX, Failing::Trouble));
    assert!(keeper.rewrite(&[], true).is_err());
    disk.inner().fuse = None;
    keeper.retry_now();
    keeper.tick();
    assert_eq!(disk.inner().cells.len(), 1, "the generation alone");
}
