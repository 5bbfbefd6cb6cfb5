//! Random verbs against a map, with restarts in between.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Verb {
    Put(u8, usize),
    Remove(u8),
    Commit,
    Reopen,
    Tidy,
    Rewrite(Vec<u8>),
    Tick,
}

fn verbs() -> impl Strategy<Value = Vec<Verb>> {
    let verb = prop_oneof![
        8 => (0..12_u8, prop_oneof![0..200_usize, 3000..30_000_usize]).prop_map(|(number, len)| Verb::Put(number, len)),
        4 => (0..12_u8).prop_map(Verb::Remove),
        2 => Just(Verb::Commit),
        1 => Just(Verb::Reopen),
        1 => Just(Verb::Tidy),
        1 => proptest::collection::vec(0..12_u8, 0..4).prop_map(Verb::Rewrite),
        1 => Just(Verb::Tick),
    ];
    proptest::collection::vec(verb, 1..40)
}

fn follow(verbs: &[Verb], place: &dyn Fn() -> Box<dyn Medium>) {
    let ram = Ram::default();
    let (mut open, ..) = keeper(place(), &ram);
    for verb in verbs {
        match verb {
            Verb::Put(number, len) => {
                ram.put(&record(*number, *len));
                open.put(&record(*number, *len)).unwrap();
            }
            Verb::Remove(number) => {
                ram.remove(&record(*number, 0));
                open.remove(Name::from(&record(*number, 0))).unwrap();
            }
            Verb::Commit => open.commit().unwrap(),
            Verb::Tick => open.tick(),
            Verb::Tidy => open.tidy().unwrap(),
            Verb::Rewrite(numbers) => {
                ram.0.lock().unwrap().clear();
                numbers.iter().for_each(|number| ram.put(&record(*number, 700)));
                open.rewrite(&ram.records(), true).unwrap();
            }
            Verb::Reopen => {
                open.stop();
                let opened;
                (open, opened, _) = keeper(place(), &ram);
                assert!(matches!(opened.report, Report::Good | Report::Fresh), "{opened:?}");
                let mut records = opened.records;
                records.sort_by_key(|stored| (stored.shelf, stored.id));
                assert_eq!(records, ram.records());
            }
        }
    }
    open.stop();
    let last = found(place());
    assert!(matches!(last.report, Report::Good | Report::Fresh), "{last:?}");
    assert_eq!(last.records, ram.records());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_in_ram_is_what_a_map_would_be(verbs in verbs()) {
        let (_, disk) = ram::medium();
        follow(&verbs, &|| Box::new(disk.medium()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_on_disk_is_what_a_map_would_be(verbs in verbs()) {
        let (_state, memory) = state();
        follow(&verbs, &|| Box::new(Place::new(&memory)));
    }
}
